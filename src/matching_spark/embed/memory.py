"""How much memory a photo's decoder will take, from its header alone."""

from PIL import ImageFile, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from matching_spark.embed.colours import is_deep
from matching_spark.embed.structure import Structure

# At most, above the process at rest, from a photo's bytes to its opened picture. A JPEG of 200
# megapixels takes 30 MB, as it is scaled while it is decoded, a HEIC of 50 in tiles 380.
MAX_MEMORY = 400_000_000
_SPARE = 12_000_000  # strips under way, and what parsers take beside pixels
# Bytes a pixel that Pillow stores; a row is decoded in place.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# Bytes a pixel while it is decoded, and as long as it is open, measured: the planes, what they
# become, and Pillow's own copy. libwebp keeps two canvases beside; an AV1 picture may have planes
# of 16 bits and grain, and says so too late.
_WEBP, _WEBP_HELD = 16.3, 12.1
_AVIF = 22
# Of a HEIC: (more than 8 bits, colours at half the size) -> the same. Its header may lie of both,
# which is found out when the first piece is decoded: of one in tiles, as phones write, a small one.
_HEIF = {(False, True): 7.6, (False, False): 11.6, (True, True): 10, (True, False): 18}
_HEIF_ALPHA, _HEIF_UNTILED, _HEIF_TILES = 4, 13, 55_000_000
_YCBCR = 6  # of Tag.PhotometricInterpretation


def peak(image: ImageFile.ImageFile, structure: Structure, file_bytes: int, factor: int) -> int:
    """Bytes at most while a photo is decoded and reduced by a whole factor."""
    pixels = image.width * image.height
    stored = _STORED.get(image.mode, 4)
    loading: float = stored * pixels
    held: float = loading
    if image.format in ("JPEG", "MPO"):
        held = stored * pixels / draft_scale(factor) ** 2
        loading = structure.coefficient_bytes + held
    elif image.format == "WEBP":
        loading, held = _WEBP * pixels, _WEBP_HELD * pixels
    elif image.format == "AVIF":
        loading = _AVIF * max(pixels, structure.pixels)
    elif image.format == "HEIF":
        loading = _heif(image)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        loading, held = _tiff(image, stored)
        loading += structure.coefficient_bytes  # of a JPEG in it
        file_bytes *= 5  # each of its directories once more for its tags, with what they point to
    if is_deep(image):  # its other half
        loading += stored * pixels
    if structure.coded:
        file_bytes *= 3  # other bytes of it (embed.lacking)
    result = 8 * pixels / factor**2  # 4 bytes a pixel, and once more while it is turned upright
    kept = 4 * pixels / factor**2 if structure.coded else 0  # while it is decoded once more
    told = sum(len(value) for value in image.info.values() if isinstance(value, bytes))
    file_bytes += 4 * told  # metadata, copied a few times while the orientation is read
    return int(max(loading, held + result) + kept) + file_bytes + _SPARE


def draft_scale(factor: int) -> int:
    """How far a JPEG's decoder goes towards a factor: by 1, 2, 4 or 8."""
    return max(scale for scale in (1, 2, 4, 8) if scale <= max(1, factor))


def _heif(image: ImageFile.ImageFile) -> float:
    pixels, deep = image.width * image.height, image.info["bit_depth"] > 8
    each = _HEIF[deep, image.info.get("chroma") == 420]
    each += _HEIF_ALPHA * (image.mode == "RGBA")
    tiles = image.info.get("tiling")
    if not tiles or 16 * tiles["tile_width"] * tiles["tile_height"] > pixels:
        return max(each, _HEIF_UNTILED) * pixels
    return max(each * pixels, (each - 1.5) * pixels + _HEIF_TILES)


def _tiff(image: TiffImagePlugin.TiffImageFile, stored: int) -> tuple[float, float]:
    """The picture, twice where it is turned, and beside it a strip or a tile as it was packed."""
    tags = image.tag_v2
    width = tags.get(Tag.TileWidth, image.width)
    rows = tags.get(Tag.TileLength, tags.get(Tag.RowsPerStrip, image.height))
    bits = tags.get(Tag.BitsPerSample, 1)
    sample = max(bits, default=1) if isinstance(bits, tuple) else bits
    # What is stored as YCbCr comes from libtiff as RGB with a fourth byte.
    is_rgb = tags.get(Tag.PhotometricInterpretation) == _YCBCR
    packed = max(tags.get(Tag.SamplesPerPixel, 1) * sample / 8, 4 * is_rgb)
    part = packed * width * min(rows, max(image.size))
    whole = stored * image.width * image.height
    return max(whole + part, whole * (1 + (tags.get(Tag.Orientation, 1) != 1))), whole
