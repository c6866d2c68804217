"""Files on a folder or on hdfs://: the only module that knows what a URI scheme is.

A path without a scheme and a file: URI are local. HDFS is read and written by hdfs-native, without
a JVM. FileNotFoundError keeps its meaning; every other failure becomes a StorageError that names
the file.
"""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from matching_spark.errors import StorageError

SCHEMES = ("", "file", "hdfs")
RETRY_S = (1, 2, 4)  # before a write to HDFS is tried again


def is_local(uri: str) -> bool:
    return urlsplit(uri).scheme in ("", "file")


def local_path(uri: str) -> str:
    """The absolute path of a local URI or path."""
    if uri.startswith("file:"):
        return unquote(urlsplit(uri).path)
    return os.path.abspath(uri)


def absolute(uri: str) -> str:
    """One spelling for a place: absolute path for local ones, no trailing slash."""
    return local_path(uri) if is_local(uri) else uri.rstrip("/")


def join(uri: str, *parts: str) -> str:
    return "/".join([uri.rstrip("/"), *parts])


def parent(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[0] or ("/" if uri.startswith("/") else ".")


def _open_fs(uri: str) -> tuple[Any, str]:
    """The file system of `uri`, and the path of `uri` on it."""
    scheme = urlsplit(uri).scheme
    if scheme not in SCHEMES:
        raise StorageError(f"{uri}: {scheme}:// is not supported; use a folder or hdfs://")
    if is_local(uri):
        import fsspec  # a third of a second, and a search of what is resident reads no file

        return fsspec.filesystem("file"), local_path(uri)
    parts = urlsplit(uri)
    with _errors(uri):
        return _hdfs(parts.hostname, parts.port, os.getpid()), parts.path


@lru_cache(maxsize=8)
def _hdfs(host: str | None, port: int | None, process: int) -> Any:
    """One client a name node and process: its threads do not live on in a fork.

    Not in fsspec's own cache: that is emptied in every fork, where closing the client waits for
    threads that are not there, and a JVM is started by a fork.
    """
    try:
        from hdfs_native.fsspec import HdfsFileSystem
    except ImportError:
        raise StorageError("reading HDFS needs `pip install 'matching-spark[hdfs]'`") from None
    # One NameNode that does not answer is said in seconds, not in two minutes; a nameservice, which
    # has no port, tries the next one as its own settings say.
    own = {"dfs.client.failover.max.attempts": "4"} if port else {}
    return HdfsFileSystem(host=host, port=port, skip_instance_cache=True, **own)


@contextmanager
def _errors(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: hdfs-native's own
        raise StorageError(f"{uri} cannot be reached: {error}") from error


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
    fs, path = _open_fs(uri)
    # A DataNode that has just died is still handed out by its NameNode; written anew, the file goes
    # elsewhere.
    waits = () if is_local(uri) else RETRY_S
    for wait_s in (*waits, None):
        try:
            with _errors(uri):
                _write_whole(fs, path, data)
            return
        except StorageError:
            if wait_s is None:
                raise
            time.sleep(wait_s)


def _write_whole(fs: Any, path: str, data: bytes) -> None:
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    fs.makedirs(parent(path), exist_ok=True)
    try:
        with fs.open(temporary, "wb") as stream:
            stream.write(data)
        fs.mv(temporary, path, overwrite=True)  # HDFS refuses otherwise, local ones do it
    except BaseException:
        if fs.exists(temporary):
            fs.rm(temporary)
        raise


def exists(uri: str) -> bool:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return bool(fs.exists(path))


def is_dir(uri: str) -> bool:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return bool(fs.isdir(path))


def folders(uri: str) -> list[str]:
    """The names of the folders in a folder, sorted."""
    fs, path = _open_fs(uri)
    with _errors(uri):
        below = [each for each in fs.ls(path, detail=True) if each["type"] == "directory"]
    return sorted(each["name"].rstrip("/").rpartition("/")[2] for each in below)


def walk(uri: str) -> Iterator[str]:
    """Every file below `uri`, sorted, spelt like `uri` itself."""
    return (name for name, _ in walk_times(uri))


def walk_times(uri: str) -> Iterator[tuple[str, float]]:
    """Every file below `uri`, as `walk` has them, and when it was written, in seconds of time()."""
    fs, path = _open_fs(uri)
    root = absolute(uri)
    with _errors(uri):
        found = sorted(fs.find(path, detail=True).items())
    prefix = path.rstrip("/")
    for name, info in found:
        tail = urlsplit(name).path if "://" in name else name
        yield root + tail[len(prefix) :], _written(info)


def written(uri: str) -> float | None:
    """When a file was written, in seconds of time(); None when there is none."""
    fs, path = _open_fs(uri)
    with _errors(uri):
        return _written(fs.info(path)) if fs.exists(path) else None


def _written(info: dict[str, Any]) -> float:
    hdfs_ms = info.get("modification_time")
    return float(info["mtime"]) if hdfs_ms is None else hdfs_ms / 1000


def remove(uri: str) -> None:
    """Remove a file or a whole folder; nothing happens where there is none."""
    fs, path = _open_fs(uri)
    with _errors(uri):
        if fs.exists(path):
            fs.rm(path, recursive=True)


def size_bytes(uri: str) -> int:
    fs, path = _open_fs(uri)
    with _errors(uri):
        return int(fs.size(path))
