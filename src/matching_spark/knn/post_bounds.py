"""What no cosine of a query and a row, or a post by its best row, is above: by codes (codes.py).

Where a part has no codes, cosines in float32, which err by no more than MARGIN.
"""

from itertools import pairwise

import numpy as np

from matching_spark.knn.codes import CodedQueries
from matching_spark.knn.int8_products import Int8
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, Index, VectorSet, best_of_rows
from matching_spark.knn.threads import share

ROWS_AT_ONCE = 1 << 12  # of codes and of what they say, that lie in a core's cache
SHARE = 16  # of posts: of more, the best of all cost less than those of each by itself
TINY = 1e-6  # what float32 loses of a cosine by codes


class RowBounds:
    """Queries (q, d) and the rows of a part."""

    def __init__(self, part: VectorSet, queries: Float32) -> None:
        self.part, self._queries = part, queries
        self._asked = CodedQueries.of(queries) if part.has_codes else None

    def of_all(self) -> Float32:
        """(q, n) of all queries and rows."""
        if self._asked is None:
            return np.ascontiguousarray(product(self.part.vectors, columns_of(self._queries)).T)
        return self._of_all(self._asked)

    def of_pairs(self, which: Index, posts: Index) -> Float32:
        """(m,) of posts[i] and the query which[i], which ascending; NaN for a post without rows."""
        if self._asked is None:
            return self.part.near(self._queries, which, posts)
        rows, groups, there = self.part.rows_of(posts)
        if not self.part.single:
            which = np.repeat(which[there], np.diff(groups, append=len(rows)))
        return best_of_rows(self._of_rows(self._asked, which, rows), groups, there, len(posts))

    def _of_all(self, asked: CodedQueries) -> Float32:
        codes, errors = self._codes()
        scales, lengths, slacks = (each[:, None] for each in _float32(asked))
        out = np.empty((len(scales), len(codes)), np.float32)

        def look(at: slice) -> None:
            here = out[:, at]
            np.multiply(asked.block.products(codes[at]).T, scales, out=here, casting="same_kind")
            here += lengths * errors[at] + slacks

        share(look, _slices(len(codes)))
        return out

    def _of_rows(self, asked: CodedQueries, which: Index, rows: Index) -> Float32:
        codes, errors = self._codes()
        scales, lengths, slacks = _float32(asked)
        out = np.empty(len(rows), np.float32)

        def look(at: slice) -> None:
            of, some = which[at], codes.take(rows[at], axis=0)
            products = np.empty(len(of), np.int32)
            cuts = (0, *(np.flatnonzero(np.diff(of)) + 1).tolist(), len(of))
            for first, last in pairwise(cuts):
                products[first:last] = asked.single[of[first]].products(some[first:last])[:, 0]
            here = out[at]
            np.multiply(products, scales.take(of), out=here, casting="same_kind")
            here += lengths.take(of) * errors.take(rows[at]) + slacks.take(of)

        share(look, _slices(len(rows)))
        return out

    def _codes(self) -> tuple[Int8, Float32]:
        assert self.part.codes is not None
        assert self.part.errors is not None
        return self.part.codes, self.part.errors


def best_of_posts(part: VectorSet, rows: Float32, posts: Index) -> Float32:
    """(m,) the largest that each post's rows have, of all rows (n,); NaN for a post without."""
    if part.single:
        return rows.take(posts)
    if SHARE * len(posts) < len(part.counts):
        at, groups, there = part.rows_of(posts)
        return best_of_rows(rows.take(at), groups, there, len(posts))
    every = np.full(len(part.counts), np.nan, np.float32)
    for some, at in part.shots:
        every[some] = np.fmax(every[some], rows.take(at))
    return every.take(posts)


def _float32(asked: CodedQueries) -> tuple[Float32, Float32, Float32]:
    """(q,) scales, lengths and slacks."""
    return (
        asked.scales.astype(np.float32),
        asked.lengths.astype(np.float32),
        (asked.errors + TINY).astype(np.float32),
    )


def _slices(count: int) -> list[slice]:
    return [slice(s, s + ROWS_AT_ONCE) for s in range(0, count, ROWS_AT_ONCE)]
