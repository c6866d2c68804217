"""Single posts of a table's state, read without a JVM: from the shards that a search holds."""

import datetime as dt
import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from matching_spark.domain.posts import Post
from matching_spark.domain.schema import POINT
from matching_spark.journal.posts import StoredPost
from matching_spark.layout import named_sha256
from matching_spark.shards.arrow import read_posts
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import IDENTIFIERS, DataFile, Shard
from matching_spark.table.state import TableState

BESIDE = ("source", "sequence", "updated_at")  # what a shard has not


class Rows:
    """The posts of a state, by their ids."""

    def __init__(self, state: TableState, cache: ShardCache) -> None:
        self._state, self._cache = state, cache

    def find(self, post_id: str) -> StoredPost | None:
        """A post; None where there is none. Of its photos those that the warehouse keeps."""
        found = self._located(post_id)
        return None if found is None else _stored(*found)

    def whole(self, post_id: str) -> tuple[StoredPost | None, dict[str, npt.NDArray[np.float32]]]:
        """A post with its vectors, by their names as journal.store.Vector has them."""
        found = self._located(post_id)
        if found is None:
            return None, {}
        _, shard, row = found
        stored = _stored(*found)
        vectors = {
            f"photo:{sha}": vector
            for sha, vector in zip(stored.photos, _photos(shard, row), strict=True)
        }
        if (text := shard.texts.first(row)) is not None:
            vectors[f"text:{post_id}"] = np.array(text, np.float32)
        return stored, vectors

    def _located(self, post_id: str) -> tuple[DataFile, Shard, int] | None:
        plan = self._state.plan()
        shards = self._cache.load_all(plan.files, plan.space)
        for file, shard in zip(plan.files, shards, strict=True):
            rows = shard.rows_of(post_id)
            if len(rows := rows[shard.alive[rows]]):
                return file, shard, int(rows[0])
        return None


def _stored(file: DataFile, shard: Shard, row: int) -> StoredPost:
    values: dict[str, Any] = shard.rows(np.array([row]))[0]
    point = shard.points[row].tolist()
    if not np.isnan(point).any():
        values |= dict(zip(POINT, point, strict=True))
    numbers = shard.metadata[IDENTIFIERS][row].as_py()
    beside = _beside(file.uri).slice(row, 1).to_pylist()[0]
    kept = [named_sha256(shard.photo(row, i)) for i in range(int(shard.photos.counts[row]))]
    photos = [sha or _digest(of) for sha, of in zip(kept, _photos(shard, row), strict=True)]
    return StoredPost(
        Post(**values, identifiers=None if numbers is None else tuple(numbers.split())),
        beside["source"] or "",
        beside["sequence"] or 0,
        tuple(photos),
        beside["updated_at"] or dt.datetime.min.replace(tzinfo=dt.UTC),
        frozenset(photos) - frozenset(kept),
    )


def _photos(shard: Shard, row: int) -> list[npt.NDArray[np.float32]]:
    """A post's vectors of photos, in their order."""
    part = shard.photos
    rows = part.rows[part.starts[row] : part.starts[row + 1]]
    return [np.array(part.vectors[at], np.float32) for at in rows.tolist()]


def _digest(vector: npt.NDArray[np.float32]) -> str:
    """What the table names a vector by that came without its photo (ingest.vector_batches)."""
    return hashlib.sha256(vector.astype("<f4").tobytes()).hexdigest()


@lru_cache(maxsize=64)
def _beside(uri: str) -> pa.Table:
    """A data file never changes."""
    return read_posts(uri, BESIDE)
