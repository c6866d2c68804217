"""Rows that are newer than the table: they answer as if the table had them, and hide its own."""

import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from matching_spark import ClipModel, PostsTable, Settings, SimilarityEngine
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import SearchResult
from matching_spark.errors import InputError, UsageError
from matching_spark.search.query import Query, SearchOptions
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.overlay import Overlay
from matching_spark.shards.shard import alive, of_rows
from matching_spark.table.state import Snapshot

QUERIES = [
    Query(text="검정 지갑", category="지갑"),
    Query(text="파란 우산", colour="파랑", region="서울"),
]


@pytest.fixture
def table(stored: str) -> PostsTable:
    return PostsTable.open(stored)


def rows_of(table: PostsTable) -> pa.Table:
    files = table.plan().files
    return pa.concat_tables(read_columns(f.uri, None).filter(pa.array(alive(f))) for f in files)


def overlay(table: PostsTable, keep: Callable[[str], bool], hidden: set[str]) -> Overlay:
    rows = rows_of(table)
    fresh = rows.filter(pa.array([keep(each) for each in rows["post_id"].to_pylist()]))
    return Overlay(of_rows(fresh, table.dimension, "the rows", table.photos), frozenset(hidden))


def asked(
    table: PostsTable, settings: Settings, clip: ClipModel, newer: Overlay | None, top_k: int = 40
) -> list[SearchResult]:
    def over(_: Snapshot) -> Overlay | None:
        return newer

    engine = SimilarityEngine(table, "memory", clip, cache=settings.cache, newer=over)
    return engine.search(QUERIES, SearchOptions(Filters(kind="found"), top_k, threshold=0.0))


def told(result: SearchResult) -> dict[str, object]:
    said = result.to_dict()
    assert said.pop("elapsed_ms")
    return said


def test_rows_moved_from_the_table_to_the_newer_ones_answer_alike(
    table: PostsTable, settings: Settings, clip: ClipModel
) -> None:
    whole = [told(each) for each in asked(table, settings, clip, None)]
    ids = rows_of(table)["post_id"].to_pylist()
    for share in (0.2, 0.7, 1.0):
        moved = set(random.Random(share).sample(ids, int(share * len(ids))))
        newer = overlay(table, moved.__contains__, moved)
        assert [told(each) for each in asked(table, settings, clip, newer)] == whole


def test_what_is_hidden_is_in_no_answer_and_in_no_count(
    table: PostsTable, settings: Settings, clip: ClipModel
) -> None:
    whole = asked(table, settings, clip, None)
    best = whole[0].matches[0].post_id
    newer = overlay(table, lambda _: False, {best})
    for result, before in zip(asked(table, settings, clip, newer), whole, strict=True):
        assert best not in [match.post_id for match in result.matches]
        assert result.searched == before.searched - 1
    engine = SimilarityEngine(table, "memory", clip, cache=settings.cache, newer=lambda _: newer)
    with pytest.raises(InputError, match="was erased"):
        engine.ask([Query(post_id=best)])


def test_a_newer_row_stands_for_its_post_and_its_place_is_known(
    table: PostsTable, settings: Settings, clip: ClipModel
) -> None:
    best = asked(table, settings, clip, None)[0].matches[0].post_id
    rows = rows_of(table)
    row = rows.filter(pa.array([each == best for each in rows["post_id"].to_pylist()]))
    at = row.column_names.index("place")
    row = row.set_column(at, "place", pa.array(["새로 생긴 역"]))
    newer = Overlay(of_rows(row, table.dimension, "the row"), frozenset([best]))
    engine = SimilarityEngine(table, "memory", clip, cache=settings.cache, newer=lambda _: newer)
    (found,) = [m for m in asked(table, settings, clip, newer)[0].matches if m.post_id == best]
    assert found.place == "새로 생긴 역"
    assert engine.ask([Query(post_id=best)])[0].item.facts.place == "새로 생긴 역"
    assert engine.places(Filters(kind="found")).have("새로 생긴 역")


def test_newer_rows_are_for_the_memory_runner(table: PostsTable, settings: Settings) -> None:
    with pytest.raises(UsageError, match="searched by runner='memory'"):
        SimilarityEngine(table, "spark", cache=settings.cache, newer=lambda _: None)
