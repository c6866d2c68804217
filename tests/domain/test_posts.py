"""What every post comes through: texts that can be stored, ids that can be told."""

import datetime as dt
import json
import time
import unicodedata
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark import InputError, Post
from matching_spark.domain.posts import (
    MAX_DETAIL,
    MAX_ID,
    MAX_SOURCE,
    MAX_TEXT,
    READ_TEXT,
    Reject,
    checked,
    clean,
    kind_of,
    status_of,
)
from matching_spark.domain.sheets import unmarked


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_a_clean_text_can_be_stored_and_stays(text: str) -> None:
    said = clean(text)
    said.encode()
    assert "\0" not in said
    assert clean(said) == said


def test_what_nobody_sees_says_nothing() -> None:
    assert clean("\u200b \ufeff\u2060") == ""
    assert clean(" 지\u200b갑 ") == "지\u200b갑"
    for unseen in ("\ufeff", "\u200b", "\u200e \u2060", "\u3000\u200f"):  # an id is no other by it
        assert clean(f"{unseen}2026-0001 {unseen}") == "2026-0001"
    assert clean("반쪽 \ud83d") == "반쪽 \ufffd"
    assert clean("\ud83d\ude00") == "😀"


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0f73"])
def test_marks_without_end_take_no_time(marks: str) -> None:
    start = time.process_time()
    for cell in ("가" + marks * 300_000, "'" + marks * 300_000):
        said = clean(unmarked(cell))
        assert said[0] == cell[0]
        assert len(said) < 200
    assert time.process_time() - start < 10  # a second; all of them in order, hours
    assert clean("가" * 2_000 + marks) == unicodedata.normalize("NFC", "가" * 2_000 + marks)


def test_what_long_texts_take_is_little() -> None:
    text = "지갑 " * 300_000
    start = time.process_time()
    for _ in range(5):
        assert clean(text) == text.rstrip()
    assert time.process_time() - start < 0.35  # a third of it; with a look at each letter, twice


def test_a_post_is_clean_or_refused_by_its_id() -> None:
    post = checked(Post(" a ", "found", title="x\0\ud83d", place="\u200b"))
    assert (post.post_id, post.title, post.place) == ("a", "x\ufffd", "")
    same = Post("a", "found", title="지갑")
    assert checked(same) is same
    for odd in ("", "\u200b", "a\tb", "\x1b[0m", "x" * (MAX_ID + 1)):
        with pytest.raises(InputError, match="its id"):
            checked(Post(odd, "found"))


def test_a_post_is_refused_by_what_no_search_would_find() -> None:
    """As a source of one's own may give it: a kind in other words, a day that is a text."""
    wrong: tuple[tuple[str, Any, str], ...] = (
        *(("kind", said, "kind") for said in ("분실", "Lost", "", None)),
        *(("status", said, "status") for said in ("보관중", "", None)),
        ("happened_on", "그저께쯤", "date"),
    )
    for name, said, argument in wrong:
        with pytest.raises(InputError, match=argument) as refused:
            checked(replace(Post("a", "found"), **{name: said}))
        assert refused.value.argument == argument
    one = dt.date(2026, 11, 1)
    day: Any
    for day in ("2026-11-01", dt.datetime(2026, 11, 1, 9), one):
        read = checked(Post("a", "found", happened_on=day)).happened_on
        assert (type(read), read) == (dt.date, one)


def test_states_and_kinds_as_desks_write_them() -> None:
    said = ("open", "보관중", "반환 완료", "폐기", "취소", "우주", "")
    assert [status_of(s) for s in said] == [
        *("open", "open", "claimed", "expired", "withdrawn", None, None)
    ]
    not_yet = (
        *("미반환", "미수령", "미회수 상태", "미인계", "미종결", "미해결", "못 찾음", "찾지 못함"),
        *("접수완료", "등록 완료", "신고완료", "보관완료", "반환대기", "반환 예정", "수령 전"),
        *("반환 신청", "인계 요청", "폐기 예정", "수령대기중", "반환 진행 중"),
    )
    assert {s: status_of(s) for s in not_yet} == dict.fromkeys(not_yet, "open")
    over = {"미수령 폐기": "expired", "미반환 국고귀속": "expired", "수령완료": "claimed"}
    assert {s: status_of(s) for s in over} == over
    assert [kind_of(s) for s in ("Lost", "습득물", "분실", "도난")] == [
        "lost",
        "found",
        "lost",
        None,
    ]


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://www.example.kr/물품?id=1&b=2#c", True),
        ("HTTP://127.0.0.1:8080/", True),
        ("javascript:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("data:text/html,x", False),
        ("//host/path", False),
        ("https://", False),
        ("https://user:pw@host/", False),
        ("https://good.example\\@evil.example/", False),
        ("https://host/a b", False),
        ("https://host/\u202egpj", False),
        ("https://host:99999/", False),
        ("https://[::1/", False),
        ("ftp://host/a", False),
    ],
)
def test_an_address_is_one_of_the_web_or_none(address: str, good: bool) -> None:
    kept = checked(Post("a", "found", title="x", source_url=address)).source_url
    assert kept == (address if good else "")


def test_a_long_text_is_cut() -> None:
    post = checked(Post("a", "found", title="가" * 5_000_000, place="x"))
    assert (len(post.title), post.place) == (MAX_TEXT, "x")


@settings(max_examples=20)  # each of 20,000 letters and more
@given(st.integers(0, 60), st.sampled_from([0, 1, 300, 90_000]), st.booleans())
def test_a_number_where_a_long_text_is_cut_goes_whole(
    before: int, behind: int, others: bool
) -> None:
    """Ten of its eleven digits are as good as all; what is cut out before it moves others up."""
    number = "010-1234-5678 "
    for text in (
        "가" * (MAX_TEXT - before) + number + "나" * behind,
        number * 99 * others
        + "가" * (READ_TEXT - 99 * len(number) * others - before)
        + number * 40,
    ):
        said = checked(Post("a", "found", description=text)).description
        assert not any(map(str.isdigit, said))
        assert len(said) > MAX_TEXT - 99 * len(number) - 400


def test_a_detail_keeps_what_it_is_about_and_the_remedy() -> None:
    short = Reject("a", "b", "bad-kind", "kind 'x'; lost or found").detail
    assert short == "kind 'x'; lost or found"
    long = Reject("a", "b", "bad-kind", f"kind {'x' * 500_000!r}; lost or found").detail
    assert len(long) < MAX_DETAIL + 9
    assert long.startswith("kind 'x")
    assert long.endswith("x'; lost or found")


def test_an_id_and_a_place_of_any_length_leave_a_short_reject() -> None:
    short = Reject("/s/posts.csv:2", "x" * MAX_ID, "bad-id")
    assert (short.source, short.post_id) == ("/s/posts.csv:2", "x" * MAX_ID)
    path = "/s" * 2048
    assert Reject(f"{path}:12", "", "bad-row").source == f"{path}:12"
    long = Reject("f#" + "9" * 1_000_000, "x" * 1_000_000, "bad-id")
    assert len(json.dumps(asdict(long))) < MAX_SOURCE + MAX_DETAIL + 100
