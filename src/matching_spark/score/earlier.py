"""Calibrations as earlier versions wrote them, said as this one reads them."""

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

from matching_spark.score.kinds import ALL, ANY, DATED, FILTERS, MODALITIES, TOLD, kind_name
from matching_spark.score.posterior import UNLEARNT

FOUND_OF_FORMAT_1 = 300  # posts of the drawn worlds that it was learnt on


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a calibration file, of format 5 where it was of an earlier one."""
    if content["format"] == 1:
        content |= _of_format_1(content["learnt"])
    if content["format"] == 2:
        content |= _since(3, content["scales"], alike=content["alike"], keen=1.0)
    if content["format"] == 3:
        content |= _since(4, content["scales"], hidden=0.0, usual=1.0)
    if content["format"] == 4:
        content |= _of_format_4(content["scales"], content["thresholds"])
    return content


def _of_format_1(learnt: Mapping[str, Any]) -> dict[str, Any]:
    """What format 1 did not say. Its pairs were of one true post among those found; that filters
    pass all, that posts below are as likely as any, and that what looks alike says nothing of what
    else does, makes nothing surer than it was."""
    unlearnt = dict.fromkeys((ANY, *FILTERS), vars(UNLEARNT))
    return {
        "format": 4,
        "prior": -math.log(max(1, int(learnt.get("found", FOUND_OF_FORMAT_1)))),
        "scales": {kind_name(has, told): unlearnt for has in MODALITIES for told in (ALL, ())},
        "passes": dict.fromkeys((*FILTERS, DATED), 1.0),
        "days": [-30.0, 90.0],
    }


def _since(said_by: int, scales: Mapping[str, Any], **said: float) -> dict[str, Any]:
    """What the format before did not say, the same of all kinds of query."""
    now = {kind: {only: {**of, **said} for only, of in by.items()} for kind, by in scales.items()}
    return {"format": said_by, "scales": now}


def _of_format_4(scales: Mapping[str, Any], thresholds: Mapping[str, Any]) -> dict[str, Any]:
    """Format 4 knew two kinds of query by its facts: "bare" were scales of those that tell neither
    where nor when, and thresholds of those that do not tell both."""
    now: dict[str, Any] = {"format": 5, "scales": {}, "thresholds": {}}
    for has, told in product(MODALITIES, TOLD):
        kind, placed = kind_name(has, told), {"where", "when"}.intersection(told)
        now["scales"][kind] = scales[kind_name(has, ALL if placed else ())]
        now["thresholds"][kind] = thresholds[kind_name(has, ALL if len(placed) == 2 else ())]
    return now
