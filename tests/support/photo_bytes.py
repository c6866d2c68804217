"""Photos written byte by byte, as no encoder writes them."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(
    width: int, height: int, bits: int, kind: int, *more: bytes, laced: int = 0, filled: bool = True
) -> bytes:
    """Of zeros; kind: 0 grey, 2 colours, 3 palette, 4 grey with alpha, 6 colours with alpha."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    packer, parts, zeros = zlib.compressobj(1), [], bytes(1 << 20)
    left = filled * (1 + (width * bits * channels + 7) // 8) * height * (2 if laced else 1)
    while left > 0:
        parts.append(packer.compress(zeros[:left]))
        left -= len(zeros)
    parts.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, laced)
    palette = [chunk(b"PLTE", bytes(768))] if kind == 3 else []
    begin = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *palette, *more]
    return b"".join([*begin, chunk(b"IDAT", b"".join(parts)), chunk(b"IEND", b"")])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(
    width: int, height: int, scans: int = 1, frame: int = 0xC0, refined: bool = False
) -> bytes:
    """Black: two bits a block; progressive, a few for thousands of blocks."""
    components = 1 if scans == 1 and frame == 0xC0 else 3
    frames = struct.pack(">BHHB", 8, height, width, components)
    frames += b"".join(bytes([i + 1, 0x11, 0]) for i in range(components))
    parts = [b"\xff\xd8", segment(0xDB, b"\0" + bytes([1] * 64)), segment(frame, frames)]
    lengths = bytes([1] + [0] * 15)
    parts.append(segment(0xC4, b"\0" + lengths + b"\0"))
    parts.append(segment(0xC4, b"\x10" + lengths + (b"\0" if frame == 0xC0 else b"\xe0")))
    blocks = -(-width // 8) * -(-height // 8)
    for scan in range(scans):
        component = bytes([1, 1 + scan % components, 0])
        if frame == 0xC0:
            parts.append(segment(0xDA, component + b"\0\x3f\0") + bytes(blocks // 4 + 1))
            continue
        runs = b"".join(b"\x00\x00" for _ in range(-(-blocks // 16384)))  # 0, then 14 bits of 0
        steps = b"\x01\x3f" + (b"\x10" if refined and scan >= components else b"\x01")
        parts.append(segment(0xDA, component + steps) + runs)
    return b"".join([*parts, b"\xff\xd9"])


def after_soi(photo: bytes, *parts: bytes) -> bytes:
    return b"".join([photo[:2], *parts, photo[2:]])


def tiff(width: int, height: int, tags: dict[int, tuple[int, ...]], pixels: bytes) -> bytes:
    """Tags of longs; the pixels begin at 8."""
    whole: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (8,),
        262: (1,),
        273: (8,),
        277: (1,),
    }
    whole |= {278: (height,), 279: (len(pixels),)} | tags
    at = 8 + len(pixels)
    entries, beyond, far = b"", b"", at + 2 + 12 * len(whole) + 4
    for tag, values in sorted(whole.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, beyond = struct.pack("<I", far + len(beyond)), beyond + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    begin = [b"II*\0", struct.pack("<I", at), pixels, struct.pack("<H", len(whole))]
    return b"".join([*begin, entries, bytes(4), beyond])


def packed_zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 1)


def gif(width: int, height: int, *before: bytes) -> bytes:
    """The canvas; its picture is small."""
    whole = saved(Image.new("P", (60, 60), 1), "GIF")
    at = 13 + (3 << ((whole[10] & 7) + 1))
    return (
        whole[:6] + struct.pack("<HH", width, height) + whole[10:at] + b"".join(before) + whole[at:]
    )


def webp(width: int, height: int) -> bytes:
    """One colour, in 36 bytes, lossless."""
    whole = bytearray(saved(Image.new("RGB", (640, 480), "red"), "WEBP", lossless=True, method=0))
    (head,) = struct.unpack_from("<I", whole, 21)
    struct.pack_into("<I", whole, 21, head >> 28 << 28 | (height - 1) << 14 | (width - 1))
    return bytes(whole)


def bmp_runs(width: int, height: int, runs: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 2, 0)
    start = b"BM" + struct.pack("<IHHI", 62 + len(runs), 0, 0, 62)
    return start + header + bytes([0, 0, 0, 0, 9, 99, 200, 0]) + runs


def heif(size: tuple[int, int], told: tuple[int, int] | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", size, "red")).save(out, quality=10, **options)
    return resized(out.getvalue(), told)


def resized(photo: bytes, told: tuple[int, int] | None) -> bytes:
    """A HEIF or AVIF whose boxes tell another size than its pixels have."""
    at, whole = 0, bytearray(photo)
    while told and (at := whole.find(b"ispe", at) + 8) > 7:
        struct.pack_into(">II", whole, at, *told)
    return bytes(whole)


def frames(format: str, count: int) -> bytes:
    pictures = [Image.new("RGB", (64, 64), (i % 256, i // 256, 0)) for i in range(count)]
    return saved(pictures[0], format, save_all=True, append_images=pictures[1:])


def profile_of_pieces(count: int) -> bytes:
    """RGB, by a curve of so many pieces forty times over, and by a matrix."""
    whole = b"curf\0\0\0\0" + struct.pack(">HH", count, 0)
    whole += b"".join(struct.pack(">f", i / count) for i in range(1, count))
    whole += (b"parf\0\0\0\0\0\0\0\0" + struct.pack(">4f", 1, 1, 0, 0)) * count
    curves = b"cvst\0\0\0\0\0\3\0\3" + struct.pack(">II", 36, len(whole)) * 3 + whole
    elements = b"mpet\0\0\0\0\0\3\0\3" + struct.pack(">I", 40)
    elements += struct.pack(">II", 16 + 8 * 40, len(curves)) * 40 + curves
    colour = b"XYZ \0\0\0\0" + struct.pack(">3i", 20_000, 20_000, 20_000)
    tags = {b"D2B0": elements, b"wtpt": colour} | dict.fromkeys((b"rXYZ", b"gXYZ", b"bXYZ"), colour)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv" + bytes(8))
    return profile(b"RGB ", b"XYZ ", b"mntr", tags, version=4)


def profile(
    space: bytes, pcs: bytes, kind: bytes, tags: dict[bytes, bytes], version: int = 2
) -> bytes:
    """An ICC profile."""
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"lcms", version << 24 | 0x400000, kind, space, pcs
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1, 0.8249)))
    return head.ljust(128, b"\0") + table + body


def blanked(data: bytes, at: int | None = None, size: int = 128) -> bytes:
    """With zeros in the place of some bytes, of its middle where no other is named."""
    begin = len(data) // 2 if at is None else at
    return data[:begin].ljust(begin + size, b"\0") + data[begin + size :]


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = np.array(image.getpixel(at), dtype=int)
    return bool(np.abs(pixel - colour).max() < 40)
