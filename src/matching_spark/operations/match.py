"""The match: all open lost posts against all open found ones, kept, exported, told of."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.domain.results import Pair
from matching_spark.domain.sheets import to_csv
from matching_spark.filesystems.whole_files import check_file, write_file
from matching_spark.layout import read_photo
from matching_spark.matching import matches_table
from matching_spark.matching.alerts import Alert, Webhook, emit, pending
from matching_spark.matching.matcher import Matcher, MatchRules
from matching_spark.matching.matches_table import MatchReport
from matching_spark.matching.pairs import ABOUT, described
from matching_spark.operations.pages import pairs_page
from matching_spark.operations.search import table_model
from matching_spark.operations.warehouse import reading, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.score.components import Language
from matching_spark.score.posterior import Costs
from matching_spark.similarity_engine import SimilarityEngine

FORMATS = (".jsonl", ".csv", ".html")
MOST = 500  # pairs of a page: with pages.MAX_PHOTOS what a browser still shows
POST = (*ABOUT, "photo")
COLUMNS = [  # of a sheet: what a person fills in first, and `decide --from` reads
    "decision",
    *("lost_id", "found_id", "rank", "score", "score_kind", "probability", "band"),
    *("why", "decided"),
    *(f"{side}_{name}" for side in ("lost", "found") for name in POST if name != "post_id"),
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
    format or a webhook that is set up by half, InputError when there is no table,
    StorageError for a file that cannot be written.
    """
    job = job or MatchJob()
    if job.output is not None:
        check_file(job.output, FORMATS)
    webhook = None
    if job.tell is not None and settings.alerts.webhook_url:
        webhook = Webhook(settings.alerts)
    before = reading(settings)
    model = table_model(settings, before)
    wanted = settings.similarity
    rules = _rules(settings, job.any_category)
    looking = SimilarityEngine(before, "memory", model, cache=settings.cache)
    looking.scoring(wanted.score, wanted.metric, wanted.threshold)  # refused before Spark starts
    with writing(settings, "match", progress, spark) as table:
        engine = SimilarityEngine(table, "spark", model, cache=settings.cache)
        matcher = engine.matcher(rules)
        report = matches_table.update(matcher, job.new)
        if job.output is not None:
            progress.say(write_pairs(matcher, job.output, settings.similarity.language))
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
        here=wanted.share_here,
        costs=Costs.of(wanted),
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


def write_pairs(matcher: Matcher, path: Path, language: Language = "ko") -> str:
    """All kept pairs, by lost post and rank, in the format that the ending says; a page has the
    MOST best. Returns what was written, in words.
    """
    ending = check_file(path, FORMATS)
    total = matches_table.kept(matcher).count()
    if ending == ".html":
        best = list(described(matcher, language, MOST))
        write_file(path, pairs_page(best, total, read_photo, language).encode())
        left = f", the best of {total:,}: F.csv has them all" if total > len(best) else ""
        return f"written: {path}, {len(best):,} pairs{left}"
    pairs = described(matcher, language)
    if ending == ".csv":
        data = to_csv(COLUMNS, map(_row, pairs))
    else:
        data = "".join(f"{json.dumps(p.to_dict(), ensure_ascii=False)}\n" for p in pairs).encode()
    write_file(path, data)
    return f"written: {path}, {total:,} pairs"


def _row(pair: Pair) -> dict[str, object]:
    """A row of a sheet; its decision is for a person to fill in."""
    values = pair.to_dict()
    for side, post in (("lost", pair.lost), ("found", pair.found)):
        values |= {f"{side}_{name}": value for name, value in post.items()}
    return values | {"decision": ""}
