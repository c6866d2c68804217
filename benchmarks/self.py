"""Weights without a label beside those of labels, of the model that the settings name: on drawn
worlds that neither has seen; then with a few decisions. `MATCHING_MODEL__NAME` measures another
model.
"""

import numpy as np

from benchmarks.data import settings
from benchmarks.harness import Row, row
from matching_spark.demo.labelled import FIT_SEEDS, HELD_OUT_SEEDS, Worlds
from matching_spark.embed.clip import ClipModel
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.learn import learn
from matching_spark.evaluation.lists import lists
from matching_spark.evaluation.metrics import Measured
from matching_spark.evaluation.seen import every_kind, evidence
from matching_spark.evaluation.sharpen import sharpen
from matching_spark.evaluation.unlabelled import learn_unlabelled
from matching_spark.score.calibration import Calibration
from matching_spark.score.store import shipped

FOUND, LOST = 1_000, 800  # of a world
DECISIONS = (10, 30, 100, 1_000)
DRAWS = 20  # of each
BEHIND = 0.03  # of labels' average precision, at most
ERROR = 0.05  # of a probability without labels, at most
DECIDED_OF, SHOWN = 300, 4  # lost posts, of which a person is shown the best found ones


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
    asked = Worlds(FIT_SEEDS[1:2], FOUND, DECIDED_OF).pairs(model)
    least = _precision(held, ways["labels"]) - BEHIND
    rows = [
        each
        for way, weights in ways.items()
        for each in _rows(model.name, way, held, weights, least)
    ]
    return rows + decided(model.name, asked, held, ways["self"], share)


def decided(
    model: str, asked: LabelledPairs, held: LabelledPairs, weights: Calibration, share: float
) -> list[Row]:
    """How good these weights are with some decisions, drawn by chance from what a person is shown
    of the lists that are asked."""
    told = evidence(asked, weights)
    shown = np.concatenate(
        [start + np.argsort(-told[start:stop])[:SHOWN] for start, stop in asked.runs()]
    )
    before = _precision(held, weights)
    rows = [row(model, "self", [before], "average precision", "warm", "no decision")]
    for many in DECISIONS:
        after = []
        for seed in range(DRAWS):
            some = np.random.default_rng(seed).choice(shown, many, replace=False)
            own = sharpen(asked, np.isin(np.arange(len(asked)), some), weights, share, {})
            after.append(_precision(held, own))
        mean, error = np.mean(after), 1.96 * np.std(after, ddof=1) / np.sqrt(DRAWS)
        what = f"{many:,} decisions, {DRAWS} draws; their mean {mean:.4f} +- {error:.4f}"
        goal = "the mean is never worse than before beyond its interval"
        met = bool(mean + error >= before)
        rows.append(row(model, "self", after, "average precision", "warm", what, goal, met))
    return rows


def _precision(pairs: LabelledPairs, weights: Calibration) -> float:
    once = np.ones((1, len(pairs.lost_ids)), np.int64)
    return Measured.of(pairs, evidence(pairs, weights), once).values["average_precision"]


def _rows(
    model: str, way: str, held: LabelledPairs, weights: Calibration, least: float
) -> list[Row]:
    """least: the average precision that is wanted of weights without labels."""
    what = f"{model}: {len(held.lost_ids):,} lost posts, {FOUND:,} found ones a world"

    def measured(figure: float, unit: str, of: str, goal: str, met: bool) -> Row:
        if way == "labels":
            return row(what, way, [figure], unit, "warm", of)
        return row(what, way, [figure], unit, "warm", of, goal, met)

    precision = _precision(held, weights)
    goal = f"at least that of labels - {BEHIND}"
    rows = [measured(precision, "average precision", "all pairs", goal, precision >= least)]
    here = len(np.unique(held.lost[held.same])) / len(held.lost_ids)
    for asked in every_kind():
        figures = lists(held, weights, here, asked).figures()
        for side in ("first", "not_here"):
            error = figures[side]["expected_calibration_error"]
            goal, of = f"at most {ERROR}", f"{asked.kind}, {side}"
            rows.append(measured(error, "calibration error", of, goal, error <= ERROR))
    return rows
