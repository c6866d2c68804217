"""Recall@10 against time: cells in the memory runner's scan, faiss IVF-Flat and HNSW.

On vectors of drawn photos and on real text embeddings; the rows looked at, and whether files in
cell order could be skipped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import faiss
import numpy as np

from benchmarks.data import drawn, texts
from benchmarks.harness import Row, alternating, ratio_row, row
from benchmarks.plots import lines
from matching_spark.domain.posts import Filters
from matching_spark.domain.schema import FILTERED
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.knn.similarity import Float32, Index, VectorSet
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.rerank import Candidate, decide
from matching_spark.search.scan import ShardCandidates, scan
from matching_spark.shards.ivf_index import (
    Cells,
    assign,
    default_count,
    reached,
    sort_by_cell,
    train,
)
from matching_spark.shards.shard import Shard

ASKED, TOP, FILES = 200, 10, 16
Points = dict[str, list[tuple[float, float]]]  # by who: ms a query, recall@10
PROBES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
ROUNDS = 5
KINDS = list(CATEGORIES)[:10]  # the filter leaves a tenth


def run(full: bool) -> list[Row]:
    rows: list[Row] = []
    sizes = [100_000, 1_000_000] if full else [100_000]
    for count in sizes:
        name = f"drawn photos, {count:,}"
        rows += _measure(
            name, f"drawn-photos-{count}", drawn(count), drawn(ASKED, seed=8), 0.99, 0.03
        )
    sentences = texts(100_000 if full else 20_000)
    if len(sentences):
        split = len(sentences) - ASKED
        name = f"text embeddings, {split:,}"
        # How many there are depends on what is installed: the picture's name does not.
        rows += _measure(name, "text-embeddings", sentences[:split], sentences[split:], 0.97, 0.08)
    return rows


def _shard(vectors: Float32) -> Shard:
    """Posts of one vector, all alike but for it, without a table."""
    import pyarrow as pa

    n = len(vectors)
    ids = pa.array([f"p{i:07d}" for i in range(n)])
    return Shard(
        metadata=pa.table({"post_id": ids}),
        photo_uris=pa.nulls(n, pa.string()),
        photos=VectorSet.of(vectors, np.ones(n, np.int64)),
        texts=VectorSet.of(np.empty((0, vectors.shape[1]), np.float32), np.zeros(n, np.int64)),
        codes={name: np.zeros(n, np.int32) for name in FILTERED}
        | {"category": (np.arange(n) % len(KINDS)).astype(np.int32)},
        words={name: ["open" if name == "status" else ""] for name in FILTERED}
        | {"category": KINDS},
        days=np.zeros(n, np.int32),
        points=np.full((n, 2), np.nan),
        alive=np.ones(n, bool),
    )


def _measure(
    what: str, picture: str, vectors: Float32, queries: Float32, goal: float, share_goal: float
) -> list[Row]:
    truth = faiss.knn(queries, vectors, TOP, metric=faiss.METRIC_INNER_PRODUCT)[1]
    plain = _shard(vectors)
    start = time.perf_counter()
    cells = train([plain], "m", len(vectors), None)
    trained = time.perf_counter()
    shard = sort_by_cell(plain, cells)
    done = time.perf_counter()
    rows = [
        row(what, f"{len(cells.photos)} cells, train", [trained - start], "s", "cold", "k-means"),
        row(what, "cells, assign and sort", [done - trained], "s", "cold", "a cache entry's share"),
    ]
    arrays = (value for value in vars(shard.photos).values() if isinstance(value, np.ndarray))
    rows.append(_memory(what, "cells", sum(array.nbytes for array in (*arrays, cells.photos))))
    plain = shard
    shard = replace(shard, photos=shard.photos.coded())
    assert shard.photos.codes is not None
    rows.append(_memory(what, "codes beside", shard.photos.codes.nbytes))
    request = Request((QueryItem(queries[0]),), Filters(), TOP)
    taken = alternating(
        {
            "exact, whole vectors": lambda: decide([scan(plain, request, cells)], request),
            "exact": lambda: decide([scan(shard, request, cells)], request),
        },
        repeats=9,
    )
    for who, each in taken.items():
        rows.append(row(what, who, [1000 * s for s in each], "ms", "warm", "a query"))
    exact = taken["exact"]  # by codes, as the memory runner has it
    points: Points = {}
    best: tuple[float, float, float, int] | None = None

    def ask(nprobe: int, query: Float32) -> tuple[ShardCandidates, list[Candidate]]:
        asked = replace(request, queries=(QueryItem(query),), nprobe=nprobe)
        scanned = scan(shard, asked, cells)
        (hits,) = decide([scanned], asked)
        return scanned, hits

    sweep = [n for n in PROBES if n <= len(cells.photos) // 4]
    for nprobe, ms in _swept(sweep, queries, ask):
        answers = [ask(nprobe, query) for query in queries]
        looked = sum(scanned.rows for scanned, _ in answers)
        found = [[int(hit.post_id[1:]) for hit in hits] for _, hits in answers]
        recall, share = _recall(found, truth), looked / len(queries) / len(vectors)
        points.setdefault("cells", []).append((ms, recall))
        if recall >= goal and best is None:
            best = (recall, share, ms, nprobe)
    if best is None:
        rows.append(
            ratio_row(
                what, "best recall@10 of cells", points["cells"][-1][1], "warm", "", goal, True
            )
        )
    else:
        recall, share, ms, nprobe = best
        subject = f"share of rows at recall@10 {recall:.3f} (nprobe {nprobe})"
        rows.append(ratio_row(what, subject, share, "warm", "", share_goal, False))
        alone = _nearest_alone(vectors, cells, queries, truth, goal)
        said = "were a vector in its nearest cell only"
        rows.append(row(what, f"share of rows at recall@10 {goal}", [alone], "ratio", "warm", said))
        ratio, said = ms / 1000 / median(exact), f"{ms:.2f} ms a query"
        most = 0.1 if len(vectors) >= 1_000_000 else None
        rows.append(ratio_row(what, "cells / exact", ratio, "warm", said, most, False))
        whole = ms / 1000 / median(taken["exact, whole vectors"])
        rows.append(row(what, "cells / exact, whole vectors", [whole], "ratio", "warm", ""))
        rows.append(_skipped(what, shard, cells, queries, nprobe))
    ivf, more = _peers(what, vectors, queries, truth, points)
    rows += [*more, *_beside_ivf(what, points, goal)]
    rows += _filtered(what, shard, cells, ivf, vectors, queries, goal)
    lines(
        f"cells-{picture}",
        {who: [(ms, 1 - recall + 1e-4) for ms, recall in each] for who, each in points.items()},
        "ms a query, one thread's calls",
        "1 - recall@10 (+ 1e-4)",
        what,
    )
    return rows


def _nearest_alone(
    vectors: Float32, cells: Cells, queries: Float32, truth: Index, goal: float
) -> float:
    """The share of rows that the nearest cells hold, once they hold the goal's share of `truth`."""
    first = assign(vectors, cells.photos)[:, 0]
    order = np.argsort(-(queries @ cells.photos.T), axis=1)
    rank = np.argsort(order, axis=1)
    needed = np.take_along_axis(rank, first[truth], axis=1)
    nprobe = int(np.quantile(needed, goal, method="inverted_cdf")) + 1
    sizes = np.bincount(first, minlength=len(cells.photos))
    return float(sizes[order[:, :nprobe]].sum(axis=1).mean() / len(vectors))


def _skipped(what: str, shard: Shard, cells: Cells, queries: Float32, nprobe: int) -> Row:
    """Of FILES files written in cell order, the cells ordered by their nearness, those touched."""
    part = shard.photos
    place = np.argsort(_chain(cells.photos))  # of a cell in that order
    order = np.argsort(place[assign(part.vectors, cells.photos)[:, 0]], kind="stable")
    file = np.empty(len(order), np.int64)
    file[order] = np.arange(len(order)) * FILES // len(order)
    near = (reached(part, cells.photos, query, nprobe) for query in queries)
    touched = [len(np.unique(file[rows])) / FILES for rows in near]
    return row(
        what,
        f"files touched, of {FILES} in cell order",
        [float(np.mean(touched))],
        "ratio",
        "warm",
        "what skipping whole files would still read",
    )


def _chain(centroids: Float32) -> Index:
    """Cells one after the other, each the nearest of those left: like beside like."""
    left = np.ones(len(centroids), bool)
    at, out = 0, []
    for _ in range(len(centroids)):
        out.append(at)
        left[at] = False
        at = int(np.where(left, centroids @ centroids[at], -np.inf).argmax())
    return np.array(out)


def _peers(
    what: str,
    vectors: Float32,
    queries: Float32,
    truth: Index,
    points: Points,
) -> tuple[faiss.IndexIVFFlat, list[Row]]:
    """The index of cells that faiss has, and both peers' rows; their points are added."""
    rows = []
    dimension = vectors.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    lists = default_count(len(vectors))
    ivf: Any = faiss.IndexIVFFlat(quantizer, dimension, lists, faiss.METRIC_INNER_PRODUCT)
    hnsw: Any = faiss.IndexHNSWFlat(dimension, 32, faiss.METRIC_INNER_PRODUCT)
    for who, index, sweep in (
        ("faiss IVF-Flat", ivf, (1, 2, 4, 8, 16, 32, 64, 128)),
        ("faiss HNSW 32", hnsw, (10, 20, 40, 80, 160)),
    ):
        start = time.perf_counter()
        if who.startswith("faiss IVF"):
            index.train(vectors[:: max(1, len(vectors) // 100_000)])
        index.add(vectors)
        rows.append(row(what, f"{who}, build", [time.perf_counter() - start], "s", "cold", ""))
        rows.append(_memory(what, who, faiss.serialize_index(index).nbytes))

        def ask(value: int, query: Float32, index: Any = index) -> Index:
            if isinstance(index, faiss.IndexIVFFlat):
                index.nprobe = value
            else:
                index.hnsw.efSearch = value
            found: Index = index.search(query[None], TOP)[1][0]
            return found

        for value, ms in _swept(sweep, queries, ask):
            recall = _recall([ask(value, query) for query in queries], truth)
            points.setdefault(who, []).append((ms, recall))
    return ivf, rows


def _beside_ivf(what: str, points: Points, goal: float, said: str = "") -> list[Row]:
    """Time at the first recall that reaches the goal, ours beside faiss IVF-Flat's."""
    sides = (points["cells"], points["faiss IVF-Flat"])
    reached = [min((p for p in side if p[1] >= goal), default=None) for side in sides]
    if reached[0] is None or reached[1] is None:
        return []
    (ours, our_recall), (theirs, their_recall) = reached[0], reached[1]
    note = f"{ours:.2f} ms at {our_recall:.3f}, {theirs:.2f} ms at {their_recall:.3f}"
    subject = f"cells / faiss IVF-Flat at recall@10 {goal}{said}"
    return [ratio_row(what, subject, ours / theirs, "warm", note, 2.0, False)]


def _filtered(
    what: str,
    shard: Shard,
    cells: Cells,
    ivf: faiss.IndexIVFFlat,
    vectors: Float32,
    queries: Float32,
    goal: float,
) -> list[Row]:
    """The same among a tenth of the posts. faiss is given which they are, we work it out."""
    allowed = np.flatnonzero(np.arange(len(vectors)) % len(KINDS) == 0)
    metric = faiss.METRIC_INNER_PRODUCT
    truth = allowed[faiss.knn(queries, vectors[allowed], TOP, metric=metric)[1]]
    bits = np.packbits(np.arange(len(vectors)) % len(KINDS) == 0, bitorder="little")
    selected = faiss.IDSelectorBitmap(len(vectors), faiss.swig_ptr(bits))
    where = Filters(category=KINDS[0])

    def ours(nprobe: int, query: Float32) -> list[int]:
        asked = Request((QueryItem(query),), where, TOP, nprobe=nprobe)
        (hits,) = decide([scan(shard, asked, cells)], asked)
        return [int(hit.post_id[1:]) for hit in hits]

    def theirs(nprobe: int, query: Float32) -> Index:
        chosen = faiss.SearchParametersIVF(sel=selected, nprobe=nprobe)  # type: ignore[call-arg]  # its stub has none
        found: Index = ivf.search(query[None], TOP, params=chosen)[1][0]
        return found

    points: Points = {}
    sides: tuple[tuple[str, Callable[[int, Float32], Sequence[int] | Index]], ...] = (
        ("cells", ours),
        ("faiss IVF-Flat", theirs),
    )
    for who, ask in sides:
        sweep = [n for n in PROBES if n <= len(cells.photos) // 4]
        for nprobe, ms in _swept(sweep, queries, ask):
            recall = _recall([ask(nprobe, query) for query in queries], truth)
            points.setdefault(who, []).append((ms, recall))
    return _beside_ivf(what, points, goal, ", of a tenth")


def _swept(
    sweep: Sequence[int], queries: Float32, ask: Callable[[int, Float32], object]
) -> list[tuple[int, float]]:
    """Each value and its ms a query: the median of all queries in ROUNDS rounds over the values,
    so that a busy moment of the machine is not one value's."""
    times: dict[int, list[float]] = {value: [] for value in sweep}
    for _ in range(ROUNDS):
        for value in sweep:
            for query in queries:
                begin = time.perf_counter()
                ask(value, query)
                times[value].append(time.perf_counter() - begin)
    return [(value, 1000 * median(each)) for value, each in times.items()]


def _memory(what: str, who: str, held: int) -> Row:
    """What an index is made of, its vectors among it.

    Not the growth of the process's peak: of one that fits into what was freed before, that is 0.
    """
    return row(what, f"{who}, memory", [held / 2**20], "MiB", "cold", "all arrays, vectors too")


def _recall(found: Sequence[Sequence[int] | Index], truth: Index) -> float:
    hits = [len({*f} & {*t}) for f, t in zip(found, truth, strict=True)]
    return sum(hits) / truth.size
