"""Any split into files, any number of photos a post, any deletes: the answer is brute force's."""

import datetime as dt
import itertools
import multiprocessing
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.posts import Filters
from matching_spark.errors import StorageError
from matching_spark.knn import candidates
from matching_spark.knn.matmul import MATMUL, columns_of, product
from matching_spark.knn.similarity import MARGIN, METRICS, pair_scores, unit
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import decide, merged
from matching_spark.search.runners import MOST_BYTES, tasks_of
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.ivf_index import reached, sort_by_cell, train
from matching_spark.shards.joined import join
from matching_spark.shards.shard import DataFile, load, pack
from tests.support import brute
from tests.support.shards import DIMENSION, worlds, write_file


@settings(max_examples=int(os.environ.get("CODES_CASES", "60")))
@given(
    worlds(),
    st.integers(1, 50),
    st.one_of(st.none(), st.floats(-1, 1)),
    st.sampled_from(METRICS),
    st.sampled_from(["image", "text", "both"]),
    st.integers(0, 2**32),
)
def test_any_split_gives_brute_force(
    world: tuple[list[brute.Plain], list[int], set[str]],
    k: int,
    threshold: float | None,
    metric: str,
    asked: str,
    seed: int,
) -> None:
    posts, splits, deleted = world
    rng = np.random.default_rng(seed)
    first, second = unit(rng.normal(size=(2, DIMENSION)))
    if seed % 2 and len(posts[0].photos):
        first = posts[0].photos[0]  # a query that is in the table
    query = QueryItem(
        image=first if asked != "text" else None, text=second if asked != "image" else None
    )
    scoring = Scoring(metric, threshold=threshold)  # type: ignore[arg-type]
    request = Request((query,), Filters(kind="found"), k, scoring)
    with tempfile.TemporaryDirectory() as folder:
        edges = [0, *splits, len(posts)]
        files = [
            write_file(Path(folder) / f"{n}.parquet", posts[a:b], deleted)
            for n, (a, b) in enumerate(itertools.pairwise(edges))
        ]
        shards = [load(file, DIMENSION) for file in files]
    if seed % 3:  # as the cache has them
        shards = [replace(s, photos=s.photos.coded(), texts=s.texts.coded()) for s in shards]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "CODED_FROM", 0)
        parts = scan_all(shards, request)
        as_one = scan_all([join(shards)], request)
    got = merged(parts, request)[0]
    assert merged(as_one, request)[0] == got
    alive = [post for post in posts if post.post_id not in deleted]
    everything = brute.search(alive, query, len(posts), threshold, metric)
    want = brute.stable(everything)[:k]
    if threshold is None or all(abs(s - threshold) > 2e-9 for _, s in everything):
        if asked != "both":  # means of the same numbers in another order differ in the last bit
            assert [m.post_id for m in got] == [i for i, _ in want]
        scores = dict(everything)
        assert all(abs(scores[m.post_id] - m.score) < 1e-6 for m in got)
        assert len({m.post_id for m in got}) == len(got)
        np.testing.assert_allclose([m.score for m in got], [s for _, s in want], atol=1e-6)
    assert sum(part.searched for part in parts) == len(alive)
    assert [m.rank for m in got] == list(range(1, len(got) + 1))


def test_ties_go_to_the_smaller_id(tmp_path: Path) -> None:
    vector = unit(np.ones((1, DIMENSION)))
    posts = [brute.Plain(f"p{i:02d}", vector, None) for i in reversed(range(30))]
    files = [write_file(tmp_path / f"{n}.parquet", posts[n::3], set()) for n in range(3)]
    request = Request((QueryItem(image=vector[0]),), Filters(), 5)
    got = merged(scan_all((load(f, DIMENSION) for f in files), request), request)[0]
    assert [m.post_id for m in got] == ["p00", "p01", "p02", "p03", "p04"]


def test_the_winning_photo_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = unit(rng.normal(size=(4, DIMENSION)))
    file = write_file(tmp_path / "a.parquet", [brute.Plain("p", photos, None)], set())
    request = Request((QueryItem(image=photos[2]),), Filters(), 1)
    got = merged([scan(load(file, DIMENSION), request)], request)[0]
    assert got[0].photo == "p/2"
    assert got[0].score == pytest.approx(1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, 1.01])
@pytest.mark.parametrize("text", [False, True])
def test_vectors_of_no_length_or_of_another_are_named(
    tmp_path: Path, wrong: float, text: bool
) -> None:
    """Else a NaN would hide every other row, and bounds by codes would not hold."""
    rows = unit(np.random.default_rng(0).normal(size=(5, DIMENSION)))
    rows[3] *= np.float32(wrong)
    posts = [
        brute.Plain(f"p{i}", rows[i : i + (not text)], rows[i] if text else None) for i in range(5)
    ]
    file = write_file(tmp_path / "a.parquet", posts, set())
    with pytest.raises(StorageError, match=r"a\.parquet has vectors that are not of length 1"):
        load(file, DIMENSION)


def test_a_torn_or_missing_file_is_named(tmp_path: Path) -> None:
    post = brute.Plain("p", unit(np.ones((1, DIMENSION))), None)
    file = write_file(tmp_path / "a.parquet", [post], set())
    with pytest.raises(StorageError, match=r"a\.parquet has vectors that are not 9"):
        load(file, DIMENSION + 1)
    Path(file.uri).write_bytes(Path(file.uri).read_bytes()[:100])
    with pytest.raises(StorageError, match=r"a\.parquet cannot be read"):
        load(file, DIMENSION)
    Path(file.uri).unlink()
    with pytest.raises(StorageError, match=r"a\.parquet is named by the table but is not there"):
        load(file, DIMENSION)


@given(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=60), st.integers(1, 16))
def test_packing_loses_no_file(sizes: list[int], cores: int) -> None:
    files = [DataFile(str(i), 1, size) for i, size in enumerate(sizes)]
    tasks = pack(files, cores)
    many = tasks_of(files, Request((QueryItem(),) * 1000, Filters(), 10), cores)
    for each in (tasks, many):
        assert sorted(f.uri for task in each for f in task) == sorted(f.uri for f in files)
        assert all(each)
    assert len(many) <= len(tasks), "each looks up its k best of all"
    assert len(many) == min(len(files), max(cores, -(-sum(sizes) // MOST_BYTES)))


def test_unit_refuses_what_has_no_direction() -> None:
    for bad in ([0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(ValueError, match="NaN, infinity or no length"):
            unit(np.array([bad]))


def test_unit_knows_the_direction_of_what_is_huge_or_tiny() -> None:
    for size in (1e-310, 1e-160, 1.0, 1e200):
        np.testing.assert_allclose(unit(np.array([3, 0, -4.0]) * size), [0.6, 0, -0.8], rtol=1e-7)


def test_scores_of_a_row_do_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    rows, query = unit(rng.normal(size=(500, 512))), unit(rng.normal(size=512))
    whole = pair_scores(query, rows)
    for at in (0, 17, 499):
        assert pair_scores(query, rows[at : at + 1])[0] == whole[at]


def test_filters_are_checked_by_name() -> None:
    with pytest.raises(Exception, match="category '지갑들' is not known; choose one of: 가방"):
        Filters(category="지갑들")
    assert Filters(since=dt.date(2026, 1, 1)).status == "open"


def test_blocks_of_queries_are_each_brute_forces(tmp_path: Path) -> None:
    """By every kernel (1, a block, faiss from 256 on), with ties, masks, dates and cells."""
    rng = np.random.default_rng(5)
    pool = unit(rng.normal(size=(40, DIMENSION)))
    posts = [
        brute.Plain(f"p{i:04d}", pool[rng.integers(40, size=rng.integers(0, 3))], pool[i % 40])
        for i in range(700)
    ]
    shard = load(write_file(tmp_path / "a.parquet", posts, set()), DIMENSION)
    shard = replace(shard, alive=rng.random(len(posts)) < 0.8)
    days = rng.integers(0, 100, len(posts)).astype(np.int32)
    shard = replace(shard, days=days)
    alive = [i for i in range(len(posts)) if shard.alive[i]]
    cells = train([shard], "m", 1400, 8)
    sorted_shard = sort_by_cell(shard, cells)
    for count in (1, 3, 300):
        for words in (False, True):
            vectors = unit(rng.normal(size=(count, DIMENSION)))
            vectors[: count // 2] = pool[rng.integers(40, size=count // 2)]
            first = [int(day) if day < 60 else None for day in rng.integers(0, 90, count)]
            queries = tuple(
                QueryItem(None, v, not_before=day) if words else QueryItem(v, not_before=day)
                for v, day in zip(vectors, first, strict=True)
            )
            request = Request(queries, Filters(), 7, Scoring(threshold=0.2))
            probed = replace(request, nprobe=3)
            exact = [
                decide([scan(shard, request)], request),
                decide([scan(sorted_shard, request, cells)], request),
                decide([scan(sorted_shard, replace(request, nprobe=8), cells)], request),
            ]
            few = decide([scan(sorted_shard, probed, cells)], probed)
            # Of a large block a fifth, of copies of the pool's rows and of others.
            for i, query in list(enumerate(queries))[:: 5 if count > 10 else 1]:
                usable = [p for p in alive if first[i] is None or days[p] >= first[i]]
                want = brute.search([posts[p] for p in usable], query, len(posts), 0.2)
                for hits in exact:
                    assert [h.post_id for h in hits[i]] == [w for w, _ in brute.stable(want)[:7]]
                # With cells: the same of those that are best by what the cells reach of them.
                at = reached(sorted_shard.photos, cells.photos, vectors[i], 3)
                owner, row = sorted_shard.photos.owners[at], sorted_shard.photos.vectors[at]
                seen = {p: replace(posts[p], photos=row[owner == p]) for p in {*owner.tolist()}}
                if words:  # those of a post without photos
                    of_texts = sorted_shard.texts.owners
                    at = reached(sorted_shard.texts, cells.texts, vectors[i], 3)
                    bare = of_texts[at][shard.photos.counts[of_texts[at]] == 0]
                    seen |= {p: posts[p] for p in bare.tolist()}
                best = brute.search([seen[p] for p in usable if p in seen], query, 700, 0.2)
                least = best[:7][-1][1] - 1e-6 if best else 0.2
                near = [posts[int(name[1:])] for name, score in best if score >= least]
                want = brute.search(near, query, 700, 0.2)
                assert [h.post_id for h in few[i]] == [w for w, _ in brute.stable(want)[:7]]


@pytest.mark.parametrize("dimension", [1, 8, 512, 2048])
def test_a_product_errs_by_less_than_its_margin(dimension: int) -> None:
    """Of numbers that all add up too, where rounding errs most; from any memory, in order."""
    rng = np.random.default_rng(dimension)
    rows = unit(np.abs(rng.normal(size=(1000, dimension))))
    for queries in (rows[:1], rows[:2], rows[:33], unit(rng.normal(size=(200, dimension)))):
        want = rows.astype(np.float64) @ queries.T.astype(np.float64)
        there = np.frombuffer(rows.tobytes(), np.float32).reshape(rows.shape)  # as a cached shard
        got = product(there[3:], columns_of(queries))
        assert got.dtype == np.float32
        assert np.abs(got - want[3:]).max() < MARGIN / 2


def test_the_matrix_product_is_the_model_it_is_said_to_be() -> None:
    from onnx import TensorProto, ValueInfoProto, helper

    def of(name: str) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None])

    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "", [of("a"), of("b")], [of("c")])
    opset = helper.make_opsetid("", 13)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    assert model.SerializeToString() == MATMUL


def test_a_fork_multiplies_as_its_parent_does() -> None:
    """The parent's threads are not in the fork: waiting for them would be for ever."""
    rows = unit(np.random.default_rng(1).normal(size=(5000, 64)))
    columns = columns_of(rows[:32])
    want = product(rows, columns)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        got = pool.apply_async(product, (rows, columns)).get(timeout=60)
    np.testing.assert_array_equal(got, want)
