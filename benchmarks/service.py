"""The service as its clients know it: real requests from a process of their own."""

import base64
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier
from typing import Any

import httpx
import numpy as np

from benchmarks.data import WORK, drawn, settings, table
from benchmarks.harness import ROOT, Row, row
from benchmarks.served import PORT, URL, WORDS, environment, photo, resident, served, token_of
from matching_spark import ClipModel
from matching_spark.spark.session import session

POSTS, LARGE, LARGE_MS = 200_000, 1_000_000, 60
EACH = 60  # requests of a client
RATES, RATE = 3, 150  # times that a rate is measured; what it shall be, in a second


def run(full: bool) -> list[Row]:
    clip = ClipModel.load()
    uris = {}
    with session(settings()) as spark:
        for count in (POSTS, LARGE) if full else (POSTS,):
            name = f"service-{count}"
            uris[count] = table(name, drawn(count), None, spark, 8, model=clip.name).uri
    rows: list[Row] = []
    for count, uri in uris.items():
        with environment(uri, WORK / "cache") as of:
            token = token_of(of)  # begins a journal, also where the last run has merged one
            with served(of):
                pass  # what is cached is cached
            with served(of) as (process, ready_s):
                what = f"the service, {count:,} posts"
                goal, met = ("under 5 s", ready_s < 5) if count == POSTS else ("", None)
                rows.append(row(what, "start to ready", [ready_s], "s", "warm", "", goal, met))
                rows += _every(of, token, what) if count == POSTS else _by_words(what)
                held, said = resident(process.pid), "resident, of the one process"
                rows.append(row(what, "memory", [held], "MB", "warm", said))
    return rows


def _by_words(what: str) -> list[Row]:
    taken, many = _timed(1, _words(0)), [_rate(64) for _ in range(RATES)]
    met = statistics.median(taken) <= LARGE_MS
    return [
        row(what, "by words", taken, "ms", "warm", "", f"median at most {LARGE_MS} ms", met),
        row(what, "64 clients", many, "searches/s", "warm", "by words"),
    ]


def _every(of: dict[str, str], token: str, what: str) -> list[Row]:
    rows = _answers(token, what)
    alone, many = ([_rate(clients) for _ in range(RATES)] for clients in (1, 64))
    merging = subprocess.Popen(
        [sys.executable, "-m", "matching_spark.main", "merge"],
        env=of,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        beside = _timed(1, _words(0))
        if merging.wait():
            raise RuntimeError("the merge has failed")
    finally:
        merging.kill()
    rate, gain = statistics.median(many), statistics.median(many) / statistics.median(alone)
    goal, met = f"at least {RATE}", rate >= RATE
    return [
        *rows,
        row(what, "one client", alone, "searches/s", "warm", "by words"),
        row(what, "64 clients", many, "searches/s", "warm", "by words", goal, met),
        row(what, "64 clients : one", [gain], "ratio", "warm", "", "at least 4", gain >= 4),
        row(what, "by words, beside a merge", beside, "ms", "warm", "one client"),
    ]


def _answers(token: str, what: str) -> list[Row]:
    sent = {"photo": base64.b64encode(photo()).decode()}
    out = []
    for name, body, goal, clients in (
        ("by words", None, 30, 1),
        ("by words, 8 clients", None, 240, 8),
        ("by a photo of 12 megapixels", sent, 150, 1),
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
    """Milliseconds of each request."""
    taken: list[float] = _asked(clients, body, each)["ms"]
    return taken


def _asked(clients: int, body: dict[str, str], each: int) -> dict[str, Any]:
    """What `_clients` says, in a process of its own."""
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
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


def _rate(clients: int) -> float:
    """Searches by words in a second: each client asks again as soon as it is answered."""
    return float(_asked(clients, _words(0), EACH if clients == 1 else 30)["a_second"])


def _clients(said: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of each request, and how many were answered in a second. By http.client, a
    thread each: those of a larger library took as much of two cores as the service."""
    taken: list[float] = []
    ready = Barrier(said["clients"], timeout=60)

    def ask(n: int) -> None:
        connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
        connection.connect()
        ready.wait()
        for i in range(said["each"]):
            body, words = said["body"], said["words"]
            sent = body if "photo" in body else {"words": words[(n + i) % len(words)]}
            data = json.dumps(sent).encode()
            began = time.perf_counter()
            connection.request("POST", "/api/search", data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            taken.append(1000 * (time.perf_counter() - began))
            if answer.status != 200:
                raise RuntimeError(f"a search was answered with {answer.status}")

    began = time.perf_counter()
    with ThreadPoolExecutor(said["clients"]) as pool:
        for _ in pool.map(ask, range(said["clients"])):
            pass
    return {"ms": taken, "a_second": len(taken) / (time.perf_counter() - began)}


if __name__ == "__main__":
    given = sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read()
    print(json.dumps(_clients(json.loads(given))))
