"""Posts that look like one thing posted twice: a near-identical photo, the same place and day.

They are shown, never merged: two people may have lost the same thing at the same station.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from matching_spark.domain.posts import Filters
from matching_spark.knn.similarity import SAME, Float32, pair_scores
from matching_spark.score.comparisons import bigrams
from matching_spark.table.posts_table import PostsTable

BLOCK = 2048  # photos compared at once
FLOAT32 = 1e-5  # more than a cosine in float32 can be off


@dataclass(frozen=True)
class Duplicate:
    """Two open posts of one kind. score: the cosine of their first photos."""

    kind: str
    post_id: str
    other_id: str
    score: float
    happened_on: str
    place: str
    other_place: str

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class _Photo:
    post_id: str
    place: str
    region: str
    vector: Float32


def duplicates(table: PostsTable, threshold: float, where: Filters) -> list[Duplicate]:
    """Pairs of posts that pass `where`, the most similar first, each pair once."""
    days: dict[tuple[str, str], list[_Photo]] = {}
    for shard in table.shards(where):
        rows = np.flatnonzero(shard.where(where) & shard.dated() & (shard.photos.counts > 0))
        for row, meta in zip(rows.tolist(), shard.rows(rows), strict=True):
            image, _ = shard.parts(row)
            assert image is not None
            key = (meta["kind"], meta["happened_on"].isoformat())
            photo = _Photo(meta["post_id"], meta["place"], meta["region"], image)
            days.setdefault(key, []).append(photo)
    found = [
        Duplicate(kind, a.post_id, b.post_id, score, day, a.place, b.place)
        for (kind, day), photos in days.items()
        for a, b, score in _pairs(photos, threshold)
    ]
    return sorted(found, key=lambda d: (-d.score, d.post_id, d.other_id))


def _pairs(photos: list[_Photo], threshold: float) -> Iterator[tuple[_Photo, _Photo, float]]:
    photos = sorted(photos, key=lambda p: p.post_id)
    whole = np.stack([p.vector for p in photos])
    least = min(threshold, SAME)
    for start in range(0, len(photos), BLOCK):
        scores = whole[start : start + BLOCK] @ whole.T  # float32 finds, float64 decides
        for i, j in zip(*np.nonzero(scores >= least - FLOAT32), strict=True):
            a, b = photos[start + int(i)], photos[int(j)]
            if start + i >= j or not same_place(a, b):
                continue
            score = float(pair_scores(a.vector, b.vector[None])[0])
            if score >= least:
                yield a, b, score


def same_place(a: _Photo, b: _Photo) -> bool:
    """Whether most bigrams of the shorter place are the other's too; without a place, by region."""
    first, second = bigrams(a.place), bigrams(b.place)
    if not first or not second:
        return bool(a.region) and a.region == b.region
    return 2 * len(first & second) > min(len(first), len(second))
