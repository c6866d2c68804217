"""Every kind of photo that people send, made here, and what each comes to.

`python -m tests.support.zoo` writes the table of docs/photos.md; tests/embed/test_zoo.py holds it.
"""

from collections.abc import Iterable, Iterator

from PIL import Image

from tests.support import page
from tests.support.photo_bytes import heif, saved
from tests.support.zoo.bmps_and_tiffs import bmps_and_tiffs
from tests.support.zoo.gifs_and_webps import gifs_and_webps
from tests.support.zoo.heics_and_avifs import heics_and_avifs
from tests.support.zoo.jpegs import jpegs
from tests.support.zoo.pngs import pngs, written_png
from tests.support.zoo.reference import SEEN, Kind


def zoo() -> Iterator[Kind]:
    yield from jpegs()
    yield from pngs()
    yield from gifs_and_webps()
    yield from bmps_and_tiffs()
    yield from heics_and_avifs()
    yield from no_photos()


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
    yield Kind("JPEG XL", b"\xff\x0a" + bytes(60), "unsupported-format", "")
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60)
    yield Kind("JPEG XL in its container", boxed, "unsupported-format", "")
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
