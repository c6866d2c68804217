"""How good a ranking and its probabilities are, by labelled pairs that nothing was fitted on.

recall@k, MRR: over the lost posts whose counterpart is known. Average precision: over all pairs by
one scale of scores (sum of precision at each true pair, over their number). Intervals: 95 % of a
bootstrap over the lost posts, the same draws for every method. Probabilities: `lists`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.lists import Lists, lists
from matching_spark.evaluation.seen import Asked, every_kind, evidence
from matching_spark.knn.similarity import Float64, Index
from matching_spark.score.calibration import Calibration
from matching_spark.score.kinds import FILTERS, pattern
from matching_spark.score.posterior import COSTS

DRAWS = 500
RECALL_AT = (1, 5, 10)
BOUNDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)  # of "not here yet"
THRESHOLDS = tuple(n / 20 for n in range(1, 20))
MANY = 10  # lost posts of a category or colour, fewer say nothing


@dataclass(frozen=True)
class Measured:
    """A score's metrics: values[name], and draws[name] (DRAWS,) of the bootstrap."""

    values: dict[str, float]
    draws: dict[str, Float64]

    @classmethod
    def of(cls, pairs: LabelledPairs, scores: Float64, counts: Index) -> "Measured":
        """scores: (n,), NaN: never found. counts: (DRAWS, lost), how often each is drawn."""
        s = np.where(np.isnan(scores), -np.inf, scores)
        ranks = _ranks(pairs, s)
        each = {f"recall@{k}": np.where(np.isnan(ranks), np.nan, ranks <= k) for k in RECALL_AT}
        each["mrr"] = 1 / ranks
        there = ~np.isnan(ranks)
        values = {name: float(np.nanmean(v)) for name, v in each.items()}
        draws = {
            name: (counts @ np.nan_to_num(v)) / np.maximum(1, counts @ there)
            for name, v in each.items()
        }
        order = np.argsort(-s, kind="stable")
        lost, same, weight = pairs.lost[order], pairs.same[order], pairs.weight[order]
        found = np.isfinite(s[order])

        def average_precision(times: Float64) -> float:
            stand = weight * times[lost]
            true = stand * same
            precision = np.cumsum(true) / np.maximum(np.cumsum(stand), 1e-12)
            return float((true * precision * found).sum() / max(true.sum(), 1e-12))

        values["average_precision"] = average_precision(np.ones(counts.shape[1]))
        draws["average_precision"] = np.array([average_precision(c.astype(float)) for c in counts])
        return cls(values, draws)

    def figures(self) -> dict[str, dict[str, float]]:
        return {name: _figure(value, self.draws[name]) for name, value in self.values.items()}

    def minus(self, other: "Measured") -> dict[str, dict[str, float]]:
        return {
            name: _figure(value - other.values[name], self.draws[name] - other.draws[name])
            for name, value in self.values.items()
        }


def evaluate(pairs: LabelledPairs, calibration: Calibration, split: str) -> dict[str, Any]:
    """Everything that is measured, as it stands in the JSON, of pairs of which one at least is the
    same thing. split: what was held out, in words."""
    fused = 1 / (1 + np.exp(-(evidence(pairs, calibration) + calibration.prior)))
    image = pairs.values["image-image"].astype(np.float64)
    words = _first(pairs, ("text-image", "text-text"))
    own_photo = np.zeros(len(pairs.lost_ids), bool)
    own_photo[pairs.lost[~np.isnan(image)]] = True
    scores = {
        "image cosine": image,
        # What a search by cosine does with a post: its photo, else its words.
        "cosine": np.where(own_photo[pairs.lost], image, words),
        "fused": fused,
    }
    counts = _draws(pairs)
    measured = {name: Measured.of(pairs, s, counts) for name, s in scores.items()}
    photos = np.zeros(len(pairs.lost_ids), bool)
    photos[pairs.lost[pairs.same & ~np.isnan(image)]] = True
    of_photos: dict[str, Any] = {"lost": int(photos.sum())}
    if photos.any():
        rows = photos[pairs.lost]
        own = pairs.take(rows)
        of = {name: Measured.of(own, s[rows], counts) for name, s in scores.items()}
        of_photos["scores"] = {name: m.figures() for name, m in of.items()}
        of_photos["fused_minus_image_cosine"] = of["fused"].minus(of["image cosine"])
    return {
        "model": calibration.model,
        "learnt": dict(calibration.learnt),
        "split": split,
        "lost": len(pairs.lost_ids),
        "found": len(pairs.found_ids),
        "pairs": round(float(pairs.weight.sum())),
        "true_pairs": int(pairs.same.sum()),
        "scores": {name: m.figures() for name, m in measured.items()},
        "fused_minus_image_cosine": measured["fused"].minus(measured["image cosine"]),
        "where_both_have_photos": of_photos,
        "without": worth(pairs, calibration, counts),
        "lists": of_lists([pairs], calibration, _here(pairs)),
        "by": _slices(pairs, fused),
        "curve": curve(pairs, fused),
    }


def worth(
    pairs: LabelledPairs, calibration: Calibration, counts: Index
) -> dict[str, dict[str, float]]:
    """By how much recall@1 of the fused score falls without a component, with the same weights.

    counts: as Measured.of has them.
    """

    def right(known: LabelledPairs) -> Float64:
        told = evidence(known, calibration)
        ranks = _ranks(known, np.where(np.isnan(told), -np.inf, told))
        return np.where(np.isnan(ranks), np.nan, ranks <= 1)

    whole, out = right(pairs), {}
    there = ~np.isnan(whole)
    for name, values in pairs.values.items():
        if np.isnan(values).all():
            continue
        gone = pairs.values | {name: np.full(len(pairs), np.nan, np.float32)}
        lost = np.nan_to_num(whole - right(replace(pairs, values=gone)))
        draws = (counts @ lost) / np.maximum(1, counts @ there)
        out[name] = _figure(float(lost[there].mean()), draws)
    return out


def _here(pairs: LabelledPairs) -> float:
    """The share of the things that are here, by Laplace's rule: between 0 and 1."""
    there = len(np.unique(pairs.lost[pairs.same]))
    return (there + 1) / (len(pairs.lost_ids) + 2)


def of_lists(
    parts: Iterable[LabelledPairs], calibration: Calibration, here: float
) -> dict[str, Any]:
    """What searches by the lost posts answer whose every found post is among the pairs, by what a
    query holds and by what it is filtered. here: w, the share of their things that are."""
    kinds = every_kind()
    filtered = [Asked(only=only) for only in FILTERS]
    each: dict[Asked, list[Lists]] = {asked: [] for asked in (*kinds, *filtered)}
    for pairs in parts:
        for asked, got in each.items():
            got.append(lists(pairs, calibration, here, asked))
    of = {asked: Lists.joined(got) for asked, got in each.items()}
    return {
        "share_here": here,
        "queries": {asked.kind: of[asked].figures() | _bands(of[asked]) for asked in kinds},
        "filtered": {
            f"{asked.only} only": of[asked].figures() for asked in filtered if len(of[asked].first)
        },
    }


def _bands(of: Lists) -> dict[str, Any]:
    """What the bands of the default costs hold, and "not here yet" by bounds of being here."""
    bands = {}
    for name, least in (("propose", COSTS.propose), ("ask", COSTS.ask)):
        reached = of.first >= least
        bands[name] = {
            "from": least,
            "lists": int(reached.sum()),
            "right": float(of.right[reached].mean()) if reached.any() else None,
        }
    curve = [
        dict(zip(("bound", "absent", "here"), (b, *of.nothing(b)), strict=True)) for b in BOUNDS
    ]
    return {"bands": bands, "nothing": curve}


def _slices(pairs: LabelledPairs, scores: Float64) -> dict[str, Any]:
    """Recall by the lost post's category and colour, and by what the true pair's posts have."""
    ranks = _ranks(pairs, np.where(np.isnan(scores), -np.inf, scores))
    names: dict[str, list[str]] = {
        "category": [f.category or "-" for f in pairs.facts],
        "colour": [f.colour or "-" for f in pairs.facts],
        "modality": ["-"] * len(pairs.lost_ids),
    }
    for row in np.flatnonzero(pairs.same):
        there = {n: float(v[row]) for n, v in pairs.values.items() if not np.isnan(v[row])}
        if any("-" in name for name in there):
            names["modality"][pairs.lost[row]] = pattern(there).partition(" ")[0]
    out: dict[str, Any] = {}
    for what, of in names.items():
        out[what] = {}
        for name in sorted(set(of)):
            here = np.array([n == name for n in of]) & ~np.isnan(ranks)
            if here.sum() >= MANY:
                out[what][name] = {
                    "lost": int(here.sum()),
                    **{f"recall@{k}": _share(ranks[here] <= k, ranks[here]) for k in RECALL_AT},
                }
    return out


def curve(
    pairs: LabelledPairs, scores: Float64, thresholds: Sequence[float] = THRESHOLDS
) -> list[dict[str, float]]:
    """By threshold (inclusive): how many pairs reach it, their precision and recall."""
    return [_at(pairs, scores, threshold) for threshold in thresholds]


def _at(pairs: LabelledPairs, scores: Float64, threshold: float) -> dict[str, float]:
    reached = np.nan_to_num(scores, nan=-1) >= threshold
    true = float((pairs.weight * (reached & pairs.same)).sum())
    shown = float((pairs.weight * reached).sum())
    return {
        "threshold": threshold,
        "pairs": round(shown),
        "precision": true / shown if shown else 1.0,
        "recall": true / max(1e-12, float((pairs.weight * pairs.same).sum())),
    }


def _first(pairs: LabelledPairs, names: tuple[str, ...]) -> Float64:
    out = np.full(len(pairs), np.nan)
    for name in names:
        out = np.where(np.isnan(out), pairs.values[name], out)
    return out


def _draws(pairs: LabelledPairs) -> Index:
    lost = len(pairs.lost_ids)
    drawn = np.random.default_rng(0).integers(lost, size=(DRAWS, lost))
    return np.stack([np.bincount(d, minlength=lost) for d in drawn])


def _ranks(pairs: LabelledPairs, scores: Float64) -> Float64:
    """(lost,) the place of the best true pair, after those of equal score; NaN without one.

    inf where it has no score at all.
    """
    out = np.full(len(pairs.lost_ids), np.nan)
    for start, stop in pairs.runs():
        same, s = pairs.same[start:stop], scores[start:stop]
        if not same.any():
            continue
        best = s[same].max()
        before = (s >= best) & ~same
        ahead = pairs.weight[start:stop][before].sum()
        out[pairs.lost[start]] = 1 + ahead if np.isfinite(best) else np.inf
    return out


def _share(hit: Any, of: Float64) -> float:
    known = ~np.isnan(of)
    return float(hit[known].mean()) if known.any() else 0.0


def _figure(value: float, draws: Float64) -> dict[str, float]:
    low, high = np.percentile(draws, (2.5, 97.5))
    return {"value": value, "low": float(low), "high": float(high)}
