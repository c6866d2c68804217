"""Top 10 of blocks of queries over 200,000 x 512: by codes, by whole vectors, and faiss.knn."""

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from benchmarks.data import clustered
from benchmarks.harness import Row, alternating, ratio_row, row
from matching_spark.knn.by_vectors import BLOCK_SCORES
from matching_spark.knn.candidates import shortlist
from matching_spark.knn.codes import CodedQueries
from matching_spark.knn.int8_products import Block, Int8, Int32, many_kernel, packed_kernel
from matching_spark.knn.matmul import columns_of, product
from matching_spark.knn.similarity import Float32, VectorSet

GOALS = {16: 1.5, 24: 2.0, 64: 2.0, 192: 2.0, 256: 2.0, 1024: 2.0, 2000: 2.0}


def run(full: bool) -> list[Row]:
    import faiss

    vectors = clustered(200_000)
    part = VectorSet.of(vectors, np.ones(len(vectors), np.int64))
    coded = part.coded()
    rows: list[Row] = []
    for count in (1, 4, *GOALS) if full else (1, *list(GOALS)[:-1]):
        queries = clustered(count, seed=5)
        done = alternating(
            {
                "ours": lambda: shortlist(queries, coded, 10),
                "ours, whole vectors": lambda: shortlist(queries, part, 10),
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
        if count in GOALS:
            ratio = median(done["faiss.knn"]) / median(done["ours"])
            rows.append(ratio_row(what, "faiss.knn / ours", ratio, "warm", "", GOALS[count], True))
    block = columns_of(clustered(64))
    products: dict[str, Callable[..., Float32]] = {
        "ONNX Runtime's, as ours": product,
        "numpy's": np.matmul,
    }
    codes = coded.codes
    assert codes is not None
    asked = CodedQueries.of(clustered(64)).block
    for who, of_codes in {
        "of codes, ONNX Runtime's": many_kernel,
        "of codes, numkong's": packed_kernel,
    }.items():
        done = alternating({who: lambda: _codes_by_blocks(codes, asked, of_codes)}, 15, 3)
        ms = [1000 * s for s in done[who]]
        rows.append(
            row("64 queries, the product alone", f"{who}, one thread", ms, "ms", "warm", "")
        )
    for who, multiply in products.items():
        # One after the other: threads of the one that still spin would slow the other down.
        done = alternating({who: lambda: by_blocks(vectors, block, multiply)}, 15, 3)
        ms = [1000 * s for s in done[who]]
        rows.append(row("64 queries, the product alone", who, ms, "ms", "warm", ""))
    plot(rows)
    return rows


def plot(rows: Sequence[Row]) -> None:
    """docs/benchmarks/kernels.png, of the rows of a run."""
    from benchmarks.plots import lines

    points: dict[str, list[tuple[float, float]]] = {}
    for each in rows:
        count, _, rest = each.what.partition(" queries, ")
        if each.unit == "ms" and rest.endswith("top 10"):
            points.setdefault(each.subject, []).append((float(count), each.value))
    lines("kernels", points, "queries", "ms", "Top 10 of 200,000 x 512", ticks=True)


def by_blocks(vectors: Float32, columns: Float32, multiply: Callable[..., Float32]) -> None:
    step = BLOCK_SCORES // columns.shape[1]
    for start in range(0, len(vectors), step):
        multiply(vectors[start : start + step], columns)


def _codes_by_blocks(codes: Int8, asked: Block, multiply: Callable[[Block, Int8], Int32]) -> None:
    step = BLOCK_SCORES // len(asked.codes)
    for start in range(0, len(codes), step):
        multiply(asked, codes[start : start + step])
