"""The JSON of weights: readable, and checked number by number."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matching_spark.guard.numbers import number


def between(value: Any, least: float, most: float) -> float:
    if not least <= (told := number(value)) <= most:
        raise ValueError(f"{value} is not between {least:g} and {most:g}")
    return told


def ascending(values: Sequence[Any]) -> tuple[float, ...]:
    days = tuple(between(value, -1e6, 1e6) for value in values)
    if len(days) < 2 or any(b < a for a, b in pairwise(days)):
        raise ValueError("its days are not in ascending order")
    return days


def pretty(value: Any, indent: str = "") -> str:
    """JSON with a list of points, and a few numbers with their names, on one line."""
    few = (
        isinstance(value, dict)
        and len(value) < 9
        and all(isinstance(x, float) for x in value.values())
    )
    if isinstance(value, dict) and value and not few:
        inner = indent + "  "
        rows = (
            f"{inner}{json.dumps(k, ensure_ascii=False)}: {pretty(v, inner)}"
            for k, v in value.items()
        )
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False)
