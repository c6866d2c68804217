"""matching-spark ingest, close and withdraw: what changes the posts of a table."""

from typing import Annotated

import typer
from rich.table import Table

from matching_spark.cli.options import Common, errors, on_a_table, one_of, progress_bar
from matching_spark.errors import UsageError

CLOSED_AT_ONCE = 2000  # ids in one UPDATE


@on_a_table
def ingest(
    common: Common,
    source: Annotated[
        str, typer.Argument(help="A folder of photos, a CSV, JSONL, XML or Parquet file, or api.")
    ],
    kind: Annotated[
        str | None, typer.Option(help="lost or found, for posts that do not say.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="folder, csv, jsonl, lost112 or parquet.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Of `api`: the first day; default: a week before --until.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Of `api`: the last day; default: today.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The CLIP model: a name or a folder.")] = None,
    rejects: Annotated[
        str | None, typer.Option(help="Where rejects are listed; default: beside the table.")
    ] = None,
) -> None:
    """Take in posts and their photos, or vectors made elsewhere; run it again at any time."""
    run = common.begin(model={"name": model})
    from matching_spark.domain.posts import KINDS
    from matching_spark.sources import FORMATS, detect_format, read_posts

    wanted = one_of("--kind", kind, KINDS)
    format = one_of("--format", format, FORMATS) or detect_format(source)
    hadoop = run.settings.hadoop
    portal = None
    if format == "lost112":
        from matching_spark.cli.lost112 import Portal

        portal = Portal(run, source, wanted, since, until)
        posts = portal.posts()
    elif since or until:
        raise UsageError("--since and --until are for `ingest api --format lost112`")
    elif format != "parquet":
        posts = read_posts(source, format, wanted)
    from matching_spark.embed.clip import ClipModel
    from matching_spark.ingest.pipeline import default_rejects, ingest_posts, write_rejects
    from matching_spark.ingest.vector_import import ingest_vectors
    from matching_spark.spark.session import session
    from matching_spark.storage import absolute
    from matching_spark.table.posts_table import PostsTable

    uri = run.table_uri
    errors.print("starting Spark ...")
    with session(run.settings) as spark, progress_bar() as progress:
        if format == "parquet":
            report = ingest_vectors(source, uri, spark, wanted, hadoop, progress)
        else:
            clip = ClipModel.of(run.settings.model)
            opened = PostsTable.open_or_create(
                uri, spark, model=clip.name, dimension=clip.dimension, hadoop=hadoop
            )
            report = ingest_posts(posts, opened, clip, progress, absolute(source))
            if portal is not None:
                portal.finish(opened, report)
        write_rejects(report, rejects or default_rejects(report.table, source))
    summary = Table(title=f"ingested into {report.table}", title_justify="left")
    for name in ("accepted", "rejected", "skipped", "placeholders"):
        summary.add_column(name, justify="right")
    summary.add_column("photos/s", justify="right")
    summary.add_column("seconds", justify="right")
    counts = (report.accepted, report.rejected, report.skipped, report.placeholders)
    summary.add_row(
        *(f"{n:,}" for n in counts), f"{report.photos_per_second:.0f}", f"{report.seconds:.1f}"
    )
    if report.rejects_file:
        summary.caption = f"{len(report.rejects):,} rejects, with reasons: {report.rejects_file}"
    run.emit(report.to_dict(), summary)


@on_a_table
def close(
    common: Common,
    post_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...")] = None,
    state: Annotated[
        str | None, typer.Option("--as", help="claimed, withdrawn, expired or open.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="What is kept longer than holding.days.")
    ] = False,
) -> None:
    """Close posts: from the next snapshot on they are found no more."""
    _close(common, post_ids, state, expired)


@on_a_table
def withdraw(
    common: Common,
    post_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
) -> None:
    """Close posts as withdrawn."""
    _close(common, post_ids, "withdrawn")


def _close(
    common: Common, post_ids: list[str] | None, state: str | None, expired: bool = False
) -> None:
    from matching_spark.domain.posts import STATUSES

    run = common.begin()
    if expired == bool(post_ids) or (state is None) != expired:
        raise UsageError("close ID... --as STATE, or close --expired")
    status = one_of("--as", state, STATUSES) or "expired"
    from matching_spark.matching.retention import expiring, today
    from matching_spark.spark.session import session
    from matching_spark.table.posts_table import PostsTable

    PostsTable.open(run.table_uri)  # no need of Spark to say that there is none
    with session(run.settings) as spark:
        opened = PostsTable.open(run.table_uri, spark, run.settings.hadoop)
        if expired:
            over = expiring(opened, run.settings.holding.days, today())
            post_ids = [each.post_id for each in over]
        asked = sorted(set(post_ids or ()))
        changed = 0
        for start in range(0, len(asked), CLOSED_AT_ONCE):
            part = asked[start : start + CLOSED_AT_ONCE]
            changed += opened.set_status(part, status)
    done = Table("changed", "asked", "state", "snapshot")
    done.add_row(str(changed), str(len(asked)), status, opened.snapshot or "")
    run.emit(
        {
            "changed": changed,
            "asked": len(asked),
            "status": status,
            "snapshot": opened.snapshot,
        },
        done,
    )
