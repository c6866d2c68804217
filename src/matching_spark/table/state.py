"""One state of the posts table, read without a JVM: what it says of itself stays true, whoever
writes meanwhile.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from matching_spark import storage
from matching_spark.domain.posts import Filters
from matching_spark.domain.schema import FILTERED
from matching_spark.errors import InputError, StorageError
from matching_spark.layout import PHOTOS, cells_here
from matching_spark.shards.arrow import read_columns, read_posts
from matching_spark.shards.shard import DataFile, Shard, alive, load
from matching_spark.shards.space import VectorSpace
from matching_spark.table.catalog import NUMBER, PROPERTY
from matching_spark.table.kept_plans import Head, KeptPlans
from matching_spark.table.versions import check_place, newest

if TYPE_CHECKING:
    from pyiceberg.table import StaticTable

IDENTIFIER_KEY = "identifier-key"


@dataclass(frozen=True)
class Snapshot:
    """What a search reads. id: None before the first write."""

    id: str | None
    files: tuple[DataFile, ...]
    space: VectorSpace

    def of(self, categories: Collection[str]) -> list[DataFile]:
        """The data files of some categories; none: all."""
        return [f for f in self.files if not categories or f.category in categories]


@dataclass(frozen=True)
class TableState:
    """The posts table of the warehouse `uri` as one file of its metadata has it.

    whole: gives all of the metadata, by pyiceberg. kept: where plans are kept between processes.
    """

    uri: str
    head: Head
    whole: "Callable[[], StaticTable]"
    kept: KeptPlans | None = None
    _plans: dict[tuple[str | None, ...], Snapshot] = field(default_factory=dict)
    _checked: set[str] = field(default_factory=set)  # snapshots

    @cached_property
    def metadata(self) -> "StaticTable":
        return self.whole()

    def stated(self, name: str) -> str:
        """One of the project's own properties. Raises InputError if the table is not ours."""
        try:
            return self.head.properties[PROPERTY + name]
        except KeyError:
            raise InputError(
                f"{self.uri}/posts is an Iceberg table, but not of matching-spark"
            ) from None

    def number(self, name: str) -> int:
        """The same as a whole number above 0. Raises StorageError if it is none."""
        said = self.stated(name)
        if not re.fullmatch(NUMBER, said):
            raise StorageError(
                f"{self.uri}/posts: its property {PROPERTY}{name} is {said[:40]!r}, no number that "
                "is written here: another engine changed it; set it back"
            )
        return int(said)

    @cached_property
    def space(self) -> VectorSpace:
        """The model, the dimension and the cells that its vectors are sorted by where cached."""
        cells = self.head.properties.get(PROPERTY + "cells")
        here = cells and cells_here(self.uri, cells)
        return VectorSpace(self.stated("model"), self.number("dimension"), here)

    @property
    def identifier_key(self) -> str | None:
        """The name of the key by which its posts' numbers are hashed; None if it never had one."""
        return self.head.properties.get(PROPERTY + IDENTIFIER_KEY)

    @property
    def photos(self) -> str:
        """The folder of the kept photos."""
        return storage.join(self.uri, PHOTOS)

    @property
    def snapshot(self) -> str | None:
        """The id of the newest snapshot; None while nothing was ever written."""
        return next(iter(self.snapshots), None)

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The snapshots that can be asked, the newest first: those of the table's present model."""
        return self.head.snapshots

    def plan(self, where: Filters | None = None, snapshot: str | None = None) -> Snapshot:
        """A snapshot (None: the newest) with the data files that may hold matching posts, pruned by
        kind and category.

        Raises InputError for an unknown snapshot, StorageError for deletes of another engine.
        """
        at = self.snapshot if snapshot is None else snapshot
        if at is None:
            return Snapshot(None, (), self.space)
        if at not in self.snapshots:
            there = ", ".join(self.snapshots) or "none"
            raise InputError(f"{self.uri} has no snapshot {at}; there are: {there}")
        key = (at, where.kind, where.category) if where else (at, None, None)
        if key not in self._plans:
            files = None if self.kept is None else self.kept.files(self.head, key, self.photos)
            if files is None:
                from matching_spark.table.planning import planned  # pyiceberg: half a second

                files = planned(self, *key)
                if self.kept is not None:
                    self.kept.keep_files(self.head, key, files)
            self._plans[key] = Snapshot(at, files, self.space)
        return self._plans[key]

    def check_files(self, snapshot: str | None) -> None:
        """Raise StorageError for a file of a snapshot that does not lie in the table, which Spark
        would read. Each snapshot's manifests are read once."""
        if snapshot is None or snapshot in self._checked:
            return
        from matching_spark.table.metadata import check_files  # pyiceberg: half a second

        check_files(self.metadata, [int(snapshot)])
        self._checked.add(snapshot)

    def shards(self, where: Filters | None = None) -> Iterator[Shard]:
        """Every shard, read past the cache: for what goes over the table once."""
        for file in self.plan(where).files:
            yield load(file, self.space.dimension)

    def locate(self, post_id: str, snapshot: str | None = None) -> tuple[DataFile, int]:
        """The data file and row of a post. Raises InputError when there is no such post."""
        for file in self.having([post_id], snapshot):
            ids = read_columns(file.uri, ["post_id"])["post_id"]
            for row in pc.indices_nonzero(pc.equal(ids, post_id)).to_pylist():
                if alive(file)[row]:
                    return file, row
        raise InputError(f"there is no post {post_id!r} in {self.uri}")

    def having(self, post_ids: Iterable[str], snapshot: str | None = None) -> Iterator[DataFile]:
        """The data files that may have some of the posts."""
        ids = list(post_ids)
        files = self.plan(snapshot=snapshot).files if ids else ()
        return (file for file in files if any(map(file.may_have, ids)))

    def kinds(self, post_ids: Iterable[str]) -> dict[str, str]:
        """Post -> lost or found, of those of the ids that there are."""
        return self.column("kind", post_ids)

    def column(self, name: str, post_ids: Iterable[str]) -> dict[str, Any]:
        """Post -> its value in a column, of those of the ids that there are. No JVM."""
        wanted = sorted(set(post_ids))
        out: dict[str, Any] = {}
        for file in self.having(wanted):
            rows = read_posts(file.uri, ["post_id", name]).filter(pa.array(alive(file)))
            rows = rows.filter(pc.is_in(rows["post_id"], pa.array(wanted)))
            out |= zip(rows["post_id"].to_pylist(), rows[name].to_pylist(), strict=True)
        return out

    def rows(self, columns: Sequence[str], where: Filters) -> Iterator[pa.Table]:
        """Columns of the posts that the filters let through, a file at a time; as Shard.where has
        it, a missing value passes none. No JVM."""
        tests = [(name, pc.equal, getattr(where, name)) for name in FILTERED]
        tests += [("happened_on", pc.greater_equal, where.since)]
        tests += [("happened_on", pc.less_equal, where.until)]
        tests = [test for test in tests if test[2] is not None]
        for file in self.plan(where).files:
            rows = read_posts(file.uri, [*columns, *(name for name, *_ in tests)])
            keep = pa.array(alive(file))
            for name, holds, value in tests:
                keep = pc.and_(keep, pc.fill_null(holds(rows[name], pa.scalar(value)), False))
            yield rows.filter(keep).select(columns)

    def count(self, where: Filters) -> int:
        """The posts that the filters let through. No JVM."""
        return sum(map(len, self.rows(["post_id"], where)))

    def status(self) -> dict[str, Any]:
        """Posts by kind, category and state; model, snapshots, files; bytes."""
        files = self.plan().files
        by = ["kind", "category", "status"]
        counts: Counter[tuple[str, ...]] = Counter()
        for rows in self.rows(by, Filters(status=None)):
            for row in rows.group_by(by).aggregate([([], "count_all")]).to_pylist():
                counts[*(row[name] for name in by)] += row["count_all"]
        return {
            "table": self.uri,
            "model": self.space.model,
            "dimension": self.space.dimension,
            "snapshot": self.snapshot,
            "snapshots": list(self.snapshots),
            "data_files": len(files),
            "delete_files": len({d for f in files for d in f.deletes}),
            "bytes": sum(f.size_bytes for f in files),
            "total": counts.total(),
            "posts": [
                {"kind": kind, "category": category, "status": status, "posts": n}
                for (kind, category, status), n in sorted(counts.items())
            ],
        }


def opened(
    uri: str, kept: KeptPlans | None = None, than: TableState | None = None
) -> TableState | None:
    """The posts table of the warehouse `uri` as it is now; None where there is none. than: an
    earlier state, which is returned when nothing has changed since.

    Raises StorageError for a table that cannot be read, was made at another place, or was changed
    by a newer version or another engine; InputError for one that is not ours.
    """
    place = newest(uri, "posts")
    if place is None:
        return None
    data = storage.read_bytes(place)
    digest = hashlib.sha256(data).hexdigest()
    if than is not None and than.head.version == (place, digest):
        return than

    @cache
    def whole() -> "StaticTable":
        from matching_spark.table.metadata import parsed  # pyiceberg: half a second

        return parsed(place, data)

    known = None if kept is None else kept.head(place, digest)
    head = known
    if head is None:
        from matching_spark.table.planning import check_layout, head_of  # pyiceberg, as above

        head = head_of(whole(), digest)
    check_place(head.made, uri, "posts")
    # In the spelling of the metadata, which every file's name begins with: `uri` may be a link.
    state = TableState(storage.parent(head.made), head, whole, kept)
    if known is None:
        check_layout(state)
        if kept is not None:
            kept.keep_head(head)
    return state
