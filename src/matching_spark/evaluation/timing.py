"""How long something takes, for the notebook and the benchmarks."""

import statistics
import time
from collections.abc import Callable


def seconds(function: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> list[float]:
    """Wall-clock seconds of each of `repeats` calls, after `warm_up` calls that are not counted."""
    for _ in range(warm_up):
        function()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return taken


def median_ms(function: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> float:
    """The median of `seconds`, in ms."""
    return statistics.median(seconds(function, repeats, warm_up)) * 1000
