"""What is worked out of a shard once, and kept beside it as long as it is held."""

import weakref
from typing import Generic, TypeVar

import pyarrow as pa

Made = TypeVar("Made")


class Beside(Generic[Made]):
    """Keyed by a shard's metadata, which a cached shard shares with all that are made of it."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[weakref.ref[pa.Table], Made]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def get(self, metadata: pa.Table) -> Made | None:
        held = self._held.get(id(metadata))
        return held[1] if held is not None and held[0]() is metadata else None

    def keep(self, metadata: pa.Table, made: Made) -> Made:
        key = id(metadata)
        self._held[key] = weakref.ref(metadata, lambda _: self._held.pop(key, None)), made
        return made
