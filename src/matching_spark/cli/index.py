"""matching-spark index: cells, so that a search may look at few of the vectors."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from matching_spark.cli.options import Common, errors, on_a_table, progress_bar

if TYPE_CHECKING:
    from matching_spark.table.posts_table import PostsTable


@on_a_table
def index(
    common: Common,
    cells: Annotated[
        int | None, typer.Option(min=1, help="How many; default: 2 x the root of the vectors.")
    ] = None,
) -> None:
    """Train cells on the table's vectors, for searches with --nprobe; run it again as it grows."""
    run = common.begin()
    from matching_spark.layout import CELLS
    from matching_spark.shards.cache import ShardCache
    from matching_spark.shards.ivf_index import save_cells, train
    from matching_spark.spark.session import session
    from matching_spark.storage import join
    from matching_spark.table.posts_table import PostsTable

    files = PostsTable.open(run.table_uri).plan().files
    errors.print("starting Spark ...")
    with session(run.settings) as spark, progress_bar() as progress:
        opened = PostsTable.of(run.settings, spark)
        cache = ShardCache.of(run.settings.cache)

        def shards() -> Any:
            for done, file in enumerate(files):
                progress("reading", done, len(files))
                yield cache.load(file, opened.space)
            progress("reading", len(files), len(files))

        rows = sum(file.records for file in files)
        trained = train(shards(), opened.model, rows, cells)
        opened.set_cells(save_cells(trained, join(opened.uri, CELLS)))
        cache.forget(file.uri for file in files)  # sorted by the cells before, or by none
    view = Table("cells of photos", "cells of words", "vectors")
    view.add_row(f"{len(trained.photos):,}", f"{len(trained.texts):,}", f"{trained.rows:,}")
    run.emit(described(opened) or {}, view)


def described(table: "PostsTable") -> dict[str, Any] | None:
    """The table's cells, and what to do about them; None where it has none."""
    from matching_spark.shards.ivf_index import OUTGROWN, load_cells

    space = table.space
    if space.cells is None:
        return None
    cells = load_cells(space.cells)
    rows = sum(file.records for file in table.plan().files)
    advice = None
    if cells.model != space.model:
        advice = "trained on another model: run `matching-spark index`"
    elif rows > OUTGROWN * cells.rows:
        advice = "the table has outgrown them: run `matching-spark index`"
    return {
        "uri": space.cells,
        "photos": len(cells.photos),
        "texts": len(cells.texts),
        "trained_on": cells.rows,
        "advice": advice,
    }
