"""Commands as they are typed, in this process: a second less each, and no JVM more.

Some tests start real processes: for what only a process has (its start, its end, its pipes).
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

import pytest
from pyspark.sql import SparkSession

from matching_spark import main
from matching_spark.spark import session
from matching_spark.spark.interrupts import SIGNALS

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def command(
    *arguments: str | Path, spark: SparkSession | None = None, cwd: Path | None = None
) -> Done:
    """Run `matching-spark ARGUMENTS`; one that starts Spark is given this session instead."""
    out, err = StringIO(), StringIO()
    with (
        _as_it_was(),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["matching-spark", *map(str, arguments)])
        patch.chdir(cwd or Path.cwd())
        patch.setattr(session, "session", _given(spark))  # imported when a command starts Spark
        # A search's, which needs no Spark SQL; its own would end with the command.
        patch.setattr(session, "context", _given(spark and spark.sparkContext))
        with pytest.raises(SystemExit) as ended:
            main.run()
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def call(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own."""
    command = [sys.executable, "-m", "matching_spark.main", *arguments]
    return subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True)


def _given(spark: T | None) -> Callable[[object], AbstractContextManager[T]]:
    @contextmanager
    def given(settings: object) -> Iterator[T]:
        assert spark is not None, "this command starts Spark: hand the session in"
        yield spark

    return given


@contextmanager
def _as_it_was() -> Iterator[None]:
    """What a process of its own would take with it: environment, log, signals."""
    root, environment = logging.getLogger(), dict(os.environ)
    handlers, level, filters = root.handlers[:], root.level, root.filters[:]
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        root.handlers[:], root.filters[:] = handlers, filters
        root.setLevel(level)
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in before.items():
            signal.signal(number, handler)
