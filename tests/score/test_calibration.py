"""Calibrations as files: read as they were written, by this version and by those before it."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching_spark import ClipModel
from matching_spark.errors import ModelError
from matching_spark.score.calibration import (
    FAINTEST,
    SUREST,
    Calibration,
    Weights,
    sigmoid,
)
from matching_spark.score.kinds import (
    ALL,
    ANY,
    DATED,
    FILTERS,
    MODALITIES,
    QUERY_KINDS,
    TOLD,
    kind_name,
)
from matching_spark.score.store import FILE, find, save
from tests.support.calibrations import (
    random_calibration,
)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    calibration = random_calibration(1)
    text = calibration.to_json()
    assert Calibration.from_json(text, "x") == calibration
    of_kinds = len(QUERY_KINDS) * (len(("threshold", "{", ANY, *FILTERS, "}")))
    assert text.count("\n") - of_kinds < 258  # a line a scale or component: readable
    endless = json.loads(text)["scales"]
    endless["text"]["any"]["alike"] = float("nan")
    for change, says in (
        ({"format": 6}, "its format is 6"),
        ({"prior": 1e9}, "1000000000.0 is not between -30 and 30"),
        ({"passes": {}}, "'category'"),
        ({"passes": dict.fromkeys((*FILTERS, DATED), 1.5)}, "1.5 is not between 0 and 1"),
        ({"scales": endless}, "nan is not between"),
        ({"scales": {}}, "'image'"),
        ({"days": [3, 1]}, "its days are not in ascending order"),
        ({"patterns": {}}, "lacks the patterns both-both"),
        ({"thresholds": {}}, "'image'"),
        ({"thresholds": dict.fromkeys(QUERY_KINDS, float("nan"))}, "nan is not between 0 and 1"),
        ({"prior": 10**400}, "too large"),
        ({"prior": "0.5"}, "'0.5' is not a number"),
        ({"days": [True, 2]}, "True is not a number"),
    ):
        with pytest.raises(ModelError, match=says):
            Calibration.from_json(json.dumps(json.loads(text) | change), "x")
    with pytest.raises(ModelError, match=r"x is no calibration .* makes one"):
        Calibration.from_json("{", "x")
    for odd in ({"intercept": True}, {"points": {"place": [["0", 0], [1, 1]]}}):
        held = json.loads(text)
        held["patterns"]["both-both"] |= odd
        with pytest.raises(ModelError, match="is not a number"):
            Calibration.from_json(json.dumps(held), "x")
    # A probability that is 1 in float64 would be shared by many: their order would say nothing.
    sure = json.loads(text)
    for intercept in (SUREST + 1, FAINTEST - 1, math.nan, -math.inf):
        sure["patterns"]["image-image"]["intercept"] = intercept
        with pytest.raises(ModelError, match="log-odds of"):
            Calibration.from_json(json.dumps(sure), "x")
    assert sigmoid(SUREST) < sigmoid(SUREST + 0.01) < 1
    assert 0 < sigmoid(FAINTEST - 0.01) < sigmoid(FAINTEST)


@pytest.mark.parametrize(
    "held",
    ["{}".encode("utf-16")[:-1], b"\xff{}", "판정".encode("cp949") + b"\x80", b"[" * 100_000],
    ids=["cut", "no text", "CP949", "deep"],
)
def test_a_calibration_of_other_bytes_is_named(held: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(held)
    with pytest.raises(ModelError, match=rf"{tmp_path / FILE} is no calibration"):
        find(str(tmp_path), None, "small-clip")


def test_weights_too_sure_are_held_to_the_surest() -> None:
    lines = {"image-image": ((0.0, -3.0), (0.5, 20.0)), "text-text": ((0.0, 1.0), (1.0, 30.0))}
    held = Weights.sure(-5.0, lines)
    most = sum(max(y for _, y in line) for line in held.points.values())
    assert SUREST - 0.1 < held.intercept + most <= SUREST
    assert held.points["image-image"][0] == (0.0, -3.0), "what speaks against stays"
    few = {"image-image": ((0.0, -3.0), (0.5, 20.0))}
    assert Weights.sure(-5.0, few) == Weights(-5.0, few)


def with_two_kinds(content: dict[str, Any]) -> dict[str, Any]:
    """As formats up to 4 had kinds of query: that tell all, and bare ones."""
    kinds = [f"{has}{end}" for has in MODALITIES for end in ("", " bare")]
    return content | {
        n: {kind: content[n][kind] for kind in kinds} for n in ("scales", "thresholds")
    }


def test_a_calibration_of_format_1_is_read() -> None:
    calibration = random_calibration(3)
    new = ("prior", "below", "passes", "days")
    content = {k: v for k, v in json.loads(calibration.to_json()).items() if k not in new}
    old = with_two_kinds(content) | {"format": 1, "propose": {}, "learnt": {"found": 1000}}
    got = Calibration.from_json(json.dumps(old), "x")
    assert (got.patterns, got.thresholds) == (calibration.patterns, calibration.thresholds)
    assert got.prior == pytest.approx(-np.log(1000))


def test_of_kinds_that_an_older_format_did_not_know_those_hold_that_it_meant() -> None:
    limits = {kind: at / 100 for at, kind in enumerate(QUERY_KINDS)}
    calibration = replace(random_calibration(3), thresholds=limits)
    content = with_two_kinds(json.loads(calibration.to_json())) | {"format": 4}
    got = Calibration.from_json(json.dumps(content), "x")
    for has in MODALITIES:
        for told in TOLD:
            kind, whole, bare = (kind_name(has, of) for of in (told, ALL, ()))
            placed = {"where", "when"}.intersection(told)
            assert got.scales[kind] == calibration.scales[whole if placed else bare]
            sure = len(placed) == 2
            assert got.thresholds[kind] == calibration.thresholds[whole if sure else bare]


NEW = {"hidden": 0.0, "usual": 1.0}  # in format 4


@pytest.mark.parametrize(
    ("old", "lacks", "means"),
    [(2, {"alike", "keen", *NEW}, {"alike": 31.5, "keen": 1.0, **NEW}), (3, {*NEW}, NEW)],
)
def test_a_calibration_of_an_older_format_is_read_as_it_was(
    old: int, lacks: set[str], means: dict[str, float]
) -> None:
    calibration = random_calibration(3)
    content = json.loads(calibration.to_json()) | {"format": old, "alike": 31.5}
    content = with_two_kinds(content)
    content["scales"] = {
        kind: {only: {n: v for n, v in of.items() if n not in lacks} for only, of in by.items()}
        for kind, by in content["scales"].items()
    }
    got = Calibration.from_json(json.dumps(content), "x")
    for told in ((), ALL):
        for kind in (kind_name(has, told) for has in MODALITIES):
            by = calibration.scales[kind]
            assert got.scales[kind] == {only: replace(of, **means) for only, of in by.items()}
    with pytest.raises(ModelError, match="is no calibration"):
        Calibration.from_json(json.dumps(content | {"format": 4}), "x")


def test_a_tables_own_goes_first_and_a_stale_one_is_refused(
    tmp_path: Path, clip: ClipModel
) -> None:
    table = str(tmp_path)
    shipped = find(table, clip, clip.name)
    assert shipped is not None
    assert shipped.learnt["command"] == "matching-spark calibrate demo"
    assert find(table, None, clip.name) is None
    own = random_calibration(2, clip.name)
    save(own, str(tmp_path / FILE))
    assert find(table, clip, clip.name) == own
    save(random_calibration(2, "small-clip@000000000000"), str(tmp_path / FILE))
    with pytest.raises(ModelError, match=r"learnt on vectors of small-clip@0.* learn it again"):
        find(table, clip, clip.name)
