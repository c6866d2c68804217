"""The service as its clients know it: 200,000 posts, real requests from a process of their own."""

import asyncio
import base64
import json
import statistics
import subprocess
import sys
import time

import httpx
import numpy as np

from benchmarks.data import WORK, drawn, settings, table
from benchmarks.harness import ROOT, Row, row
from benchmarks.served import URL, WORDS, environment, photo, resident, served, token_of
from matching_spark import ClipModel
from matching_spark.spark.session import session

POSTS = 200_000
EACH = 60  # requests of a client


def run(full: bool) -> list[Row]:
    clip = ClipModel.load()
    with session(settings()) as spark:
        opened = table("service-200000", drawn(POSTS), None, spark, 8, model=clip.name)
    with environment(opened.uri, WORK / "cache") as of:
        with served(of):
            pass  # what is cached is cached
        with served(of) as (process, ready_s):
            rows = _answers(token_of(of))
            peak = resident(process.pid)
            alone = _rate(1), _rate(64)
            merging = subprocess.Popen(
                [sys.executable, "-m", "matching_spark.main", "merge"],
                env=of,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            beside = _timed(1, _words(0))
            merging.wait()
        what = f"the service, {POSTS:,} posts"
        gain = alone[1] / alone[0]
        return [
            row(what, "start to ready", [ready_s], "s", "warm", "", "under 5 s", ready_s < 5),
            *rows,
            row(what, "one client", [alone[0]], "searches/s", "warm", "by words"),
            row(
                what,
                "64 clients",
                [alone[1]],
                "searches/s",
                "warm",
                "by words",
                "at least 100",
                alone[1] >= 100,
            ),
            row(what, "64 clients : one", [gain], "ratio", "warm", "", "at least 4", gain >= 4),
            row(what, "by words, beside a merge", beside, "ms", "warm", "one client"),
            row(what, "memory", [peak], "MB", "warm", "resident, of the one process"),
        ]


def _answers(token: str) -> list[Row]:
    sent = {"photo": base64.b64encode(photo()).decode()}
    what = f"the service, {POSTS:,} posts"
    out = []
    for name, body, goal, clients in (
        ("by words", None, 80, 1),
        ("by words, 8 clients", None, 240, 8),
        ("by a photo of 12 megapixels", sent, 200, 1),
        ("by a photo of 12 megapixels, 8 clients", sent, 600, 8),
    ):
        taken = _timed(clients, _words(0) if body is None else body, 20 if body else EACH)
        middle, last = statistics.median(taken), float(np.quantile(taken, 0.99))
        judged = last if clients > 1 else middle
        which = "99th percentile" if clients > 1 else "median"
        out.append(
            row(
                what,
                name,
                taken,
                "ms",
                "warm",
                f"99th percentile {last:.0f} ms",
                f"{which} at most {goal} ms",
                judged <= goal,
            )
        )
    headers = {"Authorization": f"Bearer {token}"}
    new: dict[str, object] = {"kind": "found", "photos": [sent["photo"]]}
    with httpx.Client(base_url=URL, headers=headers, timeout=60) as client:
        taken = []
        for n in range(9):
            began = time.perf_counter()
            client.post("/api/office/posts", json=new | {"title": f"백팩 {n}"}).raise_for_status()
            taken.append(1000 * (time.perf_counter() - began))
    middle = statistics.median(taken)
    out.append(
        row(
            what,
            "an upload",
            taken,
            "ms",
            "warm",
            "12 megapixels, kept and found",
            "at most 300 ms",
            middle <= 300,
        )
    )
    return out


def _words(n: int) -> dict[str, str]:
    return {"words": WORDS[n % len(WORDS)]}


def _timed(clients: int, body: dict[str, str], each: int = EACH) -> list[float]:
    """Milliseconds of each request, by a process of its own."""
    said = {"url": URL, "clients": clients, "each": each, "body": body, "words": list(WORDS)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.service", json.dumps(said)]
        if len(json.dumps(said)) < 100_000
        else [sys.executable, "-m", "benchmarks.service", "-"],
        input=json.dumps(said),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    taken: list[float] = json.loads(done.stdout)
    return taken


def _rate(clients: int) -> float:
    """Searches by words in a second, without the start of the clients' process: each of them asks
    again as soon as it is answered."""
    each = EACH if clients == 1 else 30
    return 1000 * clients / statistics.fmean(_timed(clients, _words(0), each))


async def _client(said: dict[str, object]) -> list[float]:
    taken: list[float] = []
    each, body, words = said["each"], said["body"], said["words"]
    assert isinstance(each, int)
    assert isinstance(body, dict)
    assert isinstance(words, list)

    async def ask(client: httpx.AsyncClient, n: int) -> None:
        for i in range(each):
            sent = body if "photo" in body else {"words": words[(n + i) % len(words)]}
            began = time.perf_counter()
            (await client.post("/api/search", json=sent)).raise_for_status()
            taken.append(1000 * (time.perf_counter() - began))

    count = said["clients"]
    assert isinstance(count, int)
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=str(said["url"]), timeout=60, limits=limits) as client:
        await asyncio.gather(*(ask(client, n) for n in range(count)))
    return taken


if __name__ == "__main__":
    given = sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read()
    print(json.dumps(asyncio.run(_client(json.loads(given)))))
