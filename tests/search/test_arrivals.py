"""Whose lists new posts may change: nobody is left out whom a search would show one."""

import math
import random

import numpy as np
import pytest

from matching_spark import ClipModel, PostsTable, Settings, SimilarityEngine
from matching_spark.domain.posts import Filters
from matching_spark.score.posterior import Rivals
from matching_spark.search.arrivals import concerned
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.query import Query, SearchOptions
from matching_spark.search.request import Request
from matching_spark.search.rerank import rivals
from matching_spark.search.scan import scan

FOUND = Filters(kind="found")


@pytest.mark.parametrize("score", ["fused", "cosine"])
def test_whom_a_search_shows_a_new_post_is_concerned(
    stored: str, clip: ClipModel, settings: Settings, score: str
) -> None:
    table = PostsTable.open(stored)
    engine = SimilarityEngine(table, "memory", clip, cache=settings.cache)
    shards = list(table.shards(FOUND))
    queries = [
        Query(post_id=post_id) for s in table.shards(Filters(kind="lost")) for post_id in
        s.ids(np.flatnonzero(s.alive))
    ]  # fmt: skip
    asked: list[Request] = []
    outcomes: list[SearchOutcome] = []

    def run(request: Request, snapshot: str | None) -> SearchOutcome:
        asked.append(request)
        outcomes.append(engine.run(request, snapshot))
        return outcomes[-1]

    threshold = 0.0 if score == "fused" else 0.5
    options = SearchOptions(FOUND, 100, threshold=threshold, score=score)  # type: ignore[arg-type]
    lists = engine.answer(engine.ask(queries), options, run)
    shown = [{m.post_id for m in each.matches if m.band != "below"} for each in lists]
    assert any(shown)
    chance = random.Random(0)
    passed_over = 0
    for i, shard in enumerate(shards):
        for size in (1, 2, len(shard)):
            rows = np.array(sorted(chance.sample(range(len(shard)), min(size, len(shard)))))
            ids = set(shard.ids(rows))
            old = [s.subset(np.flatnonzero(s.alive)) for s in shards[:i] + shards[i + 1 :]]
            old.append(shard.subset(np.setdiff1d(np.arange(len(shard)), rows)))
            before = [Rivals()] * len(queries)
            if score == "fused":
                before = rivals([scan(each, asked[0]) for each in old], asked[0])
            found = concerned(asked[0], shard.subset(rows), before)
            assert all(found[i] for i, each in enumerate(shown) if each & ids)
            crowd = [Rivals.of(200_000, [math.log(50)] * 2000)] * len(queries)
            many = concerned(asked[0], shard.subset(rows), crowd)
            passed_over += int((~many).sum())
    assert passed_over  # of a table of many posts most concern nobody
