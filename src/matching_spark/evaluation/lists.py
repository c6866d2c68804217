"""How true the probabilities of whole lists are: of the first place, and that a thing is not here.

A list is what a search by one lost post answers: all found posts of its world, by their evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.seen import Asked, seen
from matching_spark.knn.similarity import Float64, Mask
from matching_spark.score.calibration import Calibration
from matching_spark.score.kinds import ANY
from matching_spark.score.posterior import FLOOR, Posterior, Rivals

BINS = 10
EVERYTHING = Asked()


@dataclass(frozen=True)
class Lists:
    """(n,) each, a list each. first: the probability of the best post, 0 where there is none.
    right: whether that post is the thing. not_here: the probability that none is. absent: whether
    none is. place: of the thing's best post, inf where it is absent.
    """

    first: Float64
    right: Mask
    not_here: Float64
    absent: Mask
    place: Float64

    @classmethod
    def joined(cls, parts: Sequence["Lists"]) -> "Lists":
        columns = ([getattr(part, f.name) for part in parts] for f in fields(cls))
        return cls(*map(np.concatenate, columns))

    def figures(self) -> dict[str, Any]:
        """Calibration errors with their bins; recall and what is right, of the things that are
        here."""
        here = ~self.absent
        return {
            "lists": len(self.first),
            "here": int(here.sum()),
            "recall@1": _share(self.right[here]),
            "recall@10": _share(self.place[here] <= 10),
            "first": reliability(self.first, self.right),
            "not_here": reliability(self.not_here, self.absent),
        }

    def nothing(self, bound: float) -> tuple[float, float]:
        """The shares of absent things and of things that are here of which "not here yet" is said:
        those that are here with a probability of `bound` at most."""
        said = 1 - self.not_here <= bound
        return _share(said[self.absent]), _share(said[~self.absent])


def lists(
    pairs: LabelledPairs, calibration: Calibration, here: float, asked: Asked = EVERYTHING
) -> Lists:
    """The lists of lost posts whose every found post is among the pairs. here: w, the share of
    things that are. A list has a post at least."""
    of = seen(pairs, asked, calibration)
    share = here * calibration.passes.get(asked.only, 1.0)
    silent = frozenset(() if asked.only == ANY else (asked.only,))
    scales = {kind: calibration.scale(kind, silent) for kind in np.unique(of.kinds).tolist()}
    kept = pairs.whole[pairs.lost[of.rows]]
    rows, every = of.rows[kept], of.told[kept]
    edges = np.flatnonzero(np.diff(pairs.lost[rows])) + 1
    out: list[tuple[float, bool, float, bool, float]] = []
    for at in np.split(np.arange(len(rows)), edges) if len(rows) else []:
        told, weight, same = every[at], pairs.weight[rows[at]], pairs.same[rows[at]]
        scale = scales[of.kinds[pairs.lost[rows[at[0]]]]]
        ratios = scale.evidence(told)
        above = ratios >= FLOOR
        many = np.repeat(ratios[above], weight[above].round().astype(int))
        rivals = Rivals.of(round(float(weight.sum())), many, scale.keen)
        list_ = Posterior(rivals, share, scale)
        best = int(np.argmax(told))
        ahead = told >= told[same].max(initial=-np.inf)
        place = float(weight[ahead & ~same].sum()) + 1 if same.any() else np.inf
        first = list_.probability(float(told[best]))
        none = list_.not_here_beside(first)
        out.append((first, bool(same[best]), none, not same.any(), place))
    columns = np.array(out, np.float64).reshape(len(out), len(fields(Lists))).T
    probability, right, not_here, absent, places = columns
    return Lists(probability, right.astype(bool), not_here, absent.astype(bool), places)


def _share(of: Mask) -> float:
    """0 of none."""
    return float(of.mean()) if len(of) else 0.0


def reliability(probability: Float64, true: Mask) -> dict[str, Any]:
    """The expected calibration error by BINS bins of equal width, and the bins (Naeini 2015)."""
    at = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for b in range(BINS):
        here = at == b
        if not here.any():
            continue
        mean, share = float(probability[here].mean()), float(true[here].mean())
        error += abs(mean - share) * float(here.mean())
        bins.append(
            {
                "from": b / BINS,
                "to": (b + 1) / BINS,
                "lists": int(here.sum()),
                "probability": mean,
                "true": share,
            }
        )
    return {"expected_calibration_error": error, "bins": bins}
