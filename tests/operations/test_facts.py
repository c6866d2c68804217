"""Coordinates and numbers are taken in and asked by; a number stands nowhere in the clear."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import Filters, Settings, UsageError
from matching_spark.operations import browse, ingest, posts, search
from matching_spark.operations.ingest import Source
from matching_spark.search.query import Query

CARD, AMEX = "4111-1111-1111-1111", "378282246310005"
IMEI, TAG = "490154203237518", "BAG-TAG-0108024956"


def test_they_are_taken_in_asked_by_and_erased(
    settings: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    mine = settings.model_copy(deep=True)
    mine.table = str(tmp_path / "table")
    mine.cache.folder = str(tmp_path / "cache")
    mine.similarity.runner = "memory"
    places = tmp_path / "places.csv"
    places.write_text("place,latitude,longitude\n서울역,37.5547,126.9707\n")
    mine.similarity.places = str(places)
    source = tmp_path / "in" / "posts.jsonl"
    source.parent.mkdir()
    common = {
        "kind": "found",
        "category": "지갑",
        "title": "검정 지갑",
        "happened_on": "2026-11-01",
    }
    rows = [
        common | {"post_id": "card", "description": f"카드 {CARD} 들어 있음", "place": "서울역"},
        common
        | {"post_id": "imei", "description": f"IMEI {IMEI}", "latitude": 35.1, "longitude": 129},
        common | {"post_id": "none", "description": "아무 번호 없음"},
        common | {"post_id": "column", "identifiers": [TAG, "?"], "colour": AMEX},
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = Source(str(source))
    report = ingest.ingest(mine, asked, spark=spark)
    assert report.accepted == 4
    assert any("identifiers.key" in word for word in report.unknown), (
        "that they are not kept is said"
    )
    assert {tuple(each["identifiers"] or ()) for each in stored(mine).values()} == {()}
    with pytest.raises(UsageError, match=r"identifiers\.key"):
        search.search(mine, Query(text="지갑"), Filters(), identifiers=[CARD])

    mine.identifiers.key = "a key of sixteen or more"
    report = ingest.ingest(mine, asked, spark=spark)
    assert (report.updated, report.skipped) == (3, 1)
    assert [(each.post_id, each.reason) for each in report.rejects] == [
        ("column", "bad-identifier")
    ], "the post is taken without"
    held = stored(mine)
    assert kinds(held["card"]) == ["card"]
    assert kinds(held["column"]) == ["card", "serial"], "of its colour, where it stood by mistake"
    assert held["column"]["colour"] == ""
    assert (held["card"]["latitude"], held["card"]["longitude"]) == (37.5547, 126.9707)
    assert (held["imei"]["latitude"], held["imei"]["longitude"]) == (35.1, 129.0)
    assert held["none"]["latitude"] is None
    assert ingest.ingest(mine, asked, spark=spark).skipped == 4

    query = Query(text=f"지갑, 카드 {CARD}", place="서울 역", happened_on="2026-11-01")  # type: ignore[arg-type]
    where = Filters(kind="found")
    mine.similarity.threshold = 0
    result = search.search(mine, query, where, identifiers=[IMEI])
    found = {match.post_id: match.components for match in result.matches}
    assert {i: each.get("identifier") for i, each in found.items()} == {
        "card": 1,
        "imei": 1,
        "none": None,
        "column": 0,
    }
    assert found["card"]["kilometres"] == 0
    assert found["imei"]["kilometres"] > 300
    assert "kilometres" not in found["none"]
    tagged = search.search(mine, Query(text="지갑"), where, identifiers=[TAG.lower()])
    assert tagged.matches[0].post_id == "column"
    assert CARD not in json.dumps(result.to_dict(), default=str)
    other = search.search(mine, Query(text="카드 5555555555554444"), where)
    assert {m.components.get("identifier") for m in other.matches if m.post_id == "card"} == {0}

    for place in (tmp_path / "table").rglob("*"), (tmp_path / "cache").rglob("*"):
        for file in (each for each in place if each.is_file()):
            raw = file.read_bytes()
            clear = (CARD, AMEX, CARD.replace("-", ""), IMEI, TAG, *map(str, keys(mine)))
            assert not any(each.encode() in raw for each in clear), file
    changes = {"place": "부산역", "description": f"IMEI {IMEI}, S/N {TAG}"}
    edited = posts.edit(mine, "imei", changes, spark=spark)
    assert edited.changed["latitude"] == (35.1, None), "where another place lies is not known"
    assert kinds(stored(mine)["imei"]) == ["imei", "serial"], "as where it is taken in"
    with pytest.raises(UsageError, match="former_key"):  # which would call each number another
        other_key(mine, "another key of sixteen", search.search, query, where)
    with pytest.raises(UsageError, match="former_key"):
        other_key(mine, "another key of sixteen", ingest.ingest, asked)
    mine.identifiers.former_key, mine.identifiers.key = mine.identifiers.key, "a new key, secret"
    assert search.search(mine, query, where).matches[0].components["identifier"] == 1
    assert ingest.ingest(mine, asked, spark=spark).updated == 3, "by both keys"
    mine.identifiers.former_key = None
    assert search.search(mine, query, where).matches[0].components["identifier"] == 1
    held = stored(mine)
    erased = posts.erase(mine, ["card"], proof=True, spark=spark)
    assert erased.proof is not None
    assert not erased.proof.found
    digests = [each.encode() for each in held["card"]["identifiers"]]
    files = [each.read_bytes() for each in (tmp_path / "table").rglob("*") if each.is_file()]
    assert not any(digest in raw for digest in digests for raw in files)


def stored(settings: Settings) -> dict[str, dict[str, Any]]:
    return {row["post_id"]: row for row in browse.list_posts(settings, Filters(status=None)).posts}


def kinds(post: dict[str, Any]) -> list[str]:
    return sorted(each.partition("-")[0] for each in post["identifiers"] or ())


def keys(settings: Settings) -> list[str]:
    both = (settings.identifiers.key, settings.identifiers.former_key)
    return [each for each in both if each is not None]


def other_key(settings: Settings, key: str, do: Callable[..., object], *what: object) -> None:
    """Do it with the same settings but for the key."""
    mine = settings.model_copy(deep=True)
    mine.identifiers.key = key
    do(mine, *what)
