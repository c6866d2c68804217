"""One state of the posts table, read without a JVM: what it says of itself stays true, whoever
writes meanwhile.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyiceberg.expressions.literals import literal
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.manifest import FileFormat
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.domain.posts import Filters
from matching_spark.domain.schema import BY_VERSION, COLUMNS, FILTERED, FIRST, numbered
from matching_spark.errors import InputError, ModelError, StorageError
from matching_spark.layout import PHOTOS, cells_here
from matching_spark.shards.shard import DataFile, Shard, alive, load, read_columns
from matching_spark.shards.space import VectorSpace
from matching_spark.table.catalog import ADDED_AT, FORMAT_VERSION, PROPERTY
from matching_spark.table.metadata import UNREADABLE

IDENTIFIER_KEY = "identifier-key"


@dataclass(frozen=True)
class Snapshot:
    """What a search reads. id: None while nothing was ever written."""

    id: str | None
    files: tuple[DataFile, ...]
    space: VectorSpace


@dataclass(frozen=True)
class TableState:
    """The posts table of the warehouse `uri` as one file of its metadata has it."""

    uri: str
    metadata: StaticTable
    _plans: dict[tuple[str | None, ...], Snapshot] = field(default_factory=dict)

    def stated(self, name: str) -> str:
        """Raises InputError where the table is none of ours."""
        try:
            return self.metadata.properties[PROPERTY + name]
        except KeyError:
            raise InputError(
                f"{self.uri}/posts is an Iceberg table, but not of matching-spark"
            ) from None

    @cached_property
    def space(self) -> VectorSpace:
        """The model, the dimension and the cells that its vectors are sorted by where cached."""
        cells = self.metadata.properties.get(PROPERTY + "cells")
        here = cells and cells_here(self.uri, cells)
        return VectorSpace(self.stated("model"), int(self.stated("dimension")), here)

    @property
    def identifier_key(self) -> str | None:
        """The name of the key that its numbers are hashed by; None: it never had one."""
        name: str | None = self.metadata.properties.get(PROPERTY + IDENTIFIER_KEY)
        return name

    @property
    def photos(self) -> str:
        """The folder of the kept photos."""
        return storage.join(self.uri, PHOTOS)

    @cached_property
    def snapshot(self) -> str | None:
        """The id of the newest snapshot; None while nothing was ever written."""
        current = self.metadata.current_snapshot()
        return None if current is None else str(current.snapshot_id)

    @cached_property
    def snapshots(self) -> tuple[str, ...]:
        """The snapshots that can be asked, the newest first: those of the table's present model."""
        known = {s.snapshot_id: s for s in self.metadata.snapshots()}
        first = self.metadata.properties.get(PROPERTY + "model-snapshot")
        at = self.metadata.current_snapshot()
        out = []
        while at is not None:
            out.append(str(at.snapshot_id))
            if out[-1] == first or at.parent_snapshot_id is None:
                break
            at = known.get(at.parent_snapshot_id)  # None: it has expired
        return tuple(out)

    def plan(self, where: Filters | None = None, snapshot: str | None = None) -> Snapshot:
        """A snapshot (None: the newest) with the data files that may hold matching posts, pruned by
        kind and category.

        Raises InputError for an unknown snapshot, StorageError for deletes of another engine.
        """
        conditions: dict[str, str | None] = {
            "kind": where.kind if where else None,
            "category": where.category if where else None,
        }
        key = (snapshot, *conditions.values())
        if key not in self._plans:
            terms = [_equal(name, value) for name, value in conditions.items() if value]
            expression = And(*terms) if len(terms) > 1 else terms[0] if terms else None
            self._plans[key] = self._planned(expression, snapshot)
        return self._plans[key]

    def _planned(self, condition: BooleanExpression | None, snapshot: str | None) -> Snapshot:
        if self.snapshot is None:
            return Snapshot(None, (), self.space)
        if snapshot is not None and snapshot not in self.snapshots:
            raise InputError(
                f"{self.uri} has no snapshot {snapshot}; there are: {', '.join(self.snapshots)}"
            )
        at = snapshot or self.snapshot
        options: dict[str, Any] = {} if condition is None else {"row_filter": condition}
        try:
            tasks = list(self.metadata.scan(snapshot_id=int(at), **options).plan_files())
        except FileNotFoundError as error:
            raise StorageError(f"a file that {self.uri} names has gone: {error}") from error
        except (NotImplementedError, *UNREADABLE) as error:
            remedy = ""
            if "equality deletes" in str(error):  # as Flink writes them
                remedy = (
                    "; have the engine that wrote them rewrite its data files, or take them back "
                    "with `matching-spark undo`"
                )
            raise StorageError(
                f"{self.uri} cannot be read at snapshot {at}: {error or type(error).__name__}"
                + remedy
            ) from error
        files = (self._file(task.file, task.delete_files) for task in tasks)
        return Snapshot(at, tuple(sorted(files, key=lambda f: f.uri)), self.space)

    def check_layout(self) -> None:
        """Raise StorageError where a newer version wrote it, or another engine changed what
        reading and writing rest on.

        Iceberg knows a column by its number, a data file by its name: of one that was dropped and
        added again, or renamed, the files would give the values of before.
        """
        written = int(self.stated("format-version"))
        if written > FORMAT_VERSION:
            raise StorageError(
                f"{self.uri} was written by a newer matching-spark (format {written}, this one "
                f"knows {FORMAT_VERSION}); upgrade with `pip install -U matching-spark`"
            )
        numbers = {f.name: f.field_id for f in self.metadata.schema().fields}
        ours: dict[str, int | None] = {name: i for i, name in enumerate(FIRST, 1)}
        for version, columns in BY_VERSION.items():
            if written < version:
                ours |= dict.fromkeys(columns)  # not there: another engine's would be in the way
            else:
                ours |= self._numbers(version)
        changed = [name for name, number in ours.items() if numbers.get(name) != number]
        if changed:
            raise StorageError(
                f"{self.uri} had columns changed by another engine ({', '.join(changed)} dropped, "
                "renamed or added again): nothing is read or written until they are renamed back, "
                "or the table is rolled back to before it"
            )
        self._parted(self.metadata.spec(), f"{self.uri} will have new files that are")
        written_as = self.metadata.properties.get("write.format.default", "parquet")
        if written_as != "parquet":
            raise StorageError(
                f"{self.uri} is written as {written_as}, which nothing here reads: set its "
                "write.format.default to parquet"
            )

    def _numbers(self, version: int) -> dict[str, int]:
        """The numbers of a later version's columns: by their place in a table that was made with
        them, where what lies in lists comes after; else as they were added."""
        columns = BY_VERSION[version]
        brought = self.metadata.properties.get(PROPERTY + ADDED_AT[version])
        if brought is None:
            return {name: i for i, name in enumerate(COLUMNS, 1) if name in columns}
        return numbered(columns, int(brought))

    def _parted(self, spec: PartitionSpec, what: str) -> tuple[int, int]:
        """Where kind and category stand in a spec's values."""
        at = {f.source_id: i for i, f in enumerate(spec.fields) if str(f.transform) == "identity"}
        kind, category = (list(FIRST).index(name) + 1 for name in ("kind", "category"))
        if not {kind, category} <= at.keys():
            raise StorageError(
                f"{what} not partitioned by kind and category, but by "
                f"{', '.join(f.name for f in spec.fields) or 'nothing'}: another engine changed "
                "the table's partitioning; change it back, and rewrite the data files since then"
            )
        return at[kind], at[category]

    def _file(self, file: IcebergFile, deletes: set[IcebergFile]) -> DataFile:
        if file.file_format != FileFormat.PARQUET:
            raise StorageError(
                f"{file.file_path} is {file.file_format.name}, not Parquet: set the table's "
                "write.format.default to parquet, and rewrite its data files"
            )
        self._check_model(file)
        uris = tuple(sorted(storage.recorded(d.file_path) for d in deletes))
        if any(uri.endswith(".puffin") for uri in uris):
            raise StorageError(
                f"{self.uri} has deletion vectors (format v3, which another engine made of it); "
                "`matching-spark compact` folds them in"
            )
        spec = self.metadata.specs()[file.spec_id]
        kind, category = self._parted(spec, f"{file.file_path} is")
        return DataFile(
            storage.recorded(file.file_path),
            file.record_count,
            file.file_size_in_bytes,
            uris,
            str(file.partition[kind]),
            str(file.partition[category]),
            self.photos,
        )

    def _check_model(self, file: IcebergFile) -> None:
        """Raise ModelError when the file's own statistics say that it is of another model."""
        number = self.metadata.schema().find_field("model").field_id
        model = self.space.model
        bounds = [(each or {}).get(number) for each in (file.lower_bounds, file.upper_bounds)]
        held = {"" if bound is None else bound.decode("utf-8", "replace") for bound in bounds}
        if held != {model}:  # none, or cut off, where another engine writes shorter statistics
            column = read_columns(storage.recorded(file.file_path), ["model"])["model"]
            held = set(column.unique().to_pylist())
        if held != {model}:
            raise ModelError(
                f"{file.file_path} holds vectors of {', '.join(sorted(held))}, the table is of "
                f"{model}: it was written while the model changed; reembed the table with "
                f"{model.partition('@')[0]}"
            )

    def shards(self, where: Filters | None = None) -> Iterator[Shard]:
        """Every shard, read past the cache: for what goes over the table once."""
        for file in self.plan(where).files:
            yield load(file, self.space.dimension)

    def locate(self, post_id: str, snapshot: str | None = None) -> tuple[DataFile, int]:
        """The data file and row of a post. Raises InputError when there is no such post."""
        for file in self._planned(_equal("post_id", post_id), snapshot).files:
            ids = read_columns(file.uri, ["post_id"])["post_id"]
            for row in pc.indices_nonzero(pc.equal(ids, post_id)).to_pylist():
                if alive(file)[row]:
                    return file, row
        raise InputError(f"there is no post {post_id!r} in {self.uri}")

    def kinds(self, post_ids: Iterable[str]) -> dict[str, str]:
        """Post -> lost or found, of those of the ids that there are, by their columns alone."""
        wanted = sorted(set(post_ids))
        out: dict[str, str] = {}
        for file in self._planned(_among("post_id", wanted), None).files if wanted else ():
            ids = read_columns(file.uri, ["post_id"])["post_id"]
            there = pc.and_(pc.is_in(ids, pa.array(wanted)), pa.array(alive(file)))
            out |= dict.fromkeys(ids.filter(there).to_pylist(), file.kind)
        return out

    def count(self, where: Filters) -> int:
        """The posts that the filters let through, by the columns that they are of. No JVM."""
        names = [name for name in FILTERED if getattr(where, name) is not None]
        total = 0
        for file in self.plan(where).files:
            rows = read_columns(file.uri, names)
            keep = pa.array(alive(file))
            for name in names:
                same = pc.equal(rows[name], getattr(where, name))
                keep = pc.and_(keep, pc.fill_null(same, False))
            total += pc.sum(keep).as_py() or 0
        return total

    def status(self) -> dict[str, Any]:
        """Posts by kind, category and state; model, snapshots, files; bytes."""
        files = self.plan().files
        counts: dict[tuple[str, str, str], int] = {}
        for file in files:
            rows = read_columns(file.uri, ["kind", "category", "status"])
            rows = rows.filter(pa.array(alive(file)))
            for row in rows.group_by(rows.column_names).aggregate([([], "count_all")]).to_pylist():
                key = (row["kind"], row["category"], row["status"])
                counts[key] = counts.get(key, 0) + row["count_all"]
        return {
            "table": self.uri,
            "model": self.space.model,
            "dimension": self.space.dimension,
            "snapshot": self.snapshot,
            "snapshots": list(self.snapshots),
            "data_files": len(files),
            "delete_files": len({d for f in files for d in f.deletes}),
            "bytes": sum(f.size_bytes for f in files),
            "total": sum(counts.values()),
            "posts": [
                {"kind": kind, "category": category, "status": status, "posts": n}
                for (kind, category, status), n in sorted(counts.items())
            ],
        }


def _among(column: str, values: list[str]) -> BooleanExpression:
    among: Any = In
    return cast(BooleanExpression, among(column, [literal(value) for value in values]))


def _equal(column: str, value: str) -> BooleanExpression:
    equal: Any = EqualTo  # its constructor is typed as pydantic's, not as it is called
    return cast(BooleanExpression, equal(column, literal(value)))
