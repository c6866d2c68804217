"""Which found things came or changed since the last look, and which lost posts they may be for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from matching_spark.domain.posts import Filters
from matching_spark.domain.results import SearchResult
from matching_spark.knn.similarity import Index
from matching_spark.operations.search import ask
from matching_spark.score.posterior import Rivals
from matching_spark.search.arrivals import concerned
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.request import Request
from matching_spark.service.posts.desk import FOUND, FRESH, Desk
from matching_spark.service.public.rows import OPEN
from matching_spark.shards.shard import Shard

LOST = Filters(kind="lost")


@dataclass(frozen=True)
class Changes:
    """new: found things as the public searches them, that were not there, or not so. gone: the ids
    of those that are not there any more, or not as they were."""

    new: tuple[Shard, ...]
    gone: frozenset[str]


@dataclass(frozen=True)
class PastSearch:
    """A search for a lost post: what was asked, what was told of the list, and the last event that
    was known then."""

    request: Request
    told: Rivals
    upto: int


class Arrivals:
    """Of one desk. Holds the shards of the last look, and of each lost post that was asked for its
    vectors and what was told of its list: some 5 KB. `take` and `concerned` are for one thread.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shards: Mapping[str, Shard] | None = None
        self._asked: dict[str, PastSearch] = {}

    def take(self) -> Changes | None:
        """What changed since it was asked last; None the first time.

        A row that lies in another file than before, as after a merge or a compact, is as it was.
        """
        before, now = self._shards, self._desk.shards()
        self._shards = now
        if before is None:
            return None
        came, gone = self._rows(now, before), self._rows(before, now)
        was = {digest for shard, rows in gone for digest in _digests(shard, rows)}
        still: set[bytes] = set()
        new = []
        for shard, rows in came:
            digests = _digests(shard, rows)
            still.update(digests)
            fresh = rows[[each not in was for each in digests]]
            if len(fresh):
                new.append(shard.subset(fresh))
        ids: set[str] = set()
        for shard, rows in gone:
            ids.update(shard.ids(rows[[each not in still for each in _digests(shard, rows)]]))
        return Changes(tuple(new), frozenset(ids))

    def losses(self) -> set[str]:
        """The ids of all lost posts that are open."""
        shards = self._desk.shards().values()
        return {i for each in shards for i in each.ids(np.flatnonzero(each.where(LOST)))}

    def _rows(
        self, of: Mapping[str, Shard], other: Mapping[str, Shard]
    ) -> list[tuple[Shard, Index]]:
        """Of each shard, as the public searches it, the rows that may be found and that `other` has
        not in the same file."""
        out = []
        for name, shard in of.items():
            mask = shard.where(OPEN)
            if name != FRESH and name in other:
                mask &= ~other[name].where(OPEN)
            if mask.any():
                out.append((self._desk.seen_by_all(shard), np.flatnonzero(mask)))
        return out

    def alike(self, lost_id: str) -> SearchResult:
        """As the desk's; what is asked, and what is told of the list, is held."""

        def run(request: Request, snapshot: str | None) -> SearchOutcome:
            outcome = self._desk.run_public(request, snapshot)
            lists = outcome.rivals or [Rivals()]
            self._asked[lost_id] = PastSearch(request, lists[0], upto)
            return outcome

        upto, query = self._desk.tail.upto, self._desk.query_of(lost_id)
        return ask(self._desk.public, self._desk.literal, query, FOUND, question=True, run=run)

    def concerned(self, changes: Changes, lost_ids: Sequence[str]) -> set[str]:
        """The lost posts of these for whom something new may be worth a look, and those that were
        not asked for here as they are."""
        self._forget(set(lost_ids))
        if not changes.new:
            return set()
        asked = {post_id: self._asked[post_id] for post_id in lost_ids if post_id in self._asked}
        out = set(lost_ids) - asked.keys()
        if asked:
            ids, lists = np.array(list(asked)), [each.told for each in asked.values()]
            requests = [each.request for each in asked.values()]
            block = replace(requests[0], queries=tuple(each.queries[0] for each in requests))
            for shard in changes.new:
                out |= set(ids[concerned(block, shard, lists)].tolist())
        return out

    def _forget(self, but: set[str]) -> None:
        """Those that are no longer asked for, or have changed since they were."""
        changed = {each.post_id: each.sequence for each in self._desk.tail.changes(0)}
        for post_id, asked in list(self._asked.items()):
            if post_id not in but or changed.get(post_id, 0) > asked.upto:
                del self._asked[post_id]


def _digests(shard: Shard, rows: Index) -> list[bytes]:
    """Of all that names a post and that a search compares of it."""
    out = []
    told = zip(rows.tolist(), shard.rows(rows), shard.facts(rows, "found"), strict=True)
    for row, post, facts in told:
        digest = blake2b(repr((post, facts)).encode(), digest_size=16)
        for part in (shard.photos, shard.texts):
            at = part.rows[part.starts[row] : part.starts[row + 1]]
            digest.update(part.vectors[at].tobytes() + b"|")
        out.append(digest.digest())
    return out
