"""Posts of one thing: the same pairs as by brute force, in few comparisons."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Filters, Post, PostsTable
from matching_spark.config import Hadoop
from matching_spark.demo.world import World
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.knn.similarity import SAME, Float32, Float64, pair_scores, unit
from matching_spark.matching.duplicates import _pairs, _Photo, duplicates
from tests.support.calibrations import place_share


def test_the_most_similar_duplicates_are_shown_and_the_others_counted(
    own: str, clip: ClipModel, world: World, spark: SparkSession
) -> None:
    """Of the open posts of a kind, a day and a place."""
    table = PostsTable.open(own, spark, Hadoop())
    day, photo = dt.date(2026, 11, 1), str(world.query_photo)
    one = Post("twice-0", "lost", place="강남역", happened_on=day, photos=(photo,))
    twice = [replace(one, post_id=f"twice-{n}") for n in range(5)]
    others = [
        replace(one, post_id="found", kind="found"),
        replace(one, post_id="elsewhere", place="홍대"),
        replace(one, post_id="later", happened_on=day + dt.timedelta(days=1)),
        *(replace(one, post_id=f"undated-{n}", happened_on=None) for n in range(2)),
        replace(one, post_id="over", status="claimed"),
    ]
    assert ingest_posts([*twice, *others], table, clip).rejects == ()
    shown, _ = duplicates(table, 0.98, Filters())
    assert not {each.post_id for each in others} & {
        i for d in shown for i in (d.post_id, d.other_id)
    }
    every, total = duplicates(table, 0.98, Filters(kind="lost"))
    assert total == len(every) == 10
    assert {(d.kind, d.happened_on, d.place) for d in every} == {("lost", "2026-11-01", "강남역")}
    assert [(d.post_id, d.other_id) for d in every] == sorted(
        (d.post_id, d.other_id) for d in every
    )
    for most in (1, 3, 9, 10, 11):
        assert duplicates(table, 0.98, Filters(kind="lost"), most) == (every[:most], total)


@given(st.data())
def test_pairs_of_one_place_are_brute_forces(data: st.DataObject) -> None:
    """Also without a name or a region, and of equal photos; in blocks of any length."""
    names = st.sampled_from(
        ["", "강", "강남역", "강남역 2번 출구", "GANGNAM", "gangnam 역", "홍대"]
    )
    regions = st.sampled_from(["", "서울", "부산"])
    drawn = data.draw(st.lists(st.tuples(names, regions, st.integers(0, 3)), min_size=1))
    vectors = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    photos = [
        _Photo(f"{n:03}", place, region, vectors[v]) for n, (place, region, v) in enumerate(drawn)
    ]

    def of_one_place(a: _Photo, b: _Photo) -> bool:
        if not a.place or not b.place:
            return a.region == b.region != ""
        return place_share(a.place, b.place) > 0.5

    threshold = data.draw(st.sampled_from([-1.0, 0.1, 1.0]))
    want = {
        (i, j): float(pair_scores(a.vector, b.vector[None])[0])
        for (i, a), (j, b) in combinations(enumerate(photos), 2)
        if of_one_place(a, b)
    }
    with pytest.MonkeyPatch.context() as patch:
        block = data.draw(st.integers(1, 7))
        patch.setattr("matching_spark.matching.duplicates.BLOCK", block)
        most = data.draw(st.integers(1, 30))
        blocks = list(_pairs(photos, threshold, most))
    got = [each for *block, _ in blocks for each in zip(*(a.tolist() for a in block), strict=True)]
    assert len({(i, j) for i, j, _ in got}) == len(got)
    want = {pair: s for pair, s in want.items() if s >= min(threshold, SAME)}
    assert len(got) + sum(others for *_, others in blocks) == len(want)
    assert {(i, j): s for i, j, s in got}.items() <= want.items()

    def best(pairs: Iterable[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
        return sorted(pairs, key=lambda pair: (-pair[2], *pair[:2]))[:most]

    assert best(got) == best((*pair, s) for pair, s in want.items())


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs of photos each call compares in float64."""
    rows: list[int] = []

    def counted(query: Float32, those: Float32) -> Float64:
        rows.append(len(those))
        return pair_scores(query, those)

    monkeypatch.setattr("matching_spark.matching.duplicates.pair_scores", counted)
    return rows


def test_one_picture_in_thousands_of_posts_is_no_thousands_of_comparisons(
    compared: list[int],
) -> None:
    """Neither of vectors nor of names: what is done for each pair is numpy's."""
    photo = np.full(4, 0.5, np.float32)
    photos = [_Photo(f"{n:04}", f"{n // 2} 번지", "서울", photo) for n in range(3000)]
    assert sum(len(scores) for *_, scores, _ in _pairs(photos, 0.98, 10_000)) >= 1500
    assert sum(compared) <= 3


def test_pictures_that_are_all_near_are_no_thousands_of_comparisons(compared: list[int]) -> None:
    """In float64 only those are that may be shown, or that the threshold may part."""
    vectors = unit(1 + 0.05 * np.random.default_rng(1).normal(size=(1000, 64)))
    photos = [_Photo(f"{n:04}", "강남역", "서울", v) for n, v in enumerate(vectors)]
    blocks = list(_pairs(photos, 0.9, 100))
    assert sum(len(scores) + others for *_, scores, others in blocks) == 1000 * 999 // 2
    assert sum(compared) < 2000
