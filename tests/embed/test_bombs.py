"""Photos of few bytes that ask for much are refused before a decoder runs, or within bounds."""

import struct

import pytest
from PIL import Image

from matching_spark.embed.photos import open_photo
from matching_spark.errors import PhotoError
from tests.support import page
from tests.support.bombs import BOMBS, MEMORY_MB, SECONDS, outcome
from tests.support.photo_bytes import saved

REFUSED = [name for name, (_, wanted) in BOMBS.items() if wanted != "taken"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_its_reason(name: str) -> None:
    make, wanted = BOMBS[name]
    assert outcome(make()) == wanted


def test_the_page_tells_what_was_measured() -> None:
    rows = [row.strip("| ").split(" | ") for row in page.told("bombs").splitlines()[2:]]
    assert {row[0]: row[2].strip("`") for row in rows} == {n: w for n, (_, w) in BOMBS.items()}
    assert max(float(row[3]) for row in rows) <= MEMORY_MB
    assert max(float(row[4]) for row in rows) <= SECONDS


NOISE = Image.effect_noise((64, 64), 60).convert("RGB")


def told_twice(data: bytes) -> bytes:
    """A TIFF whose packing stands in its directory again, as numbers that lie nowhere."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    entries = [data[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    again = struct.pack(order + "HHII", 259, 4, 1000, 0xFFFFFF00)
    whole = struct.pack(order + "H", count + 1) + b"".join([*entries, again]) + bytes(4)
    return data[:4] + struct.pack(order + "I", len(data)) + data[8:] + whole


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(NOISE, "AVIF") + b"\0\0\0\1free", "truncated"),
        (saved(NOISE, "JPEG", progressive=True)[:-2] + b"\xff\xe1", "truncated"),
        (told_twice(saved(NOISE, "TIFF", compression="tiff_lzw")), "too-complex"),
    ],
    ids=["AVIF", "JPEG", "TIFF"],
)
def test_what_cannot_be_counted_is_not_free(data: bytes, reason: str) -> None:
    """Parsers bear it: what was counted before it must not be forgotten."""
    with pytest.raises(PhotoError) as refused:
        open_photo(data)
    assert refused.value.reason == reason
