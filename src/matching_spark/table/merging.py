"""Rows merged into the posts table: those of a source, and those of the service's journal."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from matching_spark.domain.schema import COLUMNS
from matching_spark.errors import StorageError
from matching_spark.spark.failures import spark_errors
from matching_spark.table.catalog import iceberg_table, saying, telling
from matching_spark.table.mark import MARK, MARKING, Mark, merged

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from matching_spark.table.posts_table import PostsTable

# Two changes of a post that did not know of each other count its row to the same sequence: then the
# later one stands.
NEWER = (
    "s.sequence > coalesce(t.sequence, 0) "
    "OR s.sequence = t.sequence AND s.updated_at > t.updated_at"
)


class Rewound(StorageError):
    """The table no longer has the mark that a merge began from."""


class WrittenMeanwhile(Exception):
    """Another writer has brought or changed some of the posts that are to be written."""


@contextmanager
def merging(
    table: "PostsTable",
    posts: "DataFrame",
    new: Mapping[str, str],
    newer: str = "true",
    known: Collection[str] = (),
    check: Callable[[], object] = lambda: None,
) -> Iterator[Callable[[], None]]:
    """A write for PostsTable.commit, which takes in posts (schema.COLUMNS), each id once.

    new: column -> its value where the table has the post, `t` being its row and `s` the one that
    comes; newer: which rows are taken then. known: the ids of those that rest on what the table
    had: where its row has gone since, as by an erase, they are not taken. check: called first.
    """
    from pyspark.sql import functions as F  # half a second for those who read only

    with spark_errors(f"{table.uri} could not be written"):
        first, last = posts.selectExpr("min(post_id)", "max(post_id)").collect()[0]
    if first is None:
        yield lambda: None
        return
    had = table.session.createDataFrame(pa.table({"post_id": pa.array(sorted(known), pa.string())}))
    told = posts.join(F.broadcast(had.withColumn("had", F.lit(True))), "post_id", "left")
    view = f"incoming_{uuid.uuid4().hex}"
    told.createOrReplaceTempView(view)
    # The literal range is both conflict filter and file pruning: without it, writers of
    # different ids refuse each other.
    merge = (
        f"MERGE INTO {table.name} t USING {view} s ON t.post_id = s.post_id "
        "AND t.post_id BETWEEN :first AND :last "
        f"WHEN MATCHED AND ({newer}) THEN UPDATE SET "
        f"{', '.join(f't.{column} = {value}' for column, value in new.items())} "
        f"WHEN NOT MATCHED AND s.had IS NULL THEN INSERT ({', '.join(COLUMNS)}) "
        f"VALUES ({', '.join(f's.{column}' for column in COLUMNS)})"
    )

    def write() -> None:
        check()
        if table.snapshot is None:
            # No join. There is nothing to overwrite, and an append would not look whether
            # somebody else has just brought the same posts.
            first_write = posts.writeTo(table.name).option("isolation-level", "serializable")
            first_write.overwrite(F.lit(True))
        else:
            table.session.sql(merge, args={"first": first, "last": last})

    try:
        yield write
    finally:
        table.session.catalog.dropTempView(view)


def take_in(
    table: "PostsTable", posts: "DataFrame | None", before: Mark, since: int, upto: Mark
) -> None:
    """Take the journal's posts (schema.COLUMNS, each id once) and their mark into the table, in one
    commit. A post of which the table has the same or a newer version stays as it is.

    posts: None if only the mark moves, by a commit without rows. before: the table's mark when the
    events after `since` were read; if it has another by now, as after an undo, Rewound is raised
    and nothing has changed.
    """

    def commit(write: Callable[[], None]) -> None:
        def checked() -> None:
            if merged(table.metadata) != before:
                raise Rewound(f"{table.uri} was merged or undone meanwhile; run it again")
            write()

        table.commit(checked)

    if posts is not None:
        with (
            merging(table, posts, {c: f"s.{c}" for c in COLUMNS}, NEWER) as write,
            saying(table.session, MARKING, upto.behind(since)),
        ):
            commit(write)
    if merged(table.metadata) != upto:
        commit(lambda: _say(table, upto.behind(since)))


def _say(table: "PostsTable", said: str) -> None:
    """Commit a mark without rows: else events that change no post would be read again and again."""
    append = iceberg_table(table.session, table.name).newAppend().set(MARK, said)
    telling(table.session, append).commit()
