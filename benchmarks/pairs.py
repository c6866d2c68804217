"""The ten nearest of each of 2,000 vectors: in this process and through Spark, beside faiss.knn.

Of a mixture, which lies in few directions, and of random directions, where none is near.
"""

from collections.abc import Callable
from functools import partial
from statistics import median

import faiss
import numpy as np

from benchmarks.data import clustered, settings, table
from benchmarks.harness import Row, alternating, ratio_row, row
from matching_spark import Filters, PostsTable, SimilarityEngine
from matching_spark.knn.similarity import Float32, unit
from matching_spark.search.request import QueryItem, Request
from matching_spark.spark.session import session

ASKED, TOP, DIMENSION = 2000, 10, 512
SMALL, LARGE = 200_000, 1_000_000
MOST_S = {"a mixture": 5.0, "random directions": 7.0}  # of the large size
FAISS = {"in this process": 2.0, "through Spark": 1.0}  # times as quick at least


def run(full: bool) -> list[Row]:
    return [
        each
        for count in ((SMALL, LARGE) if full else (SMALL,))
        for what, of in (("a mixture", clustered), ("random directions", _random))
        for each in _rows(what, of(count, DIMENSION, 0), of(ASKED, DIMENSION, 5))
    ]


def _random(count: int, dimension: int, seed: int) -> Float32:
    rng = np.random.default_rng([4, seed])
    return unit(rng.standard_normal((count, dimension), dtype=np.float32))


def _rows(kind: str, found: Float32, asked: Float32) -> list[Row]:
    count = len(found)
    request = Request(tuple(map(QueryItem, asked)), Filters(kind="found"), TOP)
    with session(settings()) as spark:
        opened = table(f"pairs-{kind.replace(' ', '-')}-{count}", found, None, spark, 1)
        knn: Callable[[], object] = partial(
            faiss.knn, asked, found, TOP, metric=faiss.METRIC_INNER_PRODUCT
        )
        engine = SimilarityEngine(opened, "spark", cache=settings().cache)
        by_spark = alternating(
            {"faiss.knn": knn, "ours": partial(engine.run, request)}, repeats=5, warm_up=2
        )
    engine = SimilarityEngine(PostsTable.open(opened.uri), "memory", cache=settings().cache)
    here = alternating(
        {"faiss.knn": knn, "ours": partial(engine.run, request)}, repeats=5, warm_up=1
    )
    what = f"{len(asked):,} queries, {count:,} x {DIMENSION}, {kind}"
    said = "as many threads as cores, scores and places"
    rows = [
        row(what, "faiss.knn", here["faiss.knn"], "s", "warm", said),
        row(what, "faiss.knn, beside Spark", by_spark["faiss.knn"], "s", "warm", said),
    ]
    for where, done in (("in this process", here), ("through Spark", by_spark)):
        limit = MOST_S[kind] if count == LARGE and where == "in this process" else None
        ours = median(done["ours"])
        rows.append(
            row(
                what,
                where,
                done["ours"],
                "s",
                "warm",
                "plan, scan, decision in float64, finished results",
                "" if limit is None else f"at most {limit:g} s",
                None if limit is None else ours <= limit,
            )
        )
        ratio = median(done["faiss.knn"]) / ours
        rows.append(
            ratio_row(what, f"faiss.knn / {where}", ratio, "warm", "", FAISS[where], at_least=True)
        )
    return rows
