"""How a fact of a query is compared with that of a post: one rule each, for any number of pairs.

A rule is a table of words, which posts share, or a formula of numbers. From it follow a block of
queries against all posts of a shard, in float32, which finds candidates; and chosen pairs, in
float64, which decide. A block has the float32 of what its pairs have.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.points import EARTH_KM, NOWHERE
from matching_spark.domain.vocabulary import Vocabulary
from matching_spark.knn.similarity import Float32, Float64, Index, Mask

WORDS_AT_ONCE = 4096  # distinct words of a shard that a table of float64 has columns for


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


class Comparison(Protocol):
    """A rule for the fact that both sides may tell."""

    def block(self, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
        """(q, n) of queries and a shard's posts, NaN where a side does not tell; None where no
        query tells.
        """
        ...

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        """(m,) of pairs queries[which[i]], posts[rows[i]]; otherwise as `block`."""
        ...


@dataclass(frozen=True)
class Words:
    """By the word that a side tells under a name, '' for none.

    table: values[i, j] of asked[i] and held[j], NaN where either does not tell.
    """

    name: str
    table: Callable[[Sequence[str], Sequence[str]], Float64]

    def block(self, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
        asked, at = self._asked(queries)
        if not any(asked):
            return None
        codes, words = posts.coded(self.name)
        table = np.empty((len(asked), len(words)), np.float32)
        for start in range(0, len(words), WORDS_AT_ONCE):
            here = slice(start, start + WORDS_AT_ONCE)
            table[:, here] = self.table(asked, words[here])
        return np.asarray(table[at][:, codes])

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        asked, at = self._asked(queries)
        if not any(asked):
            return None
        codes, words = posts.coded(self.name, rows)
        out = np.empty(len(rows))
        for start in range(0, len(words), WORDS_AT_ONCE):
            table = self.table(asked, words[start : start + WORDS_AT_ONCE])
            mine = np.flatnonzero((codes >= start) & (codes < start + WORDS_AT_ONCE))
            out[mine] = table[at[which[mine]], codes[mine] - start]
        return out

    def _asked(self, queries: Sequence[Facts]) -> tuple[list[str], Index]:
        """The distinct words of the queries, and (q,) the place of each query's."""
        words = [getattr(each, self.name) for each in queries]
        place = {word: at for at, word in enumerate(dict.fromkeys(words))}
        return list(place), np.array([place[word] for word in words], np.int64)


@dataclass(frozen=True)
class Numbers:
    """By numbers that each side tells.

    asked: of a query, NaN for one that it does not tell. held: (n,) each of all posts, likewise.
    rule: elementwise, of numbers asked and held that are all there and that broadcast.
    """

    asked: Callable[[Facts], tuple[float, ...]]
    held: Callable[[Posts], tuple[Float64, ...]]
    rule: Callable[[tuple[Float64, ...], tuple[Float64, ...]], Float64]

    def block(self, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
        asked = np.array([self.asked(each) for each in queries])
        if not (telling := _whole(asked)).any():
            return None
        held = np.stack(self.held(posts))
        out = np.full((len(queries), held.shape[1]), np.nan, np.float32)
        told = np.flatnonzero(_whole(held.T))
        columns = tuple(held[:, told])
        for query in np.flatnonzero(telling).tolist():
            out[query, told] = self.rule(tuple(asked[query]), columns)
        return out

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        asked = np.array([self.asked(each) for each in queries])
        if not _whole(asked).any():
            return None
        mine, theirs = asked[which].T, np.stack(self.held(posts))[:, rows]
        told = np.flatnonzero(_whole(mine.T) & _whole(theirs.T))
        out = np.full(len(rows), np.nan)
        out[told] = self.rule(tuple(mine[:, told]), tuple(theirs[:, told]))
        return out


def _whole(numbers: Float64) -> Mask:
    """(n,) of (n, k) numbers: none is missing."""
    return np.asarray(~np.isnan(numbers).any(axis=1))


@dataclass(frozen=True)
class Unless:
    """A rule that says nothing of a pair where both tell what says it better: the same evidence
    counts once.

    asked: whether a query tells that. held: (n,) whether each post does.
    """

    rule: Comparison
    asked: Callable[[Facts], bool]
    held: Callable[[Posts], Mask]

    def block(self, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
        values = self.rule.block(queries, posts)
        asked = np.flatnonzero([self.asked(each) for each in queries])
        if values is not None and len(asked):
            values[np.ix_(asked, np.flatnonzero(self.held(posts)))] = np.nan
        return values

    def pairs(
        self, queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
    ) -> Float64 | None:
        values = self.rule.pairs(queries, which, posts, rows)
        asked = np.array([self.asked(each) for each in queries])
        if values is not None and asked.any():
            values[asked[which] & self.held(posts)[rows]] = np.nan
        return values


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

    def table(asked: Sequence[str], held: Sequence[str]) -> Float64:
        values = np.array([[a == b for b in held] for a in asked], np.float64)
        values[[word not in vocabulary.telling for word in asked]] = np.nan
        values[:, [word not in vocabulary.telling for word in held]] = np.nan
        return values

    return Words(vocabulary.name, table)


# -- the place -------------------------------------------------------------------------------


def bigrams(name: str) -> frozenset[str]:
    """Pairs of neighbouring letters, without white space and case; a single letter is itself."""
    letters = "".join(name.split()).casefold()
    return frozenset(letters[i : i + 2] for i in range(max(1, len(letters) - 1)) if letters)


def overlaps(asked: Sequence[str], held: Sequence[str]) -> Float64:
    """Share of the shorter name's bigrams that the other has."""
    wanted, there = [bigrams(name) for name in asked], [bigrams(name) for name in held]
    number = _numbered(wanted)
    both = _rows(wanted, number) @ _rows(there, number).T  # float32 holds such counts
    sizes, others = (np.array([len(each) for each in sets], float) for sets in (wanted, there))
    least = np.minimum(sizes[:, None], others[None])
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return np.asarray(both / least)


def _rows(sets: Sequence[frozenset[str]], number: dict[str, int]) -> Float32:
    """One row a set, 1 where it holds the word of that number."""
    rows = np.zeros((len(sets), len(number)), np.float32)
    for row, words in zip(rows, sets, strict=True):
        row[[number[word] for word in words if word in number]] = 1
    return rows


def _numbered(sets: Sequence[frozenset[str]]) -> dict[str, int]:
    return {word: i for i, word in enumerate(sorted(frozenset().union(*sets)))}


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


def shared(asked: Sequence[str], held: Sequence[str]) -> Float64:
    """Of keyed hashes, each with its kind, joined by spaces: 1 where one is the same, 0 where both
    have one of a kind and none is the same; else a side does not tell.
    """
    mine, theirs = ([frozenset(word.split()) for word in words] for words in (asked, held))
    same, of_kind = (
        _rows(a, number) @ _rows(b, number).T
        for a, b in ((mine, theirs), (_kinds(mine), _kinds(theirs)))
        for number in (_numbered(a),)
    )
    return np.where(same > 0, 1.0, np.where(of_kind > 0, 0.0, np.nan))


def _kinds(sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    return [frozenset(word.partition(":")[0] for word in words) for words in sets]


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
