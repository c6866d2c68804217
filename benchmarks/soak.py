"""The service for an hour: people who search, an office that writes, merges; what it comes to hold.

Six people ask by words and one by photos, with pauses, so that a core is free about half of the
time; the office registers a thing every three seconds and closes the one before, and the service's
merger takes that into the table. Every ten seconds it is looked at how much the process holds.
`--full` is the hour; else two minutes.
"""

import asyncio
import base64
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.data import WORK, drawn, settings, table
from benchmarks.harness import ROOT, Row, row
from benchmarks.plots import panels
from benchmarks.served import (
    URL,
    WATCH,
    WORDS,
    environment,
    photo,
    resident,
    served,
    status,
    token_of,
)
from matching_spark import ClipModel
from matching_spark.spark.session import session

POSTS = 200_000
HOUR_S, SHORT_S = 3600.0, 120.0
LOOK_S = 10.0
PEOPLE, PAUSE_S = 6, 0.25  # who ask by words, and between an answer and the next question
PHOTO_PAUSE_S, OFFICE_PAUSE_S = 1.0, 3.0
WINDOW = 6  # looks of whose answers a median is told
MB_MORE = 50.0  # of what it holds, in the second half


# Seconds since the beginning and milliseconds of every answer, by kind.
Answered = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Look:
    """What the process held, so many seconds after the beginning."""

    at: float
    memory_mb: float
    threads: int
    descriptors: int


def run(full: bool) -> list[Row]:
    clip, lasts_s = ClipModel.load(), HOUR_S if full else SHORT_S
    root = WORK / "soak"  # the merges change the table
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with session(settings()) as spark:
        opened = table("soak", drawn(POSTS), None, spark, 8, str(root), clip.name)
    with environment(opened.uri, root / "cache") as of, served(of) as (process, _):
        told = root / "answers.json"
        said = json.dumps({"seconds": lasts_s, "token": token_of(of), "told": str(told)})
        asking = subprocess.Popen([sys.executable, "-m", "benchmarks.soak", said], cwd=ROOT)
        try:
            looks = _watched(process.pid, asking)
        finally:
            asking.kill()
        if asking.wait() or process.poll() is not None:
            raise RuntimeError("the service or who asks it has ended before the time")
        events = [_metric(name) for name in ("matching_events", "matching_events_waiting")]
        answered: Answered = json.loads(told.read_text())
    shutil.rmtree(root)
    _plot(looks, answered)
    what = f"{lasts_s / 60:.0f} minutes, {POSTS:,} posts"
    return [
        *_rows(what, looks, answered, lasts_s),
        row(what, "events written", events[:1], "events", "warm", ""),
        row(what, "events that no merge has taken", events[1:], "events", "warm", "at the end"),
    ]


def _metric(name: str) -> float:
    """Of the service, as it tells it now."""
    lines = httpx.get(f"http://127.0.0.1:{WATCH}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.split()[0] == name)


def _watched(pid: int, asking: "subprocess.Popen[bytes]") -> list[Look]:
    """Looks at a process for as long as it is asked."""
    looks, began = [], time.monotonic()
    while asking.poll() is None:
        threads = int(status(pid).get("Threads", "0"))
        held = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        looks.append(Look(time.monotonic() - began, resident(pid), threads, held))
        try:
            asking.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
    return looks


def _rows(what: str, looks: list[Look], answered: Answered, lasts_s: float) -> list[Row]:
    """Answers of the first sixth beside those of the last, what is held in the middle beside what
    is held at the end."""
    part = max(1, len(looks) // 6)
    out = []
    for name, taken in answered.items():
        out.append(row(what, f"{name}, answered", [len(taken)], "times", "warm", "all, and whole"))
        for when, some in (
            ("first", [t for at, t in taken if at < lasts_s / 6]),
            ("last", [t for at, t in taken if at >= lasts_s * 5 / 6]),
        ):
            p99 = f"99th percentile {np.quantile(some, 0.99):.0f} ms"
            out.append(row(what, f"{name}, {when} sixth", some, "ms", "warm", p99))
    middle, last = looks[3 * part : 4 * part] or looks[-1:], looks[-part:]
    for name, unit, of, more in (
        ("memory", "MB", lambda look: look.memory_mb, MB_MORE),
        ("threads", "threads", lambda look: float(look.threads), 8.0),
        ("descriptors", "descriptors", lambda look: float(look.descriptors), 16.0),
    ):
        before, at_last = (statistics.median(map(of, some)) for some in (middle, last))
        held = list(map(of, middle))
        out.append(row(what, f"{name}, fourth sixth", held, unit, "warm", "the service's"))
        goal, met = f"at most {more:.0f} more than before", at_last - before <= more
        values = [of(look) for look in looks[-part:]]
        out.append(row(what, f"{name}, last sixth", values, unit, "warm", "", goal, met))
    return out


def _plot(looks: list[Look], answered: Answered) -> None:
    minutes = [look.at / 60 for look in looks]
    width = LOOK_S * WINDOW
    medians: dict[str, list[tuple[float, float]]] = {}
    for name, taken in answered.items():
        by: dict[int, list[float]] = {}
        for at, ms in taken:
            by.setdefault(int(at // width), []).append(ms)
        medians[name] = [
            ((i + 0.5) * width / 60, statistics.median(ms)) for i, ms in sorted(by.items())
        ]

    def line(of: Callable[[Look], float]) -> list[tuple[float, float]]:
        return list(zip(minutes, map(of, looks), strict=True))

    panels(
        "soak",
        {
            "memory, MB": {"the service": line(lambda look: look.memory_mb)},
            "threads and descriptors": {
                "threads": line(lambda look: look.threads),
                "descriptors": line(lambda look: look.descriptors),
            },
            "median of a minute, ms": medians,
        },
        "minutes",
    )


async def _ask(said: dict[str, Any]) -> Answered:
    taken: Answered = {}
    began = time.monotonic()
    until, chance = began + said["seconds"], random.Random(0)
    photos = [base64.b64encode(photo(i, (2000, 1500))).decode() for i in range(4)]
    headers = {"Authorization": f"Bearer {said['token']}"}

    async with httpx.AsyncClient(base_url=URL, timeout=60) as client:

        async def send(name: str, method: str, path: str, **more: Any) -> Any:
            asked = time.monotonic()
            answer = await client.request(method, path, **more)
            answer.raise_for_status()
            if not answer.json().get("complete", True):
                raise RuntimeError("a search was cut short")
            taken.setdefault(name, []).append((asked - began, 1000 * (time.monotonic() - asked)))
            return answer.json()

        async def again(pause_s: float, act: Callable[[int], Coroutine[Any, Any, None]]) -> None:
            for n in count():
                if time.monotonic() >= until:
                    return
                await act(n)
                await asyncio.sleep(chance.uniform(0, 2 * pause_s))

        async def by_words(n: int) -> None:
            await send("by words", "POST", "/api/search", json={"words": WORDS[n % len(WORDS)]})

        async def by_photo(n: int) -> None:
            await send("by a photo", "POST", "/api/search", json={"photo": photos[n % 4]})

        before: list[str] = []

        async def write(n: int) -> None:
            new = {"kind": "found", "title": f"백팩 {n}", "photos": [photos[n % 4]]}
            made = await send("an upload", "POST", "/api/office/posts", json=new, headers=headers)
            if before:
                path = f"/api/office/posts/{before.pop()}/close"
                await send("a close", "POST", path, json={"status": "claimed"}, headers=headers)
            before.append(made["post_id"])

        await asyncio.gather(
            *(again(PAUSE_S, by_words) for _ in range(PEOPLE)),
            again(PHOTO_PAUSE_S, by_photo),
            again(OFFICE_PAUSE_S, write),
        )
    return taken


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    Path(asked["told"]).write_text(json.dumps(asyncio.run(_ask(asked))))
