"""Workbooks as openpyxl writes them and as they are when somebody means harm."""

import datetime as dt
import io
import os
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, to_excel

from matching_spark.domain.posts import Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.sources import detect_format, read_posts, workbook
from matching_spark.sources.verdicts import Row, read_verdicts
from matching_spark.sources.workbook import rows_of

SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"
HEAD = "".join(f'<c t="inlineStr"><is><t>{n}</t></is></c>' for n in ("관리번호", "물품명"))


def saved(path: Path, *rows: list[Any], is_1904: bool = False) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    if is_1904:
        book.epoch = CALENDAR_MAC_1904
    for row in rows:
        book.worksheets[0].append(row)
    book.save(path)
    return book


def crafted(path: Path, sheet: str, **parts: str) -> Path:
    """A workbook whose sheet, or other parts, are these texts; of XML by their names without it."""
    whole = io.BytesIO()
    openpyxl.Workbook().save(whole)
    told = {"xl/worksheets/sheet1.xml": sheet} | {
        f"xl/{name}{'' if name.endswith('.rels') else '.xml'}": text for name, text in parts.items()
    }
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, told.get(name, old.read(name)))
    return path


@pytest.mark.parametrize("is_1904", [False, True])
def test_a_sheet_as_a_desk_has_it(tmp_path: Path, is_1904: bool) -> None:
    path = tmp_path / "a.xlsx"
    book = saved(
        path,
        ["2026년 11월 습득물 대장"],
        [],
        ["관리\n번호", "구분", " 물품명 ", "색상", "습득 일시(필수)", "습득장소", "사진", "비고"],
        [20261101001, "습득", "지갑", "검은색", dt.date(2026, 11, 1), "서울역", "a.jpg\nb.jpg"],
        [
            *("F-2", "습득", "가방", "#N/A"),
            dt.datetime(2026, 11, 2, 23, 59, 59),
            None,
            None,
            "x",
            "옆",
        ],
        [],
        [7, "습득", '=IF(1,"우산","")', True, 0.25, 1.5, "=A1"],
        is_1904=is_1904,
    )
    sheet = book.worksheets[0]
    sheet["A7"].number_format = "00000"
    sheet["E4"].number_format = 'yyyy"년" mm"월" dd"일"'
    sheet.merge_cells("F4:F5")
    sheet.row_dimensions[5].hidden = True
    hidden = book.create_sheet("숨김", 0)
    hidden.sheet_state = "hidden"
    book.create_sheet("11월")
    book.save(path)
    assert detect_format(str(path)) == "xlsx"
    seen = Seen()
    rows = list(read_posts(str(path), seen=seen))
    posts = {row.post_id: row for row in rows if isinstance(row, Post)}
    assert [r.detail for r in rows if isinstance(r, Reject)] == [
        "date '0.25' cannot be read; write it as 2026-11-01, 2026. 11. 1, 2026년 11월 1일, with or "
        "without a time, or a spreadsheet's 46327"
    ]
    first, second = posts["20261101001"], posts["F-2"]
    assert (first.title, first.colour, first.place) == ("지갑", "검정", "서울역")
    assert (first.happened_on, second.happened_on) == (dt.date(2026, 11, 1), dt.date(2026, 11, 2))
    assert [Path(p).name for p in first.photos] == ["a.jpg", "b.jpg"]
    assert (second.colour, second.place, second.read_from) == ("", "", f"{path}:5")
    assert second.given == first.given  # an empty cell at the end is a cell
    assert {name.partition(":")[0] for name in seen.unknown} == {
        *("sheet not read", "row above the headings, not used", "column not used"),
        *("an error, taken as empty", "formulas without a value"),
        *("merged cells", "cells below no heading, not used"),
    }


@pytest.mark.parametrize("is_1904", [False, True])
def test_a_day_that_no_format_shows_as_one(tmp_path: Path, is_1904: bool) -> None:
    """Its number counts from where the workbook's days do: by another it is four years off."""
    path, day = tmp_path / "a.xlsx", dt.date(2022, 11, 1)
    number = to_excel(day, CALENDAR_MAC_1904 if is_1904 else CALENDAR_WINDOWS_1900)
    saved(path, ["관리번호", "구분", "습득일"], ["F-1", "습득", number], is_1904=is_1904)
    assert [each.happened_on for each in read_posts(str(path)) if isinstance(each, Post)] == [day]


@pytest.mark.parametrize(
    ("format", "number", "shown"),
    [
        ('"2026-"0000', 7, "2026-0007"),
        ("\\F00000", 7, "F00007"),
        ("00-0000", 1234567, "123-4567"),
        ("###-####-####", 1012345678, "10-1234-5678"),
        ('[Red]0000"호";-0000', 12, "0012호"),
        ("#,##0", 1234, "1234"),
        ("0.00", 12, "12"),
        ("[<=9999999]###-####;(0##) ###-####", 5551234, "555-1234"),
        ("[<=9999999]###-####;(0##) ###-####", 25551234, "(02) 555-1234"),
        ("[<=9999999]###-####;(###) ###-####", 2125551234, "(212) 555-1234"),
        ("[<=999999]##-####;[<=99999999]####-####;0##-####-####", 1012345678, "010-1234-5678"),
        ("[<=999999]##-####;[<=99999999]####-####;0##-####-####", 31492114, "3149-2114"),
        ("[>46000]yyyy-mm-dd;0000", 46327, "2026-11-01"),
        ("[" * 500_000, 7, "7"),  # a format without end takes no time
        ("General", 12, "12"),
        ("0", 20261101001, "20261101001"),
        ("0000", -7, "-7"),
        ('yyyy"0000"', 46327, "2026-11-01"),
    ],
)
def test_a_number_as_its_format_shows_it(
    tmp_path: Path, format: str, number: int, shown: str
) -> None:
    """An id of which the format has a part: 7 alone would be another sheet's 7."""
    book = saved(tmp_path / "a.xlsx", [number])
    book.worksheets[0]["A1"].number_format = format
    book.save(tmp_path / "a.xlsx")
    assert list(rows_of(str(tmp_path / "a.xlsx"), Seen())) == [(1, [shown])]


def test_cells_as_openpyxl_itself_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    values = [1, -2.5, 1e20, 12345678901234, "글 &<>", " x ", True, "#REF!", 46327.5, 0.1]
    book = saved(path, values)
    sheet = book.worksheets[0]
    for at, code in BUILTIN_FORMATS.items():  # a day in each format that shows one
        sheet.cell(2, at + 1, dt.datetime(2026, 11, 1, 15, 5)).number_format = code
    sheet["ZZ3"] = "끝"
    book.save(path)
    (_, first), (_, days), (number, far) = rows_of(str(path), Seen())
    assert first[:4] == ["1", "-2.5", "1e+20", "12345678901234"]
    assert first[4:] == ["글 &<>", " x ", "TRUE", "#REF!", "46327.5", "0.1"]
    shown = openpyxl.load_workbook(path, read_only=True).worksheets[0]
    (read,) = shown.iter_rows(min_row=2, max_row=2)
    for cell, text in zip(read, days, strict=False):  # it fills rows up to the widest
        if text:
            is_day = isinstance(cell.value, dt.datetime) and set("yd") & set(cell.number_format)
            assert (text == "2026-11-01 15:05:00") == bool(is_day), cell.number_format
    assert (number, len(far), far[-1]) == (3, 702, "끝")


def test_a_fraction_is_what_people_see(tmp_path: Path) -> None:
    """Excel writes a number of 1.1 with 17 digits: an id would be another than that of a CSV."""
    told = ("1.1000000000000001", "37.497900000000001", "9.9999999999999995E-8", "46327.5")
    cells = "".join(f"<c><v>{each}</v></c>" for each in told)
    path = crafted(tmp_path / "a.xlsx", f"{SHEET}<row>{cells}</row>{END}")
    assert list(rows_of(str(path), Seen())) == [(1, ["1.1", "37.4979", "1E-07", "46327.5"])]


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2_000_000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (OLE, r"Excel 97 to 2003 \(.xls\): save it as .xlsx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "has a password: save it without one"),
        (b"\r\n<html><table>", "is a web page, whatever its name says"),
        (b"post_id,title\n1,x\n", "is no Excel workbook, whatever its name says"),
        (b"", "is no Excel workbook"),
        (b"PK\x03\x04 and then nothing", "cannot be read as an Excel workbook"),
    ],
)
def test_what_is_none_is_named(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "a.xls").write_bytes(data)
    with pytest.raises(InputError, match=says):
        list(read_posts(str(tmp_path / "a.xls"), kind="found"))


def test_a_workbook_whose_parts_lie_before_its_beginning_is_named(tmp_path: Path) -> None:
    """By an end of its directory that was spoilt."""
    saved(tmp_path / "a.xlsx", ["post_id", "title"], ["1", "지갑"])
    data = bytearray((tmp_path / "a.xlsx").read_bytes())
    at = data.rindex(b"PK\x05\x06") + 16  # where the directory begins, it says
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") + 9999).to_bytes(4, "little")
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.xlsx cannot be read as an Excel workbook .*save it"):
        list(read_posts(str(tmp_path / "a.xlsx"), kind="found"))


@pytest.mark.parametrize(
    ("sheet", "says"),
    [
        (f"{SHEET}<row>{HEAD}</row><row>{'<c/>' * 20_000}</row>{END}", "no column 16,385"),
        (f'{SHEET}<row><c r="AAAA1"><v>1</v></c></row>{END}', "there is no column"),
        (f'<!DOCTYPE a [<!ENTITY b "x">]>{SHEET}<row>{HEAD}</row>{END}', "document type"),
        (f'{SHEET}<row r="{"9" * 2_000_000}">{END}', "a tag of over 1 MB"),
        (f"{SHEET}<row>{HEAD}</row>", "no element found"),
        (SHEET + "<a>" * 90, "nested as no workbook's are"),
        (f"{SHEET}<row>{HEAD}</row>{'<row/>' * 90_000}{END}", "unpacks to more"),
        (
            SHEET + "".join(f'<row><c r="XFD{i}"><v>1</v></c></row>' for i in range(1, 20)) + END,
            "holds more",
        ),
    ],
)
def test_a_workbook_that_unpacks_to_anything_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sheet: str, says: str
) -> None:
    monkeypatch.setattr(workbook, "MAX_ELEMENTS", 50_000)
    path = crafted(tmp_path / "a.xlsx", sheet)
    start = time.perf_counter()
    with pytest.raises(InputError, match=says):
        list(rows_of(str(path), Seen()))
    assert time.perf_counter() - start < 5


def test_a_row_of_too_many_characters_is_named_and_not_held(tmp_path: Path) -> None:
    """A quarter of a megabyte that unpacks to a row of 240 million letters, as four bytes each for
    an emoji among them."""
    cell = f'<c t="inlineStr"><is><t>{"가" * 400_000}😀</t></is></c>'
    rows = f"<row>{HEAD}</row><row>{cell * 40}</row><row>{HEAD}</row>"
    path = crafted(tmp_path / "a.xlsx", f"{SHEET}{rows}{END}")
    tracemalloc.start()
    try:
        first, long, last = rows_of(str(path), Seen())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (first[1], last[1]) == (["관리번호", "물품명"],) * 2
    assert long == (2, "the row has over 1,048,576 characters")
    assert peak < 30 << 20


@pytest.mark.parametrize("code", ["0" * 200_000 + "x", "[" * 200_000, "0" * 200_000])
def test_a_format_that_nobody_writes_costs_nothing(tmp_path: Path, code: str) -> None:
    """Of a number it says nothing then: to read it took minutes, to fill a cell in a second."""
    styles = (
        f'<styleSheet><numFmts><numFmt numFmtId="200" formatCode="{code}"/></numFmts>'
        '<cellXfs><xf numFmtId="200"/></cellXfs></styleSheet>'
    )
    cells = '<c s="0"><v>7</v></c>' * 20
    path = crafted(tmp_path / "a.xlsx", f"{SHEET}<row>{cells}</row>{END}", styles=styles)
    start = time.perf_counter()
    assert list(rows_of(str(path), Seen())) == [(1, ["7"] * 20)]
    assert time.perf_counter() - start < 5


def test_rows_of_one_number_stay_rows_of_their_own(tmp_path: Path) -> None:
    """As where a programme gives each row the number of the first: the last one was all of them."""
    rows = "".join(
        f'<row r="2"><c t="inlineStr"><is><t>{n}</t></is></c><c><v>{n}</v></c></row>'
        for n in range(7, 10)
    )
    path = crafted(tmp_path / "a.xlsx", f'{SHEET}<row r="1">{HEAD}</row>{rows}{END}')
    posts = [post for post in read_posts(str(path), kind="found") if isinstance(post, Post)]
    assert [(post.post_id, post.title) for post in posts] == [("7", "7"), ("8", "8"), ("9", "9")]


def test_a_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    row = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    path = crafted(tmp_path / "a.xlsx", f'{SHEET}<row r="1">{HEAD}</row>{row}{END}')
    (_, first), (number, last) = rows_of(str(path), Seen())
    assert first == ["관리번호", "물품명"]
    assert (number, len(last)) == (1_048_576, 16_384)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<c><v>1,234</v></c>", "1,234"),
        ('<c s="99"><v>12.0</v></c>', "12.0"),
        ('<c s="-1"><v>7</v></c>', "7"),
        ('<c s="x"><v>7</v></c>', "7"),
        ('<c t="s"><v>99</v></c>', ""),
        ('<c t="s"><v>-1</v></c>', ""),
        ('<c t="s"><v>x</v></c>', ""),
    ],
)
def test_a_cell_that_is_off_ends_no_workbook(tmp_path: Path, cell: str, text: str) -> None:
    after = '<c t="inlineStr"><is><t>a_x000D_b_x005F_x000D_ _xD83D__xde00_ _x12_</t></is></c>'
    shared = "<sst><si><t>a</t></si></sst>"
    sheet = f"{SHEET}<row>{cell}{after}</row><row>{HEAD}</row>{END}"
    seen = Seen()
    rows = list(rows_of(str(crafted(tmp_path / "a.xlsx", sheet, sharedStrings=shared)), seen))
    assert rows[0][1] == [text, "a\rb_x000D_ \ud83d\ude00 _x12_"]
    assert rows[1][1] == ["관리번호", "물품명"]
    assert list(seen.unknown.values()) == [1]


STRINGS = (
    '<x:sst xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:si><x:t>관리번호</x:t></x:si>'
    "<x:si><x:r><x:t>물품</x:t></x:r><x:r><x:rPr/><x:t>명</x:t></x:r><x:rPh><x:t>읽기</x:t></x:rPh>"
    '</x:si><x:si/><x:si><x:t xml:space="preserve"> 갈색 &amp;\n지갑 </x:t></x:si></x:sst>'
)


def test_strings_that_are_shared_rich_and_of_another_prefix(tmp_path: Path) -> None:
    """As Excel writes them, also in its strict form; openpyxl writes each text in its cell."""
    rows = ([0, 1, 2], [3, 2, 0, 3])
    cells = ["".join(f'<x:c t="s"><x:v>{at}</x:v></x:c>' for at in row) for row in rows]
    sheet = "".join(f"<x:row>{row}</x:row>" for row in cells)
    relation = '<Relationship Id="{0}" Type="http://x/{1}" Target="{2}"/>'
    parts = {
        "_rels/workbook.xml.rels": "<Relationships>"
        + relation.format("r1", "worksheet", "/xl/sheets/one.xml")
        + relation.format("r2", "sharedStrings", "words.xml")
        + "</Relationships>",
        "workbook.xml": '<a xmlns:r="u"><sheets><sheet name="a" r:id="r1"/></sheets></a>',
        "sheets/one.xml": f'<x:a xmlns:x="u"><x:sheetData>{sheet}</x:sheetData></x:a>',
        "words.xml": STRINGS,
    }
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for name, text in parts.items():
            archive.writestr(f"xl/{name}", text)
    assert list(rows_of(str(tmp_path / "a.xlsx"), Seen())) == [
        (1, ["관리번호", "물품명"]),
        (2, [" 갈색 &\n지갑 ", "", "관리번호", " 갈색 &\n지갑 "]),
    ]


def test_a_sheet_of_verdicts_may_be_a_workbook(tmp_path: Path) -> None:
    rows = (["L1", "F1", "맞음"], ["L2", "F2"], ["L3", "F3", "n"])
    saved(tmp_path / "a.xlsx", ["Lost ID", "습득물", "판정"], *rows)
    read = [row for row in read_verdicts(str(tmp_path / "a.xlsx"), Seen()) if isinstance(row, Row)]
    assert [row.verdict for row in read] == ["confirmed", None, "rejected"]


def test_what_of_a_sheet_of_verdicts_is_not_read_is_said(tmp_path: Path) -> None:
    head = ["lost_id", "found_id", "lost_title", "판정", "비고", "decidid by"]
    book = saved(tmp_path / "a.xlsx", head, ["L1", "F1", "지갑", "맞음", "주인과 통화함", "김"])
    book.worksheets[0]["D2"].comment = Comment("아닐 수도 있음", "박")
    book.create_sheet("메모")["A1"] = "L1은 다시 확인"
    book.save(tmp_path / "a.xlsx")
    seen = Seen()
    (row,) = read_verdicts(str(tmp_path / "a.xlsx"), seen, ["lost_title"])
    assert isinstance(row, Row)
    assert (row.verdict, row.by) == ("confirmed", "")
    assert set(seen.unknown) == {
        "column not used: 비고",
        "column not used: decidid by (by?)",
        "sheet not read: 메모",
        "comments on cells are not read: write them into a column",
    }


def test_what_is_no_sheet_of_verdicts_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.xls").write_bytes(OLE)
    (tmp_path / "locked.xlsx").write_bytes(OLE + "EncryptedPackage".encode("utf-16-le"))
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "other.csv").write_text("lost_id,verdict\n1,y\n" * 30)
    says = {
        "old.xls": "Excel 97 to 2003",
        "locked.xlsx": "has a password",
        "folder.csv": "is a folder: name the sheet",
        "pipe.csv": "is a pipe or a device",
        "no.csv": "there is no",
        "other.csv": "has not one column found_id; its columns are: lost_id, verdict",
    }
    for name, said in says.items():
        with pytest.raises(InputError, match=said):
            list(read_verdicts(str(tmp_path / name), Seen()))
