"""GIF and WebP, moving ones among them."""

import struct
from collections.abc import Iterator

from PIL import Image

from tests.support.photo_bytes import saved
from tests.support.zoo.profiles import P3, into
from tests.support.zoo.reference import HEIGHT, LAID, SEEN, WIDTH, Kind, taken, turned, veiled


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
    hidden = SEEN.convert("RGBA")
    hidden.putalpha(0)
    yield taken(
        "WebP, all of it clear",
        saved(hidden, "WEBP", lossless=True, exact=True),
        "by its colours, as nothing else is there",
        off=0,
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
