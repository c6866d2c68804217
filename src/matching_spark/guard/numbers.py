"""Numbers of JSON: true and "0.5" are none, and Python takes both for one."""

from typing import Any, TypeGuard


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether JSON has it as a number; bool is Python's child of int."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> float:
    """Raises ValueError for what is none."""
    if not is_number(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
