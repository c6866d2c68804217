"""BMP and TIFF, by encoders and by hand."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from tests.support.photo_bytes import blanked, bmp_runs, saved, tiff
from tests.support.zoo.profiles import PRESS, printed
from tests.support.zoo.reference import GREY, HEIGHT, LAID, SEEN, WIDTH, Kind, taken


def bmp(bits: int, packing: int, masks: tuple[int, ...], pixels: bytes, height: int) -> bytes:
    at = 54 + 4 * len(masks)
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, packing, len(pixels), 0, 0, 0, 0)
    begin = b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head
    return begin + struct.pack(f"<{len(masks)}I", *masks) + pixels


def halves_of_16(bits: tuple[int, int, int]) -> bytes:
    """RGB in 16 bits a pixel, from the last row up."""
    red, green, blue = np.moveaxis(np.asarray(SEEN).astype(np.uint16)[::-1], 2, 0)
    r, g, b = bits
    packed = (red >> 8 - r) << (g + b) | (green >> 8 - g) << b | blue >> 8 - b
    return bytes(packed.astype("<u2").tobytes())


def tiff_of(image: Image.Image, **options: object) -> bytes:
    return saved(image, "TIFF", **options)


def by_hand_tiff(bits: int, form: int, dtype: str, values: np.ndarray, order: str = "<") -> bytes:
    """One strip of RGB; form: 1 whole numbers, 3 floats."""
    pixels = values.astype(dtype).tobytes()
    tags = {256: WIDTH, 257: HEIGHT, 258: bits, 259: 1, 262: 2, 273: 8, 277: 3}
    tags |= {278: HEIGHT, 279: len(pixels), 339: form}
    at, entries = 8 + len(pixels), b""
    far = at + 2 + 12 * len(tags) + 4
    three = {258: far, 339: far + 6}
    for tag, value in sorted(tags.items()):
        many, told = (3, three[tag]) if tag in three else (1, value)
        entries += struct.pack(f"{order}HHII", tag, 3 if tag in three else 4, many, told)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    beyond = struct.pack(f"{order}6H", bits, bits, bits, form, form, form)
    begin = [mark, struct.pack(f"{order}I", at), pixels, struct.pack(f"{order}H", len(tags))]
    return b"".join([*begin, entries, bytes(4), beyond])


def bmps_and_tiffs() -> Iterator[Kind]:
    yield taken("BMP", saved(SEEN, "BMP"), "as it is", off=0)
    clip = SEEN.convert("RGBA")
    clip.putalpha(0)
    yield taken(
        "BMP, all clear (Windows' clipboard)", saved(clip, "BMP"), "as if it were not", off=0
    )
    rgb565 = bmp(16, 3, (0xF800, 0x07E0, 0x001F), halves_of_16((5, 6, 5)), HEIGHT)
    yield taken("BMP, RGB565", rgb565, "as it is")
    down = np.asarray(SEEN)[:, :, ::-1].tobytes()
    yield taken("BMP from the first row down", bmp(24, 0, (), down, -HEIGHT), "as it is", off=0)
    yield taken(
        "BMP in runs (RLE8)",
        bmp_runs(WIDTH, HEIGHT, (bytes([WIDTH, 1]) + b"\0\0") * HEIGHT + b"\0\1"),
        "as it is",
        Image.new("RGB", SEEN.size, (200, 99, 9)),
        0,
    )
    rgb444 = bmp(16, 3, (0x0F00, 0x00F0, 0x000F), halves_of_16((4, 4, 4)), HEIGHT)
    yield Kind("BMP, RGB444", rgb444, "unsupported-format", "")
    gone = blanked(saved(SEEN, "BMP"), 4096, 8192)
    yield Kind("BMP, zeros in place of blocks", gone, "truncated", "")
    yield taken("TIFF", tiff_of(SEEN), "as it is", off=0)
    gone = blanked(tiff_of(SEEN), 4096, 8192)
    yield Kind("TIFF, zeros in place of blocks", gone, "truncated", "")
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield taken(f"TIFF, {packing}", tiff_of(SEEN, compression=packing), "as it is", off=0)
    packed = blanked(tiff_of(SEEN, compression="tiff_adobe_deflate"))
    yield Kind("TIFF, deflate, zeros in the middle", packed, "truncated", "")
    yield taken("TIFF, JPEG", tiff_of(SEEN, compression="jpeg", quality=95), "as it is")
    fax = tiff_of(SEEN.convert("1"), compression="group4")
    yield Kind("TIFF, fax", fax, "unsupported-format", "")
    yield taken("BigTIFF", tiff_of(SEEN, big_tiff=True), "as it is", off=0)
    more = [Image.new("RGB", SEEN.size, "green")]
    pages = tiff_of(SEEN, save_all=True, append_images=more)
    yield taken("TIFF of several pages", pages, "the first page", off=0)
    yield taken("TIFF, orientation 6", tiff_of(LAID[6], tiffinfo={274: 6}), "upright", off=0)
    yield taken(
        "TIFF, CMYK with its profile", tiff_of(printed(), icc_profile=PRESS), "by the profile"
    )
    lab = ImageCms.profileToProfile(
        SEEN, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    yield taken("TIFF, Lab", tiff_of(lab), "as it is", off=3)
    level = np.asarray(SEEN.convert("L")).astype(np.float32)
    yield taken("TIFF, grey of floats to 1", tiff_of(_topped(level / 255, 1.0)), "scaled", GREY, 2)
    spoilt = level / 255
    spoilt[5, 5], spoilt[9, 9], spoilt[0, 0] = np.nan, np.inf, 1
    yield taken(
        "TIFF, grey of floats, some not numbers",
        tiff_of(Image.fromarray(spoilt)),
        "scaled by the largest that is one",
        GREY,
        2,
    )
    yield taken(
        "TIFF, grey of 32 bits", tiff_of(_topped(level, 255).convert("I")), "scaled", GREY, 2
    )
    wide = (np.asarray(SEEN.convert("L")).astype(np.uint32) * 0x01010101).view(np.int32)
    wide[0, 0] = -1  # the largest without a sign
    unsigned = bytearray(tiff_of(Image.fromarray(wide)))
    at = unsigned.index(struct.pack("<HHI", 339, 3, 1))
    unsigned[at + 8 : at + 10] = b"\1\0"
    data = bytes(unsigned)
    yield taken("TIFF, grey of 32 bits without a sign, all of them", data, "scaled", GREY, 2)
    for bits, dtype in ((8, "i1"), (16, "<i2")):
        signed = (level / 255 * (2 ** (bits - 1) - 1)).round().astype(dtype)
        data = tiff(WIDTH, HEIGHT, {258: (bits,), 339: (2,)}, signed.tobytes())
        yield taken(f"TIFF, grey of {bits} bits with a sign", data, "scaled", GREY, 2)
    few = SEEN.quantize(256)
    colours = np.array(few.getpalette("RGB"), int).reshape(-1, 3)
    tags = {262: (3,), 320: tuple(np.pad(colours, ((0, 256 - len(colours)), (0, 0))).T.ravel())}
    data = tiff(WIDTH, HEIGHT, tags, few.tobytes())
    yield taken("TIFF, a palette of 8 bits in its 16", data, "as it is")
    falling = bytearray(tiff_of(Image.fromarray((65535 - level * 257).astype(np.uint16))))
    at = falling.index(struct.pack("<HHI", 262, 3, 1))
    falling[at + 8 : at + 10] = b"\0\0"
    yield taken(
        "TIFF, grey of 16 bits that count down from white", bytes(falling), "scaled", GREY, 2
    )
    pixels = np.asarray(SEEN)
    deep = by_hand_tiff(16, 1, "<u2", pixels.astype(np.uint16) * 257)
    yield taken("TIFF, RGB of 16 bits", deep, "scaled", off=1)
    deep = by_hand_tiff(16, 1, ">u2", pixels.astype(np.uint16) * 257, ">")
    yield taken("TIFF, RGB of 16 bits, big-endian", deep, "scaled", off=1)
    dim = pixels.astype(np.uint32) * 4095 // 255
    for order, called in (("<", ""), (">", ", big-endian")):
        deep = by_hand_tiff(16, 1, f"{order}u2", dim, order)
        scaled = "scaled by the largest value's depth"
        yield taken(f"TIFF, RGB of 12 bits in 16{called}", deep, scaled, off=1)
    bands = np.moveaxis(pixels.astype("<u2") * 257, 2, 0)
    each = bands[0].nbytes
    tags = {258: (16, 16, 16), 262: (2,), 277: (3,), 284: (2,), 279: (each, each, each)}
    tags[273] = (8, 8 + each, 8 + 2 * each)
    data = tiff(WIDTH, HEIGHT, tags, bands.tobytes())
    yield taken("TIFF, RGB of 16 bits, each colour apart", data, "scaled", off=1)
    grey = tiff(WIDTH, HEIGHT, {262: (0,), 284: (2,)}, level.astype(np.uint8).tobytes())
    yield Kind("TIFF in planes, grey that counts down from white", grey, "unsupported-format", "")
    floats = by_hand_tiff(32, 3, "<f4", pixels / 255)
    yield Kind("TIFF, RGB of floats", floats, "unsupported-format", "")
    yield Kind("TIFF, LZMA", tiff_of(SEEN, compression="lzma"), "unsupported-format", "")
    yield Kind("TIFF, cut off", tiff_of(SEEN)[:9_000], "truncated", "")


def _topped(level: np.ndarray, top: float) -> Image.Image:
    """One pixel at the top, by which the others are scaled."""
    level = level.copy()
    level[0, 0] = top
    return Image.fromarray(level)
