"""LOST112 as XML, saved or answered: what is no answer, what may be missing."""

import os
from pathlib import Path

import pytest

from matching_spark.domain.posts import Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.sources import detect_format, read_posts
from matching_spark.sources.lost112 import parse, to_post
from tests.support.portal import REFUSED, answer, item, thing

BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<response><body><item><atcId>&b;</atcId></item></body></response>"
)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (BOMB, "no XML of the portal"),
        ("<html>busy</html>", "begins with <html>"),
        ("<response>", "no XML of the portal"),
        # A part of the name of each element: a few megabytes of them would take all memory.
        (f'<response><body xmlns="{"u" * 101}"/></response>', "a namespace of over 100"),
        (f'<response><body xmlns:a="{"u" * 101}" a:b="1"/></response>', "a namespace of over 100"),
        ("", "no XML of the portal"),
        (REFUSED, r"SERVICE_KEY_IS_NOT_REGISTERED_ERROR \(reason 30\)"),
        (
            "<response><header><resultCode>10</resultCode><resultMsg>INVALID</resultMsg></header>"
            "</response>",
            r"answers INVALID \(code 10\)",
        ),
    ],
)
def test_what_is_no_answer(raw: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(raw.encode(), "x")


def test_what_may_be_missing() -> None:
    for raw in (
        "<response/>",
        '<response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>',
        "<response><body/></response>",
        "<response><body><items/></body></response>",
        "<response><header><resultCode>03</resultCode></header></response>",
    ):
        assert parse(raw.encode(), "x").items == []
    told = "<uniq>지갑<br/>안에 <b>카드</b></uniq>"  # marks of HTML, which nothing keeps out
    raw = f"<response><body><item>{told}</item></body></response>"
    assert parse(raw.encode(), "x").items[0]["uniq"].split() == ["지갑", "안에", "카드"]


def test_two_announcements_in_one_are_none(tmp_path: Path) -> None:
    """Each field by itself would be of either: one's photo for the other's thing."""
    one, two, three = (item(**thing(i)) for i in range(3))
    joined = one.removesuffix("</item>") + two.removeprefix("<item>")
    said_twice = three.replace("</item>", "<fdYmd>2026-11-03</fdYmd></item>")
    (tmp_path / "a.xml").write_bytes(answer(joined, said_twice))
    refused, other = read_posts(str(tmp_path / "a.xml"))
    assert isinstance(refused, Reject)
    assert (refused.post_id, refused.reason) == ("F2026110100000000-1", "bad-row")
    assert isinstance(other, Post)


def test_saved_xml(tmp_path: Path) -> None:
    first, second = thing(1, atcId="F1"), thing(1, atcId="F1", csteSteNm="종결", fdPrdtNm="")
    strange = {
        "atcId": "F2",
        "fdSn": "1",
        "fdPrdtNm": "드론",
        "prdtClNm": "비행체 > 드론",
        "clrNm": "무지개",
        "csteSteNm": "우주",
        "fdFilePathImg": "https://www.lost112.go.kr/lostnfs/images/sub/img04_no_img.gif",
    }
    (tmp_path / "1.xml").write_bytes(answer(item(**first), item(**strange)))
    (tmp_path / "2.xml").write_bytes(answer(item(**second), detail=True))
    (tmp_path / "3.xml").write_text("<html/>")
    (tmp_path / "4.xml").write_bytes(
        answer(item(fdPrdtNm="x"), item(atcId="F3", fdYmd="2026-13-01"))
    )
    os.mkfifo(tmp_path / "5.xml")  # whoever opened it would wait for ever
    (tmp_path / "notes.txt").write_text("not the portal's")
    seen = Seen()
    rows = list(read_posts(str(tmp_path), "lost112", seen=seen))
    posts = {r.post_id: r for r in rows if isinstance(r, Post)}
    assert set(posts) == {"F1-1", "F2-1"}
    assert (posts["F1-1"].status, posts["F1-1"].title) == ("claimed", "지갑 1")
    odd = posts["F2-1"]
    assert (odd.category, odd.subcategory, odd.colour) == ("", "비행체 > 드론", "무지개")
    assert (odd.status, odd.photos, odd.placeholders) == ("open", (), 1)
    assert dict(seen.unknown) == {"category: 비행체": 1, "colour: 무지개": 1, "state: 우주": 1}
    reasons = sorted(r.reason for r in rows if isinstance(r, Reject))
    assert reasons == ["bad-date", "bad-file", "no-id", "unreadable"]
    assert detect_format(str(tmp_path / "1.xml")) == "lost112"
    with pytest.raises(InputError, match="begins with <html>"):
        list(read_posts(str(tmp_path / "3.xml"), "lost112"))


def test_a_text_that_is_too_long_is_cut_and_noted() -> None:
    seen = Seen()
    post = to_post({"atcId": "L1", "lstPrdtNm": "지갑", "uniq": "가" * 20_001}, "a", seen)
    assert isinstance(post, Post)
    assert len(post.description) == 20_000
    assert seen.unknown == {"over 20,000 characters, the rest left out: description": 1}
