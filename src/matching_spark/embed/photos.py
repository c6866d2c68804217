"""Open a photo, or reject it with a reason; keep it without the metadata that tells where it was.

Only parsers of the allow list are ever reached by what a stranger uploads, and they are called
directly: Image.open would want global limits, warnings and registrations that other users of
Pillow in the same process would feel.
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageFile

from matching_spark.errors import PhotoError

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP", "TIFF")
REASONS = (
    "empty",
    "truncated",
    "not-a-photo",
    "unsupported-format",
    "too-many-pixels",
    "too-small",
    "too-thin",
    "too-many-bytes",
)
MAX_BYTES = 50 << 20
MAX_PIXELS = 100_000_000  # 300 MB once decoded; the largest HEIC that a phone takes has 50 MP
MAX_JPEG_PIXELS = 256_000_000  # phones' 200 MP modes; baseline JPEG is scaled while it is decoded
MAX_RATIO = 20  # of the sides: a panorama has 10, and what is thinner costs more than it shows
MAX_PROFILE_BYTES = 4 << 20  # a printer's has 2 MB
MIN_SIDE = 8  # px, one JPEG block: below are spacers and tracking pixels, nothing to recognise
KEPT_SIDE = 1600  # px: enough for a person to judge by
KEPT_SHORT_SIDE = 512  # px: the largest input of a common CLIP tower
KEPT_QUALITY = 90

_ORIENTATION = 0x0112  # the EXIF tag
# How a photo is turned upright; whether its sides change places, and whether its right and its
# bottom edge, which a reduction rounds up, come to lie left and on top.
_UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False, True, False),
    3: (Image.Transpose.ROTATE_180, False, True, True),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False, False, True),
    5: (Image.Transpose.TRANSPOSE, True, False, False),
    6: (Image.Transpose.ROTATE_270, True, True, False),
    7: (Image.Transpose.TRANSVERSE, True, True, True),
    8: (Image.Transpose.ROTATE_90, True, False, True),
}
# What parsers raise when they stumble over bytes. OSError, ValueError, RuntimeError, LookupError
# and ArithmeticError have many children; Warning is for applications that turn them into errors.
STUMBLES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    Warning,
    struct.error,
    zlib.error,
)
JPEG_END = b"\xff\xd9"
# In the words of parsers, a file that is whole and of a kind that they do not read.
UNREAD = ("unsupported", "not supported", "unknown pixel mode", "unknown data organization")
# Of whole numbers without a scale: the largest of 8, 10, 12, 14 and 16 bits.
DEPTHS = (255, 1023, 4095, 16383, 65535)
PROFILED = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}  # a profile's colour space -> the mode
Size = tuple[int, int]  # width, height
Box = tuple[float, float, float, float]  # left, top, right, bottom
_Opener = Callable[[IO[bytes], str], ImageFile.ImageFile]


def photo_sha256(data: bytes) -> str:
    """The key by which a photo is never embedded twice: of its bytes as they came."""
    return hashlib.sha256(data).hexdigest()


def open_photo(data: bytes) -> Image.Image:
    """RGB, upright, first frame, transparency over white, without metadata.

    A large photo comes reduced by a whole factor, its sides still at least KEPT_SIDE and
    KEPT_SHORT_SIDE. Raises PhotoError with one of REASONS, and nothing else, for whatever bytes.
    """
    return open_reduced(data, _spare_factor)[0]


def open_reduced(data: bytes, spare: Callable[[Size], int]) -> tuple[Image.Image, Box]:
    """The same, reduced by the whole factor that `spare` gives for (width, height), and its box.

    A JPEG's decoder does what it can of it, in a fraction of the time. box: where in the image the
    photo ends, (left, top, right, bottom); a side that the factor does not divide ends inside its
    last pixel.
    """
    if not data:
        raise PhotoError("empty", "the file has no bytes")
    if len(data) > MAX_BYTES:
        raise PhotoError("too-many-bytes", f"more than {MAX_BYTES >> 20} MB")
    name, opener = _identify(data)
    try:
        return _decoded(data, name, opener, spare)
    except PhotoError as error:
        data = data.removesuffix(JPEG_END[:1])  # half of the mark
        if error.reason != "truncated" or not _lacks_its_end_only(data, name, opener):
            raise
        return _decoded(data + JPEG_END, name, opener, spare)


def _decoded(
    data: bytes, name: str, opener: _Opener, spare: Callable[[Size], int]
) -> tuple[Image.Image, Box]:
    try:
        image = opener(io.BytesIO(data), "")
        _check_size(image)
        whole = image.size
        if image.format in ("JPEG", "MPO"):
            factor = spare(image.size)
            image.draft(None, (image.width // factor, image.height // factor))
        image.load()
        flat = _rgb(_reduced(_opaque(image), spare))
        turn, *edges = _UPRIGHT.get(_orientation(image), (None, False, False, False))
        box = _box(whole, flat.size, *edges)
        return _bare(flat if turn is None else flat.transpose(turn)), box
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise PhotoError("too-many-pixels", str(error)) from error
    except STUMBLES as error:
        raise _stumbled(data, name, error) from error


def _stumbled(data: bytes, name: str, error: BaseException) -> PhotoError:
    """What a parser's complaint says of a photo: cut off, or of a kind that it does not read."""
    if name == "BMP" and len(data) < 26 + MIN_SIDE:
        # BMP's mark is two letters that begin many a text.
        return PhotoError("not-a-photo", f"no BMP: {error}")
    said = str(error).lower()
    if isinstance(error, NotImplementedError) or any(word in said for word in UNREAD):
        return PhotoError("unsupported-format", f"a kind of {name} that is not read: {error}")
    return PhotoError("truncated", f"{name} that is cut off or damaged: {error}")


def _lacks_its_end_only(data: bytes, name: str, opener: _Opener) -> bool:
    """Whether a JPEG has all its pixels and no end mark.

    Where some are missing, the decoder takes them for zeros: other bytes before the mark change
    what it gives, which they do not where all are there.
    """
    if name not in ("JPEG", "MPO") or data.endswith(JPEG_END):
        return False
    try:
        ended, padded = (
            _decoded(data + more + JPEG_END, name, opener, _spare_factor)[0]
            for more in (b"", b"\xaa" * 64)
        )
    except PhotoError:
        return False
    return ended.tobytes() == padded.tobytes()


def plain(image: Image.Image) -> Image.Image:
    """An opened picture as `open_photo` gives one, but whole: RGB, upright, over white."""
    image.load()  # a TIFF turns itself upright here, and forgets that it was not
    turn, *_ = _UPRIGHT.get(_orientation(image), (None,))
    if image.mode != "RGB" or image.has_transparency_data or "icc_profile" in image.info:
        image = _rgb(_reduced(_opaque(image), lambda size: 1))
    return image if turn is None else image.transpose(turn)


def check_photo(data: bytes, max_pixels: int) -> None:
    """By the header alone: raise PhotoError unless it is a photo of at most so many pixels."""
    name, opener = _identify(data)
    try:
        image = opener(io.BytesIO(data), "")
        _check_size(image)
    except PhotoError:
        raise
    except STUMBLES as error:
        raise _stumbled(data, name, error) from error
    if image.width * image.height > max_pixels:
        raise PhotoError("too-many-pixels", f"{image.width} x {image.height}")


def encode_photo(image: Image.Image) -> bytes:
    """JPEG without EXIF, GPS, comments or profile, its longest side at most KEPT_SIDE."""
    copy = _bare(image.convert("RGB"))
    copy.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=KEPT_QUALITY)
    return out.getvalue()


def _identify(data: bytes) -> tuple[str, _Opener]:
    """The name and the parser of a format of the allow list, by the file's first bytes alone."""
    from pillow_heif import HeifImageFile, is_supported  # 60 ms, not for every command

    head = data[:16]
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        Image.init()
        return "AVIF", Image.OPEN["AVIF"][0]
    if is_supported(head.ljust(16, b"\0")):
        return "HEIF", HeifImageFile
    Image.init()
    known = [name for name, (_, accept) in list(Image.OPEN.items()) if _accepts(accept, head)]
    for name in known:
        if name in FORMATS:
            return name, Image.OPEN[name][0]
    if known:
        raise PhotoError("unsupported-format", f"{known[0]}; send one of {', '.join(FORMATS)}")
    raise PhotoError("not-a-photo", "these bytes are no picture")


def _accepts(accept: Callable[[bytes], bool | str] | None, head: bytes) -> bool:
    try:
        return accept is not None and bool(accept(head))
    except STUMBLES:  # some look beyond the end of a short head
        return False


def _check_size(image: ImageFile.ImageFile) -> None:
    """By the header, before a pixel is decoded."""
    # A progressive JPEG keeps the coefficients of every pixel, scaled or not.
    scalable = image.format in ("JPEG", "MPO") and "progressive" not in image.info
    limit = MAX_JPEG_PIXELS if scalable else MAX_PIXELS
    width, height = image.size
    if width * height > limit:
        raise PhotoError("too-many-pixels", f"{width} x {height}, at most {limit // 10**6} MP")
    if min(width, height) < MIN_SIDE:
        raise PhotoError("too-small", f"{width} x {height}, at least {MIN_SIDE} a side")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PhotoError("too-thin", f"{width} x {height}, at most {MAX_RATIO} to 1")


def _spare_factor(size: Size) -> int:
    """How many times smaller a photo may be and still have the sides that are kept."""
    return max(1, min(max(size) // KEPT_SIDE, min(size) // KEPT_SHORT_SIDE))


def _box(whole: Size, reduced: Size, sideways: bool, from_right: bool, from_bottom: bool) -> Box:
    """Decoder and box filter round a side up; the box says where it ends, once turned upright."""
    factor = max(1, round(max(whole) / max(reduced)))
    width, height = whole[0] / factor, whole[1] / factor
    if sideways:
        width, height, reduced = height, width, (reduced[1], reduced[0])
    left = reduced[0] - width if from_right else 0.0
    top = reduced[1] - height if from_bottom else 0.0
    return left, top, left + width, top + height


def _reduced(image: Image.Image, spare: Callable[[Size], int]) -> Image.Image:
    if image.mode in ("1", "P", "PA") or (image.mode == "L" and image.has_transparency_data):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I;"):
        image = Image.fromarray(np.asarray(image).astype(np.int32))  # reduce knows no 16 bits
    return image.reduce(factor) if (factor := spare(image.size)) > 1 else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        # Pillow's own conversion clips at 255 instead of scaling.
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        most = float(values.max())
        top = max(most, 1.0) if image.mode == "F" else next((d for d in DEPTHS if d >= most), most)
        return Image.fromarray((values.clip(0) / top * 255).round().astype(np.uint8)).convert("RGB")
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer).convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return _srgb(image, profile).convert("RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that its profile means, as sRGB has them; as they are without one to go by."""
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if PROFILED.get(own.profile.xcolor_space.strip()) != image.mode:
            return image
        if "sRGB" in (own.profile.profile_description or ""):
            return image
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        turned = ImageCms.profileToProfile(
            image, own, ImageCms.createProfile("sRGB"), outputMode="RGB", flags=flags
        )
    except (ImageCms.PyCMSError, *STUMBLES):  # a broken profile is no reason to refuse its photo
        return image
    return image if turned is None else turned


def _opaque(image: Image.Image) -> Image.Image:
    """A BMP whose every pixel is transparent is one whose writer left the fourth byte alone."""
    if (
        image.format == "BMP"
        and image.mode == "RGBA"
        and image.getchannel("A").getextrema()[1] == 0
    ):
        return image.convert("RGB")
    return image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image; a broken EXIF is no reason to refuse its photo."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except STUMBLES:
        return 1


def _bare(image: Image.Image) -> Image.Image:
    """The same image without what Pillow carries along and may write again."""
    image.info = {}
    return image
