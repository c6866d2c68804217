"""Whether zeros lie in place of a piece of pixels that are not packed, as a BMP's or a TIFF's.

They are black, and a picture may be black: that there are zeros tells nothing, but where they begin
and end does. A picture's black ends at an edge of something, and near there in the next row, too.
What a copy has left out ends where a block of the file does: in the middle of a row, beside which
the next one has none of it.
"""

from PIL import ImageFile, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from matching_spark.embed.lacking import Place, blank

BLOCK = 512  # bytes: what disks, cards and copies leave out are some of these
NEAR = 4  # bytes: a pixel beside them may have zeros of its own
LEAST = 4096  # bytes of zeros at least, and a row of them


def is_torn(data: bytes, image: ImageFile.ImageFile) -> bool:
    """Of a photo that is opened and not decoded yet."""
    row = _row_bytes(image)
    return row > 0 and any(
        _is_cut(data, begin, -row, place) or _is_cut(data, end, row, place)
        for place in _unpacked(image, row)
        for begin, end in blank(data, *place, max(LEAST, row))
    )


def _row_bytes(image: ImageFile.ImageFile) -> int:
    """Of a row as it lies in the file; 0 where none does."""
    if not image.tile or any(tile.codec_name != "raw" for tile in image.tile):
        return 0
    if image.format == "BMP":
        return int((image.tile[0].args or ("", 0))[1])
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or Tag.TileWidth in image.tag_v2:
        return 0
    tags = image.tag_v2
    bits = tags.get(Tag.BitsPerSample, 1)
    samples = tags.get(Tag.SamplesPerPixel, 1) if tags.get(Tag.PlanarConfiguration, 1) == 1 else 1
    each = bits[0] if isinstance(bits, tuple) else bits
    return int(-(-image.width * samples * each // 8))


def _unpacked(image: ImageFile.ImageFile, row: int) -> list[Place]:
    """Where rows lie; strips behind one another are one place."""
    places: list[Place] = []
    for tile in image.tile:
        _, top, _, bottom = tile.extents or (0, 0, *image.size)
        begin, end = tile.offset, tile.offset + row * (bottom - top)
        if places and places[-1][1] == begin:
            begin = places.pop()[0]
        places.append((begin, end))
    return places


def _is_cut(data: bytes, at: int, way: int, place: Place) -> bool:
    """Whether the zeros that begin or end there do so where a block does, in the middle of a row,
    and the next row is not black beside them. way: to that row, away from the zeros."""
    column = (at - place[0]) % abs(way)
    begin, end = (at, at - column - way) if way < 0 else (at - column, at)
    is_within = place[0] <= begin + way and end + way <= place[1]
    if (-at if way < 0 else at) % BLOCK > NEAR or not column or not is_within:
        return False
    return 2 * data.count(0, begin + way, end + way) < end - begin
