"""Files and folders of this machine, whole or not at all, as the umask has it."""

import errno
import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from matching_spark.errors import StorageError, UsageError
from matching_spark.guard.uris import is_uri


def put(data: bytes | IO[bytes], stream: IO[bytes]) -> None:
    """Write bytes, or all that a file has, however long."""
    if isinstance(data, bytes):
        stream.write(data)
    else:
        data.seek(0)
        shutil.copyfileobj(data, stream, 1 << 20)


def try_lock(file: int | IO[Any]) -> bool:
    """Whether no other process has an open file, which this one has until it is closed: the kernel
    unlocks for one that was killed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_new(path: str, data: bytes | IO[bytes], mode: int) -> None:
    """Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        put(data, stream)


def write_file(path: Path, data: bytes) -> None:
    """As `put_file`, where somebody asked for it: through a link, which stays one."""
    put_file(Path(os.path.realpath(path)), data)


def put_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """A local file, whole or not at all, its mode as the umask has it, whatever lay there before.

    Raises StorageError.
    """
    temporary = path.parent / f".{uuid.uuid4().hex}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_new(str(temporary), data, mode)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` when all is done, in place of an empty one too, and of which
    nothing is left otherwise, but where the process is killed: then the next that makes `target`
    removes it."""
    whole = target.resolve()  # a link to an empty folder stays one
    half = whole.parent / f".{whole.name}.{uuid.uuid4().hex}"
    for left in whole.parent.glob(f".{glob.escape(whole.name)}.{'[0-9a-f]' * 32}"):
        with _alone(left) as dead:
            if dead:
                shutil.rmtree(left)
    try:
        half.mkdir(parents=True)
        with _alone(half):
            yield half
            os.rename(half, whole)
    finally:
        shutil.rmtree(half, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other process has a folder, which this one has until it is left, or ends."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    alone = False
    try:
        with suppress(OSError):  # of a file system that has no such locks
            alone = try_lock(at)
        yield alone
    finally:
        os.close(at)


def check_file(path: Path, endings: Collection[str]) -> str:
    """The ending of a file to be written, in small letters, one of `endings`.

    Asked before any work is done. Raises UsageError for another ending, StorageError where a file
    cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in endings:
        raise UsageError(
            f"{path}: its name must end in one of {', '.join(endings)}", argument="output"
        )
    if is_uri(str(path)):  # a Path of one is a folder `hdfs:` here
        raise UsageError(f"{path} is a URI, not a file of this machine", argument="output")
    near = next(p for p in Path(os.path.realpath(path)).parents if os.path.exists(p))
    try:
        if path.is_dir():
            raise _unwritable(path, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():  # whose reader would wait for ever
            raise _unwritable(path, "it is a pipe or a device, whose place a file would take")
    except OSError as error:  # its name is too long
        raise _unwritable(path, error.strerror) from None
    if not near.is_dir():
        raise _unwritable(path, f"{near} is no folder")
    if not os.access(near, os.W_OK | os.X_OK):
        raise _unwritable(path, f"{near} may not be written to by this user")
    return ending


def _unwritable(path: Path, why: str | None) -> StorageError:
    return StorageError(f"{path} cannot be written: {why}; name another file")
