"""The warehouse that the tests of copies copy."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Settings, SimilarityEngine, storage
from matching_spark.config import Cache
from matching_spark.demo.world import World
from matching_spark.domain.posts import Post
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching import decisions, matches_table
from matching_spark.operations.warehouse import made
from matching_spark.shards.ivf_index import save_cells, train
from matching_spark.sources import read_posts
from tests.support.copies import AT_ONCE, RULES


@pytest.fixture(scope="session")
def warehouse(
    spark: SparkSession, clip: ClipModel, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Several files, deletes of two commits, cells, matches, a decision. Tests copy it."""
    folder = tmp_path_factory.mktemp("original") / "prod"
    table = made(Settings(table=str(folder), hadoop=AT_ONCE), clip, spark)
    found, lost = (
        [p for p in read_posts(str(source)) if isinstance(p, Post)]
        for source in (world.found, world.lost)
    )
    ingest_posts(found[:12] + lost[:5], table, clip)
    ingest_posts(found[12:] + lost[5:], table, clip)
    for posts in (found, lost):
        table.set_status(sorted(p.post_id for p in posts)[:3], "withdrawn")
    cells = train(table.shards(), table.model, 40, 4)
    table.set_cells(save_cells(cells, storage.join(table.uri, "cells")))
    matcher = SimilarityEngine(table, "spark", clip, cache=Cache()).matcher(RULES)
    assert matches_table.update(matcher).pairs > 0
    best = matches_table.kept(matcher).first()
    assert best is not None
    said = decisions.Decision(best["lost_id"], best["found_id"], "confirmed", "desk")
    decisions.store(table, [said])
    return folder
