"""Parquet of vectors that is torn, wherever: a line names the file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from matching_spark import Settings
from matching_spark.config import Hadoop
from matching_spark.errors import InputError, MatchingError
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.operations.ingest import Source, ingest
from matching_spark.progress import Silent
from tests.support.vectors import write_vectors

Spoil = Callable[[bytearray], None]


def _footer(data: bytearray) -> None:
    length = int.from_bytes(data[-8:-4], "little")
    data[-8 - length : -8] = b"\xaa" * length


def _page_head(data: bytearray) -> None:
    data[4:24] = b"\xff" * 20


def _one_bit(data: bytearray) -> None:
    """Of a vector, which is no less a vector: only the page's checksum tells."""
    data[len(data) // 2] ^= 1


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _name(data: bytearray) -> None:
    """Of a column, no text any more."""
    data[:] = data.replace(b"vector", b"\xff" * 6)


@pytest.mark.parametrize("spoil", [_name, _footer, _page_head, _one_bit, _cut])
def test_a_torn_file_is_named(spoil: Spoil, spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "vectors.parquet"
    vectors = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
    write_vectors(path, [f"p{i}" for i in range(len(vectors))], vectors)
    pq.write_table(pq.read_table(path), path, compression="none", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    spoil(data)
    path.write_bytes(data)
    with pytest.raises(MatchingError) as told:
        ingest_vectors(str(path), str(tmp_path / "table"), spark, "found", Hadoop())
    said = str(told.value)
    assert "vectors.parquet is not Parquet that can be read: " in said
    assert "\n" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("held", "says"),
    [(b"post_id,title\n1,a\n", "is not Parquet that can be read"), (None, "holds no vectors")],
)
def test_a_file_that_is_none_is_told_before_spark_starts(
    tmp_path: Path, held: bytes | None, says: str
) -> None:
    path = tmp_path / "vectors.parquet"
    write_vectors(path, [], np.zeros((0, 8), np.float32))
    if held is not None:
        path.write_bytes(held)
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    with pytest.raises(InputError, match=says):
        ingest(Settings(table=str(tmp_path / "table")), Source(str(path), "found"), progress=Told())
    assert said == []
