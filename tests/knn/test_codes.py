"""Codes of 8 bits: no similarity is further from what they say than they say."""

import hashlib
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, ValueInfoProto, helper

from matching_spark.knn import codes as codes_module
from matching_spark.knn import int8_products
from matching_spark.knn.codes import CodedQueries, encode, quiet_of, rotated, size_of, step_of
from matching_spark.knn.int8_products import FEW, MATMUL, PACKED, Block
from matching_spark.knn.post_bounds import PostBounds
from matching_spark.knn.similarity import MARGIN, Float32, VectorSet, unit

KINDS = ("any", "one direction", "outlying", "few numbers", "cluster")


def vectors_of(kind: str, rng: np.random.Generator, count: int, d: int) -> Float32:
    """Unit vectors (count, d) of a kind, some of which codes describe badly."""
    noise = rng.normal(size=(count, d))
    if kind == "one direction":
        return unit(np.ones(d) + 1e-3 * noise)
    if kind == "outlying":
        noise[:, rng.integers(d, size=2)] += rng.choice([-8, 8], 2) * np.sqrt(d / 128)
    elif kind == "few numbers":  # codes turned back: all their length in few turned coordinates
        noise *= rng.random((count, d)) < 2 / d
        noise[:, 0] += 1e-3
        basis = rotated(np.eye(d, dtype=np.float32))
        noise = noise @ basis[:, :d].T if size_of(d) == d else noise
    elif kind == "cluster":
        noise = rng.normal(size=d) + 0.1 * noise
    return unit(noise)


@given(
    st.integers(0, 2**32),
    st.sampled_from([1, 2, 3, 37, 64, 65, 128, 384, 500, 512]),
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
)
@settings(max_examples=80)
def test_no_similarity_is_beyond_its_bounds(seed: int, d: int, kind: str, other: str) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, size=60)  # photos of a post
    vectors = vectors_of(kind, rng, int(counts.sum()), d)
    queries = vectors_of(other, rng, int(rng.choice([1, FEW, FEW + 1, PACKED + 1, 70])), d)
    queries[: len(vectors) // 4] = vectors[: len(vectors) // 4][: len(queries)]
    part = VectorSet.of(vectors, counts).coded()
    if seed % 2:
        part = part.by_cell(rng.integers(0, 5, (len(vectors), 2)), 5)
    bounds = PostBounds(part, queries)
    true = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    posts, ends = np.sort(rng.permutation(60)[:20]), np.cumsum(counts)
    for some in (np.arange(60), posts):
        every, there = bounds.of(some)
        assert (some[there] == some[counts[some] > 0]).all()
        for upper, post in zip(every, some[there].tolist(), strict=True):
            own = true[:, ends[post] - counts[post] : ends[post]]
            assert (own.max(axis=1) <= upper).all()


@pytest.mark.parametrize("d", [1, 2, 40, 127, 512, 769, 4096])
def test_a_rotation_keeps_lengths_and_angles(d: int) -> None:
    rng = np.random.default_rng(d)
    rows = unit(rng.normal(size=(50, d)))
    turned = rotated(rows).astype(np.float64)
    np.testing.assert_allclose(turned @ turned.T, rows @ rows.T.astype(np.float64), atol=1e-6)
    np.testing.assert_allclose(rotated(rows[:1]), turned[:1], atol=1e-6)


def test_codes_of_an_earlier_version_are_read_by_the_same_rotation() -> None:
    """They lie in caches: whoever changes the signs or the step makes a new version of entries
    (shards.cache_entry.MAGIC)."""
    signs = codes_module._turn(512)[0]  # noqa: SLF001
    assert hashlib.sha256(signs.tobytes()).hexdigest()[:16] == "cf92a2649c02d28a"
    assert step_of(512) == pytest.approx(4.25 / 512**0.5 / 127, rel=1e-12)


def test_codes_are_tight_where_coordinates_stand_out() -> None:
    rng = np.random.default_rng(1)
    for kind in ("any", "outlying", "cluster"):
        _, errors = encode(vectors_of(kind, rng, 2000, 512))
        assert 0.008 < errors.mean() < 0.011
        assert np.quantile(errors, 0.98) < quiet_of(512)


def test_a_vector_of_one_number_is_its_code() -> None:
    codes, errors = encode(np.array([[1], [-1]], np.float32))
    assert codes.tolist() in ([[127], [-127]], [[-127], [127]])
    assert errors.max() < 1e-4
    assert CodedQueries.of(np.array([[1]], np.float32)).errors.max() < 1e-4


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, PACKED, PACKED + 1, 200])
def test_products_are_those_of_whole_numbers(count: int) -> None:
    rng = np.random.default_rng(count)
    for numbers in (1, 5, 64, 513):
        rows = rng.integers(-127, 128, (301, numbers), dtype=np.int8)
        rows[::7] = 127
        queries = rng.integers(-127, 128, (count, numbers), dtype=np.int8)
        queries[0] = -127
        rows.flags.writeable = False  # as mapped ones are
        for some in (rows, rows[5:9], rows[:0]):
            got = Block(queries).products(some)
            assert got.dtype == np.int32
            assert np.array_equal(got, some.astype(int) @ queries.T.astype(int))


def test_kernels_that_err_are_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a processor's 16-bit sums do. Then whole vectors are compared, and the log says so."""

    def saturated(block: Block, rows: np.ndarray) -> np.ndarray:
        pairs = rows.astype(int)[:, None] * block.codes.astype(int)
        sums: np.ndarray = np.clip(pairs.sum(axis=2), -(2**15), 2**15 - 1).astype(np.int32)
        return sums

    part = VectorSet.of(unit(np.random.default_rng(0).normal(size=(9, 8))), np.ones(9, int))
    part = part.coded()
    for name in ("cdist_kernel", "packed_kernel", "many_kernel"):
        monkeypatch.setattr(int8_products, name, saturated)
    for known in (int8_products.usable, int8_products.many_are_exact):
        known.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert not part.has_codes
            assert not int8_products.many_are_exact(-1)
        assert "wrong on this processor: searches compare whole vectors" in caplog.text
        exact = np.diag(PostBounds(part, part.vectors).of(np.arange(len(part.vectors)))[0])
        np.testing.assert_allclose(exact, 1, atol=MARGIN)
    finally:
        for known in (int8_products.usable, int8_products.many_are_exact):
            known.cache_clear()


def test_sums_that_float32_cannot_hold_are_tried() -> None:
    def single(block: Block, rows: np.ndarray) -> np.ndarray:
        sums = rows.astype(np.float32) @ block.codes.T.astype(np.float32)
        return np.asarray(sums, np.int32)

    assert not int8_products._exact(single)  # noqa: SLF001
    assert int8_products._exact(int8_products.packed_kernel)  # noqa: SLF001


def test_the_graph_is_onnx() -> None:
    node = helper.make_node("MatMulInteger", ["a", "b", "z"], ["c"])

    def of(name: str, kind: int) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, None)

    graph = helper.make_graph(
        [node],
        "",
        [of("a", TensorProto.UINT8), of("b", TensorProto.INT8)],
        [of("c", TensorProto.INT32)],
        [helper.make_tensor("z", TensorProto.UINT8, [], [128])],
    )
    opset = helper.make_opsetid("", 13)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    assert model.SerializeToString() == MATMUL
