"""Weights without a label, by expectation and maximisation over a table's own lists.

As record linkage learns without truth (Fellegi and Sunter 1969; splink): guess who is whose, learn
from the guess, guess again; learnt by the same logistic additive model as from labels. Such a model
would confirm whatever it guesses; what is known for sure keeps it honest:

- A pair that was found long before it was lost is of two things, whatever else they share. Such
  pairs, nearly half of a table's, are what different things look like, with the days of any pair.
- A lost thing is one of the found ones or none: a list's probabilities (score.posterior) sum to 1.
- Facts are of no model: the first guess is by the base's lines of them alone, and they stay near.
- How much what looks alike differs from list to list shows in those different pairs too.
- Things that are always there look alike: the share of lost things that are here is held to what
  the settings say, else it creeps up with every look-alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching_spark.errors import InputError
from matching_spark.evaluation.labelled import Kept, LabelledPairs
from matching_spark.evaluation.learn import learn_patterns, of_lists
from matching_spark.evaluation.scales import unit_scales
from matching_spark.evaluation.seen import evidence
from matching_spark.knn.similarity import Float32, Float64, Index, Mask
from matching_spark.progress import SILENT, Progress
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.components import COSINES
from matching_spark.score.kinds import pattern_name
from matching_spark.score.lines import Values
from matching_spark.score.posterior import whole

LONG_DAYS = 14  # found so long before the loss: people misremember by days
LIKELY = 0.01  # a pair of less is not learnt from as a true one
STEPS = 6  # at most, of which the last few change the order of pairs no more, of guess and learning
MOVED = 0.01  # of the probabilities of a list, by the last step: less ends it
MIN_HERE = 100  # lost things that seem to be here, fewer teach too little
MIN_DIFFERENT = 5_000  # pairs that are different for sure
# Of a list too long to be held: those nearest by facts and by each cosine, of which the true one is
# nearly always one, and a sample of the others.
NEAREST_BY_FACTS = 500
NEAREST_BY_LOOKS = 100


@dataclass(frozen=True)
class Guess:
    """true: (n,) the probability of each pair that may be true. here: w, of the lost things."""

    true: Float64
    here: float


def learn_unlabelled(
    pairs: LabelledPairs,
    model: str,
    learnt: Mapping[str, Any],
    base: Calibration,
    share: float,
    progress: Progress = SILENT,
) -> Calibration:
    """Weights for these pairs' model, whose `same` is not looked at.

    pairs: whole lists, each lost post with every found post or, as `nearest` has it, with a sample
    that stands for them. base: for facts; of any model. share: of lost things, how many are thought
    to be here. Raises InputError where the pairs are too few.
    """
    sure = _impossible(pairs.values)
    if sure.sum() < MIN_DIFFERENT:
        raise InputError(
            f"{int(sure.sum()):,} pairs of the table were found more than {LONG_DAYS} days before "
            f"they were lost, and {MIN_DIFFERENT:,} are needed to know what different things look "
            "like: take in posts of a longer time, with their days"
        )
    rng = np.random.default_rng(0)
    different = _different(pairs, sure, rng)
    open_ = pairs.take(~sure)
    start = replace(base, patterns={n: _facts_only(w) for n, w in base.patterns.items()})
    now, steps = start, 0
    # By the facts alone the intercept is not theirs: the mean L of different pairs is 1. What is
    # learnt has its own, and that mean hangs on the few pairs of a very large L.
    others = evidence(different, start)
    known = ~np.isnan(others)
    level = math.log(np.average(np.exp(others[known]), weights=different.weight[known]))
    guess = Guess(np.zeros(len(open_)), share)
    for steps in range(1, STEPS + 1):
        before, guess = guess, _guess(pairs, open_, evidence(open_, now) - level, guess.here, share)
        here = float(guess.true @ open_.weight)
        if here < MIN_HERE:
            raise InputError(
                f"{here:.0f} of {len(pairs.lost_ids):,} lost things seem to be here, and "
                f"{MIN_HERE} are needed to learn from: take in more posts, or label pairs"
            )
        progress.say(f"step {steps}: {here:,.0f} lost things seem to be here")
        moved = float(np.abs(guess.true - before.true) @ open_.weight) / len(pairs.lost_ids)
        if moved < MOVED:
            break
        rows = _stacked(_likely(open_, guess.true), different)
        now = replace(base, patterns=learn_patterns(rows, base.prior, start, bare=False)[0])
        level = 0.0
    likely = _likely(open_, guess.true)
    rows = _stacked(likely, different)
    patterns, inherited = learn_patterns(rows, base.prior, start)
    told = {
        **learnt,
        "steps": steps,
        "share_here": round(guess.here, 4),
        "lost_things_here": round(here),
        "cosines": _cosines(likely, different),
        "inherited": inherited,
    }
    lists = _drawn(pairs, np.flatnonzero(~sure), guess.true, rng)
    weights = of_lists(lists, patterns, base.prior, model, told, base)
    # Of drawn answers a slope would learn itself: the scale is that by which they were drawn.
    return replace(weights, scales=unit_scales(different, likely, weights))


def nearest(
    base: Calibration, by_facts: int = NEAREST_BY_FACTS, by_looks: int = NEAREST_BY_LOOKS
) -> Kept:
    """Which pairs of a list too long to be held are no sample: the nearest by `base`'s lines of
    facts and by each cosine, of those that may be the true one and of those that are different for
    sure. Of these the days say nothing, as of what different things share by chance."""
    facts = _facts_only(base.patterns[pattern_name("both", "both", True)])

    def kept(values: Mapping[str, Float32]) -> Mask:
        sure = _impossible(values)
        undated = {name: each for name, each in values.items() if name != "days"}
        near = np.zeros(sure.shape, bool)
        for rows, told in ((~sure, values), (sure, undated)):
            by = [(facts.log_odds(told, np.float32), by_facts)]
            by += [(values[cosine.name], by_looks) for cosine in COSINES]
            for each, many in by:
                near |= _highest(np.where(rows & ~np.isnan(each), each, -np.inf), many)
        return near

    return kept


def _highest(values: Values, many: int) -> Mask:
    """(q, n) the so many highest ones of each row; never one of -inf."""
    many = min(many, values.shape[1])
    out = np.zeros(values.shape, bool)
    first = np.argpartition(-values, many - 1, axis=1)[:, :many]
    np.put_along_axis(out, first, values=True, axis=1)
    return np.asarray(out & (values > -np.inf))


def _cosines(likely: LabelledPairs, different: LabelledPairs) -> dict[str, Any]:
    """By cosine, its quantiles of what seems the same (10, 50, 90 %) and of what is different
    (50, 95, 99 %); without the cosines that no pair has."""
    sides = (("same", likely, (0.1, 0.5, 0.9)), ("different", different, (0.5, 0.95, 0.99)))
    out: dict[str, Any] = {}
    for cosine in COSINES:
        for side, pairs, at in sides:
            known = ~np.isnan(values := pairs.values[cosine.name])
            if known.any():
                each = np.quantile(
                    values[known], at, weights=pairs.weight[known], method="inverted_cdf"
                )
                out.setdefault(cosine.name, {})[side] = [round(float(q), 4) for q in each]
    return {name: sides for name, sides in out.items() if len(sides) == 2}


def _facts_only(weights: Weights) -> Weights:
    names = {cosine.name for cosine in COSINES}
    return replace(weights, points={n: p for n, p in weights.points.items() if n not in names})


def _impossible(values: Mapping[str, Float32]) -> Mask:
    """The pairs that were found long before they were lost; not those of a day unknown."""
    return np.asarray(values["days"] < -LONG_DAYS)


def _different(pairs: LabelledPairs, sure: Mask, rng: np.random.Generator) -> LabelledPairs:
    """Pairs that are different for sure, with the days of any pairs, standing for all."""
    own = pairs.take(sure)
    own = replace(
        own,
        same=np.zeros(len(own), bool),
        weight=own.weight * (pairs.weight.sum() / own.weight.sum()),
    )
    chance = pairs.weight / pairs.weight.sum()
    own.values["days"] = pairs.values["days"][rng.choice(len(pairs), len(own), p=chance)]
    return own


def _guess(
    pairs: LabelledPairs, open_: LabelledPairs, told: Float64, here: float, share: float
) -> Guess:
    """Of the pairs that may be true, whose ln L is told (n,), by their lists of all pairs."""
    ratio = np.where(np.isnan(told), 0.0, np.exp(told))
    ratios = open_.sums(ratio)
    all_ = whole(pairs.sums(), ratios, here)
    estimate = float((here * ratios / all_).mean())
    return Guess(here * ratio / all_[open_.lost], (estimate + share) / 2)


def _likely(pairs: LabelledPairs, true: Float64) -> LabelledPairs:
    """Pairs that may well be true, each as much of a true one as it is probable."""
    rows = true * pairs.weight >= LIKELY
    own = pairs.take(rows)
    return replace(own, same=np.ones(len(own), bool), weight=own.weight * true[rows])


def _drawn(
    pairs: LabelledPairs, places: Index, true: Float64, rng: np.random.Generator
) -> LabelledPairs:
    """The lists with a counterpart of each lost post, or none, drawn by its probability. places,
    true: (m,) of the pairs that may be true."""
    same = np.zeros(len(pairs), bool)
    lost = pairs.lost[places]
    first = np.flatnonzero(np.diff(lost, prepend=-1))
    chance = true * pairs.weight[places]
    for own in np.split(np.arange(len(places)), first[1:]):
        at = int(np.searchsorted(np.cumsum(chance[own]), rng.random()))
        if at < len(own):
            same[places[own[at]]] = True
    return replace(pairs, same=same)


def _stacked(first: LabelledPairs, second: LabelledPairs) -> LabelledPairs:
    """Rows of both, of the same posts."""
    return replace(
        first,
        lost=np.concatenate([first.lost, second.lost]),
        found=np.concatenate([first.found, second.found]),
        same=np.concatenate([first.same, second.same]),
        weight=np.concatenate([first.weight, second.weight]),
        values={n: np.concatenate([v, second.values[n]]) for n, v in first.values.items()},
    )
