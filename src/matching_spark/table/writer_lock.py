"""One writer at a time in a warehouse on a folder, whichever process and table it writes.

Iceberg commits by a rename that must fail if the new name exists. On HDFS it does; in a folder the
rename replaces the file, so that of two writers who both rename to version 7 one is lost although
both were told that it worked. So writers take turns. The lock is the kernel's and is held by the
JVM that renames: it may still do so when its Python has been killed, and until the JVM ends nobody
else writes. Nothing is left to clean up.

Writers that do not know of the lock (another engine on the same folder) are not kept out.
"""

import fcntl
import logging
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.guard.owners import denied
from matching_spark.spark.interrupts import cancel_jobs, held_back
from matching_spark.spark.jvm import jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)
FILE = ".writer.lock"  # in the warehouse; its holder writes into it who he is
NEXT, WRITER = 0, 1  # its bytes. The next writer waits holding the first: so writers take turns
POLL_S = (0.005, 0.05)  # between two tries: at first, and at most
SAY_S = 2.0  # after this long a wait is logged, and again after every 20 times as long
# Tries to lock a byte; gives what unlocks it, None where another process has it.
TryLock = Callable[[int], Callable[[], object] | None]


class _Turn:
    """A folder's lock between the threads of this process, and how often its holder has it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


# By device and inode. Of the process, as the kernel's locks are: two tables of one folder share it.
_turns: defaultdict[tuple[int, int], _Turn] = defaultdict(_Turn)


def writing(uri: str, spark: "SparkSession | None", wait_s: float) -> AbstractContextManager[None]:
    """Be the only writer of a warehouse for a while; of one on HDFS nothing has to be done.

    spark: whose JVM commits; None: this process does. Ctrl-C is heard when the JVM has answered.
    Raises StorageError when another process does not end its own turn within wait_s.
    """
    return _writing(uri, spark, wait_s) if storage.is_local(uri) else nullcontext()


@contextmanager
def _writing(uri: str, spark: "SparkSession | None", wait_s: float) -> Iterator[None]:
    with _explained(uri):
        storage.make_folder(uri)
        state = os.stat(uri)
    path = os.path.join(os.path.realpath(uri), FILE)
    turn = _turns[state.st_dev, state.st_ino]
    # From here on: an interrupt between a lock and what ends it would leave the folder locked.
    with held_back(None if spark is None else partial(cancel_jobs, spark.sparkContext)) as heed:
        patience = _Patience(path, wait_s, time.monotonic() + wait_s, heed)
        while not turn.lock.acquire(timeout=POLL_S[1]):
            patience.left()
        try:
            unlock = None if turn.depth else _lock(patience, spark)
            turn.depth += 1
            try:
                heed()
                yield
            finally:
                turn.depth -= 1
                if unlock is not None:
                    unlock()
        finally:
            turn.lock.release()


@dataclass(frozen=True)
class _Patience:
    """Of a writer that waits for the lock at a path. heed: raises what Ctrl-C meanwhile means."""

    path: str
    wait_s: float
    deadline: float  # of time.monotonic
    heed: Callable[[], None]

    def left(self) -> float:
        """Seconds. Raises StorageError when there are none, and what `heed` does."""
        self.heed()
        left = self.deadline - time.monotonic()
        if left < 0:
            raise StorageError(
                f"{os.path.dirname(self.path)} has been written to by {_holder(self.path)} for "
                f"more than {self.wait_s:g} s; run it again when that has ended, or wait longer by "
                "hadoop.lock_wait_s"
            )
        return left


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """What opening or locking a file raises becomes a StorageError."""
    from py4j.protocol import Py4JError  # of Spark, which those who read only do not load

    try:
        yield
    except PermissionError as error:
        why = denied(error.filename or place)
        raise StorageError(f"{place} cannot be locked for writing: {why}") from error
    except (OSError, Py4JError) as error:
        raise StorageError(
            f"{place} cannot be locked for writing ({str(error).strip().splitlines()[0]}): a table "
            "is written in a folder that one may write to, on a file system that has locks"
        ) from error


def _lock(patience: _Patience, spark: "SparkSession | None") -> Callable[[], object]:
    """Wait for the lock; returns what ends it."""
    path = patience.path
    while True:
        with _explained(path):
            _make(path)
            opened = os.stat(path).st_ino
            try_lock, close = _by_this_process(path) if spark is None else _by_jvm(path, spark)
        try:
            unlock_next = _wait(try_lock, NEXT, patience)
            _wait(try_lock, WRITER, patience)
            unlock_next()
            with suppress(FileNotFoundError):
                if os.stat(path).st_ino == opened:
                    return close
        except BaseException:
            close()
            raise
        close()  # the file was removed meanwhile, and others lock a new one


def _by_jvm(path: str, spark: "SparkSession") -> tuple[TryLock, Callable[[], object]]:
    file = jvm(spark).java.io.RandomAccessFile(path, "rw")
    channel = file.getChannel()

    def try_lock(byte: int) -> Callable[[], object] | None:
        lock = channel.tryLock(byte, 1, False)
        if lock is not None and byte == WRITER:
            with suppress(OSError):  # it serves the messages of others alone
                Path(path).write_text(_self(), "utf-8")
        return None if lock is None else lock.release

    return try_lock, file.close


def _by_this_process(path: str) -> tuple[TryLock, Callable[[], object]]:
    file = os.open(path, os.O_RDWR)

    def try_lock(byte: int) -> Callable[[], object] | None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except BlockingIOError:
            return None
        if byte == WRITER:
            with suppress(OSError):
                os.ftruncate(file, 0)
                os.pwrite(file, _self().encode(), 0)  # to open and close it again would unlock it
        return lambda: fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)

    return try_lock, lambda: os.close(file)


def _wait(try_lock: TryLock, byte: int, patience: _Patience) -> Callable[[], object]:
    path, say = patience.path, time.monotonic() + SAY_S
    pause, longest = POLL_S
    while True:
        with _explained(path):
            unlock = try_lock(byte)
        if unlock is not None:
            return unlock
        left = patience.left()
        if time.monotonic() > say:
            say = time.monotonic() + 20 * SAY_S
            log.warning(
                "waiting for %s, which writes to %s; for at most %.0f s (hadoop.lock_wait_s)",
                _holder(path),
                os.path.dirname(path),
                left,
            )
        time.sleep(pause)
        pause = min(2 * pause, longest)


def _self() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}\n"


def _holder(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text("utf-8").strip() or "another process"
    return "another process"


def _make(path: str) -> None:
    """The lock's file, which whoever may write to the folder may lock."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        os.chmod(path, os.stat(os.path.dirname(path)).st_mode & 0o666)
