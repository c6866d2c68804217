"""Cells: every vector lies in two of them, so that a query looks at few vectors.

k-means over a bounded sample makes the centroids, for photos and for words apart (CLIP puts them in
different regions). The file of centroids is immutable and named by its hash; a property of the
table names the current one. A shard is sorted by cell when it is cached: the table holds nothing of
it, so nothing can go stale.

A vector lies in its nearest cell and in one more, chosen by SOAR (Sun et al., NeurIPS 2023,
arXiv:2404.00774): the difference to the second centroid should be short, and not parallel to the
difference to the first, so that a query that misses the vector by one cell finds it by the other.
Embeddings of sentences need a third of the rows that they need by the nearest cell alone.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from matching_spark import storage
from matching_spark.errors import InputError, StorageError
from matching_spark.knn.matmul import product
from matching_spark.knn.similarity import Float32, Index, VectorSet
from matching_spark.shards.shard import Shard

Rows = npt.NDArray[np.int32]
MAGIC = b"matching-spark cells 1\n"
SAMPLE_A_CELL = 64  # vectors; faiss warns below 39, and 256 did not find more
SAMPLE_BYTES = 256 << 20  # of both kinds together: what training holds in memory, about twice
ITERATIONS = 12
NEIGHBOURS = 8  # the second centroid is one of so many nearest; of 32 it was no better
SOAR = 1.0  # weight of what is parallel to the first difference, the paper's; 0.5 and 2: like it
CENTROIDS_AT_ONCE = 256  # bounds the memory of their products with all the others
OUTGROWN = 4.0  # times the rows of the training: then a cell holds twice what it should


@dataclass(frozen=True)
class Cells:
    """Unit centroids: photos (c, d), texts (t, d), float32, of the vectors of one model.

    rows: how many vectors the table had when they were trained.
    """

    model: str
    rows: int
    photos: Float32
    texts: Float32

    def to_bytes(self) -> bytes:
        head = {
            "model": self.model,
            "rows": self.rows,
            "dimension": self.photos.shape[1],
            "photos": len(self.photos),
            "texts": len(self.texts),
        }
        numbers = np.concatenate([self.photos, self.texts]).astype("<f4").tobytes()
        return MAGIC + json.dumps(head).encode() + b"\n" + numbers

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Cells":
        """Raises ValueError for anything else than what to_bytes gives."""
        if not raw.startswith(MAGIC):
            raise ValueError("no file of cells of this version")
        line, _, numbers = raw[len(MAGIC) :].partition(b"\n")
        head = json.loads(line)
        rows = np.frombuffer(numbers, "<f4").reshape(-1, head["dimension"])
        if len(rows) != head["photos"] + head["texts"]:
            raise ValueError("the file is torn")
        split = head["photos"]
        return cls(head["model"], head["rows"], rows[:split], rows[split:])


def save_cells(cells: Cells, folder: str) -> str:
    """Write the centroids below `folder`, named by their hash; returns the uri."""
    raw = cells.to_bytes()
    uri = storage.join(folder, f"{hashlib.sha256(raw).hexdigest()[:32]}.cells")
    storage.write_bytes(uri, raw)
    return uri


@lru_cache(maxsize=4)
def load_cells(uri: str) -> Cells:
    """Read centroids. Raises StorageError when the file has gone or is not what its name says."""
    try:
        raw = storage.read_bytes(uri)
    except FileNotFoundError:
        raise StorageError(
            f"{uri} has gone; run `matching-spark index` to train cells anew"
        ) from None
    if not uri.endswith(f"/{hashlib.sha256(raw).hexdigest()[:32]}.cells"):
        raise StorageError(f"{uri} is torn; run `matching-spark index` to train cells anew")
    return Cells.from_bytes(raw)


def default_count(rows: int) -> int:
    """How many cells for so many vectors: 3 sqrt(rows). More of them leave fewer rows to look at,
    but cost their own products: for a query, and for every vector that is put into them."""
    return max(1, round(3 * math.sqrt(rows)))


def train(
    shards: Iterable[Shard], model: str, rows: int, count: int | None, seed: int = 0
) -> Cells:
    """k-means on a sample of the shards' vectors. rows: about how many vectors there are in all.

    Raises InputError when there are none.
    """
    photos, texts, seen = _sample(shards, rows, count, seed)
    if not len(photos) and not len(texts):
        raise InputError("there are no vectors to train cells on; `matching-spark ingest` first")
    return Cells(model, seen, _kmeans(photos, seen, count, seed), _kmeans(texts, seen, count, seed))


def _sample(
    shards: Iterable[Shard], rows: int, count: int | None, seed: int
) -> tuple[Float32, Float32, int]:
    """Photos' and texts' vectors, each row with the same chance; how many rows there were."""
    rng = np.random.default_rng(seed)
    kept: tuple[list[Float32], list[Float32]] = ([], [])
    seen, dimension = 0, 0
    for shard in shards:
        for part, out in zip((shard.photos, shard.texts), kept, strict=True):
            dimension = part.vectors.shape[1]
            most = min(
                SAMPLE_BYTES // (4 * dimension), SAMPLE_A_CELL * (count or default_count(rows)) * 2
            )
            wanted = round(len(part.vectors) * min(1.0, most / max(1, rows)))
            at = np.sort(
                rng.choice(len(part.vectors), min(wanted, len(part.vectors)), replace=False)
            )
            out.append(part.vectors[at])
            seen += len(part.vectors)
    none = [np.empty((0, dimension), np.float32)]
    return np.concatenate(kept[0] or none), np.concatenate(kept[1] or none), seen


def _kmeans(sample: Float32, rows: int, count: int | None, seed: int) -> Float32:
    if not len(sample):
        return sample
    import faiss  # a quarter of a second, which no search takes

    wanted = min(count or default_count(rows), max(1, len(sample) // 4))
    means = faiss.Kmeans(
        sample.shape[1],
        wanted,
        niter=ITERATIONS,
        seed=seed + 1,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=2 * SAMPLE_A_CELL,
    )
    means.train(sample)
    return np.asarray(means.centroids, np.float32)


def sort_by_cell(shard: Shard, cells: Cells) -> Shard:
    """The shard with its vectors sorted by their cells."""
    return replace(
        shard, photos=_sort(shard.photos, cells.photos), texts=_sort(shard.texts, cells.texts)
    )


def _sort(part: VectorSet, centroids: Float32) -> VectorSet:
    # A kind of vectors that was not there at training has no cells: a query looks at all of it.
    return part.by_cell(assign(part.vectors, centroids), len(centroids)) if len(centroids) else part


def assign(vectors: Float32, centroids: Float32) -> Index:
    """cell[i] = the centroid nearest to vectors[i] and SOAR's second one, (n, 2).

    vectors (n, d) and centroids (c, d) are of unit length. Of one centroid, that one twice.
    """
    if not len(vectors) or len(centroids) == 1:
        return np.zeros((len(vectors), 2), np.int64)
    import faiss  # a quarter of a second, which no search takes

    wanted = min(NEIGHBOURS, len(centroids))
    cosines, near = faiss.knn(vectors, centroids, wanted, metric=faiss.METRIC_INNER_PRODUCT)
    cells: Index = near[:, :2].copy()
    for start in range(0, len(centroids), CENTROIDS_AT_ONCE):
        some = centroids[start : start + CENTROIDS_AT_ONCE]
        rows = np.flatnonzero((near[:, 0] >= start) & (near[:, 0] < start + len(some)))
        between = (some @ centroids.T)[near[rows, :1] - start, near[rows, 1:]]
        first, other = cosines[rows, :1], cosines[rows, 1:]
        # With r = x - c, r' = x - c': |r'|^2 + SOAR (r . r')^2 / |r|^2.
        along = (1 - first - other + between) ** 2 / np.maximum(2 - 2 * first, 1e-6)
        cells[rows, 1] = near[rows, 1 + (2 - 2 * other + SOAR * along).argmin(axis=1)]
    return cells


def reached(part: VectorSet, centroids: Float32, query: Float32, nprobe: int) -> Rows:
    """The rows of `part` in the nprobe cells nearest to query (d,), ascending, each once."""
    assert part.cells is not None
    assert part.members is not None
    cosines = product(centroids, query[:, None])[:, 0]  # `@` waits 16 ms for a core that is busy
    near = np.argpartition(cosines, -nprobe)[-nprobe:]
    spans = zip(part.cells[near], part.cells[near + 1], strict=True)
    rows: Rows = np.sort(np.concatenate([part.members[a:b] for a, b in spans]))
    return np.asarray(rows[np.append(True, rows[1:] != rows[:-1])[: len(rows)]])
