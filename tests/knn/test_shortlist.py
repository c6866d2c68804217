"""By codes or without: the same rows, for any vectors, any mask, any chunks and threads."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.posts import Filters
from matching_spark.knn import by_codes, by_vectors, candidates
from matching_spark.knn.candidates import shortlist
from matching_spark.knn.int8_products import Block, Int8, Int32
from matching_spark.knn.similarity import MARGIN, Float32, Mask, VectorSet, pair_scores, unit
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.rerank import decide, merged
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.ivf_index import sort_by_cell, train
from matching_spark.shards.shard import load
from matching_spark.shards.space import VectorSpace
from tests.knn.test_codes import KINDS, vectors_of
from tests.support import brute
from tests.support.shards import write_file

D = 64
CASES = int(os.environ.get("CODES_CASES", "60"))  # 10,000 by hand


def part_of(vectors: Float32) -> VectorSet:
    return VectorSet.of(vectors, np.ones(len(vectors), np.int64))


def few_directions(rng: np.random.Generator, count: int, dimension: int = D) -> Float32:
    """Unit vectors with nearly all of their length in 6 directions."""
    basis = np.random.default_rng(9).normal(size=(6, dimension))
    noise = 0.02 * rng.normal(size=(count, dimension))
    return unit(rng.normal(size=(count, 6)) @ basis + noise)


def near_ties(rng: np.random.Generator, query: Float32, count: int) -> Float32:
    """Vectors whose cosines with a query lie within 1e-7 of each other, or of 2 MARGIN below."""
    aside = rng.normal(size=(count, len(query)))
    aside -= (aside @ query)[:, None] * query
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-12)
    down = rng.choice([0.0, 2 * MARGIN], (count, 1)) + rng.uniform(-1e-7, 1e-7, (count, 1))
    cosine = rng.choice([0.3, 0.9]) - down
    return unit(cosine * query + np.sqrt(1 - cosine**2) * aside)


def check(queries: Float32, part: VectorSet, k: int, floor: float, allowed: Mask | None) -> None:
    """Of each query, what a shortlist gives holds all within 2 MARGIN of the k-th best."""
    got = shortlist(queries, part, k, floor, allowed)
    free = np.ones(len(part.vectors), bool) if allowed is None else allowed
    for i, query in enumerate(queries):
        scores = pair_scores(query, part.vectors)
        scores[~free | (scores < floor)] = -np.inf
        kth = np.sort(scores)[-k] if k <= len(scores) else -np.inf
        must = np.flatnonzero((scores >= kth - 1.9 * MARGIN) & np.isfinite(scores))
        mine = got.query == i
        rows = got.row[mine]
        assert set(must) <= set(rows)
        assert free[rows].all()
        assert len(set(rows)) == len(rows)
        exact = pair_scores(query, part.vectors[rows])
        np.testing.assert_allclose(got.score[mine], exact, atol=MARGIN / 4)


@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 2, 5, D, D, 200]),
    st.sampled_from(KINDS),
    st.integers(1, 30),
    st.sampled_from([1, 2, 4, 40]),
)
@settings(max_examples=CASES)
def test_a_shortlist_by_codes_holds_all_that_may_be_best(
    seed: int, d: int, kind: str, k: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 3000))
    vectors = vectors_of(kind, rng, n, d)
    queries = vectors_of(str(rng.choice(KINDS)), rng, count, d)
    queries[0] = vectors[0]
    vectors[rng.random(n) < rng.choice([0, 0.3])] = vectors[0]
    if d > 1:
        near = np.flatnonzero(rng.random(n) < 0.02)
        vectors[near] = near_ties(rng, queries[-1], len(near))
    part = part_of(vectors).coded()
    if seed % 2:
        part = part.by_cell(rng.integers(0, 8, (n, 2)), 8)
    allowed = rng.random(n) < rng.random() if seed % 3 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "CODED_FROM", 0)
        patch.setattr(by_codes, "CHUNK_ROWS", int(rng.choice([64, 256, 1024])))
        patch.setattr(by_codes, "CODED_QUERIES", int(rng.choice([16, 256])))
        patch.setattr(by_codes, "PROBE_ROWS", 256)
        patch.setattr(by_codes, "FEW", int(rng.choice([1, 8])))
        patch.setattr(by_codes, "DENSE", int(rng.choice([1, 32, 10**9])))
        patch.setenv("OMP_NUM_THREADS", str(rng.choice(["1", "2"])))
        check(queries, part, k, float(rng.choice([-1.0, 0.1])), allowed)


@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([1, 2, 40, 256]))
@settings(max_examples=25)
def test_so_does_one_by_vectors(seed: int, k: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(int(rng.integers(1, 9000)), 8)))
    vectors[rng.random(len(vectors)) < 0.3] = vectors[0]
    queries = unit(rng.normal(size=(count, 8)))
    queries[0] = vectors[0]
    check(queries, part_of(vectors), k, 0.1, rng.random(len(vectors)) < rng.random())


def test_no_row_and_no_allowed_row_are_none() -> None:
    rng = np.random.default_rng(2)
    queries = few_directions(rng, 3)
    for n, free in ((0, 0), (2000, 0), (2000, 1)):
        part = part_of(few_directions(rng, n)).coded()
        allowed = np.zeros(n, bool)
        allowed[:free] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(candidates, "CODED_FROM", 0)
            assert len(shortlist(queries, part, 5, -1, allowed).row) == 3 * free
            assert not len(shortlist(queries, part, 5, np.inf, allowed).row)


def test_hidden_rows_stay_hidden_whatever_is_known_before() -> None:
    """Of one query nothing is known, of the others much: not even a low floor lets -inf pass."""
    rng = np.random.default_rng(6)
    part = part_of(few_directions(rng, 9000)).coded()
    queries = few_directions(rng, 100)
    floors = np.full(100, 0.999, np.float32)
    floors[3] = -np.inf
    for count, k in ((2300, 10), (2300, 600), (2300, 2000), (1500, 10)):
        allowed = np.zeros(9000, bool)
        allowed[rng.permutation(9000)[:count]] = True
        got = shortlist(queries, part, k, floors, allowed)
        assert allowed[got.row].all()
        best = np.argsort(-pair_scores(queries[3], part.vectors[allowed]))[:k]
        assert set(np.flatnonzero(allowed)[best]) <= set(got.row[got.query == 3])


def test_a_block_over_several_shards_gets_what_each_alone_gives(tmp_path: Path) -> None:
    """Though a shard knows what those before it reached: dates, deletes, any number of photos."""
    rng = np.random.default_rng(7)
    shards = []
    for n in range(3):
        mine = [
            brute.Plain(f"p{n}{i:04d}", few_directions(rng, int(rng.integers(1, 3))), None)
            for i in range(2000)
        ]
        shard = load(write_file(tmp_path / f"{n}.parquet", mine, set()), D)
        shards.append(
            replace(
                shard,
                alive=rng.random(2000) < 0.3,
                days=(rng.integers(0, 50, 2000) + 20 * n).astype(np.int32),
                photos=shard.photos.coded(),
            )
        )
    queries = few_directions(rng, 80)
    first = tuple(int(day) if day < 85 else None for day in rng.integers(0, 90, 80))
    asked = tuple(QueryItem(q, not_before=day) for q, day in zip(queries, first, strict=True))
    for k in (5, 400):
        request = Request(asked, Filters(kind="found"), k)
        got = decide(scan_all(shards, request), request)
        alone = decide([scan(shard, request) for shard in shards], request)
        plain = [replace(s, photos=replace(s.photos, codes=None, errors=None)) for s in shards]
        want = decide([scan(shard, request) for shard in plain], request)
        for a, b, c in zip(got, alone, want, strict=True):
            assert [h.post_id for h in a] == [h.post_id for h in b] == [h.post_id for h in c]
            assert all(h.shard.alive[h.post] for h in a)


@pytest.mark.parametrize("kind", ["any", "outlying"])
def test_codes_rule_out_nearly_all(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No vector is compared whole, but for those that may be found."""
    rng = np.random.default_rng(3)
    vectors = vectors_of(kind, rng, 40_050, 128)
    part = part_of(vectors[50:]).coded()
    looked = []

    def scored(queries: Float32, vectors: Float32, query: np.ndarray, row: np.ndarray) -> object:
        looked.append(len(row))
        return real(queries, vectors, query, row)

    def whole(*given: object) -> None:
        raise AssertionError("whole vectors were compared")

    # How many vectors are looked at whole does not show in an answer.
    real = by_vectors.scored
    monkeypatch.setattr(by_codes, "scored", scored)
    monkeypatch.setattr(by_codes, "by_products", whole)
    for count in (1, 50):
        looked.clear()
        shortlist(vectors[:count], part, 10)
        assert sum(looked) < 40_000 * count / 50


def test_where_codes_rule_out_little_whole_vectors_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where all rows are nearly alike: after some chunks codes are not tried again."""
    rng = np.random.default_rng(8)
    part = part_of(unit(np.ones(D) + 1e-3 * rng.normal(size=(9000, D)))).coded()
    tried = []

    def products(block: Block, rows: Int8) -> Int32:
        tried.append(len(rows))
        return real(block, rows)

    real = Block.products
    monkeypatch.setattr(Block, "products", products)
    monkeypatch.setattr(by_codes, "CHUNK_ROWS", 256)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    check(part.vectors[:2], part, 10, -1, None)
    assert sum(tried) < by_codes.TRIED * 256 + 2 * by_codes.PROBE_ROWS


def test_a_cached_shard_has_codes_and_answers_as_its_file_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    vectors = few_directions(rng, 9000)
    posts = [brute.Plain(f"p{i:04d}", v[None], None) for i, v in enumerate(vectors)]
    file = write_file(tmp_path / "a.parquet", posts, {"p0007", "p0100"})
    cache, space = ShardCache(str(tmp_path / "cache"), 1 << 30), VectorSpace("m", D)
    plain = load(file, D)
    request = Request(tuple(QueryItem(v) for v in vectors[:60]), Filters(kind="found"), 5)
    want = merged([scan(plain, request)], request)
    for _ in range(2):  # written, then mapped
        shard = cache.load(file, space)
        assert shard.photos.has_codes
        assert merged([scan(shard, request)], request) == want
    assert want[7][0].post_id != "p0007"
    sorted_shard = sort_by_cell(shard, train([shard], "m", 9000, 16))
    assert sorted_shard.photos.has_codes
    assert merged([scan(sorted_shard, request)], request) == want
