"""What a photo's bytes are made of, counted before its decoder runs.

A few bytes can ask for minutes: the same scan a thousand times, millions of empty comments. Nothing
is decoded here but what has a checksum behind zeros, in a TIFF; what cannot be followed is refused,
though a parser may bear it.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from PIL.ExifTags import Base as Tag

from matching_spark.embed.avif import largest_picture
from matching_spark.embed.boxes import boxes, items
from matching_spark.errors import PhotoError

# What cameras, phones and editors write keeps a wide margin to each.
MAX_SEGMENTS = 4096  # of a JPEG; a profile of 16 MB has 256 of them, a phone's depth map as many
MAX_SCANS = 64  # of a JPEG; a progressive one has 10, the best that optimisers find about 20
MAX_SCANNED_BYTES = 4 << 30  # of coefficients, those of the photo once a scan
MAX_RESTARTS = 262_144  # of a JPEG; most have one a row of blocks, some one every fourth block
MAX_EXIF_BYTES = 1 << 20  # of a JPEG; one segment of 64 kB is what the standard allows
MAX_RESOURCES = 1024  # of Photoshop's in a JPEG; it writes about 40
MAX_CHUNKS = 65_536  # of a PNG or WebP; 50 MB in the pieces that libpng writes are 6,400
MAX_CANVAS = 64_000_000  # px of a WebP; libwebp allocates two before a size can be asked of Pillow
MAX_PACKED_TEXTS = 64  # of a PNG, each of up to 1 MB once unpacked
MAX_BLOCKS = 65_536  # of a GIF before its first picture, of 255 bytes at most
MAX_TAGS = 1024  # of a TIFF's directory; a photo has about 30
MAX_NUMBERS = 200_000  # in one tag of a TIFF; a palette of 16 bits has 196,608
MAX_STRIPS = 65_536  # or tiles of a TIFF
MAX_PACKED_STRIPS = 4096  # of a TIFF whose strips are JPEGs of their own
MAX_BOXES = 1024  # of a HEIF or AVIF beside one another; a photo has 3 to 10
MAX_RUN_BYTES = 1 << 20  # of a BMP packed in runs, which Pillow unpacks in Python,
MAX_RUN_PIXELS = 8_000_000  # pixel by pixel
MAX_INFLATED = 512 << 20  # bytes of a TIFF that are held against checksums, in a second
BLANK = 64  # zeros in a row, of what a copy has left out
BLANKS = (bytes(BLANK), b"\xff" * 256)  # or ones, as erased flash memory has; AV1 had 22 itself
MOST_OF_RUNS = 192  # zeros in a row of PackBits: a count has up to 128 behind it, and is none
MANY_LINES = 32  # different bytes behind line feeds, all of which have a carriage return

# How a TIFF may be packed: not at all, LZW, JPEG, deflate, PackBits. LZMA, Zstandard and WebP in it
# ask for memory of which its directory tells nothing; of a fax, libtiff tells every bad line.
TIFF_PACKINGS = (1, 5, 7, 8, 32773, 32946)
_JPEG_IN_TIFF = 7
_DEFLATED, _IN_RUNS = (8, 32946), 32773
_INFLATED_AT_ONCE = 1 << 14  # bytes, of which 17 MB may come
# No stuffed byte, no restart. Without a + the first byte is found by memchr: 2 ms for 6 MB, not 38.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_LINE_FEED, _AFTER_LINE = re.compile(rb"(?<!\r)\n"), re.compile(rb"\r\n([^\r])")
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SOI, _EOI, _SOS, _APP1, _APP13 = 0xD8, 0xD9, 0xDA, 0xE1, 0xED
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
# Lossless, hierarchical, by arithmetic codes, of which a byte may stand for any number of pixels.
_RARE_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_PROGRESSIVE = 0xC2
_TIFF_BYTES = {3: 2, 4: 4, 13: 4, 16: 8}  # short, long, directory, long of BigTIFF: for offsets
_TIFF_STRINGS = (1, 2, 6, 7)  # types that Pillow leaves as bytes
_STRIPS, _TILES = (Tag.StripOffsets, Tag.StripByteCounts), (Tag.TileOffsets, Tag.TileByteCounts)
_HEVC, _PICTURE = (b"hvc1", b"hev1"), 0x2C  # of a HEIF; in a GIF
_WEBP_PIXELS = (b"VP8 ", b"VP8L")


@dataclass(frozen=True)
class Structure:
    """coefficient_bytes: what a JPEG of several scans keeps until the last. ended: has its mark.
    coded: (begin, end) of the pixels of each scan, or of a WebP's first picture where zeros lie in
    it. marks: those end at a mark, as a JPEG's. restarts: there are some within. frame: where the
    first picture of a GIF or of a moving WebP lies on its canvas (left, top, right, bottom).
    pixels: of the largest picture inside an AVIF.
    """

    coefficient_bytes: int = 0
    ended: bool = True
    coded: tuple[tuple[int, int], ...] = ()
    marks: bool = False
    restarts: bool = False
    frame: tuple[int, int, int, int] | None = None
    pixels: int = 0

    @property
    def rows(self) -> bool:
        """A JPEG in one scan, which is decoded row by row."""
        return self.marks and len(self.coded) == 1 and not self.coefficient_bytes


def structure_of(data: bytes, name: str) -> Structure:
    """Of the bytes of a photo of a format. Raises PhotoError too-complex, unsupported-format, and
    truncated where they cannot be followed: what is not counted would cost nothing.
    """
    read = _READERS.get(name)
    _check_lines(data, name)
    try:
        return read(data) or Structure() if read else Structure()
    except (struct.error, IndexError) as error:
        raise PhotoError("truncated", f"{name} that is cut off or damaged: {error}") from error


def _check_lines(data: bytes, name: str) -> None:
    """Raise PhotoError for a photo that was sent as a text: each line feed has become two bytes,
    and a decoder that knows no checksums shows something of what is left."""
    if _LINE_FEED.search(data):
        return
    if len({found[1] for found in islice(_AFTER_LINE.finditer(data), 10_000)}) > MANY_LINES:
        raise PhotoError("truncated", f"{name} that was sent as a text: send it as it is")


def _bounded(count: int, most: int, what: str) -> None:
    if count > most:
        raise PhotoError("too-complex", f"{what}: more than {most:,}")


def _jpeg(data: bytes, at: int = 0, end: int | None = None, most: int = MAX_SEGMENTS) -> Structure:
    end = len(data) if end is None else end
    segments = exif = resources = coefficients = 0
    progressive = False
    frame, begun = 0, []  # where the headers of its frame and of its scans are
    while (found := _MARKER.search(data, at, end)) and (marker := found[1][0]) != _EOI:
        at = found.end()
        segments += 1
        _bounded(segments, most, "segments of a JPEG")
        if marker in (_SOI, 1):
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _RARE_FRAMES:
            raise PhotoError("unsupported-format", "a JPEG that is not baseline or progressive")
        if marker in _FRAMES:
            coefficients, progressive, frame = _coefficients(data, at), marker == _PROGRESSIVE, at
        elif marker == _APP1 and data.startswith(b"Exif", at + 2):
            exif += length
            _bounded(exif, MAX_EXIF_BYTES, "bytes of a JPEG's EXIF")
        elif marker == _APP13:
            resources += data.count(b"8BIM", at, at + length)
            _bounded(resources, MAX_RESOURCES, "Photoshop's resources in a JPEG")
        elif marker == _SOS:
            begun.append(at)
            _bounded(len(begun), MAX_SCANS, "scans of a JPEG")
            scanned = len(begun) * min(coefficients, MAX_SCANNED_BYTES // 10)  # memory refuses more
            _bounded(scanned, MAX_SCANNED_BYTES, "bytes of a JPEG's coefficients, scan by scan")
        at += length
    if found is not None and not begun:
        raise PhotoError("truncated", "JPEG that ends before its pixels")
    if found is None and begun:
        _check_scans(data, frame, begun, progressive)
    several = progressive or len(begun) > 1
    coded = tuple(_pixels_of(data, each, end) for each in begun)
    restarts = sum(_restarts(data, *each) for each in coded)
    return Structure(
        coefficients if several else 0, found is not None, coded, marks=True, restarts=restarts > 0
    )


def _pixels_of(data: bytes, scan: int, end: int) -> tuple[int, int]:
    """Where they lie of the scan whose header lies there: up to a mark, or what fills up to it."""
    begin = scan + int.from_bytes(data[scan : scan + 2])
    mark = _MARKER.search(data, begin, end)
    return begin, begin + len(data[begin : mark.start() if mark else end].rstrip(b"\xff"))


def _restarts(data: bytes, begin: int, end: int) -> int:
    """How many marks a scan has from which its decoder starts anew. Raises PhotoError where they do
    not follow one another: of what is missing between them the decoder makes some grey."""
    count = 0
    for count, mark in enumerate(RESTART.finditer(data, begin, end), 1):
        _bounded(count, MAX_RESTARTS, "restarts of a JPEG")
        if mark[0][1] & 7 != (count - 1) & 7:
            raise PhotoError("truncated", "JPEG of which a piece is missing")
    return count


def _check_scans(data: bytes, frame: int, begun: list[int], progressive: bool) -> None:
    """Raise PhotoError for a JPEG cut off between scans, whose decoder shows what the others give:
    each colour's 64 coefficients must be there to their last bit."""
    lacking = dict.fromkeys(data[frame + 8 : frame + 8 + 3 * data[frame + 7] : 3], (1 << 64) - 1)
    for at in begun:
        colours = data[at + 3 : at + 3 + 2 * data[at + 2] : 2]
        first, last, bits = struct.unpack_from("BBB", data, at + 3 + 2 * data[at + 2])
        if not progressive:
            first, last, bits = 0, 63, 0
        for colour in colours if not bits & 15 else ():  # its lowest bits are yet to come
            lacking[colour] = lacking.get(colour, 0) & ~((2 << last) - (1 << first))
    if any(lacking.values()):
        raise PhotoError("truncated", "JPEG that is cut off: scans are missing")


def _coefficients(data: bytes, at: int) -> int:
    """Two bytes each, one a pixel and component, fewer of a component that is sampled thinly."""
    height, width, count = struct.unpack_from(">HHB", data, at + 3)  # after its length and depth
    across = [data[at + 9 + 3 * i] >> 4 for i in range(count)]
    down = [data[at + 9 + 3 * i] & 15 for i in range(count)]
    densest = max(across, default=0) * max(down, default=0)
    samples = sum(a * d for a, d in zip(across, down, strict=True))
    return int(2 * width * height * samples // max(1, densest))


def _png(data: bytes) -> None:
    at, chunks, packed, ended = 8, 0, 0, False
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT" and not _is_summed(data, at, length):
            raise PhotoError("truncated", "PNG of which a piece is missing or not as it was")
        at += 12 + length
        ended |= kind == b"IEND"
        if kind == b"CgBI":
            raise PhotoError("unsupported-format", "a PNG as Xcode packs it, for Apple's own alone")
        chunks += 1
        packed += kind in (b"zTXt", b"iTXt")
        _bounded(chunks, MAX_CHUNKS, "chunks of a PNG")
        _bounded(packed, MAX_PACKED_TEXTS, "packed texts of a PNG")
    if not ended and data.endswith(bytes(BLANK)):
        raise PhotoError("truncated", "PNG that ends in zeros")


def _is_summed(data: bytes, at: int, length: int) -> bool:
    """Whether a chunk comes to its checksum, where that is there: Pillow does not look."""
    end = at + 8 + length
    told = data[end : end + 4]
    return len(told) < 4 or zlib.crc32(memoryview(data)[at + 4 : end]) == int.from_bytes(told)


def _webp(data: bytes) -> Structure:
    width, height = _canvas(data)
    if width * height > MAX_CANVAS:
        raise PhotoError("too-many-pixels", f"{width} x {height} of WebP")
    at, chunks = 12, 0
    first = frame = None
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind in _WEBP_PIXELS and not first:
            first = at + 8, at + 8 + length
        if kind == b"ANMF" and not first:  # whose own chunks follow its head of 16 bytes
            x, y, right, bottom = (
                int.from_bytes(data[i : i + 3], "little") for i in range(at + 8, at + 20, 3)
            )
            frame = 2 * x, 2 * y, 2 * x + right + 1, 2 * y + bottom + 1
            at += 24
        else:
            at += 8 + length + length % 2
        chunks += 1
        _bounded(chunks, MAX_CHUNKS, "chunks of a WebP")
    blank = first and data.find(bytes(BLANK), *first) >= 0
    return Structure(coded=(first,) if first and blank else (), frame=frame)


def _canvas(data: bytes) -> tuple[int, int]:
    """(width, height) as the first chunk of a WebP tells; (0, 0) where it is none that does."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":  # 14 bits each
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _gif(data: bytes) -> Structure:
    at, blocks = 13, 0
    if data[10] & 0x80:
        at += 3 << ((data[10] & 7) + 1)
    while data[at] == 0x21:  # an extension: its kind, blocks with their lengths, an empty one
        at += 2
        length = 1
        while length:
            length = data[at]
            at += 1 + length
            blocks += 1
            _bounded(blocks, MAX_BLOCKS, "blocks of a GIF before its picture")
    if data[at] != _PICTURE:
        raise PhotoError("truncated", "GIF of which a piece is missing")
    left, top, width, height = struct.unpack_from("<4H", data, at + 1)
    return Structure(frame=(left, top, left + width, top + height))


def _tiff(data: bytes) -> Structure | None:
    order = "<" if data[:2] == b"II" else ">"
    big = data[2 if order == "<" else 3] == 43
    number, size = ("Q", 20) if big else ("I", 12)
    (at,) = struct.unpack_from(order + number, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    _bounded(count, MAX_TAGS, "tags of a TIFF")
    at += 8 if big else 2
    where: dict[int, list[int]] = {}
    for entry in range(at, at + count * size, size):
        tag, kind, many = struct.unpack_from(f"{order}HH{number}", data, entry)
        if kind not in _TIFF_STRINGS:
            _bounded(many, MAX_NUMBERS, f"numbers in tag {tag} of a TIFF")
        if tag in (*_STRIPS, *_TILES, Tag.Compression) and kind in _TIFF_BYTES:
            _bounded(tag in where, 0, f"tag {tag} of a TIFF, told again")
            _bounded(many, MAX_STRIPS, "strips of a TIFF")
            width, inside = _TIFF_BYTES[kind], size // 2 - 2
            start = entry + size - inside
            if width * many > inside:
                (start,) = struct.unpack_from(order + number, data, start)
            form = {2: "H", 4: "I", 8: "Q"}[width]
            where[tag] = list(struct.unpack_from(f"{order}{many}{form}", data, start))
    packing = where.get(Tag.Compression, [1])[0]
    if packing not in TIFF_PACKINGS:
        raise PhotoError("unsupported-format", f"a TIFF packed in way {packing}")
    if packing not in (_JPEG_IN_TIFF, _IN_RUNS, *_DEFLATED):
        return None
    strips = [
        (begin, begin + length)
        for begins, lengths in (_STRIPS, _TILES)
        for begin, length in zip(where.get(begins, []), where.get(lengths, []), strict=False)
    ]
    if packing != _JPEG_IN_TIFF:
        if sum(end - begin for begin, end in strips) <= len(data):  # else upon one another
            (_check_inflated if packing in _DEFLATED else _check_runs)(data, strips)
        return None
    _bounded(len(strips), MAX_PACKED_STRIPS, "JPEGs in a TIFF")
    inner = [_jpeg(data, begin, end, most=MAX_SCANS) for begin, end in strips]
    return Structure(max((each.coefficient_bytes for each in inner), default=0))


def _check_inflated(data: bytes, strips: list[tuple[int, int]]) -> None:
    """Raise PhotoError for a strip with zeros that does not come to its checksum, before which
    libtiff stops: at the last of the pixels that it wants."""
    left = MAX_INFLATED
    for begin, end in strips:
        if data.find(bytes(BLANK), begin, end) < 0:
            continue
        stream = zlib.decompressobj()
        try:
            for at in range(begin, end, _INFLATED_AT_ONCE):
                left -= len(stream.decompress(data[at : min(at + _INFLATED_AT_ONCE, end)]))
                if left < 0:  # more than any photo has
                    return
                if stream.eof:
                    break
            else:
                raise zlib.error("its end is missing")
        except zlib.error as error:
            raise PhotoError("truncated", f"TIFF of which a piece is missing: {error}") from None


def _check_runs(data: bytes, strips: list[tuple[int, int]]) -> None:
    """Raise PhotoError for a strip with more zeros than PackBits makes of any pixels."""
    if any(data.find(bytes(MOST_OF_RUNS), *strip) >= 0 for strip in strips):
        raise PhotoError("truncated", "TIFF with zeros in place of a piece")


def _is_blank(data: bytes, begin: int, end: int) -> bool:
    return any(data.find(blank, begin, end) >= 0 for blank in BLANKS)


def _boxes(data: bytes) -> None:
    for count, _ in enumerate(boxes(data, 0, len(data)), 1):
        _bounded(count, MAX_BOXES, "boxes of a HEIF or AVIF")


def _heif(data: bytes) -> None:
    """Its decoder leaves out a tile of which it makes nothing, and tells nobody."""
    _boxes(data)
    for item in items(data):
        for at, length in item.pieces if item.kind in _HEVC else ():
            # HEVC puts a 3 behind two zeros, so that none of its units has three of them.
            if _is_blank(data, at, at + length):
                raise PhotoError("truncated", "HEIF with zeros or ones in place of a piece")


def _avif(data: bytes) -> Structure:
    _boxes(data)
    own = list(items(data))
    pixels = largest_picture(data, own)
    for item in own:
        for at, length in item.pieces if item.kind == b"av01" else ():
            coded = data[at : at + length]
            pixels_of = coded.rstrip(b"\0")  # what fills up to the end may be some of them
            blank = len(coded) - len(pixels_of)
            # Its decoder makes a picture of zeros too; coded pixels have four in a row at most.
            if blank >= max(BLANK, length // 8) or _is_blank(pixels_of, 0, length):
                raise PhotoError("truncated", "AVIF with zeros or ones in place of a piece")
    return Structure(pixels=pixels)


def _bmp(data: bytes) -> None:
    if len(data) < 34:  # two letters that begin many a text, which the parser tells apart
        return
    header, width, height, _, _, packing = struct.unpack_from("<IiiHHI", data, 14)
    if header >= 40 and packing in (1, 2):
        _bounded(len(data), MAX_RUN_BYTES, "bytes of a BMP in runs")
        _bounded(abs(width * height), MAX_RUN_PIXELS, "pixels of a BMP in runs")


_READERS: dict[str, Callable[[bytes], Structure | None]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "TIFF": _tiff,
    "HEIF": _heif,
    "AVIF": _avif,
    "BMP": _bmp,
}
