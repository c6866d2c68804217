"""matching-spark duplicates: what seems to have been posted twice."""

from typing import Annotated

import typer
from rich.table import Table

from matching_spark.cli.options import Common, on_a_table, one_of
from matching_spark.domain.posts import KINDS, Filters, parse_date
from matching_spark.errors import InputError, UsageError


@on_a_table
def duplicates(
    common: Common,
    kind: Annotated[str | None, typer.Option(help="lost or found; default: both.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-01, inclusive.")] = None,
    until: Annotated[str | None, typer.Option(help="2026-11-20, inclusive.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="The least cosine; default: holding.duplicate_cosine.")
    ] = None,
) -> None:
    """Open posts with a near-identical photo, the same place and day; they are never merged."""
    run = common.begin(holding={"duplicate_cosine": threshold})
    try:
        where = Filters(
            kind=one_of("--kind", kind, KINDS), since=parse_date(since), until=parse_date(until)
        )
    except InputError as error:
        raise UsageError(f"--{error}") from None
    from matching_spark.matching.duplicates import duplicates
    from matching_spark.table.posts_table import PostsTable

    limit = run.settings.holding.duplicate_cosine
    found = duplicates(PostsTable.open(run.table_uri), limit, where)
    view = Table("kind", "post", "other", "cosine", "day", "place")
    for each in found:
        cosine = f"{each.score:.3f}"
        row = (each.kind, each.post_id, each.other_id, cosine, each.happened_on, each.place)
        view.add_row(*row)
    view.caption = f"{len(found):,} pairs from {limit:g} on"
    run.emit({"threshold": limit, "duplicates": [each.to_dict() for each in found]}, view)
