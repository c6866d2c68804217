"""What an ingest has done: counted while it goes, told at its end."""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from matching_spark import storage
from matching_spark.domain.posts import Reject
from matching_spark.errors import UsageError
from matching_spark.layout import REJECTS
from matching_spark.table.posts_table import PostsTable

LONGEST_NAME = 180  # bytes of a source's name; a file's has 255


@dataclass(frozen=True)
class Report:
    """What an ingest did. accepted, which is added and updated, rejected and skipped count posts;
    embedded counts photos."""

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
    rejects: tuple[Reject, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Tally:
    """What an ingest has counted so far; its report is made of it at the end."""

    accepted: int = 0
    updated: int = 0
    rejected: int = 0
    skipped: int = 0
    placeholders: int = 0
    embedded: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def reject(self, reject: Reject, post: bool = True) -> None:
        """post: whether a post goes, not only one of its photos."""
        self.rejects.append(reject)
        self.rejected += post

    def report(self, table: PostsTable, model: str, start: float) -> Report:
        """start: of the ingest, by time.perf_counter()."""
        return Report(
            table=table.uri,
            model=model,
            accepted=self.accepted,
            added=self.accepted - self.updated,
            updated=self.updated,
            rejected=self.rejected,
            skipped=self.skipped,
            placeholders=self.placeholders,
            embedded=self.embedded,
            seconds=time.perf_counter() - start,
            snapshot=table.snapshot,
            rejects=tuple(self.rejects),
        )


def check_rejects(path: str, source: str) -> None:
    """Whether rejects of a source can be listed there, before any work is done.

    Raises UsageError for a folder and for the source itself, which a list would take the place of
    and an ingest without rejects would remove; StorageError where nothing can be written.
    """
    if storage.is_dir(path):
        raise UsageError(f"{path} is a folder: name a file in it", argument="rejects")
    if storage.same_place(storage.absolute(path), storage.absolute(source)):
        raise UsageError(f"{path} is what is taken in: name another file", argument="rejects")
    storage.check_writable(storage.parent(path))


def write_rejects(report: Report, path: str) -> Report:
    """One JSON line a reject: source, post_id, reason, detail. Nothing to say removes the file.

    Returns the report with the file's place in it.
    """
    lines = [json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in report.rejects]
    if lines:
        # The name of a file whose bytes are no UTF-8 stands there by its escapes.
        storage.write_bytes(path, "".join(lines).encode("utf-8", "backslashreplace"))
        return replace(report, rejects_file=path)
    if not storage.is_dir(path):  # which would go with all that lies in it
        storage.remove(path)
    return replace(report, rejects_file=None)


def default_rejects(table_uri: str, source: str) -> str:
    """Beside the table, named after the source: its name, and what tells its place from others."""
    place = hashlib.sha256(storage.absolute(source).encode("utf-8", "surrogateescape")).hexdigest()
    name = PurePath(source).name
    if len(written := os.fsencode(name)) > LONGEST_NAME:
        name = written[:LONGEST_NAME].decode(errors="ignore")  # no half of a letter
    return storage.join(table_uri, REJECTS, f"{name}-{place[:8]}.jsonl")
