"""How sure a list may be: the calibration error of the first place and of "not here", in drawn
worlds of several sizes with the same weights, by what a query tells and by what it is filtered.
"""

from typing import Any

from benchmarks.harness import Row, row
from benchmarks.plots import reliability
from matching_spark import ClipModel
from matching_spark.demo.labelled import Worlds
from matching_spark.demo.troubles import Troubles
from matching_spark.errors import ModelError
from matching_spark.evaluation.metrics import of_lists
from matching_spark.score.store import find

# Held out from the shipped calibration. Of two lost things in three there is a photo: 4,000 lists
# of each kind of query and size.
WORLDS = (
    Worlds(tuple(range(106, 119)), 300, 500),
    Worlds((106, 107), 3_000, 3_000),
)
LARGE = Worlds((106,), 30_000, 6_000)
ERRORS = {"first": "the first place", "not_here": '"not here"'}
LEAST_ERROR = 0.03


def figures(worlds: Worlds, model: ClipModel) -> dict[str, Any]:
    calibration = find(None, model, model.name)
    if calibration is None:
        raise ModelError(f"{model.name} has no calibration")
    return of_lists(worlds.blocks(model), calibration, Troubles().here)


def run(full: bool) -> list[Row]:
    model = ClipModel.load()
    rows = []
    every: dict[int, dict[str, Any]] = {}
    for worlds in (*WORLDS, LARGE) if full else WORLDS:
        got = figures(worlds, model)
        kinds = got["queries"] | got["filtered"]
        every[worlds.found] = kinds
        for kind, of in kinds.items():
            for name, what in ERRORS.items():
                error = of[name]["expected_calibration_error"]
                rows.append(
                    row(
                        f"calibration error of {what} among {worlds.found:,} posts",
                        kind,
                        [error],
                        "share",
                        "warm",
                        f"{of['lists']:,} lists, ten equal bins",
                        f"at most {LEAST_ERROR}",
                        error <= LEAST_ERROR,
                    )
                )
    reliability(every)
    return rows
