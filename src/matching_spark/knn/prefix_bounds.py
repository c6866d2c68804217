"""Heads: a few numbers of each vector by which most vectors are ruled out unread, exactly.

In a basis of the directions that hold most of a shard's vectors' length, a vector has a head (its
first m coordinates) and a rest. By Cauchy and Schwarz

    q . x <= head(q) . head(x) + |rest(q)| |rest(x)|

so with the rest's length as one more number, an inner product of m + 1 numbers in place of d bounds
every similarity. Vectors whose bound does not reach what is found already need not be read. That
holds in any orthonormal basis; a good one makes the bound tight.
"""

from dataclasses import replace

import numpy as np

from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, VectorSet

LEAST_ROWS = 1 << 13  # of a part: fewer are compared in a millisecond or two
SHARE = 0.9  # of the vectors' squared length, that a head has at least
MOST = 4  # a head is a fourth of a vector's numbers at most: where it wants more it saves little
STEP = 16  # numbers: a head is some of them less one, for the length of the rest
SAMPLE_ROWS = 1 << 12  # at least, by which the basis is chosen
ROWS_AT_ONCE = 1 << 11
# A squared rest is 1 less a sum of squares of float32 sums, which were seen to err by a few 1e-6.
SLACK = 1e-5


def with_heads(part: VectorSet, least_rows: int = LEAST_ROWS) -> VectorSet:
    """The part with heads; as it is where it is small, or its vectors lie in many directions."""
    basis = _basis(part.vectors) if len(part.vectors) >= least_rows else None
    if basis is None:
        return part
    return replace(part, basis=basis, heads=heads_of(part.vectors, basis))


def heads_of(vectors: Float32, basis: Float32) -> Float32:
    """(n, m + 1) of unit vectors (n, d) and a basis (m, d): the head and the length of the rest."""
    out = np.empty((len(vectors), len(basis) + 1), np.float32)
    columns = columns_of(basis)
    for s in range(0, len(vectors), ROWS_AT_ONCE):
        head = product(vectors[s : s + ROWS_AT_ONCE], columns)
        out[s : s + ROWS_AT_ONCE, :-1] = head
        out[s : s + ROWS_AT_ONCE, -1] = _rest(head, 1)
    return out


def bounds_of(queries: Float32, basis: Float32) -> Float32:
    """(m + 1, q): what heads are multiplied by, to bound their similarities to queries (q, d)."""
    head = product(basis, columns_of(queries))
    return np.concatenate([head, _rest(head, 0)[None]])


def _rest(head: Float32, axis: int) -> Float32:
    rest = 1 - np.square(head, dtype=np.float64).sum(axis=axis)
    return np.asarray(np.sqrt(np.maximum(0, rest) + SLACK), np.float32)


def _basis(vectors: Float32) -> Float32 | None:
    """(m, d) the directions of most length of the vectors; None where they would be too many."""
    n, d = vectors.shape
    sample = vectors[:: max(1, n // SAMPLE_ROWS)]
    lengths, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))  # ascending
    shares = np.cumsum(lengths[::-1]) / lengths.sum()
    needed = int(np.searchsorted(shares, SHARE)) + 1
    size = -(-(needed + 1) // STEP) * STEP
    if MOST * size > d:
        return None
    return np.ascontiguousarray(directions[:, ::-1].T[: size - 1], np.float32)
