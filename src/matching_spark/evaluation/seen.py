"""Labelled pairs as a query sees them: what it tells of itself, and the evidence that follows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.knn.similarity import Float64, Index, Mask
from matching_spark.score import components
from matching_spark.score.calibration import (
    ANY,
    MODALITIES,
    Calibration,
    Modality,
    limit_name,
    places,
)
from matching_spark.score.components import COSINES, Cosine, Part

PAIRS_AT_ONCE = 500_000  # with all their components in float64


@dataclass(frozen=True)
class Asked:
    """What the queries of lists tell, and what they are filtered by.

    has: of photo and words. facts: whether they tell the lost post's. only: the fact whose word
    they are filtered by, ANY for none; it tells then no post from another.
    """

    has: Modality = "both"
    facts: bool = True
    only: str = ANY

    @property
    def kind(self) -> str:
        return limit_name(self.has, not self.facts)


@dataclass(frozen=True)
class Seen:
    """The pairs that such lists hold: their places, (m,) ascending, and their ln L by the weights
    alone, (m,): log-odds without the prior. bare: (lost,) whether a query tells not when or where.
    """

    rows: Index
    told: Float64
    bare: Mask


def seen(pairs: LabelledPairs, asked: Asked, calibration: Calibration) -> Seen:
    """Of lost posts that have a part to ask by, and the word of the filter."""
    of = masked(pairs, asked.has, asked.facts)
    kept = np.ones(len(pairs), bool)
    silent = [] if asked.only == ANY else [asked.only]
    for name in silent:
        telling = np.array([bool(getattr(each, name)) for each in pairs.facts], bool)
        kept = (pairs.values[name] == 1) & telling[pairs.lost]
        of.values[name] = np.full(len(pairs), np.nan, np.float32)
    rows = np.flatnonzero(kept)
    told = evidence(of if len(rows) == len(pairs) else of.take(rows), calibration)
    bare = [not (asked.facts and each.placed(silent)) for each in pairs.facts]
    there = ~np.isnan(told)
    return Seen(rows[there], told[there], np.array(bare, bool))


def masked(pairs: LabelledPairs, asked: Modality, facts: bool = True) -> LabelledPairs:
    """The pairs as a query of this modality sees them; without `facts` it knows no more."""
    gone = {cosine.name for cosine in COSINES if not has(asked, cosine.query)}
    gone |= set() if facts else {fact.name for fact in components.FACTS}
    blank = np.full(len(pairs), np.nan, np.float32)
    return replace(pairs, values={n: blank if n in gone else v for n, v in pairs.values.items()})


def evidence(pairs: LabelledPairs, calibration: Calibration) -> Float64:
    """Calibration.told of every pair (n,), NaN for those with no cosine."""
    query = _places(pairs, lambda cosine: cosine.query)
    post = _places(pairs, lambda cosine: cosine.post)
    out = np.full(len(pairs), np.nan)
    for at, asked in enumerate(MODALITIES):
        every = np.flatnonzero(query == at)
        for rows in np.split(every, range(PAIRS_AT_ONCE, len(every), PAIRS_AT_ONCE)):
            values = {n: each[rows].astype(np.float64)[None] for n, each in pairs.values.items()}
            out[rows] = calibration.log_odds(values, asked, post[rows])[0]
    return out - calibration.prior


def _places(pairs: LabelledPairs, part_of: Callable[[Cosine], Part]) -> Index:
    """(n,) what a side of each pair has, as its place in MODALITIES; -1 for nothing."""
    there = [(part_of(cosine), ~np.isnan(pairs.values[cosine.name])) for cosine in COSINES]
    image, text = (
        np.logical_or.reduce([each for part, each in there if part == wanted])
        for wanted in ("image", "text")
    )
    return places(image, text)


def has(what: str, part: str) -> bool:
    return what in ("both", part)
