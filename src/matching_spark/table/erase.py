"""Erase: posts gone with everything that hangs on them, out of every snapshot, at once.

Each step may run twice. The posts' own rows go last: until then a run that was cut off is simply
run again and finds all that it needs to know. Another erase may run between any two steps, and on
HDFS, where writers take no turns, even during one: no step fails for want of what it has removed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.manifest import DataFileContent

from matching_spark import storage
from matching_spark.domain.posts import check_there
from matching_spark.domain.results import Reported
from matching_spark.errors import MatchingError, StorageError
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.arrow import read_columns
from matching_spark.spark.failures import spark_errors
from matching_spark.table.catalog import quoted
from matching_spark.table.loose_files import (
    drop_cells,
    drop_photos,
    drop_rejects,
    drop_staged,
    still,
)
from matching_spark.table.metadata import check_within, current_metadata, live_files, named_files
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.procedures import Procedures
from matching_spark.table.traces import Looked, Subject, betraying, had, holds
from matching_spark.table.unfinished import Ending, begin, begun, finish, together
from matching_spark.table.versions import tables

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import StaticTable

IDS = ("post_id", "lost_id", "found_id")
AT_ONCE = 500  # ids in one condition


@dataclass(frozen=True)
class Erased(Reported):
    """What an erase removed. rows: of each table; photos are files, kept and fetched ones. left:
    files with the posts that no snapshot names and that a writer may be about to name.
    """

    table: str
    posts: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    photos: int = 0
    shared_photos: int = 0  # stay: another post has them too
    staged: int = 0
    rejects: int = 0
    snapshots: int = 0
    orphans: int = 0
    data_files: tuple[str, ...] = ()  # that held the posts and are no more
    left: tuple[str, ...] = ()
    proof: Looked | None = None


def erase(
    table: PostsTable,
    post_ids: Iterable[str],
    progress: Progress = SILENT,
    drop: Callable[[frozenset[str], Subject], None] = lambda files, subject: None,
) -> tuple[Erased, Subject]:
    """Remove posts, their vectors, photos, pairs, decisions, alerts, staged rows and rejects, and
    end every earlier snapshot: `undo` and what could be asked of the past end here.

    drop: takes out of the caches what they have of data files that are no more, and of the subject.
    Returns what was removed, and what `traces.look` can prove to be gone. Raises InputError naming
    ids that nothing has, StorageError saying what is left; then it is run again.
    """
    ids = frozenset(post_ids)
    run = _Erase(table, ids)
    run.look()
    steps: dict[str, Callable[[], None]] = {
        "pairs, decisions and alerts": run.side_tables,
        "rejects": run.rejects,
        "staged vectors": run.staged,
        "photos": run.photos,
        "cells": lambda: drop_cells(table, run.all.vectors),
        "rows and earlier snapshots": run.posts,
        "caches": lambda: run.caches(drop),
    }
    left = list(steps)
    try:
        for name, step in steps.items():
            progress.say(f"erasing {name} ...")
            with spark_errors("Spark failed"):
                step()
            left.remove(name)
    except MatchingError as error:
        raise StorageError(
            f"{table.uri}: {', '.join(sorted(ids))} not erased whole, left are {'; '.join(left)}: "
            f"{error}; run it again"
        ) from error
    return run.report(), run.subject


def erase_beside(table: PostsTable, post_ids: Iterable[str]) -> None:
    """Remove what the tables beside the posts have of some posts, and end all their earlier
    states."""
    run = _Erase(table, frozenset(post_ids))
    run.holding, run.subject = {}, Subject(run.ids)
    with spark_errors("Spark failed"):
        run.side_tables()


def find(uri: str, ids: frozenset[str]) -> dict[str, list[str]]:
    """Table -> its data files, of any snapshot, that have some of the ids. No JVM.

    Raises InputError for ids that nothing has.
    """
    holding, known = _looked(uri, ids)
    check_there(ids, known, uri)
    return holding


def known(uri: str, ids: frozenset[str]) -> frozenset[str]:
    """Those of the ids that a snapshot of some table has, or an erase that was cut off. No JVM."""
    return frozenset(_looked(uri, ids)[1] & ids)


def in_posts(uri: str, ids: frozenset[str]) -> frozenset[str]:
    """The same of the posts alone."""
    return frozenset(_looked_in(uri, "posts", ids)[1] & ids)


def _looked(uri: str, ids: frozenset[str]) -> tuple[dict[str, list[str]], set[str]]:
    holding: dict[str, list[str]] = {}
    known: set[str] = set()
    for name in tables(uri):
        holding[name], of_it = _looked_in(uri, name, ids)
        known |= of_it
    return holding, known


def _looked_in(uri: str, name: str, ids: frozenset[str]) -> tuple[list[str], set[str]]:
    """The same of one table."""
    metadata = _current(uri, name)
    columns = [c for c in IDS if c in metadata.schema().column_names]
    before = together(begun(uri, name))
    files = chain(_files_of(metadata, columns, ids), filter(storage.exists, before.data))
    held = dict(_holding(files, columns, ids)) if columns else {}
    return sorted(held), {*before.ids}.union(*held.values())


class _Erase:
    def __init__(self, table: PostsTable, ids: frozenset[str]) -> None:
        self.table = table
        self.ids = ids
        self.run = Procedures(table)
        self.rows: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()  # of Erased
        self.left: list[str] = []
        self.ended: dict[str, Ending] = {}  # lists, by their places, of which nothing is left

    def report(self) -> Erased:
        return Erased(
            table=self.table.uri,
            posts=tuple(sorted(self.ids)),
            rows=dict(self.rows),
            data_files=tuple(self.holding["posts"]),
            left=tuple(self.left),
            proof=None,
            **self.counts,
        )

    def look(self) -> None:
        """Find all that there is of the posts. Raises as `find` does."""
        self.run.again(self._look)
        self.counts["shared_photos"] = len(self.all.photos - self.subject.photos)

    def _look(self) -> None:
        self.table.refresh()
        self.holding = find(self.table.uri, self.ids)
        self.all = had(self.holding["posts"], self.ids)
        self.subject = betraying(self.table, self.ids, self.all.photos, self.all.texts)

    # -- the steps -------------------------------------------------------------------------------

    def side_tables(self) -> None:
        for name in tables(self.table.uri):
            if name != "posts":
                self.run.again(self._look_in, name)
                if self.holding[name] or self.ids & together(begun(self.table.uri, name)).ids:
                    self._end(name, self._delete)

    def _look_in(self, name: str) -> None:
        """See what a table has of the posts now: a match or a verdict may have come since."""
        self.holding[name], _ = _looked_in(self.table.uri, name, self.ids)

    def _delete(self, name: str) -> None:
        """Delete the posts' rows in a table beside the posts; its files are written anew."""
        table = f"{self.table.catalog}.{name}"
        columns = [c for c in IDS if c in self.table.session.table(table).columns]
        for part in _parts(self.ids):
            which = " OR ".join(f"{column} IN ({part})" for column in columns)
            self.run.again(self._delete_where, name, table, which)

    def _delete_where(self, name: str, table: str, which: str) -> None:
        with self.run.writing(name):
            there = self.table.session.table(table).where(which).count()
            self.table.session.sql(f"DELETE FROM {table} WHERE {which}")
        self.rows[name] += there

    def rejects(self) -> None:
        self.counts["rejects"] += drop_rejects(self.table, self.ids)

    def staged(self) -> None:
        photos = {f"photo:{sha}" for sha in self.subject.photos}
        gone = {"key": photos | self.all.keys, "post_id": self.ids}
        self.counts["staged"] += drop_staged(self.table, gone)

    def photos(self) -> None:
        with self.table.writing():  # nobody stores a post that has one between the look and this
            before = self.table.snapshot
            self.table.refresh()
            if self.table.snapshot != before:
                self.subject = betraying(self.table, self.ids, self.all.photos, self.all.texts)
            self.counts["photos"] += drop_photos(self.table, self.subject.photos)

    def cells(self) -> None:
        drop_cells(self.table, self.all.vectors)

    def posts(self) -> None:
        self.rejects()  # on HDFS another run may have written back what it had read before
        self.staged()
        self._end("posts", self._delete_posts)
        # Of the posts, while they were there, a match may have brought pairs and an index cells.
        self.side_tables()
        self.cells()

    def caches(self, drop: Callable[[frozenset[str], Subject], None]) -> None:
        """The lists of what was begun go last, once the caches have nothing of the posts either: a
        killed run that is run again knows its posts by them."""
        whole = together(self.ended)  # of killed runs too: nobody else may ever run them again
        mine = self.subject
        subject = replace(mine, ids=mine.ids | whole.ids, photos=mine.photos | whole.photos)
        drop(whole.data.union(self.holding["posts"]), subject)
        for place in self.ended:
            finish(place)

    def _delete_posts(self, name: str) -> None:
        self.rows[name] += self.table.delete(self.ids)
        for part in _parts(self.ids):
            self.run.again(self.run.rewrite, name, f"post_id IN ({part})")
        self.run.again(self.run.rewrite_deletes, name)
        refs = self.table.metadata.metadata.refs
        for ref in refs.keys() - {"main"}:  # a reembed that was cut off begins anew
            dropped = f"DROP {refs[ref].snapshot_ref_type.value} IF EXISTS `{ref}`"
            with self.run.writing(name):
                self.table.session.sql(f"ALTER TABLE {self.table.name} {dropped}")

    def _end(self, name: str, delete: Callable[[str], None]) -> None:
        """Delete rows of a table and end all that was before. Raises StorageError when it has them
        all the same."""
        delete(name)
        self.run.again(self._end_history, name)
        self.table.refresh()
        self.run.again(self._check_gone, name)

    def _end_history(self, name: str) -> None:
        self.run.rewrite_manifests(name)
        metadata = _current(self.table.uri, name)
        now = metadata.current_snapshot()
        before = {s.snapshot_id for s in metadata.snapshots()}
        before -= {now.snapshot_id} if now is not None else set()
        kept = named_files(metadata, [] if now is None else [now])
        files = frozenset(named_files(metadata)).difference(kept)
        data = files.intersection(_files_of(metadata, [], frozenset()))
        begin(self.table.uri, name, Ending(self.ids, data, files, self.subject.photos))
        self.run.again(self.run.expire, name, before)
        self.counts["snapshots"] += len(before)
        self._orphans(name)

    def _check_gone(self, name: str) -> None:
        metadata = _current(self.table.uri, name)
        columns = [c for c in IDS if c in metadata.schema().column_names]
        left = _files_of(metadata, columns, self.ids)
        if held := [uri for uri, _ in _holding(left, columns, self.ids)]:
            raise StorageError(f"a writer brought them again, they are in {', '.join(held)}")

    def _orphans(self, name: str) -> None:
        """Remove what no snapshot names any more: what an erase has ended, and what writers that
        were killed have left of the posts."""
        with self.run.writing(name):
            # The lists first: what one names and no snapshot after it was written will not be named
            # again, while what comes after `named` was read may be on a list and be named.
            lists = begun(self.table.uri, name)
            ended = together(lists).files
            named = set(named_files(_current(self.table.uri, name)))
            for place in storage.walk(storage.join(self.table.uri, name)):
                if not place.endswith((".parquet", ".avro")) or place in named:
                    continue
                if place not in ended and not self._may_hold(place):
                    continue
                if place in ended or storage.is_local(place):
                    storage.remove(place)
                    self.counts["orphans"] += 1
                else:  # no lock says that its writer has ended
                    self.left.append(place)
            # Else another run has not come to it.
            gone = {place: each for place, each in lists.items() if not each.files & named}
            if name == "posts":
                self.ended = gone
            else:
                for place in gone:
                    finish(place)

    def _may_hold(self, place: str) -> bool:
        """Whether a file that no snapshot names has a trace, as one may that its writer, killed in
        the middle of it, has left torn."""
        try:
            return bool(still(lambda place: holds(place, self.subject), place))
        except StorageError:
            return True


def _current(uri: str, name: str) -> "StaticTable":
    metadata = current_metadata(uri, name)
    if metadata is None:
        raise StorageError(f"{uri}/{name} has gone")
    return metadata


def _files_of(metadata: "StaticTable", columns: list[str], ids: frozenset[str]) -> Iterator[str]:
    """The data files that any snapshot names and that may have some of the ids."""
    snapshots = [snapshot.snapshot_id for snapshot in metadata.metadata.snapshots]
    for file in live_files(metadata, snapshots):
        if file.content == DataFileContent.DATA and _may_have(file, columns, ids):
            place = storage.recorded(file.file_path)
            check_within(metadata, [place])
            yield place


def _holding(
    files: Iterable[str], columns: list[str], ids: frozenset[str]
) -> Iterator[tuple[str, set[str]]]:
    """The data files that have some of the ids, deleted rows too."""
    wanted = pa.array(sorted(ids), pa.string())
    for uri in set(files):
        rows = read_columns(uri, columns)
        found: set[str] = set()
        for column in rows.columns:
            found |= set(column.filter(pc.is_in(column, wanted)).to_pylist())
        if found:
            yield uri, found


def _may_have(file: "DataFile", columns: list[str], ids: frozenset[str]) -> bool:
    """By the file's least and greatest post_id, which the posts table keeps whole."""
    if columns != ["post_id"]:
        return True
    least, greatest = ((b or {}).get(1) for b in (file.lower_bounds, file.upper_bounds))
    if least is None or greatest is None:
        return True
    return any(least <= i.encode() <= greatest for i in ids)


def _parts(ids: Iterable[str]) -> Iterator[str]:
    """Lists of ids as Spark SQL writes them."""
    whole = [*map(quoted, sorted(ids))]
    return (", ".join(whole[i : i + AT_ONCE]) for i in range(0, len(whole), AT_ONCE))
