"""A part of a photo is never taken for all of it: what is cut off, left out or missing is told."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from matching_spark.embed.photos import open_photo
from matching_spark.embed.structure import structure_of
from matching_spark.errors import PhotoError
from tests.support.photo_bytes import blanked, near, saved
from tests.support.zoo.heics_and_avifs import heic


def noisy(width: int, height: int) -> Image.Image:
    """Soft shapes with some grain, as a photo has them: no part of it is like another."""
    rng = np.random.default_rng(3)
    soft = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-20, 21, pixels.shape, np.int16)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "WEBP, lossless", "AVIF", "HEIC"])
def test_what_a_copy_has_left_out_is_no_part_of_a_photo(form: str) -> None:
    """Room was made for all of it: the rest is zeros. What only has zeros behind it is whole."""

    def made(image: Image.Image) -> bytes:
        if form == "HEIC":
            return heic(image)
        kind, _, lossless = form.partition(", ")
        return saved(image, kind, **({"lossless": True} if lossless else {}))

    data = made(noisy(96, 64) if form == "HEIC" else noisy(160, 120))
    for end in (len(data) // 2, len(data) * 4 // 5):
        with pytest.raises(PhotoError, match="truncated"):
            open_photo(data[:end].ljust(len(data), b"\0"))
    assert open_photo(data + bytes(4096)).tobytes() == open_photo(data).tobytes()
    for colour in ((255, 255, 255), (128, 128, 128), (0, 0, 0), (0, 0, 128)):
        flat = Image.new("RGB", (1200, 900), colour)  # codecs have zeros of their own for these
        assert near(open_photo(made(flat)), (600, 450), colour)


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("JPEG", {}),
        ("JPEG", {"optimize": True, "quality": 40}),
        ("JPEG", {"subsampling": 0, "quality": 95}),
        ("JPEG", {"restart_marker_blocks": 4}),
        ("MPO", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"save_all": True, "append_images": [Image.new("RGB", (640, 480))]}),
    ],
    ids=lambda of: of if isinstance(of, str) else "-".join(of),
)
def test_a_piece_that_is_missing_in_the_middle_is_told(form: str, how: dict[str, object]) -> None:
    """Also where the end is there: a JPEG's decoder shows grey in place of the rest, or nothing."""
    data = saved(noisy(640, 480), form, **how)
    open_photo(data)
    for at in (len(data) // 3, len(data) // 2, len(data) * 3 // 4):
        for piece in (512, 4096):
            left = data[:at], data[at + piece :]
            with pytest.raises(PhotoError, match="truncated"):
                open_photo(bytes(piece).join(left))
            with pytest.raises(PhotoError, match="truncated"):
                open_photo(b"".join(left))


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("AVIF", {}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 240}}),  # in one strip
    ],
    ids=["AVIF", "TIFF", "TIFF-one"],
)
def test_zeros_in_place_of_a_piece_are_told(form: str, how: dict[str, object]) -> None:
    """Of a flat picture, coded pixels are zeros themselves."""
    data = saved(noisy(320, 240), form, **how)
    open_photo(data)
    for at in (len(data) // 3, len(data) // 2, len(data) * 3 // 4):
        for piece in (128, 1000):
            with pytest.raises(PhotoError, match="truncated"):
                open_photo(bytes(piece).join((data[:at], data[at + piece :])))
    flat = saved(Image.new("RGB", (320, 240), (0, 0, 128)), form, **how)
    assert near(open_photo(flat), (160, 120), (0, 0, 128))


@pytest.mark.parametrize("blank", [b"\0", b"\xff"], ids=["zeros", "ones"])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "AVIF", "HEIC"])
def test_a_block_that_a_medium_has_lost_is_told(form: str, blank: bytes) -> None:
    """Wherever it lies; erased flash memory has ones. Of PackBits zeros alone can be told."""
    clear = noisy(160, 120)
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    made = {
        "PNG": lambda: saved(clear, "PNG"),
        "TIFF": lambda: saved(noisy(160, 120), "TIFF", compression="packbits"),
        "AVIF": lambda: saved(noisy(160, 120), "AVIF", quality=90),
        "HEIC": lambda: heic(noisy(160, 120)),
    }
    data = made[form]()
    open_photo(data)
    if form == "TIFF" and blank != b"\0":
        return
    for at in np.linspace(1000, len(data) - 1600, 25).astype(int):
        with pytest.raises(PhotoError, match="truncated"):
            open_photo(data[:at] + blank * 512 + data[at + 512 :])


def test_black_in_packbits_is_no_block_that_is_lost() -> None:
    """By runs, and by a writer that makes none: up to 128 bytes as they are behind each count."""
    black = saved(Image.new("RGB", (128, 64)), "TIFF", compression="packbits")
    assert near(open_photo(black), (64, 32), (0, 0, 0))
    plain = saved(Image.new("RGB", (128, 64)), "TIFF", tiffinfo={278: 64})
    bare = bytearray(plain + (b"\x7f" + bytes(128)) * (3 * 64))
    order = "<" if plain.startswith(b"II") else ">"
    (first,) = struct.unpack_from(order + "I", plain, 4)
    (count,) = struct.unpack_from(order + "H", plain, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(order + "H", plain, entry)
        new = {259: 32773, 273: len(plain), 279: 129 * 3 * 64}.get(tag)
        if new is not None:
            struct.pack_into(order + "HII", bare, entry + 2, 4, 1, new)
    assert near(open_photo(bytes(bare)), (64, 32), (0, 0, 0))


@pytest.mark.parametrize(
    ("form", "mode"),
    [("BMP", "RGB"), ("BMP", "L"), ("TIFF", "RGB"), ("TIFF", "L"), ("TIFF", "CMYK")],
)
def test_blocks_that_a_copy_has_left_out_of_pixels_that_are_not_packed_are_told(
    form: str, mode: str
) -> None:
    """To the end, and in the middle."""
    data = saved(noisy(300, 200).convert(mode), form)
    open_photo(data)
    for begin in range(4096, len(data) - 16_384, 11 * 512):
        for end in (begin + 8192, len(data)):
            with pytest.raises(PhotoError, match="truncated"):
                open_photo(blanked(data, begin, end - begin))


def test_black_that_a_picture_shows_is_no_piece_that_is_missing() -> None:
    """Also where it happens to begin where a block does."""
    some = saved(Image.new("L", (320, 240)), "TIFF")
    at = Image.open(io.BytesIO(some)).tile[0].offset
    begun = 0
    for rows in range(20, 200, 9):
        columns = -(at + (rows - 1) * 320) % 512
        picture = np.zeros((240, 320), np.uint8)
        picture[:rows, :columns] = 200
        data = saved(Image.fromarray(picture), "TIFF")
        begun += data[at:].rstrip(b"\0").endswith(b"\xc8") and columns < 320
        assert np.array_equal(np.asarray(open_photo(data))[:, :, 0], picture)
    assert begun > 5


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "HEIC", "BMP"])
def test_a_photo_that_was_sent_as_a_text_is_told(form: str) -> None:
    """As by FTP without `binary`: each line feed is two bytes."""
    data = heic(noisy(240, 160)) if form == "HEIC" else saved(noisy(320, 240), form)
    open_photo(data)
    with pytest.raises(PhotoError, match="truncated"):
        open_photo(data.replace(b"\n", b"\r\n"))


def test_what_stands_behind_a_photos_own_head_is_not_shown_in_its_place() -> None:
    """Of several views the second, where the first one's head is missing; of a GIF anything."""
    how = {"save_all": True, "append_images": [noisy(160, 120).rotate(180)]}
    mpo, gif = saved(noisy(320, 240), "MPO", **how), saved(noisy(160, 120), "GIF", **how)
    for data in (gif, mpo):
        open_photo(data)
        for at in (110, 340, 685):
            for blank in (0, 2048):
                with pytest.raises(PhotoError, match="truncated"):
                    open_photo(data[:at] + bytes(blank) + data[at + 2048 :])


def test_a_scan_of_a_progressive_jpeg_that_ends_too_early_is_told() -> None:
    data = saved(noisy(640, 480), "JPEG", progressive=True)
    scans = structure_of(data, "JPEG").coded
    assert len(scans) > 5
    for _, end in scans:
        with pytest.raises(PhotoError, match="truncated"):
            open_photo(data[: end - 16] + data[end:])


def test_bytes_before_a_mark_that_are_no_pixels_cost_no_photo() -> None:
    """Standards let a mark begin with any number of 255; some cameras write zeros up to a block."""
    for how in ({}, {"progressive": True}, {"restart_marker_blocks": 4}):
        data = saved(noisy(160, 120), "JPEG", **how)
        whole = open_photo(data).tobytes()
        for filling in (b"\xff" * 9, bytes(512), bytes(300) + b"\xff" * 3):
            assert open_photo(data[:-2] + filling + data[-2:]).tobytes() == whole


CUT = {
    "JPEG": saved(noisy(96, 64), "JPEG"),
    "JPEG, progressive": saved(noisy(96, 64), "JPEG", progressive=True),
    "JPEG with restarts": saved(noisy(96, 64), "JPEG", restart_marker_blocks=5),
    "HEIC": heic(noisy(96, 64)),
    "HEIC in tiles": heic(noisy(512, 384), tile_size=128),
    "AVIF": saved(noisy(96, 64), "AVIF"),
}


@pytest.mark.parametrize("kind", CUT)
def test_what_is_cut_off_anywhere_is_whole_or_told(kind: str) -> None:
    """A part of the picture is never taken for all of it."""
    data = CUT[kind]
    whole = open_photo(data).tobytes()
    ends = {*np.linspace(0, len(data) - 1, 300).astype(int), *range(len(data) - 9, len(data))}
    if kind.startswith("JPEG"):  # between scans and restarts too
        ends |= {at + more for at, byte in enumerate(data) if byte == 0xFF for more in range(2)}
    for end in sorted(ends):
        try:
            assert open_photo(data[:end]).tobytes() == whole, end
        except PhotoError as error:
            assert end < 30 or error.reason == "truncated", (end, error)
