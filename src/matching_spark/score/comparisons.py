"""How a fact of a query is compared with that of a post: one rule each, for any number of pairs.

A rule is a table of words, which posts share, or a formula of numbers. From it follow a table of
queries against all that the posts of a shard tell, in float32, which finds candidates; and chosen
pairs, in float64, which decide. A table has the float32 of what its pairs have.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.points import EARTH_KM, NOWHERE
from matching_spark.domain.vocabulary import Vocabulary
from matching_spark.knn.similarity import Float32, Float64, Index, Mask
from matching_spark.score.overlaps import having, overlaps

WORDS_AT_ONCE = 4096  # distinct words of pairs that a table of float64 has columns for


class Posts(Protocol):
    """The facts of a shard's posts 0..n-1, as columns."""

    @property
    def days(self) -> npt.NDArray[np.int32]:
        """(n,) days since EPOCH, where `dated`."""
        ...

    def dated(self) -> Mask: ...

    @property
    def points(self) -> Float64:
        """(n, 2) latitude and longitude in degrees, NaN for none."""
        ...

    def coded(self, name: str, posts: Index | None = None) -> tuple[np.ndarray, list[str]]:
        """codes (n,) int32 and words: words[codes[p]] is post p's word, '' for none; of some posts
        codes (m,), in their order.
        """
        ...


@dataclass(frozen=True)
class Coded:
    """What posts tell of a fact, as codes (n,) int64 of 0..size-1: posts of one code compare alike.

    table: (q, size) float32 of queries, NaN where a side does not tell; None where no query tells.
    """

    codes: Index
    size: int
    table: Callable[[Sequence[Facts]], Float32 | None]


class Comparison(Protocol):
    """A rule for the fact that both sides may tell."""

    def coded(self, posts: Posts) -> Coded:
        """A shard's posts by what they tell: what does not depend on a query."""
        ...

    def block(self, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
        """(q, n) of queries and a shard's posts, NaN where a side does not tell; None where no
        query tells.
        """
        coded = self.coded(posts)
        return None if (table := coded.table(queries)) is None else table[:, coded.codes]

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        """(m,) of pairs queries[which[i]], posts[rows[i]]; otherwise as `block`."""
        ...


@dataclass(frozen=True)
class Words(Comparison):
    """By the word that a side tells under a name, '' for none.

    against: of distinct words held, what makes values[i, j] of asked[i] and held[j], NaN where
    either does not tell.
    """

    name: str
    against: Callable[[Sequence[str]], Callable[[Sequence[str]], Float64]]

    def coded(self, posts: Posts) -> Coded:
        codes, words = posts.coded(self.name)
        compare = cache(lambda: self.against(words))  # not before a query tells one

        def table(queries: Sequence[Facts]) -> Float32 | None:
            asked, at = self._asked(queries)
            return compare()(asked).astype(np.float32)[at] if any(asked) else None

        return Coded(codes.astype(np.int64), len(words), table)

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        asked, at = self._asked(queries)
        if not any(asked):
            return None
        codes, words = posts.coded(self.name, rows)
        out = np.empty(len(rows))
        for start in range(0, len(words), WORDS_AT_ONCE):
            table = self.against(words[start : start + WORDS_AT_ONCE])(asked)
            mine = np.flatnonzero((codes >= start) & (codes < start + WORDS_AT_ONCE))
            out[mine] = table[at[which[mine]], codes[mine] - start]
        return out

    def _asked(self, queries: Sequence[Facts]) -> tuple[list[str], Index]:
        """The distinct words of the queries, and (q,) the place of each query's."""
        words = [getattr(each, self.name) for each in queries]
        place = {word: at for at, word in enumerate(dict.fromkeys(words))}
        return list(place), np.array([place[word] for word in words], np.int64)


@dataclass(frozen=True)
class Numbers(Comparison):
    """By numbers that each side tells.

    asked: of a query, NaN for one that it does not tell. held: (n,) each of all posts, likewise.
    rule: elementwise, of numbers asked and held that are all there and that broadcast.
    """

    asked: Callable[[Facts], tuple[float, ...]]
    held: Callable[[Posts], tuple[Float64, ...]]
    rule: Callable[[tuple[Float64, ...], tuple[Float64, ...]], Float64]

    def coded(self, posts: Posts) -> Coded:
        held = np.stack(self.held(posts))
        told = np.flatnonzero(_whole(held.T))
        codes = np.zeros(held.shape[1], np.int64)  # of those that do not tell
        first, codes[told] = _distinct(held[:, told])
        codes[told] += 1
        columns = tuple(held[:, told[first]])

        def table(queries: Sequence[Facts]) -> Float32 | None:
            asked = np.array([self.asked(each) for each in queries])
            if not (telling := _whole(asked)).any():
                return None
            out = np.full((len(queries), 1 + len(first)), np.nan, np.float32)
            for query in np.flatnonzero(telling).tolist():
                out[query, 1:] = self.rule(tuple(asked[query]), columns)
            return out

        return Coded(codes, 1 + len(first), table)

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        asked = np.array([self.asked(each) for each in queries])
        if not _whole(asked).any():
            return None
        mine, theirs = asked[which].T, np.stack(self.held(_Some(posts, rows)))
        told = np.flatnonzero(_whole(mine.T) & _whole(theirs.T))
        out = np.full(len(rows), np.nan)
        out[told] = self.rule(tuple(mine[:, told]), tuple(theirs[:, told]))
        return out


def _whole(numbers: Float64) -> Mask:
    """(n,) of (n, k) numbers: none is missing."""
    return np.asarray(~np.isnan(numbers).any(axis=1))


def _distinct(columns: Float64) -> tuple[Index, Index]:
    """Of n tuples of numbers (k, n): where each distinct one is first, and (n,) which each is."""
    first = codes = np.zeros(columns.shape[1], np.int64)
    for column in columns:
        values, own = np.unique(column, return_inverse=True)
        both = codes * len(values) + own
        _, first, codes = np.unique(both, return_index=True, return_inverse=True)
    return first, codes


@dataclass(frozen=True)
class Unless(Comparison):
    """A rule that says nothing of a pair where both tell what says it better: the same evidence
    counts once.

    asked: whether a query tells that. held: (n,) whether each post does.
    """

    rule: Comparison
    asked: Callable[[Facts], bool]
    held: Callable[[Posts], Mask]

    def coded(self, posts: Posts) -> Coded:
        of = self.rule.coded(posts)

        def table(queries: Sequence[Facts]) -> Float32 | None:
            if (values := of.table(queries)) is None:
                return None
            values = np.repeat(values, 2, axis=1)
            values[[self.asked(each) for each in queries], 1::2] = np.nan
            return values

        return Coded(2 * of.codes + self.held(posts), 2 * of.size, table)

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        values = self.rule.pairs(queries, which, posts, rows)
        asked = np.array([self.asked(each) for each in queries])
        if values is not None and asked.any():
            values[asked[which] & self.held(_Some(posts, rows))] = np.nan
        return values


class _Some:
    """Some rows of posts."""

    def __init__(self, posts: Posts, rows: Index) -> None:
        self._posts, self._rows = posts, rows

    @property
    def days(self) -> npt.NDArray[np.int32]:
        return self._posts.days[self._rows]

    @property
    def points(self) -> Float64:
        return self._posts.points[self._rows]

    def dated(self) -> Mask:
        return self._posts.dated()[self._rows]

    def coded(self, name: str, posts: Index | None = None) -> tuple[np.ndarray, list[str]]:
        return self._posts.coded(name, self._rows if posts is None else self._rows[posts])


class Listed:
    """Facts, a post each, as columns."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self._facts = facts
        days = [(each.happened_on or EPOCH) - EPOCH for each in facts]
        self.days = np.array([each.days for each in days], np.int32)
        self.points = np.array([each.point or NOWHERE for each in facts], np.float64)

    def dated(self) -> Mask:
        return np.asarray([each.happened_on is not None for each in self._facts])

    def coded(self, name: str, posts: Index | None = None) -> tuple[np.ndarray, list[str]]:
        some = range(len(self._facts)) if posts is None else posts
        told = [getattr(self._facts[at], name) for at in some]
        place = {word: at for at, word in enumerate(dict.fromkeys(told))}
        return np.array([place[word] for word in told], np.int32), list(place)


# -- the same word ---------------------------------------------------------------------------


def equal(vocabulary: Vocabulary) -> Words:
    """1 the same word, 0 another; a word that is in no list tells nothing."""

    def against(held: Sequence[str]) -> Callable[[Sequence[str]], Float64]:
        place = {word: at for at, word in enumerate(held)}
        others = np.array([0 if word in vocabulary.telling else np.nan for word in held])

        def table(asked: Sequence[str]) -> Float64:
            values = np.full((len(asked), len(held)), np.nan)
            for row, word in zip(values, asked, strict=True):
                if word in vocabulary.telling:
                    row[:] = others
                    row[place.get(word, slice(0))] = 1
            return values

        return table

    return Words(vocabulary.name, against)


# -- the place -------------------------------------------------------------------------------


def has_point(query: Facts) -> bool:
    return query.point is not None


def have_points(posts: Posts) -> Mask:
    return np.asarray(~np.isnan(posts.points[:, 0]))


PLACE = Unless(Words("place", overlaps), has_point, have_points)

# -- the distance ----------------------------------------------------------------------------


def _asked_point(query: Facts) -> tuple[float, ...]:
    """Its direction from the Earth's centre, of length 1."""
    latitude, longitude = map(math.radians, query.point or NOWHERE)
    flat = math.cos(latitude)
    return flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)


def _held_points(posts: Posts) -> tuple[Float64, ...]:
    latitude, longitude = np.radians(np.ascontiguousarray(posts.points.T))
    flat = np.cos(latitude)
    return flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)


def _kilometres(asked: tuple[Float64, ...], held: tuple[Float64, ...]) -> Float64:
    """Along the great circle: the haversine of its angle is a quarter of the square of its chord,
    which is exact to a millimetre also where two points are near.
    """
    square = sum(((a - b) ** 2 for a, b in zip(asked, held, strict=True)), np.float64(0))
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(square / 4, 1))))


KILOMETRES = Numbers(_asked_point, _held_points, _kilometres)

# -- identifiers -----------------------------------------------------------------------------


def shared(held: Sequence[str]) -> Callable[[Sequence[str]], Float64]:
    """Of keyed hashes, each with its kind, joined by spaces: 1 where one is the same, 0 where both
    have one of a kind and none is the same; else a side does not tell.
    """
    there = [frozenset(words.split()) for words in held]
    same, of_kind = having(there), having([_kinds(each) for each in there])

    def table(asked: Sequence[str]) -> Float64:
        values = np.full((len(asked), len(held)), np.nan)
        for row, words in zip(values, asked, strict=True):
            mine = frozenset(words.split())
            for kind in _kinds(mine):
                row[of_kind.get(kind, [])] = 0
            for each in mine:
                row[same.get(each, [])] = 1
        return values

    return table


def _kinds(identifiers: frozenset[str]) -> frozenset[str]:
    return frozenset(each.partition(":")[0] for each in identifiers)


IDENTIFIERS = Words("identifiers", shared)

# -- the day ---------------------------------------------------------------------------------


def _asked_day(query: Facts) -> tuple[float, ...]:
    """Its day, and 1 of a lost thing, -1 of a found one."""
    told = query.happened_on
    day = float("nan") if told is None else float((told - EPOCH).days)
    return day, 1.0 if query.kind == "lost" else -1.0


def _held_days(posts: Posts) -> tuple[Float64, ...]:
    return (np.where(posts.dated(), posts.days, np.nan),)


def _days_after(asked: tuple[Float64, ...], held: tuple[Float64, ...]) -> Float64:
    """Days that it was found after it was lost; negative before."""
    (day, sign), (days,) = asked, held
    return np.asarray(sign * days - sign * day)  # of one day 0, never -0


DAYS = Numbers(_asked_day, _held_days, _days_after)
