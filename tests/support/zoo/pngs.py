"""PNG and APNG, of every depth."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.support.photo_bytes import chunk, saved
from tests.support.zoo.profiles import P3, into, named
from tests.support.zoo.reference import (
    GREY,
    HEIGHT,
    LAID,
    SEEN,
    WIDTH,
    Kind,
    taken,
    turned,
    veiled,
    whitened,
)


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


def pngs() -> Iterator[Kind]:
    clear, over = veiled()
    plain = saved(SEEN, "PNG")
    yield taken("PNG", plain, "as it is", off=0)
    yield taken("PNG, RGBA", saved(clear, "PNG"), "over white", over, 0)
    grey_clear, grey_over = veiled("LA")
    yield taken("PNG, grey with alpha", saved(grey_clear, "PNG"), "over white", grey_over, 2)
    hidden = SEEN.convert("RGBA")
    hidden.putalpha(0)
    colours = "by its colours, as nothing else is there"
    yield taken("PNG, RGBA, all of it clear", saved(hidden, "PNG"), colours, off=0)
    grey_hidden = SEEN.convert("LA")
    grey_hidden.putalpha(0)
    yield taken(
        "PNG, grey with alpha, all of it clear", saved(grey_hidden, "PNG"), colours, GREY, 1
    )
    yield taken(
        "PNG, palette, all of it clear",
        saved(SEEN.quantize(64), "PNG", transparency=bytes(64)),
        colours,
    )
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
    scaled = "scaled by the largest value's depth"
    for bits in (14, 12, 10):
        few = np.asarray(SEEN).astype(np.uint32) * (2**bits - 1) // 255
        yield taken(f"PNG, RGB of {bits} bits in 16", deep_png(few, 2), scaled, off=1)
    few = np.asarray(clear).astype(np.uint32) * 1023 // 255
    yield taken("PNG, RGBA of 10 bits in 16", deep_png(few, 6), f"{scaled}, over white", over, 1)
    level = np.asarray(SEEN.convert("L")).astype(np.float64)[..., None]
    for bits in (16, 12, 10):
        deep = (level / 255 * (2**bits - 1)).round()
        deep[0, 0] = 2**bits - 1
        yield taken(
            f"PNG, grey of {bits} bits in 16",
            deep_png(deep, 0),
            scaled,
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
