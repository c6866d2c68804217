"""Cells: trained on the table's vectors, so that a search may look at few of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching_spark.config import Settings
from matching_spark.domain.results import Reported
from matching_spark.errors import StorageError
from matching_spark.layout import CELLS
from matching_spark.operations.warehouse import writing
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.ivf_index import OUTGROWN, load_cells, save_cells, train
from matching_spark.shards.shard import Shard
from matching_spark.storage import join
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.state import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class CellsState(Reported):
    """A table's cells: how many of photos and of words, and on how many vectors they were trained.

    advice: what to do about them; None: nothing.
    """

    uri: str
    photos: int
    texts: int
    trained_on: int
    advice: str | None


def index(
    settings: Settings,
    cells: int | None = None,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> CellsState:
    """Train `cells` cells (None: 3 x the root of the vectors) and make them the table's.

    Raises InputError when the table has no vectors.
    """
    with writing(settings, "index", progress, spark) as table:
        cache = ShardCache.of(settings.cache)
        while not _set(table, planned := table.plan(), cells, cache, progress):
            progress.say("what they were trained on has ended, as by an erase: training anew ...")
        # Sorted by the cells before, or by none.
        cache.forget(file.uri for file in planned.files)
        state = described(table)
    assert state is not None
    return state


def _set(
    table: PostsTable, planned: Snapshot, cells: int | None, cache: ShardCache, progress: Progress
) -> bool:
    """Train cells on a snapshot and make them the table's. False where that has ended meanwhile, as
    by an erase: one of them may be a vector of a post that is no more."""

    def shards() -> Iterator[Shard]:
        for done, file in enumerate(planned.files):
            progress.count("reading", done, len(planned.files))
            yield cache.load(file, planned.space)
        progress.count("reading", len(planned.files), len(planned.files))

    def stands() -> bool:
        table.refresh()
        return planned.id in table.snapshots

    try:
        rows = sum(file.records for file in planned.files)
        trained = train(shards(), planned.space.model, rows, cells)
    except StorageError:  # a file that has gone
        if stands():
            raise
        return False
    with table.writing():  # no erase comes between the look, the file and the commit
        if still := stands():
            table.set_cells(save_cells(trained, join(table.uri, CELLS)))
    return still


def described(table: PostsTable) -> CellsState | None:
    """The table's cells; None where it has none."""
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
    return CellsState(space.cells, len(cells.photos), len(cells.texts), cells.rows, advice)
