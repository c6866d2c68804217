"""Things cut out of plain photographs, each put on two busy grounds: what a photo elsewhere is like."""

from pathlib import Path

import numpy as np
from photographs import cached, of_kind, photographs, read
from PIL import Image, ImageEnhance, ImageFilter

from matching_spark.embed.photos import open_photo

SIDE = 256
NEAR = 42.0  # distance in RGB to the ground's colour, below which a pixel is ground
SEED = 5


def cut_out(photo: Image.Image) -> Image.Image | None:
    """RGBA of the thing, cropped to it; None where the ground is not plain or little is left.

    Ground is what is near the border's colour and joined to the border.
    """
    photo = photo.convert("RGB")
    photo.thumbnail((SIDE, SIDE))
    rgb = np.asarray(photo, np.float32)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    colour = np.median(border, 0)
    if (np.linalg.norm(border - colour, axis=1) < NEAR).mean() < 0.85:
        return None
    near = np.pad(np.linalg.norm(rgb - colour, axis=2) < NEAR, 1, constant_values=True)
    ground = np.zeros_like(near)
    ground[[0, -1]] = ground[:, [0, -1]] = True
    while True:
        wider = ground.copy()
        for axis in (0, 1):
            for step in (1, -1):
                wider |= np.roll(ground, step, axis)
        wider &= near
        if (wider == ground).all():
            break
        ground = wider
    thing = ~ground[1:-1, 1:-1]
    mask = Image.fromarray((thing * 255).astype(np.uint8)).filter(ImageFilter.MedianFilter(5))
    solid = (np.asarray(mask.filter(ImageFilter.MinFilter(9))) > 0).mean()
    if not 0.05 < solid < 0.8 or solid < 0.6 * thing.mean():
        return None  # nothing, all of it, or scraps
    mask = mask.filter(ImageFilter.GaussianBlur(0.8))
    photo.putalpha(mask)
    return photo.crop(mask.getbbox())


def on_ground(thing: Image.Image, ground: Image.Image, rng: np.random.Generator) -> Image.Image:
    """(SIDE, SIDE) RGB: the thing turned, scaled and put somewhere on a piece of the ground."""
    least = min(ground.size)
    side = int(least * rng.uniform(0.6, 1.0))
    left, top = (int(rng.integers(0, n - side + 1)) for n in ground.size)
    out = ground.convert("RGB").resize((SIDE, SIDE), box=(left, top, left + side, top + side))
    thing = thing.rotate(rng.uniform(-22, 22), Image.Resampling.BICUBIC, expand=True)
    scale = SIDE * rng.uniform(0.52, 0.88) / max(thing.size)
    width, height = (max(1, round(n * scale)) for n in thing.size)
    thing = thing.resize((width, height))
    place = int(rng.integers(0, SIDE - width + 1)), int(rng.integers(0, SIDE - height + 1))
    light = ImageEnhance.Brightness(thing.convert("RGB")).enhance(rng.uniform(0.83, 1.17))
    out.paste(light, place, thing.getchannel("A"))
    return out


def composites(wanted: str, folder: Path) -> np.ndarray:
    """(n, 2, 256, 256, 3) uint8: each garment on two grounds of the crowd; written once."""
    file, photos = cached(wanted, folder, "grounds"), photographs(wanted)
    if not file.exists():
        rng = np.random.default_rng(SEED)
        things, _ = of_kind(photos, "garment")
        crowd, _ = of_kind(photos, "crowd")
        under = np.resize(rng.permutation(crowd), 2 * len(things))
        grounds = [open_photo(data) for data in read([photos[i] for i in under], folder)]
        out = np.empty((len(things), 2, SIDE, SIDE, 3), np.uint8)
        for i, data in enumerate(read([photos[i] for i in things], folder)):
            thing = cut_out(open_photo(data))
            if thing is None:
                raise ValueError(f"{photos[things[i]].path} cannot be cut out of its ground")
            for k in (0, 1):
                out[i, k] = np.asarray(on_ground(thing, grounds[2 * i + k], rng))
        part = file.with_suffix(".part")
        with part.open("wb") as stream:
            np.save(stream, out)
        part.replace(file)
    kept: np.ndarray = np.load(file, mmap_mode="r")
    return kept
