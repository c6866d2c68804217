"""The mark: how far a table has what the service's journal has, written into its snapshots.

It is committed with the rows that it speaks of, so that a reader who takes a snapshot and the
events after its mark has every post once. Every later commit says it again: the snapshots before
may end.
"""

from pyiceberg.table import StaticTable

from matching_spark.table.catalog import PROPERTY

MARK = PROPERTY + "journal"  # in a snapshot's summary: the sequence of the last event it has
MARKING = f"spark.sql.iceberg.snapshot-property.{MARK}"  # a session's, for each that it makes


def mark(metadata: StaticTable) -> int:
    """The sequence of the last event that the present snapshot has; 0 where none was merged.

    The greatest among its ancestors: a writer that began before a merge says an older one. Those
    that an `undo` left are no ancestors.
    """
    known = {each.snapshot_id: each for each in metadata.snapshots()}
    at, found = metadata.current_snapshot(), 0
    while at is not None:
        said = None if at.summary is None else at.summary[MARK]
        found = max(found, int(said or 0))
        at = None if at.parent_snapshot_id is None else known.get(at.parent_snapshot_id)
    return found
