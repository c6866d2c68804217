"""Shards resident on this host: one memory-mapped file each, shared by all processes.

An entry is derived from an immutable data file, so it never goes stale. It is written under a
temporary name and renamed; an entry that is found torn, foreign or half-written is written anew. If
the folder cannot be written to, or others may write there, shards live in the process alone: that
costs time, never an answer.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.filesystems.whole_files import try_lock
from matching_spark.guard.owners import doubt, own_folder
from matching_spark.shards import cache_entry
from matching_spark.shards.ivf_index import sort_by_cell
from matching_spark.shards.shard import DataFile, Shard, of_now, read
from matching_spark.shards.space import VectorSpace

if TYPE_CHECKING:  # a worker starts without pydantic
    from matching_spark.config import Cache as CacheSettings

log = logging.getLogger(__name__)

TOUCH_S = 60.0  # how often at most an entry's time of use is written, which all processes go by
WAIT_S = 120.0  # for another process that reads the same file
COUNTS = struct.Struct("<QQ")  # hits, misses


@dataclass(frozen=True)
class Usage:
    """What the cache of this host holds, and how often it was of use."""

    folder: str
    shards: int
    resident_bytes: int
    max_bytes: int
    hits: int
    misses: int


@dataclass
class _Held:
    """A shard that this process has open. path: None if it is only in this process's memory."""

    shard: Shard
    path: Path | None
    size_bytes: int
    last: tuple[DataFile, Shard] | None = None

    def now(self, file: DataFile) -> Shard:
        """The shard as a snapshot has it. While no more of the file is deleted it is the same
        object, which keeps what it has worked out."""
        last = self.last
        if last is None or last[0] != file:
            self.last = last = file, of_now(self.shard, file)
        return last[1]


# State of the process, not of a ShardCache, of which each task brings its own copy: all use what
# earlier tasks and other engines of this process have opened. What is open, by folder and name,
# least recently used first; when an entry's time of use was last written; who is loading what.
_held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
_touched: dict[Path, float] = {}
_lock = threading.Lock()
_loading: dict[tuple[str, str], threading.Lock] = {}


def close_all() -> None:
    """Let go of every shard: what is asked for next is opened as by a new process."""
    with _lock:
        _held.clear()
        _warned.clear()


_warned: set[str] = set()  # folders that cannot be written, each said once


@dataclass(frozen=True)
class ShardCache:
    """The cache in `folder`, of at most `max_bytes`; handed to every task."""

    folder: str
    max_bytes: int

    @classmethod
    def of(cls, settings: "CacheSettings") -> "ShardCache":
        return cls(str(Path(settings.folder) / "shards"), settings.max_bytes)

    def load(self, file: DataFile, space: VectorSpace) -> Shard:
        """The file's shard with its deletes as a mask. Raises StorageError as shards.read does."""
        return self.load_all([file], space)[0]

    def find(
        self, post_id: str, files: Iterable[DataFile], space: VectorSpace
    ) -> tuple[Shard, int] | None:
        """A post and its row, looked for only in those files' shards that are cached here; None if
        it is in none of them. No data file is read."""
        for file in files:
            name = entry_name(file, space)
            if self._open_here(name) is not None or (Path(self.folder) / name).exists():
                shard = self.load(file, space)
                rows = np.flatnonzero(shard.is_post(post_id) & shard.alive)
                if len(rows):
                    return shard, int(rows[0])
        return None

    def load_all(
        self,
        files: Sequence[DataFile],
        space: VectorSpace,
        apply: Callable[..., Iterable[tuple[Shard, bool]]] = map,
    ) -> list[Shard]:
        """What `load` gives of each file; hits and misses are counted at once. apply: `map`, or a
        pool's, by which those that are not open here are loaded."""
        here = [self._open_here(entry_name(file, space)) for file in files]
        others = [file for file, held in zip(files, here, strict=True) if held is None]
        loaded = iter(list(apply(partial(self._load, space=space), others)) if others else [])
        found = [
            next(loaded) if held is None else (held.now(file), True)
            for file, held in zip(files, here, strict=True)
        ]
        hits = sum(hit for _, hit in found)
        self._counts(hits, len(found) - hits)
        return [shard for shard, _ in found]

    def _load(self, file: DataFile, space: VectorSpace) -> tuple[Shard, bool]:
        """The shard, and whether it was resident."""
        name = entry_name(file, space)
        held, hit = self._open_here(name), True
        if held is None:
            with _lock:
                lock = _loading.setdefault((self.folder, name), threading.Lock())
            with lock:  # two threads of this process; other processes wait on the file itself
                held = self._open_here(name)
                if held is None:
                    held, hit = self._fetch(name, file, space)
            with _lock:
                _loading.pop((self.folder, name), None)
        return held.now(file), hit

    def usage(self) -> Usage:
        entries = [size for path, size, _ in self._entries() if path.suffix == ".shard"]
        hits, misses = self._counts(0, 0)
        return Usage(self.folder, len(entries), sum(entries), self.max_bytes, hits, misses)

    def forget(self, uris: Iterable[str]) -> int:
        """Drop the shards of data files that are no more; returns how many bytes that frees."""
        names = (f"{_digest(uri)}-*.shard" for uri in uris)
        return sum(self._remove(path) for name in names for path in Path(self.folder).glob(name))

    def drop(self, holds: Callable[[str], bool]) -> int:
        """Drop the entries, of all tables, for whose files a condition holds, and those that a dead
        process has left half-written; returns how many.

        It costs time, never an answer: an entry that is wanted is made again.
        """
        dropped = 0
        for path, _, _ in self._entries():
            with suppress(FileNotFoundError):  # another process drops it too
                if path.suffix == ".tmp":
                    dropped += _remove_dead(path)
                elif holds(str(path)):
                    self._remove(path)
                    dropped += 1
        return dropped

    def _remove(self, path: Path) -> int:
        """Drop an entry, here and on the host; returns its bytes, 0 if another was first."""
        freed = 0
        with suppress(FileNotFoundError):
            freed = path.stat().st_size
            path.unlink()
        with _lock:
            _held.pop((self.folder, path.name), None)
        return freed

    # -- this process ------------------------------------------------------------------------

    def _open_here(self, name: str) -> _Held | None:
        with _lock:
            held = _held.get((self.folder, name))
            if held is None:
                return None
            if held.path is not None and not held.path.exists():  # removed, to make room or as dead
                del _held[self.folder, name]
                return None
            _held.move_to_end((self.folder, name))
        if held.path is not None:
            _touch(held.path)
        return held

    def _hold(self, name: str, held: _Held) -> _Held:
        with _lock:
            _held[self.folder, name] = held
            _held.move_to_end((self.folder, name))
            ours = [key for key in _held if key[0] == self.folder]  # another has its own bound
            total = sum(_held[key].size_bytes for key in ours)
            for key in ours[:-1]:
                if total > self.max_bytes:
                    total -= _held.pop(key).size_bytes
        return held

    # -- this host ---------------------------------------------------------------------------

    def _fetch(self, name: str, file: DataFile, space: VectorSpace) -> tuple[_Held, bool]:
        path = Path(self.folder) / name
        shard = None
        try:
            own_folder(path.parent)
            if (shard := cache_entry.mapped(path, name)) is not None:
                _touch(path)
                return self._hold(name, _Held(shard, path, path.stat().st_size)), True
            with self._writing(path) as stream:
                if stream is not None:  # None: another process was first
                    shard = _read(file, space)
                    self._write(stream, name, shard)
            if shard is not None and _has_gone(file.uri):
                path.unlink(missing_ok=True)  # an erase that has looked here has not seen it
            if (opened := cache_entry.mapped(path, name)) is not None:
                return self._hold(name, _Held(opened, path, path.stat().st_size)), False
        except OSError as error:  # the cache's own: what cannot be read is a StorageError
            _warn(self.folder, error)
        shard = _read(file, space) if shard is None else shard
        return self._hold(name, _Held(shard, None, shard.nbytes())), False

    @contextmanager
    def _writing(self, path: Path) -> Iterator[IO[bytes] | None]:
        """A locked temporary file that becomes `path`; None when another process has made it.

        A process that dies leaves its temporary file unlocked: the next one writes it anew.
        """
        temporary = path.with_suffix(".tmp")
        deadline = time.monotonic() + WAIT_S
        while True:
            stream = os.fdopen(
                os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b"
            )
            if try_lock(stream):
                if _same_file(stream, temporary):
                    break
            elif time.monotonic() > deadline:
                stream.close()
                raise OSError(errno.EBUSY, f"another process holds {temporary}")
            else:
                time.sleep(0.02)
            stream.close()
        with stream:
            renamed = False
            try:
                if cache_entry.mapped(path, path.name) is not None:
                    yield None
                else:
                    stream.truncate(0)
                    yield stream
                    if stream.tell():
                        stream.flush()
                        os.replace(temporary, path)
                        renamed = True
            finally:
                if not renamed:  # after it, the name may be another process's
                    temporary.unlink(missing_ok=True)

    def _write(self, stream: IO[bytes], name: str, shard: Shard) -> None:
        header, arrays = cache_entry.parts(name, shard)
        size = header["size"]
        if size > self.max_bytes:
            return
        self._make_room(size)
        os.truncate(stream.fileno(), size)  # seen by others that make room
        cache_entry.write(stream, header, arrays)

    def _entries(self) -> list[tuple[Path, int, float]]:
        """Entries and temporary files: path, bytes, when last used."""
        found = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for each in os.scandir(self.folder):
                if each.name.endswith((".shard", ".tmp")):
                    with suppress(FileNotFoundError):
                        state = each.stat()
                        found.append((Path(each.path), state.st_size, state.st_mtime))
        return found

    def _make_room(self, size: int) -> None:
        """Remove what was least recently used, and what a dead process left, until `size` fits."""
        entries = sorted(self._entries(), key=lambda e: e[2])
        total = sum(e[1] for e in entries)
        for path, each, _ in entries:
            if path.suffix == ".tmp":
                total -= each * _remove_dead(path)
            elif total + size > self.max_bytes:
                path.unlink(missing_ok=True)
                total -= each

    def _counts(self, hits: int, misses: int) -> tuple[int, int]:
        """Add to the host's counts and return them; (0, 0) where they cannot be kept."""
        try:
            if doubt(Path(self.folder)):
                return 0, 0
            flags = os.O_RDWR | os.O_CREAT if hits or misses else os.O_RDONLY
            file = os.open(Path(self.folder) / "counts", flags | os.O_NOFOLLOW, 0o600)
        except OSError:  # no folder yet, or a read-only one: nothing rests on counts
            return 0, 0
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            raw = os.pread(file, COUNTS.size, 0)
            before = COUNTS.unpack(raw) if len(raw) == COUNTS.size else (0, 0)
            after = (before[0] + hits, before[1] + misses)
            if after != before:
                with suppress(OSError):
                    os.pwrite(file, COUNTS.pack(*after), 0)
            return after
        finally:
            os.close(file)


def _warn(folder: str, error: OSError) -> None:
    if folder not in _warned:
        _warned.add(folder)
        log.warning(
            "shards cannot be kept in %s (%s): they are read again by every process; give it room, "
            "or set cache.folder",
            folder,
            error.strerror,
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@lru_cache(maxsize=1 << 14)
def entry_name(file: DataFile, space: VectorSpace) -> str:
    """The name of the shard's file in a cache's folder."""
    rest = [file.size_bytes, file.records, space.model, space.dimension, space.cells]
    return f"{_digest(file.uri)}-{_digest(json.dumps(rest))}.shard"


def _read(file: DataFile, space: VectorSpace) -> Shard:
    shard = read(file, space.dimension)
    centroids = space.centroids()
    if centroids is not None:
        shard = sort_by_cell(shard, centroids)
    return replace(shard, photos=shard.photos.coded(), texts=shard.texts.coded())


def _has_gone(uri: str) -> bool:
    with suppress(StorageError):  # nobody can tell
        return not storage.exists(uri)
    return True


def _remove_dead(path: Path) -> bool:
    """Remove a temporary file that no process is writing; whether it did."""
    with suppress(FileNotFoundError), open(path, "r+b") as stream:
        if try_lock(stream) and _same_file(stream, path):
            path.unlink(missing_ok=True)
            return True
    return False


def _same_file(stream: IO[bytes], path: Path) -> bool:
    """Whether the path still names the file that was opened, and not one made since."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _touch(path: Path) -> None:
    now = time.time()
    if now - _touched.get(path, 0.0) > TOUCH_S:
        _touched[path] = now
        with suppress(OSError):  # a read-only folder: its order of use is not ours to keep
            os.utime(path)
