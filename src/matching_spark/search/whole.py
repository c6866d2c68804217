"""Scores of whole posts, by all of their components: bounds first, vectors of what they leave.

What posts have and tell bounds their scores before a vector is read (score.ceilings). Cosines are
multiplied for the posts that reach what is asked for, and bring the bounds down to the scores but
for a little; what still reaches it is scored, a pair by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching_spark.knn.post_bounds import RowBounds, best_of_posts
from matching_spark.knn.similarity import Float32, Index, Mask, Pairs, VectorSet, low_of
from matching_spark.score.ceilings import Ceilings, cosine_at, having, lowered
from matching_spark.score.coded import tell
from matching_spark.score.components import Cosine
from matching_spark.score.posterior import FLOOR
from matching_spark.search import scores
from matching_spark.search.request import Request
from matching_spark.shards.shard import NO_DAY, Shard

# Rows are read by themselves where a product reads so many times as many; of a block, whose
# product reads a row once for all queries, where it reads more.
READ, READ_OF_BLOCK = 4, 16
PROBES = 4  # times k: of the highest bounds, scored to know what the others must reach
LEAST_PROBES = 64
POSTS_AT_ONCE = 1 << 14  # whose codes stay in a core's cache for all queries of a block
SPAN = 128  # bounds whose maximum is looked at first


@dataclass(frozen=True)
class _Reach:
    """Posts that may reach what a query asks for. at: (m,) their places among those looked at.
    score: (m,) what bounds their scores; -inf of those that are dated too early. spoken: the same
    without the silent facts, whenever they are dated.
    """

    at: Index
    score: Float32
    spoken: Float32

    @classmethod
    def joined(cls, parts: Sequence["_Reach"]) -> "_Reach":
        at = np.concatenate([part.at for part in parts])
        score = np.concatenate([part.score for part in parts])
        if all(part.spoken is part.score for part in parts):
            return cls(at, score, score)
        return cls(at, score, np.concatenate([part.spoken for part in parts]))

    def where(self, mask: Mask) -> "_Reach":
        return self if mask.all() else self.some(np.flatnonzero(mask))

    def some(self, at: Index) -> "_Reach":
        score = self.score.take(at)
        same = self.spoken is self.score
        return _Reach(self.at.take(at), score, score if same else self.spoken.take(at))

    def less(self, by: Float32) -> "_Reach":
        score = self.score + by
        return _Reach(self.at, score, score if self.spoken is self.score else self.spoken + by)


class Whole:
    """Queries that have the same parts against posts of a shard.

    block: the queries' places. posts: (p,) those that are looked at, None: all. floors: (q,) scores
    below which nothing is asked for, log-odds of the fused score.
    """

    def __init__(
        self,
        shard: Shard,
        request: Request,
        block: Sequence[int],
        posts: Index | None,
        floors: Float32,
    ) -> None:
        scoring, calibration = request.scoring, request.scoring.calibration
        self.shard, self.request, self.posts = shard, request, posts
        self.count = len(shard) if posts is None else len(posts)
        self.queries = [request.queries[i] for i in block]
        self.cosines = scoring.counted(self.queries[0])
        self.silent = request.silent if request.rivals and calibration is not None else None
        self.probes = max(PROBES * request.depth, LEAST_PROBES)
        self.margin = scores.margin_of(self.queries, scoring, self.silent)
        self.least = floors.astype(np.float64) - self.margin
        self.told_from = np.full(len(block), np.inf)
        if calibration is None:
            self.told, self.values = scores.told_of(shard), {}
            names = tuple(cosine.name for cosine in self.cosines)
            self.ceilings = Ceilings.mean(names, scoring.metric)
            return
        facts = [query.facts for query in self.queries]
        self.told = scores.told_of(shard, tell(facts))
        self.values = self.told.values(facts) if tell(facts) else {}
        self.ceilings = Ceilings.fused(calibration, self.queries[0].has, bool(self.values))
        if self.silent is not None:
            from_ = scores.spoken_from(self.queries, calibration, self.silent)
            self.told_from = from_ - self.margin

    def pairs(self) -> tuple[Pairs, Pairs]:
        """(query, post) that may be among the k best, and those that lists of rivals may hold."""
        reaches = self._by_cosines(self._by_facts())
        which = np.repeat(np.arange(len(reaches)), [len(reach.at) for reach in reaches])
        at = np.concatenate([reach.at for reach in reaches])
        early = np.concatenate([reach.score for reach in reaches]) == -np.inf
        score, evidence = self._scored(which, at)
        posts = self._posts(at)
        found = Pairs(which, posts, score).where(~early & (score >= self.least[which]))
        low = low_of(found, self.request.depth, len(reaches), self.margin)
        found = found.where(found.score >= low[found.query])
        if evidence is None:
            return found, Pairs.joined([])
        return found, Pairs(which, posts, evidence).where(evidence >= FLOOR - self.margin)

    # -- what reaches ------------------------------------------------------------------------

    def _by_facts(self) -> list[_Reach]:
        sums, of_spoken = self._sums(self.values), None
        silent = self.silent or frozenset()
        if silent & self.values.keys():
            of_spoken = self._sums({n: v for n, v in self.values.items() if n not in silent})
        found: list[list[_Reach]] = [[] for _ in self.queries]
        for start in range(0, self.count, POSTS_AT_ONCE):
            part = slice(start, start + POSTS_AT_ONCE)
            for i, reaches in enumerate(found):
                score = _sum(sums, i, part)
                spoken = score if of_spoken is None else _sum(of_spoken, i, part)
                at = np.arange(start, start + len(score))
                reaches.append(self._reaching(i, _Reach(at, score, spoken)))
        return [self._dated(i, _Reach.joined(each)) for i, each in enumerate(found)]

    def _dated(self, i: int, reach: _Reach) -> _Reach:
        """Of these those that are not dated before the query's first day, or are rivals."""
        first = self.queries[i].not_before
        if first is None:
            return reach
        days = self.shard.days.take(self._posts(reach.at))
        early = (days < first) & (days != NO_DAY)
        score = np.where(early, np.float32(-np.inf), reach.score)
        return self._reaching(i, _Reach(reach.at, score, reach.spoken))

    def _sums(self, values: dict[str, Float32]) -> list[tuple[Index, Float32]]:
        """As Ceilings has them, of the posts that are looked at."""
        sums = self.ceilings.sums(self.told, values, len(self.queries))
        return sums if self.posts is None else [(c.take(self.posts), t) for c, t in sums]

    def _by_cosines(self, reaches: list[_Reach]) -> list[_Reach]:
        """Of these what still reaches it by what their cosines add less than their most."""
        for cosine in self.cosines:
            side = scores.side_of(self.shard, cosine)
            bounds = RowBounds(side, scores.vectors_of(self.queries, cosine))
            every = bounds.of_all() if self._many(reaches) else None
            if every is not None:
                best = zip(reaches, every, strict=True)
                reaches = self._raised(reaches, [self._of_best(r, side, e) for r, e in best])
            for i, reach in enumerate(reaches):
                near = None
                if every is not None:
                    reach = self._by_rows(i, reach, cosine, every[i])
                    if READ * len(reach.at) > self.count:
                        near = best_of_posts(side, every[i]).take(self._posts(reach.at))
                if near is None:
                    near = bounds.of_posts(i, self._posts(reach.at))
                reaches[i] = self._reaching(i, self._lowered(reach, cosine, near))
            reaches = self._raised(reaches, [self._of_highest(reach) for reach in reaches])
        return reaches

    def _many(self, reaches: list[_Reach]) -> bool:
        read = READ if len(reaches) == 1 else READ_OF_BLOCK
        return read * sum(len(reach.at) for reach in reaches) > self.count * len(reaches)

    def _by_rows(self, i: int, reach: _Reach, cosine: Cosine, rows: Float32) -> _Reach:
        """Of these those whose cosine is as large as it must be even where all else is at its most,
        and those that have none; rows: (n,) no less than the cosines."""
        side = scores.side_of(self.shard, cosine)
        reaching = np.flatnonzero(rows >= self._least_of(i, reach, cosine))
        if READ * len(reaching) > len(rows):
            return reach
        may = side.counts == 0
        may[side.owners.take(reaching)] = True
        return reach.where(may if len(reach.at) == len(may) else may.take(self._posts(reach.at)))

    def _least_of(self, i: int, reach: _Reach, cosine: Cosine) -> float:
        """The least cosine by which one of these may reach it."""
        least = np.inf
        for has in np.intersect1d(having(cosine), self.told.bare.has):
            if self.values:
                score, spoken = (of.max(initial=-np.inf) for of in (reach.score, reach.spoken))
            else:
                score = spoken = self.ceilings.top[has]
            reach_from = ((self.least[i], score), (self.told_from[i], spoken))
            less = min((low - top for low, top in reach_from if top > -np.inf), default=np.inf)
            cell = int(np.searchsorted(self.ceilings.drops[cosine.name][has], less))
            least = min(least, cosine_at(cell))
        return least

    def _lowered(self, reach: _Reach, cosine: Cosine, near: Float32) -> _Reach:
        """By what their cosines add less than their most. near: (m,) no less than these."""
        alone = self.told.alone
        has = self.told.has.take(self._posts(reach.at)) if alone is None else alone
        return reach.less(lowered(self.ceilings.drops[cosine.name], has, near))

    def _of_best(self, reach: _Reach, side: VectorSet, rows: Float32) -> _Reach:
        """The posts of some of the best rows."""
        first = np.unique(side.owners.take(_highest(rows, self.probes)))
        posts = self._posts(reach.at)
        if not len(posts):
            return reach
        at = np.minimum(np.searchsorted(posts, first), len(posts) - 1)
        return reach.some(at[posts[at] == first])

    def _of_highest(self, reach: _Reach) -> _Reach:
        """Some of the highest bounds; none where all are few."""
        few = len(reach.at) <= 4 * self.probes
        return reach.some(_highest(reach.score, 0 if few else self.probes))

    def _raised(self, reaches: list[_Reach], some: list[_Reach]) -> list[_Reach]:
        """Of these what reaches the k-th best of some of each query's."""
        which = np.repeat(np.arange(len(some)), [len(reach.at) for reach in some])
        at = np.concatenate([reach.at for reach in some])
        if not len(at):
            return reaches
        early = np.concatenate([reach.score for reach in some]) == -np.inf
        pairs = Pairs(which, at, self._scored(which, at)[0])
        pairs = pairs.where(~early & ~np.isnan(pairs.score))
        low = low_of(pairs, self.request.depth, len(some), self.margin)
        self.least = np.maximum(self.least, low)
        return [self._reaching(i, reach) for i, reach in enumerate(reaches)]

    def _reaching(self, i: int, reach: _Reach) -> _Reach:
        if reach.spoken is reach.score:
            return reach.where(reach.score >= min(self.least[i], self.told_from[i]))
        return reach.where((reach.score >= self.least[i]) | (reach.spoken >= self.told_from[i]))

    # -- what it scores ----------------------------------------------------------------------

    def _scored(self, which: Index, at: Index) -> tuple[Float32, Float32 | None]:
        posts = self._posts(at)
        facts = self.told.of_pairs(self.values, which, posts)
        return scores.rough(
            self.shard, self.queries, which, posts, self.request.scoring, facts, self.silent
        )

    def _posts(self, at: Index) -> Index:
        return at if self.posts is None else self.posts[at]


def _sum(sums: Sequence[tuple[Index, Float32]], query: int, part: slice) -> Float32:
    (codes, table), *more = sums
    out = np.asarray(table[query].take(codes[part]))
    for codes, table in more:
        out += table[query].take(codes[part])
    return out


def _highest(bounds: Float32, count: int) -> Index:
    """Places of some of the highest: so many at least where there are, up to four times as many."""
    if not count:
        return np.empty(0, np.int64)
    whole = len(bounds) - len(bounds) % SPAN
    low = np.float32(-np.inf)
    if whole // SPAN >= 2 * count:
        low = np.partition(bounds[:whole].reshape(-1, SPAN).max(axis=1), -count)[-count]
    at = np.flatnonzero(bounds >= low)
    return at[:: max(1, len(at) // (2 * count))]
