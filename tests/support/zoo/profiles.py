"""ICC profiles, drawn up here, and the reference as the numbers of each."""

import io
import struct

import numpy as np
from PIL import Image, ImageCms

from tests.support.photo_bytes import profile
from tests.support.zoo.reference import (
    SEEN,
)


def named(space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"drawn\0" + bytes(78)
    told = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1, 0.8249)}
    return profile(space, pcs, kind, told | tags)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def matrix_profile(gamma: float, *primaries: tuple[float, float, float]) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {n: xyz(*p) for n, p in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return named(
        b"RGB ", b"XYZ ", b"mntr", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    )


# Primaries adapted to D50, as their specifications have them.
P3 = matrix_profile(
    2.2, (0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)
)
ADOBE = matrix_profile(
    2.2, (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
)
PROPHOTO = matrix_profile(
    1.8, (0.79767, 0.28804, 0), (0.13519, 0.71187, 0), (0.03134, 0.00009, 0.82491)
)
LINEAR = matrix_profile(
    1, (0.43604, 0.22249, 0.01392), (0.38512, 0.7169, 0.09706), (0.14305, 0.06061, 0.7139)
).replace(b"drawn\0", b"sRGBl\0")
GAIN, INK = 0.7, 0.85  # how a press' dots grow, how much light its inks take


def press_profile() -> bytes:
    """CMYK by a table, as a press' is: inks that do not take all the light, dots that grow."""
    at = np.linspace(0, 1, 9)
    grid = np.stack(np.meshgrid(at, at, at, at, indexing="ij"), axis=-1).reshape(-1, 4)
    light = 1 - INK * grid[:, :3] ** GAIN
    light *= 1 - INK * grid[:, 3:] ** GAIN
    colours = Image.fromarray((light[None] * 255).round().astype(np.uint8))
    lab = ImageCms.profileToProfile(
        colours, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 9, 0])
    table += struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    steps = np.array(lab) ^ np.array(
        [0, 128, 128], np.uint8
    )  # Pillow's are signed, a profile's begin at 0
    table += straight * 4 + steps.tobytes() + straight * 3
    return named(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})


PRESS = press_profile()


def printed() -> Image.Image:
    """What such a press is sent for the reference."""
    light = np.asarray(SEEN) / 255
    inks = ((1 - light) / INK).clip(0, 1) ** (1 / GAIN)
    black = np.zeros((*inks.shape[:2], 1))
    pixels = np.concatenate([inks, black], axis=2)
    return Image.fromarray((pixels * 255).round().astype(np.uint8), "CMYK")


def into(icc: bytes) -> Image.Image:
    """The reference as numbers of a profile."""
    own = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = ImageCms.profileToProfile(SEEN, ImageCms.createProfile("sRGB"), own, outputMode="RGB")
    assert image is not None
    return image
