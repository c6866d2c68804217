"""What photos of few bytes cost, whether they are taken or refused."""

import pytest

from matching_spark.embed.photos import open_reduced
from tests.support.bombs import BOMBS, MEMORY_MB, SECONDS, measured, ready
from tests.support.photo_bytes import jpeg

pytestmark = pytest.mark.fuzz


@pytest.mark.parametrize("name", BOMBS)
def test_within_memory_and_time(name: str) -> None:
    ready()
    make, wanted = BOMBS[name]
    got, mb, seconds = measured(make())
    assert got == wanted
    assert mb <= MEMORY_MB
    assert seconds <= SECONDS


def test_taken_whoever_asks_for_how_much_of_it() -> None:
    """A tower that would have every pixel gets as many as memory is enough for."""
    image, box = open_reduced(jpeg(16_000, 16_000), lambda size: 1)
    assert 1_600 < image.width < 16_000
    assert box == (0, 0, *image.size)
