"""Sheets of few bytes that ask for much memory or time."""

import csv
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matching_spark.domain.posts import Post, Reject
from matching_spark.sources import read_posts
from tests.sources.test_workbooks import END, HEAD, SHEET, crafted
from tests.support.peaks import peak_mb

IMPORTS = """
from matching_spark.domain.vocabulary import Seen
from matching_spark.sources import read_posts
from matching_spark.sources.workbook import rows_of
"""
ROWS = "result = len(list(rows_of(source, Seen())))"
ONE = f"{SHEET}<row>{HEAD}</row>{END}"
NAME = "a" * 1_000_000 + "😀"  # as four bytes a letter, for that one
RELATION = '<Relationship Id="{0}" Type="http://x/{1}" Target="{2}"/>'
RELATIONS = RELATION.format("rId1", "worksheet", "/xl/worksheets/sheet1.xml")


def of_formats() -> dict[str, str]:
    formats = (f'<numFmt numFmtId="{200 + i}" formatCode="{NAME}"/>' for i in range(150))
    return {"styles": f"<styleSheet><numFmts>{''.join(formats)}</numFmts></styleSheet>"}


def of_sheets() -> dict[str, str]:
    sheets = "".join(f'<sheet name="{NAME}" r:id="rId1"/>' for _ in range(150))
    return {"workbook": f'<a xmlns:r="u"><sheets>{sheets}</sheets></a>'}


def of_relations() -> dict[str, str]:
    more = (RELATION.format(f"{NAME}{i}", i, "x") for i in range(150))
    return {"_rels/workbook.xml.rels": f"<Relationships>{RELATIONS}{''.join(more)}</Relationships>"}


@pytest.mark.parametrize("parts", [of_formats, of_sheets, of_relations])
def test_a_workbook_whose_names_unpack_to_anything_is_given_up(
    tmp_path: Path, parts: Callable[[], dict[str, str]]
) -> None:
    path = crafted(tmp_path / "a.xlsx", ONE, **parts())
    assert path.stat().st_size < 1 << 20
    said, mb = peak_mb(IMPORTS, ROWS, path)
    assert "unpacks to more than can be read; split it" in said
    assert mb < 200


def test_quotes_that_are_open_without_end_are_not_read_a_thousand_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line closes one and opens another: 125,000 of them, 0.9 MB, took 22 s of a processor."""
    many = 60_000
    long = "가\n" * 900
    tail = f'x,"{long}"\n' + "b,c\n" * 12_000 + f'y,"{long}"\n'
    (tmp_path / "a.csv").write_text("post_id,title\n" + 'a","b\n' * many + 'a"\n' + tail)
    told, reader = [0], csv.reader

    def counted(lines: Iterator[str], **how: Any) -> Iterable[list[str]]:
        def each() -> Iterator[str]:
            for line in lines:
                told[0] += 1
                yield line

        return reader(each(), **how)

    monkeypatch.setattr(csv, "reader", counted)
    rows = list(read_posts(str(tmp_path / "a.csv"), kind="found"))
    assert told[0] < 100_000 + 62 * (many + 15_000)
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert [row.source for row in rejects[: many - 50]] == [
        f"{tmp_path}/a.csv:{2 + i}" for i in range(many - 50)
    ]
    last = [row for row in rows if isinstance(row, Post)][-1]
    assert (last.post_id, len(last.title.splitlines())) == ("y", 900)


def test_a_workbook_that_is_all_directory_is_given_up(tmp_path: Path) -> None:
    """A part that is not there is ten times as large in memory as in the directory."""
    path = crafted(tmp_path / "a.xlsx", ONE)
    data, one = path.read_bytes(), struct.pack("<4s6H3I5H2I", b"PK\1\2", *[0] * 16)
    at = data.rindex(b"PK\5\6")
    end = bytearray(data[at:])
    more = one * 600_000
    struct.pack_into("<I", end, 12, struct.unpack_from("<I", end, 12)[0] + len(more))
    path.write_bytes(data[:at] + more + bytes(end))
    said, mb = peak_mb(IMPORTS, ROWS, path)
    assert (
        said
        == f"InputError: {path}: it has more parts than can be read; split it, or save it as CSV"
    )
    assert mb < 40
