"""Photos of things: a drawing tinted and marked, laid on a surface, in some light."""

import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from matching_spark.embed.photos import jpeg

Pixels = npt.NDArray[np.float32]
VENDORS = ("twemoji", "fluent")
POOR_QUALITY, POOR_SIDE = 30, 96  # of a spoilt photo: its JPEG, and px of a tiny one
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# The portal's colour words as ranges of hue (turns), saturation and value.
SHADES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "흰색": ((0.0, 1.0), (0.0, 0.05), (0.92, 1.0)),
    "검정": ((0.0, 1.0), (0.0, 0.12), (0.12, 0.22)),
    "빨강": ((-0.015, 0.02), (0.75, 0.92), (0.68, 0.88)),
    "주황": ((0.06, 0.085), (0.80, 0.95), (0.90, 1.0)),
    "노랑": ((0.13, 0.155), (0.70, 0.92), (0.92, 1.0)),
    "초록": ((0.30, 0.42), (0.50, 0.85), (0.40, 0.70)),
    "파랑": ((0.56, 0.64), (0.60, 0.92), (0.50, 0.88)),
    "갈색": ((0.045, 0.085), (0.50, 0.72), (0.36, 0.54)),
    "보라": ((0.74, 0.80), (0.45, 0.75), (0.50, 0.78)),
    "핑크": ((0.90, 0.96), (0.30, 0.55), (0.92, 1.0)),
}
# Surfaces as (red, green, blue), and how strong their grain and their lines are.
SURFACES = (
    ((0.72, 0.56, 0.40), 0.05, 0.06),  # a desk
    ((0.88, 0.87, 0.84), 0.02, 0.0),  # a counter
    ((0.55, 0.56, 0.58), 0.07, 0.0),  # asphalt
    ((0.80, 0.76, 0.69), 0.03, 0.03),  # a floor
    ((0.42, 0.47, 0.54), 0.04, 0.02),  # a seat of the underground
    ((0.62, 0.68, 0.64), 0.02, 0.0),  # an office tray
    ((0.93, 0.93, 0.94), 0.01, 0.0),  # paper
    ((0.36, 0.30, 0.27), 0.05, 0.05),  # dark wood
)


@dataclass(frozen=True)
class Size:
    """short: px of a photo's shorter side, from and below. long: at most, of the other side. drawn:
    of a drawing before it is laid. grain: px that a surface's grain and a photo's noise are of.
    """

    short: tuple[int, int]
    long: int
    drawn: int
    grain: float


WHOLE = Size((400, 801), 1200, 512, 6.0)  # as people post them
# Just above what towers of 224 px take, for photos that are embedded and thrown away: a fifth of
# the pixels, and the grain as much finer.
SMALL = Size((232, 288), 432, 192, 2.6)


@dataclass(frozen=True)
class Item:
    """One thing that exists once: photos of it differ, it does not.

    colour: a word of posts.COLOURS, '기타' for the drawing's own colours. rgb: its exact shade in
    [0, 1]. keep: share of the drawing's own colour. aspect: width to height. mark: kind, x, y, size
    of a sticker on it, or None.
    """

    code: str
    vendor: str
    colour: str
    rgb: tuple[float, float, float]
    keep: float
    aspect: float
    mark: tuple[str, float, float, float] | None


def shade(colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A shade of a colour word, as RGB in [0, 1]."""
    h, s, v = (float(rng.uniform(low, high)) for low, high in SHADES[colour])
    k = (np.array([5.0, 3.0, 1.0]) + h * 6) % 6
    rgb = v * (1 - s * np.clip(np.minimum(k, 4 - k), 0, 1))
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


@dataclass(frozen=True)
class Drawing:
    """pixels: (side, side, 4) uint8, RGBA. tones: its luma's dark, middle and light, in [0, 1]."""

    pixels: npt.NDArray[np.uint8]
    tones: tuple[float, float, float]


@lru_cache(maxsize=384)  # every drawing there is: 1 MB each, 0.15 MB of a small one
def drawing(vendor: str, code: str, side: int = WHOLE.drawn) -> Drawing:
    """The drawing, cropped and centred in a square."""
    svg = (files("matching_spark.demo") / "drawings" / vendor / f"{code}.svg").read_text("utf-8")
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side))
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    picture = picture.crop(picture.getbbox())
    whole = max(picture.size)
    canvas = Image.new("RGBA", (whole, whole))
    canvas.paste(picture, ((whole - picture.width) // 2, (whole - picture.height) // 2))
    pixels = np.asarray(canvas.resize((side, side), Image.Resampling.LANCZOS))
    share = pixels.astype(np.float32) / 255
    low, mid, high = np.percentile((share[..., :3] @ LUMA)[share[..., 3] > 0.5], (5, 50, 97))
    return Drawing(pixels, (low, mid, high))


@lru_cache(maxsize=4)  # 1 MB each; all photos of an item are drawn one after the other
def look(item: Item, side: int = WHOLE.drawn) -> Image.Image:
    """The item itself, RGBA: tinted, its shading kept (luma percentiles map dark, shade, light)."""
    drawn = drawing(item.vendor, item.code, side)
    pixels = drawn.pixels.astype(np.float32) / 255
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    if item.colour != "기타":
        luma = colour @ LUMA
        low, mid, high = drawn.tones
        mid = max(mid, low + 0.02)
        high = max(high, mid + 0.02)
        base = np.array(item.rgb, np.float32)
        dark, light = base * np.float32(0.35), base + (1 - base) * np.float32(0.65)
        down = np.clip((luma - low) / (mid - low), 0, 1)[..., None]
        up = np.clip((luma - mid) / (high - mid), 0, 1)[..., None]
        tinted = dark + (base - dark) * down + (light - base) * up
        colour = tinted * (1 - item.keep) + colour * item.keep
    whole = np.concatenate([colour, alpha], axis=2)
    picture = Image.fromarray((whole * 255).round().astype(np.uint8))
    if item.mark is not None:
        picture = _marked(picture, item)
    return picture


def _marked(picture: Image.Image, item: Item) -> Image.Image:
    """A sticker, a badge or a band, on the item only."""
    assert item.mark is not None
    kind, x, y, size = item.mark
    layer = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(layer)
    bright = sum(item.rgb) > 1.2 or item.colour == "기타"
    ink = (40, 44, 60, 255) if bright else (240, 236, 222, 255)
    side = picture.width
    cx, cy, r = x * side, y * side, size * side
    if kind == "dot":
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=ink)
    elif kind == "badge":
        pen.rounded_rectangle((cx - 1.4 * r, cy - r, cx + 1.4 * r, cy + r), r / 3, fill=ink)
    elif kind == "band":
        pen.rectangle((0, cy - r / 2, side, cy + r / 2), fill=ink)
    else:
        points = [
            (
                cx + r * (1 if i % 2 else 0.45) * np.sin(np.pi * i / 5),
                cy - r * (1 if i % 2 else 0.45) * np.cos(np.pi * i / 5),
            )
            for i in range(10)
        ]
        pen.polygon(points, fill=ink)
    mask = Image.fromarray(
        (
            np.asarray(layer.getchannel("A"), np.uint16)
            * np.asarray(picture.getchannel("A"))
            // 255
        ).astype(np.uint8)
    )
    out = picture.copy()
    out.paste(layer, (0, 0), mask)
    out.putalpha(picture.getchannel("A"))
    return out


def photo(item: Item, rng: np.random.Generator, size: Size = WHOLE, poor: bool = False) -> bytes:
    """A JPEG of the item: pose, surface, shadow, light, lens. poor: as `spoilt` leaves it."""
    short = int(rng.integers(*size.short))
    long = min(size.long, int(short * rng.choice([1.0, 4 / 3, 3 / 2])))
    width, height = (long, short) if rng.random() < 0.6 else (short, long)
    scene = Image.fromarray((_surface(width, height, size.grain, rng) * 255).astype(np.uint8))

    side = int(short * rng.uniform(0.6, 0.86))
    thing = look(item, size.drawn).resize(
        (max(8, int(side * item.aspect**0.5)), max(8, int(side / item.aspect**0.5))),
        Image.Resampling.BICUBIC,
    )
    angle = float(rng.normal(0, 14)) if rng.random() < 0.85 else float(rng.uniform(0, 360))
    thing = thing.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    room = np.array([width - thing.width, height - thing.height])
    place = room / 2 + room * rng.uniform(-0.25, 0.25, 2) * (room > 0)
    x, y = int(place[0]), int(place[1])

    soft = max(3, side // 40)
    alpha = thing.getchannel("A").point(lambda a: int(a * 0.45))
    shadow = Image.new("L", (width, height))
    shadow.paste(alpha, (x + int(soft * rng.uniform(-1, 1)), y + soft))
    shadow = shadow.filter(ImageFilter.BoxBlur(soft))
    scene.paste((20, 20, 26), (0, 0), shadow)
    scene.paste(thing, (x, y), thing)

    pixels = np.asarray(scene, np.float32) / 255
    slope = rng.normal(0, 0.08, 2)
    across, along = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    light = (1 + slope[0] * across[None] + slope[1] * along[:, None]) * np.exp(rng.normal(0, 0.08))
    warmth = np.exp(rng.normal(0, 0.02, 3))
    noise = rng.standard_normal((height, width), np.float32)[..., None] * rng.uniform(0.003, 0.02)
    pixels = pixels * (light[..., None] * warmth).astype(np.float32) + noise.astype(np.float32)
    done = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.3:
        done = done.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.2))))
    quality = int(rng.integers(80, 92))
    if poor:
        done, quality = spoilt(done, rng), POOR_QUALITY
    return jpeg(done, quality)


def spoilt(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A photo that went wrong: too dark, blurred or tiny, one of the three."""
    fault = rng.integers(3)
    if fault == 0:
        return ImageEnhance.Brightness(photo).enhance(float(rng.uniform(0.2, 0.5)))
    if fault == 1:
        radius = min(photo.size) * float(rng.uniform(0.01, 0.025))
        return photo.filter(ImageFilter.GaussianBlur(radius))
    small = photo.copy()
    small.thumbnail((POOR_SIDE, POOR_SIDE), Image.Resampling.BICUBIC)
    return small


def _surface(width: int, height: int, grain_px: float, rng: np.random.Generator) -> Pixels:
    """What the thing lies on: (height, width, 3) float32 in [0, 1]."""
    base, grain, lines = SURFACES[int(rng.integers(len(SURFACES)))]
    shape = (height, width)
    drift = _smooth(rng.normal(0, 0.03, (4, 4)), shape)
    fine = _smooth(rng.normal(0, grain, (int(height / grain_px), int(width / grain_px))), shape)
    picture = drift + fine
    if lines:
        period = rng.uniform(0.08, 0.25) * height
        phase = np.arange(height)[:, None] / period + _smooth(rng.normal(0, 0.15, (3, 6)), shape)
        picture = picture + lines * np.sin(2 * np.pi * phase)
    tone = np.array(base) * np.exp(rng.normal(0, 0.05)) + rng.normal(0, 0.015, 3)
    return np.asarray(np.clip(tone + picture[..., None], 0.02, 0.98), np.float32)


def _smooth(values: npt.NDArray[np.float64], shape: tuple[int, int]) -> Pixels:
    """A small field of values spread over a picture of `shape` (height, width)."""
    field = Image.fromarray(values.astype(np.float32))
    return np.asarray(field.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
