"""What no cosine of a query and a post is above: by codes (see codes.py), a post's best row."""

import numpy as np

from matching_spark.knn.codes import CodedQueries
from matching_spark.knn.similarity import Float32, Index, VectorSet
from matching_spark.knn.threads import share

ROWS_AT_ONCE = 1 << 11  # of codes and of what they say, that lie in a core's cache
TINY = 1e-6  # what float32 loses of a cosine by codes


def ceilings(part: VectorSet, queries: Float32, posts: Index | None = None) -> Float32:
    """(q, m) float32 of queries (q, d) and posts (m,), None for all; NaN for a post without rows.

    Where there are no codes, cosines that err by no more than MARGIN.
    """
    if not part.has_codes:
        return part.best(queries, posts)
    if posts is None:
        of_rows = _of_rows(part, queries, None)
        if part.single:
            return of_rows
        out = np.full((len(queries), len(part.counts)), np.nan, np.float32)
        for mine, rows in zip(out, of_rows, strict=True):
            for owners, at in part.shots:
                mine[owners] = np.fmax(mine[owners], rows.take(at))
        return out
    at, groups, there = part.rows_of(posts)
    out = np.full((len(queries), len(posts)), np.nan, np.float32)
    if len(at):
        of_rows = _of_rows(part, queries, at)
        if len(groups) < len(at):
            of_rows = np.maximum.reduceat(of_rows, groups, axis=1)
        out[:, there] = of_rows
    return out


def _of_rows(part: VectorSet, queries: Float32, rows: Index | None) -> Float32:
    """(q, n) of rows (n,), None for all."""
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
        said = block.products(some).T * scales
        said += lengths * within + slacks
        out[:, at] = said

    share(look, [slice(s, s + ROWS_AT_ONCE) for s in range(0, count, ROWS_AT_ONCE)])
    return out
