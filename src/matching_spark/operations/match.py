"""The match: all open lost posts against all open found ones, kept, exported, told of."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import Row, SparkSession

from matching_spark.config import Settings
from matching_spark.domain.sheets import to_csv
from matching_spark.errors import UsageError
from matching_spark.matching import matches_table
from matching_spark.matching.alerts import Alert, Webhook, emit, pending
from matching_spark.matching.matcher import Matcher, MatchRules
from matching_spark.matching.matches_table import MatchReport
from matching_spark.operations.search import table_model
from matching_spark.operations.warehouse import reading, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.storage import write_file

FORMATS = (".jsonl", ".csv")
COLUMNS = [
    "lost_id",
    "found_id",
    "rank",
    "score",
    "score_kind",
    "probability",
    "components",
    "model",
]


@dataclass(frozen=True)
class MatchJob:
    """What a match is asked to do beside keeping the pairs.

    new: compute only what came since the last run; the pairs are the same. any_category: compare
    posts of all categories. output: a file of the pairs, by its ending one of FORMATS. tell: is
    handed every alert that was never told of, after the settings' webhook has taken it; None: no
    alert is sent.
    """

    new: bool = False
    any_category: bool = False
    output: Path | None = None
    tell: Callable[[Alert], None] | None = None


@dataclass(frozen=True)
class AlertsSent:
    """How many alerts were taken; those refused are told again by the next match."""

    taken: int
    refused: int


@dataclass(frozen=True)
class Matched:
    """What a match did to the matches table; alerts: None where none were asked for."""

    report: MatchReport
    alerts: AlertsSent | None = None

    def to_dict(self) -> dict[str, Any]:
        return self.report.to_dict()


def match(
    settings: Settings,
    job: MatchJob | None = None,
    progress: Progress = SILENT,
    spark: SparkSession | None = None,
) -> Matched:
    """Bring the matches table up to date by the settings' rules, then export and tell.

    spark: a session that stays; None: one for this. Raises UsageError for an output of another
    format or a webhook that is set up by half, InputError when there is no table.
    """
    job = job or MatchJob()
    if job.output is not None:
        check_output(job.output)
    webhook = None
    if job.tell is not None and settings.alerts.webhook_url:
        webhook = Webhook(settings.alerts)
    model = table_model(settings, reading(settings))
    with writing(settings, "match", progress, spark) as table:
        engine = SimilarityEngine(table, "spark", model, cache=settings.cache)
        matcher = engine.matcher(_rules(settings, job.any_category))
        report = matches_table.update(matcher, job.new)
        if job.output is not None:
            write_pairs(matcher, job.output)
            progress.say(f"written: {job.output}")
        if job.tell is None:
            return Matched(report)
        return Matched(report, send_alerts(settings, matcher, webhook, job.tell))


def _rules(settings: Settings, any_category: bool) -> MatchRules:
    wanted = settings.similarity
    return MatchRules(
        top_k=wanted.top_k,
        threshold=wanted.threshold,
        any_category=any_category,
        metric=wanted.metric,
        settings=settings.match,
        score=wanted.score,
    )


def send_alerts(
    settings: Settings, matcher: Matcher, webhook: Webhook | None, tell: Callable[[Alert], None]
) -> AlertsSent:
    """Every alert that was never told of, to the webhook first and then to `tell`.

    One that the webhook does not take is told again by the next match.
    """

    def send(alert: Alert) -> None:
        if webhook is not None:
            webhook(alert)
        tell(alert)

    alerts = pending(matcher, settings.similarity.language)
    return AlertsSent(*emit(matcher, alerts, send))


def check_output(path: Path) -> None:
    """Raise UsageError, before any work is done, unless the ending says a known format."""
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path}: its name must end in one of {', '.join(FORMATS)}", argument="output"
        )


def write_pairs(matcher: Matcher, path: Path) -> None:
    """All kept pairs, by lost post and rank, in the format that the ending says."""
    rows = matches_table.kept(matcher).orderBy("lost_id", "rank").toLocalIterator()
    of = (row.asDict() for row in rows)
    write_file(path, to_csv(COLUMNS, of) if path.suffix == ".csv" else _jsonl(rows).encode())


def _jsonl(rows: Iterable[Row]) -> str:
    lines = (json.dumps({n: row[n] for n in COLUMNS}, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)
