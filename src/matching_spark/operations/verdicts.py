"""What people say of pairs: a verdict, or a sheet of them in one start of Spark and one commit."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from matching_spark.config import Settings
from matching_spark.domain.posts import Reject
from matching_spark.domain.results import Reported
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.matching.decisions import Decision, Verdict, checked, store
from matching_spark.operations.posts import closed, merged_first
from matching_spark.operations.warehouse import reading, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.sources.verdicts import Row, read_verdicts
from matching_spark.table import side_tables
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["Decided", "Decision", "Judged", "decide", "decide_all"]


@dataclass(frozen=True)
class Decided(Reported):
    """A verdict that was stored; closed: how many of its two posts."""

    lost_id: str
    found_id: str
    verdict: Verdict
    by: str
    closed: int


@dataclass(frozen=True)
class Judged(Reported):
    """What became of a sheet: verdicts stored, rows without one, posts closed, rows refused.

    unknown: what of the sheet was not read, and how often it was met.
    """

    source: str
    confirmed: int
    rejected: int
    undecided: int
    closed: int
    refused: tuple[Reject, ...]
    unknown: dict[str, int]


def decide(
    settings: Settings,
    decision: Decision,
    close: bool = False,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Decided:
    """Store what somebody says of a pair; close: both posts are claimed now.

    spark: a session that stays; None: one for this. Raises InputError when there is no such table,
    lost post or found post, UsageError for posts of a rejected pair to close.
    """
    if close and decision.verdict != "confirmed":
        raise UsageError("only a confirmed pair's posts are closed", argument="close")
    merged_first(settings, progress, spark)
    checked(reading(settings), decision)  # no need of Spark to say that there is no such post
    with writing(settings, "decide", progress, spark) as table:
        n = _stored(table, [decision], close)
    return Decided(**asdict(decision), closed=n)


def decide_all(
    settings: Settings,
    source: str,
    by: str,
    close: bool = False,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Judged:
    """Store the verdicts of a sheet, as `match --output F.csv` writes one and people fill it in.

    by: who decided where a row does not say. close: the posts of confirmed pairs are claimed now.
    Rows that cannot be taken are listed, the rest goes on. Raises InputError for a sheet that
    cannot be read at all, or when there is no table.
    """
    from matching_spark.operations.match import COLUMNS  # pyspark, no need of it for one verdict

    merged_first(settings, progress, spark)
    table = reading(settings)
    seen = Seen()
    rows = list(read_verdicts(source, seen, COLUMNS))
    for line in seen.lines():
        progress.say(line)
    refused = [row for row in rows if isinstance(row, Reject)]
    said = [row for row in rows if isinstance(row, Row) and row.verdict is not None]
    good, bad = _sorted(said, by, table)
    if good:
        with writing(settings, f"decide --from {PurePath(source).name}", progress, spark) as table:
            n = _stored(table, good, close)
    verdicts = [decision.verdict for decision in good]
    return Judged(
        source,
        confirmed=verdicts.count("confirmed"),
        rejected=verdicts.count("rejected"),
        undecided=len(rows) - len(refused) - len(said),
        closed=n if good else 0,
        refused=tuple(sorted([*refused, *bad], key=_line)),
        unknown=dict(seen.unknown.most_common()),
    )


def _line(row: Reject | Row) -> int:
    where = row.source if isinstance(row, Reject) else row.where
    return int(where.rpartition(":")[2])


def _sorted(rows: Iterable[Row], by: str, table: PostsTable) -> tuple[list[Decision], list[Reject]]:
    """The decisions that can be stored, each pair once, and the rows that cannot. No JVM."""
    of: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        of.setdefault((row.lost_id, row.found_id), []).append(row)
    kinds = table.kinds(post_id for pair in of for post_id in pair)
    good, bad = [], []
    for pair, same in of.items():
        first = same[0]
        decision = Decision(*pair, first.verdict or "rejected", first.by or by)
        why = decision.refused(kinds, table.uri)
        if len({row.verdict for row in same}) > 1:
            lines = ", ".join(str(_line(row)) for row in same)
            why = f"confirmed and rejected, in lines {lines}: which is it?"
        if why:
            bad += [Reject(row.where, " ".join(pair), "no-pair", why) for row in same]
        else:
            good.append(decision)
    return good, bad


def _stored(table: PostsTable, decided: list[Decision], close: bool) -> int:
    """How many posts were closed. The verdicts come first: killed before the posts are closed, the
    same command does the rest, and a verdict stored twice is one. The other way round, closed posts
    would lack the verdict that says why, and no match would show them again.

    Raises InputError, and nothing is stored, where a post has gone since it was looked up.
    """
    with table.writing():  # no erase comes between the look and the commit
        table.refresh()
        kinds = table.kinds(post_id for each in decided for post_id in _pair(each))
        if why := next((why for each in decided if (why := each.refused(kinds, table.uri))), ""):
            raise InputError(f"{why} any more, nothing was stored: run it again without that pair")
        looked = table.snapshot
        store(table, decided)
    side_tables.end_gone(table, looked, lambda: {i for each in decided for i in _pair(each)})
    sure = [each for each in decided if each.verdict == "confirmed"] if close else []
    ids = [post_id for each in sure for post_id in _pair(each)]
    return closed(table, ids, "claimed").changed


def _pair(decision: Decision) -> tuple[str, str]:
    return decision.lost_id, decision.found_id
