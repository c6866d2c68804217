"""The tail: what the journal has and a snapshot of the table has not, as rows laid over it.

Held in memory and grown by each write of this process, so that a new post is found at once; another
process's writes, and those of before, are read from the journal.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from matching_spark.domain.schema import METADATA, POINT
from matching_spark.journal.events import PairDecided
from matching_spark.journal.posts import Change, StoredPost, folded
from matching_spark.journal.store import Journal, Record
from matching_spark.layout import kept_photo
from matching_spark.shards.arrow import arrow_fields
from matching_spark.shards.overlay import Overlay
from matching_spark.shards.shard import IDENTIFIERS, of_rows

Vectors = Mapping[str, npt.NDArray[np.float32]]  # by name, as journal.store.Vector has it
READ = 1000  # events at once
_SCHEMA = pa.schema(arrow_fields(*METADATA, IDENTIFIERS, *POINT, "photos", "text_vector"))


@dataclass(frozen=True)
class _Read:
    """What was read of the journal up to an event: one state, replaced as a whole."""

    upto: int
    changes: Mapping[str, Change]
    vectors: Vectors
    decided: tuple[Record, ...] = ()  # PairDecided, in their order


class Tail:
    """Thread-safe. model, dimension: of the vectors that rows are compared by; photos: the folder
    of the warehouse's kept photos, which a row's are named in.
    """

    def __init__(self, journal: Journal, model: str, dimension: int, photos: str) -> None:
        self._journal, self._model, self._dimension = journal, model, dimension
        self._photos = photos
        self._turn = threading.Lock()
        self._read = _Read(0, {}, {})
        self._overlay: tuple[_Read, int, Overlay] | None = None

    def begin(self, mark: int) -> None:
        """Read the events after a mark: those up to it are the table's. Until they are read, what
        was known before stays."""
        with self._turn:
            self._read = self._grown(_Read(mark, {}, {}))
            self._overlay = None

    @property
    def upto(self) -> int:
        """The sequence of the last event that it knows."""
        return self._read.upto

    def refresh(self) -> None:
        """Take in what was written since. Raises StorageError where the journal cannot be read."""
        with self._turn:
            self._read = self._grown(self._read)

    def _grown(self, read: _Read) -> _Read:
        """What was read with all that comes after it."""
        while records := self._journal.tail(read.upto, READ):
            sealed = [each.event_id for each in records if each.sealed]
            contents = self._journal.contents(sealed) if sealed else {}
            changes = folded(records, contents, read.changes)
            new = {id_: each for id_, each in changes.items() if each.sequence > read.upto}
            vectors = {**read.vectors, **self._fetched(new.values(), read.vectors)}
            decided = (each for each in records if isinstance(each.event, PairDecided))
            read = _Read(records[-1].sequence, changes, vectors, (*read.decided, *decided))
        return read

    def trim(self, mark: int) -> None:
        """Forget what a table has that nobody reads older than `mark`."""
        with self._turn:
            kept = {i: each for i, each in self._read.changes.items() if each.sequence > mark}
            names = {name for each in kept.values() for name in _names(each.stored)}
            vectors = {name: v for name, v in self._read.vectors.items() if name in names}
            decided = tuple(each for each in self._read.decided if each.sequence > mark)
            self._read = _Read(self._read.upto, kept, vectors, decided)

    def find(self, post_id: str, mark: int) -> Change | None:
        """The newest of a post after a mark; None where the table has it, or nothing does."""
        change = self._read.changes.get(post_id)
        return change if change is not None and change.sequence > mark else None

    def changes(self, mark: int) -> list[Change]:
        """Of every post that changed after a mark, the newest last."""
        some = (each for each in self._read.changes.values() if each.sequence > mark)
        return sorted(some, key=lambda each: each.sequence)

    @property
    def found_upto(self) -> int:
        """The sequence of the last event that changed a found post, or erased any; 0 for none."""
        some = self._read.changes.values()
        found = (e for e in some if e.stored is None or e.stored.post.kind == "found")
        return max((each.sequence for each in found), default=0)

    @property
    def decided(self) -> tuple[Record, ...]:
        """What was said of pairs, in its order."""
        return self._read.decided

    def vectors(self, stored: StoredPost) -> Vectors:
        """Those of a post that it has, by their names."""
        held = self._read.vectors
        return {name: held[name] for name in _names(stored) if name in held}

    def over(self, mark: int) -> Overlay | None:
        """What lies over a table with this mark; None where there is nothing."""
        read, held = self._read, self._overlay
        if held is None or held[0] is not read or held[1] != mark:
            held = (read, mark, self._laid(read, mark))
            self._overlay = held
        return held[2] if held[2].hidden else None

    def _laid(self, read: _Read, mark: int) -> Overlay:
        changes = [each for each in read.changes.values() if each.sequence > mark]
        rows = [self._row(each.stored, read.vectors) for each in changes if each.stored is not None]
        table = pa.Table.from_pylist(rows, _SCHEMA)
        fresh = of_rows(table, self._dimension, "the journal", self._photos)
        return Overlay(fresh, frozenset(each.post_id for each in changes))

    def _row(self, stored: StoredPost, vectors: Vectors) -> dict[str, object]:
        post = stored.post
        photos = [
            {
                "uri": None if sha in stored.bare else kept_photo(self._photos, sha),
                "sha256": sha,
                "vector": vectors[f"photo:{sha}"].tobytes(),
            }
            for sha in stored.photos
            if f"photo:{sha}" in vectors
        ]
        text = vectors.get(f"text:{post.post_id}") if post.text else None
        return {
            **{name: getattr(post, name) for name in (*METADATA, *POINT)},
            IDENTIFIERS: None if post.identifiers is None else list(post.identifiers),
            "photos": photos,
            "text_vector": None if text is None else text.tobytes(),
        }

    def _fetched(self, changes: Iterable[Change], known: Vectors) -> Vectors:
        """The vectors of posts; those of words may be others now."""
        names = {name for each in changes for name in _names(each.stored)}
        wanted = sorted(n for n in names if n.startswith("text:") or n not in known)
        out: dict[str, npt.NDArray[np.float32]] = {}
        for at in range(0, len(wanted), READ):
            out |= self._journal.vectors(wanted[at : at + READ], self._model)
        return out


def _names(stored: StoredPost | None) -> list[str]:
    if stored is None:
        return []
    return [*(f"photo:{sha}" for sha in stored.photos), f"text:{stored.post.post_id}"]
