"""matching-spark compact, undo, adopt and warm: what an operator does to a table now and then."""

import time
from typing import Annotated

import typer
from rich.table import Table

from matching_spark.cli.options import Common, errors, on_a_table


@on_a_table
def compact(
    common: Common,
) -> None:
    """Rewrite small files, fold deletes in, expire old snapshots, remove what none names."""
    run = common.begin()
    from matching_spark.shards.cache import ShardCache
    from matching_spark.spark.session import session
    from matching_spark.table.compact import compact
    from matching_spark.table.posts_table import PostsTable

    before = (
        PostsTable.open(run.table_uri).plan().files
    )  # no need of Spark to say that there is none
    errors.print("starting Spark ...")
    with session(run.settings) as spark:
        opened = PostsTable.open(run.table_uri, spark, run.settings.hadoop)
        report = compact(opened, lambda what: errors.print(f"{what} ..."))
        opened.refresh()
        dead = {file.uri for file in before} - {file.uri for file in opened.plan().files}
    ShardCache.of(run.settings.cache).forget(dead)
    view = Table(title=report.table, title_justify="left")
    for name in ("data files", "delete files", "expired snapshots", "orphans", "seconds"):
        view.add_column(name, justify="right")
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
    snapshot: Annotated[str, typer.Argument(help="The state to go back to; `status` lists them.")],
) -> None:
    """Take back everything that was written after SNAPSHOT, in one commit; can itself be undone."""
    run = common.begin()
    from matching_spark.spark.session import session
    from matching_spark.table.posts_table import PostsTable
    from matching_spark.table.undo import check_undo, undo

    check_undo(PostsTable.open(run.table_uri), snapshot)  # before six seconds of Spark
    with session(run.settings) as spark:
        opened = PostsTable.open(run.table_uri, spark, run.settings.hadoop)
        report = undo(opened, snapshot)
    view = Table("commits taken back", "posts", "snapshot", title=report.table)
    view.add_row(
        str(report.commits), f"{report.posts_before:,} -> {report.posts_after:,}", report.snapshot
    )
    view.caption = f"had back by: matching-spark undo {report.undone}"
    view.title_justify = view.caption_justify = "left"
    run.emit(report.to_dict(), view)


@on_a_table
def adopt(
    common: Common,
) -> None:
    """Make a table that was moved or copied one of its own; its history does not come along."""
    run = common.begin()
    from matching_spark.table.adopt import adopt

    report = adopt(run.table_uri, run.settings.hadoop, lambda what: errors.print(f"{what} ..."))
    view = Table("came from", "tables", "files", "delete files", title=report.table)
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
    view.title_justify = view.caption_justify = "left"
    run.emit(report.to_dict(), view)


@on_a_table
def warm(
    common: Common,
    categories: Annotated[
        list[str] | None, typer.Argument(help="Default: cache.preload, and where it is empty all.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(help="spark: the executors' caches; memory: this host's.")
    ] = None,
) -> None:
    """Load shards into the cache ahead of the first search, after a compact or on a new host."""
    run = common.begin(similarity={"runner": runner})
    from matching_spark.operations.search import engine_of
    from matching_spark.table.posts_table import PostsTable

    start = time.perf_counter()
    opened = PostsTable.open(run.settings.table)
    with engine_of(run.settings, opened) as engine:
        files = engine.warm(categories or run.settings.cache.preload or ("*",))
    taken = time.perf_counter() - start
    view = Table("shards", "seconds", title=opened.uri, title_justify="left")
    view.add_row(f"{files:,}", f"{taken:.1f}")
    run.emit({"table": opened.uri, "shards": files, "seconds": taken}, view)
