"""Vectors made elsewhere: Parquet with post_id and vector becomes rows of the table.

Tasks read the source natively, a few thousand rows at a time, check and scale them, and stage them
as Parquet; Spark takes the staged rows in by one commit. The driver sees no vector; an executor's
Python holds STAGED_BYTES of them for each core, twice as much while it writes them.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial, reduce
from itertools import chain, count

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.domain.posts import Kind, Reject
from matching_spark.domain.schema import EXTERNAL, FIRST, METADATA
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, ModelError
from matching_spark.ingest import over
from matching_spark.ingest.report import Rejects, Report, Tally, line_of
from matching_spark.ingest.staging import Counter, ticking
from matching_spark.ingest.vector_batches import STAGED, ImportRules, Staged, checked, first_vector
from matching_spark.ingest.vector_files import READ, Task, batches, open_file, tasks_of
from matching_spark.ingest.vector_pages import BATCH_BYTES
from matching_spark.layout import IMPORT, STAGING
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.arrow import write_parquet
from matching_spark.spark.failures import spark_errors
from matching_spark.spark.files import read_parquet
from matching_spark.table.merging import WrittenMeanwhile
from matching_spark.table.posts_table import PostsTable

ROWS_AT_ONCE = 4096  # at most read and checked together: 16 MB as float64 of 512 dimensions
STAGED_BYTES = 64 << 20  # a staged file: what a task holds
REJECTS_AT_ONCE = 10_000  # of a file that lists them


@dataclass(frozen=True)
class Vectors:
    """A source that can be read: its row groups, of what dimension its vectors are, which model
    they name, and its columns that are not read."""

    tasks: list[Task]
    dimension: int
    model: str
    seen: Seen


def vectors_of(source: str) -> Vectors:
    """By its footers and its first vector. Raises InputError."""
    seen = Seen()
    tasks = tasks_of(source, seen)
    dimension, named = first_vector(source, tasks)
    return Vectors(tasks, dimension, named or f"{EXTERNAL}{dimension}", seen)


def ingest_vectors(  # noqa: PLR0913  (as ingest_posts, and what opens a table)
    source: str,
    uri: str,
    spark: SparkSession,
    kind: Kind | None,
    hadoop: Hadoop,
    progress: Progress = SILENT,
    own: over.Rules = over.OWN,
    rejects: Rejects | None = None,
    vectors: Vectors | None = None,
) -> Report:
    """Take in Parquet of vectors: list<float> or float32 bytes, scaled to length 1.

    A row that cannot be taken is rejected with its reason, one too of another kind or source than
    the post that the table has, unless `own.replace`. Columns that the source does not have stay as
    they are; those that are not read are in the report's `unknown`. rejects: the list, which
    whoever hands it in publishes; None: the report's first are all. vectors: the source's, read
    already. Raises InputError when it has no such columns, ModelError when its model is not the
    table's.
    """
    start = time.perf_counter()
    vectors = vectors or vectors_of(source)
    tasks, dimension, model, seen = vectors.tasks, vectors.dimension, vectors.model, vectors.seen
    with suppress(InputError):  # no table yet: the first vector fixes its dimension
        dimension = PostsTable.open(uri).dimension
    table = PostsTable.open_or_create(uri, spark, model=model, dimension=dimension, hadoop=hadoop)
    tally = Tally(rejects=rejects or Rejects())
    folder = storage.join(table.uri, STAGING, IMPORT + uuid.uuid4().hex)
    rules = ImportRules(dimension, kind, model, datetime.now(UTC))
    try:
        with spark_errors(f"{source} could not be taken in"):
            run = partial(_stage, source=source, folder=folder, rules=rules)
            done = _stage_all(spark, tasks, run, progress)
            models = set().union(*(each.models for each in done))
            if len(models) > 1:
                named = ", ".join(name or "none" for name in sorted(models))
                raise ModelError(
                    f"{source} holds vectors of several models ({named}); "
                    "vectors of different models are never compared: split it"
                )
            for each in done:
                seen.add(each.seen)
            tally.rejected = sum(each.rejected for each in done)
            for place in (place for each in done for place in each.lists):
                with storage.open_input(place) as lines:
                    tally.rejects.extend(lines)
            if any(each.files for each in done):
                tally.accepted = sum(each.rows for each in done)
                _take_in(table, done, source, folder, own, tally)
    finally:
        storage.remove(folder)
    return replace(tally.report(table, model, start), unknown=dict(seen.unknown))


def _take_in(
    table: PostsTable,
    done: list[Staged],
    source: str,
    folder: str,
    own: over.Rules,
    tally: Tally,
) -> None:
    """Take in what was staged, but for what is rejected or the same. Where others wrote some of it
    meanwhile nothing is: what is left is looked at again."""
    model, spark = table.model, table.session
    staged = read_parquet(spark, [file for each in done for file in each.files])
    left: DataFrame | None = None  # ids
    for tries in count():
        table.refresh()  # to stage them took its time
        table.check_model(model)
        rows, there, at = staged, None, table.snapshot
        if at is not None:
            first, last = rows.selectExpr("min(post_id)", "max(post_id)").collect()[0]
            there = table.frame().where(F.col("post_id").between(first, last))
            rows = _all_over(spark, done, there)
        # What is there twice was counted at the first look.
        rows = _each_once(rows, source, Tally() if tries else tally)
        if left is not None:
            rows = rows.join(left, "post_id", "left_semi")
        if there is not None:
            if not own.replace:
                rows = _of_its_own(rows, there, source, own.source, tally)
            left = _changed(rows, there, storage.join(folder, f"changed-{tries}"), tally)
            rows = rows.join(left, "post_id", "left_semi") if tally.skipped else rows
        if not tally.accepted:
            return
        ids = rows.select("post_id") if left is None else left
        with suppress(WrittenMeanwhile):
            table.upsert(rows, own.source, check=partial(_check, table, ids, there, at))
            return


def _check(table: PostsTable, ids: DataFrame, there: DataFrame | None, at: str | None) -> None:
    """Raise WrittenMeanwhile where others have brought or changed some of the posts since the
    snapshot `at`, whose rows are `there`, or an erase has ended it."""
    if table.snapshot == at:
        return
    now = table.frame().join(ids, "post_id", "left_semi").select("post_id", "updated_at")
    if there is not None and at in table.snapshots:
        now = now.join(there.select(*now.columns), now.columns, "left_anti")
    if not now.isEmpty():
        raise WrittenMeanwhile


def _each_once(rows: DataFrame, source: str, tally: Tally) -> DataFrame:
    """Staged rows, each id once; the others are rejected."""
    doubled = rows.groupBy("post_id").count().where("count > 1").select("post_id")
    if doubled.isEmpty():
        return rows
    order = Window.partitionBy("post_id").orderBy(F.col("photos")[0]["vector"])
    several = rows.join(doubled, "post_id", "left_semi")
    numbered = several.withColumn("n", F.row_number().over(order))
    _rejected(numbered.where("n > 1"), source, tally, "duplicate-id", "it came before")
    once = rows.join(doubled, "post_id", "left_anti")
    return once.unionByName(numbered.where("n = 1").drop("n")).select(*FIRST)


def _rejected(rows: DataFrame, source: str, tally: Tally, reason: str, detail: str) -> None:
    for row in rows.select("post_id").toLocalIterator():
        tally.reject(Reject(source, row["post_id"], reason, detail))
        tally.accepted -= 1


def _of_its_own(
    rows: DataFrame, there: DataFrame, source: str, name: str, tally: Tally
) -> DataFrame:
    """The rows without those that the table has from another source, or as the other kind."""
    had = there.select("post_id", F.col("kind").alias("was"), F.col("source").alias("had_from"))
    foreign = F.col("had_from") != name  # NULL, of a table of version 1, is none
    others = rows.join(had, "post_id").where(foreign | F.expr("kind != was"))
    groups = others.groupBy("had_from", "was", foreign.alias("foreign")).count().collect()
    if not groups:
        return rows
    for group in groups:
        same = F.col("had_from").eqNullSafe(group["had_from"]) & (F.col("was") == group["was"])
        detail = (
            over.OTHER_SOURCE.format(group["had_from"])
            if group["foreign"]
            else over.OTHER_KIND.format(group["was"])
        )
        _rejected(others.where(same), source, tally, "id-taken", detail)
    return rows.join(others.select("post_id"), "post_id", "left_anti").select(*FIRST)


def _all_over(spark: SparkSession, done: list[Staged], there: DataFrame) -> DataFrame:
    """The staged rows as they are written over those of the table. Which columns stay is decided
    for each file, as one file of a folder may have columns that another lacks."""
    files: dict[frozenset[str], list[str]] = {}
    for each in done:
        files.setdefault(each.given, []).extend(each.files)
    parts = (
        _over(read_parquet(spark, those), there, over.kept(given))
        for given, those in files.items()
        if those
    )
    return reduce(DataFrame.unionByName, parts)


def _over(rows: DataFrame, there: DataFrame, kept: list[str]) -> DataFrame:
    """The rows as they are written over those of the table, whose columns `kept` stay."""
    if not kept:
        return rows
    old = there.select("post_id", *(F.col(name).alias(f"old_{name}") for name in kept))
    both = rows.join(old, "post_id", "left")
    return both.select(
        *(F.coalesce(f"old_{c}", c).alias(c) if c in kept else F.col(c) for c in FIRST)
    )


def _changed(rows: DataFrame, there: DataFrame, folder: str, tally: Tally) -> DataFrame:
    """The ids of the rows that change something; the others are skipped. Reads no vector. folder:
    where the ids are put."""
    same = ["post_id", *(name for name in METADATA if name not in ("post_id", "status"))]
    shas = F.col("photos.sha256").alias("shas")
    old = there.select(*same, "status", shas)
    new = rows.select(*same, "status", shas)
    # Null-safe: a missing date equals a missing date.
    joined = [new[name].eqNullSafe(old[name]) for name in (*same, "shas")]
    # A post that comes as open keeps its state.
    joined.append((new["status"] == "open") | (new["status"] == old["status"]))
    changed = new.join(old, joined, "left_anti").select("post_id")
    changed.write.parquet(storage.for_spark(folder))
    ids = read_parquet(rows.sparkSession, [folder])
    total = ids.count()
    tally.skipped += tally.accepted - total
    tally.accepted = total
    tally.updated = ids.join(there.select("post_id"), "post_id", "left_semi").count()
    return ids


def _stage_all(
    spark: SparkSession, tasks: list[Task], run: Callable[..., Iterator[Staged]], progress: Progress
) -> list[Staged]:
    done = spark.sparkContext.accumulator(0)
    with ticking(progress, "row groups", lambda: done.value, len(tasks)):
        parts = spark.sparkContext.parallelize(tasks, len(tasks))
        return parts.mapPartitions(partial(run, done=done)).collect()


def _stage(
    tasks: Iterable[Task], source: str, folder: str, rules: ImportRules, done: Counter
) -> Iterator[Staged]:
    """Stage the good rows of each task, and list why the others are not good. Run again, it writes
    the same files."""
    for task in tasks:
        staged = Staged()
        file = open_file(task.uri)
        columns = [n for n in READ if n in file.schema_arrow.names]
        staged.given = frozenset([*columns, *dict(task.fixed)])
        most = max(1, min(ROWS_AT_ONCE, BATCH_BYTES // (8 * rules.dimension)))
        rows: list[pa.RecordBatch] = []
        lines: list[bytes] = []
        for batch in chain(batches(file, task, most, columns), [None]):  # at the end what is left
            if batch is not None:
                good = checked(batch, dict(task.fixed), rules, staged)
                staged.rows += len(good)
                if len(good):
                    rows.append(good)
                lines += (line_of(Reject(source, *each)) for each in staged.rejects)  # ids are cut
                staged.rejects.clear()
            if rows and (batch is None or sum(each.nbytes for each in rows) >= STAGED_BYTES):
                staged.files.append(_place(folder, task, len(staged.files), "parquet"))
                coded = ["kind", "category", "model"]
                write_parquet(staged.files[-1], pa.Table.from_batches(rows, STAGED), coded)
                rows.clear()
            if lines and (batch is None or len(lines) >= REJECTS_AT_ONCE):
                staged.lists.append(_place(folder, task, len(staged.lists), "jsonl"))
                storage.write_bytes(staged.lists[-1], b"".join(lines))
                lines.clear()
        done.add(1)
        yield staged


def _place(folder: str, task: Task, number: int, ending: str) -> str:
    return storage.join(folder, f"{task.number:06}-{number:04}.{ending}")
