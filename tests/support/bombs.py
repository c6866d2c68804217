"""Photos of few bytes that ask for much: what each comes to, its memory and its time.

`python -m tests.support.bombs` measures every one in a process of its own and writes the table of
docs/photos.md.
"""

import ctypes
import json
import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from matching_spark.embed.photos import open_photo
from matching_spark.errors import PhotoError
from tests.support import page
from tests.support.photo_bytes import (
    after_soi,
    bmp_runs,
    chunk,
    frames,
    gif,
    heif,
    jpeg,
    packed_zeros,
    png,
    profile_of_pieces,
    resized,
    saved,
    segment,
    tiff,
    webp,
)

MEMORY_MB, SECONDS = 400, 5  # above the process at rest; of the processor
HEADS = ["what asks for much", "bytes", "comes to", "MB at most", "seconds"]
SMALL = saved(Image.new("RGB", (640, 480), "red"), "JPEG")
XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60_000))
EXIF = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(65_000))
TAGS = b"".join(struct.pack("<HHII", 40_000 + i, 7, 60_000, 8) for i in range(5_000))
OVERLAP = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + TAGS)
# name -> how it is made, and what it comes to: a reason, or "taken".
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG 30,000 x 30,000 of 1 bit": (
        lambda: png(30_000, 30_000, 1, 0, filled=False),
        "too-many-pixels",
    ),
    "PNG 195,312 x 512 of 1 bit": (lambda: png(195_312, 512, 1, 0), "too-thin"),
    "PNG 68,000 x 3,400 of 1 bit": (lambda: png(68_000, 3_400, 1, 0), "taken"),
    "PNG 15,500 x 15,500, a clear palette": (
        lambda: png(15_500, 15_500, 8, 3, chunk(b"tRNS", bytes(range(256)))),
        "taken",
    ),
    "PNG 13,000 x 13,000, grey of 16 bits": (lambda: png(13_000, 13_000, 16, 0), "taken"),
    "PNG 15,900 x 15,900, grey of 16 bits": (
        lambda: png(15_900, 15_900, 16, 0, filled=False),
        "too-many-pixels",
    ),
    "PNG 9,500 x 9,500, colours with alpha": (lambda: png(9_500, 9_500, 8, 6), "taken"),
    "PNG 9,500 x 9,500, of 16 bits, laced": (
        lambda: png(9_500, 9_500, 16, 6, laced=1),
        "taken",
    ),
    "PNG 20,400 x 1,020, colours with alpha": (lambda: png(20_400, 1_020, 8, 6), "taken"),
    "PNG of 3.5 M chunks": (
        lambda: png(64, 64, 8, 0, chunk(b"prVt", b"") * 3_500_000),
        "too-complex",
    ),
    "PNG of 9,000 packed texts that do not end": (
        lambda: png(64, 64, 8, 0, chunk(b"zTXt", b"a\0\0" + packed_zeros(900_000)[:-9]) * 9_000),
        "too-complex",
    ),
    "PNG, a profile of 64 MB once unpacked": (
        lambda: png(64, 64, 8, 0, chunk(b"iCCP", b"a\0\0" + packed_zeros(64 << 20))),
        "too-complex",
    ),
    "PNG, an iTXt of 64 MB once unpacked": (
        lambda: png(64, 64, 8, 0, chunk(b"iTXt", b"a\0\1\0\0\0" + packed_zeros(64 << 20))),
        "too-complex",
    ),
    "PNG, 50 MB of plain texts": (
        lambda: png(
            64, 64, 8, 0, *(chunk(b"tEXt", b"%d\0" % i + bytes(1 << 20)) for i in range(49))
        ),
        "taken",
    ),
    "APNG of 2,000 frames": (lambda: frames("PNG", 2_000), "taken"),
    "WebP 16,383 x 6,000 in 36 bytes": (lambda: webp(16_383, 6_000), "too-many-pixels"),
    "WebP 5,600 x 4,200 in 36 bytes": (lambda: webp(5_600, 4_200), "taken"),
    "WebP of 1,000 frames": (lambda: frames("WEBP", 1_000), "taken"),
    "WebP of 6 M chunks": (
        lambda: (
            (lambda w: w[:4] + struct.pack("<I", len(w) + 48_000_000) + w[8:])(webp(64, 64))
            + b"none\0\0\0\0" * 6_000_000
        ),
        "too-complex",
    ),
    "GIF 65,535 x 1,525": (lambda: gif(65_535, 1_525), "too-thin"),
    "GIF 65,535 x 3,300": (lambda: gif(65_535, 3_300), "taken"),
    "GIF 18,000 x 14,000, all of it": (
        lambda: saved(Image.new("P", (18_000, 14_000), 1), "GIF"),
        "taken",
    ),
    "GIF of 8 M comment blocks": (
        lambda: gif(64, 64, b"!\xfe" + b"\x01a" * 8_000_000 + b"\0"),
        "too-complex",
    ),
    "GIF of 8 M extensions": (lambda: gif(64, 64, b"!\x01\0" * 8_000_000), "too-complex"),
    "GIF of 2,000 frames": (lambda: frames("GIF", 2_000), "taken"),
    "JPEG 65,500 x 65,500": (lambda: jpeg(65_500, 65_500)[:9_999], "too-many-pixels"),
    "JPEG 16,000 x 16,000": (lambda: jpeg(16_000, 16_000), "taken"),
    "JPEG 65,000 x 3,900": (lambda: jpeg(65_000, 3_900), "taken"),
    "JPEG 16,000 x 16,000 in 3 scans": (lambda: jpeg(16_000, 16_000, 3), "too-many-pixels"),
    "JPEG 7,900 x 7,900 in 3 scans": (lambda: jpeg(7_900, 7_900, 3), "taken"),
    "JPEG 7,900 x 7,900, progressive, 9 scans": (
        lambda: jpeg(7_900, 7_900, 9, 0xC2, refined=True),
        "taken",
    ),
    "JPEG 1,000 x 1,000, progressive, 60 scans": (
        lambda: jpeg(1_000, 1_000, 60, 0xC2, refined=True),
        "taken",
    ),
    "JPEG 7,900 x 7,900, progressive, 60 scans": (
        lambda: jpeg(7_900, 7_900, 60, 0xC2, refined=True),
        "too-complex",
    ),
    "JPEG, progressive, 1,000 scans": (lambda: jpeg(640, 480, 1_000, 0xC2), "too-complex"),
    "JPEG of arithmetic codes": (lambda: jpeg(16_000, 16_000, 3, 0xC9), "unsupported-format"),
    "JPEG of 9 M comments": (
        lambda: after_soi(SMALL, segment(0xFE, b"") * 9_000_000),
        "too-complex",
    ),
    "JPEG, EXIF over 727 segments": (lambda: after_soi(SMALL, EXIF * 727), "too-complex"),
    "JPEG, EXIF of 5,000 tags that lie upon one another": (
        lambda: after_soi(SMALL, OVERLAP),
        "taken",
    ),
    "JPEG, a profile of curves of 30,000 pieces": (
        lambda: saved(Image.new("RGB", (640, 480)), "JPEG", icc_profile=profile_of_pieces(30_000)),
        "taken",
    ),
    "JPEG, XMP over 800 segments": (lambda: after_soi(SMALL, XMP * 800), "taken"),
    "JPEG, 4 M resources of Photoshop's": (
        lambda: after_soi(
            SMALL, segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_400) * 700
        ),
        "too-complex",
    ),
    "JPEG 16,000 x 16,000 without its end": (lambda: jpeg(16_000, 16_000)[:-2], "taken"),
    "MPO of 400 photos": (lambda: frames("MPO", 400), "taken"),
    "TIFF 9,000 x 9,000, deflate, in one strip": (
        lambda: tiff(9_000, 9_000, {259: (8,)}, packed_zeros(81_000_000)),
        "taken",
    ),
    "TIFF 16,000 x 16,000, deflate, in one strip": (
        lambda: tiff(16_000, 16_000, {259: (8,)}, packed_zeros(9_999)),
        "too-many-pixels",
    ),
    "TIFF 6,900 x 6,900, four bands, in one strip": (
        lambda: tiff(
            6_900,
            6_900,
            {258: (8,) * 4, 259: (8,), 262: (5,), 277: (4,)},
            packed_zeros(4 * 6_900**2),
        ),
        "taken",
    ),
    "TIFF of a tile of 65,520 x 65,520": (
        lambda: tiff(
            640,
            480,
            {259: (8,), 322: (65_520,), 323: (65_520,), 324: (8,), 325: (99,)},
            packed_zeros(9_999_999),
        ),
        "truncated",
    ),
    "TIFF of 4 M strips": (
        lambda: tiff(640, 480, {273: (8,) * 4_000_000, 278: (1,)}, bytes(640 * 480)),
        "too-complex",
    ),
    "TIFF of 65,000 strips, all of them one": (
        lambda: tiff(640, 12_000, {273: (8,) * 65_000, 278: (1,)}, bytes(640)),
        "taken",
    ),
    "TIFF of 20,000 tags": (
        lambda: tiff(640, 480, {400 + i: (1,) for i in range(20_000)}, bytes(640 * 480)),
        "too-complex",
    ),
    "TIFF of a JPEG of 1,000 scans": (
        lambda: tiff(640, 480, {259: (7,)}, jpeg(640, 480, 1_000, 0xC2)),
        "too-complex",
    ),
    "TIFF packed by LZMA": (
        lambda: tiff(640, 480, {259: (34_925,)}, bytes(99)),
        "unsupported-format",
    ),
    "BMP in runs, 8,000 x 1,000, line by line": (
        lambda: bmp_runs(8_000, 1_000, b"\0\0" * 9 + b"\1\1\0\0" * 1_000),
        "taken",
    ),
    "BMP in runs of one pixel": (
        lambda: bmp_runs(4_000, 4_000, b"\1\1" * 16_000_000),
        "too-complex",
    ),
    "BMP in runs, 16,000 x 16,000": (
        lambda: bmp_runs(16_000, 16_000, b"\xff\1" * 900),
        "too-complex",
    ),
    "HEIC 64 x 64 that tells 16,000 x 12,000": (
        lambda: heif((64, 64), (16_000, 12_000)),
        "too-many-pixels",
    ),
    "HEIC 1,200 x 900 that tells 64 x 48": (
        lambda: heif((1_200, 900), (64, 48)),
        "truncated",
    ),
    "HEIC 6,400 x 5,000 in one piece": (
        lambda: heif((64, 64), (6_400, 5_000)),
        "too-many-pixels",
    ),
    "HEIC of 6 M boxes": (lambda: heif((64, 64)) + b"\0\0\0\x08free" * 6_000_000, "too-complex"),
    "AVIF 64 x 64 that tells 16,000 x 12,000": (
        lambda: resized(saved(Image.new("RGB", (64, 64)), "AVIF"), (16_000, 12_000)),
        "too-many-pixels",
    ),
    "AVIF 1,200 x 900 that tells 64 x 48": (
        lambda: resized(saved(Image.new("RGB", (1_200, 900)), "AVIF", speed=10), (64, 48)),
        "taken",
    ),
    "AVIF 5,000 x 4,000 that tells 64 x 48": (
        lambda: resized(saved(Image.new("L", (5_000, 4_000)), "AVIF", speed=10), (64, 48)),
        "too-many-pixels",
    ),
    "AVIF 4,200 x 4,000": (
        lambda: saved(Image.new("RGB", (4_200, 4_000)), "AVIF", speed=10, subsampling="4:4:4"),
        "taken",
    ),
    "AVIF of 100 frames": (lambda: frames("AVIF", 100), "unsupported-format"),
}


def outcome(data: bytes) -> str:
    try:
        open_photo(data)
    except PhotoError as error:
        return error.reason
    return "taken"


def measured(data: bytes) -> tuple[str, float, float]:
    """(outcome, MB at most above the process at rest, seconds of the processor), in a fork."""
    ours, theirs = os.pipe()
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        del data
        if not (child := os.fork()):
            ctypes.CDLL(None).malloc_trim(0)  # what the parent freed is no room of the child's
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before, start = _peak_mb(), time.process_time()
            got = outcome(Path(file.name).read_bytes())
            spent = _peak_mb() - before, time.process_time() - start
            os.write(theirs, json.dumps([got, *spent]).encode())
            os._exit(0)
        os.close(theirs)
        with open(ours, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
    got, mb, seconds = json.loads(said or b'["killed", 0, 0]')
    return got, mb, seconds


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


def ready() -> None:
    """What is loaded once a process belongs to its rest."""
    outcome(SMALL)
    outcome(heif((64, 64)))
    outcome(saved(Image.new("RGB", (64, 64)), "AVIF"))


def main() -> None:
    ready()
    rows = []
    for name, (make, wanted) in BOMBS.items():
        data = make()
        got, mb, seconds = measured(data)
        rows.append([name, f"{len(data):,}", f"`{got}`", f"{mb:.0f}", f"{seconds:.1f}"])
        wrong = got != wanted or mb > MEMORY_MB or seconds > SECONDS
        print(*rows[-1], "<---- " + wanted if wrong else "", flush=True)
    page.write("bombs", page.drawn(HEADS, rows))


if __name__ == "__main__":
    main()
