"""How much of a place's name another one has, in whichever letters either is written."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np

from matching_spark.domain import romanised
from matching_spark.knn.similarity import Float64, Index


@lru_cache(maxsize=1 << 13)  # some megabytes: a table's places are asked of by every query
def bigrams(name: str) -> frozenset[str]:
    """Pairs of neighbouring letters, without white space and case; a single letter is itself."""
    letters = "".join(name.split()).casefold()
    return frozenset(letters[i : i + 2] for i in range(max(1, len(letters) - 1)) if letters)


def overlaps(held: Sequence[str]) -> Callable[[Sequence[str]], Float64]:
    """Share of the shorter name's bigrams that the other has. Of a name in Latin letters and one in
    Hangul they are the other's as it is spelt in Latin ones, where that finds more.
    """
    there = [bigrams(name) for name in held]
    places, sizes = having(there), np.array([len(each) for each in there], float)
    in_latin = [(at, its) for at, name in enumerate(held) if (its := romanised.latin(name))]
    spelt = cache(lambda: _Spelt(held))  # not before a query is in Latin letters

    def table(asked: Sequence[str]) -> Float64:
        values = np.zeros((len(asked), len(held)))
        for row, name in zip(values, asked, strict=True):
            wanted = bigrams(name)
            for each in wanted:
                row[places.get(each, [])] += 1
            with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
                row /= np.minimum(len(wanted), sizes)
                if latin := romanised.latin(name):
                    shared = spelt().shared(latin) / np.minimum(_pairs(latin), sizes)
                    np.maximum(row, np.minimum(shared, 1), out=row)
            if in_latin and (said := romanised.heard(name)):
                for at, its in in_latin:
                    count = sum(not ways.isdisjoint(its.pieces) for ways in said.values())
                    share = count / min(_pairs(its), len(wanted))
                    row[at] = max(row[at], min(share, 1.0))
        return values

    return table


class _Spelt:
    """By how the bigrams of names are spelt in Latin letters: which of them a spelling has."""

    def __init__(self, names: Sequence[str]) -> None:
        self._count = len(names)
        self._of: list[int] = []  # of each bigram of all names, whose it is
        held: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            own: dict[str, int] = {}  # a bigram that comes twice counts once
            for pair, each in romanised.pairs(name):
                if (bigram := own.get(pair)) is None:
                    bigram = own[pair] = len(self._of)
                    self._of.append(at)
                held.setdefault(each, []).append(bigram)
        self._held = held

    def shared(self, latin: romanised.Latin) -> Float64:
        """(n,) of each name how many of its bigrams another one has."""
        found = {bigram for each in latin.pieces for bigram in self._held.get(each, ())}
        return np.bincount(
            np.array([self._of[each] for each in found], np.int64), minlength=self._count
        ).astype(float)


def _pairs(latin: romanised.Latin) -> int:
    """Of neighbouring syllables; one of a single syllable."""
    return max(1, latin.syllables - 1)


def having(sets: Sequence[frozenset[str]]) -> dict[str, Index]:
    """Of each word the places of the sets that have it."""
    places: dict[str, list[int]] = {}
    for at, words in enumerate(sets):
        for word in words:
            places.setdefault(word, []).append(at)
    return {word: np.array(each) for word, each in places.items()}
