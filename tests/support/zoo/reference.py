"""The photo that every other shows, and how it looks turned, clear in part, or grey."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Kind:
    """outcome: 'taken' or a reason. want: what is seen of a photo that is taken, within `off`."""

    name: str
    data: bytes
    outcome: str
    note: str
    want: Image.Image | None = None
    off: float = 6  # mean difference of the pixels, of 255


def reference() -> Image.Image:
    """Smooth, so that every codec keeps it, and unlike itself turned or mirrored in any way."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    colours = np.stack([60 + 150 * x, 80 + 120 * y, 200 - 90 * x * y], axis=2)
    colours[: HEIGHT // 3, : WIDTH // 3] = (210, 60, 60)
    return Image.fromarray(colours.round().astype(np.uint8))


SEEN = reference()
GREY = SEEN.convert("L").convert("RGB")
# How a picture must lie in a file for each of EXIF's orientations to turn it upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LAID = {1: SEEN} | {number: SEEN.transpose(turn) for number, turn in TURNS.items()}


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def veiled(mode: str = "RGBA") -> tuple[Image.Image, Image.Image]:
    """Clear at the right, and how that looks over white."""
    image = SEEN.convert("RGBA")
    image.paste((0, 0, 0, 0), (WIDTH // 2, 0, WIDTH, HEIGHT))
    over = SEEN.copy()
    over.paste("white", (WIDTH // 2, 0, WIDTH, HEIGHT))
    return (image.convert(mode), over) if mode != "LA" else (image.convert("LA"), whitened(over))


def whitened(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


def taken(name: str, data: bytes, note: str, want: Image.Image = SEEN, off: float = 6) -> Kind:
    return Kind(name, data, "taken", note, want, off)
