"""Parquet of a few kilobytes that unpacks to gigabytes: memory is bounded, whatever comes in."""

from ast import literal_eval
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.posts import LEFT_OUT
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.ingest.vector_files import Task, batches, open_file, tasks_of
from matching_spark.ingest.vector_pages import MAX_PAGES, _pages
from tests.support.peaks import peak_mb

MEMORY_MB = 400  # a batch of BATCH_BYTES several times over, and pages of half of MAX_PAGES
HEADS_MB = 128  # what Arrow and numpy set aside of their own differs by tens; the pages have more
LONG = 4 << 20
IMPORTS = """
import datetime as dt
import tempfile
from matching_spark.domain.vocabulary import Seen
from matching_spark.ingest.vector_batches import ImportRules, first_vector
from matching_spark.ingest.vector_files import tasks_of
from matching_spark.ingest.vector_import import _stage

class Done:
    def add(self, term):
        pass

def staged(source, folder):
    tasks = tasks_of(source, Seen())
    dimension, model = first_vector(source, tasks)
    rules = ImportRules(dimension, "found", model or "m", dt.datetime.now(dt.UTC))
    (done,) = _stage(tasks, source, folder, rules, Done())
    return done.rows, done.rejected, dict(done.seen.unknown)
"""
DOES = "result = staged(source, tempfile.mkdtemp(dir=source.rpartition('/')[0]))"


def written(path: Path, count: int, columns: dict[str, Any], **how: Any) -> Path:
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    table = {"post_id": list(map(str, range(count))), "vector": list(vectors)} | columns
    options = {"compression": "zstd", "write_statistics": False, "store_schema": False} | how
    pq.write_table(pa.table(table), path, **options)
    assert path.stat().st_size < 1 << 20
    return path


def shared(count: int, value: str | bytes, kind: pa.DataType) -> pa.Array:
    """One value that all rows have."""
    numbers = pa.array(np.zeros(count, np.int32))
    return pa.DictionaryArray.from_arrays(numbers, pa.array([value], kind))


def of_a_dictionary(path: Path) -> int:
    text = shared(500, "가" * (LONG // 3), pa.string())
    written(path, 500, {"title": text, "place": text}, dictionary_pagesize_limit=1 << 30)
    return 1000


def of_a_dictionary_as_vectors(path: Path) -> int:
    numbers = pa.array([0, 1] * 1000, pa.int32())
    ones = np.ones(8, np.float32).tobytes()
    vectors = pa.DictionaryArray.from_arrays(numbers, pa.array([b"x" * LONG, ones], pa.binary()))
    written(path, 2000, {"vector": vectors}, dictionary_pagesize_limit=1 << 30)
    return 0


def of_a_dictionary_that_ends(path: Path) -> int:
    """The first rows by its numbers, the others as texts."""
    texts = ["x" * LONG] * 150 + ["y" * (20_000 + i) for i in range(100)]
    written(path, 250, {"title": texts}, dictionary_pagesize_limit=LONG + 1000)
    return 249


def of_beginnings(path: Path) -> int:
    how = {"use_dictionary": False, "column_encoding": {"title": "DELTA_BYTE_ARRAY"}}
    written(path, 150, {"title": ["x" * LONG] * 150}, **how)
    return 150


def of_texts(path: Path) -> int:
    """In pages that are packed."""
    written(path, 30, {"title": ["x" * LONG] * 30}, use_dictionary=False)
    return 30


def of_one_length(path: Path) -> int:
    kind = pa.binary(1 << 20)
    written(path, 400, {"title": shared(400, b"x" * (1 << 20), kind).cast(kind)})
    return 400


def of_one_that_nobody_reads(path: Path) -> int:
    text = shared(500, "x" * LONG, pa.string())
    written(path, 500, {"note": text, "title.2": text}, dictionary_pagesize_limit=1 << 30)
    return 0


BOMBS: list[Callable[[Path], int]] = [
    *(of_a_dictionary, of_a_dictionary_as_vectors, of_a_dictionary_that_ends, of_beginnings),
    *(of_texts, of_one_length, of_one_that_nobody_reads),
]


@pytest.mark.long
@pytest.mark.parametrize("bomb", BOMBS, ids=[bomb.__name__ for bomb in BOMBS])
def test_texts_that_rows_share_take_the_memory_of_one(
    bomb: Callable[[Path], int], tmp_path: Path
) -> None:
    """Each is cut at what is kept of a text, and the others of its row are taken."""
    cut = bomb(tmp_path / "a.parquet")
    said, mb = peak_mb(IMPORTS, DOES, tmp_path / "a.parquet")
    rows, rejected, unknown = literal_eval(said)
    assert rejected == (1000 if bomb is of_a_dictionary_as_vectors else 0)
    assert rows > 0
    assert sum(many for what, many in unknown.items() if LEFT_OUT in what) == cut
    assert mb <= MEMORY_MB


@pytest.mark.long
def test_vectors_of_one_length_that_are_not_there_take_no_room(tmp_path: Path) -> None:
    vectors = pa.array([None] * 1999 + [np.ones(60_000)], pa.list_(pa.float32(), 60_000))
    path = written(tmp_path / "a.parquet", 2000, {"vector": vectors}, store_schema=True)
    said, mb = peak_mb(IMPORTS, DOES, path)
    assert said == "(1, 1999, {})"
    assert mb <= MEMORY_MB


@pytest.mark.long
def test_ids_that_are_too_long_are_not_held(tmp_path: Path) -> None:
    ids = ["x" * 19_000 + str(i) for i in range(20_000)]
    path = written(tmp_path / "a.parquet", len(ids), {"post_id": ids}, use_dictionary=False)
    said, mb = peak_mb(IMPORTS, DOES, path)
    assert said == "(0, 20000, {})"
    assert mb <= 500  # each stands there as Arrow's text and as Python's; held, 771


def test_pages_beyond_all_memory_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    written(path, 90, {"title": ["x" * LONG] * 90}, use_dictionary=False)
    said, mb = peak_mb(IMPORTS, DOES, path)
    assert said.startswith(f"InputError: {path}: its pages unpack to 360 MB at once, and 256 MB")
    assert MAX_PAGES == 256 << 20
    assert mb <= HEADS_MB


@pytest.mark.long
@pytest.mark.parametrize("coded", [False, True])
def test_what_is_said_of_pages_helps(tmp_path: Path, coded: bool) -> None:
    """Smaller pages do not: a dictionary stays as large, and pyarrow's pages have 1,024 rows."""
    path = tmp_path / "a.parquet"
    titles = {"title": [f"{i:03}" + "x" * LONG for i in range(90)]}
    how = {"use_dictionary": coded, "dictionary_pagesize_limit": 1 << 30}

    def rows() -> int:
        tasks = tasks_of(str(path), Seen())
        return sum(len(b) for t in tasks for b in batches(open_file(t.uri), t, 100, ["title"]))

    written(path, 90, titles, **how, data_page_size=1 << 20)
    with pytest.raises(InputError, match=r"write it anew, with smaller row groups$"):
        rows()
    written(path, 90, titles, **how, row_group_size=20)
    assert rows() == 90


def test_a_row_of_numbers_without_end_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    numbers = pa.array(np.ones(40_000_000, np.float32))
    one = pa.ListArray.from_arrays(pa.array([0, len(numbers)], pa.int32()), numbers)
    written(path, 1, {"vector": one})
    said, mb = peak_mb(IMPORTS, DOES, path)
    assert f"InputError: {path}: its vectors unpack to 305 MB, over 100 times" in said
    assert mb <= HEADS_MB


def test_a_footer_that_says_more_than_memory_holds_is_named(tmp_path: Path) -> None:
    """Of three bytes of it, a column of a row group that nobody has, 600 become."""
    path = written(tmp_path / "a.parquet", 1, {})
    parts = b"\x26\x08\x00" * 300_000  # file_offset, and no more
    group = b"\x19\xfc\xe0\xa7\x12" + parts + b"\x16\x00\x16\x00\x00"
    root, *columns = (b"\x48\x06schema\x15\x04\x00", b"\x15\x0c\x25\x02\x18\x07post_id\x00")
    columns.append(b"\x15\x0c\x25\x02\x18\x06vector\x00")
    schema = b"\x19\x3c" + root + b"".join(columns)
    for groups in (1, 9):
        footer = b"\x15\x02" + schema + b"\x16\x00\x19" + bytes([groups << 4 | 12])
        footer += group * groups + b"\x00"
        path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        said, mb = peak_mb(IMPORTS, "result = len(tasks_of(source, Seen()))", path)
        if groups == 1:
            assert said == "1"
            assert mb > 100
        else:
            assert said.startswith(f"InputError: {path}: its footer has 7 MB, and 4 MB can be read")
            assert mb <= HEADS_MB  # of nine groups some 900


def test_a_row_group_is_read_by_its_pages(tmp_path: Path) -> None:
    """Not whole, however large: here 80 MB of vectors that nothing packs."""
    vectors = np.random.default_rng(0).normal(size=(40_000, 512)).astype(np.float32)
    table = {"post_id": list(map(str, range(len(vectors)))), "vector": list(vectors)}
    pq.write_table(pa.table(table), tmp_path / "a.parquet", use_dictionary=False)
    does = (
        "from matching_spark.ingest.vector_files import batches, open_file; "
        "task, = tasks_of(source, Seen()); "
        "result = sum(map(len, batches(open_file(source), task, 100, ['post_id', 'vector'])))"
    )
    rows, mb = peak_mb(IMPORTS, does, tmp_path / "a.parquet")
    assert rows == "40000"
    assert mb <= 40


@given(data=st.data())
def test_the_heads_of_pages_are_those_that_are_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With them, pages come to what the footer of an honest writer says."""
    path = tmp_path_factory.mktemp("pages") / "a.parquet"
    values = data.draw(st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=300))
    table = pa.table({"title": pa.array(values, pa.string()), "vector": [[1.5] * 3] * len(values)})
    how = {
        "compression": data.draw(st.sampled_from(["none", "snappy", "zstd", "gzip"])),
        "data_page_version": data.draw(st.sampled_from(["1.0", "2.0"])),
        "use_dictionary": data.draw(st.booleans()),
        "data_page_size": data.draw(st.integers(1, 1000)),
        "write_batch_size": data.draw(st.integers(1, 100)),
        "dictionary_pagesize_limit": data.draw(st.integers(1, 1000)),
        "row_group_size": data.draw(st.integers(1, 300)),
        "write_page_checksum": data.draw(st.booleans()),
    }
    pq.write_table(table, path, **how)
    metadata = pq.read_metadata(path)
    with path.open("rb") as stream:
        for number in range(metadata.num_row_groups):
            for i in range(2):
                chunk = metadata.row_group(number).column(i)
                pages = _pages(stream, chunk)
                assert pages.values == chunk.num_values
                assert pages.largest <= pages.whole <= chunk.total_uncompressed_size
    task = Task(0, str(path), tuple(range(metadata.num_row_groups)), ())
    read = [
        batch["title"].to_pylist() for batch in batches(open_file(task.uri), task, 7, ["title"])
    ]
    assert list(chain.from_iterable(read)) == values


def test_what_is_no_head_of_a_page_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", 3, {})
    chunk = pq.read_metadata(path).row_group(0).column(0)
    whole = bytearray(path.read_bytes())
    at = chunk.dictionary_page_offset or chunk.data_page_offset
    for wrong in (b"\xff" * 12, b"\x00", b"\x15\x04\x15\x80\x80\x80\x80\xf0\x7f", b"\x19\x00"):
        whole[at : at + len(wrong)] = wrong
        path.write_bytes(whole)
        (task,) = tasks_of(str(path), Seen())
        with pytest.raises(
            InputError, match=r"a\.parquet is not Parquet that can be read: the head"
        ):
            list(batches(open_file(str(path)), task, 7, ["post_id", "vector"]))
