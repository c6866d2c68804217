"""What the scans of shards found, decided: the k best in float64, looked up as matches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from matching_spark.domain.results import Match
from matching_spark.knn.similarity import Float64, Index, Pairs, near_best
from matching_spark.search import fused
from matching_spark.search.request import Request
from matching_spark.search.scan import ShardCandidates, alike, combine, scan_all
from matching_spark.shards.cache import ShardCache, Space
from matching_spark.shards.shard import DataFile, Shard


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
    """What a task gives: as ShardCandidates, with the best of all its files looked up."""

    searched: int
    rows: int
    matches: list[list[Match]]


def scan_files(
    files: Sequence[DataFile], request: Request, cache: ShardCache, space: Space
) -> Iterator[TaskOutcome]:
    """The task of a Spark search: its files scanned, the best of all of them looked up."""
    centroids = space.centroids()
    parts = scan_all(cache.load_all(files, space), request, centroids)
    yield TaskOutcome(
        sum(part.searched for part in parts),
        sum(part.rows for part in parts),
        merged(parts, request),
    )


def merged(parts: Sequence[ShardCandidates], request: Request) -> list[list[Match]]:
    """The matches of several shards in this process."""
    return look_up(decide(parts, request))


def decide(parts: Sequence[ShardCandidates], request: Request) -> list[list[Candidate]]:
    """Of each query the best top_k of several shards, the best first, decided in float64."""
    hits: list[list[Candidate]] = [[] for _ in request.queries]
    if parts:
        margin = max(part.margin for part in parts)
        near = near_best([part.pairs for part in parts], request.top_k, margin)
        groups = list(alike(request.queries).values())
        for part, pairs in zip(parts, near, strict=True):
            for group in groups:
                mine = pairs.where(np.isin(pairs.query, group)) if len(groups) > 1 else pairs
                _decide(part.shard, request, group, mine, hits)
    return [best_hits(each, request.top_k) for each in hits]


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
    best = sorted(matches, key=lambda m: (-m.score, m.post_id))[:k]
    return [m if m.rank == rank else replace(m, rank=rank) for rank, m in enumerate(best, 1)]


def best_hits(hits: list[Candidate], k: int) -> list[Candidate]:
    """The k best, the best first; of equals the smaller id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.post_id))[:k]


def _decide(
    shard: Shard, request: Request, group: list[int], pairs: Pairs, hits: list[list[Candidate]]
) -> None:
    """Add to hits[i] of some alike queries: their candidates of a shard in float64, cut."""
    if not len(pairs.query):
        return
    final, exact, winners = _exact(shard, request, group, pairs)
    good = np.flatnonzero(final >= (-np.inf if request.threshold is None else request.threshold))
    order = good[np.lexsort((-final[good], pairs.query[good]))]
    query, score = pairs.query[order], final[order]
    # Ids are needed of the k best and of what ties with the last of them.
    begin = np.searchsorted(query, query)
    end = np.searchsorted(query, query, side="right")
    last = score[np.minimum(begin + request.top_k, end) - 1]
    order = order[score >= last]
    ids = shard.ids(pairs.row[order])
    photos = [name for name in ("image-image", "text-image") if name in exact]
    columns = [(name, scores[order].tolist()) for name, scores in exact.items()]
    won = np.full(len(order), -1)
    for name in reversed(photos):
        there = ~np.isnan(exact[name][order])
        won[there] = winners[name][order][there]
    for n, (i, post, value, post_id, photo) in enumerate(
        zip(
            pairs.query[order].tolist(),
            pairs.row[order].tolist(),
            final[order].tolist(),
            ids,
            won.tolist(),
            strict=True,
        )
    ):
        components = {name: column[n] for name, column in columns if column[n] == column[n]}
        hits[i].append(Candidate(value, post_id, shard, post, components, photo))


def _exact(
    shard: Shard, request: Request, group: list[int], pairs: Pairs
) -> tuple[Float64, dict[str, Float64], dict[str, Index]]:
    """Of each pair the score, its components (NaN for missing) and the photos that won."""
    exact: dict[str, Float64] = {}
    winners: dict[str, Index] = {}
    if request.fusion is not None:
        final = np.full(len(pairs.query), np.nan)
        for j in np.unique(pairs.query):
            mine = np.flatnonzero(pairs.query == j)
            query, facts = request.queries[j], request.fusion.facts[j]
            final[mine], parts, photos = fused.exact(
                shard, query, facts, request.fusion.calibration, pairs.row[mine]
            )
            for name, values in parts.items():
                exact.setdefault(name, np.full(len(final), np.nan))[mine] = values
            for name, places in photos.items():
                winners.setdefault(name, np.zeros(len(final), np.int64))[mine] = places
        return final, exact, winners
    first = request.queries[group[0]]
    place = np.searchsorted(group, pairs.query)
    for side, name, part in (
        ("image", "image-image", shard.photos),
        ("text", "text-image", shard.photos),
        ("text", "text-text", shard.texts),
    ):
        if getattr(first, side) is not None:
            queries = np.stack([getattr(request.queries[i], side) for i in group])
            exact[name], winners[name] = part.exact(queries, place, pairs.row, request.metric)
    return combine(exact), exact, winners


def _match(hit: Candidate, row: dict[str, Any], rank: int) -> Match:
    return Match(
        rank=rank,
        score=hit.score,
        matched="text" if hit.photo < 0 else "photo",
        photo=None if hit.photo < 0 else hit.shard.photo(hit.post, hit.photo),
        components=hit.components,
        **row,
    )
