"""Scores of whole posts, by all of their components: bounds first, vectors of what they leave.

What posts have and tell bounds their scores before a vector is read, and codes of their vectors
bring the bounds down to the scores but for a little (score.ceilings). That is done of some thousand
posts at a time, whose numbers stay in a core's cache; what reaches what is asked for is scored, a
pair by itself.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from matching_spark.knn.post_bounds import PostBounds
from matching_spark.knn.similarity import Float32, Index, Mask, Pairs, low_of
from matching_spark.knn.threads import share
from matching_spark.score.ceilings import Ceilings, lowered
from matching_spark.score.coded import tell
from matching_spark.score.components import Cosine
from matching_spark.score.posterior import FLOOR
from matching_spark.search import scores
from matching_spark.search.request import Request
from matching_spark.shards.shard import NO_DAY, Shard

PROBES = 4  # times k: of the highest bounds, scored to know what the others must reach
LEAST_PROBES = 64
FEW = 4  # times as many are scored without probes
PAIRS_AT_ONCE = 1 << 16  # of posts and queries, whose sums stay in a core's cache
LEAST_AT_ONCE = 1 << 12  # posts, however many queries
SPARE = 5  # a pair by itself takes so many times as long as one of many
GROWTH = 4  # times as many posts are looked at before what must be reached is raised again
SPAN = 128  # bounds whose maximum is looked at first
MOST_PAIRS = 4 << 20  # listed at once: half a GB, with what is made of them
SEEN = 16  # a part of so many of the posts tells how many of all pairs will be listed


class Crowded(Exception):
    """More pairs reach what is asked for than are listed at once: ask for fewer queries."""


@dataclass(frozen=True)
class _Reach:
    """Pairs that may reach what is asked for, query by query.

    which, post: (m,) int64. score: (m,) float32 what bounds their scores; -inf of posts that are
    dated too early. spoken: the same without the silent facts, whenever they are dated.
    """

    which: Index
    post: Index
    score: Float32
    spoken: Float32

    @classmethod
    def none(cls) -> "_Reach":
        pairs, scores = np.empty(0, np.int64), np.empty(0, np.float32)
        return cls(pairs, pairs, scores, scores)

    @classmethod
    def joined(cls, parts: Sequence["_Reach"]) -> "_Reach":
        score = np.concatenate([part.score for part in parts])
        same = all(part.spoken is part.score for part in parts)
        return cls(
            np.concatenate([part.which for part in parts]),
            np.concatenate([part.post for part in parts]),
            score,
            score if same else np.concatenate([part.spoken for part in parts]),
        )

    @property
    def by_query(self) -> "_Reach":
        """A block has fewer queries than 65,536, and of 16 bits the sort is linear."""
        if not self.which.any():  # those of one query
            return self
        return self.some(np.argsort(self.which.astype(np.uint16), kind="stable"))

    def less(self, by: Float32) -> "_Reach":
        score = self.score + by
        spoken = score if self.spoken is self.score else self.spoken + by
        return _Reach(self.which, self.post, score, spoken)

    def where(self, mask: Mask) -> "_Reach":
        return self if mask.all() else self.some(np.flatnonzero(mask))

    def some(self, at: Index | slice) -> "_Reach":
        score = self.score[at]
        spoken = score if self.spoken is self.score else self.spoken[at]
        return _Reach(self.which[at], self.post[at], score, spoken)


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
        self.shard, self.request = shard, request
        self.posts = np.arange(len(shard)) if posts is None else posts
        self.all = posts is None
        self.queries = [request.queries[i] for i in block]
        self.cosines = scoring.counted(self.queries[0])
        self.silent = request.silent if request.rivals and calibration is not None else None
        self.probes = max(PROBES * request.depth, LEAST_PROBES)
        self.margin = scores.margin_of(self.queries, scoring, self.silent)
        self.least = floors.astype(np.float64) - self.margin
        self.raised = bool((floors > request.rough[block]).all())  # by shards before this one
        self.told_from = np.full(len(block), np.inf)
        days = [query.not_before for query in self.queries]
        self.first = np.array([NO_DAY if day is None else day for day in days])
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

    def among(self, posts: Index) -> Self:
        """The same queries against fewer of the posts."""
        some = copy(self)
        some.posts, some.all = posts, False
        return some

    def pairs(self) -> tuple[Pairs, Pairs]:
        """(query, post) that may be among the k best, and those that lists of rivals may hold.

        Raises Crowded where these are too many, as of posts that are all alike; of one query never.
        """
        reach = self._reach()
        which, posts, early = reach.which, reach.post, reach.score == -np.inf
        score, evidence = self._scored(reach)
        found = Pairs(which, posts, score).where(~early & (score >= self.least[which]))
        low = low_of(found, self.request.depth, len(self.queries), self.margin)
        found = found.where(found.score >= low[found.query])
        if evidence is None:
            return found, Pairs.joined([])
        return found, Pairs(which, posts, evidence).where(evidence >= FLOOR - self.margin)

    def promising(self, count: int) -> Index:
        """(count,) of the posts those that bounds promise most by what they tell; fewer where there
        are fewer. It is one query, by the fused score."""
        sums, bounds = self._sums(self.values), np.empty(len(self.posts), np.float32)

        def look(part: slice) -> None:
            bounds[part] = _sum(sums, part)

        share(look, [slice(s, s + PAIRS_AT_ONCE) for s in range(0, len(bounds), PAIRS_AT_ONCE)])
        days = self.shard.days.take(self.posts)
        bounds[(days < self.first[0]) & (days != NO_DAY)] = -np.inf
        at = _high(bounds, count)
        best = np.argpartition(bounds[at], -count)[-count:] if len(at) > count else slice(None)
        return self.posts[at[best]]

    # -- what reaches ------------------------------------------------------------------------

    def _reach(self) -> _Reach:
        """Of all pairs those that reach it by bounds of their scores."""
        silent, q = self.silent or frozenset(), len(self.queries)
        sums, of_spoken = self._sums(self.values), None
        if silent & self.values.keys():
            of_spoken = self._sums({n: v for n, v in self.values.items() if n not in silent})
        bounds = [
            PostBounds(scores.side_of(self.shard, each), scores.vectors_of(self.queries, each))
            for each in self.cosines
        ]
        found: dict[int, tuple[int, _Reach]] = {}

        def look(part: slice) -> None:
            score = _sum(sums, part).reshape(-1, q)
            spoken = score if of_spoken is None else _sum(of_spoken, part).reshape(-1, q)
            found[part.start] = self._many(self.posts[part], score, spoken, bounds)

        step = max(LEAST_AT_ONCE, PAIRS_AT_ONCE // q)
        first = GROWTH * step if self.raised else max(LEAST_AT_ONCE, step // GROWTH)
        reach, done = _Reach.none(), 0
        while done < len(self.posts):
            upto = min(len(self.posts), max(first, GROWTH * done))
            share(look, [slice(s, min(s + step, upto)) for s in range(done, upto, step)])
            new = [found.pop(start) for start in sorted(found)]
            left = [reach]
            for known in sorted({known for known, _ in new}):
                some = _Reach.joined([each for n, each in new if n == known])
                left.append(self._few(some.by_query, known, bounds))
            reach, done = _Reach.joined(left).by_query, upto
            self._raise(self._of_highest(reach))
            reach = self._reaching(reach)
            expected = len(reach.which) * len(self.posts) // done
            if q > 1 and SEEN * done >= len(self.posts) and expected > MOST_PAIRS:
                raise Crowded
        return reach

    def _sums(self, values: dict[str, Float32]) -> list[tuple[Index, Float32]]:
        """As Ceilings has them, of the posts that are looked at. Tables are (m, q), so that what
        queries add to a post lies together, and of one query (m,)."""
        return [
            (
                codes if self.all else codes.take(self.posts),
                np.ascontiguousarray(table.T) if len(table) > 1 else table[0],
            )
            for codes, table in self.ceilings.sums(self.told, values, len(self.queries))
        ]

    def _many(
        self, posts: Index, score: Float32, spoken: Float32, bounds: Sequence[PostBounds]
    ) -> tuple[int, _Reach]:
        """The pairs of some posts that reach it by so many of the cosines: by all of them, or by
        those after which few pairs are left. score, spoken: (m, q) by what posts have and tell,
        which are written over."""
        known, there = 0, self._reaches(score, spoken)
        while known < len(bounds) and SPARE * np.count_nonzero(there) > score.size:
            near, having = bounds[known].of(posts)
            every = slice(None) if len(having) == len(posts) else having
            less = self._less(self.cosines[known], posts[every], near)
            score[every] += less
            if spoken is not score:
                spoken[every] += less
            there = self._reaches(score, spoken)
            known += 1
        at = np.flatnonzero(there)
        place, which = np.divmod(at, len(self.queries))
        high = score.ravel().take(at)
        more = high if spoken is score else spoken.ravel().take(at)
        return known, self._dated(_Reach(which, posts.take(place), high, more))

    def _few(self, reach: _Reach, known: int, bounds: Sequence[PostBounds]) -> _Reach:
        """Of pairs, query by query, those that reach it by the other cosines too."""
        for cosine, of in zip(self.cosines[known:], bounds[known:], strict=True):
            near = of.of_pairs(reach.which, reach.post)
            reach = self._reaching(reach.less(self._less(cosine, reach.post, near[:, None])[:, 0]))
        return reach

    def _less(self, cosine: Cosine, posts: Index, near: Float32) -> Float32:
        """(m, q) by how much posts' bounds are lowered for cosines (m, q)."""
        alone = self.told.alone
        has = self.told.has.take(posts) if alone is None else alone
        return lowered(self.ceilings.drops[cosine.name], has, near)

    def _dated(self, reach: _Reach) -> _Reach:
        """Of these those that are not dated before their query's first day, or are rivals."""
        if (self.first == NO_DAY).all():
            return reach
        days = self.shard.days.take(reach.post)
        early = (days < self.first.take(reach.which)) & (days != NO_DAY)
        score = np.where(early, np.float32(-np.inf), reach.score)
        return self._reaching(_Reach(reach.which, reach.post, score, reach.spoken))

    def _of_highest(self, reach: _Reach) -> _Reach:
        """Some of each query's highest bounds; none where all are few."""
        at = [np.empty(0, np.int64)]
        cuts = np.searchsorted(reach.which, np.arange(len(self.queries) + 1))
        for first, last in pairwise(cuts.tolist()):
            if last - first > FEW * self.probes:
                at.append(first + _highest(reach.score[first:last], self.probes))
        return reach.some(np.concatenate(at))

    def _raise(self, some: _Reach) -> None:
        """What must be reached, to the k-th best of some of each query's posts."""
        if not len(some.which):
            return
        pairs = Pairs(some.which, some.post, self._scored(some)[0])
        pairs = pairs.where((some.score > -np.inf) & ~np.isnan(pairs.score))
        low = low_of(pairs, self.request.depth, len(self.queries), self.margin)
        self.least = np.maximum(self.least, low)

    def _reaching(self, reach: _Reach) -> _Reach:
        return reach.where(self._reaches(reach.score, reach.spoken, reach.which))

    def _reaches(self, score: Float32, spoken: Float32, which: Index | None = None) -> Mask:
        """Of bounds (m, q) of all queries, or (m,) of those said, whether they reach it."""
        low, told = (
            np.nextafter(each.astype(np.float32), np.float32(-np.inf))  # no more than it is
            for each in (self.least, self.told_from)
        )
        if which is not None:
            low, told = low.take(which), told.take(which)
        if spoken is score:
            return np.asarray(score >= np.minimum(low, told))
        return np.asarray((score >= low) | (spoken >= told))

    # -- what it scores ----------------------------------------------------------------------

    def _scored(self, reach: _Reach) -> tuple[Float32, Float32 | None]:
        facts = self.told.of_pairs(self.values, reach.which, reach.post)
        return scores.rough(
            self.shard,
            self.queries,
            reach.which,
            reach.post,
            self.request.scoring,
            facts,
            self.silent,
        )


def _sum(sums: Sequence[tuple[Index, Float32]], part: slice) -> Float32:
    (codes, table), *more = sums
    out = table.take(codes[part], axis=0)
    for codes, table in more:
        out += table.take(codes[part], axis=0)
    return out


def _highest(bounds: Float32, count: int) -> Index:
    """Places of some of the highest: so many at least where there are, up to four times as many."""
    at = _high(bounds, count)
    return at[:: max(1, len(at) // (2 * count))]


def _high(bounds: Float32, count: int) -> Index:
    """Places of the highest, ascending: so many at least where there are, and often many more."""
    whole = len(bounds) - len(bounds) % SPAN
    low = np.float32(-np.inf)
    if whole // SPAN >= 2 * count:
        low = np.partition(bounds[:whole].reshape(-1, SPAN).max(axis=1), -count)[-count]
    return np.flatnonzero(bounds >= low)
