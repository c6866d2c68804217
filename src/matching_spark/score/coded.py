"""What the posts of a shard have and tell, as codes: made once, whatever is asked.

Few things are told in few ways: there are some hundred days, some thousand places. What a query's
facts are worth is worked out of these, a table by code, and looked up for every post. Facts whose
codes come together in few ways share one look-up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.knn.similarity import Float32, Index
from matching_spark.score import components
from matching_spark.score.comparisons import Coded, Posts

SPARSE = 8  # posts to a code that is joined of several: below, its table costs what it saves
JOINED = 1 << 20  # codes that two at most are joined to, before those that no post has are left out

NOTHING = Facts()


@dataclass(frozen=True)
class Joined:
    """Codes of what posts have and of some facts together. codes: (n,) int64; has: (m,) of each of
    the m codes what its posts have; facts: and by name (m,) their code of the fact.
    """

    codes: Index
    has: Index
    facts: Mapping[str, Index]

    def by(self, name: str, coded: Coded) -> "Joined":
        """By one fact more; codes that no post has are left out."""
        both = self.codes * coded.size + coded.codes
        count = len(self.has) * coded.size
        if count <= JOINED:
            there = np.flatnonzero(np.bincount(both, minlength=count))
            place = np.zeros(count, np.int64)
            place[there] = np.arange(len(there))
            codes = place[both]
        else:
            there, codes = np.unique(both, return_inverse=True)
        own, new = np.divmod(there, coded.size)
        facts = {each: of[own] for each, of in self.facts.items()}
        return Joined(codes, self.has[own], {**facts, name: new})


@dataclass(frozen=True)
class Told:
    """A shard's posts. has: (n,) int64, what each has, as calibration.places has it. facts: by
    name, what posts tell of each."""

    has: Index
    facts: Mapping[str, Coded]

    @classmethod
    def of(cls, posts: Posts, has: Index) -> "Told":
        return cls(has, {fact.name: fact.rule.coded(posts) for fact in components.FACTS})

    @cached_property
    def alone(self) -> int | None:
        """What all posts have, where that is the same."""
        first = int(self.has[0]) if len(self.has) else -1
        return first if (self.has == first).all() else None

    @cached_property
    def there(self) -> frozenset[int]:
        """What any of the posts has."""
        return frozenset(self.bare.has.tolist())

    @cached_property
    def bare(self) -> Joined:
        """By what posts have alone."""
        has, codes = np.unique(self.has, return_inverse=True)
        return Joined(codes.astype(np.int64), has, {})

    @cached_property
    def joined(self) -> list[Joined]:
        """By all facts, in few groups."""
        groups: list[Joined] = []
        for name, coded in sorted(self.facts.items(), key=lambda each: each[1].size):
            for at, group in enumerate(groups):
                more = group.by(name, coded)
                if SPARSE * len(more.has) <= len(self.has):
                    groups[at] = more
                    break
            else:
                groups.append(self.bare.by(name, coded))
        return groups

    def values(self, queries: Sequence[Facts]) -> dict[str, Float32]:
        """values[name][i, code] = that fact of query i and the posts of that code, NaN for missing.
        A fact that no query tells is left out."""
        each = ((name, coded.table(queries)) for name, coded in self.facts.items())
        return {name: table for name, table in each if table is not None}

    def of_pairs(
        self, values: Mapping[str, Float32], which: Index, posts: Index
    ) -> dict[str, Float32]:
        """(m,) the same of pairs: query which[i], post posts[i]."""
        return {name: table[which, self.facts[name].codes[posts]] for name, table in values.items()}


def tell(queries: Sequence[Facts]) -> bool:
    """Whether a query tells anything."""
    return any(replace(query, kind=NOTHING.kind) != NOTHING for query in queries)
