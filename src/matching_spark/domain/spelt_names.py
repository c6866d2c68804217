"""Names that begin with Hangul, to be looked up by how they are spelt in Latin letters.

A table may have hundreds of thousands of names, most of which begin with one of few words: 서울
강남구. They are held as a tree of words, of which only those are spelt that go on with what is
looked for.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from matching_spark.domain.romanised import initials, sounds

Tree: TypeAlias = dict[str, "Tree"]  # by a name's next word; END where a name ends
END = ""
WAYS = (0, 1)  # of romanised.sounds


class SpeltNames:
    """The names, and the words of which they consist. names: words in lower case, a space between
    two of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: Tree = {}
        words: dict[str, None] = {}
        for name in names:
            at = self._names
            for word in name.split():
                at = at.setdefault(word, {})
                words[word] = None
            at[END] = {}
        self._words: Tree = {word: {END: {}} for word in words}
        self._trees = [_by_letter(tree) for tree in (self._names, self._words)]

    def spelt(self, text: str) -> frozenset[str]:
        """The names and words that are spelt so, as `romanised.latin` gives a text."""
        return frozenset(self._found(text, begun=False))

    def begun(self, text: str) -> frozenset[str]:
        """Those of which a spelling begins so."""
        return frozenset(self._found(text, begun=True))

    def _found(self, text: str, begun: bool) -> Iterator[str]:
        for letter in initials(text, begun):
            for tree in self._trees:
                for way in WAYS:
                    yield from _below(tree.get(letter, {}), text, way, begun, ())


def _by_letter(tree: Tree) -> Mapping[str, Tree]:
    out: dict[str, Tree] = {}
    for word, more in tree.items():
        out.setdefault(word[:1], {})[word] = more
    return out


def _below(tree: Tree, rest: str, way: int, begun: bool, said: tuple[str, ...]) -> Iterator[str]:
    """The names of a tree that are spelt so, or begin so; said: the words before."""
    if not rest:
        yield from _all(tree, said) if begun else _ended(tree, said)
        return
    letters = initials(rest, begun) | {rest[0]}
    for word, more in tree.items():
        if word[:1] not in letters:
            continue
        sound = sounds(word)[way]
        if rest.startswith(sound):
            yield from _below(more, rest[len(sound) :], way, begun, (*said, word))
        elif begun and sound.startswith(rest):
            yield from _all(more, (*said, word))


def _ended(tree: Tree, said: tuple[str, ...]) -> Iterator[str]:
    if END in tree:
        yield " ".join(said)


def _all(tree: Tree, said: tuple[str, ...]) -> Iterator[str]:
    yield from _ended(tree, said)
    for word, more in tree.items():
        if word != END:
            yield from _all(more, (*said, word))
