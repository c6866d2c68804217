"""Piecewise linear functions: what a component's value adds to a pair's log-odds."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from matching_spark.guard.numbers import number

Points = tuple[tuple[float, float], ...]  # (value, log-odds), values ascending
Values = npt.NDArray[np.floating[Any]]  # of whatever shape, one number too


def points_of(values: Sequence[Sequence[float]]) -> Points:
    """A line as a file has it. Raises ValueError."""
    points = tuple((number(x), number(y)) for x, y in values)
    if not points or any(b[0] <= a[0] for a, b in pairwise(points)):
        raise ValueError("points are not in ascending order")
    if not all(math.isfinite(each) for point in points for each in point):
        raise ValueError("points hold a number that is not finite")
    return points


def added(points: Points, values: Values) -> Values:
    """The piecewise linear function through `points`, constant beyond its ends; 0 for NaN."""
    return np.where(np.isnan(values), 0.0, np.interp(values, *_columns(points)))


def added_one(points: Points, value: float) -> float:
    """`added` of one number, by the same arithmetic. A call of numpy's takes twelve times as long,
    and gives the interpreter to another thread each time."""
    value = float(value)
    if math.isnan(value):
        return 0.0
    at = bisect_right(points, (value, math.inf))
    if at in (0, len(points)):
        return points[at - 1 if at else 0][1]
    (x, y), (next_x, next_y) = points[at - 1 : at + 1]
    if value == x:  # whatever the slope
        return y
    return (next_y - y) / (next_x - x) * (value - x) + y


@lru_cache(maxsize=1024)
def _columns(points: Points) -> tuple[Values, Values]:
    x, y = np.array(points, np.float64).T.copy()
    return x, y
