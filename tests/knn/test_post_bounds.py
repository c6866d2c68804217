"""No cosine is above what is said of its row, and of its post, with codes and without."""

import numpy as np
import pytest

from matching_spark.knn import post_bounds
from matching_spark.knn.post_bounds import RowBounds, best_of_posts
from matching_spark.knn.similarity import MARGIN, VectorSet, pair_scores, unit


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("counts", [np.ones(300, int), np.arange(300) % 4, np.arange(300) % 2])
@pytest.mark.parametrize("queries", [1, 5, 40])
def test_no_cosine_is_above(
    coded: bool, counts: np.ndarray, queries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of posts with one photo, with none to three, and with one or none; also sorted by cells."""
    monkeypatch.setattr(post_bounds, "ROWS_AT_ONCE", 64)
    rng = np.random.default_rng(queries)
    vectors = unit(rng.normal(size=(counts.sum(), 24)) + 2 * (np.arange(24) == 3))
    plain = VectorSet.of(vectors, counts)
    asked = unit(rng.normal(size=(queries, 24)))
    asked[0] = vectors[0]
    some = np.sort(rng.choice(300, 80, replace=False))
    for part in (plain, plain.by_cell(rng.integers(0, 5, (len(vectors), 2)), 5)):
        bounds = RowBounds(part.coded() if coded else part, asked)
        every, near = bounds.of_all(), np.empty((queries, len(some)))
        for i, query in enumerate(asked):
            assert (every[i] >= pair_scores(query, part.vectors) - MARGIN * (not coded)).all()
            best, _ = part.exact(asked, np.full(300, i), np.arange(300), "cosine")
            said = best_of_posts(part, every[i], np.arange(300))
            assert np.array_equal(np.isnan(said), counts == 0)
            there = counts > 0
            assert (said >= best - MARGIN * (not coded))[there].all()
            assert (said <= best + (0.1 if coded else MARGIN))[there].all()
            near[i] = said[some]
        which = np.repeat(np.arange(queries), len(some))
        got = bounds.of_pairs(which, np.tile(some, queries))
        np.testing.assert_allclose(got, near.ravel(), rtol=0, atol=1e-6)
