"""The rows of a shard that may be among a query's k best, by the whole vectors."""

from dataclasses import dataclass

import numpy as np

from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import MARGIN, Float32, Index, Mask, Pairs

BLOCK = 128  # scores whose maximum is looked at first
FAISS_FROM = 256  # queries; between 16 and 255 faiss.knn takes 5 to 9 times as long as a product
SPARE = 6  # scores beyond the k-th that faiss is asked for, to see that no equal is left out
CHUNK_ROWS = 1 << 16  # compared at once by one query, or by faiss
BLOCK_SCORES = 1 << 17  # of a block of queries at once: 512 KB, which stay in a core's cache
COPY_ROWS = 1 << 11  # copied at once where only some are allowed: 4 MB for 512 numbers
SCORED_AT_ONCE = 256  # rows and queries copied: 512 KB each for 512 numbers


def scored(queries: Float32, vectors: Float32, query: Index, row: Index) -> Pairs:
    """The pairs (query[i], row[i]) with their scores."""
    score = np.empty(len(row), np.float32)
    for s in range(0, len(row), SCORED_AT_ONCE):
        at = slice(s, s + SCORED_AT_ONCE)
        score[at] = np.vecdot(vectors.take(row[at], axis=0), queries.take(query[at], axis=0))
    return Pairs(query, row, score)


@dataclass(frozen=True)
class Chosen:
    """Which rows may be found: those with these numbers, to be copied; or all as they lie, where
    `rows` is None, but for the hidden ones (n,).
    """

    rows: Index | None = None
    hidden: Mask | None = None

    @classmethod
    def of(cls, allowed: Mask | None) -> "Chosen":
        """One pass over all rows costs less than copying more than a quarter of them."""
        if allowed is None or allowed.all():
            return cls()
        if 4 * np.count_nonzero(allowed) <= len(allowed):
            return cls(np.flatnonzero(allowed))
        return cls(hidden=~allowed)

    def count(self, rows: int) -> int:
        """Of so many."""
        if self.rows is not None:
            return len(self.rows)
        return rows if self.hidden is None else rows - int(np.count_nonzero(self.hidden))

    def copied(self) -> "Chosen":
        """The same without hidden rows."""
        return self if self.hidden is None else Chosen(np.flatnonzero(~self.hidden))


def by_products(queries: Float32, vectors: Float32, k: int, low: Float32, chosen: Chosen) -> Pairs:
    """The same as `shortlist` by whole vectors (n, d), of those that reach low (q,)."""
    # From 256 queries on faiss's own loop is the fastest kernel; it knows no mask.
    by_faiss = len(queries) >= FAISS_FROM
    chosen = chosen.copied() if by_faiss else chosen
    rows, hidden = chosen.rows, chosen.hidden
    count = len(vectors) if rows is None else len(rows)
    tops = np.empty((0, len(queries)), dtype=np.float32)
    out: list[Pairs] = []
    step = CHUNK_ROWS
    if not by_faiss:
        step = min(step if rows is None else COPY_ROWS, BLOCK_SCORES // len(queries))
    columns = None if by_faiss else columns_of(queries)
    for s in range(0, count, step):
        at = slice(s, min(s + step, count))
        chunk = vectors[at] if rows is None else vectors[rows[at]]
        if columns is None:
            found = _by_faiss(queries, chunk, k, low)
        else:
            scores = product(chunk, columns)
            if hidden is not None:
                scores[hidden[at]] = -np.inf
            found, tops, low = _by_maxima(scores, k, low, tops)
        out.append(
            Pairs(found.query, found.row + s if rows is None else rows[found.row + s], found.score)
        )
    seen = Pairs.joined(out)
    return seen.where(seen.score >= low[seen.query])  # `low` has risen since the first were kept


def _by_maxima(
    scores: Float32, k: int, low: Float32, tops: Float32
) -> tuple[Pairs, Float32, Float32]:
    """Of scores (n, q) those at or above each query's low, which rises with what is seen.

    The maxima of k blocks of scores are k scores, so the k-th best score is no less than the k-th
    largest maximum: only blocks that reach it are looked into (a partition of all the scores costs
    as much as the product). A block is every (n / size)-th score: maxima of whole slabs at once.
    """
    n, q = scores.shape
    size = max(1, min(BLOCK, n // (4 * k)))
    blocks = n // size
    grid = scores[: blocks * size].reshape(size, blocks, q)
    maxima = np.maximum.reduce(grid, axis=0)
    tops = np.concatenate([tops, maxima])
    if len(tops) >= k:
        tops = np.partition(tops, -k, axis=0)[-k:]
        low = np.maximum(low, tops.min(axis=0) - np.float32(2 * MARGIN))
    block, query = np.nonzero(maxima >= low)
    inside = grid[:, block, query]
    place, pair = np.nonzero(inside >= low[query])
    rest, rest_query = np.nonzero(scores[blocks * size :] >= low)
    seen = Pairs(
        np.concatenate([query[pair], rest_query]),
        np.concatenate([place * blocks + block[pair], rest + blocks * size]),
        np.concatenate([inside[place, pair], scores[rest + blocks * size, rest_query]]),
    )
    return seen.where(np.isfinite(seen.score)), tops, low


def _by_faiss(queries: Float32, rows: Float32, k: int, low: Float32) -> Pairs:
    import faiss  # 0.2 s, and a search of one query needs none of it

    wanted = min(k + SPARE, len(rows))
    scores, found = faiss.knn(queries, rows, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    low = np.maximum(scores[:, min(k, wanted) - 1] - np.float32(2 * MARGIN), low)
    # faiss gives exactly so many; where the last of them is within the margin, more may be.
    cut = np.flatnonzero(scores[:, -1] >= low) if wanted < len(rows) else np.empty(0, np.int64)
    keep = scores >= low[:, None]
    keep[cut] = False
    query, place = np.nonzero(keep)
    out = [Pairs(query, found[query, place], scores[query, place])]
    for s in range(0, len(cut), FAISS_FROM - 1):
        again = cut[s : s + FAISS_FROM - 1]
        more = by_products(queries[again], rows, k, low[again], Chosen())
        out.append(Pairs(again[more.query], more.row, more.score))
    return Pairs.joined(out)
