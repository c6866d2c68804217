"""Files on a folder or on hdfs://: the only module that knows what a URI scheme is.

A place is an absolute path of this machine or hdfs://authority/path. Its path is taken to the
letter, as Hadoop's Path does: no character of a name (# ? ; %) means anything. HDFS is read and
written by hdfs-native, without a JVM. FileNotFoundError keeps its meaning; every other failure
becomes a StorageError that names the file.

What is written into a warehouse in a folder is closed to others (`closed_umask`); an export is as
the umask has it. On HDFS both are as HDFS has it.
"""

import errno
import logging
import os
import posixpath
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from unicodedata import normalize
from urllib.parse import unquote

from matching_spark.errors import StorageError
from matching_spark.filesystems import hdfs_client
from matching_spark.filesystems.local_files import LocalFiles
from matching_spark.filesystems.namenodes import same_authority
from matching_spark.filesystems.whole_files import put, write_new
from matching_spark.guard.owners import closed_umask, denied, stranger

log = logging.getLogger(__name__)
FileSystem = Any  # of fsspec, which has no types, or LocalFiles
HALF = ".tmp"  # ends the name of a file that is being written, or whose writer was killed
_URI = re.compile(
    r"(?P<scheme>file|hdfs|[A-Za-z][A-Za-z0-9+.-]+(?=:/|:$)):(//(?P<authority>[^/]*))?(?P<path>.*)",
    re.DOTALL | re.IGNORECASE,
)


def _split(uri: str) -> tuple[str, str, str]:
    """(scheme, authority, path); scheme and authority are '' where there is none."""
    found = _URI.fullmatch(uri)
    if found is None:
        return "", "", uri
    scheme, authority = found["scheme"].lower(), found["authority"] or ""
    if scheme not in ("file", "hdfs"):
        raise StorageError(f"{uri}: {scheme}:// is not supported; use a folder or hdfs://")
    if scheme == "file" and authority not in ("", "localhost"):
        raise StorageError(
            f"{uri} names a host, {authority}; a file of this machine is file:///path or /path"
        )
    return scheme, authority, found["path"]


def is_local(uri: str) -> bool:
    return _split(uri)[0] != "hdfs"


def absolute(uri: str) -> str:
    """The place that somebody wrote: of a file: URI, percent signs are decoded (RFC 8089).

    Raises StorageError for what can be no file's name.
    """
    scheme, authority, path = _split(uri)
    if scheme == "file" and not path:  # which would be the working folder
        raise StorageError(f"{uri} names no file or folder; one of this machine is file:///path")
    if scheme == "hdfs":
        whole = posixpath.normpath("/" + path.lstrip("/"))
        return f"hdfs://{authority}{'' if whole == '/' else whole}"
    try:
        whole = os.path.abspath(unquote(path, errors="strict") if scheme else path)
    except UnicodeDecodeError:
        raise StorageError(f"{uri}: its percent signs are of no UTF-8 text; name it so") from None
    if "\0" in whole:
        raise StorageError(f"{uri!r} can be no file's name: it has a NUL")
    return "/" + whole.lstrip("/")  # POSIX keeps two slashes at the beginning


def recorded(location: str) -> str:
    """The place that Iceberg or Spark wrote down: as Hadoop spells it, where % is a percent."""
    scheme, _, path = _split(location)
    return location if scheme == "hdfs" else path


def spellings(place: str) -> tuple[str, ...]:
    """How Hadoop may have written a place down."""
    return (place, f"file:{place}", f"file://{place}") if is_local(place) else (place,)


def for_spark(place: str) -> str:
    """A place as the JVM is told it: without a scheme it would lie on HADOOP_CONF_DIR's HDFS."""
    return f"file:{place}" if is_local(place) else place


def same_place(one: str, other: str) -> bool:
    """Whether two places are the same file or folder, by whatever links, mounts or hosts' names."""
    if one == other:
        return True
    (scheme, authority, path), (scheme2, authority2, path2) = _split(one), _split(other)
    if "hdfs" in (scheme, scheme2):
        there = scheme == scheme2 and posixpath.normpath(path) == posixpath.normpath(path2)
        return there and same_authority(authority, authority2)
    try:
        return os.path.samefile(path, path2)  # device and inode
    except OSError:  # one of them is not there
        return False


def lies_in(place: str, folder: str) -> bool:
    """Whether a file lies in a folder, however deep, by its place alone."""
    return place.startswith(f"{folder}/") and ".." not in place.split("/")


def join(uri: str, *parts: str) -> str:
    return "/".join([uri.rstrip("/"), *parts])


def parent(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[0] or ("/" if uri.startswith("/") else ".")


def _open_fs(uri: str) -> tuple[FileSystem, str]:
    """The file system of `uri`, and the path of `uri` on it."""
    place = absolute(uri)
    scheme, authority, path = _split(place)
    if scheme != "hdfs":
        return LocalFiles(), place
    with _errors(uri):
        return hdfs_client.client(authority, os.getpid()), path or "/"


@contextmanager
def _errors(uri: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: hdfs-native's own
        raise StorageError(f"{uri} cannot be reached: {_why(uri, error)}") from error


def _why(uri: str, error: Exception) -> str:
    if is_local(uri) and isinstance(error, PermissionError):
        return denied(str(error.filename or absolute(uri)))
    if is_local(uri) and isinstance(error, NotADirectoryError):
        return _no_folder(_nearest(uri))
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return "too many files are open: let more be (ulimit -n), or run `matching-spark compact`"
    return hdfs_client.told(error)


def _nearest(uri: str) -> Path:
    """What is there of a place of this machine: itself, or the nearest that it would lie in."""
    place = Path(absolute(uri))
    return next(each for each in (place, *place.parents) if os.path.exists(each))


def _no_folder(place: Path) -> str:
    return f"{place} is a file, in which nothing can lie: name a folder"


def open_input(uri: str) -> IO[bytes]:
    fs, path = _open_fs(uri)
    with _errors(uri):
        stream: IO[bytes] = fs.open(path, "rb")
        return stream


def read_bytes(uri: str, limit_bytes: int | None = None) -> bytes:
    """The file's bytes, or its first `limit_bytes`."""
    with open_input(uri) as stream, _errors(uri):
        return stream.read(-1 if limit_bytes is None else limit_bytes)


def write_bytes(uri: str, data: bytes) -> None:
    """Write a file whole or not at all: a reader never sees half of it."""
    _write_whole(uri, data, over=True)


def write_from(uri: str, stream: IO[bytes]) -> None:
    """The same of all that a file has, however long."""
    _write_whole(uri, stream, over=True)


def scratch(uri: str) -> IO[bytes]:
    """A file without a name, gone with its process, for what is to become `uri`: on the same disk,
    of HDFS on this host's."""
    place = _nearest(parent(uri)) if is_local(uri) else None
    with _errors(uri):
        stream: IO[bytes] = tempfile.TemporaryFile(dir=place)  # noqa: SIM115  (the caller's)
        return stream


def create(uri: str, data: bytes) -> None:
    """Write a new file whole or not at all. Raises FileExistsError where there is one already."""
    _write_whole(uri, data, over=False)


def _write_whole(uri: str, data: bytes | IO[bytes], *, over: bool) -> None:
    """The whole file gets its own name, in place of one that is there, when it is written."""
    fs, path = _open_fs(uri)
    temporary = f"{path}.{uuid.uuid4().hex}{HALF}"

    def write() -> None:
        with fs.open(temporary, "wb") as stream:
            put(data, stream)

    with _errors(uri):
        try:
            if is_local(uri):
                make_folder(parent(path))
                write_new(temporary, data, 0o666 & ~closed_umask())
                (os.replace if over else _put_new)(temporary, path)
                _forget_sum(path)
            else:
                fs.makedirs(parent(path), exist_ok=True)
                hdfs_client.again(write)
                fs.mv(temporary, path, overwrite=over)
        except BaseException:
            if fs.exists(temporary):
                fs.rm(temporary)
            raise


def check_writable(uri: str) -> None:
    """Raise StorageError where this user may not write in a folder, or make it; on HDFS its own
    permissions hold. Who is kept out of what is written is told."""
    if not is_local(uri):
        return
    place, near = Path(absolute(uri)), _nearest(uri)
    for each in (place, *place.parents):
        if os.path.islink(each) and not os.path.exists(each):
            raise StorageError(
                f"{uri} cannot be written to: {each} is a link to {os.readlink(each)}, which is "
                "not there: make that, or name another folder"
            )
    if not near.is_dir():
        raise StorageError(f"{uri} cannot be written to: {_no_folder(near)}")
    if not os.access(near, os.W_OK | os.X_OK):
        raise StorageError(f"{uri} cannot be written to: {denied(str(near))}")
    if whose := stranger(str(near)):
        log.warning("%s is %s's, who may not read what root writes there", near, whose)


def make_folder(path: str) -> None:
    """Make a folder of this machine, and those that it lies in, closed as `closed_umask` says."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with suppress(FileExistsError):  # made meanwhile, or it is a file: who writes there is told
            os.mkdir(path, 0o777 & ~closed_umask())


def _put_new(temporary: str, path: str) -> None:
    """A rename that fails where there is a file, which a folder's own would replace."""
    os.link(temporary, path)
    os.unlink(temporary)


def _forget_sum(path: str) -> None:
    """Remove the checksum that Hadoop keeps beside a file of a folder that it wrote before."""
    folder, name = os.path.split(path)
    Path(folder, f".{name}.crc").unlink(missing_ok=True)


def exists(uri: str) -> bool:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return bool(fs.exists(path))


def is_dir(uri: str) -> bool:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return bool(fs.isdir(path))


def folders(uri: str) -> list[str]:
    """The names of the folders in a folder, sorted; none where there is none."""
    fs, path = _open_fs(uri)
    below = list[Mapping[str, Any]]()
    with _errors(uri), suppress(FileNotFoundError):
        below += [each for each in fs.ls(path, detail=True) if each["type"] == "directory"]
    return sorted(each["name"].rstrip("/").rpartition("/")[2] for each in below)


def walk(uri: str, unreadable: Callable[[str], None] | None = None) -> Iterator[str]:
    """Every file below `uri`, sorted, spelt like `uri` itself, none where nothing is; links to
    folders are not followed.

    unreadable: told of each folder that may not be read, in place of a StorageError.
    """
    return (name for name, _ in walk_times(uri, unreadable))


def walk_times(
    uri: str, unreadable: Callable[[str], None] | None = None
) -> Iterator[tuple[str, float]]:
    """Every file below `uri`, as `walk` has them, and when it was written, in seconds of time()."""
    fs, path = _open_fs(uri)
    root, prefix = absolute(uri), len(path.rstrip("/"))
    found: list[tuple[str, float]] = []
    below = [path]
    while below:
        folder = below.pop()
        place = root + folder.rstrip("/")[prefix:]
        try:
            with _errors(place):
                listing = fs.ls(folder, detail=True)
        except FileNotFoundError:  # removed since, or never there
            continue
        except StorageError:
            if unreadable is None or folder == path:
                raise
            unreadable(place)
            continue
        for each in listing:
            name = each["name"].rstrip("/")
            if each["type"] == "directory":
                below.append(name)
            else:
                found.append((root + name[prefix:], _written(each)))
    yield from sorted(found)


def leads_out(uri: str, folder: str) -> bool:
    """Whether links lead from a file in a folder, or below, to one that is not. HDFS has none."""
    if not (is_local(uri) and is_local(folder)):
        return False
    real, inside = os.path.realpath(absolute(uri)), os.path.realpath(absolute(folder))
    return not real.startswith(inside.rstrip("/") + "/")


def is_regular(uri: str) -> bool:
    """Whether it is a file and not a pipe or a device, which may never end."""
    return not is_local(uri) or not os.path.exists(absolute(uri)) or os.path.isfile(absolute(uri))


def in_another_form(uri: str) -> str | None:
    """The one file or folder of the same name in another Unicode form, as a Mac writes it (NFD)."""
    scheme, authority, path = _split(absolute(uri))
    now = f"hdfs://{authority}" if scheme == "hdfs" else ""
    for part in path.strip("/").split("/"):
        folder, same = now or "/", [part]
        if not exists(join(folder, part)):  # what is ASCII has one form
            forms = {} if part.isascii() else _by_form(folder, written(folder))
            same = forms.get(normalize("NFC", part), [])
        if len(same) != 1:
            return None
        now = join(now, same[0])
    return now


@lru_cache(maxsize=4)  # many photos that are missing are of one folder
def _by_form(folder: str, _written: float | None) -> dict[str, list[str]]:
    """The names in a folder, as it was when last written, by what they are in one form."""
    fs, path = _open_fs(folder)
    with _errors(folder):
        listed = fs.ls(path, detail=True)
    forms: dict[str, list[str]] = {}
    for name in (each["name"].rstrip("/").rpartition("/")[2] for each in listed):
        forms.setdefault(normalize("NFC", name), []).append(name)
    return forms


def written(uri: str) -> float | None:
    """When a file was written, in seconds of time(); None when there is none."""
    fs, path = _open_fs(uri)
    with _errors(uri):
        return _written(fs.info(path)) if fs.exists(path) else None


def _written(info: Mapping[str, Any]) -> float:  # fsspec: each file system has keys of its own
    hdfs_ms = info.get("modification_time")
    return float(info["mtime"]) if hdfs_ms is None else hdfs_ms / 1000


def remove(uri: str) -> None:
    """Remove a file or a whole folder; nothing happens where there is none."""
    fs, path = _open_fs(uri)
    with _errors(uri), suppress(FileNotFoundError):  # removed by another meanwhile
        if fs.exists(path):
            fs.rm(path, recursive=True)


def size_bytes(uri: str) -> int:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return int(fs.size(path))
