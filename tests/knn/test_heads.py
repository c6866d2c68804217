"""By heads or without: the same rows, for any vectors, any basis, any mask."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.posts import Filters
from matching_spark.knn import candidates
from matching_spark.knn.candidates import shortlist
from matching_spark.knn.prefix_bounds import MOST, STEP, bounds_of, heads_of, with_heads
from matching_spark.knn.similarity import MARGIN, Float32, VectorSet, pair_scores, unit
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.rerank import decide, merged
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.ivf_index import sort_by_cell, train
from matching_spark.shards.shard import load
from matching_spark.shards.space import VectorSpace
from tests.support import brute
from tests.support.shards import write_file

D = MOST * STEP  # the smallest dimension that can have heads


def few_directions(rng: np.random.Generator, count: int, dimension: int = D) -> Float32:
    """Unit vectors with nearly all of their length in 6 directions."""
    basis = np.random.default_rng(9).normal(size=(6, dimension))
    noise = 0.02 * rng.normal(size=(count, dimension))
    return unit(rng.normal(size=(count, 6)) @ basis + noise)


def part_of(vectors: Float32) -> VectorSet:
    return VectorSet.of(vectors, np.ones(len(vectors), np.int64))


def some_basis(rng: np.random.Generator, dimension: int, size: int) -> Float32:
    return np.ascontiguousarray(np.linalg.qr(rng.normal(size=(dimension, size)))[0].T, np.float32)


@pytest.mark.parametrize("dimension", [2, 64, 512, 2048, 4096])
def test_no_similarity_is_above_its_bound(dimension: int) -> None:
    """Nor of vectors that lie in the basis, where a rest is a difference of equals."""
    rng = np.random.default_rng(dimension)
    basis = some_basis(rng, dimension, max(1, dimension // 4))
    inside = unit(rng.normal(size=(300, len(basis))) @ basis.astype(np.float64))
    noise = unit(rng.normal(size=(300, dimension)))
    near = unit(inside + 1e-3 * noise)
    along = unit(np.abs(noise))
    rows = np.concatenate([inside, noise, near, along, basis])
    true = rows.astype(np.float64) @ rows.T.astype(np.float64)
    bound = heads_of(rows, basis) @ bounds_of(rows, basis)
    assert (bound >= true - MARGIN / 4).all()
    assert (np.abs(bound - true)[:300, :300] < 1e-3).all()  # no rest, nothing to rule in


@given(
    st.integers(0, 2**32),
    st.integers(1, 30),
    st.sampled_from([1, 2, 40, 300]),
    st.sampled_from(["own", "any", "cells"]),
)
@settings(max_examples=60, deadline=None)
def test_a_shortlist_by_heads_holds_all_that_may_be_best(
    seed: int, k: int, count: int, basis: str
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6000))
    vectors = few_directions(rng, n) if basis != "any" else unit(rng.normal(size=(n, D)))
    vectors[rng.random(n) < 0.3] = vectors[0]
    part = part_of(vectors)
    if basis == "any":  # of vectors that a head says little of
        any_basis = some_basis(rng, D, STEP - 1)
        part = replace(part, basis=any_basis, heads=heads_of(vectors, any_basis))
    else:
        part = with_heads(part, 1)
        if basis == "cells":
            part = part.by_cell(rng.integers(0, 8, (n, 2)), 8)
        assert part.heads is not None
        assert part.basis is not None
        assert np.abs(part.heads - heads_of(part.vectors, part.basis)).max() < 1e-3
    queries = few_directions(rng, count)
    if seed % 2:  # some or all of the blocks lie elsewhere
        queries[int(rng.integers(count)) :] = unit(rng.normal(size=(1, D)))
    queries[0] = vectors[0]
    allowed = rng.random(n) < rng.random() if seed % 3 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "HEAD_ROWS", 256)
        patch.setattr(candidates, "PROBE_ROWS", 256)
        patch.setattr(candidates, "HEAD_QUERIES", 70)
        patch.setattr(candidates, "FAR", 2 if seed % 5 else candidates.FAR)
        got = shortlist(queries, part, k, 0.1, allowed)
    free = np.ones(n, bool) if allowed is None else allowed
    for i, query in enumerate(queries):
        scores = pair_scores(query, part.vectors)
        scores[~free | (scores < 0.1)] = -np.inf
        kth = np.sort(scores)[-k:][0] if k <= len(scores) else -np.inf
        must = set(np.flatnonzero((scores >= kth) & np.isfinite(scores)))
        mine = got.query == i
        rows = got.row[mine]
        assert must <= set(rows)
        assert free[rows].all()
        assert len(set(rows)) == len(rows)
        np.testing.assert_allclose(
            got.score[mine], pair_scores(query, part.vectors[rows]), atol=2e-6
        )


def test_hidden_rows_stay_hidden_whatever_is_known_before() -> None:
    """Of one query nothing is known, of the others much: not even a low floor lets -inf pass."""
    rng = np.random.default_rng(6)
    part = with_heads(part_of(few_directions(rng, 9000)))
    queries = few_directions(rng, 100)
    floors = np.full(100, 0.999, np.float32)
    floors[3] = -np.inf
    for count, k in ((2300, 10), (2300, 600), (2300, 2000)):
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
            for i in range(6000)
        ]
        shard = load(write_file(tmp_path / f"{n}.parquet", mine, set()), D)
        shards.append(
            replace(
                shard,
                alive=rng.random(6000) < 0.3,
                days=(rng.integers(0, 50, 6000) + 20 * n).astype(np.int32),
                photos=with_heads(shard.photos),
            )
        )
        assert shards[-1].photos.heads is not None
    queries = few_directions(rng, 80)
    first = tuple(int(day) if day < 85 else None for day in rng.integers(0, 90, 80))
    asked = tuple(QueryItem(q, not_before=day) for q, day in zip(queries, first, strict=True))
    for k in (5, 400):
        request = Request(asked, Filters(kind="found"), k)
        got = decide(scan_all(shards, request), request)
        alone = decide([scan(shard, request) for shard in shards], request)
        plain = [replace(s, photos=replace(s.photos, heads=None)) for s in shards]
        want = decide([scan(shard, request) for shard in plain], request)
        for a, b, c in zip(got, alone, want, strict=True):
            assert [h.post_id for h in a] == [h.post_id for h in b] == [h.post_id for h in c]
            assert all(h.shard.alive[h.post] for h in a)


def test_heads_rule_out_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """QueryItem of few directions are never compared whole, but for those that are found."""
    rng = np.random.default_rng(3)
    part = with_heads(part_of(few_directions(rng, 40_000)))
    looked = []

    def scored(queries: Float32, vectors: Float32, query: np.ndarray, row: np.ndarray) -> object:
        looked.append(len(row))
        return real(queries, vectors, query, row)

    def whole(*given: object) -> None:
        raise AssertionError("whole vectors were compared")

    # How many vectors are looked at whole does not show in an answer.
    real = candidates._scored  # noqa: SLF001
    monkeypatch.setattr(candidates, "_scored", scored)
    monkeypatch.setattr(candidates, "_by_products", whole)
    for count in (1, 50):
        looked.clear()
        shortlist(few_directions(rng, count), part, 10)
        assert sum(looked) < 40_000 * count / 50


def test_what_heads_would_not_help_has_none() -> None:
    rng = np.random.default_rng(4)
    assert with_heads(part_of(unit(rng.normal(size=(9000, D))))).heads is None  # all directions
    assert with_heads(part_of(few_directions(rng, 1000))).heads is None  # few rows
    assert with_heads(part_of(few_directions(rng, 9000, D - 1))).heads is None  # few numbers
    assert with_heads(part_of(np.empty((0, D), np.float32))).heads is None
    assert with_heads(part_of(few_directions(rng, 9000))).heads is not None


def test_a_cached_shard_has_heads_and_answers_as_its_file_does(tmp_path: Path) -> None:
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
        assert shard.photos.heads is not None
        assert shard.texts.heads is None
        assert merged([scan(shard, request)], request) == want
    assert want[7][0].post_id != "p0007"
    sorted_shard = sort_by_cell(shard, train([shard], "m", 9000, 16))
    assert merged([scan(sorted_shard, request)], request) == want
