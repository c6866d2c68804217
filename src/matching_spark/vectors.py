"""Vectors made elsewhere: Parquet with post_id and vector becomes rows of the table.

Tasks read the source natively, a few thousand rows at a time, check and scale them, and stage them
as Parquet; Spark takes the staged rows in by one commit. No driver sees a vector, and an executor's
Python holds STAGED_BYTES of them a core, twice while they are written.
"""

import hashlib
import io
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.errors import InputError, ModelError, spark_errors
from matching_spark.ingest import Report
from matching_spark.posts import CATEGORIES, KINDS, STATUSES, Kind, Reject
from matching_spark.shards import METADATA
from matching_spark.staging import IMPORT, Progress, ticking
from matching_spark.table import COLUMNS, PostsTable

ROWS_AT_ONCE = 4096  # read and checked together: 16 MB as float64 of 512 dimensions
STAGED_BYTES = 64 << 20  # a staged file: what a task holds
TASK_BYTES = 64 << 20  # of the source; small row groups share a task
MAX_REJECTS = 100_000  # listed; all are counted

PHOTO = pa.struct([("uri", pa.string()), ("sha256", pa.string()), ("vector", pa.binary())])
STAGED = pa.schema(
    [
        *((name, pa.date32() if name == "happened_on" else pa.string()) for name in METADATA),
        ("photos", pa.list_(PHOTO)),
        ("text_vector", pa.binary()),
        ("model", pa.string()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class _Task:
    """Some row groups of one file; `fixed` are columns that its path names (category=가방)."""

    number: int
    uri: str
    row_groups: tuple[int, ...]
    fixed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Rules:
    dimension: int
    kind: Kind | None
    model: str | None  # what the source's own column says in its first row
    stored_as: str
    now: datetime


@dataclass
class _Staged:
    """What one task has done."""

    files: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0
    rejects: list[tuple[str, str, str]] = field(default_factory=list)
    models: set[str | None] = field(default_factory=set)


def ingest_vectors(
    source: str,
    uri: str,
    spark: SparkSession,
    kind: Kind | None = None,
    hadoop: Hadoop | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """Take in Parquet of vectors: list<float> or float32 bytes, scaled to length 1.

    A row that cannot be taken is rejected with its reason. Raises InputError when the source has no
    such columns, ModelError when its model is not the table's.
    """
    start = time.perf_counter()
    tasks = _tasks(source)
    dimension, named = _first(source, tasks)
    model = named or f"external/{dimension}"
    with suppress(InputError):  # no table yet: the first vector fixes its dimension
        dimension = PostsTable.open(uri).dimension
    table = PostsTable.open_or_create(uri, spark, model=model, dimension=dimension, hadoop=hadoop)
    report = Report(table=table.uri, model=model)
    folder = storage.join(table.uri, "staging", IMPORT + uuid.uuid4().hex)
    rules = _Rules(dimension, kind, named, model, datetime.now(UTC))
    try:
        with spark_errors(f"{source} could not be taken in"):
            done = _stage_all(spark, tasks, folder, rules, progress)
            models = set().union(*(each.models for each in done))
            if len(models) > 1:
                raise ModelError(
                    f"{source} holds vectors of several models ({', '.join(map(str, models))}); "
                    "vectors of different models are never compared: split it"
                )
            report.rejected = sum(each.rejected for each in done)
            listed = (Reject(source, *each) for part in done for each in part.rejects)
            report.rejects = list(islice(listed, MAX_REJECTS))
            files = [file for each in done for file in each.files]
            if files:
                rows = spark.read.parquet(*(_place(file) for file in files))
                _take_in(rows, sum(each.rows for each in done), source, table, folder, report)
    finally:
        storage.remove(folder)
    report.snapshot = table.snapshot
    report.seconds = time.perf_counter() - start
    return report


def _take_in(
    rows: DataFrame, count: int, source: str, table: PostsTable, folder: str, report: Report
) -> None:
    """Staged rows into the table, each id once; what the table has already is skipped."""
    doubled = rows.groupBy("post_id").count().where("count > 1").select("post_id")
    if not doubled.isEmpty():
        order = Window.partitionBy("post_id").orderBy(F.col("photos")[0]["vector"])
        several = rows.join(doubled, "post_id", "left_semi")
        numbered = several.withColumn("n", F.row_number().over(order))
        again = numbered.where("n > 1").select("post_id")
        extra = again.count()
        report.rejected += extra
        listed = again.limit(MAX_REJECTS - len(report.rejects)).collect()
        report.rejects += [Reject(source, row["post_id"], "duplicate-id") for row in listed]
        count -= extra
        once = rows.join(doubled, "post_id", "left_anti")
        rows = once.unionByName(numbered.where("n = 1").drop("n")).select(*COLUMNS)
    report.accepted = count
    if table.snapshot is not None:
        assert table.spark is not None
        changed = _place(storage.join(folder, "changed"))
        _changed(rows, table.frame()).write.parquet(changed)
        ids = table.spark.read.parquet(changed)
        report.accepted = ids.count()
        if report.accepted < count:
            rows = rows.join(ids, "post_id", "left_semi")
    report.skipped = count - report.accepted
    if report.accepted:
        table.upsert(rows)


def _place(uri: str) -> str:
    """A place as Spark spells it; without a scheme it would be one on HADOOP_CONF_DIR's HDFS."""
    return f"file://{uri}" if storage.is_local(uri) else uri


def _changed(rows: DataFrame, existing: DataFrame) -> DataFrame:
    """The ids of the rows that the table does not have already, as they are. Reads no vector."""
    same = ["post_id", *(name for name in METADATA if name not in ("post_id", "status"))]
    first, last = rows.selectExpr("min(post_id)", "max(post_id)").collect()[0]
    shas = F.col("photos.sha256").alias("shas")
    old = existing.where(F.col("post_id").between(first, last)).select(*same, shas)
    new = rows.select(*same, shas)
    # Null-safe: a missing date equals a missing date.
    joined = [new[name].eqNullSafe(old[name]) for name in (*same, "shas")]
    return new.join(old, joined, "left_anti").select("post_id")


# -- the source --------------------------------------------------------------------------------


def _tasks(source: str) -> list[_Task]:
    """The source's row groups, those of a file together up to TASK_BYTES."""
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    whole = storage.is_dir(source)
    root = storage.absolute(source)
    names = [n for n in storage.walk(source) if n.endswith(".parquet")] if whole else [root]
    if not names:
        raise InputError(f"{source} holds no .parquet files")
    tasks: list[_Task] = []
    for name in names:
        metadata = _open(name).metadata
        parts = [part.partition("=") for part in name[len(root) :].split("/")[:-1]]
        fixed = tuple((key, unquote(value)) for key, sign, value in parts if sign)
        group: list[int] = []
        size = 0
        for i in range(metadata.num_row_groups):
            group.append(i)
            size += metadata.row_group(i).total_byte_size
            if size >= TASK_BYTES or i == metadata.num_row_groups - 1:
                tasks.append(_Task(len(tasks), name, tuple(group), fixed))
                group, size = [], 0
    return tasks


def _open(uri: str) -> pq.ParquetFile:
    try:
        # Pages as they are wanted, not a column of a row group at once.
        return pq.ParquetFile(storage.open_input(uri), buffer_size=1 << 20)
    except FileNotFoundError:
        raise InputError(f"{uri} has gone since it was listed") from None
    except pa.ArrowException as error:
        raise InputError(f"{uri} is not Parquet that can be read: {error}") from error


def _first(source: str, tasks: Sequence[_Task]) -> tuple[int, str | None]:
    """The dimension of the first vector, and the model that its row names."""
    for task in tasks:
        file = _open(task.uri)
        columns = file.schema_arrow.names + [name for name, _ in task.fixed]
        if missing := {"post_id", "vector"} - set(columns):
            raise InputError(
                f"{task.uri} has no column {', '.join(sorted(missing))}; its columns are: "
                f"{', '.join(columns)}"
            )
        wanted = [name for name in ("vector", "model") if name in columns]
        for batch in file.iter_batches(16, task.row_groups, wanted, use_threads=False):
            for row in batch.to_pylist():
                if (vector := row["vector"]) is not None:
                    return len(vector) // (4 if isinstance(vector, bytes) else 1), row.get("model")
    raise InputError(f"{source} holds no vectors")


# -- the task ----------------------------------------------------------------------------------


def _stage_all(
    spark: SparkSession, tasks: list[_Task], folder: str, rules: _Rules, progress: Progress
) -> list[_Staged]:
    done = spark.sparkContext.accumulator(0)
    run = partial(_stage, folder=folder, rules=rules, done=done)
    with ticking(progress, "row groups", lambda: done.value, len(tasks)):
        return spark.sparkContext.parallelize(tasks, len(tasks)).mapPartitions(run).collect()


def _stage(tasks: Iterable[_Task], folder: str, rules: _Rules, done: Any) -> Iterator[_Staged]:
    """Stage the good rows of each task. Run again, it writes the same files."""
    for task in tasks:
        staged = _Staged()
        waiting: list[pa.RecordBatch] = []

        def write(task: _Task = task, staged: _Staged = staged, rows: Any = waiting) -> None:
            if rows:
                sink = io.BytesIO()
                table = pa.Table.from_batches(rows, STAGED)
                pq.write_table(
                    table, sink, compression="none", use_dictionary=["kind", "category", "model"]
                )
                name = f"{task.number:06}-{len(staged.files):04}.parquet"
                staged.files.append(storage.join(folder, name))
                storage.write_bytes(staged.files[-1], sink.getvalue())
                rows.clear()

        file = _open(task.uri)
        columns = [n for n in (*METADATA, "vector", "model") if n in file.schema_arrow.names]
        for batch in file.iter_batches(ROWS_AT_ONCE, task.row_groups, columns, use_threads=False):
            good = _check(batch, dict(task.fixed), rules, staged)
            staged.rows += len(good)
            if len(good):
                waiting.append(good)
            if sum(each.nbytes for each in waiting) >= STAGED_BYTES:
                write()
        write()
        done.add(1)
        yield staged


def _check(
    batch: pa.RecordBatch, fixed: dict[str, str], rules: _Rules, staged: _Staged
) -> pa.RecordBatch:
    """The rows that can be taken, as STAGED; the others are counted and listed in `staged`."""
    n = len(batch)
    good = np.ones(n, dtype=bool)
    why: dict[int, tuple[str, str]] = {}

    def reject(mask: Any, reason: str, detail: str) -> None:
        new = np.asarray(mask, dtype=bool) & good
        good[new] = False
        why.update(dict.fromkeys(np.flatnonzero(new).tolist(), (reason, detail)))

    def column(name: str) -> pa.Array:
        if name in fixed:
            return pa.array([fixed[name]] * n)
        return batch[name] if name in batch.schema.names else pa.nulls(n, pa.string())

    columns = {}
    for name in METADATA:
        if name == "happened_on":
            columns[name], unreadable = _dates(column(name))
            reject(unreadable, "bad-date", "the date cannot be read; write it as 2026-11-01")
        else:
            columns[name] = pc.cast(column(name), pa.string())
            if name != "post_id":
                columns[name] = pc.fill_null(columns[name], _default(name, rules.kind))
    ids = pc.utf8_trim_whitespace(pc.fill_null(columns["post_id"], ""))
    reject(pc.equal(ids, ""), "no-id", "post_id is missing")
    for name, choices in (("kind", KINDS), ("category", ("", *CATEGORIES)), ("status", STATUSES)):
        known = np.asarray(pc.is_in(columns[name], pa.array(choices)))
        reject(~known, f"bad-{name}", f"choose one of: {', '.join(choices)}")
    if rules.kind is not None:
        other = pc.not_equal(columns["kind"], rules.kind)
        reject(other, "kind-differs", f"the row is not of --kind {rules.kind}")
    if "model" in batch.schema.names:
        staged.models |= set(pc.unique(batch["model"]).to_pylist())

    numbers, lengths = _matrix(batch["vector"], rules.dimension)
    for length in np.unique(lengths[lengths != rules.dimension]):
        detail = f"{length} numbers, not {rules.dimension}"
        reject(lengths == length, "wrong-dimension", detail)
    finite = np.isfinite(numbers).all(axis=1)
    reject(~finite, "not-finite", "the vector has NaN or infinity")
    numbers[~finite] = 0
    norms = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    reject(norms == 0, "zero-length", "the vector has no direction")
    unit = (numbers[good] / norms[good, None]).astype("<f4")

    staged.rejected += len(why)
    for row in sorted(why)[: MAX_REJECTS - len(staged.rejects)]:
        staged.rejects.append((columns["post_id"][row].as_py() or "", *why[row]))
    count = len(unit)
    photos = pa.StructArray.from_arrays(
        [pa.nulls(count, pa.string()), _shas(unit), _binary(unit)], fields=list(PHOTO)
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    keep = pa.array(good)
    return pa.RecordBatch.from_arrays(
        [
            *(columns[name].filter(keep) for name in METADATA),
            pa.ListArray.from_arrays(offsets, photos),
            pa.nulls(count, pa.binary()),
            pa.array([rules.stored_as] * count, pa.string()),
            pa.array([rules.now] * count, pa.timestamp("us", tz="UTC")),
        ],
        schema=STAGED,
    )


def _default(name: str, kind: Kind | None) -> str:
    return {"kind": kind or "", "status": "open"}.get(name, "")


def _matrix(column: pa.Array, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as (n, dimension) float64, and how many numbers each has; zeros where another.

    Bytes that are no whole float32 numbers have 0.
    """
    kind = column.type
    is_bytes = any(
        t(kind)
        for t in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    )
    if is_bytes:
        column = pc.cast(column, pa.binary())
        sizes = np.asarray(pc.fill_null(pc.binary_length(column), 0))
        lengths = np.where(sizes % 4, 0, sizes // 4)
    else:
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
    rows = np.zeros((len(column), dimension), dtype=np.float64)
    fits = lengths == dimension
    if fits.any():
        these = column.filter(pa.array(fits))
        if is_bytes:
            start = np.frombuffer(these.buffers()[1], np.int32)[these.offset]
            count = len(these) * dimension
            flat = np.frombuffer(these.buffers()[2], "<f4", count, int(start))
        else:
            flat = these.flatten().to_numpy(zero_copy_only=False)  # a null is NaN
        rows[fits] = flat.reshape(-1, dimension)
    return rows, lengths


def _binary(rows: np.ndarray) -> pa.Array:
    """(n, d) float32 -> n values of its bytes."""
    n, d = rows.shape
    offsets = np.arange(n + 1, dtype=np.int32) * (4 * d)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))]
    return pa.Array.from_buffers(pa.binary(), n, buffers)


def _shas(rows: np.ndarray) -> pa.Array:
    return pa.array([hashlib.sha256(row.data).hexdigest() for row in rows], pa.string())


def _dates(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Dates, and which of those that are there cannot be read."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return pc.cast(column, pa.date32()), np.zeros(len(column), dtype=bool)
    from matching_spark.posts import parse_date

    bad = np.zeros(len(column), dtype=bool)
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.date32()), bad
    days = []
    for i, value in enumerate(column.to_pylist()):
        try:
            days.append(parse_date(value))
        except InputError:
            days.append(None)
            bad[i] = True
    return pa.array(days, pa.date32()), bad
