"""What the columns of a Parquet of vectors may be, by their types."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark.domain.schema import METADATA
from matching_spark.errors import InputError


def check_columns(uri: str, schema: pa.Schema, of_folders: Sequence[str]) -> None:
    """Raise InputError where a column is missing, or of a type that cannot be what it should."""
    columns = [*schema.names, *of_folders]
    if missing := {"post_id", "vector"} - set(columns):
        raise InputError(
            f"{uri} has no column {', '.join(sorted(missing))}; its columns are: "
            f"{', '.join(columns)}"
        )
    for column in schema:
        wrong = ""
        if column.name in (*METADATA, "vector", "model") and schema.names.count(column.name) > 1:
            raise InputError(f"{uri} has the column {column.name} twice: keep one")
        if column.name == "vector" and not _is_vector(column.type):
            wrong = "a list of numbers, or float32 bytes"
        elif column.name == "post_id" and not _is_id(column.type):
            wrong = "text or a whole number"
        elif column.name in METADATA and pa.types.is_nested(column.type):
            wrong = "one value, not several"
        elif column.name == "model" and not is_text(column.type):
            wrong = "text"
        if wrong:
            raise InputError(f"{uri}: column {column.name} is {column.type}; it must be {wrong}")


def is_bytes(kind: pa.DataType) -> bool:
    of = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(is_one(kind) for is_one in of)


def _is_vector(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_one(kind) for is_one in lists):
        return is_bytes(kind)
    numbers = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
    return any(is_one(kind.value_type) for is_one in numbers)


def _is_id(kind: pa.DataType) -> bool:
    """Not a float: 20261101001 is 2.0261101001e+10 there, and 2^53 + 1 is another's."""
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    return whole or is_text(kind)


def is_text(kind: pa.DataType) -> bool:
    """Bytes too: some write text as such."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    of = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return is_bytes(kind) or any(is_one(kind) for is_one in of)


def as_text(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The values as text, empty where there is none or no finite number; those that are no UTF-8,
    which are empty.
    """
    none = np.zeros(len(column), dtype=bool)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):  # NaN, as other programmes write what is not given
        finite = pc.is_finite(pc.cast(column, pa.float64()))
        column = pc.if_else(finite, column, pa.scalar(None, column.type))
    if not is_text(column.type):
        return pc.fill_null(pc.cast(column, pa.string()), ""), none
    # Arrow takes the bytes of a text for UTF-8 without looking.
    given = pc.fill_null(column.cast(pa.binary()), b"")
    try:
        return pc.cast(given, pa.string()), none
    except pa.ArrowInvalid:
        texts = [_decoded(value) for value in given.to_pylist()]
        bad = np.array([text is None for text in texts])
        return pa.array([text or "" for text in texts], pa.string()), bad


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
