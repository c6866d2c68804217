"""Scores of whole posts, by all of their components: bounds first, vectors of what they leave.

What posts have and tell bounds their scores before a vector is read (score.ceilings). Cosines are
multiplied for the posts that reach what is asked for, and bring the bounds down to the scores but
for a little; what still reaches it is scored, a pair by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matching_spark.knn.post_bounds import RowBounds, best_of_posts
from matching_spark.knn.similarity import Float32, Index, Mask, Pairs, low_of
from matching_spark.knn.threads import share
from matching_spark.score.ceilings import Ceilings, cosine_at, having, lowered
from matching_spark.score.coded import tell
from matching_spark.score.components import Cosine
from matching_spark.score.posterior import FLOOR
from matching_spark.search import scores
from matching_spark.search.request import Request
from matching_spark.shards.shard import NO_DAY, Shard

READ = 4  # rows are read by themselves where a product reads so many times as many
PROBES = 4  # times k: of the highest bounds, scored to know what the others must reach
LEAST_PROBES = 64
FEW = 4  # times as many are scored without probes
PAIRS_AT_ONCE = 1 << 17  # of posts and queries, whose sums of facts stay in a core's cache
SPAN = 128  # bounds whose maximum is looked at first


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
    def joined(cls, parts: Sequence["_Reach"]) -> "_Reach":
        if len(parts) == 1:
            return parts[0]
        score = np.concatenate([part.score for part in parts])
        same = all(part.spoken is part.score for part in parts)
        return cls(
            np.concatenate([part.which for part in parts]),
            np.concatenate([part.post for part in parts]),
            score,
            score if same else np.concatenate([part.spoken for part in parts]),
        )

    def of(self, query: int) -> "_Reach":
        first, last = np.searchsorted(self.which, (query, query + 1))
        return self.some(slice(first, last))

    def where(self, mask: Mask) -> "_Reach":
        return self if mask.all() else self.some(np.flatnonzero(mask))

    def some(self, at: Index | slice) -> "_Reach":
        score = self.score[at]
        spoken = score if self.spoken is self.score else self.spoken[at]
        return _Reach(self.which[at], self.post[at], score, spoken)

    def less(self, by: Float32) -> "_Reach":
        score = self.score + by
        spoken = score if self.spoken is self.score else self.spoken + by
        return _Reach(self.which, self.post, score, spoken)


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

    def pairs(self) -> tuple[Pairs, Pairs]:
        """(query, post) that may be among the k best, and those that lists of rivals may hold."""
        reach = self._by_facts() if self.values else None
        for cosine in self.cosines:
            if reach is None or self._many(reach):
                reach = self._by_all(reach, cosine)
            else:
                near = self._bounds(cosine).of_pairs(reach.which, reach.post)
                reach = self._lowered(reach, cosine, near)
            self._raise(self._of_highest(reach))
            reach = self._reaching(reach)
        assert reach is not None  # a query has a part, and so a cosine
        which, posts, early = reach.which, reach.post, reach.score == -np.inf
        score, evidence = self._scored(reach)
        found = Pairs(which, posts, score).where(~early & (score >= self.least[which]))
        low = low_of(found, self.request.depth, len(self.queries), self.margin)
        found = found.where(found.score >= low[found.query])
        if evidence is None:
            return found, Pairs.joined([])
        return found, Pairs(which, posts, evidence).where(evidence >= FLOOR - self.margin)

    # -- what reaches ------------------------------------------------------------------------

    def _by_facts(self) -> _Reach:
        """Of all pairs those that reach it by what posts have and tell."""
        sums, of_spoken = self._sums(self.values), None
        silent = self.silent or frozenset()
        if silent & self.values.keys():
            of_spoken = self._sums({n: v for n, v in self.values.items() if n not in silent})
        q, found = len(self.queries), {}

        def look(part: slice) -> None:
            score = _sum(sums, part)
            spoken = score if of_spoken is None else _sum(of_spoken, part)
            at = np.flatnonzero(self._reaches(score, spoken))
            place, which = np.divmod(at, q) if q > 1 else (at, np.zeros_like(at))
            some = score.ravel().take(at)
            more = some if of_spoken is None else spoken.ravel().take(at)
            found[part.start] = _Reach(which, self.posts[part].take(place), some, more)

        step = max(1, PAIRS_AT_ONCE // q)
        share(look, [slice(s, s + step) for s in range(0, len(self.posts), step)])
        reach = _Reach.joined([found[start] for start in sorted(found)])
        if q > 1:  # a block has fewer queries than 65,536, and of 16 bits the sort is linear
            reach = reach.some(np.argsort(reach.which.astype(np.uint16), kind="stable"))
        return self._dated(reach)

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

    def _dated(self, reach: _Reach) -> _Reach:
        """Of these those that are not dated before their query's first day, or are rivals."""
        if (self.first == NO_DAY).all():
            return reach
        days = self.shard.days.take(reach.post)
        early = (days < self.first.take(reach.which)) & (days != NO_DAY)
        score = np.where(early, np.float32(-np.inf), reach.score)
        return self._reaching(_Reach(reach.which, reach.post, score, reach.spoken))

    def _many(self, reach: _Reach) -> bool:
        return READ * len(reach.post) > len(self.posts) * len(self.queries)

    def _bounds(self, cosine: Cosine) -> RowBounds:
        side = scores.side_of(self.shard, cosine)
        return RowBounds(side, scores.vectors_of(self.queries, cosine))

    def _by_all(self, reach: _Reach | None, cosine: Cosine) -> _Reach:
        """Of these what still reaches it by a cosine, by products of all rows.

        None: of all posts, for queries that tell nothing.
        """
        every = self._bounds(cosine).of_all()
        mine = [None if reach is None else reach.of(i) for i in range(len(every))]
        best = []
        for i, rows in enumerate(every):
            reaching = np.count_nonzero(rows >= self._least_of(i, mine[i], cosine))
            if reaching > FEW * self.probes:
                best.append(self._of_best(i, mine[i], cosine, rows))
        if best:
            self._raise(_Reach.joined(best))
        each = [self._by_rows(i, mine[i], cosine, rows) for i, rows in enumerate(every)]
        return _Reach.joined(each)

    def _of_best(self, i: int, mine: _Reach | None, cosine: Cosine, rows: Float32) -> _Reach:
        """The posts of some of the best rows; rows: (n,) no less than the cosines."""
        owners = scores.side_of(self.shard, cosine).owners
        posts = np.unique(owners.take(_highest(rows, self.probes))).astype(np.int64)
        if mine is not None:
            return mine.where(np.isin(mine.post, posts))
        return self._all_of(i, posts if self.all else np.intersect1d(posts, self.posts))

    def _by_rows(self, i: int, mine: _Reach | None, cosine: Cosine, rows: Float32) -> _Reach:
        """Of a query's posts those whose cosine is as large as it must be even where all else is at
        its most, and those that have none, brought down."""
        side = scores.side_of(self.shard, cosine)
        reaching = np.flatnonzero(rows >= self._least_of(i, mine, cosine))
        may: Mask | None = None
        if READ * len(reaching) < len(rows):
            may = side.counts == 0
            may[side.owners.take(reaching)] = True
        if mine is None:
            posts = self.posts if may is None else np.flatnonzero(may)
            both = may is None or self.all
            mine = self._all_of(i, posts if both else np.intersect1d(posts, self.posts))
        elif may is not None:
            mine = mine.where(may.take(mine.post))
        return self._lowered(mine, cosine, best_of_posts(side, rows, mine.post))

    def _all_of(self, i: int, posts: Index) -> _Reach:
        """Posts as they reach it for a query that tells nothing."""
        score = self.ceilings.top.take(self.told.has.take(posts))
        return self._dated(_Reach(np.full(len(posts), i), posts, score, score))

    def _least_of(self, i: int, mine: _Reach | None, cosine: Cosine) -> float:
        """The least cosine by which one of a query's posts may reach it."""
        least = np.inf
        if mine is not None:
            score, spoken = (of.max(initial=-np.inf) for of in (mine.score, mine.spoken))
        for has in self.told.there.intersection(having(cosine)):
            if mine is None:
                score = spoken = self.ceilings.top[has]
            reach_from = ((self.least[i], score), (self.told_from[i], spoken))
            less = min((low - top for low, top in reach_from if top > -np.inf), default=np.inf)
            cell = int(np.searchsorted(self.ceilings.drops[cosine.name][has], less))
            least = min(least, cosine_at(cell))
        return least

    def _lowered(self, reach: _Reach, cosine: Cosine, near: Float32) -> _Reach:
        """What still reaches it by how much their cosines add less than their most. near: (m,) no
        less than these; NaN for none."""
        alone = self.told.alone
        has = self.told.has.take(reach.post) if alone is None else alone
        return self._reaching(reach.less(lowered(self.ceilings.drops[cosine.name], has, near)))

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
    whole = len(bounds) - len(bounds) % SPAN
    low = np.float32(-np.inf)
    if whole // SPAN >= 2 * count:
        low = np.partition(bounds[:whole].reshape(-1, SPAN).max(axis=1), -count)[-count]
    at = np.flatnonzero(bounds >= low)
    return at[:: max(1, len(at) // (2 * count))]
