"""A table of the drawn world: fused search on both runners, and what is told beside it."""

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    ClipModel,
    Filters,
    PostsTable,
    Query,
    SearchOptions,
    SimilarityEngine,
)
from matching_spark.cli.app import app
from matching_spark.config import Cache, Hadoop
from matching_spark.demo.world import World
from matching_spark.errors import InputError, ModelError, UsageError
from matching_spark.score.calibration import Score
from matching_spark.score.store import FILE, save
from tests.support.calibrations import random_calibration
from tests.support.found import hits_of


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    app(list(arguments), standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_either_runner_gives_the_same(
    spark: SparkSession, clip: ClipModel, world: World, stored: str
) -> None:
    queries = [
        Query(image=world.query_photo),
        Query(text="검정 지갑", colour="검정", region="서울"),
        Query(
            image=world.query_photo,
            text="가방 분실",
            category="가방",
            place="강남역",
            happened_on=dt.date(2026, 11, 1),
        ),
    ]
    where = Filters(kind="found")
    here = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    there = SimilarityEngine(PostsTable.open(stored, spark, Hadoop()), "spark", clip, cache=Cache())
    by_memory = hits_of(here, queries, where=where)
    assert hits_of(there, queries, where=where, score="fused") == by_memory
    assert all(len(matches) == 10 for matches in by_memory)
    best = by_memory[2][0]
    assert 0 < (best.probability or 0) < 1
    assert set(best.contributions) == set(best.components)
    assert best.band in ("propose", "ask", "below")
    cosine = hits_of(here, queries[:1], where=where, score="cosine")[0]
    assert cosine[0].probability is None
    assert set(cosine[0].components) == {"image-image"}
    with pytest.raises(UsageError, match="euclidean"):
        hits_of(here, queries, score="fused", metric="euclidean")
    with pytest.raises(InputError, match="score 'dot' is not known"):
        hits_of(here, queries, score="dot")
    with pytest.raises(InputError, match="colour '무지개' is not known"):
        Query(text="x", colour="무지개")


def test_a_query_is_answered_as_it_is_alone_whatever_is_asked_beside_it(
    clip: ClipModel, world: World, stored: str
) -> None:
    """Beside a vector, which has no facts, words and photos were compared by cosine too."""
    engine = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    (vector,) = clip.embed_texts(["지갑"])
    queries = [Query(text="검정 지갑"), Query(embedding=vector), Query(image=world.query_photo)]
    together = engine.search(queries)
    assert [result.score_kind for result in together] == ["fused", "cosine", "fused"]
    for query, result in zip(queries, together, strict=True):
        (alone,) = engine.search([query])
        assert result.matches == alone.matches
        assert (result.not_here, result.threshold) == (alone.not_here, alone.threshold)


def test_a_vector_in_place_of_a_photo_is_compared_whatever_its_length(
    clip: ClipModel, world: World, stored: str
) -> None:
    """Half as long it reached no threshold, and one with NaN was answered with nothing."""
    engine = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    vector = clip.embed_pixels([clip.pixels(world.query_photo.read_bytes())])[0]
    scores: tuple[Score, ...] = ("cosine", "fused")
    for score in scores:
        wanted = SearchOptions(Filters(kind="found"), score=score)
        (result,) = engine.search([Query(image=world.query_photo)], wanted)
        assert result.matches
        for same in (vector, vector / 2, vector[None] * 8.0, vector.astype(np.float64)):
            (by_vector,) = engine.search([Query(image=same)], wanted)
            assert [m.post_id for m in by_vector.matches] == [m.post_id for m in result.matches]
    for wrong, said in (
        (vector * np.nan, "NaN, infinity or no length"),
        (vector[1:], f"is float32 of shape .* wants floating point rows of {clip.dimension}"),
        (np.stack([vector, vector]), "holds 2 vectors"),
    ):
        with pytest.raises(InputError, match=f"the query's photo .*{said}"):
            engine.search([Query(image=wrong)])


def test_what_is_told_on_the_command_line_weighs(
    clip: ClipModel, world: World, stored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--table", stored, "--runner", "memory", "--threshold", "0")
    asked = ("search", "--image", str(world.query_photo), *here, "--colour", "black")
    day = dt.date(2026, 11, 1)
    told = run(*asked, "--weigh", "--place", "강남역", "--lost-on", "2026-11-01", capsys=capsys)
    query = Query(image=world.query_photo, colour="검정", place="강남역", happened_on=day)
    engine = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    want = hits_of(engine, [query], 10, where=Filters(kind="found"), threshold=0.0)[0]
    assert [(m["post_id"], m["score"]) for m in told["results"]] == [
        (m.post_id, m.score) for m in want
    ]
    assert {m["colour"] for m in told["results"]} > {"검정"}
    filtered = run(*asked, capsys=capsys)["results"]
    assert {m["colour"] for m in filtered} == {"검정"}
    alone = Query(image=world.query_photo, colour="검정")
    where = Filters(kind="found", colour="검정")
    assert [m["score"] for m in filtered] == [
        m.score for m in hits_of(engine, [alone], 10, where=where, threshold=0.0)[0]
    ]
    with pytest.raises(UsageError, match="--post has its own facts"):
        app(["search", "--post", "x", "--place", "y", "--table", stored], standalone_mode=False)
    assert run(*asked, "--score", "cosine", "--weigh", capsys=capsys)["score_kind"] == "cosine"


def test_a_stale_calibration_is_refused_aloud(
    clip: ClipModel, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(random_calibration(1, "small-clip@000000000000"), f"{own}/{FILE}")
    engine = SimilarityEngine(PostsTable.open(own), "memory", clip, cache=Cache())
    with pytest.raises(ModelError, match="learn it again"):
        engine.scoring("fused")
    assert engine.scoring(None).calibration is None
    assert "scoring by cosine" in caplog.text
