"""What every task of a search is handed: its queries, what they may find, how posts are scored."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import SAME, Float32, Float64, Metric, floor_of
from matching_spark.score import components
from matching_spark.score.calibration import Calibration, log_odds
from matching_spark.score.components import Cosine, Part
from matching_spark.score.kinds import FILTERS, Modality, kind_name, modality
from matching_spark.score.posterior import COSTS, HERE, Costs


@dataclass(frozen=True)
class QueryItem:
    """A query as unit vectors (d,), of a photo, of words, or of both; and what else is known of it.

    not_before: the first day, since EPOCH, of a post that is dated. exclude: ids of posts that must
    not come back.
    """

    image: Float32 | None = None
    text: Float32 | None = None
    facts: Facts = Facts()  # noqa: RUF009  (frozen)
    not_before: int | None = None
    exclude: frozenset[str] = frozenset()

    @property
    def has(self) -> Modality:
        """Raises ValueError when it has neither."""
        return modality(self.image is not None, self.text is not None)

    def part(self, name: Part) -> Float32 | None:
        return self.image if name == "image" else self.text


def cosines_of(query: QueryItem) -> tuple[Cosine, ...]:
    """All that the query's parts can be compared with."""
    return tuple(each for each in components.COSINES if query.part(each.query) is not None)


@dataclass(frozen=True)
class Scoring:
    """How posts are scored, and from where on they are shown.

    calibration: of the fused score; None: by `metric`. threshold: asked for, of every query. card:
    the model card's thresholds of cosines for photos and for words. here: w, the share of lost
    things that are among all posts. costs: of mistakes, which the bands of probabilities follow.
    """

    metric: Metric = "cosine"
    calibration: Calibration | None = None
    threshold: float | None = None
    card: tuple[float | None, float | None] = (None, None)
    here: float = HERE
    costs: Costs = COSTS

    @property
    def kind(self) -> str:
        return self.metric if self.calibration is None else "fused"

    def counted(self, query: QueryItem) -> tuple[Cosine, ...]:
        """The cosines of the query's parts with a post's that count."""
        every = self.calibration is not None
        return tuple(each for each in cosines_of(query) if every or each.alone)

    def of_post(self, post: QueryItem) -> QueryItem:
        """A post as a query: all that is known of it; by cosine its photo, else its words."""
        if self.calibration is not None or post.image is None:
            return post
        return replace(post, text=None)

    def threshold_for(self, query: QueryItem) -> float | None:
        """The least score that is shown: what was asked for, else the calibration's for what is
        known of the query, else the model card's. None is no limit.

        A card has none for a photo and words at once, and none but of cosines.
        """
        if self.threshold is not None:
            return self.threshold
        if self.calibration is not None:
            return self.calibration.thresholds[kind_name(query.has, query.facts.told())]
        if self.metric != "cosine" or query.has == "both":
            return None
        return self.card[0 if query.has == "image" else 1]


@dataclass(frozen=True)
class Deadline:
    """When a search gives what it has found so far. at: by the clock, seconds that only grow."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    @property
    def over(self) -> bool:
        return self.clock() >= self.at


@dataclass(frozen=True)
class Request:
    """What every task of one search is handed.

    only: ids of the posts that may come back. nprobe: how many cells of a shard are looked at; None
    is all of it, which is exact. rivals: of the fused score, whether all the posts that evidence
    speaks for are told of, for a list's probabilities. until: the memory runner heeds it between
    two shards; requests that differ in it alone are alike, and may be asked as one.
    """

    queries: tuple[QueryItem, ...]
    where: Filters
    top_k: int
    scoring: Scoring = Scoring()
    only: frozenset[str] | None = None
    nprobe: int | None = None
    rivals: bool = False
    until: Deadline | None = field(default=None, compare=False)

    @property
    def left_s(self) -> float:
        """The seconds until its time is over; negative after that, inf where it has no end."""
        return math.inf if self.until is None else self.until.at - self.until.clock()

    @cached_property
    def silent(self) -> frozenset[str]:
        """The facts that are filters too: all that may be found have the same, so they tell no post
        from another."""
        return frozenset(name for name in FILTERS if getattr(self.where, name) is not None)

    @cached_property
    def thresholds(self) -> Float64:
        """(q,) the least score of each query; -inf where there is no limit.

        One of 1 lets the same photo through, whose cosine with itself may be 1 less 2e-16.
        """
        limits = (self.scoring.threshold_for(query) for query in self.queries)
        asked = np.array([-np.inf if limit is None else limit for limit in limits])
        return np.where(asked == 1, SAME, asked) if self.scoring.kind == "cosine" else asked

    @cached_property
    def rough(self) -> Float32:
        """(q,) the rough scores (search.scores) from which on the thresholds can be reached."""
        metric, out = self.scoring.metric, []
        for query, limit in zip(self.queries, self.thresholds.tolist(), strict=True):
            if self.scoring.calibration is not None:
                out.append(log_odds(limit))
            else:
                out.append(limit if query.has == "both" else floor_of(limit, metric))
        return np.array(out, np.float32)

    @cached_property
    def depth(self) -> int:
        """How many posts of a query must be known for top_k to be left without the excluded."""
        return self.top_k + max((len(query.exclude) for query in self.queries), default=0)

    @cached_property
    def alike(self) -> list[list[int]]:
        """The queries that have the same parts, by their places."""
        places = sorted(range(len(self.queries)), key=lambda i: self.queries[i].has)
        return [list(group) for _, group in groupby(places, lambda i: self.queries[i].has)]
