"""Rows that are newer than a snapshot of the table, laid over it: each hides the row of its id."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from matching_spark.knn.similarity import Mask
from matching_spark.shards.shard import DataFile, Shard, flags


@dataclass(frozen=True, eq=False)
class Overlay:
    """fresh: the newer rows, one a post. hidden: the ids of posts whose rows in the table no longer
    count: those of the fresh rows, and of posts that were erased.
    """

    fresh: Shard
    hidden: frozenset[str]
    _past: dict[str, Mask] = field(default_factory=dict)  # by file, which rows are

    def over(self, files: Sequence[DataFile], shards: Sequence[Shard]) -> list[Shard]:
        """The files' shards without the rows that are past, and the fresh ones after them."""
        below = [self._without(file, shard) for file, shard in zip(files, shards, strict=True)]
        return [*below, self.fresh] if len(self.fresh) else below

    def _without(self, file: DataFile, shard: Shard) -> Shard:
        if not self.hidden:
            return shard
        if file.uri not in self._past:
            ids = pa.array(sorted(self.hidden), pa.string())
            self._past[file.uri] = flags(pc.is_in(shard.metadata["post_id"], ids))
        past = self._past[file.uri]
        return replace(shard, alive=shard.alive & ~past) if past.any() else shard
