"""What the columns of a Parquet of vectors may be, by their types."""

import codecs
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark.domain.posts import READ_TEXT
from matching_spark.domain.schema import METADATA
from matching_spark.errors import InputError

# Of a text that may have READ_TEXT letters: nine bytes a letter, as a Mac writes Korean in three
# parts, and white space before it.
TEXT_BYTES = 16 * READ_TEXT


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
        elif column.name == "happened_on" and pa.types.is_timestamp(column.type):
            pass  # whatever its zone is called: it is counted in UTC
        elif column.name in METADATA and not _is_said(column.type):
            wrong = "text, or one value that can be written as such"
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
    """Not a float: that writes 20261101001 as 2.0261101001e+10, and takes 2^53 + 1 for 2^53."""
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    return whole or is_text(kind)


def _is_said(kind: pa.DataType) -> bool:
    """Whether a value can be written as text: no list, no UUID's bytes, no moment in a zone that is
    not known here."""
    own = kind.value_type if pa.types.is_dictionary(kind) else kind
    if isinstance(own, pa.BaseExtensionType):
        return not is_bytes(own.storage_type)
    try:
        pc.cast(pa.nulls(1, kind), pa.string())
    except pa.ArrowException:
        return False
    return True


def is_text(kind: pa.DataType) -> bool:
    """Bytes too: some write text as such."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    of = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return is_bytes(kind) or any(is_one(kind) for is_one in of)


def as_text(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The values as text, and which of them are no UTF-8. Those are empty, and so is what is
    missing or no finite number; of a text of more than TEXT_BYTES only the beginning is there.
    """
    if pa.types.is_dictionary(column.type):
        # The dictionary's entries that these rows have, and of each row which; the last means none.
        indices = pc.cast(column.indices, pa.int64())
        place = np.asarray(pc.fill_null(indices, len(column.dictionary)))
        there, numbers = np.unique(place, return_inverse=True)
        named = pa.array(there, mask=there == len(column.dictionary))
        texts, bad = as_text(pc.take(column.dictionary, named))
        return pc.take(texts, pa.array(numbers)), bad[numbers]
    if pa.types.is_floating(column.type):  # NaN, as other programmes write what is not given
        finite = pc.is_finite(pc.cast(column, pa.float64()))
        column = pc.if_else(finite, column, pa.scalar(None, column.type))
    none = np.zeros(len(column), dtype=bool)
    if not is_text(column.type):
        return pc.fill_null(pc.cast(column, pa.string()), ""), none
    given = pc.fill_null(column.cast(pa.binary()), b"")
    long = pc.greater(pc.binary_length(given), TEXT_BYTES)
    given = pc.binary_slice(given, 0, TEXT_BYTES)
    # Arrow takes the bytes of a text for UTF-8 without looking.
    try:
        return pc.cast(given, pa.string()), none
    except pa.ArrowInvalid:  # or it was cut within a letter
        cut = zip(given.to_pylist(), long.to_pylist(), strict=True)
        texts = [_decoded(value, is_cut) for value, is_cut in cut]
        bad = np.array([text is None for text in texts])
        return pa.array([text or "" for text in texts], pa.string()), bad


def _decoded(value: bytes, is_cut: bool) -> str | None:
    try:
        return codecs.utf_8_decode(value, "strict", not is_cut)[0]
    except UnicodeDecodeError:
        return None
