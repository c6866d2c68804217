"""Headings: which field a column is, by what is written above it or said by hand."""

import difflib
import re
from pathlib import Path

import pytest

from matching_spark.domain.posts import Post
from matching_spark.domain.vocabulary import MOST_NOTED, NEAR, Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.sources import read_posts
from matching_spark.sources.headings import fields_of, nearest, unused


@pytest.mark.parametrize(
    ("headings", "fields", "unused"),
    [
        ("보관장소,보관장소(전화)", {"kept_at": "보관장소"}, {"보관장소(전화)"}),
        ("습득일,습득일(시간)", {"happened_on": "습득일"}, {"습득일(시간)"}),
        ("습득일(필수),습득일", {"happened_on": "습득일"}, {"습득일(필수)"}),
        ("연락처(신고자),전화[신고인],연락처（습득자）", {}, {"연락처(신고자)", "전화[신고인]"}),
        ("습득번호,등록번호,관리번호", {"post_id": "관리번호"}, {"습득번호", "등록번호"}),
        ("습득번호,등록번호", {"post_id": "등록번호"}, {"습득번호"}),
        ("습득번호", {"post_id": "습득번호"}, set()),
        (
            "습득(일시),보관처(전화)",
            {"happened_on": "습득(일시)", "kept_phone": "보관처(전화)"},
            set(),
        ),
        ("습득 일시(시:분),물품명（선택 입력）", {"happened_on": "습득 일시(시:분)"}, set()),
        ("습득일(필수, 예: 2026-11-01)", {}, set()),
        ("사진 (*)[optional]", {"photos": "사진 (*)[optional]"}, set()),
    ],
)
def test_what_stands_in_brackets(headings: str, fields: dict[str, str], unused: set[str]) -> None:
    names = re.split(r",(?! )", headings)
    found = fields_of(names, "the sheet")
    assert fields.items() <= {field: name for name, field in found.items()}.items()
    assert not unused & found.keys()
    assert fields or unused or set(found) == set(names)


def test_headings_that_are_named_by_hand(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("유실 번호;id;A=B;title\n1;9;지갑;x\n")
    own = {"유실번호": "post_id", "a=b": "title"}
    seen = Seen()
    (post,) = read_posts(str(source), kind="lost", seen=seen, columns=own)
    assert isinstance(post, Post)
    assert (post.post_id, post.title) == ("1", "지갑")
    assert set(seen.unknown) == {
        "column not used: id (post_id?)",
        "column not used: title (title?)",
    }
    with pytest.raises(InputError, match="has no column 분류2; its columns are: 유실 번호, id"):
        list(read_posts(str(source), kind="lost", columns=own | {"분류 2": "category"}))
    with pytest.raises(UsageError, match="x=colours: a column becomes one of: post_id, kind"):
        read_posts(str(source), kind="lost", columns={"x": "colours"})
    with pytest.raises(UsageError, match="of csv, xlsx, jsonl only"):
        read_posts(str(tmp_path), kind="lost", columns=own)
    (tmp_path / "a.jsonl").write_text('{"유실번호": 1, "title": "x"}\n')
    seen = Seen()
    (post,) = read_posts(str(tmp_path / "a.jsonl"), kind="lost", seen=seen, columns=own)
    assert isinstance(post, Post)
    assert post.post_id == "1"
    assert "column that is in no row: ab" in seen.unknown


def test_what_is_noted_is_short_and_no_number_is_cut_in_two() -> None:
    seen = Seen()
    seen.note("word", "가" * 1_000_000)
    seen.note("word", "가" * 193 + "010-1234-5678" + "나" * 300)
    assert not any(c.isdigit() for noted in seen.unknown for c in noted)
    assert max(map(len, seen.unknown)) < 300


def test_words_that_are_all_different_do_not_fill_memory() -> None:
    seen = Seen()
    for number in range(20 * MOST_NOTED):
        seen.note("colour", f"word {number}")
        seen.column(f"column {number}", unused)
        seen.note("colour", "word 7")
    assert len(seen.unknown) < MOST_NOTED + 10
    assert seen.unknown["colour: word 7"] == 20 * MOST_NOTED + 1
    assert sum(seen.unknown.values()) == 60 * MOST_NOTED


def test_a_heading_is_no_longer_than_one_line() -> None:
    # Brackets that never close: looked at, they would take hours.
    assert fields_of(["(" * 1_000_000, "title"], "x.csv", {}) == {"title": "title"}


def test_which_column_is_meant_is_looked_for_among_so_many() -> None:
    seen = Seen()
    names = ["titel", "x" * (1 << 20), *(f"colum{i}" for i in range(3 * NEAR)), "placee", "titel"]
    looked: list[str] = []

    def near(name: str) -> str:
        looked.append(name)
        return unused(name)

    for name in names:
        seen.column(name, near)
    assert looked == names[:NEAR]
    assert seen.unknown["column not used: titel (title?)"] == 2
    assert seen.unknown["column not used: placee"] == 1
    assert sum(seen.unknown.values()) == len(names)
    longest = "ab" * 12
    assert nearest(longest[:-1], {longest: "it"}).endswith("(it?)")
    for more in range(40):  # left out without a search is what none is like
        name = longest + "x" * more
        found = bool(difflib.get_close_matches(name, [longest], 1, 0.75))
        assert nearest(name, {longest: "it"}).endswith("(it?)") == found
