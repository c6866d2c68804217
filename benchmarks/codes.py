"""Exact top 10 by codes and by whole vectors, of one shard; and words asked of photos."""

import time
from statistics import median

import faiss
import numpy as np

from benchmarks.data import clustered, drawn, outstanding, texts
from benchmarks.harness import Row, alternating, row
from matching_spark import ClipModel
from matching_spark.demo.words import COLOUR_WORDS
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.knn.candidates import shortlist
from matching_spark.knn.similarity import Float32, VectorSet, unit

ROWS, TOP, COUNTS = 65_536, 10, (1, 64, 256, 1000)


def run(full: bool) -> list[Row]:
    photos = drawn(ROWS)
    noise = np.random.default_rng(1).standard_normal((ROWS + 1000, 512), dtype=np.float32)
    rows = _measured("a mixture in 24 directions", clustered(ROWS), clustered(1000, seed=3))
    rows += _measured("drawn photos", photos, drawn(1000, seed=8))
    rows += _measured("words, of drawn photos", photos, _words())
    rows += _measured("large mean, as CLIP's", outstanding(ROWS), outstanding(1000, seed=3))
    rows += _measured("random directions", unit(noise[1000:]), unit(noise[:1000]))
    if len(sentences := texts(100_000 if full else 20_000)):
        rows += _measured("sentences", sentences[:-1000], sentences[-1000:])
    return rows


def _words() -> Float32:
    said = [f"{colour} {thing}" for colour in COLOUR_WORDS for thing in CATEGORIES]
    vectors = ClipModel.load().embed_texts(said)
    return np.resize(vectors, (1000, vectors.shape[1]))


def _measured(name: str, vectors: Float32, queries: Float32) -> list[Row]:
    whole = VectorSet.of(vectors, np.ones(len(vectors), np.int64))
    start = time.perf_counter()
    part = whole.coded()
    built = time.perf_counter() - start
    assert part.codes is not None
    assert part.errors is not None
    what = f"{name}, {len(vectors):,} x {vectors.shape[1]}"
    share = (part.codes.nbytes + part.errors.nbytes) / vectors.nbytes
    rows = [
        row(what, "codes, built", [1000 * built], "ms", "cold", f"{share:.0%} more memory"),
        row(what, "a code's error, mean", [float(part.errors.mean())], "length", "cold", ""),
        row(what, "a code's error, most", [float(part.errors.max())], "length", "cold", ""),
    ]
    for count in COUNTS:
        said = f"{what}, {count} queries"
        asked = np.ascontiguousarray(queries[:count])
        ways = {
            "whole vectors": lambda: shortlist(asked, whole, TOP),
            "by codes": lambda: shortlist(asked, part, TOP),
            "numpy": lambda: np.argpartition(asked @ vectors.T, -TOP, axis=1)[:, -TOP:],
            "faiss.knn": lambda: faiss.knn(asked, vectors, TOP, metric=faiss.METRIC_INNER_PRODUCT),
        }
        if count > 64:
            del ways["numpy"]
        if count < 256:
            del ways["faiss.knn"]  # which is slow there: see kernels
        done = alternating(ways, repeats=9 if count < 256 else 5)
        for who, each in done.items():
            ms = [1000 * s for s in each]
            rows.append(row(said, who, ms, "ms", "warm", "the shortlist of the top 10"))
        for who in done:
            if who != "by codes":
                ratio = median(done[who]) / median(done["by codes"])
                rows.append(row(said, f"{who} / by codes", [ratio], "ratio", "warm", ""))
    return rows
