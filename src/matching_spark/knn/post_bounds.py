"""What no cosine of a query and a post, by its best row, is above: by codes (codes.py).

Where a part has no codes, cosines in float32, which err by no more than MARGIN.
"""

from itertools import pairwise

import numpy as np

from matching_spark.knn.codes import CodedQueries
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, Index, VectorSet, best_of_rows
from matching_spark.knn.threads import share

PAIRS_AT_ONCE = 1 << 12  # whose codes lie in a core's cache
TINY = 1e-6  # what float32 loses of a cosine by codes


class PostBounds:
    """Queries (q, d) and the posts of a part."""

    def __init__(self, part: VectorSet, queries: Float32) -> None:
        self._part, self._queries = part, queries
        self._asked = CodedQueries.of(queries) if part.has_codes else None
        if self._asked is None:
            self._columns = columns_of(queries)
            return
        assert part.codes is not None
        assert part.errors is not None
        self._codes, self._errors = part.codes, part.errors
        self._scales, self._lengths, self._slacks = (
            each.astype(np.float32)
            for each in (self._asked.scales, self._asked.lengths, self._asked.errors + TINY)
        )

    def of(self, posts: Index) -> tuple[Float32, Index]:
        """(m, q) of those posts that have rows, and (m,) their places in `posts`, which ascend. It
        is one thread's work, quickest of so many posts as stay in a core's cache.
        """
        rows, groups, there = self._rows(posts)
        return _best(self._of_rows(rows), groups), there

    def of_pairs(self, which: Index, posts: Index) -> Float32:
        """(m,) of posts[i] and the query which[i], which ascend; NaN for a post without rows."""
        part = self._part
        if self._asked is None:
            return part.near(self._queries, which, posts)
        rows, groups, there = part.rows_of(posts)
        if not part.single:
            which = np.repeat(which[there], np.diff(groups, append=len(rows)))
        out = np.empty(len(rows), np.float32)

        def look(at: slice) -> None:
            out[at] = self._of_each(which[at], rows[at])

        share(look, [slice(s, s + PAIRS_AT_ONCE) for s in range(0, len(rows), PAIRS_AT_ONCE)])
        return best_of_rows(out, groups, there, len(posts))

    def _of_each(self, which: Index, rows: Index) -> Float32:
        """(m,) of rows[i] and the query which[i], which ascend."""
        assert self._asked is not None
        single = self._asked.single
        codes, products = self._codes.take(rows, axis=0), np.empty(len(rows), np.int32)
        cuts = (0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(which))
        for first, last in pairwise(cuts):
            products[first:last] = single[which[first]].products(codes[first:last])[:, 0]
        out = np.multiply(products, self._scales.take(which), dtype=np.float32, casting="same_kind")
        out += self._lengths.take(which) * self._errors.take(rows) + self._slacks.take(which)
        return out

    def _rows(self, posts: Index) -> tuple[Index | slice, Index, Index]:
        """As VectorSet.rows_of; rows that lie one after the other as a slice, which copies none."""
        part = self._part
        first, end = (int(posts[0]), int(posts[-1]) + 1) if len(posts) else (0, 0)
        if not part.in_order or end - first != len(posts):
            return part.rows_of(posts)
        starts = part.starts[first : end + 1]
        there = part.owning[slice(*np.searchsorted(part.owning, (first, end)))] - first
        return slice(starts[0], starts[-1]), starts.take(there) - starts[0], there

    def _of_rows(self, rows: Index | slice) -> Float32:
        if self._asked is None:
            return product(_some(self._part.vectors, rows), self._columns)
        products = self._asked.block.products(_some(self._codes, rows))
        out = np.multiply(products, self._scales, dtype=np.float32, casting="same_kind")
        out += np.multiply.outer(self._errors[rows], self._lengths)
        out += self._slacks
        return out


def _best(near: Float32, groups: Index) -> Float32:
    """(m, q) the largest of (n, q) of the rows from groups[i] on. Few posts have many: this takes
    half the time of np.maximum.reduceat."""
    if len(groups) == len(near):
        return near
    best, sizes = near.take(groups, axis=0), np.diff(groups, append=len(near))
    for place in range(1, int(sizes.max(initial=0))):
        more = np.flatnonzero(sizes > place)
        best[more] = np.maximum(best.take(more, axis=0), near.take(groups[more] + place, axis=0))
    return best


def _some(array: np.ndarray, rows: Index | slice) -> np.ndarray:
    """array[rows] of (n, d), which take copies in a third of the time."""
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)
