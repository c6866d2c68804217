"""Small shards joined into one, as a search of a shard of few posts is mostly Python.

A fused query takes 2 ms a shard beside what its posts take. Joined shards are copies in this
process's memory. They are made when the same shards are searched for the second time, so that
whoever searches once does not wait for them.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from matching_spark.domain.schema import FILTERED
from matching_spark.knn.similarity import VectorSet
from matching_spark.shards import cache_entry
from matching_spark.shards.shard import Shard

SMALL = 1 << 16  # posts: a shard of more takes longer than what is done once for each
MOST = 1 << 18  # posts of a joined shard, between two of which a search may end for want of time
MOST_BYTES = 1 << 30  # of all joined shards of a process
MOST_SEEN = 256  # groups of shards
TIER_BITS = 6  # like sizes are joined: for a new file of few posts no large one is copied again


@dataclass(frozen=True)
class _Seen:
    """Shards that were searched together. whole: they joined, from the second time on; nbytes: what
    that takes."""

    parts: list[weakref.ref[pa.Table]]  # their metadata: the first that is let go ends it
    nbytes: int
    whole: Shard | None = None

    @property
    def taken(self) -> int:
        return 0 if self.whole is None else self.nbytes


_seen: OrderedDict[tuple[int, ...], _Seen] = OrderedDict()  # least recently used first
_making = threading.Lock()


def joined(shards: Sequence[Shard]) -> list[Shard]:
    """The same posts in fewer shards. All are of one table."""
    out = []
    for group in _groups(shards):
        whole = _met(group).whole if len(group) > 1 else None
        if whole is None:
            out += group
        else:
            out.append(replace(whole, alive=np.concatenate([each.alive for each in group])))
    return out


def held_bytes() -> int:
    """What joined shards take of this process's memory."""
    return sum(seen.taken for seen in list(_seen.values()))


def _groups(shards: Sequence[Shard]) -> list[list[Shard]]:
    """Those that are joined, the groups of small ones first."""
    groups: list[list[Shard]] = []
    last, posts = None, 0
    for shard in sorted(shards, key=len):
        tier = SMALL if len(shard) >= SMALL else len(shard).bit_length() // TIER_BITS
        of = tier, shard.photos.cells is None, shard.kept
        posts += len(shard)
        if of != last or posts > MOST or tier == SMALL:
            groups.append([])
            last, posts = of, len(shard)
        groups[-1].append(shard)
    return groups


def _met(shards: list[Shard]) -> _Seen:
    """Note that shards are searched together, and join them if they were before. Without room for
    them beside what was searched since they are not joined: else two tables would push each other
    out in turns."""
    key = tuple(id(each.metadata) for each in shards)

    def ended(_: weakref.ref[pa.Table]) -> None:
        _seen.pop(key, None)

    with _making:
        since = takewhile(lambda each: each[0] != key, reversed(list(_seen.items())))
        room = MOST_BYTES - sum(seen.taken for _, seen in since)
        seen = _seen.pop(key, None)
        if seen is None:
            parts = [weakref.ref(each.metadata, ended) for each in shards]
            seen = _Seen(parts, sum(each.nbytes() for each in shards))
        elif seen.whole is None and seen.nbytes <= room:
            seen = replace(seen, whole=join(shards))
            for shard in shards:
                cache_entry.rest(shard)
        _seen[key] = seen
        while len(_seen) > MOST_SEEN or held_bytes() > MOST_BYTES:
            _seen.popitem(last=False)
    return seen


def join(shards: Sequence[Shard]) -> Shard:
    """The posts of one shard after another's, copied. Either all have cells, the same, or none."""
    codes, words = {}, {}
    for name in FILTERED:
        codes[name], words[name] = _coded(
            [each.codes[name] for each in shards], [each.words[name] for each in shards]
        )
    return Shard(
        metadata=pa.concat_tables([each.metadata for each in shards]).combine_chunks(),
        photo_uris=pa.concat_arrays([each.photo_uris for each in shards]),
        photos=VectorSet.joined([each.photos for each in shards]),
        texts=VectorSet.joined([each.texts for each in shards]),
        codes=codes,
        words=words,
        days=np.concatenate([each.days for each in shards]),
        points=np.concatenate([each.points for each in shards]),
        alive=np.concatenate([each.alive for each in shards]),
        kept=shards[0].kept,
    )


def _coded(
    codes: Sequence[npt.NDArray[np.int32]], words: Sequence[list[str]]
) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Codes of several lists of words, -1 for none, as codes of one."""
    place: dict[str, int] = {}
    for each in words:
        for word in each:
            place.setdefault(word, len(place))
    own = [np.array([*(place[word] for word in each), -1], np.int32) for each in words]
    return np.concatenate([to[code] for to, code in zip(own, codes, strict=True)]), list(place)
