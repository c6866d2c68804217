"""A photo taken again, as somebody else would have: cut otherwise, in other light, on another
ground, smaller, and packed by a messenger.

What a search must bear: the post's photo and the query's are never the same one.
"""

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

KEPT = (0.75, 1.0)  # of each side, what the cut leaves
SHARE = (0.7, 1.0)  # of the frame's side, what the thing takes on its ground
LIGHT = (0.65, 1.35)  # brightness and contrast
TINT = (0.88, 1.12)  # of red and of blue: warm and cold lamps
SIDE_PX = (200, 640)
QUALITY = (30, 80)  # of the JPEG


def retake(photo: Image.Image, ground: Image.Image, rng: np.random.Generator) -> Image.Image:
    """An RGB photo again, on a ground cut from another one."""
    seen = _on(_cut(photo, rng), ground, rng)
    side = int(rng.integers(*SIDE_PX))
    seen.thumbnail((side, side), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    _lit(seen, rng).save(packed, "JPEG", quality=int(rng.integers(*QUALITY)))
    return Image.open(packed).convert("RGB")


def _cut(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = (max(1, round(side * rng.uniform(*KEPT))) for side in photo.size)
    left = int(rng.integers(0, photo.width - width + 1))
    top = int(rng.integers(0, photo.height - height + 1))
    return photo.crop((left, top, left + width, top + height))


def _on(photo: Image.Image, ground: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Somewhere on a blurred piece of the other photo, which frames it."""
    share = rng.uniform(*SHARE)
    width, height = (round(side / share) for side in photo.size)
    frame = _cut(ground, rng).resize((32, 32)).filter(ImageFilter.GaussianBlur(1))
    frame = frame.resize((width, height), Image.Resampling.BICUBIC)
    at = (
        int(rng.integers(0, width - photo.width + 1)),
        int(rng.integers(0, height - photo.height + 1)),
    )
    frame.paste(photo, at)
    return frame


def _lit(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    photo = ImageEnhance.Brightness(photo).enhance(rng.uniform(*LIGHT))
    photo = ImageEnhance.Contrast(photo).enhance(rng.uniform(*LIGHT))
    tint = np.array([rng.uniform(*TINT), 1, rng.uniform(*TINT)])
    return Image.fromarray((np.asarray(photo) * tint).clip(0, 255).astype(np.uint8))
