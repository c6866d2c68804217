"""The names of places that a table's posts have, to look words up in."""

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from itertools import accumulate, islice
from typing import Self

from matching_spark.domain.romanised import latin
from matching_spark.domain.spelt_names import SpeltNames
from matching_spark.domain.vocabulary import REGION

MAX_PLACES = 300_000  # names held, some 10 MB; of those beyond, a sentence is not understood
MAX_NAME = 80  # characters: a longer one is an address with directions
MAX_RUNS = 1000  # that are remembered as they were looked up

_WORD = re.compile(r"[^\W_]+(?:['’][a-z]{1,9})?")  # as a sentence's are
REGIONS = frozenset(REGION.spelt)


def plain_name(name: str) -> str:
    """Its words in lower case, a space between them."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", name).lower()))


class PlaceNames:
    """Names of places, to look words up in, each with the region that it is known to be in, or ''.

    `regions` beyond MAX_PLACES are left out, and what is beyond MAX_NAME of a name.
    """

    @classmethod
    def of(cls, several: Iterable[Mapping[str, Collection[str]]]) -> Self:
        """Of posts' names, each with the regions that it was told of, '' for none: what several
        regions have is known to be in none."""
        regions: dict[str, set[str]] = {}
        for each in several:
            for name, told in each.items():
                regions.setdefault(name, set()).update(told)
        return cls({name: next(iter(r)) if len(r) == 1 else "" for name, r in regions.items()})

    def __init__(self, regions: Mapping[str, str]) -> None:
        held = dict(islice(regions.items(), MAX_PLACES))
        self._names = [name[:MAX_NAME] for name in held]
        self._regions = list(held.values())
        self._spelt: dict[str, frozenset[str]] = {}  # of runs that were asked for

    def have(self, run: str) -> bool:
        """Whether the words stand side by side in a name; in Latin letters, whether they spell a
        word of one, or what it begins with: Gangnam of 강남역."""
        words = run.split()
        if self._words.issuperset(words) and (len(words) == 1 or f" {run} " in self._all):
            return True
        return bool(self._spelling(run))

    def begin(self, run: str) -> bool:
        """Whether a word of a name begins so."""
        return f" {run}" in self._all

    def whole(self, run: str) -> bool:
        """Whether they are a name."""
        if self.exactly(run):
            return True
        text = _spelt(run)
        return bool(text) and not self._wholes.isdisjoint(self._by_spelling.spelt(text))

    def first(self, run: str) -> bool:
        """Whether its first word is that of a name, but for the region: 동성로 of 대구 동성로."""
        word = run.split()[0]
        return len(word) > 2 and word in self._first

    def leads(self, word: str) -> bool:
        """Whether a name of several words begins with the word."""
        return word in self._leading

    def exactly(self, run: str) -> bool:
        """Whether they are a name as the table writes it."""
        return run in self._wholes

    def spaced(self, run: str) -> str:
        """The two words of a name that are written as one, or ''."""
        if len(run) < 5 or run.isascii():
            return ""
        cut = (f"{run[:at]} {run[at:]}" for at in range(2, len(run) - 1))
        return next((two for two in cut if self.have(two)), "")

    def region(self, run: str) -> str:
        """The region that all names are in that have the words, or ''."""
        there: set[str] = set()
        at = self._all.find(f" {run} ")
        while at >= 0 and len(there) < 2:
            line = bisect_right(self._starts, at)
            there.add(self._regions[line - 1])
            at = self._all.find(f" {run} ", self._starts[line]) if line < len(self._starts) else -1
        if not there and (said := self._spelling(run)):
            names = zip(self._plain, self._regions, strict=True)
            there = {r for name, r in names if not said.isdisjoint([name, *name.split()])}
        return there.pop() if len(there) == 1 else ""

    @cached_property
    def _plain(self) -> list[str]:
        return [plain_name(name) for name in self._names]

    @cached_property
    def _wholes(self) -> frozenset[str]:
        return frozenset(self._plain)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for name in self._plain for word in name.split())

    @cached_property
    def _leading(self) -> frozenset[str]:
        return frozenset(words[0] for name in self._plain if len(words := name.split(None, 1)) > 1)

    @cached_property
    def _starts(self) -> "array[int]":
        """Where the line of each name begins in `_all`."""
        return array("q", accumulate((len(name) + 3 for name in self._plain[:-1]), initial=1))

    @cached_property
    def _first(self) -> frozenset[str]:
        several = (name.split() for name in self._plain)
        return frozenset(
            next((word for word in words if word not in REGIONS), "") for words in several
        )

    @cached_property
    def _all(self) -> str:
        """Every name on a line, a space before and after every word of it."""
        return "\n" + "".join(f" {name} \n" for name in self._plain)

    def _spelling(self, run: str) -> frozenset[str]:
        """The words of names, and the names, that a run in Latin letters spells; else those that
        begin so, of five letters, or it may be any word."""
        text = _spelt(run)
        if (known := self._spelt.get(text)) is not None:
            return known
        known = self._by_spelling.spelt(text) if text else frozenset()
        if not known and len(text) > 4:
            known = self._by_spelling.begun(text)
        if len(self._spelt) > MAX_RUNS:
            self._spelt.clear()
        self._spelt[text] = known
        return known

    @cached_property
    def _by_spelling(self) -> SpeltNames:
        return SpeltNames(self._wholes)


def _spelt(run: str) -> str:
    """A run in Latin letters as spellings are looked up; '' for one that spells nothing, or is too
    short to be told from any other word: three letters, or a syllable."""
    said = latin(run)
    short = said is None or len(said.text) < 4 or said.syllables < 2
    return said.text if said and said.korean and not short else ""
