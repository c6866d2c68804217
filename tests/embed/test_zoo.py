"""Every kind of photo has one outcome, which docs/photos.md tells."""

import numpy as np
import pytest

from matching_spark.embed.photos import REASONS, open_photo
from matching_spark.embed.preprocess import Preprocess, photo_pixels
from matching_spark.errors import PhotoError
from tests.support import page
from tests.support.zoo import table, zoo
from tests.support.zoo.reference import Kind

KINDS = list(zoo())
TOWER = Preprocess.of({"size": 8, "mean": [0.0] * 3, "std": [1.0] * 3}, "here")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_comes_to_what_is_told(kind: Kind, capfd: pytest.CaptureFixture[str]) -> None:
    if kind.want is None:
        with pytest.raises(PhotoError) as raised:
            open_photo(kind.data)
        assert raised.value.reason == kind.outcome
        with pytest.raises(PhotoError, match=kind.outcome):
            photo_pixels(kind.data, TOWER)
        assert kind.outcome in REASONS
    else:
        image = open_photo(kind.data)
        assert image.size == kind.want.size
        off = np.abs(np.asarray(image).astype(int) - np.asarray(kind.want)).mean()
        assert off <= kind.off
        asked, kept = photo_pixels(kind.data, TOWER), photo_pixels(image, TOWER)
        assert np.abs(asked - kept).mean() < 0.01, "a query sees it otherwise than an ingest"
    assert capfd.readouterr() == ("", "")


def test_the_page_tells_them() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 60
    assert table(KINDS) == page.told("zoo")
