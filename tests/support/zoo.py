"""Every kind of photo that people send, made here, and what each comes to.

`python -m tests.support.zoo` writes the table of docs/photos.md; tests/embed/test_zoo.py holds it.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from tests.support import page
from tests.support.bombs import bmp_runs, chunk, heif, jpeg, profile, saved, segment, tiff

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Kind:
    """outcome: 'taken' or a reason. want: what is seen of a photo that is taken, within `off`."""

    name: str
    data: bytes
    outcome: str
    note: str
    want: Image.Image | None = None
    off: float = 6  # mean difference of the pixels, of 255


def reference() -> Image.Image:
    """Smooth, so that every codec keeps it, and unlike itself turned or mirrored in any way."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    colours = np.stack([60 + 150 * x, 80 + 120 * y, 200 - 90 * x * y], axis=2)
    colours[: HEIGHT // 3, : WIDTH // 3] = (210, 60, 60)
    return Image.fromarray(colours.round().astype(np.uint8))


SEEN = reference()
GREY = SEEN.convert("L").convert("RGB")
# How a picture must lie in a file for each of EXIF's orientations to turn it upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LAID = {1: SEEN} | {number: SEEN.transpose(turn) for number, turn in TURNS.items()}


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def veiled(mode: str = "RGBA") -> tuple[Image.Image, Image.Image]:
    """Clear at the right, and how that looks over white."""
    image = SEEN.convert("RGBA")
    image.paste((0, 0, 0, 0), (WIDTH // 2, 0, WIDTH, HEIGHT))
    over = SEEN.copy()
    over.paste("white", (WIDTH // 2, 0, WIDTH, HEIGHT))
    return (image.convert(mode), over) if mode != "LA" else (image.convert("LA"), whitened(over))


def whitened(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


def named(space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"drawn\0" + bytes(78)
    told = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1, 0.8249)}
    return profile(space, pcs, kind, told | tags)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def matrix_profile(gamma: float, *primaries: tuple[float, float, float]) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {n: xyz(*p) for n, p in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return named(
        b"RGB ", b"XYZ ", b"mntr", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    )


# Primaries adapted to D50, as their specifications have them.
P3 = matrix_profile(
    2.2, (0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)
)
ADOBE = matrix_profile(
    2.2, (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
)
PROPHOTO = matrix_profile(
    1.8, (0.79767, 0.28804, 0), (0.13519, 0.71187, 0), (0.03134, 0.00009, 0.82491)
)
LINEAR = matrix_profile(
    1, (0.43604, 0.22249, 0.01392), (0.38512, 0.7169, 0.09706), (0.14305, 0.06061, 0.7139)
).replace(b"drawn\0", b"sRGBl\0")
GAIN, INK = 0.7, 0.85  # how a press' dots grow, how much light its inks take


def press_profile() -> bytes:
    """CMYK by a table, as a press' is: inks that do not take all the light, dots that grow."""
    at = np.linspace(0, 1, 9)
    grid = np.stack(np.meshgrid(at, at, at, at, indexing="ij"), axis=-1).reshape(-1, 4)
    light = 1 - INK * grid[:, :3] ** GAIN
    light *= 1 - INK * grid[:, 3:] ** GAIN
    colours = Image.fromarray((light[None] * 255).round().astype(np.uint8))
    lab = ImageCms.profileToProfile(
        colours, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 9, 0])
    table += struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    steps = np.array(lab) ^ np.array(
        [0, 128, 128], np.uint8
    )  # Pillow's are signed, a profile's begin at 0
    table += straight * 4 + steps.tobytes() + straight * 3
    return named(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})


PRESS = press_profile()


def printed() -> Image.Image:
    """What such a press is sent for the reference."""
    light = np.asarray(SEEN) / 255
    inks = ((1 - light) / INK).clip(0, 1) ** (1 / GAIN)
    black = np.zeros((*inks.shape[:2], 1))
    pixels = np.concatenate([inks, black], axis=2)
    return Image.fromarray((pixels * 255).round().astype(np.uint8), "CMYK")


def into(icc: bytes) -> Image.Image:
    """The reference as numbers of a profile."""
    own = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = ImageCms.profileToProfile(SEEN, ImageCms.createProfile("sRGB"), own, outputMode="RGB")
    assert image is not None
    return image


def deep_png(values: np.ndarray, kind: int) -> bytes:
    """16 bits; kind as PNG numbers it. values: (height, width, channels)."""
    rows = values.astype(">u2").reshape(HEIGHT, -1)
    return written_png(b"".join(b"\0" + row.tobytes() for row in rows), 16, kind)


def written_png(
    rows: bytes,
    bits: int,
    kind: int,
    *more: bytes,
    laced: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, laced)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows))]
    return b"".join([b"\x89PNG\r\n\x1a\n", *parts, chunk(b"IEND", b"")])


def laced_png() -> bytes:
    """Adam7."""
    pixels = np.asarray(SEEN)
    passes = (
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
        *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    )
    rows = [row for y, x, dy, dx in passes for row in pixels[y::dy, x::dx]]
    return written_png(b"".join(b"\0" + row.tobytes() for row in rows), 8, 2, laced=1)


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


def heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, **options)
    return out.getvalue()


def heic_by_exif_alone(orientation: int) -> bytes:
    """As some phones write it: EXIF turns it, no irot does."""
    exif = Image.Exif()
    exif[0x0113] = 1  # a tag that the encoder leaves alone, renamed here
    whole = heic(LAID[orientation], exif=exif.tobytes())
    tag = (
        b"\x01\x13\0\x03\0\0\0\x01\0\x01"
        if b"MM\0*" in whole
        else b"\x13\x01\x03\0\x01\0\0\0\x01\0"
    )
    assert tag in whole
    if b"MM\0*" in whole:
        return whole.replace(tag, b"\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]))
    return whole.replace(tag, b"\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0]))


def heic_of_ten_bits() -> bytes:
    deep = np.asarray(SEEN).astype(np.uint16) * 257
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", SEEN.size, deep.tobytes()).save(out, quality=95)
    return out.getvalue()


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


def zoo() -> Iterator[Kind]:
    yield from jpegs()
    yield from pngs()
    yield from gifs_and_webps()
    yield from bmps_and_tiffs()
    yield from heics_and_avifs()
    yield from no_photos()


def taken(name: str, data: bytes, note: str, want: Image.Image = SEEN, off: float = 6) -> Kind:
    return Kind(name, data, "taken", note, want, off)


def jpegs() -> Iterator[Kind]:
    for orientation, laid in LAID.items():
        data = saved(laid, "JPEG", quality=95, exif=turned(orientation))
        yield taken(f"JPEG, EXIF orientation {orientation}", data, "upright")
    plain = saved(SEEN, "JPEG", quality=95)
    yield taken(
        "JPEG, EXIF orientation 9",
        saved(SEEN, "JPEG", quality=95, exif=turned(9)),
        "as it lies: there are only eight",
    )
    broken = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 40)
    yield taken("JPEG, broken EXIF", plain[:2] + broken + plain[2:], "as it lies")
    yield taken("JPEG, progressive", saved(SEEN, "JPEG", quality=95, progressive=True), "as it is")
    yield taken("JPEG, grey", saved(SEEN.convert("L"), "JPEG", quality=95), "grey", GREY)
    yield taken(
        "JPEG, CMYK without a profile, inverted as Adobe writes it",
        saved(SEEN.convert("CMYK"), "JPEG", quality=95),
        "by plain arithmetic",
    )
    yield taken(
        "JPEG, CMYK with its profile",
        saved(printed(), "JPEG", quality=95, icc_profile=PRESS),
        "by the profile",
        off=8,
    )
    for called, icc in (
        ("Display P3", P3),
        ("Adobe RGB", ADOBE),
        ("ProPhoto", PROPHOTO),
        ("linear sRGB", LINEAR),
    ):
        data = saved(into(icc), "JPEG", quality=95, subsampling=0, icc_profile=icc)
        yield taken(f"JPEG, {called}", data, "by the profile")
    yield taken(
        "JPEG, a broken profile",
        saved(SEEN, "JPEG", quality=95, icc_profile=PRESS[:300]),
        "as if it had none",
    )
    yield taken(
        "JPEG, a profile of other channels",
        saved(SEEN, "JPEG", quality=95, icc_profile=PRESS),
        "as if it had none",
    )
    more = [Image.new("RGB", SEEN.size, "green")]
    yield taken(
        "MPO (several views)",
        saved(SEEN, "MPO", quality=95, save_all=True, append_images=more),
        "the first",
    )
    yield taken(
        "JPEG, a motion photo (MP4 behind it)", plain + b"\0\0\0\x18ftypmp42" * 99, "the photo"
    )
    yield taken("JPEG, rubbish behind it", plain + bytes(range(256)) * 9, "the photo")
    yield taken("JPEG without its end mark", plain[:-2], "whole")
    yield Kind("JPEG, cut off in the middle", plain[: len(plain) // 2], "truncated", "")
    half = plain[: len(plain) // 2]
    yield Kind("JPEG, zeros from the middle on", half.ljust(len(plain), b"\0"), "truncated", "")
    yield Kind(
        "JPEG, a piece of its middle missing", half[:-100] + plain[len(half) :], "truncated", ""
    )
    at = plain.index(b"\xff\xc0") + 4
    deep = plain[:at] + b"\x0c" + plain[at + 1 :]
    yield Kind("JPEG of 12 bits", deep, "unsupported-format", "")
    yield Kind("JPEG of arithmetic codes", jpeg(64, 64, 3, 0xC9), "unsupported-format", "")
    yield Kind("JPEG, lossless", jpeg(64, 64, 1, 0xC3), "unsupported-format", "")
    yield Kind("JPEG of 1,000 scans", jpeg(64, 64, 1_000, 0xC2), "too-complex", "")
    yield Kind("JPEG of 65,500 x 65,500", jpeg(65_500, 65_500)[:9_999], "too-many-pixels", "")


def pngs() -> Iterator[Kind]:
    clear, over = veiled()
    plain = saved(SEEN, "PNG")
    yield taken("PNG", plain, "as it is", off=0)
    yield taken("PNG, RGBA", saved(clear, "PNG"), "over white", over, 0)
    grey_clear, grey_over = veiled("LA")
    yield taken("PNG, grey with alpha", saved(grey_clear, "PNG"), "over white", grey_over, 2)
    yield taken("PNG, palette", saved(SEEN.quantize(256), "PNG"), "as it is")
    yield taken("PNG, palette with alpha", saved(clear.quantize(256), "PNG"), "over white", over)
    keyed = SEEN.copy()
    keyed.paste((1, 2, 3), (WIDTH // 2, 0, WIDTH, HEIGHT))
    yield taken(
        "PNG, RGB with a clear colour",
        saved(keyed, "PNG", transparency=(1, 2, 3)),
        "over white",
        over,
    )
    yield taken("PNG, grey", saved(SEEN.convert("L"), "PNG"), "grey", GREY, 1)
    ink = SEEN.convert("1")
    yield taken("PNG of 1 bit", saved(ink, "PNG"), "black and white", ink.convert("RGB"), 0)
    wide = np.asarray(SEEN).astype(np.uint16) * 257
    yield taken("PNG, RGB of 16 bits", deep_png(wide, 2), "scaled", off=1)
    alpha = np.asarray(clear).astype(np.uint16) * 257
    yield taken("PNG, RGBA of 16 bits", deep_png(alpha, 6), "scaled, over white", over, 1)
    level = np.asarray(SEEN.convert("L")).astype(np.float64)[..., None]
    for bits in (16, 12, 10):
        deep = (level / 255 * (2**bits - 1)).round()
        deep[0, 0] = 2**bits - 1
        yield taken(
            f"PNG, grey of {bits} bits in 16",
            deep_png(deep, 0),
            "scaled by the largest value's depth",
            GREY,
            1,
        )
    yield from keyed_pngs()
    yield taken("PNG, laced (Adam7)", laced_png(), "as it is", off=0)
    more = [Image.new("RGB", SEEN.size, "green")]
    yield taken(
        "APNG", saved(SEEN, "PNG", save_all=True, append_images=more), "the first frame", off=0
    )
    yield taken("PNG, EXIF orientation 6", saved(LAID[6], "PNG", exif=turned(6)), "upright", off=0)
    yield taken("PNG, Display P3", saved(into(P3), "PNG", icc_profile=P3), "by the profile", off=3)
    yield taken("PNG without its end chunk", plain[:-12], "whole", off=0)
    yield Kind("PNG, cut off in the middle", plain[: len(plain) // 2], "truncated", "")
    yield Kind(
        "PNG as Xcode packs it (CgBI)",
        plain[:8] + chunk(b"CgBI", bytes(4)) + plain[8:],
        "unsupported-format",
        "",
    )
    packed = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(9 << 20)))
    yield Kind(
        "PNG, a profile of 9 MB",
        written_png(b"", 8, 2, packed),
        "too-complex",
        "",
    )


def keyed_pngs() -> Iterator[Kind]:
    """One colour is clear, in as many bits as the others; whoever does not scale it shows it."""
    _, over = veiled()
    level = np.asarray(SEEN.convert("L"))
    for bits in (4, 16):
        key = 2 ** (bits - 2) + 1
        deep = (level / 255 * (2**bits - 1)).round().astype(np.uint16)
        deep[deep == key] += 1
        want = np.where(np.arange(WIDTH) < WIDTH // 2, deep / (2**bits - 1) * 255, 255)
        deep[:, WIDTH // 2 :] = key
        packed = deep[:, ::2] << 4 | deep[:, 1::2]
        rows = packed.astype(np.uint8) if bits == 4 else deep.astype(">u2")
        lines = b"".join(b"\0" + row.tobytes() for row in rows)
        data = written_png(lines, bits, 0, chunk(b"tRNS", struct.pack(">H", key)))
        grey = Image.fromarray(want.round().astype(np.uint8)).convert("RGB")
        yield taken(f"PNG, grey of {bits} bits with a clear value", data, "over white", grey, 1)
    deep = np.asarray(SEEN).astype(np.uint16) * 257
    deep[:, WIDTH // 2 :] = key = (1000, 2000, 3000)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    data = written_png(lines, 16, 2, chunk(b"tRNS", struct.pack(">3H", *key)))
    yield taken("PNG, RGB of 16 bits with a clear colour", data, "over white", over, 1)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 256)  # linear
    icc = named(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": curve})
    light = np.asarray(whitened(over).convert("L")) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    for alpha, called in ((False, "a linear profile"), (True, "a linear profile and alpha")):
        grey = Image.fromarray((linear * 255).round().astype(np.uint8))
        if alpha:
            grey.putalpha(veiled()[0].getchannel("A"))
        data = saved(grey, "PNG", icc_profile=icc)
        yield taken(f"PNG, grey with {called}", data, "by the profile", whitened(over), 2)


def gifs_and_webps() -> Iterator[Kind]:
    clear, over = veiled()
    more = [Image.new("RGB", SEEN.size, "green")]
    yield taken("GIF", saved(SEEN.quantize(256), "GIF"), "as it is")
    yield taken("GIF, clear", saved(clear, "GIF"), "over white", over, 12)
    moving = saved(SEEN, "GIF", save_all=True, append_images=more)
    yield taken("GIF, moving", moving, "the first frame", off=12)
    inner, framed = SEEN.resize((WIDTH // 2, HEIGHT // 2)), Image.new("RGB", SEEN.size, "white")
    framed.paste(inner, (16, 8))
    around = "clear around it"
    small = laid_gif(saved(inner.quantize(64), "GIF"), 16, 8)
    yield taken("GIF, a picture smaller than its canvas", small, around, framed, 12)
    yield Kind("GIF, cut off in the middle", saved(SEEN, "GIF")[:1500], "truncated", "")
    yield taken("WebP", saved(SEEN, "WEBP", quality=95), "as it is")
    yield taken("WebP, lossless", saved(SEEN, "WEBP", lossless=True), "as it is", off=0)
    yield taken("WebP with alpha", saved(clear, "WEBP", quality=95), "over white", over)
    yield taken(
        "WebP with alpha, lossless", saved(clear, "WEBP", lossless=True), "over white", over, 0
    )
    moving = saved(SEEN, "WEBP", quality=95, save_all=True, append_images=more)
    yield taken("WebP, moving", moving, "the first frame")
    yield taken(
        "WebP, EXIF orientation 6",
        saved(LAID[6], "WEBP", quality=95, exif=turned(6).tobytes()),
        "upright",
    )
    yield taken(
        "WebP, Display P3", saved(into(P3), "WEBP", quality=95, icc_profile=P3), "by the profile"
    )
    small = laid_webp(saved(inner, "WEBP", lossless=True), inner.size, 16, 8)
    yield taken("WebP, moving, its first frame smaller than its canvas", small, around, framed, 0)
    plain = saved(SEEN, "WEBP", quality=95)
    half = plain[: len(plain) // 2]
    yield Kind("WebP, cut off in the middle", half, "truncated", "")
    yield Kind("WebP, zeros from the middle on", half.ljust(len(plain), b"\0"), "truncated", "")


def laid_gif(photo: bytes, left: int, top: int) -> bytes:
    """A picture on a canvas of the reference's size."""
    at = photo.index(b",", 13 + (3 << ((photo[10] & 7) + 1)))
    canvas = struct.pack("<2H", WIDTH, HEIGHT)
    place = struct.pack("<2H", left, top)
    return b"".join([photo[:6], canvas, photo[10 : at + 1], place, photo[at + 5 :]])


def laid_webp(photo: bytes, size: tuple[int, int], left: int, top: int) -> bytes:
    """The same, which moves, and has no alpha by its header."""

    def riff(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    def threes(*numbers: int) -> bytes:
        return b"".join(each.to_bytes(3, "little") for each in numbers)

    frame = threes(left // 2, top // 2, size[0] - 1, size[1] - 1, 100) + b"\0" + photo[12:]
    head = riff(b"VP8X", b"\2\0\0\0" + threes(WIDTH - 1, HEIGHT - 1))
    return riff(b"RIFF", b"WEBP" + head + riff(b"ANIM", bytes(6)) + 2 * riff(b"ANMF", frame))


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
    yield taken("TIFF", tiff_of(SEEN), "as it is", off=0)
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield taken(f"TIFF, {packing}", tiff_of(SEEN, compression=packing), "as it is", off=0)
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
    floats = by_hand_tiff(32, 3, "<f4", pixels / 255)
    yield Kind("TIFF, RGB of floats", floats, "unsupported-format", "")
    yield Kind("TIFF, LZMA", tiff_of(SEEN, compression="lzma"), "unsupported-format", "")
    yield Kind("TIFF, cut off", tiff_of(SEEN)[:9_000], "truncated", "")


def _topped(level: np.ndarray, top: float) -> Image.Image:
    """One pixel at the top, by which the others are scaled."""
    level = level.copy()
    level[0, 0] = top
    return Image.fromarray(level)


def branded(data: bytes) -> bytes:
    """The first brand is the container's; the codec's is one of the others."""
    return data[:8] + b"mif1" + data[12:]


def heics_and_avifs() -> Iterator[Kind]:
    clear, over = veiled()
    yield taken("HEIC", heic(SEEN), "as it is")
    for orientation in (3, 6, 2, 5):
        data = heic(LAID[orientation], exif=turned(orientation).tobytes())
        yield taken(f"HEIC turned by irot and imir, {orientation}", data, "upright")
    yield taken(
        "HEIC, EXIF orientation 6 and no irot",
        heic_by_exif_alone(6),
        "as it lies: the standard has irot alone turn it",
        LAID[6],
    )
    yield taken("HEIC with alpha", heic(clear), "over white", over)
    yield taken("HEIC of 10 bits", heic_of_ten_bits(), "scaled")
    yield taken(
        "HEIC in tiles",
        heic(SEEN.resize((192, 128)), tile_size=64),
        "as it is",
        SEEN.resize((192, 128)),
    )
    tiled = heic(SEEN.resize((192, 128)), tile_size=64)
    half = tiled[: len(tiled) // 2]
    yield Kind("HEIC in tiles, cut off in the middle", half, "truncated", "")
    yield Kind(
        "HEIC in tiles, zeros from the middle on", half.ljust(len(tiled), b"\0"), "truncated", ""
    )
    shown = into(P3)
    shown.info["icc_profile"] = P3
    yield taken("HEIC, Display P3", heic(shown), "by the profile")
    yield taken("HEIC, its container's brand first (mif1)", branded(heic(SEEN)), "as it is")
    yield Kind("HEIC, cut off in the middle", heic(SEEN)[:-200], "truncated", "")
    yield taken("AVIF", saved(SEEN, "AVIF", quality=95), "as it is")
    yield taken(
        "AVIF, its container's brand first (mif1)",
        branded(saved(SEEN, "AVIF", quality=95)),
        "as it is",
    )
    yield taken("AVIF with alpha", saved(clear, "AVIF", quality=95), "over white", over)
    yield taken("AVIF, grey", saved(SEEN.convert("L"), "AVIF", quality=95), "grey", GREY)
    for orientation in (6, 5):
        data = saved(LAID[orientation], "AVIF", quality=95, exif=turned(orientation))
        yield taken(f"AVIF turned by irot and imir, {orientation}", data, "upright")
    xmp = b"<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"6\"/>"
    yield taken(
        "AVIF that XMP says is turned, and no irot",
        saved(SEEN, "AVIF", quality=95, xmp=xmp),
        "as it lies: the standard has irot alone turn it",
    )
    film = saved(SEEN, "AVIF", save_all=True, append_images=[GREY])
    yield Kind("AVIF, moving", film, "unsupported-format", "")
    unread = branded(saved(SEEN, "AVIF").replace(b"avif", b"miaf"))
    yield Kind("HEIF of AV1 that does not call itself AVIF", unread, "unsupported-format", "")
    yield Kind("AVIF, cut off in the middle", saved(SEEN, "AVIF")[:-200], "truncated", "")


def no_photos() -> Iterator[Kind]:
    for name, data in (
        ("an SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a page of HTML", b"<!doctype html><title>404</title>"),
        ("a ZIP", b"PK\x03\x04" + bytes(60)),
        ("a text", "사진 아님".encode()),
        ("an MP4", b"\0\0\0\x18ftypmp42" + bytes(60)),
        ("a PDF", b"%PDF-1.7\n" + bytes(60)),
    ):
        yield Kind(f"{name} named .jpg", data, "not-a-photo", "")
    yield Kind("JPEG 2000", saved(SEEN, "JPEG2000"), "unsupported-format", "")
    yield Kind("an icon (ICO)", saved(SEEN, "ICO"), "unsupported-format", "")
    yield Kind("a Photoshop document", b"8BPS\0\1" + bytes(60), "unsupported-format", "")
    yield Kind("PPM", saved(SEEN, "PPM"), "unsupported-format", "")
    yield Kind("DDS", saved(SEEN, "DDS"), "unsupported-format", "")
    yield Kind("nothing", b"", "empty", "")
    yield Kind("1 x 1", saved(Image.new("RGB", (1, 1)), "PNG"), "too-small", "")
    yield Kind("2,000 x 8", saved(Image.new("RGB", (2_000, 8)), "PNG"), "too-thin", "")
    yield Kind(
        "30,000 x 30,000", written_png(b"", 8, 0, size=(30_000, 30_000)), "too-many-pixels", ""
    )
    yield Kind("51 MB", bytes(51 << 20), "too-many-bytes", "")
    yield Kind(
        "HEIC of 64 x 64 that tells 16,000 x 12,000",
        heif((64, 64), (16_000, 12_000)),
        "too-many-pixels",
        "",
    )


def table(kinds: Iterable[Kind]) -> str:
    rows = [[kind.name, kind.note or f"`{kind.outcome}`"] for kind in kinds]
    return page.drawn(["kind", "how it is seen, or why it is refused"], rows)


if __name__ == "__main__":
    page.write("zoo", table(zoo()))
