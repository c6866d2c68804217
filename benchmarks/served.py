"""A service in a process of its own, and what its clients need to ask it."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

WORDS = ("어제 강남역에서 검정 가방", "갈색 지갑 잃어버렸어요", "파란 우산", "흰색 이어폰 케이스")
PORT, WATCH = 18008, 18009
URL, READY = f"http://127.0.0.1:{PORT}", f"http://127.0.0.1:{WATCH}/readyz"
FREE = "1000000"  # a minute: the limits are not what is measured


@contextmanager
def environment(table: str, cache: Path) -> Iterator[dict[str, str]]:
    """The settings of a service of a table, with a journal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield os.environ | {
            "MATCHING_TABLE": table,
            "MATCHING_CACHE__FOLDER": str(cache),
            "MATCHING_SERVICE__JOURNAL": f"{folder}/journal",
            "MATCHING_SERVICE__KEY": "k" * 40,
            "MATCHING_SERVICE__PORT": str(PORT),
            "MATCHING_SERVICE__WATCH_PORT": str(WATCH),
            **{
                f"MATCHING_SERVICE__{name}_A_MINUTE": FREE
                for name in ("REQUESTS", "SEARCHES", "UPLOADS")
            },
        }


@contextmanager
def served(environment: dict[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
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
            with suppress(httpx.HTTPError):
                if httpx.get(READY).status_code == 200 and process.poll() is None:
                    break
            time.sleep(0.02)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def token_of(environment: dict[str, str]) -> str:
    """A token of an office that is made for it."""

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


def photo(seed: int = 0, size: tuple[int, int] = (4000, 3000)) -> bytes:
    """A JPEG as a phone takes it, of noise that is smooth like a photograph."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8))
    large = np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-6, 7, large.shape, np.int16)
    out = io.BytesIO()
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()


def resident(pid: int) -> float:
    """MB of a process; 0 of one that is gone."""
    return float(status(pid).get("VmRSS", "0 kB").split()[0]) / 1024


def status(pid: int) -> dict[str, str]:
    """What the system says of a process; nothing of one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
