"""A photo comes to the tower in one way, whoever brings it, and nearly as a whole one would."""

import io

import numpy as np
import pytest
from PIL import Image

from matching_spark import ClipModel
from matching_spark.embed.photos import open_photo, open_reduced
from tests.embed.test_clip import NEARLY, drawn_photo
from tests.support.photo_bytes import saved

SIZES = (
    # Each width with two of the heights, each height with widths less and more than it.
    *((96, 96), (223, 224), (224, 673), (225, 1349), (449, 96), (897, 224), (1801, 673)),
    *((96, 1349), (223, 96), (224, 224), (225, 673), (449, 1349), (897, 96), (1801, 224)),
    *((3000, 4001), (2401, 300), (301, 2600)),
)
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF")
QUICKLY = {"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}  # who opens it sees no difference


def encoded(image: Image.Image, kind: str, turned: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turned
    return saved(image, kind, **QUICKLY.get(kind, {}), **({"exif": exif} if turned > 1 else {}))


def cosines(clip: ClipModel, data: bytes) -> list[float]:
    """Of the whole photo's vector with: its bytes', the opened photo's, the kept one's."""
    whole = open_reduced(data, lambda size: 1)[0]
    want = clip.embed_pixels([clip.preprocess(whole)])[0]
    three: list[bytes | Image.Image] = [data, Image.open(io.BytesIO(data)), open_photo(data)]
    return [float(vector @ want) for vector in clip.embed_images(three)]


@pytest.mark.parametrize("size", SIZES)
def test_of_any_size(clip: ClipModel, size: tuple[int, int]) -> None:
    image = drawn_photo(np.random.default_rng(size[0] * 7 + size[1]), *size)
    for kind in ("JPEG", "PNG"):
        assert min(cosines(clip, encoded(image, kind))) > 1 - NEARLY


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_of_any_orientation(clip: ClipModel, kind: str, turned: int) -> None:
    image = drawn_photo(np.random.default_rng(turned), 603 + turned, 451 - turned)
    assert min(cosines(clip, encoded(image, kind, turned))) > 1 - NEARLY


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "LA", "CMYK", "I;16"])
def test_of_any_format(clip: ClipModel, kind: str, mode: str) -> None:
    image = drawn_photo(np.random.default_rng(3), 750, 550)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    try:
        data = encoded(image, kind)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"{kind} has no {mode}")
    assert min(cosines(clip, data)) > 1 - NEARLY


@pytest.mark.parametrize("side", [1345, 2048, 2731, 4001])
def test_a_reduced_photo_has_the_sides_of_the_whole_one(clip: ClipModel, side: int) -> None:
    """What a division leaves of a whole number is not cut off with the fraction."""
    image = drawn_photo(np.random.default_rng(side), side, side)
    whole, reduced = clip.preprocess(image), clip.preprocess.quick(image)
    assert np.abs(whole - reduced).mean() < 0.03, "shifted by a pixel it is three times that"
