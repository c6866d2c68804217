"""The columns of posts as Arrow has them, by their types in the table; files of them, read and
written.
"""

import io
from collections.abc import Sequence

import pyarrow as pa

from matching_spark import storage
from matching_spark.domain.schema import COLUMNS
from matching_spark.errors import StorageError

GONE = "is named by the table but is not there; restore it, or `undo` to a snapshot without it"
PHOTO = pa.struct([("uri", pa.string()), ("sha256", pa.string()), ("vector", pa.binary())])
_KINDS = {
    "string": pa.string(),
    "binary": pa.binary(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array<string>": pa.list_(pa.string()),
    "array<struct<uri: string, sha256: string, vector: binary>>": pa.list_(PHOTO),
}


def arrow_fields(*names: str) -> list[pa.Field]:
    """Each may be null, as it may before it is checked."""
    return [pa.field(name, _KINDS[COLUMNS[name].removesuffix(" NOT NULL")]) for name in names]


def write_parquet(place: str, table: pa.Table, coded: bool | list[str] = True) -> None:
    """A file, whole or not at all, of vectors that wait: as they are, and with checksums. coded: as
    pyarrow's use_dictionary."""
    import pyarrow.parquet as pq  # as in read_columns

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", use_dictionary=coded, write_page_checksum=True)
    storage.write_bytes(place, sink.getvalue())


def read_columns(uri: str, columns: list[str] | None, gone: str = GONE) -> pa.Table:
    """Columns of a Parquet file, None for all, by the checksums that their pages have.

    Raises StorageError naming it when it cannot be read. gone: what is said where it is not there.
    """
    import pyarrow.parquet as pq  # half a second of a worker's start; what is resident needs none

    try:
        with storage.open_input(uri) as stream:
            # read_table would import pandas first (1 s), and read with threads beside the task's.
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            return file.read(columns=columns, use_threads=False)
    except FileNotFoundError:
        raise StorageError(f"{uri} {gone}") from None
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names in no UTF-8
        raise StorageError(f"{uri} cannot be read: {error}") from error


def read_posts(uri: str, columns: Sequence[str]) -> pa.Table:
    """Columns of the posts in a data file, deleted ones too. A column that the file lacks, being of
    an earlier version, is null. Raises as `read_columns`."""
    wanted = list(dict.fromkeys(columns))
    rows = read_columns(uri, wanted)
    for name in wanted:
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(len(rows)))
    return rows.select(wanted)
