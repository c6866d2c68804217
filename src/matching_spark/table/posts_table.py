"""The posts table on Iceberg: read without a JVM by pyiceberg, written by Spark.

A warehouse is a folder or an hdfs:// URI; `posts` lies in it as a Hadoop catalog lays it out, so
that any Spark, Trino or pyiceberg can read it too.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, BooleanExpression, EqualTo
from pyiceberg.expressions.literals import literal
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.domain.posts import STATUSES, Filters, Status, check
from matching_spark.domain.schema import COLUMNS
from matching_spark.errors import InputError, ModelError, StorageError
from matching_spark.layout import PHOTOS, cells_here
from matching_spark.shards.cache import Space
from matching_spark.shards.shard import DataFile, Shard, alive, load, read_columns
from matching_spark.spark.failures import spark_errors
from matching_spark.table.catalog import FORMAT_VERSION, PROPERTY, create, quoted, register
from matching_spark.table.commits import retry, swap
from matching_spark.table.metadata import current_metadata, made_at, version
from matching_spark.table.writer_lock import writing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class PostsTable:
    """The posts of one warehouse. Without a Spark session it can be read, not written."""

    def __init__(
        self, uri: str, spark: "SparkSession | None", metadata: StaticTable, hadoop: Hadoop
    ) -> None:
        self.uri = uri
        self.spark = spark
        self.hadoop = hadoop
        self.metadata = metadata
        self._plans: dict[tuple[str | None, ...], list[DataFile]] = {}  # of this metadata file

    @classmethod
    def open(
        cls, uri: str, spark: "SparkSession | None" = None, hadoop: Hadoop | None = None
    ) -> Self:
        """The table at `uri` as it is now. hadoop: how it is written.

        Raises InputError when there is none, StorageError when it cannot be reached or was written
        by a newer version.
        """
        uri = storage.absolute(uri)
        metadata = current_metadata(uri)
        if metadata is None:
            raise InputError(f"there is no posts table at {uri}; `matching-spark ingest` makes one")
        # In the spelling of the metadata, which every file's name begins with: `uri` may be a link.
        table = cls(storage.parent(made_at(metadata)), spark, metadata, hadoop or Hadoop())
        written = int(table._property("format-version"))
        if written > FORMAT_VERSION:
            raise StorageError(
                f"{uri} was written by a newer matching-spark (format {written}, this one knows "
                f"{FORMAT_VERSION}); upgrade with `pip install -U matching-spark`"
            )
        return table

    @classmethod
    def open_or_create(
        cls,
        uri: str,
        spark: "SparkSession",
        *,
        model: str,
        dimension: int,
        hadoop: Hadoop | None = None,
    ) -> Self:
        """The table at `uri`; made when there is none. Raises ModelError for another model's."""
        uri = storage.absolute(uri)
        hadoop = hadoop or Hadoop()
        if current_metadata(uri) is None:
            create(uri, spark, model, dimension, hadoop)
        table = cls.open(uri, spark, hadoop)
        table.check_model(model)
        return table

    def _property(self, name: str) -> str:
        try:
            return self.metadata.properties[PROPERTY + name]
        except KeyError:
            raise InputError(
                f"{self.uri}/posts is an Iceberg table, but not of matching-spark"
            ) from None

    @property
    def model(self) -> str:
        """The name and checksum of the model whose vectors the table holds."""
        return self._property("model")

    @property
    def dimension(self) -> int:
        return int(self._property("dimension"))

    @property
    def space(self) -> Space:
        """The model, the dimension and the cells that its vectors are sorted by where cached."""
        cells = self.metadata.properties.get(PROPERTY + "cells")
        return Space(self.model, self.dimension, cells and cells_here(self.uri, cells))

    @property
    def photos(self) -> str:
        """The folder of the kept photos."""
        return storage.join(self.uri, PHOTOS)

    @property
    def snapshot(self) -> str | None:
        """The id of the state that a search reads; None while nothing was ever written."""
        current = self.metadata.current_snapshot()
        return None if current is None else str(current.snapshot_id)

    @property
    def snapshots(self) -> list[str]:
        """The states that can be asked, the newest first: those of the table's present model."""
        known = {s.snapshot_id: s for s in self.metadata.snapshots()}
        first = self.metadata.properties.get(PROPERTY + "model-snapshot")
        at = self.metadata.current_snapshot()
        out = []
        while at is not None:
            out.append(str(at.snapshot_id))
            if out[-1] == first or at.parent_snapshot_id is None:
                break
            at = known.get(at.parent_snapshot_id)  # None: it has expired
        return out

    @property
    def name(self) -> str:
        """The table's name in Spark SQL. Raises StorageError without a session.

        Made known here and not when it is opened: a search runs no SQL and need not start it.
        """
        return f"{register(self.uri, self._spark)}.posts"

    @property
    def _spark(self) -> "SparkSession":
        if self.spark is None:
            raise StorageError(f"{self.uri} was opened for reading; writing needs a Spark session")
        return self.spark

    def writing(self) -> AbstractContextManager[None]:
        """Be the warehouse's only writer: around every statement that commits to a table of it."""
        return writing(self.uri, self._spark, self.hadoop.lock_wait_s)

    def refresh(self) -> None:
        metadata = current_metadata(self.uri)
        if metadata is None:
            raise StorageError(f"{self.uri}/posts has gone")
        if version(metadata) != version(self.metadata):
            self._plans.clear()
        self.metadata = metadata

    def check_model(self, model: str) -> None:
        if model != self.model:
            raise ModelError(
                f"{self.uri} holds vectors of {self.model}, this is {model}; vectors of different "
                f"models are never compared: use its model (model.name: "
                f"{self.model.partition('@')[0]}), another table, or reembed this one with "
                f"{model.partition('@')[0]}"
            )

    # -- reading -----------------------------------------------------------------------------

    def plan(self, where: Filters | None = None, snapshot: str | None = None) -> list[DataFile]:
        """The data files of a snapshot that may hold matching posts, pruned by kind and category.

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
            self._plans[key] = self._plan(expression, snapshot)
        return list(self._plans[key])

    def _plan(self, row_filter: BooleanExpression | None, snapshot: str | None) -> list[DataFile]:
        if self.snapshot is None:
            return []
        if snapshot is not None and snapshot not in self.snapshots:
            raise InputError(
                f"{self.uri} has no snapshot {snapshot}; there are: {', '.join(self.snapshots)}"
            )
        options: dict[str, Any] = {} if row_filter is None else {"row_filter": row_filter}
        scan = self.metadata.scan(snapshot_id=int(snapshot) if snapshot else None, **options)
        try:
            tasks = list(scan.plan_files())
        except FileNotFoundError as error:
            raise StorageError(f"a file that {self.uri} names has gone: {error}") from error
        except (ValueError, NotImplementedError) as error:  # equality deletes
            raise StorageError(f"{self.uri} cannot be read: {error}") from error
        files = []
        for task in tasks:
            self._check_file(task.file)
            deletes = tuple(sorted(storage.recorded(d.file_path) for d in task.delete_files))
            if any(d.endswith(".puffin") for d in deletes):
                raise StorageError(
                    f"{self.uri} has deletion vectors, written by another engine (format v3); "
                    "rewrite its data files to fold them in"
                )
            files.append(
                DataFile(
                    storage.recorded(task.file.file_path),
                    task.file.record_count,
                    task.file.file_size_in_bytes,
                    deletes,
                    task.file.partition[0],
                    task.file.partition[1],
                    self.photos,
                )
            )
        return sorted(files, key=lambda f: f.uri)

    def _check_file(self, file: Any) -> None:
        """Raise ModelError when the file's own statistics say that it is of another model."""
        number = self.metadata.schema().find_field("model").field_id
        held = {bounds[number].decode() for bounds in (file.lower_bounds, file.upper_bounds)}
        if held != {self.model}:
            raise ModelError(
                f"{file.file_path} holds vectors of {', '.join(sorted(held))}, the table is of "
                f"{self.model}: it was written while the model changed; reembed the table with "
                f"{self.model.partition('@')[0]}"
            )

    def shards(self, where: Filters | None = None) -> Iterator[Shard]:
        """Every shard, read past the cache: for what goes over the table once."""
        for file in self.plan(where):
            yield load(file, self.dimension)

    def find(self, post_id: str, snapshot: str | None = None) -> tuple[DataFile, int]:
        """The data file and row of a post. Raises InputError when there is no such post."""
        for file in self._plan(_equal("post_id", post_id), snapshot):
            ids = read_columns(file.uri, ["post_id"])["post_id"]
            for row in pc.indices_nonzero(pc.equal(ids, post_id)).to_pylist():
                if alive(file)[row]:
                    return file, row
        raise InputError(f"there is no post {post_id!r} in {self.uri}")

    def frame(self, snapshot: str | None = None) -> "DataFrame":
        """The posts as of a snapshot (None: the table's own), whoever writes until it is read.

        Raises StorageError when the snapshot has expired: `refresh` first.
        """
        at = snapshot or self.snapshot
        if at is None:
            return self._spark.table(self.name)
        with spark_errors(f"{self.uri} cannot be read at snapshot {at}"):
            return self._spark.read.option("versionAsOf", at).table(self.name)

    def status(self) -> dict[str, Any]:
        """Posts by kind, category and state; model, snapshots, files; bytes. No JVM."""
        files = self.plan()
        counts: dict[tuple[str, str, str], int] = {}
        for file in files:
            rows = read_columns(file.uri, ["kind", "category", "status"])
            rows = rows.filter(pa.array(alive(file)))
            for row in rows.group_by(rows.column_names).aggregate([([], "count_all")]).to_pylist():
                key = (row["kind"], row["category"], row["status"])
                counts[key] = counts.get(key, 0) + row["count_all"]
        return {
            "table": self.uri,
            "model": self.model,
            "dimension": self.dimension,
            "snapshot": self.snapshot,
            "snapshots": self.snapshots,
            "data_files": len(files),
            "delete_files": len({d for f in files for d in f.deletes}),
            "bytes": sum(f.size_bytes for f in files),
            "total": sum(counts.values()),
            "posts": [
                {"kind": kind, "category": category, "status": status, "posts": n}
                for (kind, category, status), n in sorted(counts.items())
            ],
        }

    def set_cells(self, uri: str) -> None:
        """Make a file of centroids the current one; shards are sorted anew when next cached."""
        value = f"{quoted(PROPERTY + 'cells')} = {quoted(uri)}"
        statement = f"ALTER TABLE {self.name} SET TBLPROPERTIES ({value})"
        self._commit(lambda: self._spark.sql(statement))

    # -- writing -----------------------------------------------------------------------------

    def upsert(self, posts: "DataFrame") -> None:
        """Take in posts (the table's columns), each id once; when this returns they are stored.

        A post that was closed stays closed when the one that comes calls it open.
        """
        from pyspark.sql import functions as F

        with self._errors():
            first, last = posts.selectExpr("min(post_id)", "max(post_id)").collect()[0]
        if first is None:
            return
        view = f"incoming_{uuid.uuid4().hex}"
        posts.createOrReplaceTempView(view)
        values = ", ".join(f"s.{c}" for c in COLUMNS)
        new = {c: f"s.{c}" for c in COLUMNS}
        # Here, where no other writer can come between: it may be closed while this one is embedded.
        new["status"] = "CASE WHEN s.status = 'open' THEN t.status ELSE s.status END"
        # The literal range is both conflict filter and file pruning: without it, writers of
        # different ids refuse each other.
        merge = (
            f"MERGE INTO {self.name} t USING {view} s ON t.post_id = s.post_id "
            "AND t.post_id BETWEEN :first AND :last "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(f't.{c} = {v}' for c, v in new.items())} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(COLUMNS)}) VALUES ({values})"
        )

        def write() -> None:
            if self.snapshot is None:
                # No join. There is nothing to overwrite, and an append would not look whether
                # somebody else has just brought the same posts.
                first_write = posts.writeTo(self.name).option("isolation-level", "serializable")
                first_write.overwrite(F.lit(True))
            else:
                self._spark.sql(merge, args={"first": first, "last": last})

        try:
            self._commit(write)
        finally:
            self._spark.catalog.dropTempView(view)

    def set_status(self, post_ids: Iterable[str], status: Status) -> int:
        """Give posts a state; returns how many changed. Raises InputError naming unknown ids."""
        check("status", status, STATUSES)
        from pyspark.sql import functions as F

        ids = sorted(set(post_ids))
        if not ids:
            return 0
        self.refresh()  # says at once that HDFS is away; Spark would try again for minutes
        with self._errors():
            frame = self.frame().where(F.col("post_id").isin(ids))
            known = frame.select("post_id", "status").collect()
        missing = sorted(set(ids) - {row["post_id"] for row in known})
        if missing:
            raise InputError(f"there is no post {', '.join(map(repr, missing))} in {self.uri}")
        changing = sorted(row["post_id"] for row in known if row["status"] != status)
        if changing:
            listed = ", ".join(f":id{i}" for i in range(len(changing)))
            args = {f"id{i}": post_id for i, post_id in enumerate(changing)} | {"status": status}
            update = (
                f"UPDATE {self.name} SET status = :status, updated_at = current_timestamp() "
                f"WHERE post_id IN ({listed})"
            )
            self._commit(lambda: self._spark.sql(update, args=args))
        return len(changing)

    def _commit(self, write: Callable[[], object]) -> None:
        """Run a write of posts of this table's model, again where another writer overtook it."""
        model = self.model

        def step() -> None:
            with self.writing():
                self.refresh()
                if self.model != model:
                    raise ModelError(
                        f"{self.uri} has changed from {model} to {self.model} meanwhile; run it "
                        f"again with that model (model.name: {self.model.partition('@')[0]})"
                    )
                write()

        with self._errors():
            retry(step, self.hadoop)
        self.refresh()

    def _errors(self) -> AbstractContextManager[None]:
        return spark_errors(f"{self.uri} could not be written")

    def swap(self, base: str | None, change: Callable[[Any, Any], Any]) -> bool:
        """Commit a change of the metadata itself, unless the table is no more at snapshot `base`.

        change: (Iceberg's TableMetadata, a builder from it) -> the builder. Returns whether it was
        committed: False when anybody wrote since `base`.
        """
        with self.writing():
            committed = swap(self._spark, self.name, base, change)
        if committed:
            self.refresh()
        return committed


def _equal(column: str, value: str) -> BooleanExpression:
    equal: Any = EqualTo  # its constructor is typed as pydantic's, not as it is called
    return cast(BooleanExpression, equal(column, literal(value)))
