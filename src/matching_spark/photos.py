"""Open a photo, or reject it with a reason; keep it without the metadata that tells where it was.

The allow list of formats means that no odd parser is ever reached by what a stranger uploads.
"""

import hashlib
import io
import struct
import zlib
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from matching_spark.errors import PhotoError

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "HEIF", "BMP", "TIFF")
REASONS = (
    "empty",
    "truncated",
    "not-a-photo",
    "unsupported-format",
    "too-many-pixels",
    "too-small",
    "too-many-bytes",
)
MAX_BYTES = 50 << 20
MAX_PIXELS = 100_000_000  # 300 MB once decoded; phones' 200 MP modes come as JPEG, scaled by draft
MAX_JPEG_PIXELS = 400_000_000
MIN_SIDE = 8  # below, there is nothing to recognise
KEPT_SIDE = 1600  # px: enough for a person to judge by
KEPT_QUALITY = 90


@cache
def _register_heif() -> None:
    pillow_heif.register_heif_opener()


def photo_sha256(data: bytes) -> str:
    """The key by which a photo is never embedded twice: of its bytes as they came."""
    return hashlib.sha256(data).hexdigest()


def open_photo(data: bytes) -> Image.Image:
    """RGB, upright, first frame, transparency over white.

    Raises PhotoError with one of REASONS, and nothing else, for whatever bytes.
    """
    _register_heif()
    if not data:
        raise PhotoError("empty", "the file has no bytes")
    if len(data) > MAX_BYTES:
        raise PhotoError("too-many-bytes", f"{len(data) >> 20} MB, at most {MAX_BYTES >> 20}")
    image = _identify(data)
    limit = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    width, height = image.size
    if width * height > limit:
        raise PhotoError("too-many-pixels", f"{width} x {height}, at most {limit // 10**6} MP")
    if min(width, height) < MIN_SIDE:
        raise PhotoError("too-small", f"{width} x {height}, at least {MIN_SIDE} a side")
    # A decoder that scales while it decodes; what is kept is not larger.
    image.draft(None, (KEPT_SIDE, KEPT_SIDE))
    try:
        image.load()
        return _rgb(ImageOps.exif_transpose(image))
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        RuntimeError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        raise PhotoError("truncated", f"it cannot be decoded to its end: {error}") from error


def encode_photo(image: Image.Image) -> bytes:
    """JPEG without EXIF, GPS, comments or profile, its longest side at most KEPT_SIDE."""
    copy = Image.fromarray(np.asarray(image))  # pixels alone
    copy.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=KEPT_QUALITY)
    return out.getvalue()


def _identify(data: bytes) -> Image.Image:
    try:
        return _parse(data, FORMATS)
    except UnidentifiedImageError:
        pass
    try:
        known = _parse(data, None).format
    except UnidentifiedImageError:
        raise PhotoError("not-a-photo", "these bytes are no picture") from None
    raise PhotoError("unsupported-format", f"{known}; send one of {', '.join(FORMATS)}")


def _parse(data: bytes, formats: tuple[str, ...] | None) -> Image.Image:
    """The header read, no pixel decoded."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # open_photo has its own limits
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        raise
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        RuntimeError,
        OverflowError,
        struct.error,
        zlib.error,
    ) as error:
        raise PhotoError("truncated", f"its header cannot be read: {error}") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        values = np.asarray(image, dtype=np.float64)
        top = 65535 if image.mode != "F" or values.max() > 1 else 1
        grey = (np.clip(values / top, 0, 1) * 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")
