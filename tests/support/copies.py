"""A warehouse with something of everything, copies of it, and what is told of either."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Query, SimilarityEngine, StorageError, storage
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.posts import Filters
from matching_spark.matching import decisions
from matching_spark.matching.matcher import MatchRules
from matching_spark.table.adopt import adopt
from tests.support.found import hits_of

DAY_S = 86_400
AT_ONCE = Hadoop(snapshot_keep=timedelta(0), commit_wait_s=0.05)
EVERYTHING = Filters(status=None)
RULES = MatchRules(threshold=-1.0, score="cosine")
Answers = list[tuple[str, float, str, str]]


def answers(place: Path, clip: ClipModel, spark: SparkSession | None = None) -> Answers:
    """Every post, its state and where its photo lies below the folder, by one runner."""
    table = PostsTable.open(str(place), spark, Hadoop())
    engine = SimilarityEngine(table, "memory" if spark is None else "spark", clip, cache=Cache())
    found = hits_of(engine, [Query(text="검정 지갑")], 1000, where=EVERYTHING, threshold=-2.0)[0]
    assert found
    for match in found:
        assert match.photo is None or storage.exists(match.photo)
    return [(m.post_id, m.score, m.status, (m.photo or "").removeprefix(table.uri)) for m in found]


def files(place: Path) -> set[tuple[str, int]]:
    return {(str(p.relative_to(place)), p.stat().st_size) for p in place.rglob("*") if p.is_file()}


def backdate(*folders: Path) -> None:
    for folder in folders:
        for file in folder.rglob("*"):
            os.utime(file, (time.time() - 3 * DAY_S,) * 2, follow_symlinks=False)


def copied(warehouse: Path, tmp_path: Path) -> tuple[Path, Path]:
    prod = tmp_path / "prod"
    # Made where it lies: the module's own table stays as it was for the next test.
    shutil.copytree(warehouse, prod)
    adopt(str(prod))
    shutil.copytree(prod, tmp_path / "test")
    return prod, tmp_path / "test"


def refused(place: Path, spark: SparkSession) -> None:
    """Nothing reads it, and nothing writes to it."""
    said = "was moved or copied from"
    tries: list[Callable[[], object]] = [
        lambda: PostsTable.open(str(place)),
        lambda: PostsTable.open_or_create(
            str(place), spark, model="any@1", dimension=8, hadoop=Hadoop()
        ),
    ]
    if (place / "decisions").exists():
        tries.append(lambda: decisions.latest(str(place)))
    for attempt in tries:
        with pytest.raises(StorageError, match=said) as error:
            attempt()
        assert "`matching-spark adopt` makes it" in str(error.value)
