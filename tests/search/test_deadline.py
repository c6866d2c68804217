"""A search whose time is over gives what it has found, and says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any, cast

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Settings, SimilarityEngine
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import SearchResult
from matching_spark.operations.batcher import QueryBatcher
from matching_spark.score.calibration import Score
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.query import Query, SearchOptions
from matching_spark.search.request import Deadline, QueryItem, Request
from matching_spark.shards import joined

FOUND = Filters(kind="found")
QUERIES = [Query(text="검정 지갑", category="지갑", colour="검정"), Query(text="파란 우산")]


def after(shards: int) -> Deadline:
    """Over when so many shards were begun: a clock that goes on with each look at it."""
    return Deadline(shards, count().__next__)


@pytest.fixture(scope="module")
def engine(stored: str, clip: ClipModel, settings: Settings) -> SimilarityEngine:
    return SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=settings.cache)


def asked(
    engine: SimilarityEngine, until: Deadline | None, score: Score, queries: list[Query]
) -> list[SearchResult]:
    def run(request: Request, snapshot: str | None) -> SearchOutcome:
        return engine.run(replace(request, until=until), snapshot)

    options = SearchOptions(Filters(kind="found"), 40, threshold=0.0, score=score, ask=True)
    return engine.answer(engine.ask(queries), options, run)


@pytest.mark.parametrize("score", ["fused", "cosine"])
@pytest.mark.parametrize("queries", [QUERIES[:1], QUERIES], ids=["one", "block"])
def test_so_many_shards_are_looked_at_and_nothing_is_said_of_the_rest(
    engine: SimilarityEngine, score: Score, queries: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "SMALL", 0)  # none is joined, so that there are some
    whole = asked(engine, None, score, queries)
    shards = len(engine.table.plan(Filters(kind="found")).files)
    assert shards > 2
    searched, bands = [], set()
    for looked in range(shards + 1):
        found = asked(engine, after(looked), score, queries)
        searched.append(found[0].searched)
        for part, every in zip(found, whole, strict=True):
            assert part.complete == (looked == shards)
            if part.complete:
                assert replace(part, elapsed_ms={}) == replace(every, elapsed_ms={})
                continue
            assert (part.not_here, part.nothing, part.question) == (None, False, None)
            assert all(match.probability is None for match in part.matches)
            bands |= {match.band for match in part.matches}
            # What it has is of the whole's list, in its order; unlikely in a part, so in the whole.
            of = {match.post_id: match for match in every.matches}
            places = [of[match.post_id].rank for match in part.matches]
            assert places == sorted(places)
            assert all(of[m.post_id].band == "below" for m in part.matches if m.band == "below")
    assert "propose" not in bands
    assert score == "cosine" or "below" in bands
    assert searched[0] == 0
    assert searched == sorted(set(searched))


def test_of_spark_a_search_is_whole_however_little_time_it_has(
    stored: str, clip: ClipModel, settings: Settings, spark: SparkSession
) -> None:
    """A task's clock is not that of who asks."""
    context = spark.sparkContext
    engine = SimilarityEngine(
        PostsTable.open(stored), "spark", clip, cache=settings.cache, context=context
    )
    hurried, whole = (asked(engine, at, "cosine", QUERIES) for at in (Deadline(0.0), None))
    for each, every in zip(hurried, whole, strict=True):
        assert replace(each, elapsed_ms={}) == replace(every, elapsed_ms={})
        assert each.complete
        assert each.matches


def test_of_requests_that_are_asked_as_one_the_earliest_deadline_is_heeded() -> None:
    heeded: list[Deadline | None] = []

    class Engine:
        def run(self, request: Request, snapshot: str | None) -> SearchOutcome:
            heeded.append(request.until)
            each = len(request.queries)
            complete = request.until is None
            return SearchOutcome([[]] * each, [], 0, 0, True, snapshot, 0.0, 0.0, complete)

    item, now = QueryItem(np.ones(1, np.float32)), time.monotonic()
    far, near = Deadline(now + 600), Deadline(now + 500)
    deadlines = [None, far, None, near]
    alike = [Request((item,), Filters(), 3, until=until) for until in deadlines]
    with QueryBatcher(cast(Any, Engine()), 60_000, most=2) as gather, ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(gather.run, alike))
    # Who has no deadline, as what looks for news, is not cut short by those who have.
    assert set(heeded) == {None, near}
    assert [outcome.complete for outcome in outcomes] == [True, False, True, False]


@pytest.mark.parametrize("seed", range(5))
def test_whoever_is_asked_with_others_has_half_of_the_time_that_they_would_have_alone(
    seed: int,
) -> None:
    """Searches that take all the time they have, of a block whose deadlines lie far apart."""
    rng = np.random.default_rng(seed)
    now, ran = [0.0], list[tuple[float, float]]()

    class Engine:
        def run(self, request: Request, snapshot: str | None) -> SearchOutcome:
            ran.append((now[0], request.left_s))
            now[0] += max(0.0, request.left_s)
            left.update({int(q.image[0]): ran[-1] for q in request.queries if q.image is not None})
            return SearchOutcome([[]] * len(request.queries), [], 0, 0, True, snapshot, 0, 0, False)

    left: dict[int, tuple[float, float]] = {}
    ends = rng.choice([-1.0, 0.0, *rng.uniform(0.01, 20, 6)], size=12)
    ends[0] = -1.0  # who has waited too long takes nobody's time
    requests = [
        Request(
            (QueryItem(np.full(1, i, np.float32)),), FOUND, 3, until=Deadline(end, lambda: now[0])
        )
        for i, end in enumerate(ends)
    ]
    with (
        QueryBatcher(cast(Any, Engine()), 60_000, most=12) as gather,
        ThreadPoolExecutor(12) as pool,
    ):
        list(pool.map(gather.run, requests))
    for i, end in enumerate(ends):
        began, given = left[i]
        assert given <= end - began, "nobody is answered after their time"
        assert given >= (end - began) / 2 or end <= began
    assert len(ran) < len(set(ends))


def test_a_deadline_is_over_at_its_time() -> None:
    times = iter([1.0, 2.9, 3.0, 3.1])
    deadline = Deadline.after(2, times.__next__)
    assert [deadline.over for _ in range(3)] == [False, True, True]
