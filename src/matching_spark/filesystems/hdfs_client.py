"""HDFS without a JVM, by hdfs-native: a client that asks the NameNode again, as Hadoop's own."""

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from matching_spark.errors import StorageError
from matching_spark.filesystems import namenodes
from matching_spark.filesystems.namenodes import heard, host_and_port

FileSystem = Any  # of fsspec, which has no types
HdfsFile = Any  # of hdfs-native, which need not be installed
RETRY_S = (1, 2, 4)  # before DataNodes are tried again
# As hdfs-native tells what a NameNode refused: the exception's class, and its message above Java's
# stack, both as Rust quotes them.
REFUSED = re.compile(r'RPCError\("(?:[\w$]+\.)*([\w$]+)", "(.*?)(?:\\n\\tat .*)?"\)', re.DOTALL)
# For an answer when the process is going to end: one that comes while Python does aborts it.
LAST_S = 2
AT_ONCE = frozenset(["seek", "tell", "file_length"])  # calls that ask nobody
MADE = frozenset(["RawFileReader", "RawFileWriter"])  # which ask by themselves
Result = TypeVar("Result")
Questions = SimpleQueue[tuple["Future[Any]", Callable[[], Any]]]  # of a thread that asks

# Of threads that wait for one: to start a thread takes half as long as a small call itself.
_free: list[Questions] = []
os.register_at_fork(after_in_child=_free.clear)  # they do not live on there


@lru_cache(maxsize=8)
def client(authority: str, process: int) -> FileSystem:
    """One client a name node and process: its threads do not live on in a fork.

    Not in fsspec's own cache: that is emptied in every fork, where closing the client waits for
    threads that are not there, and a JVM is started by a fork. Raises TimeoutError as `heard`.
    """
    try:
        from hdfs_native.fsspec import HdfsFileSystem
    except ImportError:
        raise StorageError("reading HDFS needs `pip install 'matching-spark[hdfs]'`") from None

    class ToTheLetter(HdfsFileSystem):
        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path or "/"  # its own reads a URL, and cuts the path at # ? ;

        def _open(self, path: str, mode: str = "rb", *more: Any, **options: Any) -> HdfsFile:
            opened = partial(super()._open, path, mode, *more, **options)
            return io.BufferedReader(Reading(opened), 1 << 20) if mode == "rb" else opened()

    host, port = host_and_port(authority)
    # One NameNode that does not answer is said in seconds, not in two minutes; a nameservice, which
    # has no port, tries the next one as its own settings say.
    silent = heard(authority)
    own = silent | ({"dfs.client.failover.max.attempts": "4"} if port else {})

    def check() -> None:
        try:
            if heard(authority) not in ({}, silent):
                raise TimeoutError(f"a NameNode of {authority} says nothing any more: run it again")
        except TimeoutError:
            client.cache_clear()  # another one may be answered
            raise

    files: FileSystem = ToTheLetter(host=host or None, port=port, skip_instance_cache=True, **own)
    files.client.inner = _Awaited(files.client.inner, check)
    return files


class _Awaited:
    """What hdfs-native has made, whose calls end with the NameNode's answer alone, and hear nothing
    meanwhile: each is another thread's, so that who wants it hears Ctrl-C and SIGTERM.

    check: asked as long as no answer comes; raises where none will.
    """

    def __init__(self, inner: Any, check: Callable[[], None]) -> None:
        self._inner, self._check = inner, check

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return found if name in AT_ONCE else partial(self._answer, found)

    def _answer(self, ask: Callable[..., Any], *what: Any) -> Any:
        told: Future[Any] = Future()
        questions = _asking()
        questions.put((told, partial(_whole, ask, *what)))
        try:
            while not _is_told(told, namenodes.ANSWER_S):
                self._check()
        except KeyboardInterrupt:
            _is_told(told, LAST_S)
            raise
        _free.append(questions)
        got = told.result()
        return _Awaited(got, self._check) if type(got).__name__ in MADE else got


def _asking() -> Questions:
    """The questions of a thread that has none."""
    with suppress(IndexError):
        return _free.pop()
    questions: Questions = SimpleQueue()
    Thread(target=_ask, args=(questions,), name="hdfs", daemon=True).start()
    return questions


def _ask(questions: Questions) -> None:
    while True:
        told, question = questions.get()
        try:
            told.set_result(question())
        except BaseException as error:  # for who waits
            told.set_exception(error)
        del told, question  # what they hold is not kept until the next ones come


def _whole(ask: Callable[..., Any], *what: Any) -> Any:
    """The answer; of a folder, whose entries come one by one, all of them."""
    got = ask(*what)
    return list(got) if isinstance(got, Iterator) else got


def _is_told(told: "Future[Any]", within_s: float) -> bool:
    with suppress(TimeoutError):
        told.exception(within_s)
    return told.done()


def again(attempt: Callable[[], Result]) -> Result:
    """What fails for a while: a NameNode still names a DataNode that has just died, or none.

    It is only for what can be done twice. Raises what the last attempt raises.
    """
    for wait_s in RETRY_S:
        try:
            return attempt()
        except (FileNotFoundError, TimeoutError):
            raise
        except (OSError, RuntimeError):
            time.sleep(wait_s)
    return attempt()


def told(error: Exception) -> str:
    """What went wrong, in a line; what a NameNode refused by its words, without Java's stack."""
    refused = REFUSED.search(str(error))
    if refused is None:
        return str(error)
    name, message = refused.groups()
    words = message.replace("\\n", " ").replace('\\"', '"').replace("\\\\", "\\")
    return f"the NameNode refused it ({name}): {words}"


class Reading(io.RawIOBase):
    """A file of HDFS that asks the NameNode again where its blocks are, as Hadoop's client does."""

    def __init__(self, opened: Callable[[], HdfsFile]) -> None:
        self._opened = opened
        self._file = opened()

    def read(self, size: int = -1) -> bytes:
        """Raises OSError, as a file on a disk does, whoever reads it."""
        position = self.tell()
        try:
            return self._bytes(size)
        except RuntimeError:
            pass  # hdfs-native's own
        try:
            return again(partial(self._reopened, position, size))
        except RuntimeError as error:
            raise OSError(told(error)) from error

    def _bytes(self, size: int) -> bytes:
        found: bytes = self._file.read(size)
        return found

    def _reopened(self, position: int, size: int) -> bytes:
        self._file = self._opened()
        self.seek(position)
        return self._bytes(size)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:  # collections.abc.Buffer is Python 3.12's
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
