"""No cosine is above what is said of its row, and of its post, with codes and without."""

import numpy as np
import pytest

from matching_spark.knn.post_bounds import PostBounds
from matching_spark.knn.similarity import MARGIN, VectorSet, unit


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("counts", [np.ones(300, int), np.arange(300) % 4, np.arange(300) % 2])
@pytest.mark.parametrize("queries", [1, 5, 40])
def test_no_cosine_is_above(coded: bool, counts: np.ndarray, queries: int) -> None:
    """Of posts with one photo, with none to three, and with one or none; also sorted by cells."""
    rng = np.random.default_rng(queries)
    vectors = unit(rng.normal(size=(counts.sum(), 24)) + 2 * (np.arange(24) == 3))
    plain = VectorSet.of(vectors, counts)
    asked = unit(rng.normal(size=(queries, 24)))
    asked[0] = vectors[0]
    for part in (plain, plain.by_cell(rng.integers(0, 5, (len(vectors), 2)), 5)):
        bounds = PostBounds(part.coded() if coded else part, asked)
        for posts in (np.arange(300), np.sort(rng.choice(300, 80, replace=False)), np.arange(0)):
            said, there = bounds.of(posts)
            assert np.array_equal(there, np.flatnonzero(counts[posts]))
            which, asked_of = np.repeat(np.arange(queries), len(posts)), np.tile(posts, queries)
            each = bounds.of_pairs(which, asked_of).reshape(queries, len(posts))
            assert np.array_equal(np.isnan(each), np.tile(counts[posts] == 0, (queries, 1)))
            np.testing.assert_allclose(each[:, there], said.T, rtol=0, atol=1e-6)
            for i in range(queries):
                best, _ = part.exact(asked, np.full(len(there), i), posts[there], "cosine")
                assert (said[:, i] >= best - MARGIN * (not coded)).all()
                assert (said[:, i] <= best + (0.1 if coded else MARGIN)).all()
