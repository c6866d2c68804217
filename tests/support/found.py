"""What a search finds, without the score's own threshold: to be held against brute force."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from matching_spark import Query, SearchOptions, SimilarityEngine
from matching_spark.domain.results import Match


def hits_of(
    engine: SimilarityEngine,
    queries: np.ndarray | Sequence[Query],
    top_k: int = 10,
    threshold: float = -1.0,
    **options: Any,  # of SearchOptions
) -> list[list[Match]]:
    """hits[i]: the matches of queries[i], or of row i of an array."""
    if isinstance(queries, np.ndarray):
        queries = [Query(embedding=row) for row in np.atleast_2d(queries)]
    wanted = SearchOptions(top_k=top_k, threshold=threshold, **options)
    return [list(result.matches) for result in engine.search(queries, wanted)]
