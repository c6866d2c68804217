"""What a pair of posts is compared by, a component at a time: all that the rest knows of one.

A component is a number, or missing, which is not zero. A cosine is of a part (photo, words) of the
query and one of the post. A fact has its rule twice: for one pair, which decides, and for a block
of queries against all posts of a shard, which finds candidates; a test holds the two together.

To add a fact: one entry of FACTS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Vocabulary
from matching_spark.knn.similarity import Float32, Mask

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Part = Literal["image", "text"]
Nouns = Mapping[Language, str]
Stem = Callable[[float, bool], str]  # of a value, and whether it speaks for the pair

PLACES_AT_ONCE = 4096  # distinct places of a shard held as rows of bigrams


class Posts(Protocol):
    """The facts of a shard's posts 0..n-1, as columns."""

    @property
    def days(self) -> npt.NDArray[np.int32]:
        """(n,) days since EPOCH, where `dated`."""
        ...

    def dated(self) -> Mask: ...

    def coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        """codes (n,) int32 and words: words[codes[p]] is post p's word, '' for none."""
        ...


def _alike(value: float, agrees: bool) -> str:
    return "비슷하" if agrees else "비슷하지 않"


def _equal_or_not(value: float, agrees: bool) -> str:
    return "일치하" if value == 1 else "다르"


@dataclass(frozen=True)
class Cosine:
    """The cosine of a part of the query and a part of the post, the best of several photos.

    alone: whether a search by cosine, which knows no weights, counts it. stem: of the Korean verb
    that says it of the noun.
    """

    query: Part
    post: Part
    nouns: Nouns
    alone: bool = True
    rising: bool = True
    stem: Stem = _alike

    @property
    def name(self) -> str:
        return f"{self.query}-{self.post}"


@dataclass(frozen=True)
class Fact:
    """One fact that both sides may tell.

    knots: where its line bends. rising: more of it never speaks against a pair. pair: its value,
    None where a side does not tell. block: (q, n) float32 of queries and a shard's posts, NaN where
    `pair` has None; None where no query tells. told: the English noun with the value. stem: of the
    Korean verb that says the value of the noun, or of the pair where the noun is ''.
    """

    name: str
    nouns: Nouns
    knots: tuple[float, ...]
    pair: Callable[[Facts, Facts], float | None]
    block: Callable[[Sequence[Facts], Posts], Float32 | None]
    rising: bool = True
    told: Callable[[str, float], str] = lambda noun, value: noun
    stem: Stem = _equal_or_not


Component = Cosine | Fact


def compare(query: Facts, post: Facts) -> dict[str, float]:
    """The facts of a pair by their names, without those that either side does not tell."""
    pairs = ((fact.name, fact.pair(query, post)) for fact in FACTS)
    return {name: value for name, value in pairs if value is not None}


def compare_all(queries: Sequence[Facts], posts: Posts) -> dict[str, Float32]:
    """values[name][i, p] = that fact of query i and post p, NaN for missing; (q, n) each.

    A fact that no query tells is left out.
    """
    blocks = ((fact.name, fact.block(queries, posts)) for fact in FACTS)
    return {name: values for name, values in blocks if values is not None}


def names() -> tuple[str, ...]:
    """Of every component, in the order in which they are summed and told."""
    return (*(cosine.name for cosine in COSINES), *(fact.name for fact in FACTS))


# -- the same word ---------------------------------------------------------------------------


def _same(vocabulary: Vocabulary, query: Facts, post: Facts) -> float | None:
    """1 the same word, 0 another; a word that is in no list tells nothing."""
    a, b = getattr(query, vocabulary.name), getattr(post, vocabulary.name)
    return float(a == b) if {a, b} <= vocabulary.telling else None


def _same_block(vocabulary: Vocabulary, queries: Sequence[Facts], posts: Posts) -> Float32 | None:
    return _by_word(vocabulary.name, queries, posts, partial(_equal, vocabulary))


def _by_word(
    name: str,
    queries: Sequence[Facts],
    posts: Posts,
    table: Callable[[Sequence[str], Sequence[str]], Float32],
) -> Float32 | None:
    """A block by a table of values: a row each word that is asked, a column each of the posts."""
    asked = list(dict.fromkeys(getattr(each, name) for each in queries))
    if not any(asked):
        return None
    codes, words = posts.coded(name)
    at = [asked.index(getattr(each, name)) for each in queries]
    return np.asarray(table(asked, words)[at][:, codes])


def _equal(vocabulary: Vocabulary, asked: Sequence[str], words: Sequence[str]) -> Float32:
    """table[i, j] = `_same` of asked[i] and words[j]."""
    table = np.array([[a == b for b in words] for a in asked], np.float32)
    table[[a not in vocabulary.telling for a in asked]] = np.nan
    table[:, [b not in vocabulary.telling for b in words]] = np.nan
    return table


# -- the place -------------------------------------------------------------------------------


def bigrams(name: str) -> frozenset[str]:
    """Pairs of neighbouring letters, without white space and case; a single letter is itself."""
    letters = "".join(name.split()).casefold()
    return frozenset(letters[i : i + 2] for i in range(max(1, len(letters) - 1)) if letters)


def _place(query: Facts, post: Facts) -> float | None:
    """Share of the shorter name's bigrams that the other has."""
    a, b = bigrams(query.place), bigrams(post.place)
    return len(a & b) / min(len(a), len(b)) if a and b else None


def _place_stem(value: float, agrees: bool) -> str:
    """A name that is partly the same, as 강남역 and 강남구청, is told by which side it is on."""
    return "비슷하" if agrees and value < 1 else _equal_or_not(value, agrees)


def _place_block(queries: Sequence[Facts], posts: Posts) -> Float32 | None:
    return _by_word("place", queries, posts, _overlaps)


def _overlaps(asked: Sequence[str], words: Sequence[str]) -> Float32:
    """table[i, j] = `_place` of the places asked[i] and words[j]."""
    wanted = [bigrams(place) for place in asked]
    number = {pair: i for i, pair in enumerate(sorted(frozenset().union(*wanted)))}
    table = np.full((len(asked), len(words)), np.nan, np.float32)
    if not number:
        return table
    rows, sizes = _rows(wanted, number), np.array([len(w) for w in wanted], np.float32)
    for start in range(0, len(words), PLACES_AT_ONCE):
        held = [bigrams(word) for word in words[start : start + PLACES_AT_ONCE]]
        least = np.minimum(sizes[:, None], np.array([len(h) for h in held], np.float32))
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
            table[:, start : start + len(held)] = (rows @ _rows(held, number).T) / least
    return table


def _rows(sets: Sequence[frozenset[str]], number: Mapping[str, int]) -> Float32:
    """One row a set, 1 where it holds the pair of that number."""
    rows = np.zeros((len(sets), len(number)), np.float32)
    for row, pairs in zip(rows, sets, strict=True):
        row[[number[pair] for pair in pairs if pair in number]] = 1
    return rows


# -- the day ---------------------------------------------------------------------------------


def _days(query: Facts, post: Facts) -> float | None:
    """Days that it was found after it was lost; negative before."""
    if query.happened_on is None or post.happened_on is None:
        return None
    days = (post.happened_on - query.happened_on).days
    return float(days if query.kind == "lost" else -days)


def _days_block(queries: Sequence[Facts], posts: Posts) -> Float32 | None:
    if all(each.happened_on is None for each in queries):
        return None
    days, dated = posts.days, posts.dated()
    out = np.full((len(queries), len(days)), np.nan, np.float32)
    for i, each in enumerate(queries):
        if each.happened_on is not None:
            sign = 1 if each.kind == "lost" else -1
            out[i, dated] = sign * (days[dated] - (each.happened_on - EPOCH).days)
    return out


def _days_told(noun: str, value: float) -> str:
    days = int(value)
    if days == 0:
        return f"{noun} (found the same day)"
    unit = "day" if abs(days) == 1 else "days"
    return f"{noun} (found {abs(days)} {unit} {'later' if days > 0 else 'before it was lost'})"


def _days_stem(value: float, agrees: bool) -> str:
    days = int(value)
    if days == 0:
        return "분실 당일에 습득되었"
    return f"{f'분실 {days}일 뒤에' if days > 0 else f'분실일보다 {-days}일 먼저'} 습득되었"


# -- all of them -----------------------------------------------------------------------------

# Cosines of a photo and words are of another scale than those of two photos or of two texts. Only
# weights know how the two scales compare, so by cosine alone a photo is not asked for words.
_ACROSS: Nouns = {"ko": "사진", "en": "photo against words"}


def _goes_with(value: float, agrees: bool) -> str:
    return "설명과 어울리" if agrees else "설명과 어울리지 않"


COSINES: tuple[Cosine, ...] = (
    Cosine("image", "image", {"ko": "사진", "en": "photo"}),
    Cosine("image", "text", _ACROSS, alone=False, stem=_goes_with),
    Cosine("text", "image", _ACROSS, stem=_goes_with),
    Cosine("text", "text", {"ko": "설명", "en": "words"}),
)


def _word(vocabulary: Vocabulary, ko: str, en: str) -> Fact:
    nouns: Nouns = {"ko": ko, "en": en}
    pair, block = partial(_same, vocabulary), partial(_same_block, vocabulary)
    return Fact(vocabulary.name, nouns, (0, 1), pair, block)


FACTS: tuple[Fact, ...] = (
    _word(CATEGORY, "종류", "kind of thing"),
    _word(COLOUR, "색", "colour"),
    _word(REGION, "지역", "region"),
    Fact(
        "place",
        {"ko": "장소", "en": "place"},
        (0, 0.34, 0.67, 1),
        _place,
        _place_block,
        stem=_place_stem,
    ),
    Fact(
        "days",
        {"ko": "", "en": "date"},
        (-30, -7, -3, -1, 0, 3, 7, 14, 30, 90),
        _days,
        _days_block,
        rising=False,
        told=_days_told,
        stem=_days_stem,
    ),
)
