"""Changing a table's model: its throughput beside an ingest's, and what searches feel meanwhile."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.data import settings
from benchmarks.harness import Row, row
from matching_spark import ClipModel, PostsTable, Query, SimilarityEngine
from matching_spark.config import Hadoop
from matching_spark.demo.world import draw_world
from matching_spark.evaluation.timing import seconds
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.reembed import reembed
from matching_spark.sources import read_posts
from matching_spark.spark.session import session


def run(full: bool) -> list[Row]:
    posts = 2000 if full else 500
    with tempfile.TemporaryDirectory() as name, session(settings()) as spark:
        folder = Path(name)
        world = draw_world(folder / "world", posts=posts, seed=11)
        clip = ClipModel.load()
        table = PostsTable.open_or_create(
            str(folder / "table"), spark, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
        )
        start = time.perf_counter()
        taken_in = ingest_posts(read_posts(str(world.found)), table, clip)
        ingested = time.perf_counter() - start
        alone = seconds(_search(table, clip), 20, 3)
        meanwhile: list[float] = []
        ended = threading.Event()

        def searches() -> None:
            while not ended.wait(0.2):
                meanwhile.extend(seconds(_search(table, clip), 1, 0))

        thread = threading.Thread(target=searches)
        thread.start()
        start = time.perf_counter()
        # Two passes see that nothing came meanwhile; the switch is one commit.
        reembed(PostsTable.open(table.uri, spark, Hadoop()), _same_by_another_name(folder))
        switched = time.perf_counter() - start
        ended.set()
        thread.join()
    what = f"{taken_in.embedded:,} photos of a table, small-clip"
    return [
        row(what, "ingest", [taken_in.embedded / ingested], "photos/s", "cold", "to the commit"),
        row(what, "reembed", [taken_in.embedded / switched], "photos/s", "cold", "to the switch"),
        row(what, "a search alone", [1000 * s for s in alone], "ms", "warm", "memory runner"),
        row(
            *(what, "a search during reembed", [1000 * s for s in meanwhile], "ms", "warm"),
            "memory runner, both cores busy; by the old vectors",
        ),
    ]


def _search(table: PostsTable, clip: ClipModel) -> Callable[[], object]:
    """A search of the snapshot that is there now, whatever the table's model is later."""
    engine = SimilarityEngine(table, "memory", clip, cache=settings().cache)
    return lambda: engine.search([Query(text="검정 지갑")])


def _same_by_another_name(folder: Path) -> ClipModel:
    """The shipped model as another one, by its folder: the same work, vectors not to be mixed."""
    return ClipModel(shutil.copytree(ClipModel.load().folder, folder / "other"))
