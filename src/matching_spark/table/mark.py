"""The mark: how far a table has what the service's journal has, written into its snapshots.

A merge commits it with the rows that it speaks of: `AFTER UPTO EVENT`, the sequences between which
they are, and the id of the last event. So a reader who takes a snapshot and the events after its
mark has every post once. Marks count as far as they follow each other among the snapshot's
ancestors: one that an `undo` overtook, which says more than is there, does not. Too low a mark
does no harm, its events are merged once more and change nothing. What ends snapshots keeps
their mark in a property of the table.
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
    """The last event that a snapshot has: its sequence, 0 where there is none, and its id, by which
    it is known in the journal that it is of.
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
    """The sequence after which the journal has what a snapshot (None: the present one) has not: its
    mark's.

    0 where the mark is of another journal, or of events that this one, restored from a backup, has
    lost.
    """
    last = merged(metadata, snapshot)
    same = journal.tail(last.sequence - 1, 1) if last.sequence else []
    return last.sequence if same and same[0].event_id == last.event_id else 0


def check_begun(metadata: "StaticTable", journal: "Journal") -> None:
    """Raise StorageError where a snapshot has events of a journal, and this one has none: it is an
    empty one in the place of that, whose events, accounts and erasures nobody would know of."""
    if (last := mark(metadata)) and not journal.last():
        raise StorageError(
            f"{metadata.metadata.location} has events up to number {last:,} of a journal, and that "
            "of service.journal has none: set service.journal to the folder of that one, or "
            "restore a backup of it; another one is begun by `matching-spark account add`"
        )


def kept(last: Mark, snapshot: object) -> dict[str, str]:
    """The property that says the mark of a snapshot whose ancestors end; none without a mark."""
    if not last.sequence:
        return {}
    return {KEPT: f"{snapshot} {last.sequence} {last.event_id}"}


def keep(table: "PostsTable") -> None:
    """Have the table itself say the mark of its present snapshot: those before are to end."""

    def step() -> None:
        table.refresh()
        stated = kept(merged(table.metadata), table.snapshot)
        if stated and not table.swap(table.snapshot, lambda _, new: new.setProperties(stated)):
            raise Overtaken(f"{table.uri} was written to meanwhile; run it again")

    retry(step, table.hadoop)
