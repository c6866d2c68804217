"""The service as its clients know it: 200,000 posts, real requests from a process of their own."""

import asyncio
import base64
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from benchmarks.data import WORK, drawn, settings, table
from benchmarks.harness import ROOT, Row, row
from matching_spark import ClipModel
from matching_spark.spark.session import session

POSTS = 200_000
WORDS = ("어제 강남역에서 검정 가방", "갈색 지갑 잃어버렸어요", "파란 우산", "흰색 이어폰 케이스")
EACH = 60  # requests of a client
PORT, WATCH = 18008, 18009
URL, READY = f"http://127.0.0.1:{PORT}", f"http://127.0.0.1:{WATCH}/readyz"
FREE = "1000000"  # a minute: the limits are not what is measured


def run(full: bool) -> list[Row]:
    clip = ClipModel.load()
    with session(settings()) as spark:
        opened = table("service-200000", drawn(POSTS), None, spark, 8, model=clip.name)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "MATCHING_TABLE": opened.uri,
            "MATCHING_CACHE__FOLDER": str(WORK / "cache"),
            "MATCHING_SERVICE__JOURNAL": f"{folder}/journal",
            "MATCHING_SERVICE__KEY": "k" * 40,
            "MATCHING_SERVICE__PORT": str(PORT),
            "MATCHING_SERVICE__WATCH_PORT": str(WATCH),
            **{
                f"MATCHING_SERVICE__{name}_A_MINUTE": FREE
                for name in ("REQUESTS", "SEARCHES", "UPLOADS")
            },
        }
        with _served(environment):
            pass  # what is cached is cached
        with _served(environment) as (process, ready_s):
            token = _token(environment)
            rows = _answers(token)
            peak = _resident(process.pid)
            alone = _rate(1), _rate(64)
            merging = subprocess.Popen(
                [sys.executable, "-m", "matching_spark.main", "merge"],
                env=environment,
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
    photo = _photo()
    sent = {"photo": base64.b64encode(photo).decode()}
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
    new: dict[str, object] = {"kind": "found", "photos": [base64.b64encode(photo).decode()]}
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


def _photo() -> bytes:
    """A JPEG as a phone takes it, 4000 x 3000, of noise that is smooth like a photograph."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8))
    large = np.asarray(small.resize((4000, 3000), Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-6, 7, large.shape, np.int16)
    out = io.BytesIO()
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()


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


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The service's process, and the seconds from its start until it was ready."""
    began = time.perf_counter()
    log = Path(environment["MATCHING_SERVICE__JOURNAL"]).parent / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "matching_spark.main", "serve"], env=environment, stderr=file
        )
    try:
        while True:
            if process.poll() is not None or time.perf_counter() - began > 300:
                raise RuntimeError(f"the service does not start: {log.read_text()[-2000:]}")
            try:
                if httpx.get(READY).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.02)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(60)


def _token(environment: dict[str, str]) -> str:
    def account(*words: str, said: str = "") -> str:
        return subprocess.run(
            [sys.executable, "-m", "matching_spark.main", "account", *words, "--json"],
            env=environment,
            input=said,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    account("add", "bench", said="a long enough password\n")
    return str(json.loads(account("token", "bench"))["token"])


def _resident(pid: int) -> float:
    """MB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    given = sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read()
    print(json.dumps(asyncio.run(_client(json.loads(given)))))
