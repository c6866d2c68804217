"""The small tables beside the posts: decisions, alerts. Written by Spark, read without a JVM."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.shards.arrow import read_columns
from matching_spark.spark.failures import spark_errors
from matching_spark.table.erase import erase_beside
from matching_spark.table.metadata import check_current, current_metadata, planned_files
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.versions import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PAIR = ("lost_id", "found_id")
_COLUMN = re.compile(r", (?![^<]*>)")  # between two columns, not within a type


def frame(table: PostsTable, name: str) -> "DataFrame":
    """The rows of the table that stands beside the posts, as it is now. Raises StorageError where
    it names files elsewhere."""
    check_current(table.uri, name)
    return table.session.table(f"{table.catalog}.{name}")


def ensure(table: PostsTable, name: str, schema: str) -> str:
    """Make the table unless it is there, and the columns that one of an earlier version lacks;
    returns its name in Spark SQL.
    """
    whole = f"{table.catalog}.{name}"
    if (metadata := current_metadata(table.uri, name)) is not None:
        there = set(metadata.schema().column_names)
        lacking = [c for c in _COLUMN.split(schema) if c.partition(" ")[0] not in there]
        if lacking:
            with spark_errors(f"{whole} could not be written"), table.writing():
                table.session.sql(f"ALTER TABLE {whole} ADD COLUMNS ({', '.join(lacking)})")
        return whole
    with spark_errors(f"{whole} could not be made"), table.writing():
        table.session.sql(
            f"CREATE TABLE IF NOT EXISTS {whole} ({schema}) USING iceberg "
            "TBLPROPERTIES ('format-version'='2')"
        )
    return whole


def append(table: PostsTable, name: str, schema: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Append rows; when this returns they are stored."""
    whole = ensure(table, name, schema)
    with spark_errors(f"{whole} could not be written"), table.writing():
        table.session.createDataFrame(list(rows), schema).coalesce(1).writeTo(whole).append()


def drop(table: PostsTable, ids: Collection[str]) -> None:
    """Take the rows that name some of these posts out of all that stands beside the posts now:
    pairs, decisions, alerts. `erase` ends them in every state before, too."""
    listed = [(each,) for each in ids]
    with spark_errors(f"what hangs on posts of {table.uri} could not be taken out"):
        table.session.createDataFrame(listed, "id string").createOrReplaceTempView("dropped")
        for name in tables(table.uri):
            whole = f"{table.catalog}.{name}"
            columns = [c for c in PAIR if c in frame(table, name).columns]
            which = " OR ".join(f"{c} IN (SELECT id FROM dropped)" for c in columns)
            if which:
                with table.writing():
                    table.session.sql(f"DELETE FROM {whole} WHERE {which}")
        table.session.catalog.dropTempView("dropped")


def end_gone(table: PostsTable, before: str | None, ids: Callable[[], Collection[str]]) -> None:
    """Called when rows that name posts were stored: erases those whose posts have gone since the
    snapshot `before`, which had them all. On HDFS, where writers take no turns, an erase may end
    between that look and the commit of the rows."""
    now = type(table).open(table.uri, table.session, table.hadoop)
    if now.snapshot == before:
        return
    named = frozenset(ids())
    if gone := named - now.kinds(named).keys():
        erase_beside(now, gone)


def read(uri: str, name: str) -> list[dict[str, Any]]:
    """Every row, its values by column; none where there is no such table.

    Raises StorageError for a table with deletes.
    """
    metadata = current_metadata(uri, name)
    now = None if metadata is None else metadata.current_snapshot()
    if metadata is None or now is None:
        return []
    rows: list[dict[str, Any]] = []
    for task in planned_files(metadata, now, f"{uri}/{name}"):
        if task.delete_files:
            raise StorageError(f"{uri}/{name} is append-only, but rows of it were deleted")
        rows += read_columns(storage.recorded(task.file.file_path), None).to_pylist()
    return rows
