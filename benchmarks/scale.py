"""Rows against time and memory: vectors imported from Parquet, upserted, searched through Spark.

The driver has a heap of 1 GB. What is compared is Spark writing the same rows as plain Parquet.
"""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks.harness import Row, row
from benchmarks.plots import lines
from matching_spark import PostsTable, Query, Settings, SimilarityEngine, start_session
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.ingest.vector_import import ingest_vectors

SIZES = (10_000, 100_000)
FULL = 1_000_000
DIMENSION = 512
HEAP = "1g"
SAMPLE_S = 0.5
GOALS = {"import": 2.5, "upsert": 4.0}


def write_source(path: Path, rows: int, seed: int) -> None:
    """`rows` posts with random vectors as list<float>, in row groups of 32,768."""
    rng = np.random.default_rng(seed)
    names = list(CATEGORIES)[:8]
    schema = pa.schema(
        [
            ("post_id", pa.string()),
            ("category", pa.string()),
            ("vector", pa.list_(pa.float32())),
        ]
    )
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=["category"]) as file:
        for start in range(0, rows, 32_768):
            n = min(32_768, rows - start)
            numbers = rng.standard_normal(n * DIMENSION, dtype=np.float32)
            offsets = np.arange(0, n * DIMENSION + 1, DIMENSION, dtype=np.int32)
            columns = [
                pa.array([f"p{i:09d}" for i in range(start, start + n)]),
                pa.array([names[i % 8] for i in range(start, start + n)]),
                pa.ListArray.from_arrays(pa.array(offsets), pa.array(numbers)),
            ]
            file.write_table(pa.Table.from_arrays(columns, schema=schema))


@contextmanager
def peak() -> Iterator[dict[str, float]]:
    """The most memory (MB) that the JVM and all Python workers held in the block.

    What forked workers share is counted once (Pss).
    """
    most = {"jvm": 0.0, "python": 0.0}
    finished = threading.Event()

    def sample() -> None:
        while not finished.wait(SAMPLE_S):
            held = {"jvm": 0.0, "python": 0.0}
            for pid in descendants(os.getpid()):
                try:
                    name = Path(f"/proc/{pid}/comm").read_text().strip()
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                except OSError:
                    continue  # it has ended
                shares = [x.split()[1] for x in rollup.splitlines() if x.startswith("Pss:")]
                held["jvm" if name == "java" else "python"] += sum(map(int, shares)) * 1024 / 1e6
            for kind, value in held.items():
                most[kind] = max(most[kind], value)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        finished.set()
        thread.join()


def descendants(root: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    out: list[int] = []
    todo = [root]
    while todo:
        below = parents.get(todo.pop(), [])
        out += below
        todo += below
    return out


def run(full: bool) -> list[Row]:
    settings = Settings(
        spark={"master": "local[2]", "conf": {"spark.driver.memory": HEAP}}  # type: ignore[arg-type]
    )
    spark = start_session(settings)
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        rows: list[Row] = []
        for size in (*SIZES, *((FULL,) if full else ())):
            rows += measure(spark, folder / str(size), size)
            shutil.rmtree(folder / str(size))
        plot(rows)
        return rows
    finally:
        spark.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(spark: SparkSession, folder: Path, size: int) -> list[Row]:
    folder.mkdir()
    sources = [folder / f"{name}.parquet" for name in ("first", "changed")]
    for seed, path in enumerate(sources):
        write_source(path, size, seed)
    what = f"{size:,} x {DIMENSION} from Parquet, heap {HEAP}"
    uri = str(folder / "table")

    def plain() -> None:
        frame = spark.read.parquet(f"file://{sources[0]}").write.mode("overwrite")
        frame.option("compression", "uncompressed").parquet(f"file://{folder}/plain")

    def take(source: Path) -> Callable[[], None]:
        def work() -> None:
            report = ingest_vectors(str(source), uri, spark, "found", Hadoop())
            assert (report.accepted, report.rejected) == (size, 0)

        return work

    def search() -> None:
        engine = SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), cache=Cache())
        (result,) = engine.search([Query(embedding=np.eye(1, DIMENSION)[0])])
        assert len(result.matches) == 10

    plain()  # warms Spark's own code
    out: list[Row] = []
    taken: dict[str, float] = {}
    for name, subject, work in (
        ("plain", "Spark writes the same rows as plain Parquet", plain),
        ("import", "ingest into an empty table", take(sources[0])),
        ("upsert", "upsert, every row changed", take(sources[1])),
        ("search", "one query through Spark, cold", search),
    ):
        with peak() as most:
            start = time.perf_counter()
            work()
            taken[name] = time.perf_counter() - start
        out.append(row(what, subject, [taken[name]], "s", "warm", "the whole call"))
        for kind, value in most.items():
            held = {"jvm": "the JVM", "python": "all Python workers"}[kind]
            out.append(row(what, f"{subject}: {held}", [value], "MB", "warm", "most resident"))
        if name in GOALS:
            ratio = taken[name] / taken["plain"]
            goal = size == FULL  # below, what a commit costs is most of it
            out.append(
                row(
                    *(what, f"{subject} / plain Parquet", [ratio], "ratio", "warm"),
                    includes="the whole call",
                    goal=f"at most {GOALS[name]:g} x" if goal else "",
                    met=ratio <= GOALS[name] if goal else None,
                )
            )
    return out


def plot(rows: Sequence[Row]) -> None:
    """docs/benchmarks/scale.png and scale-memory.png, of the rows of a run."""
    for unit, name, title in (("s", "scale", "time"), ("MB", "scale-memory", "memory")):
        points: dict[str, list[tuple[float, float]]] = {}
        # Of memory the import and the search: plain Parquet has no Python, an upsert is an import.
        shown = ("ingest", "one query") if unit == "MB" else ("",)
        for each in (r for r in rows if r.unit == unit and r.subject.startswith(shown)):
            count = float(each.what.split(" x ")[0].replace(",", ""))
            points.setdefault(each.subject, []).append((count, each.value))
        title = f"From Parquet into a table: {title}"
        lines(name, points, "vectors of 512 numbers", unit, title, ticks=True)
