"""CSV as Excel, portals and people write it: letters, lines, quotes and cells that are off."""

import bz2
import gzip
import json
import lzma
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.posts import Post, Reject, clean
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.sources import read_posts
from tests.support.sources import read

CSV = (
    "post_id,kind,category,title,happened_on,photos\n"
    "ㄱ1,found,지갑,검정 지갑,2026.11.01,a.jpg;b.jpg\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16", "utf-32"])
def test_csv_as_excel_and_others_write_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "posts.csv").write_bytes(CSV.replace("\n", "\r\n").encode(encoding))
    posts, rejects = read(tmp_path / "posts.csv")
    assert not rejects
    assert posts[0].post_id == "ㄱ1"
    assert posts[0].title == "검정 지갑"
    assert str(posts[0].happened_on) == "2026-11-01"
    assert posts[0].photos == (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))


def test_csv_that_is_off(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("key,title\n1,x\n")
    with pytest.raises(InputError, match="no column post_id; its columns are: key, title"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("post_id,title\n1,x,y\n2,지갑\n")
    posts, rejects = read(tmp_path / "b.csv", kind="lost")
    assert [p.post_id for p in posts] == ["2"]
    assert rejects[0].reason == "bad-row"
    (tmp_path / "c.csv").write_bytes(b"post_id,title\n1,\xff\xff\n")
    with pytest.raises(InputError, match="neither UTF-8, UTF-16 nor CP949"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("")
    assert read(tmp_path / "d.csv") == ([], [])


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("shift_jis", "黒い財布 傘 携帯電話 東京駅 かばん めがね イヤホン"),
        ("euc_jp", "財布 携帯電話 カード 鍵 かばん めがね イヤホン"),
        ("gbk", "钱包 黑色钱包 雨伞 手机 首尔站 钥匙 书包 眼镜 身份证"),
        ("big5", "錢包 黑色錢包 雨傘 智慧型手機 首爾站 鑰匙 帽子 藍色背包 書包 耳機 身分證"),
    ],
)
def test_what_is_read_as_cp949_and_is_no_korean_is_told(
    encoding: str, words: str, tmp_path: Path
) -> None:
    """Of which many lines can be read so: they were posts of hangul that nobody wrote."""
    lines = [f"{at},{word}" for at, word in enumerate(words.split())]
    file = tmp_path / "posts.csv"
    for some in (lines, lines[:4]):
        file.write_bytes("\n".join(["post_id,title", *some]).encode(encoding))
        with pytest.raises(InputError, match="save it as UTF-8"):
            read(file, kind="lost")


@pytest.mark.parametrize(
    "title", ["金 지갑 ㅠㅠ", "검정 가방", "洪吉童 지갑", "뷁 인형", "ＬＧ", "★ 15㎝ ①"]
)
def test_few_letters_of_korean_are_read(title: str, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_bytes(f"post_id,title\n1,{title}\n".encode("cp949"))
    assert [post.title for post in read(tmp_path / "posts.csv", kind="lost")[0]] == [title]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@given(
    st.lists(st.text("검정지갑찾습니다 ab", min_size=1, max_size=9), min_size=3, max_size=30),
    st.data(),
)
def test_a_letter_cut_in_half_costs_its_own_row(
    encoding: str, titles: list[str], data: st.DataObject
) -> None:
    """As a system that cuts a column by its bytes writes it; the others are what they were."""
    torn = data.draw(st.sets(st.integers(0, len(titles) - 1), max_size=len(titles) // 3))
    lines = [
        f"{i},지갑,{title}".encode(encoding.removesuffix("-sig")) for i, title in enumerate(titles)
    ]
    lines = [line + "갑".encode(encoding)[-3:][:1] * (i in torn) for i, line in enumerate(lines)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "a.csv")
        source.write_bytes(b"\n".join(["post_id,category,title".encode(encoding), *lines, b""]))
        posts, rejects = read(source, kind="found")
    whole = [(str(i), clean(title)) for i, title in enumerate(titles) if i not in torn]
    assert [(post.post_id, post.title) for post in posts] == whole
    assert [r.source.rpartition(":")[2] for r in rejects] == [str(i + 2) for i in sorted(torn)]
    assert all("cut in half" in r.detail for r in rejects)


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("many", [3, 6_000])  # of over a megabyte
def test_lines_by_any_mark_are_read_one_by_one(
    tmp_path: Path, encoding: str, end: str, many: int
) -> None:
    title = " ".join(["검정 지갑"] * 20)
    rows = ["post_id,title", *(f"{i},{title}" for i in range(many))]
    data = end.join(rows).encode(encoding)
    (tmp_path / "a.csv").write_bytes(data + f"{end}x,".encode() + b"\xff" + end.encode())
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert len(posts) == many
    assert {post.title for post in posts} == {title}
    assert ["cut in half" in each.detail for each in rejects] == [True]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("torn", ["cut", "half a pair"])
def test_letters_of_two_and_four_bytes_that_are_cut(
    tmp_path: Path, encoding: str, torn: str
) -> None:
    """A byte below 128 where no letter is, too: the end of a file that was cut."""
    text = "\ufeffpost_id,category,title\n1,지갑,검정\n2,지갑,".encode(encoding)
    last = (
        "a".encode(encoding)[:-1] if torn == "cut" else "\ud83d".encode(encoding, "surrogatepass")
    )
    (tmp_path / "a.csv").write_bytes(
        text + last + (b"" if torn == "cut" else "\n".encode(encoding))
    )
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert [post.post_id for post in posts] == ["1"]
    assert ["cut in half" in each.detail for each in rejects] == [True]


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        (gzip.compress(CSV.encode()), r"compressed \(gzip\): unpack it"),
        (lzma.compress(CSV.encode()), r"compressed \(xz\)"),
        (bz2.compress(CSV.encode()), r"compressed \(bzip2\)"),
        (b"PK\x03\x04" + bytes(40), "a workbook or an archive: name a workbook .xlsx"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PAR1" + bytes(40), "Parquet: name it .parquet"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_is_no_text_is_called_what_it_is(
    tmp_path: Path, name: str, begin: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(begin)
    with pytest.raises(InputError, match=rf"{name} is {says}"):
        read(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_a_quote_that_is_never_closed_takes_no_other_row(tmp_path: Path, encoding: str) -> None:
    rows = [f"B{i},found,지갑 {i}" for i in range(50)]
    rows[3] = 'B3,found,"줄이\n바뀐 ""말"", 쉼표"'
    text = "\n".join(["post_id,kind,title", 'A1,found,"15 인치 노트북', *rows])
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == [f"B{i}" for i in range(50)]
    assert [p.read_from.rpartition(":")[2] for p in posts[:5]] == ["3", "4", "5", "6", "8"]
    assert posts[3].title == '줄이\n바뀐 "말", 쉼표'
    assert [(r.source, r.reason) for r in rejects] == [(f"{tmp_path}/a.csv:2", "bad-row")]
    assert re.search(r"an open quote would take in \d+ lines", rejects[0].detail)


def test_of_a_file_of_open_quotes_every_other_row_is_taken(tmp_path: Path) -> None:
    rows = 20_000
    lines = [f'A{i},found,"x' if i % 2 else f"B{i},found,y" for i in range(rows)]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,kind,title", *lines]))
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == [f"B{i}" for i in range(0, rows, 2)]
    assert len(rejects) == rows // 2
    assert rejects[-1].source == f"{tmp_path}/a.csv:{rows + 1}"


def test_a_row_of_empty_cells_is_none(tmp_path: Path) -> None:
    text = "post_id,kind,title\n,,\na,found,x\n , ,\n,,,,,\n,found,x\n"
    (tmp_path / "a.csv").write_text(text)
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == ["a"]
    assert [(r.source.rpartition(":")[2], r.reason) for r in rejects] == [("6", "no-id")]


def test_a_reject_names_its_own_line(tmp_path: Path) -> None:
    text = "post_id,kind,title\na,found,x\nb,found,x,y\n\nc,stolen,x\nd,found,x\n"
    (tmp_path / "a.csv").write_text(text)
    posts, rejects = read(tmp_path / "a.csv")
    assert [p.post_id for p in posts] == ["a", "d"]
    assert [r.source.rpartition(":")[2] for r in rejects] == ["3", "5"]


@pytest.mark.parametrize(
    "above",
    ["sep=;\n", "습득물 대장;;\n;;\n", '"제목, 둘째; 줄"\n\n', "작성: 2026, 11, 1, 가, 나\n"],
)
def test_lines_above_the_headings(tmp_path: Path, above: str) -> None:
    (tmp_path / "a.csv").write_text(above + '관리번호;"물품\n명";내용\nid;지갑;"가, 나; 다"\n')
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert not rejects
    assert [(p.post_id, p.title, p.description) for p in posts] == [("id", "지갑", "가, 나; 다")]


def test_files_that_were_put_together_have_their_headings_again(tmp_path: Path) -> None:
    """The same, and those of other columns in another order; no post is made of them."""
    first, second = "관리번호,물품명,memo\na,지갑,x\n", "물품명,관리번호\n우산,c\n"
    (tmp_path / "a.csv").write_text(f"{first}\ufeff{first.replace('a,', 'b,')}\ufeff{second}")
    seen = Seen()
    rows = list(read_posts(str(tmp_path / "a.csv"), kind="found", seen=seen))
    posts = [(row.post_id, row.title) for row in rows if isinstance(row, Post)]
    assert posts == [("a", "지갑"), ("b", "지갑"), ("c", "우산")]
    assert len(posts) == len(rows)
    assert sum(many for what, many in seen.unknown.items() if what.startswith("headings")) == 2


def test_cells_below_no_heading_are_noted(tmp_path: Path) -> None:
    """As below the second line of headings, which nobody reads."""
    (tmp_path / "a.csv").write_text("post_id,title,,\n1,지갑,,서울역\n2,우산,검정,강남역\n")
    seen = Seen()
    assert len(list(read_posts(str(tmp_path / "a.csv"), kind="found", seen=seen))) == 2
    what = "cells below no heading, not used: column"
    assert dict(seen.unknown) == {f"{what} 3": 1, f"{what} 4": 2}


@pytest.mark.parametrize("cell", ['="0007"', '"=""0007"""', "'=0007", "0007"])
def test_a_text_that_is_kept_from_a_spreadsheet_is_itself(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(f"post_id,title\n{cell},{cell}\n")
    (post,), _ = read(tmp_path / "a.csv", kind="found")
    assert post.post_id == post.title == ("=0007" if "'" in cell else "0007")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_whole_number_with_a_fraction_is_no_id(tmp_path: Path, name: str) -> None:
    """As pandas writes it: beside the same post by its own number it would be another."""
    ids = ["1.0", "20261101001.0", "1.5", "1.0.0", "v1.0"]
    rows = [f'{{"post_id": "{each}", "title": "x"}}' for each in ids]
    if name == "a.csv":
        rows = ["post_id,title", *(f"{each},x" for each in ids)]
    (tmp_path / name).write_text("\n".join(rows))
    posts, rejects = read(tmp_path / name, kind="found")
    assert [post.post_id for post in posts] == ids[2:]
    assert [(r.post_id, r.reason) for r in rejects] == [(each, "bad-id") for each in ids[:2]]
    assert "write it as 20261101001, in pandas" in rejects[1].detail


def test_a_number_that_a_spreadsheet_has_shortened_is_no_id(tmp_path: Path) -> None:
    """All ids of a day would be one."""
    short = ["2.02611E+11", "2E+15", "2.0261101e15"]
    kept = ["3E12", "20261101001", "E+11", "1.5"]
    (tmp_path / "a.csv").write_text("\n".join(["post_id,title", *(f"{i},x" for i in short + kept)]))
    posts, rejects = read(tmp_path / "a.csv", kind="found")
    assert [post.post_id for post in posts] == kept
    assert [(r.post_id, r.reason, "as text" in r.detail) for r in rejects] == [
        (each, "bad-id", True) for each in short
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_a_program_writes_where_there_is_nothing_is_no_word(tmp_path: Path, name: str) -> None:
    words = ["nan", "NaN", "None", "NULL", "<NA>", "\\N", " NaT "]
    rows = [
        json.dumps(
            dict.fromkeys(["title", "colour", "category", "latitude", "photos"], each)
        ).replace("{", f'{{"post_id": "{at}", ')
        for at, each in enumerate(words)
    ]
    if name == "a.csv":
        heading = "post_id,title,colour,category,latitude,photos"
        rows = [heading, *(f"{at},{','.join([each] * 5)}" for at, each in enumerate(words))]
    (tmp_path / name).write_text("\n".join([*rows, rows[-1].replace("6", "nan")]))
    seen = Seen()
    read_in = list(read_posts(str(tmp_path / name), kind="found", seen=seen))
    posts = [each for each in read_in if isinstance(each, Post)]
    assert [post.post_id for post in posts] == [str(at) for at in range(len(words))]
    assert {(p.title, p.colour, p.category, p.latitude, p.photos) for p in posts} == {
        ("", "", "", None, ())
    }
    assert [each.reason for each in read_in if isinstance(each, Reject)] == ["no-id"]
    assert "not given, taken as empty" in "".join(seen.lines())


def test_every_error_of_a_spreadsheet_is_an_empty_cell(tmp_path: Path) -> None:
    errors = ["#N/A", "#FIELD!", "#GETTING_DATA", "#CONNECT!", "Err:502"]
    (tmp_path / "a.csv").write_text(
        "\n".join(["id,title", *(f"{i},{e}" for i, e in enumerate(errors))])
    )
    posts, _ = read(tmp_path / "a.csv", kind="found")
    assert [post.title for post in posts] == [""] * len(errors)
