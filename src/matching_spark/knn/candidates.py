"""The shortlist: in float32, all rows of a shard that may be among a query's k best.

By codes where the shard has them, by the whole vectors where it has none or they rule out little.
"""

import numpy as np

from matching_spark.knn.by_codes import by_codes
from matching_spark.knn.by_vectors import Chosen, by_products
from matching_spark.knn.similarity import MARGIN, Float32, Mask, Pairs, VectorSet

CODED_FROM = 1 << 10  # rows that may be found; fewer are compared in the time that codes need


def shortlist(
    queries: Float32,
    part: VectorSet,
    k: int,
    floor: float | Float32 = -np.inf,
    allowed: Mask | Chosen | None = None,
) -> Pairs:
    """Of each query, all rows that may be among its k best of the allowed ones and reach `floor`.

    queries: (q, d); floor: one, or (q,); allowed: (n,), or chosen rows. All within 2 MARGIN
    of the k-th best score are there (and some beyond), so that float64 can decide. Memory: a core
    has CHUNK_ROWS or BLOCK_SCORES scores; where only some rows are allowed COPY_ROWS of them, by
    faiss CHUNK_ROWS.
    """
    # No cosine is below -2, and what is hidden has the score -inf, which must not reach it.
    low = np.full(len(queries), np.maximum(floor, -2), np.float32) - np.float32(MARGIN)
    chosen = allowed if isinstance(allowed, Chosen) else Chosen.of(allowed)
    if part.has_codes and chosen.count(len(part.vectors)) >= CODED_FROM:
        return by_codes(queries, part, k, low, chosen)
    return by_products(queries, part.vectors, k, low, chosen)
