"""What the words of a search say weighs, is told, and is overridden by what is typed."""

import datetime as dt
import json

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Query, SearchOptions, Settings, SimilarityEngine
from matching_spark.domain.posts import Filters
from matching_spark.operations.posts import edit
from matching_spark.operations.search import ask, understood
from matching_spark.operations.table import compact
from matching_spark.shards.overlay import Overlay
from tests.support.commands import command

TEXT = "11월 5일 강남역에서 검정 지갑을 잃어버렸어요"
TODAY = dt.date(2026, 11, 27)


@pytest.fixture
def engine(stored: str, clip: ClipModel, settings: Settings) -> SimilarityEngine:
    return SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=settings.cache)


def in_memory(settings: Settings, **wanted: object) -> Settings:
    similar = settings.similarity.model_copy(update={"runner": "memory", **wanted})
    return settings.model_copy(update={"similarity": similar})


def test_facts_of_the_words_are_as_if_typed(engine: SimilarityEngine, settings: Settings) -> None:
    own = in_memory(settings, threshold=0.0)
    read = understood(engine, own, Query(text=TEXT), Filters(), today=TODAY)
    assert (read.category, read.colour, read.happened_on) == ("지갑", "검정", dt.date(2026, 11, 5))
    facts = {name: getattr(read, name) for name in read.understood}
    said, typed = (
        ask(engine, in_memory(own, understand=on), query, Filters(kind="found"))
        for on, query in ((True, Query(text=TEXT)), (False, Query(text=TEXT, **facts)))
    )
    assert said.matches == typed.matches
    assert said.query["understood"] == {n: str(value) for n, value in facts.items()}
    assert "understood" not in typed.query
    assert said.searched == typed.searched, "evidence, never a filter"


def test_either_way_to_read_the_places_gives_the_same(
    engine: SimilarityEngine, stored: str, clip: ClipModel, settings: Settings
) -> None:
    where = Filters(kind="found")
    there = engine.places(where, resident=True)
    another = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=settings.cache)
    column = another.places(where, resident=False)
    posts = [
        row for shard in engine.table.shards(where) for row in shard.rows(np.arange(len(shard)))
    ]
    regions: dict[str, set[str]] = {}
    for post in posts:
        regions.setdefault(post["place"], set()).add(post["region"])
    assert len(regions) > 3
    for place, of in regions.items():
        assert there.whole(place)
        assert column.whole(place)
        assert there.region(place) == column.region(place) == (min(of) if len(of) == 1 else "")
    assert engine.places(where) is there, "of the same files they are kept"


@pytest.mark.long
def test_a_place_that_no_post_has_any_more_is_not_known(
    own: str, clip: ClipModel, settings: Settings, spark: SparkSession
) -> None:
    """Rows that were changed lie in their files until a compact: what words said, and with it
    scores, would be others after it."""
    mine = settings.model_copy(update={"table": own})
    before = SimilarityEngine(PostsTable.open(own), "memory", clip, cache=settings.cache)
    (post,) = before.search([Query(text="지갑")], SearchOptions(Filters(kind="found"), top_k=1))
    post_id = post.matches[0].post_id
    for place in ("모슬포항", "성산일출봉"):
        edit(mine, post_id, {"place": place}, spark=spark)

    def known(resident: bool, over: Overlay | None = None) -> list[bool]:
        table = PostsTable.open(own)
        engine = SimilarityEngine(table, "memory", clip, cache=settings.cache, newer=lambda _: over)
        names = engine.places(Filters(kind="found"), resident=resident)
        return [names.whole(place) for place in ("모슬포항", "성산일출봉")]

    none = next(PostsTable.open(own).shards()).subset(np.arange(0))
    for _ in range(2):
        assert known(resident=True) == known(resident=False) == [False, True]
        assert known(resident=True, over=Overlay(none, frozenset([post_id]))) == [False, False]
        compact(mine, spark=spark)


def test_what_is_typed_wins(engine: SimilarityEngine, settings: Settings) -> None:
    own = in_memory(settings)
    query = Query(text=TEXT, colour="빨강", happened_on="2026-11-06")  # type: ignore[arg-type]
    read = understood(engine, own, query, Filters(category="가방"), today=TODAY)
    assert (read.colour, read.category) == ("빨강", "")
    assert read.happened_on == dt.date(2026, 11, 6)
    assert not {"colour", "happened_on", "category"} & {*read.understood}


@pytest.mark.parametrize("wanted", [{"understand": False}, {"score": "cosine"}])
def test_where_facts_are_not_wanted_nothing_is_understood(
    engine: SimilarityEngine, settings: Settings, wanted: dict[str, object]
) -> None:
    query = Query(text=TEXT)
    assert understood(engine, in_memory(settings, **wanted), query, Filters()) is query
    photo = Query(post_id="L2026000000000000")
    assert understood(engine, in_memory(settings), photo, Filters()) is photo


def test_the_command_tells_what_it_understood(stored: str) -> None:
    search = ("search", "--text", TEXT, "--table", stored, "--runner", "memory")
    done = command(*search)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["query"]["understood"]["category"] == "지갑"
    bare = command(*search, "--no-understand")
    assert "understood" not in json.loads(bare.stdout)["query"]
