"""Files of Parquet of vectors, read natively: into tasks by row groups, and tasks into batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching_spark import storage
from matching_spark.domain.schema import METADATA
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.ingest.vector_columns import TEXT_BYTES, check_columns, is_text
from matching_spark.ingest.vector_pages import BATCH_BYTES, check_footer, manner_of, opened
from matching_spark.sources.folder import LINKED
from matching_spark.sources.headings import unused

READ = (*METADATA, "vector", "model")
TASK_BYTES = 64 << 20  # of the source; small row groups share a task


@dataclass(frozen=True)
class Task:
    """Some row groups of one file; `fixed` are columns that its path names (category=가방)."""

    number: int
    uri: str
    row_groups: tuple[int, ...]
    fixed: tuple[tuple[str, str], ...]


def tasks_of(source: str, seen: Seen) -> list[Task]:
    """The source's row groups, those of a file together up to TASK_BYTES.

    seen: notes the columns of each file that are not read.
    """
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    whole = storage.is_dir(source)
    root = storage.absolute(source)
    names = [n for n in storage.walk(source) if n.endswith(".parquet")] if whole else [root]
    if not names:
        raise InputError(f"{source} holds no .parquet files")
    tasks: list[Task] = []
    for name in names:
        if whole and storage.leads_out(name, root):
            raise InputError(f"{name}: {LINKED}")
        file = open_file(name)
        metadata = file.metadata
        parts = [part.partition("=") for part in name[len(root) :].split("/")[:-1]]
        fixed = tuple((key, _of_folder(value)) for key, sign, value in parts if sign)
        if metadata.num_row_groups:
            names = [key for key, _ in fixed]
            check_columns(name, file.schema_arrow, names)
            for column in [*names, *file.schema_arrow.names]:
                if column not in READ:
                    seen.column(column, unused)
        group: list[int] = []
        size = 0
        for i in range(metadata.num_row_groups):
            group.append(i)
            size += metadata.row_group(i).total_byte_size
            if size >= TASK_BYTES or i == metadata.num_row_groups - 1:
                tasks.append(Task(len(tasks), name, tuple(group), fixed))
                group, size = [], 0
    return tasks


NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # as Spark and Hive name the folder of nulls


def _of_folder(value: str) -> str:
    return "" if value == NO_VALUE else unquote(value)


def open_file(uri: str) -> pq.ParquetFile:
    if not storage.is_regular(uri):
        raise InputError(f"{uri} is a pipe or a device")
    with _readable(uri):
        stream = storage.open_input(uri)
        check_footer(uri, stream)
        file = opened(stream)
        _ = file.schema_arrow.names  # which may be no text, and is looked at later
        return file


def batches(
    file: pq.ParquetFile, task: Task, rows: int, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """The task's rows, at most `rows` and BATCH_BYTES at once, where a long text counts TEXT_BYTES.
    Raises InputError if the file is torn, or unpacks to more than memory has room for."""
    # Spark writes a moment in UTC as INT96, which Arrow gives without its zone.
    leaves = map(file.schema.column, range(len(file.schema)))
    moments = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
    with _readable(task.uri):
        stream = storage.open_input(task.uri)
    with stream:
        for number in task.row_groups:
            with _readable(task.uri):
                manner = manner_of(task.uri, stream, file.metadata, number, columns)
                again = opened(stream, file.metadata, manner.coded)
                of = again.iter_batches(min(rows, manner.rows), [number], columns, False)
            left = file.metadata.row_group(number).num_rows
            while True:
                with _readable(task.uri):
                    batch = next(of, None)
                    if batch is None and left:  # a column has fewer: Arrow ends where one does
                        raise ValueError(f"{left:,} rows of a row group are not there")
                    if batch is None:
                        break
                    left -= len(batch)
                    for name in moments.intersection(batch.schema.names):
                        utc = pc.cast(batch[name], pa.timestamp("us", "UTC"), safe=False)
                        at = batch.schema.get_field_index(name)
                        batch = batch.set_column(at, name, utc)
                    parts = [*_parts(batch)]  # which looks for each number in its dictionary
                yield from parts


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows in parts that have at most BATCH_BYTES, and one row more, once their texts are taken
    out of dictionaries."""
    sizes = np.zeros(len(batch), np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and is_text(column.type):
            lengths = pc.fill_null(pc.binary_length(column.dictionary), 0)
            of_each = pc.fill_null(pc.take(lengths, column.indices), 0)
            sizes += np.asarray(of_each).clip(0, TEXT_BYTES)
    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // BATCH_BYTES)) + 1
    for first, last in pairwise([0, *ends.tolist(), len(batch)]):
        yield batch.slice(first, last - first)


@contextmanager
def _readable(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{uri} has gone since it was listed") from None
    except (pa.ArrowException, OSError, ValueError) as error:  # of a torn file Arrow raises any
        why = " ".join(str(error).split())
        raise InputError(f"{uri} is not Parquet that can be read: {why}") from error
