"""Whole posts by bounds: the answer is that of all posts scored, by whatever way they are left."""

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import METRICS, unit
from matching_spark.score.posterior import FLOOR, Rivals
from matching_spark.search import scores, whole
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import TaskOutcome, decide
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.shard import Shard, load
from tests.support import brute
from tests.support.calibrations import DAY, random_calibration, random_facts
from tests.support.shards import DIMENSION, with_facts, write_file

POSTS = 400


@cache
def shards() -> list[Shard]:
    """Posts with up to three photos, with words or not, with neither, that tell facts or not."""
    rng = np.random.default_rng(3)
    pool = unit(rng.normal(size=(60, DIMENSION)))
    posts = []
    for i in range(POSTS):
        photos = pool[rng.integers(len(pool), size=rng.integers(0, 4))]
        text = pool[rng.integers(len(pool))] if rng.random() < 0.7 else None
        posts.append(brute.Plain(f"p{i:04d}", photos, text))
    facts = {post.post_id: random_facts(rng) for post in posts}
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for n, some in enumerate((posts[:300], posts[300:])):
            file = write_file(Path(folder) / f"{n}.parquet", some, {"p0003", "p0333"})
            out.append(load(with_facts(file, facts), DIMENSION))
    return out


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_it_is_the_answer_of_all_posts_scored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked, k = str(rng.choice(["image", "text", "both"])), int(rng.choice([1, 2, 5, 12]))
    threshold = float(rng.random()) if rng.random() < 0.5 else -1.0
    filtered = str(rng.choice(["", "category", "colour"]))
    score = str(rng.choice(["fused", "fused", *METRICS]))
    codes, facts = rng.random() < 0.5, rng.random() < 0.5
    at_once = int(rng.choice([1, 3, 7, 100]))
    if score != "fused":
        asked = "both"  # what else is scored whole
    calibration = random_calibration(seed, rising=seed % 2 == 0) if score == "fused" else None
    metric = "cosine" if score == "fused" else score
    where = Filters(
        category="지갑" if filtered == "category" else None,
        colour="검정" if filtered == "colour" else None,
    )
    items = []
    for _ in range(3):
        image, text = unit(rng.normal(size=(2, DIMENSION)))
        items.append(
            QueryItem(
                None if asked == "text" else image,
                None if asked == "image" else text,
                random_facts(rng, "lost") if facts else Facts(),
                not_before=(DAY - EPOCH).days + 4 if rng.random() < 0.3 else None,
                exclude=frozenset({"p0010"} if rng.random() < 0.3 else ()),
            )
        )
    scoring = Scoring(metric, calibration, threshold)  # type: ignore[arg-type]
    request = Request(tuple(items), where, k, scoring, rivals=calibration is not None)
    looked = shards()
    if codes:
        looked = [replace(s, photos=s.photos.coded(), texts=s.texts.coded()) for s in shards()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "PROBES", int(rng.choice([1, 8])))
        patch.setattr(whole, "LEAST_PROBES", 1)
        patch.setattr(whole, "SPAN", 4)
        patch.setattr(whole, "PAIRS_AT_ONCE", 1)
        patch.setattr(whole, "LEAST_AT_ONCE", at_once)
        patch.setattr(whole, "MOST_PAIRS", int(rng.choice([1, 100, 1 << 22])))
        patch.setattr(whole, "SPARE", int(rng.choice([1, 2, 2, 12, 10**6])))
        for block in (request, replace(request, queries=request.queries[:1])):
            parts = scan_all(looked, block)
            apart = [scan(shard, block) for shard in looked]
            want = [best(i, block) for i in range(len(block.queries))]
            for got in (decide(parts, block), decide(apart, block)):
                assert [[(h.post_id, h.score) for h in hits] for hits in got] == want
            if calibration is not None:
                told = [all_rivals(item, block) for item in block.queries]
                assert TaskOutcome.of(parts, block).rivals == told
                assert TaskOutcome.of(apart, block).rivals == told


def best(i: int, request: Request) -> list[tuple[str, float]]:
    """The k best of all posts, each scored as those are that decide."""
    item, limit = request.queries[i], request.thresholds[i]
    found = []
    for shard in shards():
        posts = np.flatnonzero(shard.where(request.where))
        if item.not_before is not None:
            days = shard.days[posts]
            posts = posts[(days >= item.not_before) | ~shard.dated()[posts]]
        which = np.zeros(len(posts), np.int64)
        final, _, _ = scores.exact(shard, [item], which, posts, request.scoring)
        ids = shard.ids(posts)
        found += [(i, s) for i, s in zip(ids, final.tolist(), strict=True) if s >= limit]
    kept = [each for each in found if each[0] not in item.exclude]
    return sorted(kept, key=lambda each: (-each[1], each[0]))[: request.top_k]


def all_rivals(item: QueryItem, request: Request) -> Rivals:
    each = []
    assert request.scoring.calibration is not None
    keen = scores.scale_of(item, request.scoring.calibration, request.silent).keen
    for shard in shards():
        could = shard.where(request.where) & shard.comparable()
        for gone in item.exclude:
            could &= ~shard.is_post(gone)
        posts = np.flatnonzero(could)
        which = np.zeros(len(posts), np.int64)
        told = scores.evidence(shard, [item], which, posts, request.scoring, request.silent)
        above = [t for t in told.tolist() if t >= FLOOR]
        each.append(Rivals.of(len(posts), above, keen))
    return Rivals.joined(each)
