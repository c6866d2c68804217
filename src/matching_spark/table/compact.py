"""Maintenance of a warehouse: fewer and larger files, and none that no search can ask for.

A search reads the files of the snapshot that it was planned from. They stay until that snapshot
expires: `hadoop.snapshot_keep` after it ceased to be the current one, not after it was written.
"""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.manifest import DataFile, DataFileContent
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.domain.results import Reported
from matching_spark.errors import StorageError
from matching_spark.layout import (
    CELLS,
    ENDING,
    FETCHED,
    IMPORT,
    PHOTOS,
    REJECTS,
    STAGING,
    named_sha256,
)
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.arrow import read_columns
from matching_spark.spark.failures import spark_errors
from matching_spark.spark.files import read_parquet
from matching_spark.table import side_tables
from matching_spark.table.catalog import quoted
from matching_spark.table.erase import erase_beside, in_posts
from matching_spark.table.metadata import check_within, current_metadata, live_files, named_files
from matching_spark.table.planning import parted
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.procedures import Procedures
from matching_spark.table.versions import tables

if TYPE_CHECKING:
    from pyspark.sql import Row

SMALL = 0.75  # of the target size: what Iceberg's rewrite_data_files takes for too small
GIVEN_UP_S = 30 * 86_400  # a job that nobody has gone on with for so long
ORPHAN_S = 86_400  # Iceberg refuses to remove younger orphans: a writer may be about to name them
ENDED = "went meanwhile: an ingest has ended, whose photos are no orphans; compact again"
PART_BYTES = 1 << 30  # of data files rewritten by one statement: some ten seconds a core


@dataclass(frozen=True)
class Waiting(Reported):
    """What a compact would do now, from the posts table's metadata alone."""

    small_files: int  # data files that lie beside other small ones of their kind and category
    files_after: int
    delete_files: int
    deleted_rows: int
    expiring_snapshots: int
    expiring_bytes: int  # of data and delete files that only those snapshots need
    waiting_snapshots: int  # older than the current one, not yet so old


@dataclass(frozen=True)
class Compacted(Reported):
    """What a compact did, over all tables of the warehouse; photos are of the posts."""

    table: str
    files_before: int = 0
    files_after: int = 0
    delete_files_before: int = 0
    delete_files_after: int = 0
    rewritten_files: int = 0
    rewritten_bytes: int = 0
    expired_snapshots: int = 0
    orphan_files: int = 0
    orphan_photos: int = 0
    seconds: float = 0.0
    snapshot: str | None = None


def waiting(table: PostsTable) -> Waiting:
    """What `compact` would gain and what still waits for `snapshot_keep`. No JVM."""
    target = table.hadoop.target_file_bytes
    files, deletes = _files(table)
    beside: dict[tuple[str, str], list[int]] = defaultdict(list)
    for file in table.plan().files:
        if file.size_bytes < SMALL * target:
            beside[file.kind, file.category].append(file.size_bytes)
    groups = [sizes for sizes in beside.values() if len(sizes) > 1]
    small = sum(len(sizes) for sizes in groups)
    expiring = _expiring(table.metadata, table.hadoop.snapshot_keep)
    others = [s.snapshot_id for s in table.metadata.snapshots() if s.snapshot_id not in expiring]
    kept = _reachable(table, others)
    gone = {u: b for u, b in _reachable(table, sorted(expiring)).items() if u not in kept}
    return Waiting(
        small_files=small,
        files_after=len(files) - small + sum(-(-sum(sizes) // target) for sizes in groups),
        delete_files=len(deletes),
        deleted_rows=sum(deletes.values()),
        expiring_snapshots=len(expiring),
        expiring_bytes=sum(gone.values()),
        waiting_snapshots=max(0, len(others) - 1),
    )


def compact(table: PostsTable, progress: Progress = SILENT) -> Compacted:
    """Rewrite small files with deletes folded in, expire old snapshots, remove what none names.

    Searches and writers go on. What a search may still read stays for `hadoop.snapshot_keep`.
    Raises StorageError when writers overtake it again and again; what it committed stays.
    """
    start = time.perf_counter()
    for name in tables(table.uri):
        _check_own(table.uri, name)
    run = _Compact(table, progress)
    with spark_errors(f"{table.uri} could not be compacted"):
        run.all()
    seconds = time.perf_counter() - start
    return Compacted(table.uri, seconds=seconds, snapshot=table.snapshot, **run.counts)


class _Compact:
    def __init__(self, table: PostsTable, progress: Progress) -> None:
        self.table = table
        self.spark = table.session
        self.counts: Counter[str] = Counter()  # of Compacted
        self.progress = progress
        self.run = Procedures(table)
        self.keep = table.hadoop.snapshot_keep

    def all(self) -> None:
        self.table.refresh()
        files, deletes = _files(self.table)
        self.counts.update(files_before=len(files), delete_files_before=len(deletes))
        self._target()
        self.progress.say("rewriting small files and folding deletes in ...")
        self._rewrite("posts")
        self.progress.say("expiring snapshots that are past hadoop.snapshot_keep ...")
        self.run.again(self._expire, "posts")
        self.run.again(self._hanging)
        for name in tables(self.table.uri):  # matches, decisions and what else is kept
            if name != "posts":
                self._rewrite(name)
                self.run.again(self._expire, name)
        self._staging()
        self.progress.say("removing photos that no post names ...")
        self.run.again(self._photos)
        self._halves()
        self.table.refresh()
        files, deletes = _files(self.table)
        self.counts.update(files_after=len(files), delete_files_after=len(deletes))

    def _target(self) -> None:
        """Let writers write files of the size that the settings name from now on."""
        name, target = "write.target-file-size-bytes", str(self.table.hadoop.target_file_bytes)
        if self.table.metadata.properties.get(name) != target:
            with self.table.writing():
                self.spark.sql(
                    f"ALTER TABLE {self.table.name} SET TBLPROPERTIES ('{name}'='{target}')"
                )

    def _rewrite(self, name: str) -> None:
        for part in _parts(self.table) if name == "posts" else [""]:
            self.run.again(self.run.rewrite, name, part, self._rewritten)
        if name == "posts" and self.counts["delete_files_before"]:
            self.run.again(self.run.rewrite_deletes, name)

    def _rewritten(self, done: "Row") -> None:
        self.counts["rewritten_files"] += done["rewritten_data_files_count"]
        self.counts["rewritten_bytes"] += done["rewritten_bytes_count"]

    def _expire(self, name: str) -> None:
        metadata = current_metadata(self.table.uri, name)
        ids = set() if metadata is None else _expiring(metadata, self.keep)
        self.run.expire(name, ids)
        self.counts["expired_snapshots"] += len(ids)
        current = current_metadata(self.table.uri, name)
        age = max(self.keep.total_seconds(), ORPHAN_S) + 60
        before_s = time.time() - age
        if current is not None:  # a writer may be about to name what is younger
            before_s = min(before_s, current.metadata.last_updated_ms / 1000)
        before = datetime.fromtimestamp(before_s, UTC).isoformat(" ", "seconds")
        _check_own(self.table.uri, name)
        removed = self.spark.sql(
            f"CALL {self.table.catalog}.system.remove_orphan_files(table => '{name}', "
            # As it was opened, and as a URI: a bare path would be on HADOOP_CONF_DIR's HDFS.
            f"location => {quoted(storage.for_spark(storage.join(self.table.uri, name)))}, "
            f"prefix_mismatch_mode => 'ERROR', older_than => TIMESTAMP '{before}')"
        ).collect()
        self.counts["orphan_files"] += len(removed)

    def _hanging(self) -> None:
        """Erase pairs, verdicts and alerts of posts that no snapshot has. A writer on HDFS may have
        stored them after an erase, and been killed before it looked whether there was one. Those
        that came by the journal are left to a merge."""
        from pyspark.sql import functions as F  # half a second for those who read only

        self.table.refresh()
        named: set[str] = set()
        old = F.expr(f"current_timestamp() - INTERVAL {ORPHAN_S} SECONDS")
        there = self.table.frame().select("post_id")
        for name in tables(self.table.uri):
            rows = side_tables.frame(self.table, name)
            if not {*side_tables.PAIR} <= {*rows.columns}:
                continue
            for at in (column for column, kind in rows.dtypes if kind == "timestamp"):
                rows = rows.where(F.col(at) < old)  # a merge stores a verdict before its posts
            if "event_id" in rows.columns:
                rows = rows.where("event_id IS NULL")
            for key in side_tables.PAIR:
                ids = rows.select(F.col(key).alias("post_id")).join(there, "post_id", "left_anti")
                named.update(row[0] for row in ids.distinct().collect())
        if gone := frozenset(named) - in_posts(self.table.uri, frozenset(named)):
            erase_beside(self.table, gone)

    def _photos(self) -> None:
        """Remove kept photos that no post of any snapshot and nothing staged names."""
        from pyspark.sql import functions as F  # half a second for those who read only

        folder = self.table.photos
        cutoff = time.time() - max(self.keep.total_seconds(), ORPHAN_S)
        old = [
            uri
            for uri, written in storage.walk_times(folder)
            if written < cutoff and named_sha256(uri)
        ]
        if not old:
            return
        files = self.spark.table(f"{self.table.name}.all_data_files").where("content = 0")
        paths = [storage.recorded(row[0]) for row in files.select("file_path").distinct().collect()]
        shas = [*map(named_sha256, old)]
        orphans = self.spark.createDataFrame(pa.table({"uri": old, "sha256": shas}))
        if paths:
            named = read_parquet(self.spark, paths).select(
                F.explode("photos.sha256").alias("sha256")
            )
            orphans = orphans.join(named, "sha256", "left_anti")
        staged = set(_staged(self.table.uri))
        for row in orphans.collect():
            written = storage.written(row["uri"])
            # Written again since it was listed: an ingest is about to name it.
            if row["sha256"] not in staged and written is not None and written < cutoff:
                storage.remove(row["uri"])
                self.counts["orphan_photos"] += 1

    def _staging(self) -> None:
        """Remove what killed jobs have left: imports of vectors, which no later run goes on with,
        and jobs that were given up. An erase cannot tell whose photos they hold."""
        folder = storage.join(self.table.uri, STAGING)
        for name in storage.folders(folder):
            left = storage.join(folder, name)
            kept_s = ORPHAN_S if name.startswith(IMPORT) else GIVEN_UP_S
            cutoff = time.time() - max(self.keep.total_seconds(), kept_s)
            written = [each for _, each in storage.walk_times(left)]
            if written and max(written) < cutoff:  # of one that has just begun there is none yet
                storage.remove(left)

    def _halves(self) -> None:
        """Remove what writers that were killed have left half written beside the tables, and the
        files of former cells."""
        cutoff = time.time() - ORPHAN_S
        cells = self.table.space.cells
        for name in (PHOTOS, FETCHED, STAGING, REJECTS, ENDING, CELLS):
            folder = storage.join(self.table.uri, name)
            for place, written in storage.walk_times(folder):
                left = place.endswith(storage.HALF) or (name == CELLS and place != cells)
                if left and written < cutoff:
                    storage.remove(place)


def _parts(table: PostsTable) -> list[str]:
    """Conditions that part the table into some PART_BYTES each, of whole kinds and categories.

    On a folder a part's rewriting keeps other writers out; between two parts their turn comes.
    """
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    specs = table.metadata.specs()
    for file in _live(table):
        if file.content == DataFileContent.DATA:
            at = parted(specs[file.spec_id], f"{file.file_path} is")
            kind, category = (str(file.partition[i]) for i in at)
            sizes[kind, category] += file.file_size_in_bytes
    if sum(sizes.values()) <= PART_BYTES:
        return [""]
    parts: list[list[str]] = []
    room = 0
    for (kind, category), size in sorted(sizes.items()):
        if size > room:
            parts.append([])
            room = PART_BYTES
        room -= size
        parts[-1].append(f"(kind = {quoted(kind)} AND category = {quoted(category)})")
    return [" OR ".join(part) for part in parts]


def _expiring(table: StaticTable, keep: timedelta) -> set[int]:
    """The snapshots of a table that no search can still be reading."""
    metadata = table.metadata
    log = metadata.snapshot_log
    ended_ms = {each.snapshot_id: after.timestamp_ms for each, after in pairwise(log)}
    refs = {ref.snapshot_id for ref in metadata.refs.values()}  # of the current one too
    cutoff_ms = (time.time() - keep.total_seconds()) * 1000
    return {
        s.snapshot_id
        for s in metadata.snapshots
        # One that never was the table's (of a branch) counts from when it was written.
        if s.snapshot_id not in refs and ended_ms.get(s.snapshot_id, s.timestamp_ms) < cutoff_ms
    }


def _files(table: PostsTable) -> tuple[dict[str, int], dict[str, int]]:
    """(data file -> bytes, delete file -> rows) of the current snapshot."""
    data: dict[str, int] = {}
    deletes: dict[str, int] = {}
    for file in _live(table):
        if file.content == DataFileContent.DATA:
            data[file.file_path] = file.file_size_in_bytes
        else:
            deletes[file.file_path] = file.record_count
    return data, deletes


def data_files(table: PostsTable) -> set[str]:
    """The places of those of the current snapshot, whatever their deletes are."""
    return {*map(storage.recorded, _files(table)[0])}


def _live(table: PostsTable) -> Iterator[DataFile]:
    current = table.metadata.current_snapshot()
    return live_files(table.metadata, [] if current is None else [current.snapshot_id])


def _reachable(table: PostsTable, snapshots: list[int]) -> dict[str, int]:
    return {f.file_path: f.file_size_in_bytes for f in live_files(table.metadata, snapshots)}


def _check_own(uri: str, name: str) -> None:
    """Raise StorageError for a table whose orphans cannot be told from other tables' files.

    Iceberg takes for an orphan what lies in the folder and is named by no snapshot, to the letter:
    a file that is named by another way to it (a link) would be one.
    """
    metadata = current_metadata(uri, name)
    if metadata is None:
        return
    folder = storage.join(uri, name)
    if storage.is_local(folder):
        for at, folders, files in os.walk(folder):
            for link in (os.path.join(at, each) for each in (*folders, *files)):
                if os.path.islink(link):
                    raise StorageError(
                        f"{link} is a link: what is removed as an orphan could be another table's; "
                        "put the files themselves there (a bind mount will do), then compact"
                    )
    check_within(metadata, named_files(metadata))


def _staged(uri: str) -> Iterator[str]:
    """The sha256 of every photo that a job has staged and not committed."""
    folder = storage.join(uri, STAGING)
    for file in storage.walk(folder):
        if file.endswith(".parquet") and f"/{IMPORT}" not in file:
            for key in read_columns(file, ["key"], ENDED)["key"].to_pylist():
                if key.startswith("photo:"):
                    yield key.removeprefix("photo:")
