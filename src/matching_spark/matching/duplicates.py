"""Posts that look like one thing posted twice: a near-identical photo, the same place and day.

They are shown, never merged: two people may have lost the same thing at the same station.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Reported
from matching_spark.knn.similarity import SAME, Float32, Float64, Index, Mask, pair_scores
from matching_spark.score.overlaps import overlaps
from matching_spark.table.posts_table import PostsTable

BLOCK = 2048  # photos compared at once
PAIRS = 1 << 22  # compared at once: 100 MB, where all are alike
# Pairs that are shown: of one picture in thousands of posts of a day there are millions.
MOST = 10_000
FLOAT32 = 1e-5  # more than a cosine in float32 can be off


@dataclass(frozen=True)
class Duplicate(Reported):
    """Two open posts of one kind. score: the cosine of their first photos."""

    kind: str
    post_id: str
    other_id: str
    score: float
    happened_on: str
    place: str
    other_place: str


@dataclass(frozen=True)
class _Photo:
    post_id: str
    place: str
    region: str
    vector: Float32


def duplicates(
    table: PostsTable, threshold: float, where: Filters, most: int = MOST
) -> tuple[list[Duplicate], int]:
    """Pairs of posts that pass `where`, the most similar first, each pair once: the `most` first of
    them, and how many there are."""
    days: dict[tuple[str, str], list[_Photo]] = {}
    for shard in table.shards(where):
        rows = np.flatnonzero(shard.where(where) & shard.dated() & (shard.photos.counts > 0))
        for row, meta in zip(rows.tolist(), shard.rows(rows), strict=True):
            image, _ = shard.parts(row)
            assert image is not None
            key = (meta["kind"], meta["happened_on"].isoformat())
            photo = _Photo(meta["post_id"], meta["place"], meta["region"], image)
            days.setdefault(key, []).append(photo)
    best: list[Duplicate] = []
    total = 0
    for (kind, day), of_day in days.items():
        photos = sorted(of_day, key=lambda p: p.post_id)
        for first, second, scores, others in _pairs(photos, threshold, most):
            total += len(scores) + others
            at = np.lexsort((second, first, -scores))[:most]
            for i, j, score in zip(first[at], second[at], scores[at], strict=True):
                a, b = photos[i], photos[j]
                each = Duplicate(kind, a.post_id, b.post_id, float(score), day, a.place, b.place)
                best.append(each)
            if len(best) > 2 * most:
                best = sorted(best, key=_order)[:most]
    return sorted(best, key=_order)[:most], total


def _order(of: Duplicate) -> tuple[float, str, str]:
    return -of.score, of.post_id, of.other_id


def _pairs(
    photos: list[_Photo], threshold: float, most: int
) -> Iterator[tuple[Index, Index, Float64, int]]:
    """Places among the photos, the first before the second, and the cosines of pairs of one place,
    block by block: the `most` most similar of a block and those that are near them or the
    threshold; and how many others there are, which need no cosine in float64 to be counted."""
    whole = np.stack([p.vector for p in photos])
    least = min(threshold, SAME)
    # Equal photos, as one picture in many posts, are compared once.
    first_of: dict[bytes, int] = {}
    own = np.array([first_of.setdefault(p.vector.tobytes(), i) for i, p in enumerate(photos)])
    places = _Places(photos)
    step = max(1, min(BLOCK, PAIRS // len(photos)))
    for start in range(0, len(photos), step):
        stop = min(start + step, len(photos))
        rough = whole[start:stop] @ whole[start:].T
        near = rough >= least - FLOAT32
        near &= places.alike(start, stop)
        rows, columns = np.nonzero(np.triu(near, 1))
        about = rough[rows, columns]
        shown = np.partition(about, -most)[-most] if len(about) > most else -np.inf
        # float64 decides, of those that may be shown or that may miss the threshold.
        at = np.flatnonzero((about >= shown - 2 * FLOAT32) | (about < least + FLOAT32))
        first, second = rows[at] + start, columns[at] + start
        each, at = np.unique(own[first] * len(photos) + own[second], return_inverse=True)
        scores = np.empty(len(each))
        for some in np.split(np.arange(len(each)), range(BLOCK, len(each), BLOCK)):
            a, b = np.divmod(each[some], len(photos))
            scores[some] = pair_scores(whole[a], whole[b])
        kept = scores[at] >= least
        yield first[kept], second[kept], scores[at][kept], len(about) - len(first)


class _Places:
    """Of photos: which are of one place. That is where most bigrams of the shorter place's name are
    the other's too; without a name, the region."""

    def __init__(self, photos: list[_Photo]) -> None:
        each_once = dict.fromkeys((p.place, p.region) for p in photos)
        known = {each: at for at, each in enumerate(each_once)}
        self._of = np.array([known[p.place, p.region] for p in photos])
        self._names = [place for place, _ in known]
        self._overlaps = overlaps(self._names)
        self._regions = np.array([region for _, region in known])

    def alike(self, start: int, stop: int) -> Mask:
        """(stop - start, photos from start on) whether two are of one place."""
        wanted, rows = np.unique(self._of[start:stop], return_inverse=True)
        return np.stack([self._alike(at) for at in wanted])[rows][:, self._of[start:]]

    def _alike(self, at: int) -> Mask:
        (shares,) = self._overlaps([self._names[at]])
        by_region = (self._regions == self._regions[at]) & (self._regions != "")
        return np.asarray(np.where(np.isnan(shares), by_region, shares > 0.5))
