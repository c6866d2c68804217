"""What a search reads is one snapshot, the one that it names, whoever writes meanwhile."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    InputError,
    ModelError,
    PostsTable,
    Query,
    SearchOptions,
    SimilarityEngine,
    StorageError,
)
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.posts import Filters
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.search.rerank import TaskOutcome
from matching_spark.search.runners import MemoryRunner
from tests.support.found import hits_of
from tests.support.vectors import write_vectors

WHERE = Filters(kind="found")


def ingest(folder: Path, ids: list[str], uri: str, spark: SparkSession, **more: Any) -> None:
    write_vectors(folder / "v.parquet", ids, np.eye(len(ids), 8) + 0.1, **more)
    ingest_vectors(str(folder / "v.parquet"), uri, spark, "found", Hadoop())


def test_a_search_names_the_snapshot_that_it_read(
    tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else writes, and this table is refreshed, between the plan and the scan."""
    uri = str(tmp_path / "table")
    ingest(tmp_path, ["a", "b"], uri, spark)
    table = PostsTable.open(uri)
    first = table.snapshot
    engine = SimilarityEngine(table, "memory", cache=Cache())
    real = MemoryRunner.run

    def late(runner: MemoryRunner, *planned: Any) -> TaskOutcome:
        ingest(tmp_path, ["c", "d", "e"], uri, spark)
        table.refresh()
        return real(runner, *planned)

    monkeypatch.setattr(MemoryRunner, "run", late)
    query = Query(embedding=np.ones(8))
    (result,) = engine.search([query], SearchOptions(WHERE))
    assert {match.post_id for match in result.matches} == {"a", "b"}
    assert result.snapshot == first != table.snapshot
    monkeypatch.undo()
    (now,) = engine.search([query], SearchOptions(WHERE))
    assert (len(now.matches), now.snapshot) == (5, table.snapshot)
    assert hits_of(engine, np.ones(8), snapshot=first)[0] == list(result.matches)


def test_a_plan_stays_what_it_was(tmp_path: Path, spark: SparkSession) -> None:
    uri = str(tmp_path / "table")
    ingest(tmp_path, ["a", "b"], uri, spark)
    table = PostsTable.open(uri)
    state, plan = table.state, table.plan(WHERE)
    ingest(tmp_path, ["c"], uri, spark)
    table.refresh()
    assert state.plan(WHERE) == plan
    assert table.plan(WHERE) != plan
    for other in (table.snapshot, ""):  # '' as a variable has that nobody has set
        with pytest.raises(InputError, match=f"has no snapshot {other}; there are: "):
            state.plan(WHERE, other)
    with pytest.raises(StorageError, match="cannot be read at snapshot"):
        PostsTable.open(uri, spark, Hadoop()).frame("")


def test_what_it_read_having_ended_a_search_is_refused_by_another_models_vectors_every_time(
    tmp_path: Path, spark: SparkSession
) -> None:
    """A reembed, and an erase that ends all snapshots before it: the table is of the same place."""
    uri = str(tmp_path / "table")
    ingest(tmp_path, ["a", "b"], uri, spark)
    table = PostsTable.open(uri)
    before = table.state
    engine = SimilarityEngine(table, "memory", cache=Cache(folder=str(tmp_path / "cache")))
    shutil.rmtree(uri)
    ingest(tmp_path, ["a", "b"], uri, spark, model=["other@1"] * 2)
    query = Query(embedding=np.ones(8))
    for _ in range(2):
        with pytest.raises(ModelError, match="holds vectors of other@1, this is external/8"):
            engine.search([query], SearchOptions(WHERE))
        assert table.state is before
