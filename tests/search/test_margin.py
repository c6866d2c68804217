"""The k-th hit is brute force's where float32 cannot tell it from what a cut leaves out.

Each query has rows that fill what a scan asks for (photos of fewer than k posts, posts that are too
early, or both) and then posts whose cosines lie 2 MARGIN below them, nearer to each other than
float32 errs (3e-8): on which side of the cut one falls is chance, which of them is best is not.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matching_spark import Filters, PostsTable, SimilarityEngine
from matching_spark.config import Cache, Hadoop, Matching
from matching_spark.domain import schema
from matching_spark.domain.facts import EPOCH
from matching_spark.domain.results import Match
from matching_spark.knn import by_codes, candidates
from matching_spark.knn.similarity import MARGIN, unit
from matching_spark.matching.matcher import MatchRules
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.rerank import Candidate, decide, ranked, scan_files
from matching_spark.search.runners import RUNNERS
from matching_spark.search.scan import scan, scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.ivf_index import Cells, sort_by_cell
from matching_spark.shards.shard import DataFile, load
from matching_spark.shards.space import VectorSpace
from tests.support import brute
from tests.support.found import hits_of
from tests.support.shards import write_file

DIMENSION, DIRECTIONS = 64, 12
LOST, GRACE = dt.date(2026, 11, 20), 3
FIRST = (LOST - EPOCH).days - GRACE
K, QUERIES = 5, 12
ABOVE = 0.9
KINDS = ("photos", "early", "both")


@dataclass(frozen=True)
class World:
    """queries (q, DIMENSION), the first day of each, and posts."""

    queries: np.ndarray
    first: tuple[int | None, ...]
    posts: list[brute.Plain]

    @cached_property
    def best(self) -> list[list[tuple[str, float]]]:
        """Brute force's K best of each query, in float64; of equals the smaller id."""
        rows = _unit64(np.concatenate([p.photos for p in self.posts]).astype(np.float64))
        starts = np.cumsum([0] + [len(p.photos) for p in self.posts[:-1]])
        out = []
        for query, first in zip(_unit64(self.queries.astype(np.float64)), self.first, strict=True):
            scores = np.maximum.reduceat((rows * query).sum(axis=1), starts)
            there = [
                (post.post_id, float(score))
                for post, score in zip(self.posts, scores, strict=True)
                if first is None or post.day is None or (post.day - EPOCH).days >= first
            ]
            out.append(sorted(there, key=lambda p: (-p[1], p[0]))[:K])
        return out


def _unit64(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.sqrt((rows * rows).sum(axis=-1, keepdims=True)))


def draw(seed: int, others: int = 0) -> World:
    """Queries in few directions. others: posts of no query."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(DIMENSION, DIRECTIONS)))[0].T

    def some(count: int) -> np.ndarray:
        return unit(rng.normal(size=(count, DIRECTIONS)) @ basis)

    def at(query: np.ndarray, cosine: float) -> np.ndarray:
        query = _unit64(query.astype(np.float64))
        aside = rng.normal(size=DIRECTIONS) @ basis
        aside = _unit64(aside - (aside @ query) * query)
        return unit(cosine * query + np.sqrt(1 - cosine**2) * aside)

    asked = some(QUERIES)
    first: list[int | None] = []
    posts: list[brute.Plain] = []
    ids = iter(rng.permutation(100_000))

    def add(photos: np.ndarray, day: dt.date | None) -> None:
        posts.append(brute.Plain(f"p{next(ids):05d}", photos, None, day))

    for i, query in enumerate(asked):
        kind = KINDS[i % len(KINDS)]
        first.append(None if kind == "photos" else FIRST)
        alike = rng.random() < 0.5
        top = at(query, ABOVE)
        counts = {"photos": [8] * 4, "early": [1] * 30, "both": [4] * 9}[kind]
        for n, count in enumerate(counts):
            early = kind == "early" or (kind == "both" and n >= K - 1)
            photos = [top if alike else at(query, ABOVE) for _ in range(count)]
            late = LOST if rng.random() < 0.5 else None
            add(np.stack(photos), LOST - dt.timedelta(30) if early else late)
        near = rng.uniform(-1.5e-7, 1.5e-7)
        for _ in range(8):
            below = at(query, ABOVE - 2 * MARGIN + near + rng.uniform(-3e-8, 3e-8))
            for _ in range(rng.integers(1, 3)):  # of two equals the id decides
                add(below[None], LOST)
    posts = [posts[n] for n in rng.permutation(len(posts))]
    for vector in some(others):
        add(vector[None], LOST)
    return World(asked, tuple(first), posts)


def files_of(world: World, shares: Sequence[float], folder: Path) -> list[DataFile]:
    """The posts as files of a new folder that hold about these shares of them."""
    folder.mkdir()
    where = np.random.default_rng(0).choice(len(shares), len(world.posts), p=shares)
    parts = [
        [p for p, w in zip(world.posts, where, strict=True) if w == n] for n in range(len(shares))
    ]
    return [write_file(folder / f"{n}.parquet", part, set()) for n, part in enumerate(parts)]


def blocks_of(
    world: World, size: int, nprobe: int | None = None
) -> Iterator[tuple[list[int], Request]]:
    """All queries, `size` at once (over again where there are fewer), by photo and by words."""
    numbers = [n % QUERIES for n in range(max(QUERIES, size))]
    for mine in (numbers[s : s + size] for s in range(0, len(numbers), size)):
        for words in (False, True):
            rows = ((world.queries[i], world.first[i]) for i in mine)
            asked = tuple(
                QueryItem(None, row, not_before=day) if words else QueryItem(row, not_before=day)
                for row, day in rows
            )
            yield mine, Request(asked, Filters(kind="found"), K, nprobe=nprobe)


def assert_best(world: World, mine: list[int], hits: Sequence[Sequence[Candidate | Match]]) -> None:
    for i, got in zip(mine, hits, strict=True):
        want = world.best[i]
        assert [h.post_id for h in got] == [post_id for post_id, _ in want]
        np.testing.assert_allclose([h.score for h in got], [s for _, s in want], rtol=0, atol=1e-14)


SPLITS = ([1.0], [0.85, 0.15], [0.1, 0.6, 0.1, 0.2])


@pytest.mark.parametrize("size", [1, 5, 300])
@pytest.mark.parametrize("shares", SPLITS)
def test_any_split_and_block_gives_brute_forces_kth(
    size: int, shares: list[float], tmp_path: Path
) -> None:
    """By the memory runner's one query and its blocks, and by the tasks of the Spark runner."""
    cache, space = ShardCache(str(tmp_path / "cache"), 1 << 30), VectorSpace("m", DIMENSION)
    for seed in range(2 if size > QUERIES else 4):
        world = draw(seed)
        files = files_of(world, shares, tmp_path / str(seed))
        shards = [load(file, DIMENSION) for file in files]
        for mine, request in blocks_of(world, size):
            assert_best(world, mine, decide(scan_all(shards, request), request))
            assert_best(world, mine, decide([scan(shard, request) for shard in shards], request))
            answers = [a for f in files for a in scan_files([f], request, cache, space)]
            each = [[m for a in answers for m in a.matches[n]] for n in range(len(mine))]
            assert_best(world, mine, [ranked(matches, K) for matches in each])


@pytest.mark.parametrize("size", [1, 5, 300])
def test_by_codes_it_is_brute_forces_kth_too(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "CODED_FROM", 1)
    monkeypatch.setattr(by_codes, "CHUNK_ROWS", 256)
    for seed in range(2):
        world = draw(seed, others=2000)
        shards = [
            load(file, DIMENSION) for file in files_of(world, SPLITS[seed], tmp_path / str(seed))
        ]
        shards = [replace(s, photos=s.photos.coded()) for s in shards]
        for mine, request in blocks_of(world, size):
            assert_best(world, mine, decide(scan_all(shards, request), request))


def test_by_cells_that_reach_all_it_is_brute_forces_kth_too(tmp_path: Path) -> None:
    """Each row lies in two cells: two of three cells have them all."""
    for seed in range(4):
        world = draw(seed)
        shards = [
            load(file, DIMENSION) for file in files_of(world, SPLITS[1], tmp_path / str(seed))
        ]
        cells = Cells("m", 1, world.queries[:3], np.empty((0, DIMENSION), np.float32))
        shards = [sort_by_cell(shard, cells) for shard in shards]
        for mine, request in blocks_of(world, 5, nprobe=2):
            assert_best(world, mine, decide(scan_all(shards, request, cells), request))


def test_a_table_gives_brute_forces_kth_by_both_runners(
    spark: SparkSession, tmp_path: Path
) -> None:
    """And the match, whose lost posts are the queries: a post found long before is none of its."""
    world = draw(7)
    lost = [brute.Plain(f"q{i:02d}", q[None], None, LOST) for i, q in enumerate(world.queries)]
    uri = str(tmp_path / "t")
    name = f"external/{DIMENSION}"
    table = PostsTable.open_or_create(uri, spark, model=name, dimension=DIMENSION, hadoop=Hadoop())
    files = [
        write_file(tmp_path / f"{n}.parquet", posts, set())
        for n, posts in enumerate((world.posts, lost))
    ]
    rows = spark.read.parquet(*(file.uri for file in files))
    kind = F.when(F.col("post_id").startswith("q"), "lost").otherwise("found")
    told = {"kind": kind, "model": F.lit(name), "updated_at": F.current_timestamp()}
    table.upsert(rows.withColumns(told).select(*schema.FIRST))
    opened = PostsTable.open(uri, spark, Hadoop())
    always = replace(world, first=(None,) * QUERIES)
    numbers = list(range(QUERIES))
    for runner in RUNNERS:
        engine = SimilarityEngine(opened, runner, cache=Cache())
        hits = hits_of(engine, world.queries, K, where=Filters(kind="found"))
        assert_best(always, numbers, hits)
    engine = SimilarityEngine(opened, "memory", cache=Cache())
    for i in numbers:
        assert_best(always, [i], hits_of(engine, world.queries[i], K, where=Filters(kind="found")))
    rules = MatchRules(K, score="cosine", settings=Matching(grace_days=GRACE))
    pairs = engine.matcher(rules).pairs().orderBy("lost_id", "rank").collect()
    got = [[p["found_id"] for p in pairs if p["lost_id"] == post.post_id] for post in lost]
    dated = replace(world, first=(FIRST,) * QUERIES)
    assert got == [[post_id for post_id, _ in best] for best in dated.best]
