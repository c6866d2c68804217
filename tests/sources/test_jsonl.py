"""JSONL: what a line says, and what it is refused for."""

import json
import time
from pathlib import Path

import pytest

from matching_spark.domain.posts import Post
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.sources import read_posts
from tests.support.sources import read


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no-id"),
        ({"post_id": ""}, "no-id"),
        ({"post_id": ["a"]}, "no-id"),
        ({"post_id": "a", "happened_on": "어제"}, "bad-date"),
        ({"post_id": "a", "happened_on": "2026-13-01"}, "bad-date"),
        ({"post_id": "a", "happened_on": "0001-01-01"}, "bad-date"),
        ({"post_id": "a", "category": "우주선"}, "bad-category"),
        ({"post_id": "a", "kind": "stolen"}, "bad-kind"),
        ({"post_id": "a", "kind": "lost"}, "kind-differs"),
        ({"post_id": "a", "status": "gone"}, "bad-status"),
        ({"post_id": "a", "photos": [1]}, "bad-row"),
        ({"post_id": "a", "title": ["x"]}, "bad-row"),
    ],
)
def test_a_row_is_rejected_by_its_reason(
    tmp_path: Path, row: dict[str, object], reason: str
) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_text(json.dumps({"title": "지갑"} | row) + "\n" + '{"post_id": 7, "title": "b"}\n')
    posts, rejects = read(source, kind="found")
    assert [r.reason for r in rejects] == [reason]
    assert rejects[0].source == f"{source}:1"
    assert [p.post_id for p in posts] == ["7"]


def test_keys_of_json_that_are_no_fields(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"post_id": "a", "color": "black", "n": NaN, "x": 1e400}\n' * 2)
    seen = Seen()
    rows = list(read_posts(str(source), kind="found", seen=seen))
    assert [row.colour for row in rows if isinstance(row, Post)] == ["검정"] * 2
    assert dict(seen.unknown) == {"column not used: n": 2, "column not used: x": 2}


def test_what_json_calls_no_number_is_not_given(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"post_id": "a", "title": "x", "description": NaN, "place": -Infinity, '
        '"happened_on": NaN, "photos": NaN, "region": 1e400}'
    )
    (post,), rejects = read(source, kind="found")
    assert not rejects
    assert (post.description, post.place, post.region) == ("", "", "")
    assert (post.happened_on, post.photos) == (None, ())


def test_jsonl_that_is_off_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "posts.jsonl"
    source.write_bytes(b'{"post_id": \n[1]\n\n\xff\n{"post_id": "a", "title": "x"}\n')
    posts, rejects = read(source, kind="found")
    assert [r.reason for r in rejects] == ["bad-row"] * 3
    assert "save the file as UTF-8" in rejects[2].detail
    assert len(posts) == 1


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_lines_end_by_any_mark(tmp_path: Path, end: str) -> None:
    lines = [f'{{"post_id": "{each}", "title": "검정 지갑"}}' for each in "ab"]
    (tmp_path / "posts.jsonl").write_bytes(end.join([*lines, "[1]", ""]).encode())
    posts, rejects = read(tmp_path / "posts.jsonl", kind="found")
    assert [post.post_id for post in posts] == ["a", "b"]
    assert [r.source for r in rejects] == [f"{tmp_path / 'posts.jsonl'}:3"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"post_id": "a", "title": "x", "title": "y"}', "it has 'title' twice"),
        ('{"post_id": "a", "title": %s}' % ("9" * 5_000), "a number of over 1,000 digits"),
        ('{"post_id": "a", "title": %s}' % ("[" * 90_000), "brackets in brackets"),
        ('{"post_id": "a", "title": true}', "title is not text"),
        ('{"post_id": "a", "identifiers": {"serial": "1"}}', "identifiers is not a list"),
        ('[{"post_id": "a"}]', "not a JSON object: one stands on each line"),
    ],
)
def test_a_line_that_says_two_things_or_none_is_not_guessed(
    tmp_path: Path, row: str, says: str
) -> None:
    (tmp_path / "a.jsonl").write_text(row + '\n{"post_id": "b", "title": "x"}\n')
    posts, rejects = read(tmp_path / "a.jsonl", kind="found")
    assert [post.post_id for post in posts] == ["b"]
    assert [(r.reason, says in r.detail) for r in rejects] == [("bad-row", True)]
    (tmp_path / "a.jsonl").write_text(row, "utf-16")
    with pytest.raises(InputError, match="is UTF-16, and JSON is UTF-8: save it so"):
        read(tmp_path / "a.jsonl", kind="found")


@pytest.mark.parametrize(
    "written",
    [
        json.dumps([{"post_id": "a", "title": "x"}, {"post_id": "b", "title": "y"}], indent=1),
        '[{"post_id": "a", "title": "x"}, \n {"post_id": "b", "title": "y"}]',  # PostgreSQL
        json.dumps({"post_id": "a", "title": "x"}, indent=1),
    ],
)
@pytest.mark.parametrize("before", ["", "\n", "\ufeff"])
def test_a_list_over_several_lines_is_named_once(tmp_path: Path, before: str, written: str) -> None:
    """Each line was a reject of its own, but for a last one without a comma, which was a post."""
    (tmp_path / "posts.json").write_text(before + written, "utf-8")
    with pytest.raises(InputError, match=r"posts.json is JSON over several lines.*jq -c '\.\[\]'"):
        read(tmp_path / "posts.json", kind="found")


def test_a_key_of_marks_without_end_takes_no_time(tmp_path: Path) -> None:
    key = "가" + "\u0323\u0301" * 30_000
    (tmp_path / "posts.jsonl").write_text(json.dumps({"post_id": "1", "title": "지갑", key: 1}))
    start = time.process_time()
    (post,) = read_posts(str(tmp_path / "posts.jsonl"), kind="found")
    assert time.process_time() - start < 2  # a moment; all of them in order, ten seconds
    assert isinstance(post, Post)
