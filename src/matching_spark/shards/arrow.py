"""The columns of posts as Arrow has them, by their types in the table; and files of them."""

import io

import pyarrow as pa

from matching_spark import storage
from matching_spark.domain.schema import COLUMNS

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
    import pyarrow.parquet as pq  # as in shard.read_columns

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", use_dictionary=coded, write_page_checksum=True)
    storage.write_bytes(place, sink.getvalue())
