"""What a task does with a shard: score its posts against a block of queries, keep the best k."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matching_spark import fused
from matching_spark.posts import Filters
from matching_spark.ranking import COMPONENTS, Facts, limit_name, log_odds, modality
from matching_spark.results import Match
from matching_spark.shards import DataFile, Shard, load
from matching_spark.similarity import (
    Float32,
    Float64,
    Grouped,
    Index,
    Mask,
    Metric,
    candidates,
    from_cosine,
)

SCORES_AT_ONCE = 16 << 20  # of a block of queries: 64 MB of float32


@dataclass(frozen=True)
class Vectors:
    """A query as unit vectors (d,): of a photo, of words, or of both."""

    image: Float32 | None = None
    text: Float32 | None = None

    def limit(self, facts: Facts) -> str:
        """The name of the fused score's thresholds for this query."""
        return limit_name(modality(self.image is not None, self.text is not None), facts.bare)


@dataclass(frozen=True)
class Request:
    """What every task of one search is handed.

    exclude: post ids that must not come back. only: the post ids that may.
    """

    queries: tuple[Vectors, ...]
    where: Filters
    top_k: int
    threshold: float | None
    metric: Metric = "cosine"
    exclude: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    not_before: tuple[int | None, ...] = ()  # a query: the first day of a post that is dated
    fusion: fused.Fusion | None = None  # the fused score in place of the cosine's


def combine(components: Mapping[str, Float64 | Float32]) -> Float64:
    """Scores of posts from their components, each (n,) with NaN for missing.

    A photo query scores its best photo. A text query scores the photo where there is one, else the
    text. With both, the mean of the components that exist. NaN where none does.
    """
    if set(components) == {"text-image", "text-text"}:
        photo, text = components["text-image"], components["text-text"]
        return np.asarray(np.where(np.isnan(photo), text, photo), np.float64)
    stack = np.stack(list(components.values()))
    there = ~np.isnan(stack)
    total = np.where(there, stack, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return np.asarray(total / there.sum(axis=0))


def scan(shard: Shard, request: Request) -> tuple[int, list[list[Match]]]:
    """How many posts were compared, and the best matches of each query, unranked, at most top_k."""
    mask = shard.where(request.where)
    for post_id in request.exclude:
        mask &= ~shard.is_post(post_id)
    if request.only is not None:
        mask &= np.logical_or.reduce([shard.is_post(post_id) for post_id in request.only])
    hits: list[list[Match]] = [[] for _ in request.queries]
    alike: dict[tuple[bool, bool], list[int]] = {}
    for i, query in enumerate(request.queries):
        alike.setdefault((query.image is not None, query.text is not None), []).append(i)
    at_once = SCORES_AT_ONCE if request.fusion is None else SCORES_AT_ONCE // len(COMPONENTS)
    step = max(1, at_once // max(1, len(shard)))
    for group in alike.values():
        for start in range(0, len(group), step):
            _scan_block(shard, request, group[start : start + step], mask, hits)
    return int(mask.sum()), hits


def scan_files(
    files: Sequence[DataFile], request: Request, dimension: int
) -> list[tuple[int, list[list[Match]]]]:
    """The task of a Spark search: each of its files read, scanned and let go."""
    return [scan(load(file, dimension), request) for file in files]


def _scan_block(
    shard: Shard, request: Request, block: list[int], mask: Mask, hits: list[list[Match]]
) -> None:
    """Fill hits[i] of the queries i of a block, which have the same modalities."""
    queries = [request.queries[i] for i in block]
    parts: list[tuple[str, Grouped, list[Float32]]] = []
    whole: Float32 | Float64
    if request.fusion is not None:
        facts = [request.fusion.facts[i] for i in block]
        whole, margin = fused.rough(shard, queries, facts, request.fusion.calibration)
    else:
        parts = _parts(shard, queries)
        rough: dict[str, Float32] = {}
        margin = 0.0
        for name, rows, vectors in parts:
            best = rows.best(np.stack(vectors), len(shard))
            rough[name], margin = from_cosine(best, request.metric)
        whole = next(iter(rough.values())) if len(rough) == 1 else combine(rough)
    scores = np.where(mask, whole, np.nan).astype(np.float32, copy=False)
    for j, i in enumerate(block):
        if request.not_before and (first := request.not_before[i]) is not None:
            scores[j][shard.dated() & (shard.days() < first)] = np.nan
        each = [(name, rows, vectors[j]) for name, rows, vectors in parts]
        hits[i] = _keep(shard, request, i, each, scores[j], margin)


def _parts(shard: Shard, queries: Sequence[Vectors]) -> list[tuple[str, Grouped, list[Float32]]]:
    """The components of queries that have the same modalities: name, posts' side, queries' side."""
    parts: list[tuple[str, Grouped, list[Float32]]] = []
    if queries[0].image is not None:
        images = [q.image for q in queries if q.image is not None]
        parts.append(("image-image", shard.photos, images))
    if queries[0].text is not None:
        texts = [q.text for q in queries if q.text is not None]
        parts.append(("text-image", shard.photos, texts))
        parts.append(("text-text", shard.texts, texts))
    return parts


def _keep(
    shard: Shard,
    request: Request,
    query: int,
    parts: list[tuple[str, Grouped, Float32]],
    scores: Float32,
    margin: float,
) -> list[Match]:
    """The best of one query's rough scores (n,), decided in float64."""
    floor = -np.inf if request.threshold is None else request.threshold
    exact: dict[str, Float64] = {}
    winners: dict[str, Index] = {}
    if request.fusion is not None:
        lowest = floor if request.threshold is None else log_odds(floor)
        posts = candidates(scores, request.top_k, lowest, margin)
        facts, calibration = request.fusion.facts[query], request.fusion.calibration
        final, exact, winners = fused.exact(
            shard, request.queries[query], facts, calibration, posts
        )
    else:
        posts = candidates(scores, request.top_k, floor, margin)
        for name, rows, vector in parts:
            exact[name], winners[name] = rows.exact(vector, posts, request.metric)
        final = combine(exact)
    column = shard.metadata["post_id"]
    ids = [column[int(post)].as_py() for post in posts]
    order = sorted(np.flatnonzero(final >= floor), key=lambda i: (-final[i], ids[i]))
    return [
        _match(shard, int(posts[i]), float(final[i]), exact, winners, int(i))
        for i in order[: request.top_k]
    ]


def _match(
    shard: Shard,
    post: int,
    score: float,
    exact: dict[str, Float64],
    winners: dict[str, Index],
    i: int,
) -> Match:
    components = {name: float(s[i]) for name, s in exact.items() if not np.isnan(s[i])}
    photo = next((name for name in ("image-image", "text-image") if name in components), None)
    uri = None
    if photo:
        first = shard.photos.starts[np.searchsorted(shard.photos.posts, post)]
        uri = shard.photo_uris[int(first + winners[photo][i])].as_py()
    row = shard.metadata.slice(post, 1).to_pylist()[0]
    row = {name: "" if v is None and name != "happened_on" else v for name, v in row.items()}
    return Match(
        rank=0,
        score=score,
        matched="photo" if photo else "text",
        photo=uri,
        components=components,
        **row,
    )
