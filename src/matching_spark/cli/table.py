"""matching-spark compact, undo, adopt, warm, index, reembed: what an operator does now and then."""

import datetime as dt
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from matching_spark import operations
from matching_spark.cli.console import cell
from matching_spark.cli.options import Common, not_empty, on_a_table, terminal
from matching_spark.cli.views import Entry, facts, joined, moment, titled
from matching_spark.errors import UsageError


@on_a_table
def compact(common: Common) -> None:
    """Rewrite small files, fold deletes in, expire old snapshots, remove what none names."""
    run = common.begin()
    with terminal() as progress:
        report = operations.table.compact(run.settings, progress)
    named = ("data files", "delete files", "expired snapshots", "orphans", "seconds")
    view = titled(report.table, numbers=named)
    view.add_row(
        f"{report.files_before:,} -> {report.files_after:,}",
        f"{report.delete_files_before:,} -> {report.delete_files_after:,}",
        f"{report.expired_snapshots:,}",
        f"{report.orphan_files:,} files, {report.orphan_photos:,} photos",
        f"{report.seconds:.1f}",
    )
    run.emit(report.to_dict(), view)


@on_a_table
def undo(
    common: Common,
    snapshot: Annotated[
        str | None, typer.Argument(help="The state to go back to; `history` lists them.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Take back what was written since this moment, of this machine's clock: "
            "2026-11-01, 2026-11-01 09:00, or as `history` tells it.",
        ),
    ] = None,
) -> None:
    """Take back everything that was written after SNAPSHOT, in one commit; can itself be undone."""
    run = common.begin()
    if (snapshot is None) == (before is None):
        raise UsageError("undo SNAPSHOT, or undo --before TIME; `history` lists both")
    since = None if before is None else _moment(before)
    with terminal() as progress:
        report = operations.table.undo(run.settings, snapshot, since, progress)
    view = titled(report.table, "commits taken back", "posts", "snapshot")
    view.add_row(
        str(report.commits), f"{report.posts_before:,} -> {report.posts_after:,}", report.snapshot
    )
    view.caption = f"had back by: matching-spark undo {report.undone}"
    run.emit(report.to_dict(), view)


def _moment(said: str) -> dt.datetime:
    """What --before says: of this machine's clock where it tells no zone. Raises UsageError."""
    try:
        moment = dt.datetime.fromisoformat(said.strip())
    except ValueError:
        raise UsageError(
            f"--before {said}: write it as 2026-11-01, 2026-11-01 09:00 or as `history` tells it"
        ) from None
    try:
        return moment.astimezone()
    except (OverflowError, ValueError):  # there is none of it elsewhere in the world
        raise UsageError(f"--before {moment}: no table is of that time") from None


@on_a_table
def history(common: Common) -> None:
    """What was committed to the table: when, by which command, how many posts it has since."""
    run = common.begin()
    report = operations.browse.history(run.settings)
    entries = []
    for each in report.commits:
        state = "the table now" if each.current else "" if each.undo else "cannot be gone back to"
        more = joined(each.command, f"{each.posts:,} posts", state)
        entries.append(Entry("", (moment(each.at), each.snapshot), "", more))
    run.emit(report.to_dict(), Group(*entries, cell(report.table, "dim")))


@on_a_table
def adopt(common: Common) -> None:
    """Make a table that was moved or copied one of its own; its history does not come along."""
    run = common.begin()
    with terminal() as progress:
        report = operations.table.adopt(run.settings, progress)
    view = titled(report.table, "came from", "tables", "files", "delete files")
    view.add_row(
        report.made_at,
        ", ".join(report.tables),
        f"{report.data_files:,}",
        f"{report.delete_files:,}",
    )
    view.caption = (
        "its rows are those it had; older snapshots, what `undo` could take back and what "
        "`match --new` had compared ended with the move"
    )
    if report.lacks:
        view.caption += f"; {' and '.join(report.lacks)} did not come along"
    run.emit(report.to_dict(), view)


@on_a_table
def warm(
    common: Common,
    categories: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CATEGORY", help="지갑, wallet, ...; default: cache.preload, else all."
        ),
    ] = None,
    runner: Annotated[
        str | None,
        typer.Option(
            metavar="auto|spark|memory",
            help="spark: the executors' caches; memory: this host's; default: similarity.runner.",
        ),
    ] = None,
) -> None:
    """Load shards into the cache ahead of the first search, after a compact or on a new host."""
    run = common.begin(similarity={"runner": runner})
    for each in categories or ():
        not_empty("CATEGORY", each)
    with terminal() as progress:
        report = operations.table.warm(run.settings, categories or (), progress)
    view = titled(report.table, "shards", "seconds")
    view.add_row(f"{report.shards:,}", f"{report.seconds:.1f}")
    run.emit(report.to_dict(), view)


@on_a_table
def index(
    common: Common,
    cells: Annotated[
        int | None, typer.Option(min=1, help="How many; default: 3 x the root of the vectors.")
    ] = None,
) -> None:
    """Train cells on the table's vectors, for searches with --nprobe; run it again as it grows."""
    run = common.begin()
    with terminal() as progress:
        state = operations.index.index(run.settings, cells, progress)
    view = Table("cells of photos", "cells of words", "vectors")
    view.add_row(f"{state.photos:,}", f"{state.texts:,}", f"{state.trained_on:,}")
    run.emit(state.to_dict(), view)


@on_a_table
def reembed(
    common: Common,
    model: Annotated[str, typer.Option(help="The new model: shipped, a folder, or a hub's.")],
) -> None:
    """Re-embed the table with another model; searches use the old vectors until it switches."""
    run = common.begin(model={"name": model})
    with terminal() as progress:
        report = operations.table.reembed(run.settings, progress)
    run.emit(report.to_dict(), facts(report.to_dict()))
