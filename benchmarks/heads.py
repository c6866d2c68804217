"""Exact top 10 by heads and by whole vectors, of one shard: what they save, and where they do not.

Vectors that lie in few directions (a mixture, drawn photos), some that do not (sentences have no
heads), and words asked of photos, which lie elsewhere.
"""

import time
from statistics import median

import numpy as np

from benchmarks.data import clustered, drawn, texts
from benchmarks.harness import Row, alternating, row
from matching_spark import ClipModel
from matching_spark.demo.words import COLOUR_WORDS
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.knn import candidates
from matching_spark.knn.prefix_bounds import with_heads
from matching_spark.knn.similarity import Float32, VectorSet

ROWS, TOP, COUNTS = 65_536, 10, (1, 64, 1000)


def run(full: bool) -> list[Row]:
    photos = drawn(ROWS)
    rows = _measured("a mixture in 24 directions", clustered(ROWS), clustered(1000, seed=3))
    rows += _measured("drawn photos", photos, drawn(1000, seed=8))
    rows += _measured("words, of drawn photos", photos, _words())
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
    part = with_heads(whole)
    built = time.perf_counter() - start
    what = f"{name}, {len(vectors):,} x {vectors.shape[1]}"
    if part.heads is None:
        return [row(what, "heads", [0], "numbers", "cold", "none: too many directions")]
    share = part.heads.shape[1] / vectors.shape[1]
    rest = f"{np.square(part.heads[:, -1]).mean():.3f} of the squared length is left out"
    rows = [
        row(what, "heads", [part.heads.shape[1]], "numbers", "cold", f"{share:.0%} more; {rest}"),
        row(what, "heads, built", [1000 * built], "ms", "cold", "a cache entry's share"),
    ]
    for count in COUNTS:
        said = f"{what}, {count} queries"
        asked = np.ascontiguousarray(queries[:count])
        done = alternating(
            {
                "whole vectors": lambda: candidates.shortlist(asked, whole, TOP),
                "by heads": lambda: candidates.shortlist(asked, part, TOP),
            },
            repeats=9,
        )
        for who, each in done.items():
            ms = [1000 * s for s in each]
            rows.append(row(said, who, ms, "ms", "warm", "the shortlist of the top 10"))
        ratio = median(done["whole vectors"]) / median(done["by heads"])
        rows.append(row(said, "whole vectors / by heads", [ratio], "ratio", "warm", ""))
    return rows
