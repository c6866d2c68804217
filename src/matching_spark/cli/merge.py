"""matching-spark merge: the service's journal taken into the table, once or again and again."""

import sys
from contextlib import suppress
from typing import Annotated

import typer

from matching_spark import operations
from matching_spark.cli.options import Common, Run, on_a_table, terminal
from matching_spark.cli.views import titled

FOLLOW, PARENT = "--follow", "--parent"


@on_a_table
def merge(
    common: Common,
    follow: Annotated[
        bool,
        typer.Option(
            FOLLOW, help="Again whenever it is due, until whoever started this ends; then this too."
        ),
    ] = False,
    parent: Annotated[
        int | None,
        typer.Option(PARENT, hidden=True, help="The process id of who starts this as its part."),
    ] = None,
) -> None:
    """Take what the service's journal has into the table; run it again at any time."""
    run = common.begin()
    # Whoever started this as a part of itself, and ends it so, tells of its end.
    with suppress(*(() if parent is None else (KeyboardInterrupt,))):
        _merge(run, follow, parent)


def _merge(run: Run, follow: bool, parent: int | None) -> None:
    if follow:
        # A process of its own each: with it ends Spark's JVM, which would keep its memory.
        once = [each for each in sys.argv[1:] if not each.startswith(FOLLOW)]
        command = [sys.executable, "-m", "matching_spark.main", *once]
        with terminal() as progress:
            operations.merger.follow(run.settings, command, progress, parent=parent)
        return
    with terminal() as progress:
        report = operations.merge.merge(run.settings, progress)
    named = ("events", "posts", "erased", "decisions", "photos", "embedded", "seconds")
    view = titled(f"merged into {report.table}", numbers=named)
    counts = (report.events, report.posts, report.erased, report.decisions, report.photos)
    view.add_row(*(f"{n:,}" for n in (*counts, report.embedded)), f"{report.seconds:.1f}")
    view.caption = f"the table has the journal up to event {report.mark:,}"
    if report.left_out:
        view.caption += "; left out: " + "; ".join(report.left_out)
    run.emit(report.to_dict(), view)
