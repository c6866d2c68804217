"""A photo taken again."""

import numpy as np
import pytest
from PIL import Image

from matching_spark.evaluation.retakes import SIDE_PX, retake


@pytest.mark.parametrize("size", [(8, 8), (9, 160), (640, 480), (33, 1200)])
def test_it_is_the_same_photo_otherwise(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    photo, ground = (
        Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)).resize(each)
        for each in (size, (50, 70))
    )
    one, two = (retake(photo, ground, np.random.default_rng(1)) for _ in range(2))
    other = retake(photo, ground, np.random.default_rng(2))
    assert one.mode == "RGB"
    assert max(one.size) <= SIDE_PX[1]
    assert one.tobytes() == two.tobytes(), "the same seed, the same photo"
    assert one.tobytes() != other.tobytes()
    small = [np.asarray(each.resize((4, 4)), np.float64).ravel() for each in (photo, one)]
    want, got = (each - each.mean() for each in small)
    assert want @ got > 0.5 * np.linalg.norm(want) * np.linalg.norm(got)
