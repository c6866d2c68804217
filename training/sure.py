"""From cosines to probabilities, learnt: how sharp, what none is worth, where to say nothing."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from matching_spark.embed.confidence import Scale

RATE = 0.9  # of what is said, so much is right where it is learnt


def log_loss(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The mean of -log of what the right one was given; -1: that none is right."""
    at = np.arange(len(right))
    given = np.where(right >= 0, probabilities[at, right], 1 - probabilities.sum(axis=1))
    return float(-np.log(np.maximum(given, 1e-9)).mean())


def best_scale(loss_of: Callable[[Scale], float]) -> Scale:
    """The scale at which loss_of(scale) is least."""

    def at(x: np.ndarray) -> Scale:
        return Scale(float(np.exp(x[0])), float(np.tanh(x[1])))

    start = np.array([np.log(30.0), 0.2])
    done = minimize(lambda x: loss_of(at(x)), start, method="Nelder-Mead")
    return at(done.x)


def cut(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The least confidence above which RATE of what is said is right; 1 where there is none."""
    sure = probabilities.max(axis=1)
    order = np.argsort(-sure)
    hit = (probabilities.argmax(axis=1) == right)[order]
    good = np.flatnonzero(np.cumsum(hit) >= RATE * np.arange(1, len(hit) + 1))
    return float(sure[order][good[-1]]) if len(good) else 1.0
