"""The service as a process of its own, as `matching-spark serve` starts it."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.processes import LONG_S, wait_until

COMMAND = [sys.executable, "-m", "matching_spark.main"]
KEY = "a key that only these tests have."
URL = re.compile(r"http://127\.0\.0\.1:\d+")
END_S = 60  # more than it gives what is under way and the merger


def environment(table: str | Path, folder: Path, **service: str) -> dict[str, str]:
    """Of a service over a table whose journal lies in `folder`; as many requests as tests make."""
    told = {
        "journal": str(folder / "journal"),
        "key": KEY,
        "port": "0",
        "watch_port": "0",
        "searches_a_minute": "6000",
        "uploads_a_minute": "6000",
    } | service
    return {f"MATCHING_SERVICE__{name.upper()}": value for name, value in told.items()} | {
        "MATCHING_TABLE": str(table)
    }


@contextmanager
def served(
    env: dict[str, str], folder: Path, command: Sequence[str] = (*COMMAND, "serve")
) -> Iterator[str]:
    """The address of a service that is ready, without a slash. It is ended by its process id.

    env: beside this process's.
    """
    said = folder / "serve.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | env,
            cwd=folder,  # where there is no matching.toml
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

        def ready() -> bool:
            assert process.poll() is None, said.read_text("utf-8")
            url = URL.search(said.read_text("utf-8"))
            if url is not None:
                with suppress(OSError):  # bound, but not listening yet
                    urllib.request.urlopen(url[0], timeout=LONG_S).close()
                    return True
            return False

        try:
            wait_until(ready, "the service is ready", 3 * LONG_S)  # a demo draws its world first
            yield URL.findall(said.read_text("utf-8"))[0]
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
