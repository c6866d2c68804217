"""A photo taken again."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.embed.clip import ClipModel
from matching_spark.evaluation.retakes import SIDE_PX, retake
from matching_spark.operations.unlabelled import retaken
from matching_spark.operations.warehouse import reading
from matching_spark.progress import Silent


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


def test_kept_photos_that_do_not_open_are_named_and_the_others_taken_again(
    own: str, clip: ClipModel
) -> None:
    table = reading(Settings(table=own))
    kept = sorted(Path(table.photos).glob("**/*.jpg"))
    for each in kept[::2]:
        each.write_bytes(each.read_bytes()[:400])
    said = list[str]()

    class Heard(Silent):
        def say(self, what: str) -> None:
            said.append(what)

    found = list(table.shards(Filters(kind="found", status=None)))
    again = retaken(clip, found, Heard())
    assert again is not None
    assert 2 <= len(again) <= len(kept) // 2
    (told,) = said
    named = [each for each in kept if str(each) in told]
    assert 1 <= len(named) <= 5
    assert set(named) <= set(kept[::2])
    assert "truncated" not in told.partition(":")[0]
