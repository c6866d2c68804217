"""A post for an id that is there: a correction is written over it, another thing is not."""

from dataclasses import replace

import pytest

from matching_spark import Post
from matching_spark.errors import InputError
from matching_spark.ingest import over

OLD = Post("a", "found", "지갑", title="검정 지갑", colour="검정", place="서울역", status="claimed")
ROW = over.row(OLD) | {"shas": ["s1", "s2"], "source": "desk"}
OWN = over.Rules()


def test_what_its_source_does_not_have_stays() -> None:
    partial = Post("a", "found", title="", colour="파랑", given=frozenset(["post_id", "colour"]))
    post, shas = over.written(ROW, partial, [])
    assert post == replace(OLD, colour="파랑", status="open", given=partial.given)
    assert shas == ["s1", "s2"]
    emptied = replace(partial, given=frozenset(["post_id", "title", "place", "photos"]))
    post, shas = over.written(ROW, emptied, [])
    assert (post.title, post.place, post.colour, shas) == ("", "", "검정", [])
    whole = Post("a", "found", title="새 제목")
    assert over.written(ROW, whole, ["s3"]) == (whole, ["s3"])


def test_another_thing_under_the_same_id() -> None:
    assert over.clash(ROW, replace(OLD, title="x"), ["s2", "s3"], OWN) is None
    assert over.clash(ROW, OLD, [], OWN) is None
    assert over.clash(ROW | {"shas": []}, OLD, ["s9"], OWN) is None
    assert "a found post of this id" in str(over.clash(ROW, replace(OLD, kind="lost"), ["s1"], OWN))
    assert "other photos" in str(over.clash(ROW, OLD, ["s3"], OWN))
    assert "from desk" in str(over.clash(ROW, OLD, ["s1"], over.Rules("lost112")))
    assert over.clash(ROW | {"source": None}, OLD, ["s1"], over.Rules("lost112")) is None, "of v1"
    assert over.clash(ROW, replace(OLD, kind="lost"), [], over.Rules("lost112", True)) is None
    assert over.Rules(" desk ") == OWN
    with pytest.raises(InputError, match="named by"):
        over.Rules("\u200b")


def test_the_same_is_skipped_and_an_open_one_opens_nothing() -> None:
    assert over.is_same(ROW, replace(OLD, status="open"), ["s1", "s2"])
    assert not over.is_same(ROW, replace(OLD, status="expired"), ["s1", "s2"])
    assert not over.is_same(ROW, OLD, ["s2", "s1"])
    assert not over.is_same(ROW, replace(OLD, title="y"), ["s1", "s2"])
