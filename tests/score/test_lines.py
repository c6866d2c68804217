"""A line of one number and of many: the same to the last bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.score.lines import Points, added, added_one, points_of

NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False)


@st.composite
def lines(draw: st.DrawFn) -> Points:
    xs = draw(st.lists(NUMBERS, min_size=1, max_size=6, unique=True))
    return points_of([(x, draw(NUMBERS)) for x in sorted(xs)])


@given(lines(), st.lists(NUMBERS, max_size=8))
def test_one_number_has_what_it_has_among_many(points: Points, numbers: list[float]) -> None:
    ends = [x for x, _ in points]
    every = [*numbers, *ends, math.nan, math.inf, -math.inf, 0.0, -0.0]
    every += [float(np.nextafter(x, way)) for x in ends for way in (-np.inf, np.inf)]
    together = added(points, np.array(every)).tolist()
    alone = [added_one(points, each) for each in every]
    assert alone == together


@pytest.mark.parametrize("wrong", [[], [(0, 0), (0, 1)], [(1, 0), (0, 1)], [(0, math.inf)]])
def test_what_is_no_line_is_refused(wrong: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="points"):
        points_of(wrong)
