"""Weights without a label beside those of labels, of the model that the settings name: on drawn
worlds that neither has seen. `MATCHING_MODEL__NAME` measures another model.
"""

from itertools import product

import numpy as np

from benchmarks.data import settings
from benchmarks.harness import Row, row
from matching_spark.demo.labelled import FIT_SEEDS, HELD_OUT_SEEDS, Worlds
from matching_spark.embed.clip import ClipModel
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.learn import learn
from matching_spark.evaluation.lists import lists
from matching_spark.evaluation.metrics import Measured
from matching_spark.evaluation.seen import Asked, evidence
from matching_spark.evaluation.unlabelled import learn_unlabelled
from matching_spark.score.calibration import MODALITIES, Calibration
from matching_spark.score.store import shipped

FOUND, LOST = 1_000, 800  # of a world


def run(full: bool) -> list[Row]:
    """full: the supervised weights from three worlds in place of the one that both learn from."""
    model = ClipModel.of(settings().model)
    table = Worlds(FIT_SEEDS[:1], FOUND, LOST).pairs(model)
    labels = Worlds(FIT_SEEDS[:3], FOUND, LOST).pairs(model) if full else table
    held = Worlds(HELD_OUT_SEEDS, FOUND, LOST).pairs(model)
    share = settings().similarity.share_here
    ways = {
        "labels": learn(labels, model.name, {}),
        "self": learn_unlabelled(table, model.name, {}, shipped(), share),
    }
    return [each for way, weights in ways.items() for each in _rows(model.name, way, held, weights)]


def _rows(model: str, way: str, held: LabelledPairs, weights: Calibration) -> list[Row]:
    what = f"{model}: {len(held.lost_ids):,} lost posts, {FOUND:,} found ones a world"
    once = np.ones((1, len(held.lost_ids)), np.int64)
    precision = Measured.of(held, evidence(held, weights), once).values["average_precision"]
    rows = [row(what, way, [precision], "average precision", "warm", "all pairs")]
    here = len(np.unique(held.lost[held.same])) / len(held.lost_ids)
    for facts, has in product((True, False), MODALITIES):
        asked = Asked(has, facts)
        figures = lists(held, weights, here, asked).figures()
        for side in ("first", "not_here"):
            error = figures[side]["expected_calibration_error"]
            rows.append(
                row(what, way, [error], "calibration error", "warm", f"{asked.kind}, {side}")
            )
    return rows
