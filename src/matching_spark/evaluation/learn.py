"""The weights of the fused score, learnt from labelled pairs by logistic regression."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.errors import InputError, extra
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.logistic import FREE, logistic
from matching_spark.evaluation.scales import learn_scales
from matching_spark.evaluation.seen import every_kind, has, of_kind
from matching_spark.knn.similarity import Float32, Float64, Mask
from matching_spark.score import components
from matching_spark.score.calibration import Calibration, Weights, sigmoid
from matching_spark.score.components import COSINES, Fact
from matching_spark.score.kinds import DATED, MODALITIES, pattern_name
from matching_spark.score.lines import Points

# Where the lines bend. Cosines: at these shares of the true pairs and of the others, so that any
# model's scale will do.
BENDS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9)
OTHER_BENDS = (0.05, 0.5, 0.95, 0.999)
FITTED_PAIRS = 20_000  # different ones a pattern: a sample of more teaches thirty weights no better
DRAWN = 4  # times that it is drawn which facts a pair tells: by one draw weights hang on it
MIN_TRUE_PAIRS = 30  # of a pattern, to learn its weights rather than keep those there are
STRENGTH = 1.0  # of the ridge: the weights of a line's ends rest on few pairs
TRUST = 0.05  # of the ridge that holds a line to the one it starts from
KEPT = 0.98  # share of true pairs that the default threshold keeps
DAYS = 21  # quantiles that are kept of the days


def learn(
    pairs: LabelledPairs, model: str, learnt: Mapping[str, Any], base: Calibration | None = None
) -> Calibration:
    """Weights of every pattern by logistic regression, held to `base`'s the more the fewer pairs
    there are; those that no true pair shows, and what is told of a question with too few, are
    `base`'s. So is the prior: scores stay of one scale.

    A pair of posts that have both a photo and words teaches also the patterns that lack one. Raises
    InputError when a pattern has too few true pairs and there is no base, or when every one has.
    """
    if base is None and not 0 < pairs.same.sum() < len(pairs):
        raise InputError(
            f"of {len(pairs):,} pairs {int(pairs.same.sum()):,} are the same thing: learning needs "
            "both such pairs and others, or a calibration to start from: `matching-spark calibrate "
            "demo`"
        )
    prior = round(_prior(pairs), 4) if base is None else base.prior
    patterns, inherited = learn_patterns(pairs, prior, base)
    if len(inherited) == len(patterns):
        raise InputError(
            f"{int(pairs.same.sum())} true pairs to learn from, and none that can be compared: "
            "nothing is learnt, the weights stay as they are"
        )
    told = {**learnt, "inherited": inherited}
    weights = of_lists(pairs, patterns, prior, model, told, base)
    scales, few = learn_scales(pairs, weights, base)
    inherited = weights.learnt["inherited"] + few
    return replace(weights, scales=scales, learnt={**learnt, "inherited": inherited})


def learn_patterns(
    pairs: LabelledPairs, prior: float, base: Calibration | None, bare: bool = True
) -> tuple[dict[str, Weights], list[str]]:
    """The weights of every pattern, and which ones are `base`'s. Raises as `learn` does.

    Without `bare` those that know no fact are `base`'s. What `base` has lines of is held to them; a
    cosine that it has none of, as where it is of another model, needs MIN_TRUE_PAIRS.
    """
    rng = np.random.default_rng(0)
    patterns: dict[str, Weights] = {}
    inherited = []
    for name, vectors, facts, own in _of_patterns(pairs):
        known = None if base is None else base.patterns[name]
        if known is not None and not (facts or bare):
            patterns[name] = known
            continue
        true = float(own.weight[own.same].sum())
        held = known is not None and known.points.keys() >= {*vectors}
        if true >= (1 if held else MIN_TRUE_PAIRS) and not own.same.all():
            patterns[name] = _fit(own, vectors, facts, prior, rng, known)
        elif known is not None:
            patterns[name] = known
            inherited.append(name)
        else:
            raise InputError(
                f"{true:.0f} true pairs have a query and a post of {name.replace('-', ' and ')}; "
                f"learning needs {MIN_TRUE_PAIRS}, or a calibration to start from: "
                "`matching-spark calibrate demo`"
            )
    return patterns, inherited


def _of_patterns(pairs: LabelledPairs) -> Iterator[tuple[str, list[str], bool, LabelledPairs]]:
    """Each pattern's name, cosines, whether it has facts, and the pairs that teach it."""
    for query, post in product(MODALITIES, MODALITIES):
        vectors = [c.name for c in COSINES if has(query, c.query) and has(post, c.post)]
        own = pairs.take(np.logical_and.reduce([~np.isnan(pairs.values[v]) for v in vectors]))
        for facts in (True, False):
            yield pattern_name(query, post, facts), vectors, facts, own


def of_lists(
    pairs: LabelledPairs,
    patterns: Mapping[str, Weights],
    prior: float,
    model: str,
    learnt: Mapping[str, Any],
    base: Calibration | None,
) -> Calibration:
    """These weights with what is told of lists by them, but for their scales; `base`'s where true
    pairs are too few."""
    passes, days = _passes(pairs, base)
    weights = Calibration(model, patterns, {}, prior, {}, passes, days)
    inherited = list(learnt["inherited"])
    thresholds: dict[str, float] = {}
    for asked in every_kind():
        of = of_kind(pairs, asked, weights)
        true = of.told[pairs.same[of.rows]]
        if base is not None and len(true) < MIN_TRUE_PAIRS:
            thresholds[asked.kind] = base.thresholds[asked.kind]
            inherited.append(f"thresholds of {asked.kind}")
            continue
        least = float(np.quantile(true, 1 - KEPT)) if len(true) else -math.inf
        thresholds[asked.kind] = round(sigmoid(least + prior), 6)
    return replace(weights, thresholds=thresholds, learnt={**learnt, "inherited": inherited})


def _prior(pairs: LabelledPairs) -> float:
    """The log-odds that a pair of them is true."""
    true, others = pairs.weight[pairs.same].sum(), pairs.weight[~pairs.same].sum()
    return math.log(true / others)


def _passes(
    pairs: LabelledPairs, base: Calibration | None
) -> tuple[dict[str, float], tuple[float, ...]]:
    """Calibration.passes and days, of the true pairs; `base`'s where they are too few."""
    rows = np.flatnonzero(pairs.same)
    lost = [pairs.facts[i] for i in pairs.lost[rows]]
    passes: dict[str, float] = {}
    quantiles: tuple[float, ...] = (0.0, 0.0)
    for name, vocabulary in OF_FACTS.items():
        told = np.array([getattr(each, name) in vocabulary.telling for each in lost], bool)
        if told.sum() >= MIN_TRUE_PAIRS:
            passes[name] = round(float((pairs.values[name][rows][told] == 1).mean()), 4)
        else:
            passes[name] = 1.0 if base is None else base.passes[name]
    dated = np.array([each.happened_on is not None for each in lost], bool)
    days = pairs.values["days"][rows][dated]
    if len(days) >= MIN_TRUE_PAIRS:
        known = days[~np.isnan(days)]
        passes[DATED] = round(len(known) / len(days), 4)
        if len(known):
            quantiles = tuple(np.quantile(known, np.linspace(0, 1, DAYS)).tolist())
    elif base is not None:
        passes[DATED], quantiles = base.passes[DATED], base.days
    else:
        passes[DATED] = 1.0
    return passes, quantiles


def _knots(values: Float32, same: Mask, weight: Float64) -> list[float]:
    true = np.quantile(values[same], BENDS, weights=weight[same], method="inverted_cdf")
    marks = [*true, *np.quantile(values[~same], OTHER_BENDS)]
    out: list[float] = []
    for mark in sorted(round(float(m), 3) for m in marks):
        if not out or mark - out[-1] >= 0.03:  # closer ones would fit the noise between them
            out.append(mark)
    return out


def hats(values: Float32, knots: Sequence[float]) -> Float64:
    """(n, knots): how much of each knot a value is; rows of missing values are 0."""
    eye = np.eye(len(knots))
    columns = [np.interp(values, knots, eye[i]) for i in range(len(knots))]
    return np.asarray(np.nan_to_num(np.stack(columns, axis=1)))


def _told(
    pairs: LabelledPairs, known: Mapping[str, Points]
) -> tuple[list[Fact], dict[str, Points]]:
    """The facts whose lines the pairs teach, and the lines, known or assumed, of those of assumed
    ones that too few true pairs have."""
    told: list[Fact] = []
    kept: dict[str, Points] = {}
    for fact in components.FACTS:
        there = pairs.weight[pairs.same & ~np.isnan(pairs.values[fact.name])].sum()
        if fact.assumed is not None and there < MIN_TRUE_PAIRS:
            kept[fact.name] = known.get(fact.name, fact.assumed)
        else:
            told.append(fact)
    return told, kept


def _fit(
    pairs: LabelledPairs,
    vectors: Sequence[str],
    facts: bool,
    prior: float,
    rng: np.random.Generator,
    base: Weights | None = None,
) -> Weights:
    """Of a sample of the different pairs, then of one that has those that look true by the first:
    in a large table it is the few different ones of a large L that a probability depends on."""
    others = np.flatnonzero(~pairs.same)
    chance = np.ones(len(pairs))
    chance[others] = min(1.0, FITTED_PAIRS / max(1, len(others)))
    weights = _fitted(_sample(pairs, chance, rng), vectors, facts, rng, base, prior)
    if len(others) > FITTED_PAIRS:
        told = {name: pairs.values[name][others] for name in weights.points}
        odds = weights.log_odds(told, np.float64)
        true = 1 / (1 + np.exp(-odds))
        chance[others] = FITTED_PAIRS / 2 * (1 / len(others) + true / true.sum())
        weights = _fitted(
            _sample(pairs, np.minimum(chance, 1), rng), vectors, facts, rng, base, prior
        )
    return Weights.sure(round(weights.intercept - _prior(pairs) + prior, 4), weights.points)


def _sample(pairs: LabelledPairs, chance: Float64, rng: np.random.Generator) -> LabelledPairs:
    """Each pair by its chance, standing for as many as that says."""
    kept = rng.random(len(pairs)) < chance
    return replace(pairs, weight=pairs.weight / chance).take(kept)


def _fitted(
    pairs: LabelledPairs,
    vectors: Sequence[str],
    facts: bool,
    rng: np.random.Generator,
    base: Weights | None,
    prior: float,
) -> Weights:
    """Lines through the knots of every component, rising where more must not speak against.

    A component that `base` has a line of keeps its knots, and is held to the line.
    """
    known: Mapping[str, Points] = {} if base is None else base.points
    told, kept = _told(pairs, known) if facts else ([], {})
    knots: dict[str, Sequence[float]] = {
        v: [x for x, _ in known[v]]
        if v in known
        else _knots(pairs.values[v], pairs.same, pairs.weight)
        for v in vectors
    }
    shown: dict[str, Mask] = {}
    if facts:
        knots |= {f.name: [x for x, _ in known.get(f.name, ())] or f.knots for f in told}
        pairs, shown = _partly_told(pairs, told, rng)
    shape = {name: hats(pairs.values[name], at) for name, at in knots.items()}
    for name, rows in shown.items():
        shape[name] *= rows[:, None]
    heights = {
        name: np.array([y for _, y in known[name]]) if name in known else np.zeros(len(at))
        for name, at in knots.items()
    }
    strength = {name: TRUST if name in known else STRENGTH for name in knots}

    # Lines that speak of all cosines have an intercept that goes with them.
    held = base is not None and known.keys() >= {*vectors}
    first = base.intercept + _prior(pairs) - prior if base is not None and held else 0.0
    free = TRUST if held else FREE

    def odds() -> Float64:
        told = [shape[name] @ line for name, line in heights.items()]
        return np.asarray(np.sum(told, axis=0) + first, np.float64)

    def learnt(columns: Mapping[str, Float64]) -> tuple[dict[str, Float64], float]:
        wide = [np.full(c.shape[1], strength[n]) for n, c in columns.items()]
        of, intercept = logistic(
            np.column_stack(list(columns.values())),
            pairs.same,
            pairs.weight,
            odds(),
            np.concatenate([*wide, [free]]),
        )
        ends = np.cumsum([len(each) for each in wide])[:-1]
        return dict(zip(columns, np.split(of, ends), strict=True)), intercept

    falling = {fact.name for fact in told if fact.falling}
    bending = {fact.name for fact in told if not fact.rising} - falling
    for name, line in learnt(shape)[0].items():
        heights[name] = heights[name] + line
    for name in heights.keys() - bending:
        mass = shape[name].T @ pairs.weight + 1e-9
        heights[name] = straightened(heights[name], mass, rising=name not in falling)
    # Straightened lines are weighed against each other once more.
    scale, intercept = learnt(
        {name: (shape[name] @ line)[:, None] for name, line in heights.items()}
    )
    points = dict(kept)
    intercept += first
    for name, line in heights.items():
        line = line * max(0.0, 1 + float(scale[name][0]))
        if name in vectors:  # never missing: the average pair's adds nothing
            mean = float(np.average(shape[name] @ line, weights=pairs.weight))
            intercept += mean
            line = line - mean
        points[name] = tuple(
            (float(x), round(float(y) + 0.0, 4)) for x, y in zip(knots[name], line, strict=True)
        )
    return Weights.sure(intercept, points)


def _partly_told(
    pairs: LabelledPairs, told: Sequence[Fact], rng: np.random.Generator
) -> tuple[LabelledPairs, dict[str, Mask]]:
    """The pairs as they are and, as often in all, with some of their facts, DRAWN times: a search
    may know few. Of every fact, in which of those rows it is told.
    """
    some = rng.random((DRAWN, len(pairs), len(told))) < 0.7
    shown = np.concatenate([np.ones_like(some[:1]), some]).reshape(-1, len(told))
    weight = np.concatenate([pairs.weight, *[pairs.weight / DRAWN] * DRAWN])
    rows = pairs.take(np.tile(np.arange(len(pairs)), 1 + DRAWN))
    return replace(rows, weight=weight), {f.name: shown[:, i] for i, f in enumerate(told)}


def straightened(line: Float64, mass: Float64, rising: bool) -> Float64:
    """The nearest line, by mass, that rises or falls. Raises UsageError without scikit-learn."""
    with extra("evaluate", "learning"):
        from sklearn.isotonic import isotonic_regression
    out = isotonic_regression(line, sample_weight=mass, increasing=rising)
    return np.asarray(out, np.float64)
