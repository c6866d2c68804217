"""Undo: the table again what it was at an earlier snapshot, in one commit that can be undone."""

from dataclasses import dataclass

from pyiceberg.table.snapshots import Operation

from matching_spark.domain.results import Reported
from matching_spark.errors import InputError, StorageError
from matching_spark.table.catalog import PROPERTY
from matching_spark.table.posts_table import PostsTable


@dataclass(frozen=True)
class Undone(Reported):
    """What an undo did: `undone` can be had back by `undo` of it until `compact` expires it."""

    table: str
    snapshot: str
    undone: str
    commits: int
    posts_before: int
    posts_after: int


def undo(table: PostsTable, snapshot: str) -> Undone:
    """Make the table again what it was at `snapshot`; what came after it is taken back.

    Raises InputError for a snapshot that there is none of, StorageError when somebody wrote
    meanwhile: then nothing has changed.
    """
    table.refresh()
    check_undo(table, snapshot)
    undone = table.snapshot
    assert undone is not None
    line = table.snapshots
    commits = line.index(snapshot) if snapshot in line else 0
    before = posts_at(table, undone)
    if snapshot != undone and not table.swap(
        undone, lambda now, builder: builder.setBranchSnapshot(int(snapshot), "main")
    ):
        raise StorageError(
            f"{table.uri} was written to meanwhile, nothing was taken back; look at what came "
            "(`matching-spark status`) and run it again"
        )
    return Undone(table.uri, snapshot, undone, commits, before, posts_at(table, snapshot))


def check_undo(table: PostsTable, snapshot: str) -> None:
    """Raise InputError, naming those that there are, for a snapshot that `undo` cannot go to."""
    known = undoable(table)
    if snapshot not in known:
        raise InputError(
            f"{table.uri} has no snapshot {snapshot} to go back to; there are: "
            f"{', '.join(known) or 'none'}"
        )


def undoable(table: PostsTable) -> list[str]:
    """Every state of the present model that there still is, undone ones too, the newest first."""
    metadata = table.metadata.metadata
    there = {str(s.snapshot_id) for s in metadata.snapshots}
    log = [str(entry.snapshot_id) for entry in metadata.snapshot_log]
    first = metadata.properties.get(PROPERTY + "model-snapshot")
    if first in log:
        log = log[log.index(first) :]
    return [i for i in dict.fromkeys(reversed(log)) if i in there]


def posts_at(table: PostsTable, snapshot: str) -> int:
    """How many posts a snapshot has, by the summaries.

    After `compact` has folded deletes in, a summary still counts them, though their rows have gone.
    As it changes no post, the snapshot before it has as many.
    """
    at = table.metadata.snapshot_by_id(int(snapshot))
    while at is not None and at.summary is not None and at.summary.operation is Operation.REPLACE:
        before = at.parent_snapshot_id
        parent = table.metadata.snapshot_by_id(before) if before is not None else None
        if parent is None:
            break
        at = parent
    summary = at.summary if at is not None else None
    if summary is None:
        return 0
    written, deleted = (int(summary[f"total-{w}"] or 0) for w in ("records", "position-deletes"))
    return written - deleted
