"""Vectors made elsewhere: Parquet with post_id and vector becomes rows of the table.

Everything stays in Spark: rows are checked and scaled in Arrow batches by its Python workers, and
no driver collects a vector.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.errors import InputError, ModelError
from matching_spark.ingest import Report
from matching_spark.posts import CATEGORIES, KINDS, STATUSES, Kind, Reject
from matching_spark.shards import METADATA
from matching_spark.table import COLUMNS, PostsTable

CHECKED = (
    ", ".join(f"{name} {'date' if name == 'happened_on' else 'string'}" for name in METADATA)
    + ", vector binary, reason string, detail string"
)
MAX_REJECTS = 100_000  # listed; all are counted


def ingest_vectors(
    source: str,
    uri: str,
    spark: SparkSession,
    kind: Kind | None = None,
    target_file_bytes: int = 128 << 20,
) -> Report:
    """Take in Parquet of vectors: list<float> or float32 bytes, scaled to length 1.

    A row that cannot be taken is rejected with its reason. Raises InputError when the source has no
    such columns, ModelError when its model is not the table's.
    """
    start = time.perf_counter()
    frame = _read(source, spark)
    missing = {"post_id", "vector"} - set(frame.columns)
    if missing:
        raise InputError(
            f"{source} has no column {', '.join(sorted(missing))}; its columns are: "
            f"{', '.join(frame.columns)}"
        )
    first = frame.where("vector IS NOT NULL").select("vector").first()
    if first is None:
        raise InputError(f"{source} holds no vectors")
    dimension = len(first[0]) // (4 if isinstance(first[0], bytes | bytearray) else 1)
    model = _model(frame, source) or f"external/{dimension}"
    with suppress(InputError):  # no table yet: the first vector fixes its dimension
        dimension = PostsTable.open(uri).dimension
    table = PostsTable.open_or_create(
        uri, spark, model=model, dimension=dimension, target_file_bytes=target_file_bytes
    )
    report = Report(table=table.uri, model=model)
    checked = frame.mapInArrow(_checker(dimension, kind), CHECKED).persist(
        StorageLevel.MEMORY_AND_DISK
    )
    try:
        bad = checked.where("reason IS NOT NULL")
        good = checked.where("reason IS NULL")
        doubled = good.groupBy("post_id").count().where("count > 1").select("post_id")
        if not doubled.isEmpty():
            order = Window.partitionBy("post_id").orderBy("vector")
            numbered = good.withColumn("n", F.row_number().over(order))
            again = numbered.where("n > 1").withColumn("reason", F.lit("duplicate-id"))
            bad = bad.unionByName(again.drop("n"))
            good = numbered.where("n = 1").drop("n")
        report.rejected = bad.count()
        report.rejects = [
            Reject(source, row["post_id"] or "", row["reason"], row["detail"] or "")
            for row in bad.select("post_id", "reason", "detail").limit(MAX_REJECTS).collect()
        ]
        rows = good.select(
            *METADATA,
            F.expr(
                "array(named_struct('uri', CAST(NULL AS STRING), "
                "'sha256', sha2(vector, 256), 'vector', vector)) AS photos"
            ),
            F.lit(None).cast("binary").alias("text_vector"),
            F.lit(model).alias("model"),
            F.current_timestamp().alias("updated_at"),
        ).select(*COLUMNS)
        total = good.count()
        if table.snapshot is not None:
            rows = _changed(rows, table.frame())
        report.accepted = rows.count() if table.snapshot is not None else total
        report.skipped = total - report.accepted
        table.upsert(rows)
    finally:
        checked.unpersist()
    report.snapshot = table.snapshot
    report.seconds = time.perf_counter() - start
    return report


def _read(source: str, spark: SparkSession) -> DataFrame:
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    place = "file://" + storage.absolute(source) if storage.is_local(source) else source
    try:
        return spark.read.parquet(place)
    except Exception as error:
        raise InputError(f"{source} is not Parquet that Spark can read: {error}") from error


def _model(frame: DataFrame, source: str) -> str | None:
    if "model" not in frame.columns:
        return None
    names = [row[0] for row in frame.select("model").distinct().limit(2).collect()]
    if len(names) > 1:
        raise ModelError(
            f"{source} holds vectors of several models ({', '.join(map(str, names))}); "
            "vectors of different models are never compared: split it"
        )
    return names[0] if names else None


def _changed(rows: DataFrame, existing: DataFrame) -> DataFrame:
    """The rows that the table does not have already, as they are."""
    same = ["post_id", *(name for name in METADATA if name not in ("post_id", "status"))]
    old = existing.select(*same, F.col("photos.sha256").alias("shas"))
    new = rows.withColumn("shas", F.col("photos.sha256"))
    # Null-safe: a missing date equals a missing date.
    joined = [new[name].eqNullSafe(old[name]) for name in (*same, "shas")]
    return new.join(old, joined, "left_anti").drop("shas")


def _checker(
    dimension: int, kind: Kind | None
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    """Batches of the source -> batches of CHECKED: unit vectors, or a reason."""

    def check(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _check(pa.Table.from_batches([batch]), dimension, kind)

    return check


def _check(table: pa.Table, dimension: int, kind: Kind | None) -> pa.RecordBatch:
    n = len(table)
    reasons = np.full(n, None, dtype=object)
    details = np.full(n, None, dtype=object)

    def reject(mask: Any, reason: str, detail: str) -> None:
        new = np.asarray(mask) & np.array([r is None for r in reasons], dtype=bool)
        reasons[new], details[new] = reason, detail

    columns = {}
    for name in METADATA:
        if name not in table.column_names:
            columns[name] = pa.nulls(n, pa.date32() if name == "happened_on" else pa.string())
        elif name == "happened_on":
            columns[name], unreadable = _dates(table[name])
            reject(unreadable, "bad-date", "the date cannot be read; write it as 2026-11-01")
        else:
            columns[name] = pc.cast(table[name], pa.string())
        if name not in ("post_id", "happened_on"):
            columns[name] = pc.fill_null(columns[name], _default(name, kind))
    ids = pc.utf8_trim_whitespace(pc.fill_null(columns["post_id"], ""))
    reject(np.asarray(pc.equal(ids, "")), "no-id", "post_id is missing")
    for name, choices in (("kind", KINDS), ("category", ("", *CATEGORIES)), ("status", STATUSES)):
        known = np.asarray(pc.is_in(columns[name], pa.array(choices)))
        reject(~known, f"bad-{name}", f"choose one of: {', '.join(choices)}")
    if kind is not None:
        other = np.asarray(pc.not_equal(columns["kind"], kind))
        reject(other, "kind-differs", f"the row is not of --kind {kind}")

    rows = np.zeros((n, dimension), dtype=np.float64)
    for i, value in enumerate(table["vector"]):
        numbers = _numbers(value)
        if numbers is None or len(numbers) != dimension:
            length = 0 if numbers is None else len(numbers)
            reject(np.arange(n) == i, "wrong-dimension", f"{length} numbers, not {dimension}")
        else:
            rows[i] = numbers
    reject(~np.isfinite(rows).all(axis=1), "not-finite", "the vector has NaN or infinity")
    rows[~np.isfinite(rows).all(axis=1)] = 0
    lengths = np.linalg.norm(rows, axis=1)
    reject(lengths == 0, "zero-length", "the vector has no direction")
    unit = (rows / np.where(lengths, lengths, 1)[:, None]).astype("<f4")
    vectors = pa.array([row.tobytes() for row in unit], pa.binary())
    return pa.RecordBatch.from_pydict(
        {
            **{
                k: v.combine_chunks() if isinstance(v, pa.ChunkedArray) else v
                for k, v in columns.items()
            },
            "vector": vectors,
            "reason": pa.array(reasons, pa.string()),
            "detail": pa.array(details, pa.string()),
        }
    )


def _default(name: str, kind: Kind | None) -> str:
    return {"kind": kind or "", "status": "open"}.get(name, "")


def _numbers(value: pa.Scalar) -> np.ndarray | None:
    if not value.is_valid:
        return None
    if pa.types.is_binary(value.type) or pa.types.is_large_binary(value.type):
        raw = value.as_buffer()
        return None if raw.size % 4 else np.frombuffer(raw, dtype="<f4").astype(np.float64)
    return np.asarray(value.values.to_numpy(zero_copy_only=False), dtype=np.float64)


def _dates(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Dates, and which of those that are there cannot be read."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return pc.cast(column, pa.date32()), np.zeros(len(column), dtype=bool)
    from matching_spark.posts import parse_date

    days, bad = [], np.zeros(len(column), dtype=bool)
    for i, value in enumerate(column.to_pylist()):
        try:
            days.append(parse_date(value))
        except InputError:
            days.append(None)
            bad[i] = True
    return pa.array(days, pa.date32()), bad
