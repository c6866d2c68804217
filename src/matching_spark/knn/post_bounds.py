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


def of_rows(part: VectorSet, queries: Float32, rows: Index | None = None) -> Float32:
    """(q, n) of queries (q, d) and rows (n,), None for all."""
    if not part.has_codes:
        vectors = part.vectors if rows is None else part.vectors.take(rows, axis=0)
        return np.ascontiguousarray(product(vectors, columns_of(queries)).T)
    assert part.codes is not None
    assert part.errors is not None
    codes, errors, asked = part.codes, part.errors, CodedQueries.of(queries)
    scales, lengths, slacks = (
        each.astype(np.float32)[:, None]
        for each in (asked.scales, asked.lengths, asked.errors + TINY)
    )
    block, count = asked.block, len(codes) if rows is None else len(rows)
    out = np.empty((len(queries), count), np.float32)

    def look(at: slice) -> None:
        some = codes[at] if rows is None else codes.take(rows[at], axis=0)
        within = errors[at] if rows is None else errors.take(rows[at])
        here = out[:, at]
        np.multiply(block.products(some).T, scales, out=here, casting="same_kind")
        here += lengths * within + slacks

    share(look, [slice(s, s + ROWS_AT_ONCE) for s in range(0, count, ROWS_AT_ONCE)])
    return out


def of_posts(part: VectorSet, query: Float32, posts: Index) -> Float32:
    """(m,) of one query (d,) and posts (m,); NaN for a post without rows."""
    rows, groups, there = part.rows_of(posts)
    out = np.full(len(posts), np.nan, np.float32)
    if len(rows):
        (each,) = of_rows(part, query[None], rows)
        out[there] = each if len(groups) == len(rows) else np.maximum.reduceat(each, groups)
    return out


def best_of_posts(part: VectorSet, rows: Float32) -> Float32:
    """(m,) the largest that each post's rows have, of all rows (n,); NaN for a post without."""
    if part.single:
        return rows
    out = np.full(len(part.counts), np.nan, np.float32)
    for posts, at in part.shots:
        out[posts] = np.fmax(out[posts], rows.take(at))
    return out
