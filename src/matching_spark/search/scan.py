"""What a task does with a shard: compare its posts with a block of queries, in float32."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from matching_spark.knn.candidates import COPY_ROWS, candidates, shortlist
from matching_spark.knn.similarity import (
    MARGIN,
    Float32,
    Float64,
    Index,
    Mask,
    Pairs,
    VectorSet,
    floor_of,
    from_cosine,
    low_of,
    near_best,
)
from matching_spark.score.ranking import COMPONENTS, log_odds
from matching_spark.search import fused
from matching_spark.search.request import Request, Vectors
from matching_spark.shards.ivf_index import Cells, reached
from matching_spark.shards.shard import NO_DAY, Shard

QUERIES_AT_ONCE = 4096  # of a block: 4 MB a thousand of 512 numbers, beside their scores
SCORES_AT_ONCE = 16 << 20  # of whole posts: 64 MB of float32
DEEPER = 8  # times as many rows are asked for where k were too few


@dataclass(frozen=True)
class ShardCandidates:
    """What one scan gave: posts that pass the filters, vectors looked at, and (query, post) pairs.

    pairs: in float32, each pair once, all within the margin of what may be a query's k best (of
    this shard, or of it and those before), and some beyond. rows: those that heads rule out too.
    """

    shard: Shard
    searched: int
    rows: int
    pairs: Pairs
    margin: float  # by how much one of the pairs' scores may err


@dataclass(frozen=True)
class _Side:
    """One kind of vectors of a shard, compared with queries of one kind.

    centroids: of the cells to choose from; None where all the vectors are looked at. mask: by post.
    """

    name: str
    part: VectorSet
    centroids: Float32 | None
    mask: Mask

    def allowed(self) -> Mask:
        """Of each row whether its post may be found."""
        return np.asarray(self.mask.take(self.part.owners))  # half the time of an index


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


def scan_all(
    shards: Iterable[Shard], request: Request, centroids: Cells | None = None
) -> list[ShardCandidates]:
    """Each shard as `scan` has it, but for pairs that the ones before it have ruled out."""
    parts: list[ShardCandidates] = []
    seen, floors = Pairs.joined([]), None
    for shard in shards:
        if parts and request.fusion is None:
            seen = Pairs.joined([seen, parts[-1].pairs])
            floors = low_of(seen, request.top_k, len(request.queries))
            seen = seen.where(seen.score >= floors[seen.query])
        parts.append(scan(shard, request, centroids, floors))
    return parts


def scan(
    shard: Shard,
    request: Request,
    centroids: Cells | None = None,
    floors: Float32 | None = None,
) -> ShardCandidates:
    """Compare the queries with a shard in float32; `rerank.decide` says which are the best.

    floors: (q,) float32 cosines below which there is none of a query's k best; not heeded where
    posts are scored whole.
    """
    least = np.full(len(request.queries), floor_of(request.threshold, request.metric), np.float32)
    floors = least if floors is None else np.maximum(floors, least)
    mask = shard.where(request.where)
    for post_id in request.exclude:
        mask &= ~shard.is_post(post_id)
    if request.only is not None:
        mask &= np.logical_or.reduce([shard.is_post(post_id) for post_id in request.only])
    found: list[Pairs] = []
    rows, margin = 0, MARGIN
    for (image, text), group in alike(request.queries).items():
        # By more than one component, posts are scored whole; else each row speaks for its post.
        whole = (image and text) or request.fusion is not None
        sides = list(_sides(shard, mask, image, text, centroids, request))
        step = QUERIES_AT_ONCE
        if whole:
            step = max(1, SCORES_AT_ONCE // len(COMPONENTS) // max(1, len(shard)))
            step = 1 if any(side.centroids is not None for side in sides) else step
        for start in range(0, len(group), step):
            block = group[start : start + step]
            if whole:
                pairs, looked, err = _whole(shard, request, block, sides, mask)
                margin = max(margin, err)
            else:
                pairs, looked = _apart(shard, request, block, sides, floors[block])
            rows += looked
            found.append(pairs.of_queries(np.array(block)))
    return ShardCandidates(shard, int(np.count_nonzero(mask)), rows, Pairs.joined(found), margin)


def alike(queries: Sequence[Vectors]) -> dict[tuple[bool, bool], list[int]]:
    """The queries by what they have: a photo, words, or both."""
    groups: dict[tuple[bool, bool], list[int]] = {}
    for i, query in enumerate(queries):
        groups.setdefault((query.image is not None, query.text is not None), []).append(i)
    return groups


def _sides(
    shard: Shard,
    mask: Mask,
    image: bool,
    text: bool,
    cells: Cells | None,
    request: Request,
) -> Iterator[_Side]:
    def few(centroids: Float32) -> Float32 | None:
        wanted = request.nprobe
        return centroids if wanted is not None and wanted < len(centroids) else None

    photos, texts = (few(cells.photos), few(cells.texts)) if cells else (None, None)
    fuses = request.fusion is not None
    if image:
        yield _Side("image-image", shard.photos, photos, mask)
    if image and fuses:  # only the fused score knows what a photo and words have in common
        yield _Side("image-text", shard.texts, texts, mask)
    if text:
        yield _Side("text-image", shard.photos, photos, mask)
        # Of a cosine by words alone, a post's words count only where it has no photo.
        words = mask if image or fuses else mask & (shard.photos.counts == 0)
        yield _Side("text-text", shard.texts, texts, words)


def _vectors(request: Request, block: Sequence[int], side: _Side) -> Float32:
    vector_of = attrgetter(side.name.partition("-")[0])
    return np.stack([vector_of(request.queries[i]) for i in block])


def _apart(
    shard: Shard, request: Request, block: list[int], sides: list[_Side], floors: Float32
) -> tuple[Pairs, int]:
    """(query of the block, post) that may be among the k best: each row speaks for its post."""
    found, rows = [], 0
    for side in sides:
        queries = _vectors(request, block, side)
        early = _too_early(shard, request, block)
        if side.centroids is None:
            found.append(_posts(side, queries, request.top_k, floors, early))
            rows += len(queries) * len(side.part.vectors)
            continue
        for i, query in enumerate(queries):
            near, looked = _near(side, query, request)
            rows += looked
            posts = near.of(side.part.owners, np.full_like(near.row, i))
            if early is not None:
                posts = posts.where(~early(posts))
            rows_of_k = request.top_k * max(1, side.part.most)  # among them k posts
            best = posts.where(candidates(posts.score, rows_of_k, float(floors[i]), MARGIN))
            found.append(best.best_of_rows())
    if len(sides) == 1:
        return Pairs.joined(found), rows
    (best,) = near_best([Pairs.joined(found).best_of_rows()], request.top_k, MARGIN)
    return best, rows


def _posts(side: _Side, queries: Float32, k: int, floors: Float32, early: "_Early | None") -> Pairs:
    """The posts of the best rows, of more of them until k posts are sure or no row is left.

    They are where the k-th post scores no less than the wanted-th best row: then the cosines of k
    posts are no less than that row's score - MARGIN. A row that is left out scores below it by more
    than 2 MARGIN (or below the floor), so its cosine is below it by more than MARGIN: it makes no
    post one of the k best. Of a k-th post in the margin below, one left out may be the better.
    """
    part, allowed = side.part, side.allowed()
    asked = np.arange(len(queries))
    wanted = k if part.most <= 1 and early is None else 4 * k
    out = []
    while len(asked):
        best = shortlist(queries[asked], part, wanted, floors[asked], allowed)
        posts = best.of(part.owners, asked[best.query])
        if early is not None:
            posts = posts.where(~early(posts))
        posts = posts.best_of_rows()
        kth = low_of(posts, k, len(queries), margin=0)[asked]  # -inf where there are fewer
        above = np.bincount(best.query[best.score > kth[best.query]], minlength=len(asked))
        done = above < wanted
        finished = np.zeros(len(queries), dtype=bool)
        finished[asked[done]] = True
        out.append(posts.where(finished[posts.query]))
        asked = asked[~done]
        wanted *= DEEPER
    return Pairs.joined(out)


def _near(side: _Side, query: Float32, request: Request) -> tuple[Pairs, int]:
    """The rows in the query's cells that may be found, with their scores; how many lie there."""
    rows, looked = _reached(side, query, request)
    scores = [
        np.vecdot(side.part.vectors.take(rows[s : s + COPY_ROWS], axis=0), query)
        for s in range(0, max(1, len(rows)), COPY_ROWS)
    ]
    return Pairs(np.zeros_like(rows), rows, np.concatenate(scores)), looked


def _reached(side: _Side, query: Float32, request: Request) -> tuple[Index, int]:
    """The rows that the query's cells reach and that may be found; how many are reached."""
    if side.centroids is None:
        return np.flatnonzero(side.allowed()), len(side.part.vectors)
    assert request.nprobe is not None
    rows = reached(side.part, side.centroids, query, request.nprobe)
    return rows[side.mask[side.part.owners[rows]]].astype(np.int64), len(rows)


def _whole(
    shard: Shard, request: Request, block: list[int], sides: list[_Side], mask: Mask
) -> tuple[Pairs, int, float]:
    """(query of the block, post) that may be among the k best by all of a post's components.

    With cells the block is one query, and only the posts that one of its sides reaches are scored.
    """
    if any(side.centroids is not None for side in sides):
        near = [_reached(side, _vectors(request, block, side)[0], request) for side in sides]
        owners = [side.part.owners[at] for side, (at, _) in zip(sides, near, strict=True)]
        posts, rows = np.unique(np.concatenate(owners)).astype(np.int64), sum(n for _, n in near)
    else:
        posts = np.flatnonzero(mask)
        rows = len(block) * sum(len(side.part.vectors) for side in sides)
    if not len(posts):
        return Pairs.joined([]), rows, 0.0
    queries = [request.queries[i] for i in block]
    floor = -np.inf if request.threshold is None else request.threshold
    if request.fusion is not None:
        few = 4 * len(posts) <= len(shard)  # as for vectors: copied when they are few
        some = shard.subset(posts) if few else shard
        facts = [request.fusion.facts[i] for i in block]
        scores, margin = fused.rough(some, queries, facts, request.fusion.calibration)
        scores = scores if few else scores[:, posts]
        floor = floor if request.threshold is None else log_odds(floor)
    else:
        rough, margin = {}, 0.0
        for side in sides:
            cosines = side.part.best(_vectors(request, block, side), posts)
            rough[side.name], margin = from_cosine(cosines, request.metric)
        scores = combine(rough).astype(np.float32)
    early, out = _too_early(shard, request, block), []
    for i, each in enumerate(scores):
        pairs = Pairs(np.full_like(posts, i), posts, each)
        if early is not None:
            each = np.where(early(pairs), np.nan, each)
        at = candidates(each, request.top_k, floor, margin)
        out.append(pairs.where(at))
    return Pairs.joined(out), rows, margin


@dataclass(frozen=True)
class _Early:
    """Which pairs are of a post that is dated before its query's first day."""

    days: npt.NDArray[np.int32]
    first: Index

    def __call__(self, pairs: Pairs) -> Mask:
        days = self.days[pairs.row]
        return np.asarray((days < self.first[pairs.query]) & (days != NO_DAY))


def _too_early(shard: Shard, request: Request, block: Sequence[int]) -> _Early | None:
    first = [request.not_before[i] for i in block] if request.not_before else []
    if all(day is None for day in first):
        return None
    return _Early(shard.days, np.array([NO_DAY if day is None else day for day in first]))
