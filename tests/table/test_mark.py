"""A mark against what it claims: the events that the snapshot's rows are really of."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from matching_spark.table.mark import MARK, Mark, kept, merged

# Of each commit: how many events it merges, and how many commits before the last one it goes on
# from, as where an undo came after the merge had read the mark.
COMMITS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 2])), max_size=9)


@given(COMMITS, st.integers(0, 9), st.booleans())
def test_a_mark_claims_no_event_that_its_snapshot_lacks_and_none_too_few(
    commits: list[tuple[int, int]], ends_after: int, by_us: bool
) -> None:
    """Also where the snapshots before one are ended, by an erase, or by another engine."""
    line: list[Any] = []
    properties: dict[str, str] = {}
    metadata: Any = SimpleNamespace(
        snapshots=lambda: line, current_snapshot=lambda: line[-1] if line else None
    )
    metadata.properties = properties
    held: dict[int | None, set[int]] = {None: set()}  # snapshot -> the events that it has
    overtaken, told, sure = False, True, True
    mark = merged(metadata)
    for number, (events, back) in enumerate(commits, 1):
        overtaken |= back > 0 and len(line) > 1
        parent = line[max(-1 - back, -len(line))].snapshot_id if line else None
        upto = mark.sequence + events
        said = Mark(upto, f"event-{upto}").behind(mark.sequence) if events else None
        made = {"snapshot_id": number, "parent_snapshot_id": parent, "summary": {MARK: said}}
        line.append(SimpleNamespace(**made))
        held[number] = held[parent] | {*range(mark.sequence + 1, upto + 1)}
        if number == ends_after:
            properties |= kept(merged(metadata), number) if by_us else {}
            del line[:-1]
            sure = bool(properties)  # else the oldest's word is taken, if it says any
            told = sure or events > 0
        mark = merged(metadata)
        if sure or not overtaken:
            assert held[number] >= {*range(1, mark.sequence + 1)}
        if told and not overtaken:
            assert mark == merged(metadata, str(number))
            assert mark.sequence == max(held[number], default=0)
            assert mark.event_id == (f"event-{mark.sequence}" if mark.sequence else "")
