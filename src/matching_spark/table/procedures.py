"""Iceberg's own maintenance of a warehouse's tables: what compact and erase are made of."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from matching_spark.errors import InputError, StorageError
from matching_spark.spark.failures import cause
from matching_spark.spark.jvm import jvm
from matching_spark.table.catalog import iceberg_table, quoted, telling
from matching_spark.table.commits import Overtaken, overtaken, retry
from matching_spark.table.mark import keep
from matching_spark.table.metadata import check_current, check_within, current_metadata, named_files
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.unfinished import begun
from matching_spark.table.versions import newest, tables

if TYPE_CHECKING:
    from pyspark.sql import Row


class _State(NamedTuple):
    """metadata: the newest of each table. ending: the lists of what erases have begun to end."""

    metadata: list[str | None]
    ending: list[str]


class Procedures:
    """Statements on the tables of one warehouse, named as they lie there: posts, matches, ..."""

    def __init__(self, table: PostsTable) -> None:
        self.table = table
        self.spark = table.session

    def again(self, step: Callable[..., None], *arguments: object) -> None:
        """Run a step, again while writers overtake it: every step may run more than once.

        A step that fails while others write, or end something as an erase on HDFS does, may have
        lost what it was reading: it counts as overtaken too.
        """

        def tried() -> None:
            before = self._state()
            try:
                step(*arguments)
            except InputError:
                raise
            except Exception as error:
                if overtaken(error) or (before == (now := self._state()) and not now.ending):
                    raise
                raise Overtaken(
                    f"{self.table.uri}: others wrote meanwhile ({cause(error)}); run it again"
                ) from error

        retry(tried, self.table.hadoop)

    def _state(self) -> _State:
        uri, names = self.table.uri, tables(self.table.uri)
        return _State(
            [newest(uri, n) for n in names], [each for n in names for each in begun(uri, n)]
        )

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Be the warehouse's only writer. Raises StorageError for a table that is a copy by now, or
        names files elsewhere."""
        with self.table.writing():
            check_current(self.table.uri, name)
            yield

    def rewrite(
        self, name: str, where: str = "", told: "Callable[[Row], object]" = lambda done: None
    ) -> None:
        """Rewrite small files and those with deletes; where: a condition that files may meet.

        told: gets what was committed. Raises Overtaken when writers overtook another part.
        """
        options = {
            "target-file-size-bytes": str(self.table.hadoop.target_file_bytes),
            "min-input-files": "2",
            "delete-file-threshold": "1",
            # Each commit that a writer does not overtake stays, and a killed compact keeps it.
            "partial-progress.enabled": "true",
            # Of the others Iceberg says nothing: as many may fail as it makes.
            "partial-progress.max-failed-commits": "0",
        }
        done = self._call("rewrite_data_files", name, options, where)
        told(done)
        if done["failed_data_files_count"]:
            raise Overtaken(
                f"{self.table.uri}/{name}: {done['failed_data_files_count']} files could not be "
                "rewritten, writers overtook each try; run it again when they rest"
            )

    def rewrite_deletes(self, name: str) -> None:
        """Drop the rows of delete files that name data files which are gone."""
        self._call("rewrite_position_delete_files", name, {"rewrite-all": "true"})

    def rewrite_manifests(self, name: str) -> None:
        """Name the data files anew: manifests keep the least and greatest values of a file that was
        removed, as long as they name another one. (Iceberg's procedure leaves a single one be.)
        """
        guava = jvm(self.spark).com.google.common.base.Functions
        with self.writing(name):
            table = iceberg_table(self.spark, f"{self.table.catalog}.{name}")
            if table.currentSnapshot() is not None:
                anew = table.rewriteManifests().clusterBy(guava.constant(name))
                telling(self.spark, anew).commit()

    def expire(self, name: str, ids: Iterable[int]) -> None:
        """End these snapshots, by their ids: Iceberg by itself counts their age from their writing.

        Snapshots that another run has ended meanwhile are left out: Iceberg would fail on them.
        """
        with self.writing(name):
            if name == "posts":
                keep(self.table)
            metadata = current_metadata(self.table.uri, name)
            there = set() if metadata is None else {s.snapshot_id for s in metadata.snapshots()}
            if metadata is not None:  # with a snapshot Iceberg removes the files that it names
                check_within(metadata, named_files(metadata))
            if listed := ", ".join(f"{i}L" for i in sorted(there.intersection(ids))):
                self.spark.sql(
                    f"CALL {self.table.catalog}.system.expire_snapshots(table => '{name}', "
                    f"older_than => TIMESTAMP '1970-01-02 00:00:00', "
                    f"snapshot_ids => ARRAY({listed}))"
                ).collect()

    def _call(self, procedure: str, name: str, options: dict[str, str], where: str = "") -> "Row":
        listed = ", ".join(f"'{k}', '{v}'" for k, v in options.items())
        which = f", where => {quoted(where)}" if where else ""
        statement = (
            f"CALL {self.table.catalog}.system.{procedure}(table => '{name}', "
            f"options => map({listed}){which})"
        )
        with self.writing(name):
            try:
                return self.spark.sql(statement).collect()[0]
            except Exception as error:
                whole = f"{self.table.uri}/{name}"
                raise StorageError(f"{whole}: {procedure} failed: {error}") from error
