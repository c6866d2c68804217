"""Cells and gathered queries through the engine: both runners, filters, closed posts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from matching_spark import Filters, PostsTable, SimilarityEngine
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.facts import Facts
from matching_spark.errors import StorageError
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import VectorSet, unit
from matching_spark.operations.batcher import QueryBatcher
from matching_spark.operations.index import described
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.shards.ivf_index import (
    NEIGHBOURS,
    SOAR,
    Cells,
    assign,
    load_cells,
    reached,
    save_cells,
    train,
)
from matching_spark.shards.shard import read
from tests.support.calibrations import random_calibration
from tests.support.found import hits_of
from tests.support.tables import copied

DIMENSION, COUNT, CELLS = 16, 600, 24
FOUND = Filters(kind="found")


@pytest.fixture(scope="module")
def centres() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(30, DIMENSION))


@pytest.fixture(scope="module")
def table(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, centres: np.ndarray
) -> PostsTable:
    """Clustered vectors in two categories, with cells; some posts withdrawn after that."""
    folder: Path = tmp_path_factory.mktemp("cells")
    rng = np.random.default_rng(2)
    rows = centres[rng.integers(30, size=COUNT)] + rng.normal(scale=0.3, size=(COUNT, DIMENSION))
    content = {
        "post_id": [f"f{i:04d}" for i in range(COUNT)],
        "vector": pa.array(list(unit(rows)), pa.list_(pa.float32())),
        "category": ["지갑" if i % 3 else "가방" for i in range(COUNT)],
    }
    pq.write_table(pa.table(content), folder / "v.parquet")
    uri = str(folder / "t")
    ingest_vectors(str(folder / "v.parquet"), uri, spark, "found", Hadoop())
    opened = PostsTable.open(uri, spark, Hadoop())
    shards = (read(file, DIMENSION) for file in opened.plan().files)
    cells = train(shards, opened.model, COUNT, CELLS)
    assert (len(cells.photos), len(cells.texts), cells.rows) == (CELLS, 0, COUNT)
    opened.set_cells(save_cells(cells, f"{uri}/cells"))
    opened.set_status([f"f{i:04d}" for i in range(0, COUNT, 50)], "withdrawn")
    return opened


def queries(centres: np.ndarray, count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    rows = centres[rng.integers(30, size=count)] + rng.normal(scale=0.3, size=(count, DIMENSION))
    return unit(rows)


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25)
def test_a_vector_lies_in_its_nearest_cell_and_in_soars(seed: int, count: int, probed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, centroids = unit(rng.normal(size=(200, 8))), unit(rng.normal(size=(count, 8)))
    vectors[0] = centroids[0]
    cells = assign(vectors, centroids)
    cosines = vectors.astype(np.float64) @ centroids.T
    np.testing.assert_allclose(cosines[np.arange(200), cells[:, 0]], cosines.max(axis=1), atol=1e-6)
    for row, (first, second) in zip(vectors, cells, strict=True):
        if count == 1:
            assert second == 0
            continue
        rest, others = row - centroids[first], row - centroids
        along = (others @ rest) ** 2 / max(rest @ rest, 1e-6)
        loss = (others**2).sum(axis=1) + SOAR * along
        near = np.argsort(-(centroids @ row))[:NEIGHBOURS]
        assert second != first
        assert loss[second] <= loss[near[near != first]].min() + 1e-4

    part = VectorSet.of(vectors, np.ones(200, np.int64)).by_cell(cells, count)
    query, nprobe = vectors[1], min(probed, count)
    near = np.argsort(-(centroids @ query))[:nprobe]
    want = vectors[np.isin(cells, near).any(axis=1)]
    got = part.vectors[reached(part, centroids, query, nprobe)]
    assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, want.tolist()))


def test_few_cells_find_nearly_all_and_all_cells_are_exact(
    table: PostsTable, centres: np.ndarray
) -> None:
    asked = queries(centres, 20)
    memory = SimilarityEngine(table, "memory", cache=Cache())
    request = Request(tuple(QueryItem(v) for v in asked), FOUND, 5)
    exact = memory.run(request)
    assert exact.exact
    assert exact.rows == 20 * (COUNT + COUNT // 50)  # a changed post is a new row
    every = memory.run(replace(request, nprobe=CELLS))
    assert every.matches == exact.matches
    few = memory.run(replace(request, nprobe=4))
    assert not few.exact
    assert few.rows < 0.4 * exact.rows
    assert few.searched == exact.searched
    hits = [
        len({m.post_id for m in a} & {m.post_id for m in b}) / 5
        for a, b in zip(few.matches, exact.matches, strict=True)
    ]
    assert np.mean(hits) > 0.9
    where = Filters(kind="found", category="가방")
    for match in hits_of(memory, asked[:1], nprobe=3, where=where)[0]:
        assert (match.category, match.status) == ("가방", "open")
    spark = SimilarityEngine(table, "spark", cache=Cache())
    assert spark.run(replace(request, nprobe=4)).matches == few.matches
    assert spark.run(request).matches == exact.matches


def test_gathered_queries_get_the_answers_they_get_alone(
    table: PostsTable, centres: np.ndarray
) -> None:
    engine = SimilarityEngine(table, "memory", cache=Cache())
    asked = queries(centres, 24)
    requests = [
        Request((QueryItem(v),), FOUND if i % 3 else Filters(category="지갑"), 4 + i % 2)
        for i, v in enumerate(asked)
    ]
    weights = random_calibration(seed=1, model=table.model)
    for i in range(0, len(requests), 4):  # fused ones among them, each with facts of its own
        facts = Facts(category=("지갑", "가방")[i // 4 % 2])
        queries_of = tuple(replace(query, facts=facts) for query in requests[i].queries)
        requests[i] = replace(requests[i], queries=queries_of, scoring=Scoring(calibration=weights))
    want = [engine.run(request).matches for request in requests]
    calls = []
    run = engine.run
    engine.run = lambda *a, **k: (calls.append(1), run(*a, **k))[1]  # type: ignore
    with QueryBatcher(engine, wait_ms=200) as gatherer, ThreadPoolExecutor(24) as pool:
        got = list(pool.map(gatherer.run, requests))
    assert [each.matches for each in got] == want
    assert len(calls) < len(requests)
    with pytest.raises(RuntimeError, match="closed"):
        gatherer.run(requests[0])


def test_cells_say_when_they_are_torn_gone_or_outgrown(
    table: PostsTable, spark: SparkSession, tmp_path: Path
) -> None:
    table = PostsTable.open(copied(table.uri, tmp_path / "own"), spark, Hadoop())
    state = described(table)
    assert state is not None
    assert (state.photos, state.advice) == (CELLS, None)
    cells = load_cells(state.uri)
    uri = save_cells(replace(cells, rows=COUNT // 10), f"{table.uri}/cells")
    table.set_cells(uri)
    grown = described(table)
    assert grown is not None
    assert "outgrown" in str(grown.advice)
    assert Cells.from_bytes(cells.to_bytes()).photos.tolist() == cells.photos.tolist()
    load_cells.cache_clear()
    path = Path(uri)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(StorageError, match="torn; run `matching-spark index`"):
        load_cells(uri)
    path.unlink()
    with pytest.raises(StorageError, match="has gone"):
        load_cells(uri)
