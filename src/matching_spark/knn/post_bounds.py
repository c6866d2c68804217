"""What no cosine of a query and a row, or a post by its best row, is above: by codes (codes.py).

Where a part has no codes, cosines in float32, which err by no more than MARGIN.
"""

import numpy as np

from matching_spark.knn.codes import CodedQueries
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, Index, VectorSet
from matching_spark.knn.threads import share

ROWS_AT_ONCE = 1 << 12  # of codes and of what they say, that lie in a core's cache
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
        return self._by_codes(self._asked, None)

    def of_posts(self, query: int, posts: Index) -> Float32:
        """(m,) of a query, by its place, and posts (m,); NaN for a post without rows."""
        rows, groups, there = self.part.rows_of(posts)
        out = np.full(len(posts), np.nan, np.float32)
        if len(rows):
            if self._asked is None:
                each = np.vecdot(self.part.vectors.take(rows, axis=0), self._queries[query])
            else:
                (each,) = self._by_codes(self._asked.at(slice(query, query + 1)), rows)
            out[there] = each if len(groups) == len(rows) else np.maximum.reduceat(each, groups)
        return out

    def _by_codes(self, asked: CodedQueries, rows: Index | None) -> Float32:
        codes, errors = self.part.codes, self.part.errors
        assert codes is not None
        assert errors is not None
        scales, lengths, slacks = (
            each.astype(np.float32)[:, None]
            for each in (asked.scales, asked.lengths, asked.errors + TINY)
        )
        block, count = asked.block, len(codes) if rows is None else len(rows)
        out = np.empty((len(scales), count), np.float32)

        def look(at: slice) -> None:
            some = codes[at] if rows is None else codes.take(rows[at], axis=0)
            within = errors[at] if rows is None else errors.take(rows[at])
            here = out[:, at]
            np.multiply(block.products(some).T, scales, out=here, casting="same_kind")
            here += lengths * within + slacks

        share(look, [slice(s, s + ROWS_AT_ONCE) for s in range(0, count, ROWS_AT_ONCE)])
        return out


def best_of_posts(part: VectorSet, rows: Float32) -> Float32:
    """(m,) the largest that each post's rows have, of all rows (n,); NaN for a post without."""
    if part.single:
        return rows
    out = np.full(len(part.counts), np.nan, np.float32)
    for posts, at in part.shots:
        out[posts] = np.fmax(out[posts], rows.take(at))
    return out
