"""The posts table on Iceberg: read without a JVM by pyiceberg, written by Spark.

A warehouse is a folder or an hdfs:// URI; `posts` lies in it as a Hadoop catalog lays it out, so
that any Spark, Trino or pyiceberg can read it too.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload

from matching_spark import storage
from matching_spark.config import Hadoop, Settings
from matching_spark.domain.posts import DESK, STATUSES, Filters, Status, check, check_there
from matching_spark.domain.schema import ADDED, COLUMNS, EXTERNAL, POINT
from matching_spark.errors import InputError, ModelError, StorageError
from matching_spark.shards.shard import DataFile, Shard
from matching_spark.shards.space import VectorSpace
from matching_spark.spark.failures import check_running, spark_errors
from matching_spark.spark.jvm import Java
from matching_spark.table.catalog import (
    FORMAT_VERSION,
    MODEL_PLACE,
    PROPERTY,
    add_columns,
    create,
    quoted,
    register,
)
from matching_spark.table.commits import retry, swap
from matching_spark.table.kept_plans import KeptPlans
from matching_spark.table.merging import merging
from matching_spark.table.state import IDENTIFIER_KEY, Snapshot, TableState, opened
from matching_spark.table.versions import newest
from matching_spark.table.writer_lock import writing

AT_ONCE = 2000  # posts that one statement names
GROWN = "coalesce({}sequence, 0) + 1"  # of a post that changes; of version 1 it has none

if TYPE_CHECKING:
    from pyiceberg.table import StaticTable
    from pyspark.sql import DataFrame, SparkSession


class PostsTable:
    """The posts of one warehouse. Without a Spark session it can be read, not written."""

    def __init__(
        self, state: TableState, spark: "SparkSession | None", hadoop: Hadoop | None
    ) -> None:
        self.state = state
        self.spark = spark
        self._hadoop = hadoop

    @overload
    @classmethod
    def open(cls, uri: str) -> Self: ...
    @overload
    @classmethod
    def open(
        cls, uri: str, spark: "SparkSession | None", hadoop: Hadoop, kept: KeptPlans | None = None
    ) -> Self: ...
    @classmethod
    def open(
        cls,
        uri: str,
        spark: "SparkSession | None" = None,
        hadoop: Hadoop | None = None,
        kept: KeptPlans | None = None,
    ) -> Self:
        """The table at `uri` as it is now; with a session and how Hadoop is used, to be written.
        kept: where what a search needs of it is kept between processes.

        Raises InputError when there is none, StorageError when it cannot be reached or was written
        by a newer version.
        """
        uri = storage.absolute(uri)
        state = opened(uri, kept)
        if state is None:
            raise InputError(
                f"there is no posts table at {uri}; `matching-spark ingest` makes one, "
                "MATCHING_TABLE names another",
                argument="table",
            )
        return cls(state, spark, hadoop)

    @classmethod
    def of(cls, settings: Settings, spark: "SparkSession | None" = None) -> Self:
        """The table that the settings name; with a session to be written as they say. Without one
        its plans are kept in the cache's folder."""
        kept = KeptPlans.of(settings.cache) if spark is None else None
        return cls.open(settings.table, spark, settings.hadoop, kept)

    @classmethod
    def open_or_create(
        cls,
        uri: str,
        spark: "SparkSession",
        *,
        model: str,
        dimension: int,
        hadoop: Hadoop,
        place: str | None = None,
    ) -> Self:
        """The table at `uri`; made when there is none. place: of the model, for others to load it.

        Raises ModelError for another model's, InputError for a dimension that none can have.
        """
        uri = storage.absolute(uri)
        if newest(uri, "posts") is None:
            space = {"model": model, "dimension": str(dimension)}
            create(uri, spark, space | ({MODEL_PLACE: place} if place else {}), hadoop)
        table = cls.open(uri, spark, hadoop)
        table.check_model(model)
        return table

    # -- what it says of itself, as of `refresh` ---------------------------------------------------

    @property
    def uri(self) -> str:
        return self.state.uri

    @property
    def metadata(self) -> "StaticTable":
        return self.state.metadata

    @property
    def model(self) -> str:
        """The name and checksum of the model whose vectors the table holds."""
        return self.space.model

    @property
    def dimension(self) -> int:
        return self.space.dimension

    @property
    def space(self) -> VectorSpace:
        return self.state.space

    @property
    def model_place(self) -> str | None:
        """Where the model is that the table holds vectors of, as it was when they were made."""
        return self.state.head.properties.get(PROPERTY + MODEL_PLACE)

    @property
    def photos(self) -> str:
        """The folder of the kept photos."""
        return self.state.photos

    @property
    def snapshot(self) -> str | None:
        """The id of the newest snapshot; None while nothing was ever written."""
        return self.state.snapshot

    @property
    def snapshots(self) -> list[str]:
        """The snapshots that can be asked, the newest first."""
        return list(self.state.snapshots)

    @property
    def hadoop(self) -> Hadoop:
        """How the table is written and kept. Raises StorageError when it was opened without."""
        if self._hadoop is None:
            raise StorageError(f"{self.uri} was opened for reading, without settings of Hadoop")
        return self._hadoop

    @property
    def catalog(self) -> str:
        """The warehouse's name in Spark SQL. Raises StorageError without a session.

        Made known here and not when it is opened: a search runs no SQL and need not start it.
        """
        return register(self.uri, self.session)

    @property
    def name(self) -> str:
        """The table's name in Spark SQL. Raises as `catalog`."""
        return f"{self.catalog}.posts"

    @property
    def session(self) -> "SparkSession":
        """The one to write with. Raises StorageError where there is none, or it has ended."""
        if self.spark is None:
            raise StorageError(f"{self.uri} was opened for reading; writing needs a Spark session")
        check_running(self.spark.sparkContext)
        return self.spark

    def writing(self) -> AbstractContextManager[None]:
        """Be the warehouse's only writer: around every statement that commits to a table of it."""
        return writing(self.uri, self.session, self.hadoop.lock_wait_s)

    def refresh(self, model: str | None = None) -> None:
        """See what was written since. Who reads meanwhile reads one state or the other.

        model: whose vectors are compared with it. Raises ModelError where the table has another's
        now; the state is then what it was.
        """
        state = opened(self.uri, self.state.kept, self.state)
        if state is None:
            raise StorageError(f"{self.uri}/posts has gone")
        if model is not None:
            type(self)(state, None, None).check_model(model)
        self.state = state

    def check_model(self, model: str) -> None:
        if model == self.model:
            return
        called, ours = model.partition("@")[0], self.model.partition("@")[0]
        remedy = (
            f"use its model (model.name: {ours}), another table, or reembed this one with {called}"
            if called != ours  # else no setting names the former one, which an upgrade replaced
            else f"reembed the table with {called} as it is now, or use another table"
        )
        if self.model.startswith(EXTERNAL):
            remedy = "those here were made elsewhere, by no model that there is: use another table"
        raise ModelError(
            f"{self.uri} holds vectors of {self.model}, this is {model}; vectors of different "
            f"models are never compared: {remedy}"
        )

    # -- reading -----------------------------------------------------------------------------

    def plan(self, where: Filters | None = None, snapshot: str | None = None) -> Snapshot:
        """As TableState.plan, of the state that is known."""
        return self.state.plan(where, snapshot)

    def shards(self, where: Filters | None = None) -> Iterator[Shard]:
        """Every shard, read past the cache: for what goes over the table once."""
        return self.state.shards(where)

    def locate(self, post_id: str, snapshot: str | None = None) -> tuple[DataFile, int]:
        """The data file and row of a post. Raises InputError when there is no such post."""
        return self.state.locate(post_id, snapshot)

    def kinds(self, post_ids: Iterable[str]) -> dict[str, str]:
        """As TableState.kinds. No JVM."""
        return self.state.kinds(post_ids)

    def status(self) -> dict[str, Any]:
        """As TableState.status. No JVM."""
        return self.state.status()

    def frame(self, snapshot: str | None = None) -> "DataFrame":
        """The posts as of a snapshot (None: the table's own), whoever writes until it is read.

        Raises StorageError when the snapshot has expired: `refresh` first.
        """
        at = self.snapshot if snapshot is None else snapshot
        with spark_errors(f"{self.uri} cannot be read at snapshot {at}"):
            past = {} if at is None else {"versionAsOf": at}
            frame = self.session.read.options(**past).table(self.name)
        self.state.check_files(at)
        lacking = ADDED.keys() - set(frame.columns)  # a snapshot of an earlier version
        if not lacking:
            return frame
        from pyspark.sql import functions as F  # half a second for those who read only

        nulls = {name: F.lit(None).cast(ADDED[name]) for name in lacking}
        return frame.withColumns(nulls).select(*COLUMNS)

    def set_cells(self, uri: str) -> None:
        """Make a file of centroids the current one; shards are sorted anew when next cached."""
        self._set("cells", uri)

    def set_identifier_key(self, name: str) -> None:
        """Name the key that numbers are hashed by from now on (domain.identifiers.Seal.name)."""
        self._set(IDENTIFIER_KEY, name)

    def _set(self, name: str, value: str) -> None:
        stated = f"SET TBLPROPERTIES ({quoted(PROPERTY + name)} = {quoted(value)})"
        self.commit(lambda: self.session.sql(f"ALTER TABLE {self.name} {stated}"))

    # -- writing -----------------------------------------------------------------------------

    def upsert(
        self,
        posts: "DataFrame",
        source: str = DESK,
        known: Collection[str] = (),
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """Take in posts (schema.FIRST, or more of schema.COLUMNS) of a source, each id once; when
        this returns they are stored. known: the ids of those that rest on what the table had.
        check: called before each try, when no other writer comes between; what it raises ends it.

        A post that was closed stays closed when the one that comes calls it open, and keeps its
        identifiers where none come, its coordinates where there is no column of them, the vector of
        its words where they stay.
        """
        from pyspark.sql import functions as F  # half a second for those who read only

        came = set(posts.columns)
        added = dict.fromkeys(ADDED.keys() - came) | {"source": source, "sequence": 1}
        posts = posts.withColumns({n: F.lit(v).cast(ADDED[n]) for n, v in added.items()})
        posts = posts.select(*COLUMNS)
        new = {c: f"s.{c}" for c in COLUMNS}
        # Here, where no other writer can come between: it may be closed while this one is embedded.
        new["status"] = "CASE WHEN s.status = 'open' THEN t.status ELSE s.status END"
        new["text_vector"] = (  # vectors of photos come without one: what is said stays said
            "CASE WHEN s.text_vector IS NULL AND s.title <=> t.title "
            "AND s.description <=> t.description THEN t.text_vector ELSE s.text_vector END"
        )
        new["identifiers"] = (
            "CASE WHEN size(s.identifiers) > 0 THEN s.identifiers "
            "ELSE coalesce(t.identifiers, s.identifiers) END"
        )
        new |= {name: f"t.{name}" for name in POINT if name not in came}
        new["sequence"] = GROWN.format("t.")
        with merging(self, posts, new, known=known, check=check) as write:
            self.commit(write)

    def set_status(self, post_ids: Iterable[str], status: Status, was: Status | None = None) -> int:
        """Give posts a state; returns how many changed. was: only those that are so until then.

        Raises InputError naming unknown ids, but where `was` is told.
        """
        check("status", status, STATUSES)
        still = "" if was is None else f"status = {quoted(was)} AND "
        update = (
            f"UPDATE {self.name} SET status = {quoted(status)}, updated_at = current_timestamp(), "
            f"sequence = {GROWN.format('')} WHERE {still}"
        )
        ids = sorted(set(post_ids))
        self.refresh()
        known = self.state.column("status", ids)
        if was is None:
            check_there(ids, known, self.uri)
        changing = [i for i, now in sorted(known.items()) if now != status and was in (None, now)]
        self._commit_on(update, changing)
        return len(changing)

    def delete(self, post_ids: Iterable[str]) -> int:
        """Take posts out of the table as it is now; returns how many were there.

        Their rows stay in the data files, and in every snapshot before: `erase` ends them.
        """
        delete, ids = f"DELETE FROM {self.name} WHERE ", sorted(set(post_ids))
        self.refresh()
        there = len(self.kinds(ids))
        if there:
            self._commit_on(delete, ids)
        return there

    def _commit_on(self, statement: str, ids: Sequence[str]) -> None:
        """Commit a statement, which ends with its WHERE, for these posts, AT_ONCE at a time."""
        for start in range(0, len(ids), AT_ONCE):
            args = {f"id{i}": each for i, each in enumerate(ids[start : start + AT_ONCE])}
            named = ", ".join(f":{name}" for name in args)
            run = partial(self.session.sql, f"{statement}post_id IN ({named})", args=args)
            self.commit(run)

    def bring_up(self) -> None:
        """See what was written since, and give a table of an earlier version the columns of
        this one.

        Within `writing`. It is one commit of metadata: no file is written anew.
        """
        self.refresh()
        version = self.state.number("format-version")
        if version == FORMAT_VERSION:
            return
        add_columns(self.session, self.name, version)
        self.refresh()

    def commit(self, write: Callable[[], object]) -> None:
        """Run a write of posts of this table's model, again where another writer overtook it."""
        model = self.model

        def step() -> None:
            with self.writing():
                self.bring_up()
                if self.model != model:
                    raise ModelError(
                        f"{self.uri} has changed from {model} to {self.model} meanwhile; run it "
                        f"again with that model (model.name: {self.model.partition('@')[0]})"
                    )
                self.state.check_files(self.snapshot)
                write()

        with spark_errors(f"{self.uri} could not be written"):
            retry(step, self.hadoop)
        self.refresh()

    def swap(self, base: str | None, change: Callable[[Java, Java], Java]) -> bool:
        """Commit a change of the metadata itself, unless the table is no more at snapshot `base`.

        change: (Iceberg's TableMetadata, a builder from it) -> the builder. Returns whether it was
        committed: False when anybody wrote since `base`.
        """
        with self.writing():
            committed = swap(self.session, self.name, base, change)
        if committed:
            self.refresh()
        return committed
