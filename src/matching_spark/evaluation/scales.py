"""What a pair's log-odds are worth in a list, learnt from whole lists: score.posterior's scales.

Slope and level are those by which the log-odds are the pairs' own, by logistic regression (Platt
1999), of which the level is also the surest of all estimates by which different pairs have a mean L
of 1 (Bennett 1976): the mean itself hangs on the few of a very large L, of which a sample has too
few. How lists share it, the a, the power and how much what hides doubles hides the thing, are those
by which the lists' answers, which post it is, or one of those below, or none, are most likely.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.logistic import FREE, logistic
from matching_spark.evaluation.seen import Asked, Seen, every_kind, of_kind, seen
from matching_spark.knn.similarity import Float64, Index, Mask
from matching_spark.score.calibration import Calibration
from matching_spark.score.kinds import ALL, ANY, FILTERS, MODALITIES
from matching_spark.score.posterior import APART, CAP, FLOOR, UNLEARNT, Scale, crowd, weighed

MIN_LISTS = 100  # whole ones of a kind, to learn its scales rather than keep those there are
SLOPES = (0.4, 2.5)  # beyond, few pairs are told apart without a doubt
MIN_TRUE = 30  # pairs that are the same, of a kind as of a filter of it
SHAPES = (1.0, 1e4)
KEEN = (0.5, 2.0)
HIDDEN = (0.0, 1.0)
EDGES = np.linspace(-60, 40, 5001)  # of the log-odds of different pairs
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2
LEAST = 0.0  # log-odds: by no slope that was ever learnt does less reach FLOOR

Scales = Mapping[str, Mapping[str, Scale]]


def learn_scales(
    pairs: LabelledPairs, weights: Calibration, base: Calibration | None
) -> tuple[Scales, list[str]]:
    """The scales of every kind of query by its filter, and what too few whole lists show: that is
    `base`'s, or UNLEARNT."""
    if not pairs.whole.all():
        pairs = pairs.take(pairs.whole[pairs.lost])
    scales: dict[str, Mapping[str, Scale]] = {}
    few = []
    for asked in every_kind():
        lists = _Lists.of(pairs, of_kind(pairs, asked, weights))
        if len(lists.posts) < MIN_LISTS or len(lists.true) < MIN_TRUE:
            few.append(f"scales of {asked.kind}")
            unlearnt = dict.fromkeys((ANY, *FILTERS), UNLEARNT)
            scales[asked.kind] = base.scales[asked.kind] if base else unlearnt
            continue
        slope = _slope(lists.different, lists.true)
        level = _level(lists.different, lists.true, np.ones(len(lists.true)), slope)
        own = lists.best(_scale(lists.different, slope, level))
        by = dict.fromkeys((ANY, *FILTERS), own)
        for only in FILTERS:
            view = of_kind(pairs, replace(asked, only=only), weights)
            if len(np.unique(pairs.lost[view.rows])) >= MIN_LISTS:
                true = view.told[pairs.same[view.rows]]
                within = _within(_different(pairs, view), true, np.ones(len(true)), slope)
                by[only] = replace(
                    within, alike=own.alike, keen=own.keen, hidden=own.hidden, usual=own.usual
                )
        scales[asked.kind] = by
    return scales, few


def unit_scales(different: LabelledPairs, likely: LabelledPairs, weights: Calibration) -> Scales:
    """Scales by which log-odds are what they are, ln L; what is above and below by pairs of
    different things. Within a filter different things look alike more often: the level there is
    that of these and of pairs that are likely the same, each as often as its weight says. Of a
    filter, those of all where no different pair passes; UNLEARNT where none can be asked so."""
    scales = {}
    for asked in every_kind():
        every = _scale(_different(different, seen(different, asked, weights)), 1.0, 0.0)
        by = dict.fromkeys((ANY, *FILTERS), every)
        for only in FILTERS:
            others, true = (
                seen(pairs, replace(asked, only=only), weights) for pairs in (different, likely)
            )
            if len(others.rows):
                sure = likely.weight[true.rows]
                by[only] = _within(_different(different, others), true.told, sure, 1.0)
        scales[asked.kind] = by
    alike = crowds(different, replace(weights, scales=scales))
    return {
        kind: {
            only: scale if scale == UNLEARNT else replace(scale, alike=alike)
            for only, scale in by.items()
        }
        for kind, by in scales.items()
    }


def crowds(different: LabelledPairs, weights: Calibration) -> float:
    """The a of score.posterior from pairs of different things alone: the one by which what looks
    alike in one half of a list says best how much does in the other. The least of their weights is
    that of one pair.

    By the likelihood of the doubles that a half brings, as if they were events of the rate that the
    other half tells; what they count does not matter to where it is highest (McCullagh 1983).
    """
    from scipy.optimize import minimize_scalar  # of scikit-learn, which learnt the weights

    half = np.random.default_rng(0).random(len(different)) < 0.5
    lists = len(different.lost_ids)
    weight = different.weight / different.weight.min()
    halves: list[tuple[Float64, Float64, Float64, Float64]] = []  # a rate's, and what it should say
    for told, part in product((ALL, ()), MODALITIES):  # those that tell some facts lie between
        asked = Asked(part, told)
        view, scale = seen(different, asked, weights), weights.scale(asked.kind)
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

    found = minimize_scalar(
        lambda a: surprise(math.exp(a)),
        bounds=tuple(map(math.log, SHAPES)),
        method="bounded",
        options={"xatol": 0.05},
    )
    return round(math.exp(found.x), 2)


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
    def of(cls, pairs: LabelledPairs, view: Seen) -> "_Lists":
        """Of lost posts whose every found post is among their pairs."""
        rows, told = view.rows, view.told
        _, at = np.unique(pairs.lost[rows], return_inverse=True)
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

    def best(self, scale: Scale) -> Scale:
        """With the a and the powers by which the answers are most likely, and the usual m that goes
        with them."""
        from scipy.optimize import minimize  # of scikit-learn, which learnt the weights

        *_, doubles = self._above(scale)

        def at(alike: float, keen: float, hidden: float) -> Scale:
            other = replace(scale, alike=alike, keen=keen, hidden=hidden)
            return replace(other, usual=_usual(other, crowd(self.posts, doubles, other)))

        found = minimize(
            lambda of: self.surprise(at(math.exp(of[0]), of[1], of[2])),
            (math.log(30), 1.0, 0.1),
            method="Nelder-Mead",
            bounds=(tuple(map(math.log, SHAPES)), KEEN, HIDDEN),
            options={"xatol": 0.01, "fatol": 1e-6},
        )
        alike, keen, hidden = found.x.tolist()
        return at(round(math.exp(alike), 2), round(keen, 3), round(hidden, 3))

    def surprise(self, scale: Scale) -> float:
        """The mean of -ln P of the lists' answers."""
        n = len(self.posts)
        at, weight, every, doubles = self._above(scale)
        above: Float64 = np.bincount(at, weight, n).astype(np.float64)
        ratios: Float64 = np.bincount(at, weight * every, n).astype(np.float64)
        share = (self.here.sum() + 1) / (n + 2)
        shares: Float64 = np.bincount(at, weight * every**scale.keen, n).astype(np.float64)
        worth, below, none, all_ = weighed(self.posts, above, ratios, doubles, share, scale)
        true = scale.evidence(self.true)
        seen = true >= FLOOR  # else that it is one of those below is all that is said
        of = self.of_true[seen]
        left = (ratios / np.where(shares > 0, shares, 1.0) / worth)[of]
        each = np.bincount(of, left * np.exp(scale.keen * true[seen]), n)
        each = np.where(np.bincount(of, minlength=n) > 0, each, below * (self.posts - above))
        answer = np.where(self.here, share * each, none) / all_
        return float(-np.log(np.maximum(answer, 1e-12)).mean())

    def _above(self, scale: Scale) -> tuple[Index, Float64, Float64, Float64]:
        """Of the pairs from FLOOR on their lists, their weights and their L; (n,) the D of each
        list."""
        evidence = scale.evidence(self.told)
        high = evidence >= FLOOR
        at, weight, every = self.at[high], self.weight[high], np.exp(evidence[high])
        best = np.zeros(len(self.posts))
        np.maximum.at(best, at, every)
        alike = np.bincount(at, weight * np.minimum(every, CAP), len(best))
        return at, weight, every, np.asarray(alike - np.minimum(best, CAP), np.float64)


def _usual(scale: Scale, times: Float64) -> float:
    """The usual m by which the things that are here are among those below, by the m of their lists,
    (n,), as often as the mean L of those below says."""
    from scipy.optimize import brentq  # of scikit-learn, which learnt the weights

    if scale.hidden == 0 or not 0 < scale.below < 1:
        return 1.0
    odds = (1 - scale.below) / scale.below

    def too_often(usual: float) -> float:
        share = 1 / (1 + odds * (times / math.exp(usual)) ** scale.hidden)
        return float(share.mean()) - scale.below

    least, most = math.log(times.min()) - 1, math.log(times.max()) + 1
    return float(f"{math.exp(brentq(too_often, least, most)):.4g}")


def _different(pairs: LabelledPairs, view: Seen) -> Float64:
    """The log-odds of different pairs, by EDGES."""
    rows = ~pairs.same[view.rows]
    weight = pairs.weight[view.rows[rows]]
    return np.histogram(view.told[rows], EDGES, weights=weight)[0].astype(np.float64)


def _sums(lost: Index, values: Float64, lists: int) -> Float64:
    """(lists,) of each list the sum of its pairs' values."""
    return np.bincount(lost, values, lists).astype(np.float64)


def _slope(different: Float64, true: Float64) -> float:
    """By which log-odds are ln L but for a level. different: by EDGES; true: (m,)."""
    told = np.concatenate([MIDDLES, true])
    (slope,), _ = _regressed(told[:, None], np.zeros(len(told)), different, np.ones(len(true)))
    return round(min(max(float(slope), SLOPES[0]), SLOPES[1]), 3)


def _level(different: Float64, true: Float64, weight: Float64, slope: float) -> float:
    """The level that goes with a slope. true, weight: (m,), the log-odds and how many true pairs
    each stands for."""
    near = _mean_level(different, slope)
    start = slope * np.concatenate([MIDDLES, true]) - near
    return near - _regressed(np.empty((len(start), 0)), start, different, weight)[1]


def _regressed(
    columns: Float64, start: Float64, different: Float64, true: Float64
) -> tuple[Float64, float]:
    """`logistic` of the different pairs, by EDGES, and of the true ones, by how many each stands
    for, beyond their prior."""
    same = np.arange(len(start)) >= len(different)
    weight = np.concatenate([different, true])
    prior = math.log(true.sum() / different.sum())
    return logistic(columns, same, weight, start + prior, np.full(columns.shape[1] + 1, FREE))


def _mean_level(different: Float64, slope: float) -> float:
    """By which different pairs of these log-odds, by EDGES, have a mean L of 1."""
    return math.log((np.exp(slope * MIDDLES) * different).sum() / different.sum())


def _within(different: Float64, true: Float64, weight: Float64, slope: float) -> Scale:
    """The scale within a filter, of its pairs, as `_level` has them: by a mean L of 1 where too few
    are true."""
    few = weight.sum() < MIN_TRUE
    return _scale(different, slope, None if few else _level(different, true, weight, slope))


def _scale(different: Float64, slope: float, level: float | None = None) -> Scale:
    """By which different pairs of these log-odds have a mean L of 1, where no level is given; what
    looks alike says nothing. UNLEARNT where there is no pair."""
    if not different.any():
        return UNLEARNT
    if level is None:
        level = _mean_level(different, slope)
    own = np.exp(slope * MIDDLES - level)
    above = own >= math.exp(FLOOR)
    below = different[~above]
    return Scale(
        slope=round(slope, 3),
        level=round(level, 4),
        above=round(float((np.minimum(own, CAP) * different)[above].sum() / different.sum()), 6),
        below=round(float((own[~above] * below).sum() / below.sum()), 6),
        alike=APART,
    )
