"""Labelled pairs as a query sees them: what it tells of itself, and the evidence that follows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching_spark.domain.facts import TOPICS, Topic
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.knn.similarity import Float64, Index
from matching_spark.score import components
from matching_spark.score.calibration import Calibration
from matching_spark.score.components import COSINES, Cosine, Part
from matching_spark.score.kinds import ALL, ANY, MODALITIES, TOLD, Modality, kind_name, places

PAIRS_AT_ONCE = 500_000  # with all their components in float64


@dataclass(frozen=True)
class Asked:
    """What the queries of lists tell, and what they are filtered by.

    has: of photo and words. told: of what they tell the facts of the lost post. only: the fact
    whose word they are filtered by, ANY for none; it tells then no post from another.
    """

    has: Modality = "both"
    told: tuple[Topic, ...] = ALL
    only: str = ANY

    @property
    def kind(self) -> str:
        return kind_name(self.has, self.told)


def every_kind() -> list[Asked]:
    """Queries of every one of QUERY_KINDS, without a filter."""
    return [Asked(part, told) for told in TOLD for part in MODALITIES]


@dataclass(frozen=True)
class Seen:
    """The pairs that such lists hold: their places, (m,) ascending, and their ln L by the weights
    alone, (m,): log-odds without the prior. kinds: (lost,) of what kind each query is.
    """

    rows: Index
    told: Float64
    kinds: npt.NDArray[np.str_]


def seen(pairs: LabelledPairs, asked: Asked, calibration: Calibration) -> Seen:
    """Of lost posts that have a part to ask by, and the word of the filter."""
    of = masked(pairs, asked.has, asked.told)
    kept = np.ones(len(pairs), bool)
    silent = [] if asked.only == ANY else [asked.only]
    for name in silent:
        word = np.array([bool(getattr(each, name)) for each in pairs.facts], bool)
        kept = (pairs.values[name] == 1) & word[pairs.lost]
        of.values[name] = np.full(len(pairs), np.nan, np.float32)
    rows = np.flatnonzero(kept)
    told = evidence(of if len(rows) == len(pairs) else of.take(rows), calibration)
    topics = (tuple(t for t in each.told(silent) if t in asked.told) for each in pairs.facts)
    kinds = np.array([kind_name(asked.has, of_query) for of_query in topics], np.str_)
    there = ~np.isnan(told)
    return Seen(rows[there], told[there], kinds)


def of_kind(pairs: LabelledPairs, asked: Asked, calibration: Calibration) -> Seen:
    """The same of the lists alone whose queries tell all of that, and no less."""
    of = seen(pairs, asked, calibration)
    own = (of.kinds == asked.kind)[pairs.lost[of.rows]]
    return replace(of, rows=of.rows[own], told=of.told[own])


def masked(pairs: LabelledPairs, asked: Modality, told: tuple[Topic, ...] = ALL) -> LabelledPairs:
    """The pairs as a query of this modality sees them, which tells facts of these topics."""
    gone = {cosine.name for cosine in COSINES if not has(asked, cosine.query)}
    fields = {field for topic in told for field in TOPICS[topic]}
    gone |= {fact.name for fact in components.FACTS if fact.field not in fields}
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
