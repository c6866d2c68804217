"""What people decided of pairs: the append-only decisions table; the last word on a pair counts.

Those that came through the service's journal have the id of their event, by which each is one row
however often it is merged.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal, get_args

from matching_spark.domain.posts import check
from matching_spark.errors import InputError
from matching_spark.table import side_tables
from matching_spark.table.posts_table import PostsTable

Verdict = Literal["confirmed", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
NAME = "decisions"
TICK = dt.timedelta(microseconds=1)  # what two times in the table differ by at least
SCHEMA = "lost_id string, found_id string, verdict string, by string, at timestamp, event_id string"


@dataclass(frozen=True)
class Decision:
    """What `by` says of a pair."""

    lost_id: str
    found_id: str
    verdict: Verdict
    by: str

    def refused(self, kinds: Mapping[str, str], where: str) -> str:
        """Why it cannot be stored, or ''. kinds: of its ids, as PostsTable.kinds has them."""
        for post_id, kind in ((self.lost_id, "lost"), (self.found_id, "found")):
            if post_id not in kinds:
                return f"there is no post {post_id!r} in {where}"
            if kinds[post_id] != kind:
                is_of = kinds[post_id]
                return f"post {post_id!r} is {is_of}: give the lost post first, then the found"
        return ""


@dataclass(frozen=True)
class Told:
    """An event of the journal, its columns in the table's order. verdict: or 'unsure', of the
    journal alone: it takes back what was said of the pair before. by: who of the service's own. at:
    when it was said by the clock; the table has it after the words before it.
    """

    lost_id: str
    found_id: str
    verdict: str
    by: str
    at: dt.datetime
    event_id: str


def checked(table: PostsTable, decision: Decision) -> Decision:
    """The decision, which can be stored. Raises InputError when it cannot. No JVM."""
    check("verdict", decision.verdict, VERDICTS)
    kinds = table.kinds([decision.lost_id, decision.found_id])
    if why := decision.refused(kinds, table.uri):
        raise InputError(why)
    return decision


def store(table: PostsTable, decided: Iterable[Decision]) -> None:
    """Store decisions that were checked, in one commit; each after what is stored of its pair."""
    now = dt.datetime.now(dt.UTC)
    with table.writing():  # nobody else stores of the same pairs between the look and the commit
        last = _last(side_tables.read(table.uri, NAME))
        rows: list[tuple[object, ...]] = []
        for each in decided:
            at = _after(last, (each.lost_id, each.found_id), now)
            rows.append((*astuple(each), at, None))
        side_tables.append(table, NAME, SCHEMA, rows)


def take_in(table: PostsTable, told: Sequence[Told]) -> int:
    """Store what the journal has of pairs, in its order and one commit; returns how many were not
    stored yet."""
    with table.writing():  # nobody else stores the same between the look and the commit
        held = side_tables.read(table.uri, NAME)
        there = {row.get("event_id") for row in held}
        # What came another way is later or earlier by its time alone.
        last = _last(row for row in held if row.get("event_id"))
        rows = [
            astuple(replace(each, at=_after(last, (each.lost_id, each.found_id), each.at)))
            for each in told
            if each.event_id not in there
        ]
        if rows:
            side_tables.append(table, NAME, SCHEMA, rows)
    return len(rows)


def _last(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dt.datetime]:
    """When the last word on each pair was said."""
    last: dict[tuple[str, str], dt.datetime] = {}
    for row in rows:
        pair = row["lost_id"], row["found_id"]
        last[pair] = max(row["at"], last.get(pair, row["at"]))
    return last


def _after(
    last: dict[tuple[str, str], dt.datetime], pair: tuple[str, str], at: dt.datetime
) -> dt.datetime:
    """The time of a word on a pair that follows those of `last`, which notes it: where a clock was
    set back it would come before them, and the last word is known by its time."""
    before = last.get(pair)
    last[pair] = at if before is None else max(at, before + TICK)
    return last[pair]


def latest(uri: str) -> dict[tuple[str, str], Verdict]:
    """The last verdict on each pair (lost_id, found_id) that was decided on, and not left open by
    who said after it that they are not sure.
    """
    return standing(last_words(uri))


def last_words(uri: str) -> dict[tuple[str, str], str]:
    """What was said last of each pair (lost_id, found_id) of which anything was, or 'unsure'."""
    rows = sorted(side_tables.read(uri, NAME), key=lambda row: row["at"])
    return {(row["lost_id"], row["found_id"]): row["verdict"] for row in rows}


def standing(said: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], Verdict]:
    """The verdicts among last words."""
    return {pair: verdict for pair, verdict in said.items() if verdict in VERDICTS}


def holds(pair: tuple[str, str], kinds: Mapping[str, str]) -> bool:
    """Whether what was said of a pair may still be so: where an ingest has put another thing under
    an id, a found one in place of a lost one, it was said of what is there no more. kinds: of those
    of its ids that there are."""
    return all(kinds.get(i, kind) == kind for i, kind in zip(pair, ("lost", "found"), strict=True))


def truth(table: PostsTable) -> dict[str, dict[str, bool]]:
    """The decisions that hold, as evaluation.labelled.Truth. Raises InputError when there are
    none. No JVM."""
    said = latest(table.uri)
    kinds = table.kinds(post_id for pair in said for post_id in pair)
    out: dict[str, dict[str, bool]] = {}
    for (lost_id, found_id), verdict in said.items():
        if holds((lost_id, found_id), kinds):
            out.setdefault(lost_id, {})[found_id] = verdict == "confirmed"
    if not out:
        raise InputError(
            f"{table.uri} has no decisions; `matching-spark decide LOST_ID FOUND_ID confirm|reject`"
        )
    return out
