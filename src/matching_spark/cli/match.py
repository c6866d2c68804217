"""matching-spark match: all open lost posts against all open found ones."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from matching_spark import operations
from matching_spark.cli.lines import print_json
from matching_spark.cli.options import (
    Common,
    LanguageOption,
    ScoreOption,
    ThresholdOption,
    on_a_table,
    terminal,
)
from matching_spark.errors import RemoteError

if TYPE_CHECKING:
    from matching_spark.matching.alerts import Alert


@on_a_table
def match(
    common: Common,
    new: Annotated[bool, typer.Option("--new", help="Only what came since the last run.")] = False,
    top_k: Annotated[
        int | None, typer.Option(help="At most so many a lost post; default: similarity.top_k.")
    ] = None,
    threshold: ThresholdOption = None,
    score: ScoreOption = None,
    language: LanguageOption = None,
    any_category: Annotated[
        bool, typer.Option("--any-category", help="Not only neighbouring categories.")
    ] = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="Report pairs not yet reported: JSON lines, webhook.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="The pairs: F.jsonl, F.csv or F.html.")
    ] = None,
) -> None:
    """Compare all open lost posts with all open found ones; keep the pairs in the matches table."""
    run = common.begin(
        similarity={"top_k": top_k, "threshold": threshold, "score": score, "language": language}
    )
    with terminal() as progress:
        job = operations.match.MatchJob(new, any_category, output, _print if alert else None)
        done = operations.match.match(run.settings, job, progress)
        if done.alerts is not None:
            progress.say(f"{done.alerts.taken} alerts")
    if done.alerts is None:
        view = Table("pairs", "added", "removed", "computed")
        report = done.report
        computed = "all" if report.full else "what is new"
        view.add_row(f"{report.pairs:,}", f"{report.added:,}", f"{report.removed:,}", computed)
        run.emit(done.to_dict(), view)
    elif done.alerts.refused:
        raise RemoteError(
            f"{done.alerts.refused} alerts were refused; the next run sends them again"
        )


def _print(alert: "Alert") -> None:
    """One JSON line an alert on stdout."""
    print_json(json.loads(alert.body), indent=None)
