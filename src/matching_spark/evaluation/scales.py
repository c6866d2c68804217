"""What a pair's log-odds are worth in a list, learnt from whole lists: score.posterior's scales.

The slope of a kind of query, and the a of all kinds, are those by which the lists' answers,
which post it is or that none is, are most likely. The level follows from the slope: different pairs
have a mean L of 1.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.seen import Asked, Seen, seen
from matching_spark.knn.similarity import Float64, Index, Mask
from matching_spark.score.calibration import ANY, FILTERS, LIMITS, MODALITIES, Calibration
from matching_spark.score.posterior import APART, CAP, FLOOR, UNLEARNT, Scale, weighed

MIN_LISTS = 100  # whole ones of a kind, to learn its scales rather than keep those there are
SLOPES = (0.4, 2.5)
SHAPES = (1.0, 1e4)
EDGES = np.linspace(-60, 40, 5001)  # of the log-odds of different pairs
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2
LEAST = 0.0  # log-odds: by no slope that was ever learnt does less reach FLOOR

Scales = Mapping[str, Mapping[str, Scale]]


def learn_scales(
    pairs: LabelledPairs, weights: Calibration, base: Calibration | None
) -> tuple[Scales, float, list[str]]:
    """The scales of every kind of query by its filter, a, and what too few whole lists
    show: that is `base`'s, or UNLEARNT."""
    kinds = [Asked(has, facts) for facts in (True, False) for has in MODALITIES]
    views = {asked: seen(pairs, asked, weights) for asked in kinds}
    lists = {asked: _Lists.of(pairs, view, asked) for asked, view in views.items()}
    lists = {asked: each for asked, each in lists.items() if len(each.posts) >= MIN_LISTS}
    scales = {
        kind: dict(base.scales[kind]) if base else dict.fromkeys((ANY, *FILTERS), UNLEARNT)
        for kind in LIMITS
    }
    shape = APART if base is None else base.alike
    if lists:
        low, high = map(math.log, SHAPES)
        shape = math.exp(
            _least(
                lambda a: sum(each.best(math.exp(a))[1] for each in lists.values()),
                *(low, high),
                within=0.05,
            )
        )
        shape = round(shape, 2)
    for asked, each in lists.items():
        slope = round(each.best(shape)[0], 3)
        own = _scale(_different(pairs, views[asked]), slope)
        scales[asked.kind] = dict.fromkeys((ANY, *FILTERS), own)
        for only in FILTERS:
            view = seen(pairs, replace(asked, only=only), weights)
            if len(np.unique(pairs.lost[view.rows])) >= MIN_LISTS:
                scales[asked.kind][only] = _scale(_different(pairs, view), slope)
    few = [f"scales of {asked.kind}" for asked in kinds if asked not in lists]
    return scales, shape, few


def unit_scales(different: LabelledPairs, weights: Calibration) -> Scales:
    """Scales by which log-odds are what they are, ln L; what is above and below by these pairs of
    different things. Within a filter different things look alike more often: there their mean L is
    1. Of a filter, those of all where none of them passes; UNLEARNT where none can be asked so."""
    scales = {}
    for facts, part in product((True, False), MODALITIES):
        asked = Asked(part, facts)
        views = {only: seen(different, replace(asked, only=only), weights) for only in FILTERS}
        every = _scale(_different(different, seen(different, asked, weights)), 1.0, 0.0)
        scales[asked.kind] = {ANY: every} | {
            only: _scale(_different(different, view), 1.0) if len(view.rows) else every
            for only, view in views.items()
        }
    return scales


def crowds(different: LabelledPairs, weights: Calibration) -> float:
    """The a of score.posterior from pairs of different things alone: the one by which what looks
    alike in one half of a list says best how much does in the other. The least of their weights is
    that of one pair.

    By the likelihood of the doubles that a half brings, as if they were events of the rate that the
    other half tells; what they count does not matter to where it is highest (McCullagh 1983).
    """
    half = np.random.default_rng(0).random(len(different)) < 0.5
    lists = len(different.lost_ids)
    weight = different.weight / different.weight.min()
    halves: list[tuple[Float64, Float64, Float64, Float64]] = []  # a rate's, and what it should say
    for facts, part in product((True, False), MODALITIES):
        view = seen(different, Asked(part, facts), weights)
        scale = weights.scale(Asked(part, facts).kind)
        evidence, lost = scale.evidence(view.told), different.lost[view.rows]
        posts = weight[view.rows]
        each = posts * np.where(evidence >= FLOOR, np.minimum(np.exp(evidence), CAP), 0.0)
        one, other = half[view.rows], ~half[view.rows]
        usual, expected = (
            scale.above * _sums(lost[own], posts[own], lists) for own in (one, other)
        )
        doubles, more = (_sums(lost[own], each[own], lists) for own in (one, other))
        halves += [(usual, doubles, expected, more), (expected, more, usual, doubles)]

    def surprise(shape: float) -> float:
        mean = [
            ((shape + doubles) / (shape + usual) * expected, more)
            for usual, doubles, expected, more in halves
        ]
        return sum(float((m - more * np.log(np.maximum(m, 1e-12))).sum()) for m, more in mean)

    low, high = map(math.log, SHAPES)
    return round(math.exp(_least(lambda a: surprise(math.exp(a)), low, high, within=0.05)), 2)


@dataclass(frozen=True)
class _Lists:
    """Whole lists of one kind. posts, here: (n,) how many posts each holds, and whether the thing
    is one. at, told, weight: (m,) of its pairs from LEAST on, the place of the list and the
    log-odds; of_true, true: of the pairs that are the thing. different: by EDGES, of all lists.
    """

    posts: Float64
    here: Mask
    at: Index
    told: Float64
    weight: Float64
    of_true: Index
    true: Float64
    different: Float64

    @classmethod
    def of(cls, pairs: LabelledPairs, view: Seen, asked: Asked) -> "_Lists":
        """Of lost posts whose every found post is among the pairs, and that tell what is asked."""
        lost = pairs.lost[view.rows]
        kept = (pairs.whole & (view.bare == (not asked.facts)))[lost]
        rows, told = view.rows[kept], view.told[kept]
        _, at = np.unique(lost[kept], return_inverse=True)
        weight, same = pairs.weight[rows], pairs.same[rows]
        posts = np.bincount(at, weight)
        here = np.bincount(at[same], minlength=len(posts)) > 0
        high = told >= LEAST
        return cls(
            posts=posts.astype(np.float64),
            here=here,
            at=at[high],
            told=told[high],
            weight=weight[high],
            of_true=at[same],
            true=told[same],
            different=np.histogram(told[~same], EDGES, weights=weight[~same])[0],
        )

    def best(self, shape: float) -> tuple[float, float]:
        """The slope by which the answers are most likely, and how unlikely they are by it."""

        def of(slope: float) -> float:
            return self.surprise(_scale(self.different, slope), shape)

        slope = _least(of, *SLOPES, within=0.005)
        return slope, of(slope)

    def surprise(self, scale: Scale, shape: float) -> float:
        """The mean of -ln P of the lists' answers."""
        n = len(self.posts)
        evidence = scale.evidence(self.told)
        high = evidence >= FLOOR
        at, weight = self.at[high], self.weight[high]
        above: Float64 = np.bincount(at, weight, n).astype(np.float64)
        every = np.exp(evidence[high])
        ratios: Float64 = np.bincount(at, weight * every, n).astype(np.float64)
        best = np.zeros(n)
        np.maximum.at(best, at, every)
        alike = np.bincount(at, weight * np.minimum(every, CAP), n)
        doubles = np.asarray(alike - np.minimum(best, CAP), np.float64)
        share = (self.here.sum() + 1) / (n + 2)
        crowd, none, all_ = weighed(self.posts, above, ratios, doubles, share, scale, shape)
        true = scale.evidence(self.true)
        each = np.exp(true) / np.where(true >= FLOOR, crowd[self.of_true], 1.0)
        answer = np.where(self.here, share * np.bincount(self.of_true, each, n), none) / all_
        return float(-np.log(np.maximum(answer, 1e-12)).mean())


def _different(pairs: LabelledPairs, view: Seen) -> Float64:
    """The log-odds of different pairs, by EDGES."""
    rows = ~pairs.same[view.rows]
    weight = pairs.weight[view.rows[rows]]
    return np.histogram(view.told[rows], EDGES, weights=weight)[0].astype(np.float64)


def _sums(lost: Index, values: Float64, lists: int) -> Float64:
    """(lists,) of each list the sum of its pairs' values."""
    return np.bincount(lost, values, lists).astype(np.float64)


def _scale(different: Float64, slope: float, level: float | None = None) -> Scale:
    """Where no level is given, by which different pairs of these log-odds have a mean L of 1;
    UNLEARNT where there is none."""
    if not different.any():
        return UNLEARNT
    ratios = np.exp(slope * MIDDLES)
    if level is None:
        level = math.log((ratios * different).sum() / different.sum())
    own = ratios / math.exp(level)
    above = own >= math.exp(FLOOR)
    below = different[~above]
    return Scale(
        slope,
        round(level, 4),
        round(float((np.minimum(own, CAP) * different)[above].sum() / different.sum()), 6),
        round(float((own[~above] * below).sum() / below.sum()), 6),
    )


def _least(of: Callable[[float], float], low: float, high: float, within: float) -> float:
    """Where a function of one bend is least."""
    from scipy.optimize import minimize_scalar  # of scikit-learn, which learnt the weights

    return float(
        minimize_scalar(of, bounds=(low, high), method="bounded", options={"xatol": within}).x
    )
