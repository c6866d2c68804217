"""Top 10 of blocks of queries over 200,000 x 512: our kernel, faiss.knn, numpy."""

from collections.abc import Callable
from statistics import median

import numpy as np

from benchmarks.data import clustered
from benchmarks.harness import Row, alternating, ratio_row, row
from matching_spark.knn.candidates import BLOCK_SCORES, shortlist
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, VectorSet

GOALS = {16: 1.5, 24: 2.0, 64: 2.0, 192: 2.0, 256: 0.95, 1024: 0.95}


def run(full: bool) -> list[Row]:
    import faiss

    from benchmarks.plots import lines

    vectors = clustered(200_000)
    part = VectorSet.of(vectors, np.ones(len(vectors), np.int64))
    rows: list[Row] = []
    points: dict[str, list[tuple[float, float]]] = {}
    for count in (1, 4, *GOALS) if full else (1, *list(GOALS)[:-1]):
        queries = clustered(count, seed=5)
        done = alternating(
            {
                "ours": lambda: shortlist(queries, part, 10),
                "faiss.knn": lambda: faiss.knn(
                    queries, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT
                ),
            },
            repeats=7,
            warm_up=1,
        )
        what = f"{count} queries, 200,000 x 512, top 10"
        for who, each in done.items():
            rows.append(row(what, who, [1000 * s for s in each], "ms", "warm", "scores and top 10"))
            points.setdefault(who, []).append((count, 1000 * median(each)))
        if count in GOALS:
            ratio = median(done["faiss.knn"]) / median(done["ours"])
            rows.append(ratio_row(what, "faiss.knn / ours", ratio, "warm", "", GOALS[count], True))
    block = columns_of(clustered(64))
    products: dict[str, Callable[..., Float32]] = {
        "ONNX Runtime's, as ours": product,
        "numpy's": np.matmul,
    }
    for who, multiply in products.items():
        # One after the other: threads of the one that still spin would slow the other down.
        done = alternating({who: lambda: by_blocks(vectors, block, multiply)}, 15, 3)
        ms = [1000 * s for s in done[who]]
        rows.append(row("64 queries, the product alone", who, ms, "ms", "warm", ""))
    lines("kernels", points, "queries", "ms", "Top 10 of 200,000 x 512")
    return rows


def by_blocks(vectors: Float32, columns: Float32, multiply: Callable[..., Float32]) -> None:
    step = BLOCK_SCORES // columns.shape[1]
    for start in range(0, len(vectors), step):
        multiply(vectors[start : start + step], columns)
