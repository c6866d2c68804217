"""Names in Hangul, looked up by one in Latin letters, and the other way round, by one rule: Gangnam
Station and 강남역 are one where the first is a way in which the second is spelt.

A table may have hundreds of thousands of names, most of which begin with one of few words: 서울
강남구. They stand in order, as a tree of words, of which only those are spelt that go on with what
is looked for.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from itertools import chain, product
from operator import itemgetter
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from matching_spark.domain.romanised import (
    has_hangul,
    initials,
    kinds,
    latin,
    latin_words,
    one_word,
    sounds,
    spellings,
)

WAYS = (0, 1)  # of romanised.sounds
LETTERS, SYLLABLES = 4, 2  # that a name has at least, or it may be any word
PART = 3  # syllables of a part of a name that is asked for in Hangul: 하나 is not of Hana Bank
BEGUN = 5  # letters that a word may begin with
MAX_RUNS = 1000  # that are remembered as they were looked up
SEVERAL = 2  # that are told apart from one
_HANGUL, _LATIN = re.compile("[가-힣]"), re.compile("[a-z]")
_AFTER = "!"  # in the order of letters behind a space, before all that words have
T = TypeVar("T")


class Spelt(NamedTuple, Generic[T]):
    """What is told of the names that are spelt so, and of those of which `some` words are: where
    that is several things, two of them."""

    whole: frozenset[T]
    some: frozenset[T]


class SpeltNames(Generic[T]):
    """Names, each with what is told of it. names: words in lower case, a space between two."""

    def __init__(self, names: Mapping[str, T]) -> None:
        self._names = names
        self._known: dict[str, Spelt[T]] = {}

    def find(self, run: str) -> Spelt[T]:
        """The names in the other letters that a run of words spells, or the first words or a word
        of; where one in Latin letters spells none, those with a word that begins so: Gangnam of
        강남역."""
        if (known := self._known.get(run)) is None:
            if len(self._known) >= MAX_RUNS:
                self._known.clear()
            known = self._known[run] = self._spelt(run)
        return known

    def _spelt(self, run: str) -> Spelt[T]:
        none = Spelt[T](frozenset(), frozenset())
        if (said := latin(run)) is None:
            syllables = sum(map(str.isalnum, run))
            texts = [text for text in spellings(run) if len(text) >= LETTERS]
            if syllables < SYLLABLES or not texts:
                return none
            found = self._in_latin.spelt(texts)
            return found if syllables >= PART or found.whole else none
        if not said.korean or said.syllables < SYLLABLES or len(said.text) < LETTERS:
            return none
        found = self._in_hangul.spelt([said.text])
        if found.some or len(said.text) < BEGUN:
            return found
        return self._in_hangul.spelt([said.text], begun=True)

    @cached_property
    def _in_hangul(self) -> "_Ordered[T]":
        """What begins with a letter of Hangul."""
        return _Ordered(self._runs(_HANGUL, lambda word: has_hangul(word[0])))

    @cached_property
    def _in_latin(self) -> "_Ordered[T]":
        """What begins with a word in Latin letters."""
        return _Ordered(self._runs(_LATIN, lambda word: word.isascii() and not word.isdecimal()))

    def _runs(
        self, letters: re.Pattern[str], is_in: Callable[[str], bool]
    ) -> Iterator[tuple[str, T]]:
        """Each name, a space behind it; each of its other words, and that with what says its kind
        in English, which is no word of its own in Korean: Gangnam Station. Only what begins with a
        word that is in some letters."""
        plain, ours = cache(_plain), cache(is_in)
        for name, told in self._names.items():
            if not letters.search(name):
                continue
            said = one_word(name).split()
            words = [plain(word) for word in said]
            if ours(words[0]):
                yield " ".join(words) + " ", told
            for at in range(1, len(words)):
                if ours(words[at]):
                    yield words[at], told
                    if at + 1 < len(words) and said[at + 1] in kinds():
                        yield f"{words[at]} {words[at + 1]}", told


def _plain(word: str) -> str:
    """A word in Latin letters as `romanised.latin` has it; another is itself."""
    return ("".join(latin_words(word)) or word) if word.isascii() else word


Stretch: TypeAlias = tuple[str, int, int]  # words, and which of the runs begin with them


class _Ordered(Generic[T]):
    """Runs of words in order, each with what is told of it."""

    def __init__(self, runs: Iterable[tuple[str, T]]) -> None:
        told = sorted(set(runs), key=itemgetter(0))
        self._runs = [run for run, _ in told]
        self._told = [each for _, each in told]
        self._same = array("l", range(1, len(told) + 1))  # where it ends that the same is told
        for at in range(len(told) - 2, -1, -1):
            if self._told[at] == self._told[at + 1]:
                self._same[at] = self._same[at + 1]

    def spelt(self, texts: Iterable[str], begun: bool = False) -> Spelt[T]:
        """begun: of the last word only the beginning is said."""
        whole, some = set[T](), set[T]()
        for text, way in product(texts, WAYS):
            for words, first, last in self._reached([(("", 0, len(self._runs)), text)], way, begun):
                if not begun:
                    name = bisect_left(self._runs, words, first, last)
                    whole.update(self._told[name : bisect_right(self._runs, words, name, last)])
                while first < last and len(some) < SEVERAL:
                    some.add(self._told[first])
                    first = self._same[first]
        return Spelt(frozenset(whole), frozenset(some))

    def _reached(
        self, steps: Iterable[tuple[Stretch, str]], way: int, begun: bool
    ) -> Iterator[Stretch]:
        """Those that are spelt so, of where words lead and what is left of a text."""
        for at, rest in steps:
            if rest:
                after = chain(self._latin(at, rest), self._hangul(at, rest, way, begun))
                yield from self._reached(after, way, begun)
            else:
                yield at

    def _latin(self, at: Stretch, rest: str) -> Iterator[tuple[Stretch, str]]:
        said, first, last = at
        for end in range(1, len(rest) + 1):
            words = said + rest[:end]
            first = bisect_left(self._runs, words, first, last)
            if first == last or not self._runs[first].startswith(words):
                return
            if (stop := bisect_left(self._runs, words + _AFTER, first, last)) > first:
                yield (f"{words} ", first, stop), rest[end:]

    def _hangul(
        self, at: Stretch, rest: str, way: int, begun: bool
    ) -> Iterator[tuple[Stretch, str]]:
        """Words that begin with a letter of Hangul, or with a digit: 2호선."""
        said, first, last = at
        for low, high in [*initials(rest), *[(c, c) for c in rest[0] if c.isdigit()]]:
            start = bisect_left(self._runs, said + low, first, last)
            while start < last and self._runs[start][len(said)] <= high:
                word = self._runs[start][len(said) :].split(" ", 1)[0]
                stop = bisect_left(self._runs, f"{said}{word}{_AFTER}", start, last)
                sound = "" if word.isascii() else sounds(word)[way]
                if sound and rest.startswith(sound):
                    yield (f"{said}{word} ", start, stop), rest[len(sound) :]
                elif begun and sound.startswith(rest):
                    yield (f"{said}{word} ", start, stop), ""
                start = stop
