"""The weights of the fused score: from a pair's components to its evidence.

The model is logistic and additive: the log-odds of a pair are an intercept and one contribution a
component, a piecewise linear function of its value. A component that a pair lacks is missing, not
zero: it contributes nothing. Without the prior that they were learnt with, the log-odds are ln L,
the log of the pair's likelihood ratio, which `score.posterior` makes a list's probabilities of. No
Spark, no I/O.
"""

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters, Kind
from matching_spark.errors import ModelError
from matching_spark.guard.numbers import number
from matching_spark.knn.similarity import Index
from matching_spark.score import components
from matching_spark.score.earlier import upgraded
from matching_spark.score.kinds import (
    ANY,
    DATED,
    FILTERS,
    MODALITIES,
    PATTERNS,
    QUERY_KINDS,
    Modality,
    pattern,
    pattern_name,
)
from matching_spark.score.lines import Points, Values, added, added_one, points_of
from matching_spark.score.posterior import Scale
from matching_spark.score.readable import ascending, between, pretty

Score = Literal["cosine", "fused"]
SCORES: tuple[Score, ...] = get_args(Score)
FORMAT = 5  # of the calibration file
# Log-odds: from 37 on a probability is 1 in float64, and many pairs would share the first place.
SUREST = 30.0
FAINTEST = -700.0  # log-odds: below -745 a probability is 0 in float64
# What JSON that is no calibration ends in.
_AMISS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Weights:
    """The logistic model of one pattern."""

    intercept: float
    points: Mapping[str, Points]

    def __post_init__(self) -> None:
        """Raise ValueError for weights by which two pairs may be too sure to be told apart."""
        heights = [(0.0, *(y for _, y in line)) for line in self.points.values()]
        surest, faintest = (self.intercept + sum(map(of, heights)) for of in (max, min))
        if not surest <= SUREST:  # NaN is not
            raise ValueError(f"a pair may reach log-odds of {surest:.0f}, at most {SUREST:.0f}")
        if not faintest >= FAINTEST:
            raise ValueError(
                f"a pair may reach log-odds of {faintest:.0f}, at least {FAINTEST:.0f}"
            )

    @classmethod
    def sure(cls, intercept: float, points: Mapping[str, Points]) -> "Weights":
        """With what speaks for a pair made as much smaller as SUREST asks for: pairs that are told
        apart without a doubt, as few labels may be, teach lines without end."""
        most = sum(max(0.0, *(y for _, y in line)) for line in points.values())
        if intercept + most <= SUREST:
            return cls(intercept, points)
        least = (SUREST - 0.01 - intercept) / most
        return cls(
            intercept,
            {
                name: tuple((x, round(y * least, 4) if y > 0 else y) for x, y in line)
                for name, line in points.items()
            },
        )

    def log_odds(self, values: Mapping[str, Values], dtype: type[np.floating[Any]]) -> Values:
        """Of pairs with these components, arrays of one shape, NaN for missing; in that shape.

        A pair's number depends on no other pair, and components are summed in one order: so any
        split of the pairs gives the same.
        """
        first = next(iter(values.values()))
        total = np.full(np.shape(first), self.intercept, dtype)
        for name in components.names():
            if name in values and name in self.points:
                total += added(self.points[name], values[name]).astype(dtype)
        return total

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        """Log-odds that each component adds; of those that exist and that the model knows."""
        return {
            name: added_one(self.points[name], values[name])
            for name in components.names()
            if name in values and name in self.points
        }

    @cached_property
    def steepest(self) -> float:
        """By how much the log-odds may change at most, for a change of 1 in every cosine."""
        lines = (self.points.get(each.name, ()) for each in components.COSINES)
        slopes = ([abs((d - b) / (c - a)) for (a, b), (c, d) in pairwise(line)] for line in lines)
        return sum(max(each, default=0.0) for each in slopes)


@dataclass(frozen=True)
class Calibration:
    """Weights by pattern, for the vectors of one model; what is by QUERY_KINDS is a kind of query.

    prior: the log-odds that a pair is true which is in every pattern's intercept. thresholds: the
    least score worth showing. scales: what a pair's log-odds are worth in a list, by the kind of
    query and by its filter, ANY for none. passes: of the true pairs whose lost side tells a word,
    the share whose found side tells the same: what a filter by it lets through; DATED: the share
    with a found day. days: quantiles, evenly from 0 to 1, of the days from a true pair's loss to
    its being found. learnt: from what.
    """

    model: str
    patterns: Mapping[str, Weights]
    thresholds: Mapping[str, float]
    prior: float
    scales: Mapping[str, Mapping[str, Scale]]
    passes: Mapping[str, float]
    days: tuple[float, ...]
    learnt: Mapping[str, Any] = field(default_factory=dict)

    def log_odds(
        self,
        values: Mapping[str, Values],
        asked: Modality,
        has: Index,
        dtype: type[np.floating[Any]] = np.float64,
    ) -> Values:
        """(q, n) of q queries that have `asked` and n posts, NaN for posts without a part.

        values: (q, n) a component, NaN for missing. has: (n,) each post's place in MODALITIES, -1
        for neither photo nor words.
        """
        shape = next(iter(values.values())).shape
        known = np.zeros(shape, bool)
        for fact in components.FACTS:
            if fact.name in values:
                known |= ~np.isnan(values[fact.name])
        out = np.full(shape, np.nan, dtype)
        for at, post in enumerate(MODALITIES):
            # Posts of one pattern share one model: dense blocks instead of a mask on every term.
            posts = np.flatnonzero(has == at)
            if not len(posts):
                continue
            of_posts, here = values, known
            if some := len(posts) < len(has):
                of_posts = {name: each[:, posts] for name, each in values.items()}
                here = known[:, posts]
            for facts in (True, False):
                mine = here == facts
                if not mine.any():
                    continue
                weights = self.patterns[pattern_name(asked, post, facts)]
                whole = weights.log_odds(of_posts, dtype)
                if not mine.all():
                    whole = np.where(mine, whole, out[:, posts])
                elif not some:
                    return whole
                out[:, posts] = whole
        return out

    def steepest(self, asked: Modality) -> float:
        """By how much the log-odds of such queries' pairs may change, as Weights has it."""
        names = (pattern_name(asked, post, facts) for post in MODALITIES for facts in (True, False))
        return max(self.patterns[name].steepest for name in names)

    def scale(self, kind: str, silent: frozenset[str] = frozenset()) -> Scale:
        """Of lists of a kind of query, filtered by these facts. Of several only each alone was
        learnt: they are taken to be independent."""
        by = self.scales[kind]
        level, above, below = (by[ANY].level, by[ANY].above, by[ANY].below)
        for each in (by[name] for name in sorted(silent)):
            level += each.level - by[ANY].level
            above *= each.above / by[ANY].above if by[ANY].above else 1.0
            below *= each.below / by[ANY].below if by[ANY].below else 1.0
        return replace(by[ANY], level=level, above=above, below=below)

    def told(self, values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """The log-odds, without their prior, of a pair with these components; what each adds."""
        of = self.patterns[pattern(values)]
        total, added = of.intercept, of.contributions(values)
        for each in added.values():  # as Weights.log_odds adds them
            total += each
        return total - self.prior, added

    def passing(self, where: Filters, told: Facts) -> float:
        """The share of true pairs whose found side these filters let through.

        A window of days is heeded where the query tells its own day.
        """
        share = 1.0
        for name in FILTERS:
            if getattr(where, name) is not None:
                share *= self.passes[name]
        if where.since is not None or where.until is not None:
            share *= self.passes[DATED]
            if told.happened_on is not None:
                share *= self._within(told.kind, told.happened_on, where.since, where.until)
        return share

    def _within(
        self, kind: Kind, day: dt.date, since: dt.date | None, until: dt.date | None
    ) -> float:
        """The share of true pairs whose other side is of a window of days."""
        first = -math.inf if since is None else (since - day).days - 0.5
        last = math.inf if until is None else (until - day).days + 0.5
        if kind == "found":
            first, last = -last, -first
        at = np.linspace(0, 1, len(self.days))
        low, high = np.interp((first, last), self.days, at, left=0, right=1)
        return float(high - low)

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        return self.patterns[pattern(values)].contributions(values)

    def check_model(self, model: str) -> None:
        """Raise ModelError unless the weights were learnt on this model's vectors."""
        if model != self.model:
            raise ModelError(
                f"the calibration at hand was learnt on vectors of {self.model}, these are of "
                f"{model}: learn it again with `matching-spark calibrate`, or score by cosine"
            )

    @cached_property
    def checksum(self) -> str:
        """Of all that a score depends on: 12 hex digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def __hash__(self) -> int:
        return hash(self.checksum)

    def to_json(self) -> str:
        """Readable, and the same text for the same weights."""
        content = {
            "format": FORMAT,
            "model": self.model,
            "learnt": self.learnt,
            "prior": self.prior,
            "thresholds": self.thresholds,
            "scales": {
                kind: {only: vars(scale) for only, scale in by.items()}
                for kind, by in self.scales.items()
            },
            "passes": self.passes,
            "days": self.days,
            "patterns": {
                name: {"intercept": weights.intercept, "points": weights.points}
                for name, weights in self.patterns.items()
            },
        }
        return pretty(json.loads(json.dumps(content, ensure_ascii=False))) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> "Calibration":
        """Raises ModelError, naming `where`, when it is no calibration that this version reads."""
        try:
            content = upgraded(json.loads(text))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']}, this version reads {FORMAT}")
            patterns = {
                name: Weights(
                    number(each["intercept"]),
                    {c: points_of(points) for c, points in each["points"].items()},
                )
                for name, each in content["patterns"].items()
            }
            if lacking := sorted(set(PATTERNS) - set(patterns)):
                raise ValueError(f"it lacks the patterns {', '.join(lacking)}")
            return cls(
                str(content["model"]),
                patterns,
                thresholds={n: between(content["thresholds"][n], 0, 1) for n in QUERY_KINDS},
                prior=between(content["prior"], -SUREST, SUREST),
                scales={
                    kind: {only: _scale(content["scales"][kind][only]) for only in (ANY, *FILTERS)}
                    for kind in QUERY_KINDS
                },
                passes={n: between(content["passes"][n], 0, 1) for n in (*FILTERS, DATED)},
                days=ascending(content["days"]),
                learnt=dict(content["learnt"]),
            )
        except _AMISS as error:
            raise ModelError(
                f"{where} is no calibration ({error}); `matching-spark calibrate` makes one"
            ) from None


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_odds(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))


def _scale(of: Mapping[str, Any]) -> Scale:
    return Scale(
        slope=between(of["slope"], 0.01, 100),
        level=between(of["level"], -100, 100),
        above=between(of["above"], 0, 1e6),
        below=between(of["below"], 0, 1e6),
        alike=between(of["alike"], 1e-3, 1e6),
        keen=between(of["keen"], 0.1, 10),
        hidden=between(of["hidden"], 0, 1),
        usual=between(of["usual"], 1e-9, 1e9),
    )
