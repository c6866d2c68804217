"""Open a photo, or reject it with a reason; keep it without the metadata that tells where it was.

What it would cost is known before its decoder runs: by its shape, its structure and its memory.
"""

import hashlib
import io
from collections.abc import Callable
from typing import NamedTuple, get_args

from PIL import Image, ImageFile
from PIL.ExifTags import Base as Tag

from matching_spark import storage
from matching_spark.embed.colours import load, prepared, seen
from matching_spark.embed.lacking import asking, lacks
from matching_spark.embed.memory import MAX_MEMORY, draft_scale, peak
from matching_spark.embed.parsers import STUMBLES, Opener, identify, quietly
from matching_spark.embed.structure import Structure, structure_of
from matching_spark.embed.torn import is_torn
from matching_spark.errors import PhotoError, PhotoReason, StorageError

REASONS: tuple[PhotoReason, ...] = get_args(PhotoReason)
MAX_BYTES = 50 << 20
MAX_PIXELS = 256_000_000  # phones' 200 MP modes; more takes long, however little memory
MAX_RATIO = 20  # of the sides: a panorama has 10, and what is thinner costs more than it shows
MIN_SIDE = 8  # px, one JPEG block: below are spacers and tracking pixels, nothing to recognise
KEPT_SIDE = 1600  # px: enough for a person to judge by
KEPT_SHORT_SIDE = 512  # px: the largest input of a common CLIP tower
KEPT_LEAST = 256  # px of the shorter side of a panorama: a common tower looks at 224
KEPT_QUALITY = 90
HELD_QUALITY = 95  # of what is encoded once more before it is kept

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
# In the words of parsers: a file that is whole and of a kind that they do not read; one whose
# metadata they will not unpack.
UNREAD = (
    *("unsupported", "not supported", "cannot handle"),
    *("unknown pixel mode", "unknown raw mode"),
    *("unknown data organization", "has not been built in"),
)
BEYOND = ("decompressed data too large", "too much memory used")
Size = tuple[int, int]  # width, height
Box = tuple[float, float, float, float]  # left, top, right, bottom


def photo_sha256(data: bytes) -> str:
    """The key by which a photo is never embedded twice: of its bytes as they came."""
    return hashlib.sha256(data).hexdigest()


def open_photo(data: bytes) -> Image.Image:
    """RGB, upright, first frame, transparency over white, without metadata.

    A large photo comes reduced by a whole factor, its sides still at least KEPT_SIDE and
    KEPT_SHORT_SIDE. Raises PhotoError with one of REASONS, and nothing else, for whatever bytes.
    """
    return open_reduced(data, _spare_factor)[0]


def check_bytes(data: bytes) -> None:
    """By their number alone. Raises PhotoError."""
    if not data:
        raise PhotoError("empty", "the file has no bytes")
    if len(data) > MAX_BYTES:
        raise PhotoError("too-many-bytes", f"more than {MAX_BYTES >> 20} MB")


def photo_file(place: str) -> bytes:
    """A file's bytes, as many as a photo may have and one more; of its name in another Unicode form
    where there is none of this one.

    Raises FileNotFoundError, and StorageError for what is no file or cannot be read.
    """
    try:
        if not storage.is_regular(place):
            raise StorageError(f"{place} is a folder, a pipe or a device: name a photo's file")
        try:
            return storage.read_bytes(place, MAX_BYTES + 1)
        except FileNotFoundError:
            if (other := storage.in_another_form(place)) is None or other == place:
                raise
            return photo_file(other)
    except ValueError as error:  # a NUL in its name
        raise StorageError(str(error)) from None


def open_reduced(data: bytes, spare: Callable[[Size], int]) -> tuple[Image.Image, Box]:
    """The same, reduced by the whole factor that `spare` gives for (width, height), and its box.

    A JPEG's decoder does what it can of it, in a fraction of the time. box: where in the image the
    photo ends, (left, top, right, bottom); a side that the factor does not divide ends inside its
    last pixel.
    """
    check_bytes(data)
    name, opener = identify(data)
    structure = structure_of(data, name)
    if name == "JPEG":
        data = asking(data, structure)
    photo = _Photo(name, len(data), structure, opener, spare)

    def decode(other: bytes) -> Image.Image | None:
        try:
            return _decoded(other, photo)[0]
        except PhotoError as error:
            if error.reason != "truncated":
                raise
            return None

    image, box = _decoded(data, photo)
    if structure.coded and lacks(data, structure, image, decode):
        raise PhotoError("truncated", f"{name} of which a piece is missing")
    return image, box


class _Photo(NamedTuple):
    """What is known of a photo before it is decoded. size: its bytes."""

    name: str
    size: int
    structure: Structure
    opener: Opener
    spare: Callable[[Size], int]


def _decoded(data: bytes, photo: _Photo) -> tuple[Image.Image, Box]:
    try:
        with quietly():
            image = photo.opener(io.BytesIO(data), "")
            _check_size(image)
            prepared(image)
            if is_torn(data, image):
                raise PhotoError("truncated", f"{photo.name} with zeros in place of a piece")
            factor = _affordable(image, photo.structure, photo.size, photo.spare(image.size))
            whole = image.size
            scale = 1
            if image.format in ("JPEG", "MPO"):
                scale = draft_scale(factor)
                image.draft(None, (image.width // scale, image.height // scale))
            load(image, lambda: photo.opener(io.BytesIO(data), ""))
            flat = seen(image, factor // scale, photo.structure.frame)
            turn, *edges = _UPRIGHT.get(_orientation(image), (None, False, False, False))
        box = _box(whole, flat.size, scale * (factor // scale), *edges)
        return (flat if turn is None else flat.transpose(turn)), box
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise PhotoError("too-many-pixels", str(error)) from error
    except STUMBLES as error:
        raise _stumbled(photo.name, photo.size, error) from error


def _stumbled(name: str, size: int, error: BaseException) -> PhotoError:
    """What a parser's complaint says of a photo: cut off, or of a kind that it does not read."""
    if name == "BMP" and size < 26 + MIN_SIDE:
        # BMP's mark is two letters that begin many a text.
        return PhotoError("not-a-photo", f"no BMP: {error}")
    said = str(error).lower()
    if any(word in said for word in BEYOND):
        return PhotoError("too-complex", f"{name} with too much in it: {error}")
    if isinstance(error, NotImplementedError) or any(word in said for word in UNREAD):
        return PhotoError("unsupported-format", f"a kind of {name} that is not read: {error}")
    return PhotoError("truncated", f"{name} that is cut off or damaged: {error}")


def plain(image: Image.Image) -> Image.Image:
    """An opened picture as `open_photo` gives one, but whole: RGB, upright, over white.

    Raises PhotoError for one without a pixel.
    """
    if not min(image.size):
        raise PhotoError("too-small", f"{image.width} x {image.height}")
    prepared(image)
    image.load()  # a TIFF turns itself upright here, and forgets that it was not
    turn, *_ = _UPRIGHT.get(_orientation(image), (None,))
    if image.mode != "RGB" or image.has_transparency_data or "icc_profile" in image.info:
        image = seen(image)
    return image if turn is None else image.transpose(turn)


def check_photo(data: bytes, max_pixels: int) -> None:
    """By the header alone: raise PhotoError unless it is a photo of at most so many pixels."""
    name, opener = identify(data)
    structure_of(data, name)
    try:
        with quietly():
            image = opener(io.BytesIO(data), "")
        _check_size(image)
    except PhotoError:
        raise
    except STUMBLES as error:
        raise _stumbled(name, len(data), error) from error
    if image.width * image.height > max_pixels:
        raise PhotoError("too-many-pixels", f"{image.width} x {image.height}")


def encode_photo(image: Image.Image) -> bytes:
    """JPEG without EXIF, GPS, comments or profile, its longest side at most KEPT_SIDE, or what
    leaves the shorter one of a panorama KEPT_LEAST: a model sees it once more by what is kept."""
    copy = _bare(image.convert("RGB"))
    most = max(KEPT_SIDE, KEPT_LEAST * max(copy.size) // min(copy.size))
    copy.thumbnail((most, most), Image.Resampling.LANCZOS)
    return jpeg(copy, KEPT_QUALITY)


def hold_photo(image: Image.Image) -> bytes:
    """As large as it was opened, for what may be kept later: `encode_photo` takes 57 ms of a photo
    of 12 megapixels, nine tenths to make it smaller, this 8."""
    return jpeg(_bare(image.convert("RGB")), HELD_QUALITY)


def jpeg(image: Image.Image, quality: int) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _check_size(image: ImageFile.ImageFile) -> None:
    """By the header, before a pixel is decoded."""
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise PhotoError("too-small", f"{width} x {height}, at least {MIN_SIDE} a side")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PhotoError("too-thin", f"{width} x {height}, at most {MAX_RATIO} to 1")
    if width * height > MAX_PIXELS:
        raise PhotoError("too-many-pixels", f"{width} x {height}, at most {MAX_PIXELS // 10**6} MP")


def _affordable(image: ImageFile.ImageFile, structure: Structure, size: int, wanted: int) -> int:
    """The factor wanted, or the next that memory is enough for: a photo is taken whoever asks."""
    for factor in range(wanted, wanted + 16):
        needed = peak(image, structure, size, factor)
        if needed <= MAX_MEMORY:
            return factor
    width, height = image.size
    raise PhotoError(
        "too-many-pixels",
        f"{width} x {height} of {image.format} take {needed // 10**6} MB to decode, "
        f"at most {MAX_MEMORY // 10**6}",
    )


def _spare_factor(size: Size) -> int:
    """How many times smaller a photo may be and still have the sides that are kept."""
    return max(1, min(max(size) // KEPT_SIDE, min(size) // KEPT_SHORT_SIDE))


def _box(
    whole: Size, reduced: Size, factor: int, sideways: bool, from_right: bool, from_bottom: bool
) -> Box:
    """Decoder and box filter round a side up; the box says where it ends, once turned upright."""
    width, height = whole[0] / factor, whole[1] / factor
    if sideways:
        width, height, reduced = height, width, (reduced[1], reduced[0])
    left = reduced[0] - width if from_right else 0.0
    top = reduced[1] - height if from_bottom else 0.0
    return left, top, left + width, top + height


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image; a broken EXIF is no reason to refuse its photo."""
    try:
        exif = image.getexif()
        if image.format in ("AVIF", "HEIF"):  # its irot and imir, as the parser has put them there
            exif = Image.Exif()
            exif.load(image.info.get("exif") or b"")
        return int(exif.get(Tag.Orientation, 1))
    except STUMBLES:
        return 1


def _bare(image: Image.Image) -> Image.Image:
    """The same image without what Pillow carries along and may write again."""
    image.info = {}
    return image
