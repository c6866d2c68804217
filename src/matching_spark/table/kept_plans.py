"""What a search needs of a table's newest metadata, kept on this host, so that most searches need
not import pyiceberg.

An entry belongs to one metadata file, by its place and the hash of its bytes. Such a file never
changes, and every commit makes a new one, so an entry cannot go stale. An entry is believed as a
whole or not at all, and only if nobody else can write to the folder; otherwise pyiceberg makes the
plan anew, which costs time, never an answer.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.filesystems.whole_files import put_file
from matching_spark.guard.owners import doubt, own_folder
from matching_spark.shards.shard import DataFile
from matching_spark.table.catalog import FORMAT_VERSION

if TYPE_CHECKING:
    from matching_spark.config import Cache

log = logging.getLogger(__name__)
Value = TypeVar("Value")

FOLDER = "plans"  # of the cache's
FORM = [1, FORMAT_VERSION]  # of an entry, and of the tables that it may be of
MAX_BYTES = 16 << 20  # of an entry: a file of a table takes some 300
MOST_ENTRIES = 500  # of all tables
MOST_ROWS = 1 << 31  # of a data file


@dataclass(frozen=True)
class Head:
    """What one metadata file says of its table.

    place: of that file. digest: the SHA-256 of its bytes, in hexadecimal. made: where the table was
    made, spelt as in its files' names. properties: the project's own. snapshots: those that can be
    asked, the newest first.
    """

    place: str
    digest: str
    made: str
    properties: Mapping[str, str]
    snapshots: tuple[str, ...]

    @property
    def version(self) -> tuple[str, str]:
        """What tells one state from another, also where a folder was replaced by a copy."""
        return self.place, self.digest


@dataclass(frozen=True)
class KeptPlans:
    """The entries in a folder of this host; a file each."""

    folder: Path

    @classmethod
    def of(cls, settings: "Cache") -> "KeptPlans":
        return cls(Path(settings.folder) / FOLDER)

    def head(self, place: str, digest: str) -> Head | None:
        """The head of a metadata file; None unless one is kept that can be trusted."""
        return self._read((place, digest), [], lambda said: _head(place, digest, said))

    def keep_head(self, head: Head) -> None:
        self._keep(head.version, [], [head.made, dict(head.properties), head.snapshots])

    def files(
        self, head: Head, conditions: Sequence[str | None], photos: str
    ) -> tuple[DataFile, ...] | None:
        """The data files of a plan, sorted by their places; None as above. conditions: what was
        planned for."""
        return self._read(
            head.version, conditions, lambda said: tuple(_file(row, head, photos) for row in said)
        )

    def keep_files(
        self, head: Head, conditions: Sequence[str | None], files: Sequence[DataFile]
    ) -> None:
        if not all(storage.lies_in(each, head.made) for f in files for each in (f.uri, *f.deletes)):
            return  # another engine put them elsewhere: an entry that names such is not believed
        rows = [
            (f.uri, f.records, f.size_bytes, f.deletes, f.kind, f.category, f.ids) for f in files
        ]
        self._keep(head.version, conditions, rows)

    def clear(self) -> None:
        """Remove the entries of all tables; those that are wanted are made again. A folder that may
        not be ours, such as a link to somebody else's files, is left alone."""
        with suppress(OSError):
            if doubt(self.folder):
                return
            for each in self.folder.iterdir():
                with suppress(OSError):
                    each.unlink()

    def _read(
        self,
        version: tuple[str, str],
        conditions: Sequence[str | None],
        understood: Callable[[Any], Value],
    ) -> Value | None:
        path = self._path(version, conditions)
        try:
            if doubt(self.folder):
                return None
            # A link is another's work, and a pipe would be waited for: ours are files.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(path, flags), "rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError:
            return None
        try:
            checksum, _, body = raw.partition(b"\n")
            if len(raw) > MAX_BYTES or checksum != _checksum(body):
                raise ValueError("it is torn, or too long")
            said = json.loads(body)
            if said["of"] != [*FORM, *version, *conditions]:
                raise ValueError("it is of another")
            return understood(said["is"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.warning("%s is no kept plan and is made anew: %s", path, error)
            return None

    def _keep(
        self, version: tuple[str, str], conditions: Sequence[str | None], value: object
    ) -> None:
        path = self._path(version, conditions)
        body = json.dumps({"of": [*FORM, *version, *conditions], "is": value}).encode()
        whole = _checksum(body) + b"\n" + body
        if len(whole) > MAX_BYTES:
            return
        table, metadata, _ = path.name.split("-")
        with suppress(OSError, StorageError):  # a folder that cannot be written, or is another's
            own_folder(self.folder)
            for each in self.folder.glob(f"{table}-*"):
                if each.name.split("-")[1] != metadata:  # of a state that nobody asks for again
                    each.unlink(missing_ok=True)
            put_file(path, whole)
            by_age = sorted(self.folder.iterdir(), key=lambda each: each.stat().st_mtime)
            for each in by_age[:-MOST_ENTRIES]:
                each.unlink(missing_ok=True)

    def _path(self, version: tuple[str, str], conditions: Sequence[str | None]) -> Path:
        of = (storage.parent(version[0]), version, list(conditions))
        return self.folder / f"{'-'.join(map(_named, of))}.json"


def _named(what: object) -> str:
    return hashlib.sha256(json.dumps([*FORM, what]).encode()).hexdigest()[:24]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _head(place: str, digest: str, said: Any) -> Head:
    made, properties, snapshots = said
    if not _are_texts([made, *properties, *properties.values(), *snapshots]):
        raise ValueError("it says something else of a table than texts")
    return Head(place, digest, made, properties, tuple(snapshots))


def _file(row: Any, head: Head, photos: str) -> DataFile:
    uri, records, size_bytes, deletes, kind, category, ids = row
    if not _are_texts([uri, *deletes, kind, category, *(ids or ())]) or len(ids or "12") != 2:
        raise ValueError("it names files in another way")
    if not all(storage.lies_in(each, head.made) for each in (uri, *deletes)):
        raise ValueError("it names files that lie elsewhere")
    if type(records) is not int or type(size_bytes) is not int or size_bytes < 0:
        raise ValueError("it counts in another way")
    if not 0 <= records < MOST_ROWS:
        raise ValueError(f"a data file has {records} rows by it")
    return DataFile(
        *(uri, records, size_bytes, tuple(deletes), kind, category, photos),
        ids=tuple(ids) if ids else None,
    )


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(each, str) for each in values)
