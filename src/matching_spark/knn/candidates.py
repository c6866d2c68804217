"""The shortlist: in float32, all rows of a shard that may be among a query's k best.

By heads where the shard has them, by the whole vectors where it has none or they rule out little.
"""

import numpy as np

from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.prefix_bounds import bounds_of
from matching_spark.knn.similarity import MARGIN, Float32, Index, Mask, Pairs, VectorSet, low_of

BLOCK = 128  # scores whose maximum is looked at first
FAISS_FROM = 256  # queries; between 16 and 255 faiss.knn takes 5 to 9 times as long as a product
SPARE = 6  # scores beyond the k-th that faiss is asked for, to see that no equal is left out
CHUNK_ROWS = 1 << 16  # compared at once by one query, or by faiss
BLOCK_SCORES = 1 << 17  # of a block of queries at once: 512 KB, which stay in a core's cache
COPY_ROWS = 1 << 11  # copied at once where only some are allowed: 4 MB for 512 numbers
HEAD_ROWS = 1 << 15  # whose heads are compared at once by one query
HEAD_QUERIES = 192  # a block of them whose columns of heads stay in a core's cache too
PROBE_ROWS = 1 << 12  # at least, of which k are compared, to know what the others must reach
PROBE_BLOCKS = 4  # times k: of each the one with the highest bound is a candidate
# A query whose rest is longer is left to whole vectors: at 0.7 half of its squared length is not in
# its head, which then rules out little.
FAR = 0.7
DENSE = 16  # where one bound of so many must be looked into, whole products cost no more
SCORED_AT_ONCE = 256  # rows and queries copied: 512 KB each for 512 numbers


def shortlist(
    queries: Float32,
    part: VectorSet,
    k: int,
    floor: float | Float32 = -np.inf,
    allowed: Mask | None = None,
) -> Pairs:
    """Of each query, all rows that may be among its k best of the allowed ones and reach `floor`.

    queries: (q, d); floor: one, or (q,); allowed: (n,). All within 2 MARGIN of the k-th best score
    are there (and some beyond), so that float64 can decide. Memory: CHUNK_ROWS or BLOCK_SCORES
    scores, by heads those of PROBE_ROWS; where only some rows are allowed COPY_ROWS of them, by
    faiss CHUNK_ROWS.
    """
    # No cosine is below -2, and what is hidden has the score -inf, which must not reach it.
    low = np.full(len(queries), np.maximum(floor, -2), np.float32) - np.float32(MARGIN)
    if allowed is not None and allowed.all():
        allowed = None
    count = len(part.vectors) if allowed is None else np.count_nonzero(allowed)
    # Of few rows the vectors are less to read than all the heads.
    if part.heads is None or count * part.vectors.shape[1] < part.heads.size:
        return _by_products(queries, part.vectors, k, low, allowed)
    found: list[Pairs] = []
    left: list[Index] = []
    for b in np.array_split(np.arange(len(queries)), -(-len(queries) // HEAD_QUERIES)):
        pairs = _by_heads(queries[b], part, k, low[b], allowed)
        if pairs is None:
            left.append(b)
        else:
            found.append(pairs.of_queries(b))
    if left:
        b = np.concatenate(left)
        found.append(_by_products(queries[b], part.vectors, k, low[b], allowed).of_queries(b))
    return Pairs.joined(found)


def _by_heads(
    queries: Float32, part: VectorSet, k: int, low: Float32, allowed: Mask | None
) -> Pairs | None:
    """The rows whose bounds reach what is found already, compared whole; None if too many would be.

    So it is with words asked of photos: they have most of their length where photos have little.
    """
    assert part.heads is not None
    assert part.basis is not None
    vectors, heads = part.vectors, part.heads
    bounds = bounds_of(queries, part.basis)
    if np.median(bounds[-1]) > FAR:
        return None
    probed = np.arange(len(heads)) if allowed is None else np.flatnonzero(allowed)
    probed = probed[:: max(1, len(probed) // PROBE_ROWS)]
    if len(probed) < PROBE_BLOCKS * k:
        return None
    upper = _product(heads.take(probed, axis=0), bounds)
    low = np.maximum(low, _promised(queries, vectors, probed, upper, k) - np.float32(2 * MARGIN))
    if np.count_nonzero(upper >= low - MARGIN) > upper.size // DENSE:
        return None
    step = min(HEAD_ROWS, BLOCK_SCORES // len(queries))
    out: list[Pairs] = []
    settled = len(probed)
    for s in range(0, len(heads), step):
        at = slice(s, s + step)
        mask = None if allowed is None else allowed[at]
        upper = _product(heads[at], bounds)
        if mask is not None:
            upper[~mask] = -np.inf
        may = np.flatnonzero(upper >= low - MARGIN)
        if len(may) > upper.size // DENSE:
            found = _by_products(queries, vectors[at], k, low, mask)
            out.append(Pairs(found.query, found.row + s, found.score))
            continue
        row, query = np.divmod(may, len(queries))
        found = _scored(queries, vectors, query, row + s)
        out.append(found.where(found.score >= low[found.query]))
        if s >= 2 * settled:
            settled = s
            seen = Pairs.joined(out)
            low = np.maximum(low, low_of(seen, k, len(queries)))
            out = [seen.where(seen.score >= low[seen.query])]
    seen = Pairs.joined(out)
    return seen.where(seen.score >= low[seen.query])  # `low` has risen since the first were kept


def _promised(queries: Float32, vectors: Float32, rows: Index, upper: Float32, k: int) -> Float32:
    """(q,) what k of the rows reach, of those that upper (n, q) promises most of."""
    size = len(rows) // (PROBE_BLOCKS * k)
    # The highest of some blocks, not of all: no row is taken twice, and no column is sorted.
    grid = upper[: size * PROBE_BLOCKS * k].reshape(size, -1, len(queries))
    block = np.argpartition(grid.max(axis=0), -k, axis=0)[-k:]
    query = np.broadcast_to(np.arange(len(queries)), block.shape)
    row = rows[grid[:, block, query].argmax(axis=0) * PROBE_BLOCKS * k + block]
    scores = _scored(queries, vectors, query.ravel(), row.ravel()).score
    return np.asarray(scores.reshape(k, -1).min(axis=0))


def _product(heads: Float32, bounds: Float32) -> Float32:
    # Of rows as short as heads BLAS makes less than numpy's vecdot, which `product` takes for one.
    return np.asarray(heads @ bounds) if bounds.shape[1] == 1 else product(heads, bounds, 1)


def _scored(queries: Float32, vectors: Float32, query: Index, row: Index) -> Pairs:
    """The pairs (query[i], row[i]) with their scores."""
    score = np.empty(len(row), np.float32)
    for s in range(0, len(row), SCORED_AT_ONCE):
        at = slice(s, s + SCORED_AT_ONCE)
        score[at] = np.vecdot(vectors.take(row[at], axis=0), queries.take(query[at], axis=0))
    return Pairs(query, row, score)


def _by_products(
    queries: Float32, vectors: Float32, k: int, low: Float32, allowed: Mask | None
) -> Pairs:
    """The same by whole vectors (n, d), of those that reach low (q,)."""
    by_faiss = len(queries) >= FAISS_FROM
    rows: Index | None = None
    hidden: Mask | None = None
    if allowed is not None:
        # From 256 queries on faiss's own loop is the fastest kernel; it knows no mask, so rows are
        # copied. One pass over the matrix costs less than copying more than a quarter of its rows.
        if by_faiss or 4 * np.count_nonzero(allowed) <= len(vectors):
            rows = np.flatnonzero(allowed)
        else:
            hidden = ~allowed
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
        more = _by_products(queries[again], rows, k, low[again], None)
        out.append(Pairs(again[more.query], more.row, more.score))
    return Pairs.joined(out)


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
