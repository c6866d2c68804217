"""The mark: how far a table has what the service's journal has, written into its snapshots.

A merge commits a mark together with the rows that it is about: `AFTER UPTO EVENT`, which are the
sequence numbers that the rows lie between and the id of the last event. So whoever reads a snapshot
and the events after its mark has every post once. From a snapshot's oldest ancestor on, a mark
counts if it follows on from those before it; one whose merge an `undo` overtook does not, because
it claims events that the table no longer has. A mark that is too low does no harm: its events are
merged once more and change nothing. Before snapshots are ended, the mark that they add up to is
kept in a property of the table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching_spark.errors import StorageError
from matching_spark.table.catalog import PROPERTY
from matching_spark.table.commits import Overtaken, retry

if TYPE_CHECKING:
    from pyiceberg.table import StaticTable

    from matching_spark.journal.store import Journal
    from matching_spark.table.posts_table import PostsTable

MARK = PROPERTY + "journal"  # in a snapshot's summary
MARKING = f"spark.sql.iceberg.snapshot-property.{MARK}"  # a session's, for each that it makes
KEPT = PROPERTY + "journal-at"  # a table's property: SNAPSHOT UPTO EVENT


@dataclass(frozen=True)
class Mark:
    """The last event that a snapshot has: its sequence, 0 if there is none, and its id, which tells
    whether it is of the same journal.
    """

    sequence: int = 0
    event_id: str = ""

    def behind(self, since: int) -> str:
        """As a snapshot says it that has the events after `since` up to this one."""
        return f"{since} {self.sequence} {self.event_id}"


def mark(metadata: "StaticTable") -> int:
    """The sequence of the last event that the present snapshot has; 0 where none was merged."""
    return merged(metadata).sequence


def merged(metadata: "StaticTable", snapshot: str | None = None) -> Mark:
    """The mark of a snapshot, None: the present one; of one that has ended none."""
    known = {each.snapshot_id: each for each in metadata.snapshots()}
    number, *rest = metadata.properties.get(KEPT, "0").split()
    said: list[tuple[int, Mark]] = []
    found = None
    at = metadata.current_snapshot() if snapshot is None else known.get(int(snapshot))
    while at is not None and found is None:
        if str(at.snapshot_id) == number:
            found = Mark(int(rest[0]), rest[1])
        elif at.summary is not None and (words := at.summary[MARK]):
            after, upto, event_id = words.split()
            said.append((int(after), Mark(int(upto), event_id)))
        if at.parent_snapshot_id is None:
            found = found or Mark()
        at = known.get(at.parent_snapshot_id or 0)
    if found is None:  # another engine has ended the ones before: the oldest's word is taken
        found = said[-1][1] if said else Mark()
    for after, upto in reversed(said):
        if after <= found.sequence:
            found = upto
    return found


def after(metadata: "StaticTable", journal: "Journal", snapshot: str | None = None) -> int:
    """The sequence after which the journal's events are not in a snapshot (None: the present one):
    that of its mark.

    0 if the mark is of another journal, or of events that this one has lost, as when it was
    restored from a backup.
    """
    last = merged(metadata, snapshot)
    same = journal.tail(last.sequence - 1, 1) if last.sequence else []
    return last.sequence if same and same[0].event_id == last.event_id else 0


def check_begun(metadata: "StaticTable", journal: "Journal") -> None:
    """Raise StorageError if a snapshot has events of a journal and this journal is empty: it took
    the other's place, whose events, accounts and erasures nobody would know of."""
    if (last := mark(metadata)) and not journal.last():
        raise StorageError(
            f"{metadata.metadata.location} has events up to number {last:,} of a journal, and that "
            "of service.journal has none: set service.journal to the folder of that one, or "
            "restore a backup of it; another one is begun by `matching-spark account add`"
        )


def kept(last: Mark, snapshot: object) -> dict[str, str]:
    """The property that keeps a snapshot's mark when its ancestors end; none without a mark."""
    if not last.sequence:
        return {}
    return {KEPT: f"{snapshot} {last.sequence} {last.event_id}"}


def keep(table: "PostsTable") -> None:
    """Keep the present snapshot's mark in the table itself, before earlier snapshots are ended."""

    def step() -> None:
        table.refresh()
        stated = kept(merged(table.metadata), table.snapshot)
        if stated and not table.swap(table.snapshot, lambda _, new: new.setProperties(stated)):
            raise Overtaken(f"{table.uri} was written to meanwhile; run it again")

    retry(step, table.hadoop)
