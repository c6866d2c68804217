"""The lock of a warehouse's writers, between this process's JVM and another process."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, StorageError
from matching_spark.config import Hadoop
from matching_spark.spark.interrupts import cancelling
from matching_spark.table import writer_lock
from matching_spark.table.writer_lock import FILE, writing

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(lock: Path, byte: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Holds the lock until its stdin is closed. Fails when somebody has it."""
    lock.touch()
    command = [sys.executable, "-c", HOLD, str(lock), str(byte)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def free(lock: Path) -> bool:
    command = [sys.executable, "-c", HOLD, str(lock), "1"]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    if done.returncode:
        assert "BlockingIOError" in done.stderr
    return done.returncode == 0


def refused(
    folder: Path, spark: SparkSession | None, wait_s: float, why: str = "has been written to"
) -> None:
    with pytest.raises(StorageError, match=why), writing(str(folder), spark, wait_s):
        pass


def test_the_jvm_holds_it_until_the_end(tmp_path: Path, spark: SparkSession) -> None:
    lock = tmp_path / FILE
    with writing(str(tmp_path), spark, 5), writing(str(tmp_path), spark, 5):
        assert not free(lock)
    assert free(lock)
    with pytest.raises(ZeroDivisionError), writing(str(tmp_path), spark, 5):
        raise ZeroDivisionError
    assert free(lock)


def test_by_another_way_to_the_folder_it_is_the_same(tmp_path: Path, spark: SparkSession) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with writing(str(tmp_path / "link"), spark, 5):
        assert not free(tmp_path / "real" / FILE)


def test_who_waits_says_so_and_for_how_long(
    tmp_path: Path,
    spark: SparkSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_lock, "SAY_S", 0.1)
    lock = tmp_path / FILE
    lock.write_text("process 4711\n")
    with another_process(lock), caplog.at_level(logging.WARNING):
        refused(tmp_path, spark, 1, r"to by process 4711 .* 1 s;.*lock_wait_s")
    assert "waiting for process 4711" in caplog.text
    with writing(str(tmp_path), spark, 5):
        assert lock.read_text().startswith(f"process {os.getpid()} on ")


def test_it_is_had_when_the_other_ends(tmp_path: Path, spark: SparkSession) -> None:
    with another_process(tmp_path / FILE) as other:
        assert other.stdin is not None
        threading.Timer(0.3, other.kill).start()
        with writing(str(tmp_path), spark, 60):
            assert other.wait() != 0


def test_who_came_first_is_next(tmp_path: Path, spark: SparkSession) -> None:
    """One that writes again and again does not keep out one that waits: it holds the next turn."""
    with another_process(tmp_path / FILE, byte=0):
        refused(tmp_path, spark, 0.2)


def test_threads_take_turns_too(tmp_path: Path, spark: SparkSession) -> None:
    inside: list[int] = []
    met: list[list[int]] = []

    def write(number: int) -> None:
        for _ in range(5):
            with writing(str(tmp_path), spark, 60):
                inside.append(number)
                time.sleep(0.002)
                met.append(inside[:])
                inside.clear()

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(met) == 20
    assert all(len(each) == 1 for each in met)


def test_this_process_and_its_jvm_take_turns_too(tmp_path: Path, spark: SparkSession) -> None:
    """What commits without Spark holds the same lock; another process sees either's."""
    with writing(str(tmp_path), None, 5):
        assert not free(tmp_path / FILE)
        with writing(str(tmp_path), spark, 5):  # this thread has the turn already
            pass
        assert not free(tmp_path / FILE)
    assert free(tmp_path / FILE)
    with another_process(tmp_path / FILE):
        refused(tmp_path, None, 0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_heard_when_the_statement_has_ended(
    tmp_path: Path, spark: SparkSession, number: signal.Signals
) -> None:
    """A JVM that nobody listens to may yet commit: it is waited for with the lock held."""
    held_to_the_end = False
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with writing(str(tmp_path), spark, 5):
            os.kill(os.getpid(), number)
            assert spark.range(1).count() == 1
            held_to_the_end = not free(tmp_path / FILE)
        raise AssertionError("it was not heard")
    assert held_to_the_end
    assert free(tmp_path / FILE)
    assert signal.getsignal(number) == before


def test_who_waits_can_be_interrupted(tmp_path: Path, spark: SparkSession) -> None:
    with another_process(tmp_path / FILE) as other:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt), writing(str(tmp_path), spark, 600):
            pass
        assert other.poll() is None
    assert free(tmp_path / FILE)


class Thing:
    """Something to be let go."""


SWALLOWED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@SWALLOWED
def test_an_interrupt_that_a_callback_swallows_is_heard_at_the_end(spark: SparkSession) -> None:
    """py4j has one for whatever is let go, which takes as long as the JVM's answer."""
    things = [Thing()]
    watched = weakref.ref(things[0], lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with cancelling(spark.sparkContext):
            things.clear()
            assert watched() is None
            assert spark.range(1).count() == 1
        raise AssertionError("it was not heard")


@SWALLOWED
def test_one_that_is_swallowed_while_the_lock_is_taken_is_heard_before_anything_begins(
    tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    things, opened, begun = [Thing()], os.open, False
    watched = weakref.ref(things[0], lambda _: os.kill(os.getpid(), signal.SIGINT))

    def letting_go(*of: Any, **more: Any) -> int:
        things.clear()
        return opened(*of, **more)

    monkeypatch.setattr(os, "open", letting_go)
    with pytest.raises(KeyboardInterrupt), writing(str(tmp_path), spark, 5):
        begun = True
    assert (watched(), begun) == (None, False)
    assert free(tmp_path / FILE)


def test_a_file_that_was_removed_is_nobodys_lock(tmp_path: Path, spark: SparkSession) -> None:
    lock = tmp_path / FILE
    with another_process(lock) as other:
        threading.Timer(0.2, lock.unlink).start()
        assert other.stdin is not None
        threading.Timer(0.4, other.stdin.close).start()
        with writing(str(tmp_path), spark, 60):
            assert not free(lock)


def test_a_folder_that_cannot_be_written_is_named(spark: SparkSession) -> None:
    for who in (spark, None):
        refused(Path("/sys/kernel"), who, 5, r"/sys/kernel.* cannot be locked for writing")


def test_every_commit_waits_for_it(tmp_path: Path, spark: SparkSession) -> None:
    """Of the table, of those beside it, and to make one."""
    from matching_spark.matching import decisions
    from matching_spark.table import side_tables
    from matching_spark.table.compact import compact

    impatient = Hadoop(lock_wait_s=0.05)
    table = PostsTable.open_or_create(
        str(tmp_path / "t"), spark, model="any@1", dimension=2, hadoop=impatient
    )
    side_tables.ensure(table, decisions.NAME, decisions.SCHEMA)
    row = ("a", "b", "confirmed", "c", None)
    before = table.metadata.metadata_location
    with another_process(tmp_path / "t" / FILE), another_process_in(tmp_path / "new"):
        for write in (
            lambda: table.set_cells("x"),
            lambda: side_tables.append(table, decisions.NAME, decisions.SCHEMA, [row]),
            lambda: side_tables.ensure(table, "more", decisions.SCHEMA),
            lambda: compact(table),
            lambda: table.swap(None, lambda now, builder: builder),
            lambda: PostsTable.open_or_create(
                str(tmp_path / "new"), spark, model="any@1", dimension=2, hadoop=impatient
            ),
        ):
            with pytest.raises(StorageError, match="has been written to"):
                write()
    table.refresh()
    assert table.metadata.metadata_location == before
    assert not (tmp_path / "new" / "posts").exists()


@contextmanager
def another_process_in(folder: Path) -> Iterator[None]:
    folder.mkdir()
    with another_process(folder / FILE):
        yield
