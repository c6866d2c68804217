"""What the scans of shards found, decided: the k best in float64, looked up as matches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from matching_spark.domain.results import Match
from matching_spark.knn.similarity import Pairs, near_best
from matching_spark.score.components import COSINES
from matching_spark.score.posterior import FLOOR, Rivals
from matching_spark.search import scores
from matching_spark.search.request import Request
from matching_spark.search.scan import ShardCandidates, scan_all
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import DataFile, Shard
from matching_spark.shards.space import VectorSpace


class Candidate(NamedTuple):
    """A post of a shard that may be among a query's best; `look_up` makes a Match of it."""

    score: float
    post_id: str
    shard: Shard
    post: int
    components: dict[str, float]
    photo: int  # the one that won, of the post's photos; -1: its words did


@dataclass(frozen=True)
class TaskOutcome:
    """What a task gives: as ShardCandidates, with the best of all its files looked up.

    rivals: of each query, where the request asks for them. complete: nothing was passed
    over because the request's time was over.
    """

    searched: int
    rows: int
    matches: list[list[Match]]
    rivals: list[Rivals]
    complete: bool = True

    @classmethod
    def of(cls, parts: Sequence[ShardCandidates], request: Request) -> "TaskOutcome":
        return cls(
            sum(part.searched for part in parts),
            sum(part.rows for part in parts),
            merged(parts, request),
            rivals(parts, request) if request.rivals else [],
        )


def scan_files(
    files: Sequence[DataFile], request: Request, cache: ShardCache, space: VectorSpace
) -> Iterator[TaskOutcome]:
    """The task of a Spark search: its files scanned, the best of all of them looked up."""
    centroids = space.centroids()
    yield TaskOutcome.of(scan_all(cache.load_all(files, space), request, centroids), request)


def merged(parts: Sequence[ShardCandidates], request: Request) -> list[list[Match]]:
    """The matches of several shards in this process."""
    return look_up(decide(parts, request))


def decide(parts: Sequence[ShardCandidates], request: Request) -> list[list[Candidate]]:
    """Of each query the best top_k of several shards, the best first, decided in float64."""
    hits: list[list[Candidate]] = [[] for _ in request.queries]
    if parts:
        margin = max(part.margin for part in parts)
        near = near_best([part.pairs for part in parts], request.depth, margin)
        for part, pairs in zip(parts, near, strict=True):
            for group in request.alike:
                one = len(request.alike) == 1
                mine = pairs if one else pairs.where(np.isin(pairs.query, group))
                _decide(part.shard, request, group, mine, hits)
    return [
        sorted((hit for hit in each if hit.post_id not in query.exclude), key=order)[
            : request.top_k
        ]
        for query, each in zip(request.queries, hits, strict=True)
    ]


def rivals(parts: Sequence[ShardCandidates], request: Request) -> list[Rivals]:
    """What each query's probabilities need of all the posts that it could have found.

    Those that it excludes, and those with nothing to compare, it could not.
    """
    posts = [0] * len(request.queries)
    above: list[list[float]] = [[] for _ in request.queries]
    for part in parts:
        _add_rivals(part, request, posts, above)
    calibration = request.scoring.calibration
    assert calibration is not None
    out = []
    for query, n, each in zip(request.queries, posts, above, strict=True):
        keen = scores.scale_of(query, calibration, request.silent).keen
        out.append(Rivals.of(n, each, keen))
    return out


def _add_rivals(
    part: ShardCandidates, request: Request, posts: list[int], above: list[list[float]]
) -> None:
    """Add to posts[i] how many of a part query i could have found, to above[i] their ln L."""
    shard = part.shard
    could = part.mask & shard.comparable()
    count = int(np.count_nonzero(could))
    for group in request.alike:
        one = len(request.alike) == 1
        pairs = part.rivals if one else part.rivals.where(np.isin(part.rivals.query, group))
        pairs = pairs.where(np.lexsort((pairs.row, pairs.query)))
        kept = could[pairs.row]
        for i in group:
            posts[i] += count
            for post_id in request.queries[i].exclude:
                gone = shard.is_post(post_id)
                posts[i] -= int(np.count_nonzero(could & gone))
                kept &= (pairs.query != i) | ~gone[pairs.row]
        pairs = pairs.where(kept)
        if not len(pairs.query):
            continue
        queries = [request.queries[i] for i in group]
        which = np.searchsorted(group, pairs.query)
        told = scores.evidence(shard, queries, which, pairs.row, request.scoring, request.silent)
        high = np.flatnonzero(told >= FLOOR)
        bounds = np.searchsorted(which[high], np.arange(len(group) + 1)).tolist()
        values = told[high].tolist()
        for i, (start, stop) in zip(group, pairwise(bounds), strict=True):
            above[i] += values[start:stop]


def look_up(hits: list[list[Candidate]]) -> list[list[Match]]:
    """The hits, the best first, with their posts' metadata, a shard's rows at once."""
    wanted: dict[int, tuple[Shard, dict[int, None]]] = {}
    for hit in (hit for each in hits for hit in each):
        wanted.setdefault(id(hit.shard), (hit.shard, {}))[1][hit.post] = None
    found = {}
    for key, (shard, posts) in wanted.items():
        rows = shard.rows(np.fromiter(posts, np.int64, len(posts)))
        found.update({(key, post): row for post, row in zip(posts, rows, strict=True)})
    return [
        [_match(hit, found[id(hit.shard), hit.post], rank) for rank, hit in enumerate(each, 1)]
        for each in hits
    ]


def ranked(matches: Sequence[Match], k: int) -> list[Match]:
    """The k best of several tasks' matches."""
    best = sorted(matches, key=order)[:k]
    return [m if m.rank == rank else replace(m, rank=rank) for rank, m in enumerate(best, 1)]


def order(hit: Candidate | Match) -> tuple[float, str]:
    """The order of every answer: the best score first, of equals the smaller id."""
    return -hit.score, hit.post_id


def _decide(
    shard: Shard, request: Request, group: list[int], pairs: Pairs, hits: list[list[Candidate]]
) -> None:
    """Add to hits[i] of some alike queries: their candidates of a shard in float64, cut."""
    if not len(pairs.query):
        return
    which = np.searchsorted(group, pairs.query)
    queries = [request.queries[i] for i in group]
    final, values, winners = scores.exact(shard, queries, which, pairs.row, request.scoring)
    good = np.flatnonzero(final >= request.thresholds[pairs.query])
    best = good[np.lexsort((-final[good], pairs.query[good]))]
    query, score = pairs.query[best], final[best]
    # Ids are needed of the best and of what ties with the last of them.
    begin = np.searchsorted(query, query)
    end = np.searchsorted(query, query, side="right")
    last = score[np.minimum(begin + request.depth, end) - 1]
    best = best[score >= last]
    ids = shard.ids(pairs.row[best])
    columns = [(name, each[best]) for name, each in values.items()]
    listed = [(name, each.tolist(), (~np.isnan(each)).tolist()) for name, each in columns]
    won = np.full(len(best), -1)
    for cosine in reversed([c for c in COSINES if c.post == "image" and c.name in values]):
        there = ~np.isnan(values[cosine.name][best])
        won[there] = winners[cosine.name][best][there]
    for n, (i, post, value, post_id, photo) in enumerate(
        zip(
            pairs.query[best].tolist(),
            pairs.row[best].tolist(),
            final[best].tolist(),
            ids,
            won.tolist(),
            strict=True,
        )
    ):
        components = {name: column[n] for name, column, there in listed if there[n]}
        hits[i].append(Candidate(value, post_id, shard, post, components, photo))


def _match(hit: Candidate, row: dict[str, Any], rank: int) -> Match:
    return Match(
        rank=rank,
        score=hit.score,
        matched="text" if hit.photo < 0 else "photo",
        photo=None if hit.photo < 0 else hit.shard.photo(hit.post, hit.photo),
        components=hit.components,
        **row,
    )
