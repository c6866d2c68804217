"""JPEG and MPO."""

from collections.abc import Iterator

from PIL import Image

from tests.support.photo_bytes import jpeg, saved, segment
from tests.support.zoo.profiles import ADOBE, LINEAR, P3, PRESS, PROPHOTO, into, printed
from tests.support.zoo.reference import GREY, LAID, SEEN, Kind, taken, turned


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
