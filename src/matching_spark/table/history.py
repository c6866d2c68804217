"""What was committed to the posts table: the snapshots that there still are, and what made them."""

import datetime as dt
from dataclasses import dataclass

from matching_spark.table.catalog import COMMAND
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.undo import posts_at, undoable


@dataclass(frozen=True)
class Commit:
    """One snapshot. at: when it was written. command: what wrote it, or Iceberg's operation where
    that did not say. posts: in the table then. current: it is the table. undo: can go back to it.
    """

    snapshot: str
    at: dt.datetime
    command: str
    posts: int
    current: bool
    undo: bool


def commits(table: PostsTable) -> list[Commit]:
    """Every snapshot of the table, the newest first, those that were taken back too. No JVM."""
    can = set(undoable(table))
    out = []
    for snapshot in table.metadata.snapshots():
        number = str(snapshot.snapshot_id)
        summary = snapshot.summary
        said = summary[COMMAND] if summary is not None else None
        operation = summary.operation.value if summary is not None else ""
        out.append(
            Commit(
                snapshot=number,
                at=dt.datetime.fromtimestamp(snapshot.timestamp_ms / 1000, dt.UTC),
                command=said or {"replace": "compact"}.get(operation, operation),
                posts=posts_at(table, number),
                current=number == table.snapshot,
                undo=number in can and number != table.snapshot,
            )
        )
    return sorted(out, key=lambda commit: commit.at, reverse=True)


def before(table: PostsTable, moment: dt.datetime) -> str | None:
    """The snapshot that the table was before a moment, of a commit's own too; None where that has
    ended."""
    log = table.metadata.metadata.snapshot_log
    then = [entry for entry in log if entry.timestamp_ms < round(moment.timestamp() * 1000)]
    return str(then[-1].snapshot_id) if then else None
