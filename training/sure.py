"""From cosines to probabilities, learnt: where photos lie, how sharp, what none is worth, what is
lost more often, and where to say nothing.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import minimize

from matching_spark.embed.confidence import FORMAT, Confidence, Cuts, Scale, centred
from matching_spark.embed.drawings import Drawings, mixed
from matching_spark.embed.naming import Names

RATE = 0.8  # of what is said, so much is right where it is learnt
SHIFT = 0.75  # of the mean of drawings and of that of photographs: more loses the one for the other


class Photos(Protocol):
    """describe.Seen, which needs torch to draw."""

    @property
    def vectors(self) -> np.ndarray: ...
    @property
    def thing(self) -> np.ndarray: ...
    @property
    def category(self) -> np.ndarray: ...
    @property
    def colour(self) -> np.ndarray: ...
    @property
    def unknown(self) -> np.ndarray: ...
    @property
    def hidden(self) -> np.ndarray: ...


def learn(
    sets: Sequence[Photos],
    names: Names,
    model: str,
    weights: Sequence[float] = (1.0,),
    drawings: Drawings | None = None,
) -> Confidence:
    """weights: how much each set counts, but for the centre. drawings: where there are some, the
    centre is the last set's, of photographs, and how sharp they are is learnt too."""
    means = [np.asarray(seen.vectors.mean(axis=0), np.float64) for seen in sets]
    centre: np.ndarray = means[-1] if drawings else SHIFT * np.sum(means, axis=0)
    named = [_named(seen, names, centre, drawings) for seen in sets]
    colours = [names.of_colours(centred(seen.vectors, centre)) for seen in sets]

    def loss(x: np.ndarray) -> float:
        total = 0.0
        for seen, of, weight in zip(sets, named, weights, strict=True):
            p = of(_scale(x), abs(x[2]), np.exp(x[3]))
            both = log_loss(p, seen.thing) + log_loss(names.by_category(p), seen.category)
            total += weight * both
        return total

    def loss_of_colours(x: np.ndarray) -> float:
        return sum(
            weight
            * log_loss(_scale(x).probabilities(some)[~seen.unknown], seen.colour[~seen.unknown])
            for seen, some, weight in zip(sets, colours, weights, strict=True)
        )

    best = least(loss, [np.log(30), 0.2, 0.3, 0.0])
    of_colours = least(loss_of_colours, [np.log(30), 0.2])
    scale, often, sharper = _scale(best), float(abs(best[2])), float(np.exp(best[3]))
    p = [of(scale, often, sharper) for of in named]
    shades = [_scale(of_colours).probabilities(some) for some in colours]
    told = [~seen.unknown for seen in sets]
    cuts = Cuts(
        cut(p, [seen.thing for seen in sets], weights),
        cut([names.by_category(some) for some in p], [seen.category for seen in sets], weights),
        cut(
            [some[at] for some, at in zip(shades, told, strict=True)],
            [seen.colour[at] for seen, at in zip(sets, told, strict=True)],
            weights,
        ),
    )
    rounded = tuple(round(float(value), 5) for value in centre)
    drawn = drawings and drawings.sharper(sharper)
    return Confidence(
        FORMAT, model, rounded, scale, often, _scale(of_colours), cuts, RATE, drawn, {}
    )


Named = Callable[[Scale, float, float], np.ndarray]


def _named(seen: Photos, names: Names, centre: np.ndarray, drawings: Drawings | None) -> Named:
    """(n, things) probabilities, by how sharp texts are, how much likelier what is lost often is,
    and how much sharper drawings are."""
    scores = things(seen, names, centre)
    if drawings is None:
        return lambda scale, often, _: scale.probabilities(scores, often * names.often)
    drawn, logits = drawings.seen(seen.vectors), drawings.logits(seen.vectors)
    logits[:, :-1][seen.hidden[:, : logits.shape[1] - 1]] = -np.inf
    return lambda scale, often, sharper: mixed(
        drawn, sharper * logits, scale.probabilities(scores, often * names.often)
    )


def things(seen: Photos, names: Names, centre: np.ndarray) -> np.ndarray:
    """(n, things) cosines; -1 for what is hidden."""
    return np.where(seen.hidden, -1.0, names.of_things(centred(seen.vectors, centre)))


def _scale(x: np.ndarray) -> Scale:
    return Scale(float(np.exp(x[0])), float(np.tanh(x[1])))


def least(loss: Callable[[np.ndarray], float], start: Sequence[float]) -> np.ndarray:
    """Where the loss is least."""
    return np.asarray(minimize(loss, np.array(start), method="Nelder-Mead").x)


def log_loss(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The mean of -log of what the right one was given; -1: that none is right."""
    at = np.arange(len(right))
    given = np.where(right >= 0, probabilities[at, right], 1 - probabilities.sum(axis=1))
    return float(-np.log(np.maximum(given, 1e-9)).mean())


def cut(
    probabilities: Sequence[np.ndarray], right: Sequence[np.ndarray], weights: Sequence[float]
) -> float:
    """The least confidence above which RATE of what is said is right, the sets weighing as told; 1
    where there is none.
    """
    sure = np.concatenate([p.max(axis=1) for p in probabilities])
    hit = np.concatenate(
        [p.argmax(axis=1) == of for p, of in zip(probabilities, right, strict=True)]
    )
    weight = np.concatenate(
        [np.full(len(of), each / len(of)) for of, each in zip(right, weights, strict=True)]
    )
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum((hit * weight)[order]) / np.cumsum(weight[order])
    good = np.flatnonzero(share >= RATE - 1e-9)  # sums of shares are not exact
    return float(sure[order][good[-1]]) if len(good) else 1.0


def measured(seen: Photos, names: Names, sure: Confidence) -> dict[str, dict[str, float]]:
    """How good it is, of category, thing and colour."""
    p = _named(seen, names, np.array(sure.centre), sure.drawings)(sure.things, sure.often, 1.0)
    told = ~seen.unknown
    shades = sure.colours_of(seen.vectors[told], names)
    return {
        "category": row(names.by_category(p), seen.category, sure.cuts.category),
        "thing": row(p, seen.thing, sure.cuts.thing),
        "colour": row(shades, seen.colour[told], sure.cuts.colour),
    }


def row(p: np.ndarray, right: np.ndarray, cut: float) -> dict[str, float]:
    """top1, top3: where one is right, it is first, among three. said: of all, that something is;
    right: of what is said. silent: where none is right, nothing is said. error: by how much the
    confidence and what is right differ on average, over tenths of confidence (the expected
    calibration error).
    """
    best, sure = p.argmax(axis=1), p.max(axis=1)
    place = (p > p[np.arange(len(p)), np.maximum(right, 0)][:, None]).sum(axis=1)[right >= 0]
    said, hit = sure >= cut, best == right
    tenth = np.minimum((sure * 10).astype(int), 9)
    off = [abs((sure - hit)[tenth == t].sum()) for t in range(10)]
    return {
        "top1": float((place < 1).mean()),
        "top3": float((place < 3).mean()),
        "said": float(said.mean()),
        "right": float(hit[said].mean()) if said.any() else 1.0,
        "silent": float(1 - said[right < 0].mean()) if (right < 0).any() else 1.0,
        "log_loss": log_loss(p, right),
        "error": float(sum(off) / len(p)),
    }
