"""Every odd photo is opened correctly or rejected by its reason, and nothing else happens."""

import io
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matching_spark.embed.photos import KEPT_SIDE, REASONS, encode_photo, open_photo, photo_sha256
from matching_spark.errors import PhotoError


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """Red above, blue below: which way is up can be seen."""
    image = Image.new("RGB", (60, 80), "blue")
    image.paste("red", (0, 0, 60, 40))
    return image.convert(mode)


JPEG = saved(halves(), "JPEG")


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = np.array(image.getpixel(at), dtype=int)
    return bool(np.abs(pixel - colour).max() < 40)


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.mark.parametrize(
    "data",
    [
        JPEG,
        saved(halves(), "JPEG", progressive=True),
        saved(halves("CMYK"), "JPEG"),
        saved(halves("P"), "PNG"),
        saved(halves("P"), "GIF"),
        saved(halves("RGBA"), "PNG"),
        saved(halves(), "WEBP", lossless=True),
        saved(halves(), "BMP"),
        saved(halves(), "TIFF"),
        saved(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (60, 80), "green")]),
    ],
    ids=[
        "jpeg",
        "progressive",
        "cmyk",
        "palette",
        "gif",
        "rgba",
        "webp",
        "bmp",
        "tiff",
        "animated",
    ],
)
def test_opened_as_it_looks(data: bytes) -> None:
    image = open_photo(data)
    assert image.mode == "RGB"
    assert near(image, (30, 15), RED)
    assert near(image, (30, 65), BLUE)


def test_heic(tmp_path: Path) -> None:
    import pillow_heif

    heif = pillow_heif.from_pillow(halves().resize((120, 160)))
    heif.save(tmp_path / "a.heic", quality=90)
    image = open_photo((tmp_path / "a.heic").read_bytes())
    assert near(image, (60, 30), RED)
    assert near(image, (60, 130), BLUE)


def test_orientation_is_applied_and_metadata_is_gone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    exif[0x010E] = "secret"
    exif.get_ifd(0x8825)[2] = (37.0, 30.0, 0.0)  # where it was taken
    data = saved(halves(), "JPEG", exif=exif)
    image = open_photo(data)
    assert near(image, (30, 15), BLUE)
    kept = encode_photo(image)
    again = Image.open(io.BytesIO(kept))
    assert not again.getexif()
    assert b"secret" not in kept
    assert b"Exif" not in kept
    assert kept == encode_photo(image)


def test_transparent_is_white_and_16_bit_is_scaled() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert open_photo(saved(clear, "PNG")).getpixel((5, 5)) == WHITE
    palette = Image.new("P", (20, 20), 0)
    palette.putpalette([10, 20, 30])
    assert open_photo(saved(palette, "PNG", transparency=0)).getpixel((5, 5)) == WHITE
    deep = Image.fromarray(np.full((20, 20), 40_000, dtype=np.uint16))
    assert open_photo(saved(deep, "PNG")).getpixel((5, 5)) == (156, 156, 156)
    assert open_photo(saved(halves("L"), "PNG")).mode == "RGB"


def test_kept_photos_are_bounded() -> None:
    kept = Image.open(io.BytesIO(encode_photo(Image.new("RGB", (4000, 1000)))))
    assert kept.size == (KEPT_SIDE, 400)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        ("사진 아님".encode(), "not-a-photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-photo"),
        (saved(halves(), "PPM"), "unsupported-format"),
        (saved(Image.new("RGB", (1, 1)), "PNG"), "too-small"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (b"\xff" * (51 << 20), "too-many-bytes"),
    ],
    ids=["empty", "text", "svg", "ppm", "dot", "cut", "heavy"],
)
def test_rejected_by_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PhotoError) as raised:
        open_photo(data)
    assert raised.value.reason == reason
    assert reason in REASONS


def bomb() -> bytes:
    """A 30,000 x 30,000 PNG of a few kB a megapixel: 900 MB once decoded."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * 30_001) for _ in range(300)) + packer.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_a_bomb_costs_neither_memory_nor_time(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb())
    code = (
        "import sys, resource\n"
        "from matching_spark.errors import PhotoError\n"
        "from matching_spark.embed.photos import open_photo\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open_photo(open(sys.argv[1], 'rb').read())\n"
        "except PhotoError as error: print(error.reason)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bomb.png"], capture_output=True, text=True
    )
    reason, grown_kb = done.stdout.split()
    assert reason == "too-many-pixels"
    assert int(grown_kb) < 50_000
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start.ru_utime
    assert spent < 30


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(JPEG)))
def test_a_cut_photo_is_rejected_or_whole(length: int) -> None:
    try:
        open_photo(JPEG[:length])
    except PhotoError as error:
        assert error.reason in ("empty", "truncated", "not-a-photo", "unsupported-format")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", JPEG[:30], saved(halves(), "PNG")[:40]]))
def test_whatever_bytes_give_a_photo_or_a_reason(tail: bytes, head: bytes) -> None:
    try:
        assert open_photo(head + tail).mode == "RGB"
    except PhotoError as error:
        assert error.reason in REASONS


def test_the_key_is_of_the_bytes_as_they_came() -> None:
    assert photo_sha256(JPEG) != photo_sha256(JPEG + b"x")
