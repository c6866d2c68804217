"""What an ingest has done: counted while it goes, told at its end."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import IO

from matching_spark import storage
from matching_spark.domain.posts import Reject
from matching_spark.domain.results import Reported
from matching_spark.errors import StorageError, UsageError
from matching_spark.layout import REJECTS
from matching_spark.table.posts_table import PostsTable

LISTED = 1_000  # rejects that a report has; the file has all
LONGEST_NAME = 180  # bytes of a source's name; a file's has 255


@dataclass(frozen=True)
class Report(Reported):
    """What an ingest did. accepted (added and updated), rejected and skipped count posts, embedded
    counts photos."""

    table: str
    model: str
    provider: str | None = None  # what ONNX Runtime ran the towers on
    accepted: int = 0
    added: int = 0
    updated: int = 0
    rejected: int = 0
    skipped: int = 0
    placeholders: int = 0
    embedded: int = 0
    seconds: float = 0.0
    photos_per_second: float = 0.0
    snapshot: str | None = None
    unknown: dict[str, int] = field(default_factory=dict)  # words that were kept as they are
    rejects_file: str | None = None
    rejects_listed: int = 0  # lines of it
    rejects: tuple[Reject, ...] = ()  # the first of them, up to LISTED


class Rejects:
    """Why posts and photos are not taken: a line of JSON each, in a file, for there may be ten
    million of them. A context, which closes that file.

    place: what the file is called once it is published; None: only the first LISTED are kept.
    """

    def __init__(self, place: str | None = None) -> None:
        self._place = place
        self._lines: IO[bytes] | None = None
        self.count = 0
        self.first: list[Reject] = []

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(self, *_: object) -> None:
        if self._lines is not None:
            self._lines.close()

    def add(self, reject: Reject) -> None:
        """Raises StorageError where there is no room for it."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(reject)
        self._write(line_of(reject))

    def extend(self, lines: Iterable[bytes]) -> None:
        """The same of several, as `line_of` writes them."""
        for line in lines:
            self.count += 1
            if len(self.first) < LISTED:
                self.first.append(Reject(**json.loads(line)))
            self._write(line)

    def _write(self, line: bytes) -> None:
        if self._place is None:
            return
        self._lines = self._lines or storage.scratch(self._place)
        try:
            self._lines.write(line)
        except OSError as error:
            raise StorageError(f"{self._place} cannot be written: {error}") from error

    def publish(self) -> str | None:
        """Give the file its name, which is returned; without rejects a file of that name goes."""
        if self._place is None:
            return None
        if self._lines is not None:
            storage.write_from(self._place, self._lines)
            return self._place
        if not storage.is_dir(self._place):  # which would go with all that lies in it
            storage.remove(self._place)
        return None


def line_of(reject: Reject) -> bytes:
    """source, post_id, reason and detail as a line of JSON. Bytes of a file's name that are no
    UTF-8 are written as escapes."""
    line = json.dumps(asdict(reject), ensure_ascii=False) + "\n"
    return line.encode("utf-8", "backslashreplace")


@dataclass
class Tally:
    """What an ingest has counted so far; its report is made of it at the end."""

    accepted: int = 0
    updated: int = 0
    rejected: int = 0
    skipped: int = 0
    placeholders: int = 0
    embedded: int = 0
    rejects: Rejects = field(default_factory=Rejects)

    def reject(self, reject: Reject, post: bool = True) -> None:
        """post: whether the post itself is rejected, and not only a photo of it."""
        self.rejects.add(reject)
        self.rejected += post

    def report(self, table: PostsTable, model: str, start: float) -> Report:
        """start: of the ingest, by time.perf_counter()."""
        return Report(
            table=table.uri,
            model=model,
            added=self.accepted - self.updated,
            seconds=time.perf_counter() - start,
            snapshot=table.snapshot,
            rejects_listed=self.rejects.count,
            **vars(self) | {"rejects": tuple(self.rejects.first)},
        )


def check_rejects(path: str, source: str) -> None:
    """Check, before any work is done, that rejects of a source can be listed there.

    Raises UsageError for a folder, and for the source itself, which the list would replace, or
    remove if nothing was rejected; StorageError where nothing can be written.
    """
    if storage.is_dir(path):
        raise UsageError(f"{path} is a folder: name a file in it", argument="rejects")
    if storage.same_place(storage.absolute(path), storage.absolute(source)):
        raise UsageError(f"{path} is what is taken in: name another file", argument="rejects")
    storage.check_writable(storage.parent(path))


def default_rejects(table_uri: str, source: str) -> str:
    """Beside the table, named after the source: by its name, and a hash of the place it lies in."""
    place = hashlib.sha256(storage.absolute(source).encode("utf-8", "surrogateescape")).hexdigest()
    name = PurePath(source).name
    if len(written := os.fsencode(name)) > LONGEST_NAME:
        name = written[:LONGEST_NAME].decode(errors="ignore")  # no half of a letter
    return storage.join(table_uri, REJECTS, f"{name}-{place[:8]}.jsonl")
