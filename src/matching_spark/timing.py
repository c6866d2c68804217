"""How long something takes, for the notebook."""

import statistics
import time
from collections.abc import Callable


def median_ms(function: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> float:
    """The median wall-clock time of `repeats` calls in ms, after `warm_up` that are not counted."""
    for _ in range(warm_up):
        function()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)
