"""Every odd photo is opened correctly or rejected by its reason, and nothing else happens."""

import io
import os
import struct
import threading
import warnings
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from matching_spark.embed.parsers import quietly
from matching_spark.embed.photos import (
    KEPT_SIDE,
    REASONS,
    encode_photo,
    open_photo,
    photo_file,
    photo_sha256,
    plain,
)
from matching_spark.errors import PhotoError, StorageError
from matching_spark.search.query import Query
from tests.support.photo_bytes import near, saved, tiff


def halves(mode: str = "RGB") -> Image.Image:
    """Red above, blue below: which way is up can be seen."""
    image = Image.new("RGB", (60, 80), "blue")
    image.paste("red", (0, 0, 60, 40))
    return image.convert(mode)


JPEG = saved(halves(), "JPEG")


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
        saved(halves(), "TIFF", big_tiff=True),
        saved(halves(), "AVIF"),
        saved(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (60, 80), "green")]),
    ],
    ids=[
        *("jpeg", "progressive", "cmyk", "palette", "gif", "rgba"),
        *("webp", "bmp", "tiff", "bigtiff", "avif", "animated"),
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


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_numbers_without_a_scale_are_seen(bits: int, dtype: type) -> None:
    """A camera's 12 bits in 16, a microscope's 0 to 255 in 32."""
    ramp = np.linspace(0, 255, 60).round().astype(np.uint8)
    want = np.repeat(ramp[None], 40, 0)
    deep = (want.astype(np.float64) / 255 * (2**bits - 1)).round().astype(dtype)
    got = np.asarray(open_photo(saved(Image.fromarray(deep), "TIFF")))[:, :, 0]
    assert np.abs(got.astype(int) - want).max() <= 1


def test_a_bmp_that_is_transparent_throughout_is_not() -> None:
    """Windows' clipboard leaves the fourth byte at 0."""
    image = halves("RGBA")
    image.putalpha(0)
    opened = open_photo(saved(image, "BMP"))
    assert near(opened, (30, 15), RED)
    assert near(opened, (30, 65), BLUE)


def test_a_jpeg_that_lacks_only_its_end_is_whole() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    noise = Image.fromarray(pixels)
    for options in ({}, {"progressive": True}, {"quality": 100}):
        data = saved(noise, "JPEG", **options)
        assert data.endswith(b"\xff\xd9")
        for end in (1, 2):
            assert open_photo(data[:-end]).tobytes() == open_photo(data).tobytes()
        for missing in (8, 20, 500):  # of the last bytes some are no pixel's
            with pytest.raises(PhotoError, match="truncated"):
                open_photo(data[:-missing])
        preallocated = data[: len(data) // 2] + bytes(len(data) // 2)
        with pytest.raises(PhotoError):
            open_photo(preallocated)
        assert open_photo(data[:-2] + bytes(1000)).tobytes() == open_photo(data).tobytes()


def wide_profile() -> bytes:
    """RGB with green and red changed places: whoever does not heed it sees other colours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * profile[131], 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        bytes(profile[green + 4 : green + 12]),
        bytes(profile[red + 4 : red + 12]),
    )
    return bytes(profile).replace(b"s\0R\0G\0B", b"o\0t\0h\0e").replace(b"sRGB", b"othe")


def test_colours_are_those_of_the_profile() -> None:
    profile = wide_profile()
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        green = saved(Image.new("RGB", (60, 80), (0, 255, 0)), format, icc_profile=profile)
        assert near(open_photo(green), (30, 40), RED), format
        assert near(plain(Image.open(io.BytesIO(green))), (30, 40), RED), format
    with Image.open(io.BytesIO(encode_photo(open_photo(green)))) as kept:
        assert near(kept.convert("RGB"), (30, 40), RED)
        assert "icc_profile" not in kept.info
    for odd in (b"x", profile[:200], bytes(5 << 20)):
        broken = saved(halves(), "JPEG", icc_profile=odd)
        assert near(open_photo(broken), (30, 15), RED)
    grey = saved(Image.new("L", (60, 80), 99), "PNG", icc_profile=profile)
    assert near(open_photo(grey), (30, 40), (99, 99, 99)), "a profile of other channels"


def test_broken_tags_are_told_to_nobody_who_did_not_open_them() -> None:
    broken = tiff(60, 80, {277: (1, 1)}, bytes(60 * 80))

    def elsewhere() -> None:
        Image.open(io.BytesIO(broken)).load()

    with warnings.catch_warnings(record=True) as heard:
        for action in ("always", "error"):
            warnings.simplefilter(action)
            assert open_photo(broken).size == (60, 80)
            assert not heard
        warnings.simplefilter("always")
        with quietly():
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            assert len(heard) == 1
        elsewhere()
        assert len(heard) == 2


def test_an_opened_picture_of_any_mode_is_seen_and_one_of_no_pixel_told() -> None:
    clear = Image.new("LA", (20, 20), (0, 0))
    for mode in ("LA", "La"):
        assert plain(clear.convert(mode)).getpixel((5, 5)) == WHITE
    with pytest.raises(PhotoError, match="too-small: 0 x 7"):
        plain(Image.new("RGB", (0, 7)))


def test_kept_photos_are_bounded() -> None:
    for size, left in (
        ((4000, 1000), (KEPT_SIDE, 400)),
        ((640, 12_000), (256, 4800)),  # a panorama: a model can still look at what is kept
        ((2000, 100), (2000, 100)),
    ):
        assert Image.open(io.BytesIO(encode_photo(Image.new("RGB", size)))).size == left


def rgb444() -> bytes:
    """A BMP whose three colours have 4 bits each."""
    pixels = bytes(20 * 20 * 2)
    masks = struct.pack("<III", 0x0F00, 0x00F0, 0x000F)
    header = struct.pack("<IiiHHIIiiII", 40, 20, 20, 1, 16, 3, len(pixels), 0, 0, 0, 0)
    at = 14 + len(header) + len(masks)
    start = b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at)
    return start + header + masks + pixels


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        ("사진 아님".encode(), "not-a-photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-photo"),
        (saved(halves(), "PPM"), "unsupported-format"),
        (saved(Image.new("RGB", (1, 1)), "PNG"), "too-small"),
        (saved(Image.new("1", (100_000, 8)), "PNG"), "too-thin"),
        (rgb444(), "unsupported-format"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (b"\xff" * (51 << 20), "too-many-bytes"),
    ],
    ids=["empty", "text", "svg", "ppm", "dot", "thin", "444", "cut", "heavy"],
)
def test_rejected_by_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PhotoError) as raised:
        open_photo(data)
    assert raised.value.reason == reason
    assert reason in REASONS


@settings(max_examples=60)
@given(st.integers(0, len(JPEG)))
def test_a_cut_photo_is_rejected_or_whole(length: int) -> None:
    try:
        open_photo(JPEG[:length])
    except PhotoError as error:
        assert error.reason in ("empty", "truncated", "not-a-photo", "unsupported-format")


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([b"", JPEG[:30], saved(halves(), "PNG")[:40]]))
def test_whatever_bytes_give_a_photo_or_a_reason(tail: bytes, head: bytes) -> None:
    try:
        assert open_photo(head + tail).mode == "RGB"
    except PhotoError as error:
        assert error.reason in REASONS


def test_every_reader_of_a_place_finds_its_other_form_and_waits_for_no_pipe(tmp_path: Path) -> None:
    """What reads a pipe waits for whoever writes to it."""
    (tmp_path / normalize("NFD", "사진.jpg")).write_bytes(JPEG)
    named = str(tmp_path / normalize("NFC", "사진.jpg"))
    assert Query(image=named).photo() == photo_file(named) == JPEG
    os.mkfifo(tmp_path / "pipe.jpg")
    for place in (tmp_path / "pipe.jpg", tmp_path):
        for read in (lambda at: Query(image=at).photo(), photo_file):
            with pytest.raises(StorageError, match=f"{place} is a folder, a pipe or a device"):
                read(str(place))
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(StorageError, match="loop"):
        photo_file(str(tmp_path / "loop.jpg"))


def test_the_key_is_of_the_bytes_as_they_came() -> None:
    assert photo_sha256(JPEG) != photo_sha256(JPEG + b"x")
