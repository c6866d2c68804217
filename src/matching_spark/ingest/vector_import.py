"""Vectors made elsewhere: Parquet with post_id and vector becomes rows of the table.

Tasks read the source natively, a few thousand rows at a time, check and scale them, and stage them
as Parquet; Spark takes the staged rows in by one commit. The driver sees no vector; an executor's
Python holds STAGED_BYTES of them for each core, twice as much while it writes them.
"""

import io
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.domain.posts import Kind, Reject
from matching_spark.domain.schema import COLUMNS, METADATA
from matching_spark.errors import InputError, ModelError
from matching_spark.ingest.pipeline import Report, Tally
from matching_spark.ingest.staging import Counter, ticking
from matching_spark.ingest.vector_batches import (
    MAX_REJECTS,
    STAGED,
    ImportRules,
    Staged,
    Task,
    checked,
    first_vector,
    open_file,
    tasks_of,
)
from matching_spark.layout import IMPORT, STAGING
from matching_spark.progress import SILENT, Progress
from matching_spark.spark.failures import spark_errors
from matching_spark.spark.files import read_parquet
from matching_spark.table.posts_table import PostsTable

ROWS_AT_ONCE = 4096  # read and checked together: 16 MB as float64 of 512 dimensions
STAGED_BYTES = 64 << 20  # a staged file: what a task holds


def ingest_vectors(
    source: str,
    uri: str,
    spark: SparkSession,
    kind: Kind | None,
    hadoop: Hadoop,
    progress: Progress = SILENT,
) -> Report:
    """Take in Parquet of vectors: list<float> or float32 bytes, scaled to length 1.

    A row that cannot be taken is rejected with its reason. Raises InputError when the source has no
    such columns, ModelError when its model is not the table's.
    """
    start = time.perf_counter()
    tasks = tasks_of(source)
    dimension, named = first_vector(source, tasks)
    model = named or f"external/{dimension}"
    with suppress(InputError):  # no table yet: the first vector fixes its dimension
        dimension = PostsTable.open(uri).dimension
    table = PostsTable.open_or_create(uri, spark, model=model, dimension=dimension, hadoop=hadoop)
    tally = Tally()
    folder = storage.join(table.uri, STAGING, IMPORT + uuid.uuid4().hex)
    rules = ImportRules(dimension, kind, model, datetime.now(UTC))
    try:
        with spark_errors(f"{source} could not be taken in"):
            done = _stage_all(spark, tasks, folder, rules, progress)
            models = set().union(*(each.models for each in done))
            if len(models) > 1:
                raise ModelError(
                    f"{source} holds vectors of several models ({', '.join(map(str, models))}); "
                    "vectors of different models are never compared: split it"
                )
            tally.rejected = sum(each.rejected for each in done)
            listed = (Reject(source, *each) for part in done for each in part.rejects)
            tally.rejects = list(islice(listed, MAX_REJECTS))
            files = [file for each in done for file in each.files]
            if files:
                rows = read_parquet(spark, files)
                table.refresh()  # to stage them took its time
                table.check_model(model)
                _take_in(rows, sum(each.rows for each in done), source, table, folder, tally)
    finally:
        storage.remove(folder)
    return tally.report(table, model, start)


def _take_in(
    rows: DataFrame, count: int, source: str, table: PostsTable, folder: str, tally: Tally
) -> None:
    """Staged rows into the table, each id once; what the table has already is skipped."""
    doubled = rows.groupBy("post_id").count().where("count > 1").select("post_id")
    if not doubled.isEmpty():
        order = Window.partitionBy("post_id").orderBy(F.col("photos")[0]["vector"])
        several = rows.join(doubled, "post_id", "left_semi")
        numbered = several.withColumn("n", F.row_number().over(order))
        again = numbered.where("n > 1").select("post_id")
        extra = again.count()
        tally.rejected += extra
        listed = again.limit(MAX_REJECTS - len(tally.rejects)).collect()
        tally.rejects += [Reject(source, row["post_id"], "duplicate-id") for row in listed]
        count -= extra
        once = rows.join(doubled, "post_id", "left_anti")
        rows = once.unionByName(numbered.where("n = 1").drop("n")).select(*COLUMNS)
    tally.accepted = count
    if table.snapshot is not None:
        changed = storage.join(folder, "changed")
        _changed(rows, table.frame()).write.parquet(storage.for_spark(changed))
        ids = read_parquet(table.session, [changed])
        tally.accepted = ids.count()
        if tally.accepted < count:
            rows = rows.join(ids, "post_id", "left_semi")
    tally.skipped = count - tally.accepted
    if tally.accepted:
        table.upsert(rows)


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


def _stage_all(
    spark: SparkSession, tasks: list[Task], folder: str, rules: ImportRules, progress: Progress
) -> list[Staged]:
    done = spark.sparkContext.accumulator(0)
    run = partial(_stage, folder=folder, rules=rules, done=done)
    with ticking(progress, "row groups", lambda: done.value, len(tasks)):
        return spark.sparkContext.parallelize(tasks, len(tasks)).mapPartitions(run).collect()


def _stage(
    tasks: Iterable[Task], folder: str, rules: ImportRules, done: Counter
) -> Iterator[Staged]:
    """Stage the good rows of each task. Run again, it writes the same files."""
    for task in tasks:
        staged = Staged()
        waiting: list[pa.RecordBatch] = []

        def write(
            task: Task = task, staged: Staged = staged, rows: list[pa.RecordBatch] = waiting
        ) -> None:
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

        file = open_file(task.uri)
        columns = [n for n in (*METADATA, "vector", "model") if n in file.schema_arrow.names]
        for batch in file.iter_batches(ROWS_AT_ONCE, task.row_groups, columns, use_threads=False):
            good = checked(batch, dict(task.fixed), rules, staged)
            staged.rows += len(good)
            if len(good):
                waiting.append(good)
            if sum(each.nbytes for each in waiting) >= STAGED_BYTES:
                write()
        write()
        done.add(1)
        yield staged
