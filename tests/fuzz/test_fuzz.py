"""Rows, names and photos spoilt at random: each is taken or refused, and nothing else happens.

`make fuzz` runs it for FUZZ_S seconds, ten minutes in all; what it finds, it leaves in a file.
"""

import io
import os
import random
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pillow_heif
import pytest
from PIL import Image

from matching_spark.domain.posts import Post, checked
from matching_spark.embed.photos import REASONS, encode_photo, open_photo
from matching_spark.errors import InputError, PhotoError
from matching_spark.sources import read_posts

pytestmark = pytest.mark.fuzz
SECONDS = float(os.environ.get("FUZZ_S", 600)) / 6  # for each of them
WORDS: list[bytes] = [
    *(b'"', b'""', b";", b",", b"\t", b"\n", b"\r\n", b"\0", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"NaN", b"1e999", b"9999-12-31T23:59:59Z", b"-0", b"\\ud83d", b"{", b"[[[[", b"null"),
    *(word.encode() for word in ("오후", "습득일", "검은색", "\u200b", "\u202e")),
    "가".encode("cp949"),
]

CSV = (
    "post_id,kind,category,title,colour,region,happened_on,photos,status\n"
    'A1,found,지갑,"검정 ""반"" 지갑",검은색,서울시,2026. 11. 1 오후 3:05,a.jpg;b.png,보관중\n'
    "A2,lost,가방,가방,black,Seoul,46327,사진\\c.jpg,open\n"
).encode()
JSONL = (
    '{"post_id": "a", "kind": "lost", "title": "지갑", "photos": ["a.jpg"], '
    '"happened_on": "2026-11-01T05:00:00.000Z", "colour": null}\n'
    '{"post_id": 7, "kind": "found", "description": "\\ud83d\\ude00", "date": 1793491200000}\n'
).encode()
XML = (
    "<response><header><resultCode>00</resultCode></header><body><items><item><atcId>F1</atcId>"
    "<fdSn>1</fdSn><fdYmd>2026-11-01</fdYmd><fdPrdtNm>지갑</fdPrdtNm><clrNm>블랙(검정)</clrNm>"
    "<prdtClNm>지갑 &gt; 기타</prdtClNm></item></items><totalCount>1</totalCount></body></response>"
).encode()


def spoilt(sample: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, put in, doubled or cut off."""
    raw = bytearray(sample)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(raw) + 1)
        what = rng.randrange(5)
        if what == 0 and raw:
            raw[at % len(raw)] = rng.randrange(256)
        elif what == 1:
            raw[at:at] = rng.choice(WORDS)
        elif what == 2:
            raw[at : at + rng.randint(1, 40)] = b""
        elif what == 3:
            raw[at:at] = raw[at : at + rng.randint(1, 60)] * rng.randint(1, 4)
        else:
            raw[at : at + 4] = rng.randbytes(4)
    return bytes(raw)


def rounds(found: Path, samples: list[bytes]) -> Iterator[bytes]:
    """Spoilt samples until the time is over; the last one is kept for whoever looks into it."""
    rng, end = random.Random(), time.monotonic() + SECONDS
    while time.monotonic() < end:
        data = spoilt(rng.choice(samples), rng)
        found.write_bytes(data)
        yield data


def sheet() -> bytes:
    """The rows of CSV as the XML of a workbook's sheet."""
    cells = (re.split("[,;]", line) for line in CSV.decode().splitlines())
    told = [
        "".join(f'<c t="inlineStr"><is><t>{escape(c)}</t></is></c>' for c in row) for row in cells
    ]
    whole = "".join(
        f'<row r="{i}">{row}<c s="1"><v>46327</v></c></row>' for i, row in enumerate(told, 1)
    )
    return f"<worksheet><sheetData>{whole}</sheetData></worksheet>".encode()


def test_workbooks(tmp_path: Path) -> None:
    """Spoilt inside, where its packing is whole, and outside."""
    whole = io.BytesIO()
    openpyxl.Workbook().save(whole)
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = sheet()
    spoilt_ones = rounds(
        tmp_path / "part", [b"%d %s" % (i, p) for i, p in enumerate(parts.values())]
    )
    for data in spoilt_ones:
        number, _, part = data.partition(b" ")
        at = int(number) % len(parts) if number.isdigit() and len(number) < 9 else 0
        with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
            for i, (name, own) in enumerate(parts.items()):
                archive.writestr(name, part if i == at else own)
        if data[-1:] < b"@":
            packed = (tmp_path / "a.xlsx").read_bytes()
            (tmp_path / "a.xlsx").write_bytes(spoilt(packed, random.Random(data)))
        try:
            for row in read_posts(str(tmp_path / "a.xlsx"), kind=None):
                if isinstance(row, Post):
                    checked(row).text.encode()
        except InputError:
            continue


@pytest.mark.parametrize(("name", "sample"), [("a.csv", CSV), ("a.jsonl", JSONL), ("a.xml", XML)])
def test_rows(name: str, sample: bytes, tmp_path: Path) -> None:
    samples = [sample] + ([sample.decode().encode("utf-16")] if name == "a.csv" else [])
    for _ in rounds(tmp_path / name, samples):
        try:
            for row in read_posts(str(tmp_path / name), kind=None):
                if isinstance(row, Post):
                    post = checked(row)
                    f"{post.post_id}{post.text}{post.colour}{post.place}".encode()
        except InputError:
            continue


def test_names(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)
    names = ["사진/지갑.jpg".encode(), "가방.jpg".encode("cp949"), b"IMG_0001.JPG", b"@eaDir/a.jpg"]
    for name in rounds(tmp_path / "name", names):
        path = os.path.join(folder, name.replace(b"\0", b"").strip(b"/")[:120])
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "ab").close()
        except OSError:
            continue
        for row in read_posts(os.fsdecode(folder), kind="found"):
            if isinstance(row, Post):
                try:
                    checked(row).post_id.encode()
                except InputError:
                    continue
                assert os.path.exists(row.photos[0])
        if os.path.isfile(path):
            os.unlink(path)


def photos() -> Iterator[bytes]:
    image = Image.effect_noise((90, 60), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    for format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"):
        for mode in ("RGB", "L", "P", "RGBA", "CMYK", "I;16"):
            out = io.BytesIO()
            try:
                image.convert(mode).save(out, format, exif=exif)
            except (OSError, ValueError, KeyError):
                continue
            yield out.getvalue()
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out)
    yield out.getvalue()


def test_photos(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for data in rounds(tmp_path / "photo", list(photos())):
        try:
            image = open_photo(data)
            assert image.mode == "RGB"
            encode_photo(image)
            seen["taken"] += 1
        except PhotoError as error:
            assert error.reason in REASONS
            seen[error.reason] += 1
    assert len(seen) > 2
