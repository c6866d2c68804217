"""matching-spark match: all open lost posts against all open found ones."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from matching_spark.cli.options import Common, Run, errors, on_a_table
from matching_spark.errors import RemoteError, UsageError

if TYPE_CHECKING:
    from matching_spark.matching.alerts import Webhook
    from matching_spark.matching.matcher import Matcher

FORMATS = (".jsonl", ".csv")


@on_a_table
def match(
    common: Common,
    new: Annotated[bool, typer.Option("--new", help="Only what came since the last run.")] = False,
    top_k: Annotated[int | None, typer.Option(help="At most so many a lost post.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The least score, inclusive.")] = None,
    score: Annotated[
        str | None, typer.Option(help="cosine or fused; default: fused where it is calibrated.")
    ] = None,
    any_category: Annotated[bool, typer.Option(help="Not only neighbouring categories.")] = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="Tell of pairs never told of: JSON lines, webhook.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="The pairs: F.jsonl or F.csv.")] = None,
) -> None:
    """Compare all open lost posts with all open found ones; keep the pairs in the matches table."""
    run = common.begin(
        similarity={"top_k": top_k, "threshold": threshold, "score": score},
    )
    if output is not None and output.suffix not in FORMATS:
        raise UsageError(f"--output {output}: its name must end in one of {', '.join(FORMATS)}")
    from matching_spark.matching import matches_table
    from matching_spark.matching.matcher import MatchRules
    from matching_spark.operations.search import table_model
    from matching_spark.similarity_engine import SimilarityEngine
    from matching_spark.spark.session import session
    from matching_spark.storage import write_file
    from matching_spark.table.posts_table import PostsTable

    webhook = None
    if alert and run.settings.alerts.webhook_url:
        from matching_spark.matching.alerts import Webhook

        webhook = Webhook(run.settings.alerts)
    wanted = run.settings.similarity
    model = table_model(run.settings, PostsTable.open(run.table_uri))
    errors.print("starting Spark ...")
    with session(run.settings) as spark:
        engine = SimilarityEngine(
            PostsTable.of(run.settings, spark), "spark", model, cache=run.settings.cache
        )
        rules = MatchRules(
            wanted.top_k,
            wanted.threshold,
            any_category,
            wanted.metric,
            run.settings.match,
            wanted.score,
        )
        matcher = engine.matcher(rules)
        report = matches_table.update(matcher, new)
        if output is not None:
            rows = matches_table.kept(matcher).orderBy("lost_id", "rank").toLocalIterator()
            names = (
                "lost_id",
                "found_id",
                "rank",
                "score",
                "score_kind",
                "probability",
                "components",
                "model",
            )
            text = io.StringIO()
            writer = csv.writer(text)
            if output.suffix == ".csv":
                writer.writerow(names)
            for row in rows:
                if output.suffix == ".csv":
                    writer.writerow([row[name] for name in names])
                else:
                    text.write(json.dumps({n: row[n] for n in names}, ensure_ascii=False) + "\n")
            mark = "\ufeff" if output.suffix == ".csv" else ""  # or Excel takes it for CP949
            write_file(output, (mark + text.getvalue()).encode())
            errors.print(f"written: {output}")
        if alert:
            _alert(run, matcher, webhook)
            return
    view = Table("pairs", "added", "removed", "computed")
    computed = "all" if report.full else "what is new"
    view.add_row(f"{report.pairs:,}", f"{report.added:,}", f"{report.removed:,}", computed)
    run.emit(report.to_dict(), view)


def _alert(run: Run, matcher: "Matcher", webhook: "Webhook | None") -> None:
    """One JSON line an alert on stdout, after the webhook, where there is one, has taken it."""
    from matching_spark.matching.alerts import Alert, emit, pending

    def send(alert: Alert) -> None:
        if webhook is not None:
            webhook(alert)
        print(alert.body, flush=True)

    taken, refused = emit(matcher, pending(matcher, run.settings.similarity.language), send)
    errors.print(f"{taken} alerts")
    if refused:
        raise RemoteError(f"{refused} alerts were not taken; the next run tells of them again")
