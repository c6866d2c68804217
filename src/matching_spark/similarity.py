"""Similarity of unit vectors, pure numpy: no Spark, no I/O.

The float32 matrix product finds the candidates; their scores, the threshold and ties are decided in
float64, so that any split of the rows into shards gives the same answer.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from matching_spark.errors import UsageError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

# A blocked float32 dot of unit vectors errs by about (d / 16 + 4) * 2^-24: 2.2e-6 for d = 512,
# 7.9e-6 for d = 2048; both the row and the k-th score err.
MARGIN = 2e-5
BLOCK = (
    128  # scores whose maximum is looked at first: a partition of all costs as much as the product
)


def unit(vectors: npt.ArrayLike) -> Float32:
    """Rows scaled to length 1: (n, d) or (d,) of any float type -> the same shape, float32.

    Raises ValueError when a row is not finite or has no length.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("a vector has NaN, infinity or no length")
    return np.asarray(rows / lengths, dtype=np.float32)


def pair_scores(query: Float32, rows: Float32, metric: Metric = "cosine") -> Float64:
    """scores[i] = similarity of query (d,) and rows[i] of (n, d), in float64.

    cosine: cos(query, row). euclidean: 1 / (1 + |query - row|) of the unit vectors, so that larger
    is better in both. A row's score does not depend on the rows beside it (numpy sums each row by
    itself; a BLAS product would not promise that).
    """
    a = query.astype(np.float64)
    b = rows.astype(np.float64)
    a = a / np.sqrt((a * a).sum())
    b = b / np.sqrt((b * b).sum(axis=1, keepdims=True))
    if metric == "cosine":
        return np.asarray((a * b).sum(axis=1))
    if metric == "euclidean":
        return np.asarray(1.0 / (1.0 + np.sqrt(((a - b) ** 2).sum(axis=1))))
    raise UsageError(f"metric {metric!r} is not known; choose one of: {', '.join(METRICS)}")


def from_cosine(cosines: Float32, metric: Metric) -> tuple[Float32, float]:
    """Approximate scores of float32 cosines, and by how much such a score may err."""
    if metric == "cosine":
        return cosines, MARGIN
    # |a - b|^2 = 2 - 2 cos for unit vectors; the root turns an error e into sqrt(2 e) at worst.
    distances = np.sqrt(np.maximum(np.float32(0), 2 - 2 * cosines))
    return np.asarray(1 / (1 + distances), np.float32), float(np.sqrt(2 * MARGIN))


@dataclass(frozen=True)
class Grouped:
    """Vectors that belong to posts, the rows of a post side by side.

    vectors: (n, d) float32, unit length. posts: (m,) the posts that have rows, ascending.
    starts: (m + 1,) so that the rows of posts[i] are vectors[starts[i]:starts[i + 1]], never empty.
    """

    vectors: Float32
    posts: Index
    starts: Index

    def best(self, queries: Float32, size: int) -> Float32:
        """best[i, p] = highest cosine of post p's rows and queries[i]: (q, size), NaN for no rows.

        queries: (q, d).
        """
        # One query is a matrix-vector product, which reads the matrix as fast as memory gives it.
        product = self.vectors @ queries[0] if len(queries) == 1 else queries @ self.vectors.T
        scores = product.reshape(len(queries), len(self.vectors))
        if len(self.posts) != len(self.vectors):
            scores = np.maximum.reduceat(scores, self.starts[:-1], axis=1)
        if len(self.posts) == size:
            return np.asarray(scores)
        out = np.full((len(queries), size), np.nan, dtype=np.float32)
        out[:, self.posts] = scores
        return out

    def exact(self, query: Float32, posts: Index, metric: Metric) -> tuple[Float64, Index]:
        """Best score of each of `posts` in float64 (NaN if it has no rows), and its winning row.

        scores: (len(posts),); winners: the row's place among its post's rows, the first of equals.
        """
        scores = np.full(len(posts), np.nan)
        winners = np.zeros(len(posts), dtype=np.int64)
        at = np.searchsorted(self.posts, posts)
        for i in np.flatnonzero(np.append(self.posts, -1)[at] == posts):
            rows = self.vectors[self.starts[at[i]] : self.starts[at[i] + 1]]
            each = pair_scores(query, rows, metric)
            winners[i] = each.argmax()
            scores[i] = each[winners[i]]
        return scores, winners


def candidates(scores: Float32, k: int, floor: float, margin: float) -> Index:
    """Indices that may be among the k best of scores (n,) and reach `floor`; NaN never is.

    Everything within the margin of the k-th score or of the floor is kept: float64 decides later.
    """
    lowest = floor - margin
    whole = len(scores) - len(scores) % BLOCK
    if whole // BLOCK >= k:
        # k blocks hold a score of at least the k-th largest maximum, so the k-th score is no less.
        tops = np.fmax.reduce(scores[:whole].reshape(-1, BLOCK), axis=1)
        tops = tops[~np.isnan(tops)]
        if len(tops) >= k:
            lowest = max(lowest, float(np.partition(tops, -k)[-k]) - 2 * margin)
    usable = np.flatnonzero(scores >= lowest)
    if len(usable) > k:
        kth = np.partition(scores[usable], -k)[-k]
        usable = usable[scores[usable] >= kth - 2 * margin]
    return usable
