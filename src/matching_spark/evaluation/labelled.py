"""Labelled pairs: what a truth file says of lost and found posts, with the components of each pair.

Truth is JSONL of {lost_id, found_id, same}. A lost thing is found once: where a lost post's own
counterpart is named, every other found post is known to be another thing; where it is not, only
the pairs that are named count.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matching_spark import storage
from matching_spark.errors import InputError
from matching_spark.knn.similarity import Float32
from matching_spark.score.ranking import COMPONENTS, Facts
from matching_spark.search.fused import components, of_row
from matching_spark.search.request import Vectors
from matching_spark.shards.shard import Shard

MAX_PAIRS = 4_000_000  # held at once, 36 bytes each; beyond, a sample of the different ones
BLOCK_POSTS = 64
HELD_OUT_SHARE = 0.3

Truth = dict[str, dict[str, bool]]  # lost_id -> found_id -> same


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of lost and found posts, those of a lost post side by side.

    facts: of each lost post. lost, found: (n,) int64, places in lost_ids and found_ids. same: (n,)
    bool. weight: (n,) how many pairs each stands for: 1, or more where the different ones are a
    sample. values[name]: (n,) float32, NaN for a missing component.
    """

    lost_ids: tuple[str, ...]
    found_ids: tuple[str, ...]
    facts: tuple[Facts, ...]
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

    def split(self) -> tuple["LabelledPairs", "LabelledPairs"]:
        """Those to fit on and those held out, by a hash of the lost post's id: always the same.

        The fitting part has no pair with the counterpart of a held-out lost post either: its items
        are never seen.
        """
        out = np.array([held_out(i) for i in self.lost_ids], bool)
        mine = out[self.lost]
        theirs = np.zeros(len(self.found_ids), bool)
        theirs[self.found[mine & self.same]] = True
        return self.take(~mine & ~theirs[self.found]), self.take(mine)


def held_out(lost_id: str) -> bool:
    digest = hashlib.sha256(lost_id.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def read_truth(uri: str) -> Truth:
    """Raises InputError that names the line which is no {lost_id, found_id, same}."""
    truth: Truth = {}
    if not storage.exists(uri):
        raise InputError(f"there is no {uri}")
    for number, line in enumerate(storage.read_bytes(uri).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            lost_id, found_id, same = row["lost_id"], row["found_id"], row["same"]
            if not (isinstance(lost_id, str) and isinstance(found_id, str)):
                raise TypeError("ids are text")
            if not isinstance(same, bool):
                raise TypeError("same is true or false")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{uri}:{number} is no {{lost_id, found_id, same}}: {error}") from None
        truth.setdefault(lost_id, {})[found_id] = same
    if not truth:
        raise InputError(f"{uri} has no pair")
    return truth


def join(parts: Sequence[LabelledPairs]) -> LabelledPairs:
    """Pairs of several worlds as one; ids of different worlds are different."""
    lost_at = np.cumsum([0, *(len(p.lost_ids) for p in parts)])
    found_at = np.cumsum([0, *(len(p.found_ids) for p in parts)])
    return LabelledPairs(
        sum((p.lost_ids for p in parts), ()),
        sum((p.found_ids for p in parts), ()),
        sum((p.facts for p in parts), ()),
        np.concatenate([p.lost + at for p, at in zip(parts, lost_at[:-1], strict=True)]),
        np.concatenate([p.found + at for p, at in zip(parts, found_at[:-1], strict=True)]),
        np.concatenate([p.same for p in parts]),
        np.concatenate([p.weight for p in parts]),
        {name: np.concatenate([p.values[name] for p in parts]) for name in COMPONENTS},
    )


def label(
    lost: Iterable[Shard], found: Iterable[Shard], truth: Truth, max_pairs: int = MAX_PAIRS
) -> LabelledPairs:
    """Every pair that the truth labels, of posts that are there; states do not matter.

    Raises InputError when none is there.
    """
    shards = list(found)
    ids = [_ids(shard) for shard in shards]
    found_ids = [i for each in ids for i in each]
    where = {post_id: at for at, post_id in enumerate(found_ids)}
    posts = [
        (post_id, shard, row)
        for shard in lost
        for row, post_id in enumerate(_ids(shard))
        if post_id in truth and shard.alive[row] and any(v is not None for v in shard.parts(row))
    ]
    alive = np.concatenate([shard.alive for shard in shards]) if shards else np.zeros(0, bool)
    share = min(1.0, max_pairs / max(1, len(posts) * len(found_ids)))
    rng = np.random.default_rng(0)
    lost_ids: list[str] = []
    parts: list[LabelledPairs] = []
    groups: dict[tuple[bool, bool], list[tuple[str, Shard, int]]] = {}
    for post in posts:
        image, text = post[1].parts(post[2])
        groups.setdefault((image is not None, text is not None), []).append(post)
    for group in groups.values():
        for start in range(0, len(group), BLOCK_POSTS):
            block = group[start : start + BLOCK_POSTS]
            queries = [Vectors(*shard.parts(row)) for _, shard, row in block]
            facts = [of_row(shard.rows(np.array([row]))[0], "lost") for _, shard, row in block]
            each = [components(shard, queries, facts) for shard in shards]
            values = {
                name: np.concatenate([e[name] for e in each], axis=1)
                for name in (each[0] if each else ())
            }
            for j, (post_id, _, _) in enumerate(block):
                said = truth[post_id]
                keep = (
                    alive & (rng.random(len(alive)) < share)
                    if any(said.values())
                    else ~alive & alive
                )
                weight = np.full(len(alive), 1 / share)
                same = np.zeros(len(alive), bool)
                for found_id, one in said.items():
                    if (at := where.get(found_id)) is not None and alive[at]:
                        keep[at], weight[at], same[at] = True, 1.0, one
                rows = np.flatnonzero(keep)
                if not len(rows):
                    continue
                blank = np.full(len(rows), np.nan, np.float32)
                parts.append(
                    LabelledPairs(
                        (),
                        (),
                        (facts[j],),
                        np.full(len(rows), len(lost_ids)),
                        rows,
                        same[rows],
                        weight[rows],
                        {n: values[n][j, rows] if n in values else blank for n in COMPONENTS},
                    )
                )
                lost_ids.append(post_id)
    if not parts:
        raise InputError(
            "none of the truth's pairs is in the table: its ids are of other posts, or they have "
            "neither photos nor words"
        )
    return replace(join(parts), lost_ids=tuple(lost_ids), found_ids=tuple(found_ids))


def _ids(shard: Shard) -> list[str]:
    return list(shard.metadata["post_id"].to_pylist())
