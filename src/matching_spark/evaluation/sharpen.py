"""A calibration sharpened by decisions, a few pairs at a time.

Which pairs a person decides depends on their score and on their rivals, so the share of true ones
among them says little, and things that were never shown are not among them. A decision is therefore
held against what its own list said of the pair: its log-odds there, of all that was known. What is
learnt is what that was wrong by: a correction of each component's line, one for all patterns, held
near 0, so that few decisions move little.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from matching_spark.errors import InputError
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.learn import hats, straightened
from matching_spark.evaluation.logistic import logistic
from matching_spark.evaluation.seen import evidence
from matching_spark.knn.similarity import Float64, Mask
from matching_spark.score import components
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.lines import Points
from matching_spark.score.posterior import whole

# Of the ridge: the variance that a correction, in log-odds, is expected to have. Tuned on drawn
# worlds of other seeds: from 0.2 on ten decisions may harm, at 0.01 a thousand help half as much.
TRUST = 0.05
HELD = 1e-6  # of the intercept's: a list's prior is the settings', not that of what was shown


def sharpen(
    lists: LabelledPairs, decided: Mask, base: Calibration, here: float, learnt: Mapping[str, Any]
) -> Calibration:
    """`base` with lines that heed what was decided; all that is of lists is `base`'s.

    lists: of lost posts of which a pair was decided, each with every found post. decided: (n,) of
    their pairs. here: w, the share of lost things that are here. Raises InputError where none of
    the decided pairs can be compared.
    """
    told = evidence(lists, base)
    rows = np.flatnonzero(decided & ~np.isnan(told))
    if not len(rows):
        raise InputError("none of the decided pairs can be compared: nothing is learnt")
    lines = _longest(base)
    own = lists.take(rows)
    knots = {
        name: [x for x, _ in line]
        for name, line in lines.items()
        if not np.isnan(own.values[name]).all()
    }
    columns = np.column_stack([hats(own.values[name], at) for name, at in knots.items()])
    of, _ = logistic(
        columns,
        own.same,
        np.ones(len(own)),
        _odds(lists, told, here)[rows],
        np.append(np.full(columns.shape[1], TRUST), HELD),
    )
    ends = np.cumsum([len(at) for at in knots.values()])[:-1]
    moves = dict(zip(knots, np.split(of, ends), strict=True))
    patterns = {
        pattern: Weights.sure(
            weights.intercept,
            {
                name: _moved(name, line, knots[name], moves[name]) if name in moves else line
                for name, line in weights.points.items()
            },
        )
        for pattern, weights in base.patterns.items()
    }
    return replace(base, patterns=patterns, learnt=dict(learnt))


def _odds(lists: LabelledPairs, told: Float64, here: float) -> Float64:
    """(n,) the log-odds that a pair is the true one, against its rivals and against none."""
    ratio = np.where(np.isnan(told), 0.0, np.exp(told))
    others = whole(lists.sums(), lists.sums(ratio), here)[lists.lost] / here - ratio
    return np.asarray(told - np.log(np.maximum(others, 1e-9)))


def _longest(base: Calibration) -> dict[str, Points]:
    """By component, the line of most points that a pattern has of it."""
    lines: dict[str, Points] = {}
    for weights in base.patterns.values():
        for name, line in weights.points.items():
            if len(line) > len(lines.get(name, ())):
                lines[name] = line
    return lines


def _moved(name: str, line: Points, knots: list[float], move: Float64) -> Points:
    x = np.array([at for at, _ in line])
    y = np.array([height for _, height in line]) + np.interp(x, knots, move)
    facts = {fact.name: fact for fact in components.FACTS}
    if name not in facts or facts[name].rising or facts[name].falling:
        rising = name not in facts or facts[name].rising
        y = straightened(y, np.ones(len(y)), rising=rising)
    return tuple((float(a), round(float(b) + 0.0, 4)) for a, b in zip(x, y, strict=True))
