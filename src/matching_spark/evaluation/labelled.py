"""Labelled pairs: what a truth file says of lost and found posts, with the components of each pair.

Truth is JSONL of {lost_id, found_id, same}. Where a lost post's own counterparts are named, every
other found post is known to be another thing (a find that is posted twice is two lines); the same
where a line says {lost_id, "found_id": null, "same": false}: what was lost is not here. Where
neither is said, only the pairs that are named count.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from matching_spark import storage
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import clean
from matching_spark.errors import InputError
from matching_spark.guard.each_once import each_once
from matching_spark.knn.similarity import Float32, Float64, Index, Mask
from matching_spark.score import components
from matching_spark.score.kinds import Modality
from matching_spark.search.request import QueryItem, cosines_of
from matching_spark.search.scores import values_of
from matching_spark.shards.shard import Shard
from matching_spark.sources import check_file
from matching_spark.sources.delimited import LONG_LINE, MAX_LINE, lines_of

MAX_PAIRS = 8_000_000  # held at once, 70 bytes each; beyond, a sample of the different ones
BLOCK_POSTS = 64
BLOCK_PAIRS = 3_200_000  # whose components are held at once: 150 MB
HELD_OUT_SHARE = 0.3

Truth = dict[str, dict[str, bool]]  # lost_id -> found_id -> same
Kept = Callable[[Mapping[str, Float32]], Mask]  # of components (q, found): (q, found) bool
NOT_HERE = ""  # the found_id, which no post has, of a lost post whose thing is not here


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of lost and found posts, those of a lost post side by side.

    A lost post without a same pair may be known not to be here, or not known. facts: of each lost
    post. whole: (lost,) bool, whether every found post is among its pairs. lost, found: (n,) int64,
    places in lost_ids and found_ids. same: (n,) bool. weight: (n,) how many pairs each stands for:
    1, or more where the different ones are a sample. values[name]: (n,) float32, NaN for a missing
    component.
    """

    lost_ids: tuple[str, ...]
    found_ids: tuple[str, ...]
    facts: tuple[Facts, ...]
    whole: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    same: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64]
    values: dict[str, Float32]

    def __len__(self) -> int:
        return len(self.lost)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "LabelledPairs":
        return replace(
            self,
            lost=self.lost[rows],
            found=self.found[rows],
            same=self.same[rows],
            weight=self.weight[rows],
            values={name: values[rows] for name, values in self.values.items()},
        )

    def sums(self, values: Float64 | float = 1.0) -> Float64:
        """(lost,) of each lost post the sum of its pairs' values, as often as each pair stands."""
        return np.bincount(self.lost, values * self.weight, len(self.lost_ids)).astype(np.float64)

    def runs(self) -> list[tuple[int, int]]:
        """Where the pairs of each lost post begin and end."""
        edges = np.flatnonzero(np.diff(self.lost)) + 1
        return list(pairwise([0, *edges.tolist(), len(self)])) if len(self) else []

    def split(self) -> tuple["LabelledPairs", "LabelledPairs"]:
        """Those to fit on and those held out, by a hash of the lost post's id: always the same.

        The fitting part has no pair with the counterpart of a held-out lost post either: its items
        are never seen. Neither part knows the other's lost posts.
        """
        out = np.array([held_out(i) for i in self.lost_ids], bool)
        mine = out[self.lost]
        theirs = np.zeros(len(self.found_ids), bool)
        theirs[self.found[mine & self.same]] = True
        return self.take(~mine & ~theirs[self.found]).having_pairs(), self.take(mine).having_pairs()

    def having_pairs(self) -> "LabelledPairs":
        """Without the lost posts that have no pair."""
        there, lost = np.unique(self.lost, return_inverse=True)
        return replace(
            self,
            lost_ids=tuple(self.lost_ids[i] for i in there),
            facts=tuple(self.facts[i] for i in there),
            whole=self.whole[there],
            lost=lost,
        )


def held_out(lost_id: str) -> bool:
    digest = hashlib.sha256(lost_id.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def read_truth(uri: str) -> Truth:
    """Raises InputError that names the line which is no {lost_id, found_id, same}, or which has a
    thing both here and not here, or a pair both the same and not.
    """
    truth: Truth = {}
    check_file(uri, "truth")
    for number, (lost_id, found_id, same) in _lines(uri):
        said = truth.setdefault(lost_id, {})
        if said.setdefault(found_id, same) != same:
            raise InputError(
                f"{uri}:{number}: {lost_id} and {found_id} cannot be both the same and not: take "
                "one line out"
            )
        if NOT_HERE in said and any(said.values()):
            raise InputError(
                f"{uri}:{number}: {lost_id} cannot be both here and not here: take one line out"
            )
    if not truth:
        raise InputError(f"{uri} has no pair")
    return truth


def _lines(uri: str) -> Iterator[tuple[int, tuple[str, str, bool]]]:
    with storage.open_input(uri) as stream:
        for number, line in enumerate(lines_of(stream), 1):
            if not line.strip():
                continue
            try:
                if len(line) > MAX_LINE:
                    raise ValueError(LONG_LINE)
                said = _line(line)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                why = f"is no {{lost_id, found_id, same}}: {error}"
                raise InputError(f"{uri}:{number} {why}") from None
            yield number, said


def _line(line: bytes) -> tuple[str, str, bool]:
    """A line of a truth: the lost post, the found one or NOT_HERE, whether they are the same."""
    row = json.loads(line, object_pairs_hook=each_once)
    lost_id, found_id, same = row["lost_id"], row["found_id"], row["same"]
    if not (isinstance(lost_id, str) and isinstance(found_id, str | None)):
        raise TypeError("ids are text; a found_id may be null: it is not here")
    # As posts have them: a pair that is not found is taken for two different things.
    lost_id, found_id = clean(lost_id), None if found_id is None else clean(found_id)
    if found_id == NOT_HERE:
        raise TypeError("a found_id that is not here is null")
    if not isinstance(same, bool) or (found_id is None and same):
        raise TypeError("same is true or false; of what is not here, false")
    return lost_id, NOT_HERE if found_id is None else found_id, same


def join(parts: Sequence[LabelledPairs]) -> LabelledPairs:
    """Pairs of several worlds as one; ids of different worlds are different."""
    lost_at = np.cumsum([0, *(len(p.lost_ids) for p in parts)])
    found_at = np.cumsum([0, *(len(p.found_ids) for p in parts)])
    return LabelledPairs(
        tuple(post_id for p in parts for post_id in p.lost_ids),
        tuple(post_id for p in parts for post_id in p.found_ids),
        tuple(each for p in parts for each in p.facts),
        np.concatenate([p.whole for p in parts]),
        np.concatenate([p.lost + at for p, at in zip(parts, lost_at[:-1], strict=True)]),
        np.concatenate([p.found + at for p, at in zip(parts, found_at[:-1], strict=True)]),
        np.concatenate([p.same for p in parts]),
        np.concatenate([p.weight for p in parts]),
        {name: np.concatenate([p.values[name] for p in parts]) for name in components.names()},
    )


def label(
    lost: Iterable[Shard],
    found: Iterable[Shard],
    truth: Truth,
    max_pairs: int = MAX_PAIRS,
    kept: Kept | None = None,
) -> LabelledPairs:
    """Every pair that the truth labels, of posts that are there; states do not matter.

    max_pairs: where there are more, a sample of the different ones stands for them. kept: which
    pairs are never left to chance. Raises InputError when none is there.
    """
    shards = list(found)
    found_ids = tuple(post_id for shard in shards for post_id in _ids(shard))
    alive = np.concatenate([shard.alive for shard in shards]) if shards else np.zeros(0, bool)
    place = {post_id: at for at, post_id in enumerate(found_ids) if alive[at]}
    groups: dict[Modality, list[tuple[str, QueryItem]]] = {}
    for shard in lost:
        for post_id, query in _asked(shard, truth):
            groups.setdefault(query.has, []).append((post_id, query))
    posts = sum(map(len, groups.values()))
    share = min(1.0, max_pairs / max(1, posts * len(found_ids)))
    rng = np.random.default_rng(0)
    step = max(1, min(BLOCK_POSTS, BLOCK_PAIRS // max(1, len(found_ids))))
    parts: list[LabelledPairs] = []
    for group in groups.values():
        for start in range(0, len(group), step):
            block = group[start : start + step]
            values = _values(shards, [query for _, query in block])
            near = kept(values) if kept else np.zeros((len(block), len(alive)), bool)
            for j, (post_id, query) in enumerate(block):
                said = truth[post_id]
                # Where it is said what is its own, every other one is known to be another thing.
                whole = NOT_HERE in said or any(said.values())
                others = rng.random(len(alive)) < share if whole else False
                rows, same, weight = _told(said, place, alive & others, alive & near[j], share)
                if len(rows):
                    here = {name: each[j, rows] for name, each in values.items()}
                    lost_at, one = np.zeros(len(rows), int), np.array([whole])
                    of = (query.facts,), one, lost_at, rows, same, weight, here
                    parts.append(LabelledPairs((post_id,), (), *of))
    if not parts:
        raise InputError(
            "none of the truth's pairs is in the table: its ids are of other posts, or they have "
            "neither photos nor words"
        )
    return replace(join(parts), found_ids=found_ids)


def _asked(shard: Shard, truth: Truth) -> Iterator[tuple[str, QueryItem]]:
    """The posts of a shard that the truth speaks of and that can be compared, as queries."""
    for row, post_id in enumerate(_ids(shard)):
        image, text = shard.parts(row)
        if post_id in truth and shard.alive[row] and (image is not None or text is not None):
            (facts,) = shard.facts(np.array([row]), "lost")
            yield post_id, QueryItem(image, text, facts)


def _values(shards: Sequence[Shard], queries: Sequence[QueryItem]) -> dict[str, Float32]:
    """(q, found posts) of every component, NaN for missing. The queries have the same parts."""
    each = [values_of(shard, queries, cosines_of(queries[0]), facts=True) for shard in shards]
    blank = np.full((len(queries), sum(map(len, shards))), np.nan, np.float32)
    there = each[0] if each else {}
    return {
        name: np.concatenate([values[name] for values in each], axis=1) if name in there else blank
        for name in components.names()
    }


def _told(
    said: Mapping[str, bool], place: Mapping[str, int], others: Mask, near: Mask, share: float
) -> tuple[Index, Mask, Float64]:
    """The found posts of one lost post's pairs, whether each is the same thing, its weight.

    said: of the pairs that the truth names. others: (found,) the sample of different ones; near:
    those that are no sample.
    """
    named = {place[found_id]: same for found_id, same in said.items() if found_id in place}
    keep, same, weight = others | near, np.zeros(len(others), bool), np.where(near, 1, 1 / share)
    at = list(named)
    keep[at], same[at], weight[at] = True, list(named.values()), 1.0
    rows = np.flatnonzero(keep)
    return rows, same[rows], weight[rows]


def _ids(shard: Shard) -> list[str]:
    return list(shard.metadata["post_id"].to_pylist())
