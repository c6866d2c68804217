"""Similarity of unit vectors, on arrays alone: no Spark, no I/O.

The float32 matrix product finds the candidates; their scores, the threshold and ties are decided in
float64, so that any split of the rows into shards gives the same answer.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from matching_spark.knn.codes import encode, quiet_of
from matching_spark.knn.int8_products import MOST_NUMBERS, Int8, usable
from matching_spark.knn.matmul import Float32 as Float32
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.threads import share

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
SAME = 1 - 1e-9  # a cosine in float64 from which on two vectors are the same
Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

# A blocked float32 dot of unit vectors errs by about (d / 16 + 4) * 2^-24: 2.2e-6 for d = 512,
# 7.9e-6 for d = 2048; of terms that are all alike by twice that (2.3e-6 seen of d = 200). Both the
# row and the k-th score err.
MARGIN = 2e-5

READ_AT_ONCE = 1 << 17  # numbers of rows that are copied in float32: 512 KB
PAIRS_AT_ONCE = 1 << 15  # the same in float64: 256 KB; eight times as many fault their pages in


def unit(vectors: npt.ArrayLike) -> Float32:
    """Rows scaled to length 1: (n, d) or (d,) of any float type -> the same shape, float32.

    Raises ValueError when a row is not finite or has no length.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    # By powers of two, which change no digit: squares of 1e200 or 1e-160 are beyond float64.
    tops = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
    rows = np.ldexp(rows, -np.frexp(tops)[1])
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("a vector has NaN, infinity or no length")
    return np.asarray(rows / lengths, dtype=np.float32)


def pair_scores(query: Float32, rows: Float32) -> Float64:
    """scores[i] = cosine of query (d,) or query[i] of (n, d) and rows[i] of (n, d), in float64."""
    a = query.astype(np.float64)
    return _pair_scores(a, (a * a).sum(axis=-1), rows.astype(np.float64), "cosine")


def _pair_scores(a: Float64, of_a: Float64, b: Float64, metric: Metric) -> Float64:
    """scores[i] = similarity of a (d,) or a[i] of (n, d) and b[i] of (n, d), which is written over.
    of_a: the squares of the lengths of a.

    cosine: cos(a, b). euclidean: 1 / (1 + |a - b|) of the unit vectors, so that larger is better in
    both. A row's score depends neither on the rows beside it nor on the processor: numpy sums each
    row by itself and in one order, which BLAS does not promise.
    """
    of_b = (b * b).sum(axis=1)
    if metric == "cosine":
        b *= a
        return np.asarray(b.sum(axis=1) / np.sqrt(of_a * of_b))
    b /= np.sqrt(of_b)[:, None]
    b -= a / np.sqrt(of_a)[..., None]
    b *= b
    return np.asarray(1.0 / (1.0 + np.sqrt(b.sum(axis=1))))


def from_cosine(cosines: Float32, metric: Metric) -> tuple[Float32, float]:
    """Approximate scores of float32 cosines, and by how much such a score may err."""
    if metric == "cosine":
        return cosines, MARGIN
    # |a - b|^2 = 2 - 2 cos for unit vectors; the root turns an error e into sqrt(2 e) at worst.
    distances = np.sqrt(np.maximum(np.float32(0), 2 - 2 * cosines))
    return np.asarray(1 / (1 + distances), np.float32), float(np.sqrt(2 * MARGIN))


@dataclass(frozen=True)
class VectorSet:
    """The vectors of one kind (photos, or words) of the posts 0..m-1 of a shard.

    vectors: (n, d) float32, unit length, in any order. owners: (n,) int32, the post of each row.
    rows: (n,) int32, the rows post by post, a post's photos in their order; starts: (m + 1,) int32,
    so that post p has the vectors[rows[starts[p]:starts[p + 1]]]. Where there are cells, members
    are the rows cell by cell, int32, a row in each of its cells, and cells (c + 1,) int64 says that
    those of cell j are members[cells[j]:cells[j + 1]]. codes
    (n, size_of(d)) int8 and errors (n,) float32, or neither, are those of the rows (see codes.py).
    """

    vectors: Float32
    owners: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    members: npt.NDArray[np.int32] | None = None
    cells: Index | None = None
    codes: Int8 | None = None
    errors: Float32 | None = None

    @classmethod
    def of(cls, vectors: Float32, counts: Index) -> Self:
        """From vectors that lie post by post, counts[p] of them belonging to post p."""
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return cls(vectors, owners, np.arange(len(vectors), dtype=np.int32), starts)

    @classmethod
    def joined(cls, parts: Sequence["VectorSet"]) -> Self:
        """The posts of one part after another's, copied. Either all have cells, the same, or none;
        so have they codes."""
        before = np.cumsum([0, *(len(part.vectors) for part in parts)]).tolist()
        posts = np.cumsum([0, *(len(part.counts) for part in parts)]).tolist()

        def of(name: str, moved: Sequence[int] | None = None) -> np.ndarray:
            each = [getattr(part, name) for part in parts]
            if moved is not None:
                each = [array + np.int32(by) for array, by in zip(each, moved, strict=False)]
            return np.concatenate(each)

        starts = [part.starts[:-1] + np.int32(by) for part, by in zip(parts, before, strict=False)]
        out = cls(
            of("vectors"),
            of("owners", posts),
            of("rows", before),
            np.concatenate([*starts, before[-1:]]).astype(np.int32),
            codes=None if parts[0].codes is None else of("codes"),
            errors=None if parts[0].errors is None else of("errors"),
        )
        if parts[0].cells is None:
            return out
        sizes = np.array([np.diff(part.cells) for part in parts if part.cells is not None])
        cell = np.tile(np.arange(sizes.shape[1]), len(parts)).repeat(sizes.ravel())
        members = of("members", before)[np.argsort(cell, kind="stable")]
        return replace(out, members=members, cells=np.append(0, np.cumsum(sizes.sum(axis=0))))

    def by_cell(self, cell: Index, cells: int) -> Self:
        """The same with the rows sorted by the first of their two cells, cell (n, 2)."""
        order = np.argsort(cell[:, 0], kind="stable")
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        each = cell[order].ravel()
        offsets = np.concatenate([[0], np.cumsum(np.bincount(each, minlength=cells))])
        return replace(
            self,
            vectors=self.vectors[order],
            codes=None if self.codes is None else self.codes[order],
            errors=None if self.errors is None else self.errors[order],
            owners=self.owners[order],
            rows=place[self.rows],
            members=(np.argsort(each, kind="stable") // 2).astype(np.int32),
            cells=offsets.astype(np.int64),
        )

    @property
    def nbytes(self) -> int:
        """What its arrays take."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))

    @cached_property
    def counts(self) -> Index:
        """(m,) how many rows each post has."""
        return np.diff(self.starts).astype(np.int64)

    @cached_property
    def owning(self) -> Index:
        """The posts that have rows, ascending."""
        return np.flatnonzero(self.counts)

    @cached_property
    def most(self) -> int:
        """The most rows that one post has."""
        return int(self.counts.max(initial=0))

    @cached_property
    def single(self) -> bool:
        """Whether post p has the one row p."""
        return len(self.vectors) == len(self.counts) and bool(
            (self.owners == np.arange(len(self.vectors))).all()
        )

    @cached_property
    def in_order(self) -> bool:
        """Whether the rows lie post by post."""
        return bool((np.diff(self.rows) == 1).all()) and not self.rows[:1].any()

    def first(self, post: int) -> Float32 | None:
        """A post's first vector."""
        at, end = self.starts[post : post + 2]
        return None if at == end else np.asarray(self.vectors[self.rows[at]])

    def subset(self, posts: Index) -> Self:
        """The vectors of some posts, copied, post by post."""
        at, _, _ = self.rows_of(posts)
        return type(self).of(self.vectors[at], self.counts[posts])

    def best(self, queries: Float32) -> Float32:
        """best[i, p] = highest float32 cosine of queries[i] and the rows of post p, NaN for a post
        without rows. queries: (q, d). (q, posts)."""
        if self.single:
            return np.ascontiguousarray(product(self.vectors, columns_of(queries)).T)
        at, groups, there = self.rows_of(np.arange(len(self.counts)))
        out = np.full((len(queries), len(self.counts)), np.nan, dtype=np.float32)
        if len(at):
            scores = np.ascontiguousarray(product(self.vectors, columns_of(queries)).T)
            if self.cells is not None:
                scores = scores[:, at]
            if len(groups) != len(at):
                scores = np.maximum.reduceat(scores, groups, axis=1)
            out[:, there] = scores
        return out

    def coded(self) -> Self:
        """The same with codes, which take a quarter of the vectors' memory."""
        codes, errors = encode(self.vectors)
        return replace(self, codes=codes, errors=errors)

    @property
    def has_codes(self) -> bool:
        """Whether there are codes that this process may go by."""
        few = self.codes is not None and self.codes.shape[1] <= MOST_NUMBERS
        return few and usable(os.getpid())

    @cached_property
    def loud(self) -> Index:
        """The rows, ascending, whose errors are above quiet_of(d)."""
        assert self.errors is not None
        return np.flatnonzero(self.errors > quiet_of(self.vectors.shape[1]))

    def near(self, queries: Float32, which: Index, posts: Index) -> Float32:
        """(m,) the highest float32 cosine of queries[which[i]] and the rows of posts[i], read by
        themselves; NaN for a post without rows. queries: (q, d)."""
        at, groups, there = self.rows_of(posts)
        asked = np.repeat(which[there], np.diff(groups, append=len(at)))
        each = np.empty(len(at), np.float32)

        def look(part: slice) -> None:
            mine = queries[0] if len(queries) == 1 else queries.take(asked[part], axis=0)
            each[part] = np.vecdot(self.vectors.take(at[part], axis=0), mine)

        step = max(1, READ_AT_ONCE // queries.shape[1])
        share(look, [slice(s, s + step) for s in range(0, len(at), step)])
        return best_of_rows(each, groups, there, len(posts))

    def exact(
        self, queries: Float32, which: Index, posts: Index, metric: Metric
    ) -> tuple[Float64, Index]:
        """scores[i] = best of posts[i] against queries[which[i]] in float64; NaN without rows.

        winners[i]: the row's place among its post's rows, the first of equals.
        """
        scores = np.full(len(posts), np.nan)
        winners = np.zeros(len(posts), dtype=np.int64)
        at, groups, there = self.rows_of(posts)
        if not len(at):
            return scores, winners
        sizes = np.diff(np.append(groups, len(at)))
        asked = np.repeat(which[there], sizes)
        each = np.empty(len(at))
        whole = queries.astype(np.float64)
        squares = (whole * whole).sum(axis=1)

        def look(part: slice) -> None:
            mine = asked[part]
            rows = self.vectors.take(at[part], axis=0).astype(np.float64)
            each[part] = _pair_scores(whole.take(mine, axis=0), squares.take(mine), rows, metric)

        step = max(1, PAIRS_AT_ONCE // queries.shape[1])
        share(look, [slice(s, s + step) for s in range(0, len(at), step)])
        best = np.maximum.reduceat(each, groups)
        scores[there] = best
        first = np.flatnonzero(each == np.repeat(best, sizes))
        winners[there] = first[np.searchsorted(first, groups)] - groups
        return scores, winners

    def rows_of(self, posts: Index) -> tuple[Index, Index, Index]:
        """The rows of the posts, one post after the other; where each begins; which have any."""
        if self.single:
            every = np.arange(len(posts))
            return posts, every, every
        counts = (self.starts[posts + 1] - self.starts[posts]).astype(np.int64)
        there = np.flatnonzero(counts)
        counts = counts[there]
        groups = np.cumsum(counts) - counts
        at = np.repeat(self.starts[posts[there]] - groups, counts) + np.arange(counts.sum())
        return self.rows[at], groups, there


def best_of_rows(each: Float32, groups: Index, there: Index, posts: int) -> Float32:
    """(posts,) the largest that each post's rows have, as `VectorSet.rows_of` has them; NaN for a
    post without."""
    if len(there) == len(each) == posts:
        return each
    out = np.full(posts, np.nan, np.float32)
    if len(each):
        out[there] = each if len(there) == len(each) else np.maximum.reduceat(each, groups)
    return out


@dataclass(frozen=True)
class Pairs:
    """Flat lists of (query, row or post, float32 cosine), sorted by nothing."""

    query: Index
    row: Index
    score: Float32

    @classmethod
    def joined(cls, parts: Sequence["Pairs"]) -> "Pairs":
        if not parts:
            none = np.empty(0, np.int64)
            return cls(none, none, np.empty(0, np.float32))
        return cls(
            np.concatenate([p.query for p in parts]),
            np.concatenate([p.row for p in parts]),
            np.concatenate([p.score for p in parts]),
        )

    def where(self, mask: Mask | Index) -> "Pairs":
        return Pairs(self.query[mask], self.row[mask], self.score[mask])

    def of(self, owners: npt.NDArray[np.int32], query: Index) -> "Pairs":
        """The same of the rows' posts, for queries by other numbers."""
        return Pairs(query, owners[self.row].astype(np.int64), self.score)

    def best_of_rows(self) -> "Pairs":
        """Each (query, row) once, with its best score; sorted by query, the best score first."""
        order = np.lexsort((-self.score, self.row, self.query))
        query, row = self.query[order], self.row[order]
        new = np.append(True, (query[1:] != query[:-1]) | (row[1:] != row[:-1]))[: len(row)]
        once = self.where(order[new])
        return once.where(np.lexsort((-once.score, once.query)))

    def best_first(self, queries: int) -> tuple[Index, Index]:
        """The order of the pairs by query, the best score first; how many each query has."""
        order = np.argsort(-self.score)
        query = self.query[order]
        if queries <= 1 << 16:
            query = query.astype(np.uint16)  # of which numpy's sort is linear
        counts = np.bincount(self.query, minlength=queries)
        return order[np.argsort(query, kind="stable")], counts

    def of_queries(self, numbers: Index) -> "Pairs":
        """The same of queries by other numbers: query i becomes numbers[i]."""
        return Pairs(numbers[self.query], self.row, self.score)


def low_of(pairs: Pairs, k: int, queries: int, margin: float = MARGIN) -> Float32:
    """(queries,) what a score must reach that may be among its query's k best, each being off by
    margin; -inf where there are fewer than k. Each pair is there once."""
    order, counts = pairs.best_first(queries)
    last = np.cumsum(counts) - counts + k - 1
    low = np.full(queries, -np.inf, np.float32)
    full = counts >= k
    low[full] = pairs.score[order[last[full]]] - np.float32(2 * margin)
    return low


def near_best(parts: Sequence[Pairs], k: int, margin: float) -> list[Pairs]:
    """Of each part what may be among its query's k best of all parts, scores being off by margin.

    A pair is in one part, and there once.
    """
    joined = Pairs.joined(parts)
    low = low_of(joined, k, int(joined.query.max(initial=-1)) + 1, margin)
    return [part.where(part.score >= low[part.query]) for part in parts]


def floor_of(threshold: float, metric: Metric) -> float:
    """The least cosine that can reach a threshold on the metric's own scale."""
    if metric == "euclidean" and threshold < 1 / 3 - MARGIN:
        return -np.inf  # no two unit vectors are further from each other than 2
    if metric == "cosine":
        return threshold
    # score = 1 / (1 + |a - b|) and |a - b|^2 = 2 - 2 cos
    return np.inf if threshold > 1 else 1 - (1 / threshold - 1) ** 2 / 2
