"""One query, top 10, through Spark and in the process, with shards resident."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.data import clustered, settings, table
from benchmarks.harness import Row, alternating, ratio_row, row
from matching_spark import Filters, PostsTable, SimilarityEngine
from matching_spark.config import Hadoop
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.knn.similarity import Float32
from matching_spark.search.request import QueryItem, Request
from matching_spark.shards.shard import pack
from matching_spark.spark.ml_vectors import floats
from matching_spark.spark.session import session

TOP = 10
GOALS = {200_000: 0.55, 1_000_000: 0.2}  # of the memory runner, of numpy's time


def run(full: bool) -> list[Row]:
    rows: list[Row] = []
    counts = (10_000, 200_000, 1_000_000) if full else (10_000, 200_000)
    with session(settings(**{"spark.driver.memory": "6g"})) as spark:  # for what Spark's own cache
        uris = {
            count: table(f"search-{count}", clustered(count), None, spark).uri for count in counts
        }
        for count, uri in uris.items():
            rows += _through_spark(spark, count, uri)
    for count, uri in uris.items():  # with no Spark running beside
        rows += _in_memory(count, uri)
    plot(rows)
    return rows


def _through_spark(spark: SparkSession, count: int, uri: str) -> list[Row]:
    vectors, query, request = _asked(count)
    opened = PostsTable.open(uri, spark, Hadoop())
    engine = SimilarityEngine(opened, "spark", cache=settings().cache)
    tasks = len(pack(opened.plan(request.where).files, 2))
    context = spark.sparkContext
    done = alternating(
        {
            "numpy, beside Spark": lambda: _numpy(vectors, query),
            "floor": lambda: context.parallelize(range(tasks), tasks).map(str).collect(),
            "spark runner": lambda: engine.run(request),
        },
        repeats=9,
        warm_up=3,
    )
    what = _what(count)
    rows = _rows(what, done, {"floor": f"an empty job of {tasks} tasks"})
    if count == 200_000:
        mid = {who: median(each) for who, each in done.items()}
        ratio = mid["spark runner"] / (mid["floor"] + mid["numpy, beside Spark"])
        rows.append(
            ratio_row(what, "spark runner / (floor + numpy)", ratio, "warm", "", 1.2, False)
        )
        rows += _vector_function(spark, opened, query, mid["spark runner"], what)
        rows += _lsh(engine, vectors, query, mid["spark runner"], what)
    return rows


def _in_memory(count: int, uri: str) -> list[Row]:
    vectors, query, request = _asked(count)
    engine = SimilarityEngine(PostsTable.open(uri), "memory", cache=settings().cache)
    filtered = replace(request, where=Filters(kind="found", colour="검정", region="서울"))
    few = Filters(kind="found", category=next(iter(CATEGORIES)), colour="갈색")
    twelfth = replace(request, where=few)
    done = alternating(
        {
            "numpy": lambda: _numpy(vectors, query),
            "memory runner": lambda: engine.run(request),
            "memory runner, filtered": lambda: engine.run(filtered),
            "memory runner, filtered to a twelfth": lambda: engine.run(twelfth),
        },
        repeats=15,
        warm_up=3,
    )
    what = _what(count)
    masked = "plan, masks, scan, finished results"
    rows = _rows(what, done, {name: masked for name in done if "filtered" in name})
    ratio = median(done["memory runner"]) / median(done["numpy"])
    limit = GOALS.get(count)
    rows.append(ratio_row(what, "memory runner / numpy", ratio, "warm", "", limit, False))
    if count == 200_000:
        ratio = median(done["memory runner, filtered"]) / median(done["numpy"])
        subject = "memory runner, filtered / numpy"
        rows.append(ratio_row(what, subject, ratio, "warm", "", 1.2, False))
    return rows


def _asked(count: int) -> tuple[Float32, Float32, Request]:
    query = clustered(1, seed=9)[0]
    return clustered(count), query, Request((QueryItem(query),), Filters(kind="found"), TOP)


def _what(count: int) -> str:
    return f"one query, {count:,} x 512, top {TOP}"


def _rows(what: str, done: dict[str, list[float]], includes: dict[str, str]) -> list[Row]:
    return [
        row(
            what,
            who,
            [1000 * s for s in each],
            "ms",
            "warm",
            "product and argpartition"
            if who.startswith("numpy")
            else includes.get(who, "plan, scan, merge, finished results"),
        )
        for who, each in done.items()
    ]


def _numpy(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.argpartition(vectors @ query, -TOP)[-TOP:]


def _vector_function(spark, opened, query, ours: float, what: str) -> list[Row]:  # type: ignore[no-untyped-def]
    """What a user of Spark alone would write: the vector function over a cached array<float>."""
    to_array = F.arrow_udf(floats, "array<float>")  # type: ignore[attr-defined]
    frame = (
        opened.frame().select("post_id", to_array(F.col("photos")[0]["vector"]).alias("v")).cache()
    )
    frame.count()
    asked = F.array(*[F.lit(float(x)).cast("float") for x in query])
    if hasattr(F, "vector_cosine_similarity"):
        score, name = F.vector_cosine_similarity("v", asked), "Spark's vector_cosine_similarity"
    else:
        product = F.zip_with("v", asked, lambda a, b: a * b)
        score, name = (
            F.aggregate(product, F.lit(0.0).cast("float"), lambda a, b: a + b),
            "Spark's zip_with and aggregate",
        )
    top = frame.select("post_id", score.alias("s")).orderBy(F.desc("s")).limit(TOP)
    done = alternating({name: top.collect}, repeats=3, warm_up=1)[name]
    frame.unpersist()
    return [
        row(what, name, [1000 * s for s in done], "ms", "warm", "cached table, order by, limit"),
        ratio_row(what, f"{name} / spark runner", median(done) / ours, "warm", "", 15, True),
    ]


def _lsh(
    engine: SimilarityEngine, vectors: np.ndarray, query: np.ndarray, ours: float, what: str
) -> list[Row]:
    """MLlib's LSH over cached ML vectors: of unit vectors, L2 ranks as the cosine does."""
    from pyspark.ml.feature import BucketedRandomProjectionLSH
    from pyspark.ml.linalg import Vectors as MLVectors

    frame = engine.embeddings(Filters(kind="found")).select("post_id", "features")
    truth = {f"found{i:07d}" for i in _numpy(vectors, query)}
    asked = MLVectors.dense(query.tolist())
    rows = []
    for length, tables in ((0.5, 4), (0.2, 2)):
        lsh = BucketedRandomProjectionLSH(
            inputCol="features", outputCol="h", bucketLength=length, numHashTables=tables, seed=1
        )
        model = lsh.fit(frame)
        hashed = model.transform(frame).cache()
        hashed.count()
        name = f"MLlib's LSH, {tables} tables, buckets of {length}"

        def ask() -> set[str]:
            near = model.approxNearestNeighbors(hashed, asked, TOP)
            return {row["post_id"] for row in near.select("post_id").collect()}

        done = alternating({name: ask}, repeats=3, warm_up=1)[name]
        recall = len(ask() & truth) / TOP
        hashed.unpersist()
        rows += [
            row(what, name, [1000 * s for s in done], "ms", "warm", "cached table, hashed before"),
            row(what, f"{name}: recall@10", [recall], "share", "warm", "of this one query"),
            row(what, f"{name} / spark runner", [median(done) / ours], "ratio", "warm", ""),
        ]
    return rows


def plot(rows: Sequence[Row]) -> None:
    """docs/benchmarks/search.png, of the rows of a run."""
    from benchmarks.plots import lines

    points: dict[str, list[tuple[float, float]]] = {}
    for each in rows:
        if each.unit == "ms" and "'s " not in each.subject:
            count = float(each.what.split(",", 1)[1].split(" x")[0].replace(",", ""))
            points.setdefault(each.subject, []).append((count, each.value))
    lines(
        "search", points, "vectors of 512 numbers", "ms", "One query, top 10, resident", ticks=True
    )
