"""What a cell of a sheet says, or a value of JSON: where a program means nothing, it is empty."""

from typing import TypeVar

from matching_spark.domain.sheets import is_error, is_missing, unmarked
from matching_spark.domain.vocabulary import Seen

T = TypeVar("T")


def text_of(name: str, cell: str, seen: Seen) -> str:
    """Of a column's cell. seen: notes one that is taken as empty."""
    if is_error(cell):
        seen.note("an error, taken as empty", f"{cell} in {name}")
        return ""
    return given(name, unmarked(cell), seen)


def given(name: str, value: T, seen: Seen) -> T | str:
    """Of a column's value, of whatever type."""
    if isinstance(value, str) and is_missing(value):
        seen.note("not given, taken as empty", f"{value} in {name}")
        return ""
    return value
