"""matching-spark show, list, export: what is in a table, to look at and to take out."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from matching_spark import operations
from matching_spark.cli.console import cell
from matching_spark.cli.options import (
    CategoryOption,
    ColourOption,
    Common,
    IdArgument,
    KindOption,
    RegionOption,
    SinceOption,
    StatusOption,
    UntilOption,
    on_a_table,
    stderr,
    where_of,
)
from matching_spark.cli.views import Entry, facts, joined
from matching_spark.domain.posts import clean


@on_a_table
def show(common: Common, post_id: IdArgument) -> None:
    """All that the table has of a post: its fields, its photos, what was decided of it."""
    run = common.begin()
    shown = operations.browse.show(run.settings, clean(post_id)).to_dict()
    verdicts = shown["decisions"]
    said = [f"{d['verdict']}: {d['lost_id']}, {d['found_id']} ({d['by']})" for d in verdicts]
    photos = [place or "a vector made elsewhere" for place in shown["photos"]]
    told = shown | {"photos": "\n".join(photos), "decisions": "\n".join(said)}
    run.emit(shown, facts({name: value for name, value in told.items() if value not in (None, "")}))


def list_(
    common: Common,
    kind: KindOption = None,
    category: CategoryOption = None,
    colour: ColourOption = None,
    region: RegionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    status: StatusOption = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
) -> None:
    """Posts of the table, the latest first; filters as a search has them."""
    run = common.begin()
    where = where_of(kind, category, colour, region, since, until, status)
    listed = operations.browse.list_posts(run.settings, where, limit)
    entries = []
    for row in listed.posts:
        what = joined(row["kind"], row["category"], row["colour"], row["status"])
        when = joined(row["happened_on"], row["place"])
        entries.append(Entry("", (row["post_id"],), joined(row["title"]), what, when))
    count = cell(f"{len(listed.posts):,} of {listed.total:,} posts", "dim")
    run.emit(listed.to_dict(), Group(*entries, count))


list: Callable[..., None] = on_a_table(list_)


@on_a_table
def export(
    common: Common,
    output: Annotated[Path, typer.Argument(metavar="F.csv|F.jsonl", help="The file to write.")],
    kind: KindOption = None,
    category: CategoryOption = None,
    colour: ColourOption = None,
    region: RegionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    status: StatusOption = "any",
) -> None:
    """Write posts to a file that `ingest` takes in again."""
    run = common.begin()
    where = where_of(kind, category, colour, region, since, until, status)
    done = operations.browse.export(run.settings, where, output)
    stderr.print(f"written: {output}")
    run.emit(done.to_dict(), facts(done.to_dict()))
