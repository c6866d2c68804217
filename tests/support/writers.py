"""Processes that commit to a table, and what of it is there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from matching_spark import PostsTable
from tests.support import committer

COMMITTER = Path(committer.__file__)


class Writer:
    """A process that commits."""

    def __init__(self, uri: str, name: str, count: int, what: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(COMMITTER), uri, name, str(count), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | env | {"PYTHONPATH": str(COMMITTER.parents[2])},
            text=True,
            start_new_session=True,
        )

    def ready(self) -> "Writer":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def acknowledged(self) -> list[str]:
        """What it was told is stored, once it has ended, however it did."""
        assert self.process.stdout is not None
        told = self.process.stdout.read().split()
        self.process.wait()
        return told

    def end(self) -> None:
        """It and its JVM, whatever state they are in."""
        for each in (self.process.stdin, self.process.stdout):
            assert each is not None
            each.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def writers(
    uri: str, names: str, count: int, what: str, env: dict[str, str] | None = None
) -> Iterator[list[Writer]]:
    started = [Writer(uri, name, count, what, env or {}) for name in names]
    try:
        for each in started:
            each.ready()
        yield started
    finally:
        for each in started:
            each.end()


def properties(uri: str) -> set[str]:
    known = PostsTable.open(uri).metadata.properties
    return {name.removeprefix("test.") for name in known if name.startswith("test.")}
