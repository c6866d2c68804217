"""What a task does with a shard: compare its posts with a block of queries, in float32."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching_spark.knn.by_vectors import Chosen
from matching_spark.knn.candidates import shortlist
from matching_spark.knn.similarity import (
    MARGIN,
    Float32,
    Index,
    Mask,
    Pairs,
    VectorSet,
    low_of,
    near_best,
)
from matching_spark.score.components import Cosine
from matching_spark.search import scores
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.whole import Crowded, Whole
from matching_spark.shards.ivf_index import Cells, reached
from matching_spark.shards.shard import NO_DAY, Shard

QUERIES_AT_ONCE = 4096  # of a block: 4 MB a thousand of 512 numbers, beside their scores
PAIRS_AT_ONCE = 8 << 20  # of whole posts; whole.MOST_PAIRS says how many of them may be listed
PROMISING = (
    1024  # posts by facts, beside those of cells: recall@10 of 0.48 with none, 0.99 with 1,024
)
DEEPER = 8  # times as many rows are asked for where k were too few


@dataclass(frozen=True)
class ShardCandidates:
    """What one scan gave: the posts that pass the filters, vectors looked at, (query, post) pairs.

    pairs: in float32, each pair once, all within the margin of what may be a query's k best (of
    this shard, or of it and those before), and some beyond. rows: those that codes rule out too.
    rivals: pairs, as asked for, whose ln L may reach posterior.FLOOR.
    """

    shard: Shard
    mask: Mask
    rows: int
    pairs: Pairs
    margin: float  # by how much one of the pairs' scores may err
    rivals: Pairs

    @property
    def searched(self) -> int:
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True)
class _Side:
    """A cosine's side of a shard: the vectors that queries are compared with.

    centroids: of the cells to choose from; None where all the vectors are looked at. mask: by post.
    """

    cosine: Cosine
    part: VectorSet
    centroids: Float32 | None
    mask: Mask

    def allowed(self) -> Mask:
        """Of each row whether its post may be found."""
        return np.asarray(self.mask.take(self.part.owners))  # half the time of an index


def scan_all(
    shards: Iterable[Shard], request: Request, centroids: Cells | None = None
) -> list[ShardCandidates]:
    """Each shard as `scan` has it, but for pairs that the ones before it have ruled out; those that
    were begun before the request's time was over.
    """
    parts: list[ShardCandidates] = []
    seen, floors, margin = Pairs.joined([]), None, 0.0
    for shard in shards:
        if request.until is not None and request.until.over:
            break
        part = scan(shard, request, centroids, floors)
        margin = max(margin, part.margin)
        seen = Pairs.joined([seen, part.pairs])
        floors = low_of(seen, request.depth, len(request.queries), margin)
        seen = seen.where(seen.score >= floors[seen.query])
        parts.append(part)
    return parts


def scan(
    shard: Shard, request: Request, centroids: Cells | None = None, floors: Float32 | None = None
) -> ShardCandidates:
    """Compare the queries with a shard in float32; `rerank.decide` says which are the best.

    floors: (q,) float32 rough scores below which there is none of a query's k best.
    """
    floors = request.rough if floors is None else np.maximum(floors, request.rough)
    mask = shard.where(request.where)
    if request.only is not None:
        mask &= np.logical_or.reduce([shard.is_post(post_id) for post_id in request.only])
    found: list[Pairs] = []
    rivals: list[Pairs] = []
    rows, margin = 0, MARGIN
    for group in request.alike:
        first = request.queries[group[0]]
        # A post's score by one cosine is that of its best row. By several components it is the
        # post that is scored, not its rows.
        whole = first.has == "both" or request.scoring.calibration is not None
        sides = list(_sides(shard, mask, centroids, first, request))
        step = QUERIES_AT_ONCE
        if whole:
            step = min(step, max(1, PAIRS_AT_ONCE // max(1, len(shard))))
            step = 1 if any(side.centroids is not None for side in sides) else step
            step = -(-len(group) // -(-len(group) // step))  # blocks of like size
        blocks = [group[start : start + step] for start in range(0, len(group), step)]
        for block in blocks:  # and the halves of those that are too large
            if whole:
                try:
                    pairs, near, looked, err = _whole(shard, request, block, sides, mask, floors)
                except Crowded:
                    half = len(block) // 2
                    blocks += block[:half], block[half:]
                    continue
                rivals.append(near.of_queries(np.array(block)))
                margin = max(margin, err)
            else:
                pairs, looked = _apart(shard, request, block, sides, floors[block])
            rows += looked
            found.append(pairs.of_queries(np.array(block)))
    pairs = Pairs.joined(found)
    return ShardCandidates(shard, mask, rows, pairs, margin, Pairs.joined(rivals))


def _sides(
    shard: Shard, mask: Mask, cells: Cells | None, query: QueryItem, request: Request
) -> Iterator[_Side]:
    """The sides that count for a query and those that have the same parts."""
    by_words = query.has == "text" and request.scoring.calibration is None
    for cosine in request.scoring.counted(query):
        photos = cosine.post == "image"
        centroids = None if cells is None else cells.photos if photos else cells.texts
        part = scores.side_of(shard, cosine)
        if part.cells is None:
            centroids = None  # rows that are newer than the table's cells
        elif centroids is not None and (request.nprobe or len(centroids)) >= len(centroids):
            centroids = None  # all of them: no need to choose
        speaks = scores.words_speak(shard, mask) if by_words and not photos else mask
        yield _Side(cosine, part, centroids, speaks)


def _apart(
    shard: Shard, request: Request, block: list[int], sides: list[_Side], floors: Float32
) -> tuple[Pairs, int]:
    """(query of the block, post) that may be among the k best, each scored by its best row."""
    found, rows = [], 0
    for side in sides:
        queries = scores.vectors_of([request.queries[i] for i in block], side.cosine)
        early = _too_early(shard, request, block)
        if side.centroids is None:
            found.append(_posts(side, queries, request.depth, floors, early))
            rows += len(queries) * len(side.part.vectors)
            continue
        for i, query in enumerate(queries):
            near, looked = _reached(side, query, request)
            rows += looked
            if early is not None:
                posts = Pairs(np.full_like(near, i), near, np.zeros(len(near), np.float32))
                near = near[~early(posts.of(side.part.owners, posts.query))]
            wanted = request.depth * max(1, side.part.most)  # rows, among them so many posts
            best = shortlist(query[None], side.part, wanted, floors[i], Chosen(near))
            found.append(best.of(side.part.owners, np.full_like(best.row, i)).best_of_rows())
    if len(sides) == 1:
        return Pairs.joined(found), rows
    (best,) = near_best([Pairs.joined(found).best_of_rows()], request.depth, MARGIN)
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


def _reached(side: _Side, query: Float32, request: Request) -> tuple[Index, int]:
    """The rows that the query's cells reach and that may be found; how many are reached."""
    if side.centroids is None:
        return np.flatnonzero(side.allowed()), len(side.part.vectors)
    assert request.nprobe is not None
    rows = reached(side.part, side.centroids, query, request.nprobe)
    return rows[side.mask[side.part.owners[rows]]].astype(np.int64), len(rows)


def _whole(
    shard: Shard,
    request: Request,
    block: list[int],
    sides: list[_Side],
    mask: Mask,
    floors: Float32,
) -> tuple[Pairs, Pairs, int, float]:
    """(query of the block, post) that may be among the k best by all of a post's components, and
    those that the request's lists of rivals may hold. Raises Crowded.

    With cells the block is one query, and only the posts of `_near` are scored.
    """
    posts = None if mask.all() else np.flatnonzero(mask)
    whole = Whole(shard, request, block, posts, floors[block])
    if any(side.centroids is not None for side in sides):
        posts, rows = _near(whole, sides)
        whole = whole.among(posts)
    else:
        rows = len(block) * sum(len(side.part.vectors) for side in sides)
    if not len(whole.posts):
        return Pairs.joined([]), Pairs.joined([]), rows, 0.0
    return *whole.pairs(), rows, whole.margin


def _near(whole: Whole, sides: list[_Side]) -> tuple[Index, int]:
    """The posts that one of a query's sides reaches, and those whose facts promise the most, which
    may win by a photo that is not near; how many rows were reached."""
    there, rows = np.zeros(len(whole.shard), bool), 0
    for side in sides:
        (query,) = scores.vectors_of(whole.queries, side.cosine)
        near, looked = _reached(side, query, whole.request)
        there[side.part.owners[near]] = True
        rows += looked
    if whole.values:
        there[whole.promising(PROMISING)] = True
    return np.flatnonzero(there), rows


@dataclass(frozen=True)
class _Early:
    """Which pairs are of a post that is dated before its query's first day."""

    days: npt.NDArray[np.int32]
    first: Index

    def __call__(self, pairs: Pairs) -> Mask:
        days = self.days[pairs.row]
        return np.asarray((days < self.first[pairs.query]) & (days != NO_DAY))


def _too_early(shard: Shard, request: Request, block: Sequence[int]) -> _Early | None:
    first = [request.queries[i].not_before for i in block]
    if all(day is None for day in first):
        return None
    return _Early(shard.days, np.array([NO_DAY if day is None else day for day in first]))
