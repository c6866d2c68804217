"""What a pair of posts is compared by, a component at a time: all that the rest knows of one.

A component is a number, or missing, which is not zero. A cosine is of a part (photo, words) of the
query and one of the post. A fact has one rule (score.comparisons), for a block of queries against
all posts of a shard, which finds candidates, and for chosen pairs, which decide.

To add a fact: one entry of FACTS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION
from matching_spark.knn.similarity import Float32, Float64, Index
from matching_spark.score.comparisons import (
    DAYS,
    IDENTIFIERS,
    KILOMETRES,
    PLACE,
    Comparison,
    Listed,
    Posts,
    equal,
)

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Part = Literal["image", "text"]
Nouns = Mapping[Language, str]
Line = tuple[tuple[float, float], ...]
Stem = Callable[[float, bool], str]  # of a value, and whether it speaks for the pair


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
    stem: Stem = _alike

    @cached_property
    def name(self) -> str:
        return f"{self.query}-{self.post}"


@dataclass(frozen=True)
class Fact:
    """One fact that both sides may tell.

    field: of Facts. knots: where its line bends. rule: its values. rising: more of it never speaks
    against a pair; falling: nor less of it. told: the English noun with the value. stem: of the
    Korean verb that says the value of the noun, or of the pair where the noun is ''. assumed: its
    line where too few pairs show one: (value, log-odds), values ascending. asks: how a person is
    asked for it.
    """

    name: str
    field: str
    nouns: Nouns
    knots: tuple[float, ...]
    rule: Comparison
    rising: bool = True
    falling: bool = False
    told: Callable[[str, float], str] = lambda noun, value: noun
    stem: Stem = _equal_or_not
    assumed: Line | None = None
    asks: Nouns | None = None


Component = Cosine | Fact


def compare(query: Facts, post: Facts) -> dict[str, float]:
    """The facts of a pair by their names, without those that either side does not tell."""
    first = np.zeros(1, np.int64)
    values = compare_pairs([query], first, Listed([post]), first)
    return {name: float(each[0]) for name, each in values.items() if not np.isnan(each[0])}


def compare_pairs(
    queries: Sequence[Facts], which: Index, posts: Posts, rows: Index
) -> dict[str, Float64]:
    """values[name][i] = that fact of the pair queries[which[i]], posts[rows[i]], NaN for missing;
    (m,) each. A pair's values depend on no other pair. A fact that no query tells is left out.
    """
    each = ((fact.name, fact.rule.pairs(queries, which, posts, rows)) for fact in FACTS)
    return {name: values for name, values in each if values is not None}


def compare_all(queries: Sequence[Facts], posts: Posts) -> dict[str, Float32]:
    """values[name][i, p] = float32 of that fact of query i and post p, NaN for missing; (q, n)
    each. A fact that no query tells is left out.
    """
    blocks = ((fact.name, fact.rule.block(queries, posts)) for fact in FACTS)
    return {name: values for name, values in blocks if values is not None}


def names() -> tuple[str, ...]:
    """Of every component, in the order in which they are summed and told."""
    return (*(cosine.name for cosine in COSINES), *(fact.name for fact in FACTS))


def _place_stem(value: float, agrees: bool) -> str:
    """A name that is partly the same, as 강남역 and 강남구청, is told by which side it is on."""
    return "비슷하" if agrees and value < 1 else _equal_or_not(value, agrees)


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


def _distance(value: float) -> str:
    return (
        f"{value:.0f} km"
        if value >= 10
        else f"{value:.1f} km"
        if value >= 1
        else (f"{value * 1000:.0f} m")
    )


def _kilometres_told(noun: str, value: float) -> str:
    return f"{noun} ({_distance(value)})"


def _kilometres_stem(value: float, agrees: bool) -> str:
    return f"{_distance(value)}로 {'가깝' if agrees else '먼 편이'}"


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


# Distance stands in for the letters of two names, so it is worth what they are: at 0 km what the
# same name is worth to small-clip's weights (0.84, the median of their nine patterns with facts),
# from 100 km on what another one is (-0.89), between them straight from knot to knot. For pairs of
# which too few have coordinates to teach the line; the drawn worlds teach a steeper one.
ASSUMED_KILOMETRES: Line = (
    *((0, 0.84), (0.3, 0.84), (1, 0.5), (3, 0.15), (10, -0.2)),
    *((30, -0.54), (100, -0.89), (300, -0.89)),
)
# The same number on both sides is one thing, but for what went wrong in between: an identifier that
# was read out of a text and is none (1 long number in 10 passes Luhn's checksum by chance, an
# article's number is on every such article). Taken at 1 coincidence in 10^4 different pairs that
# both have one of a kind: log(10^4) = 9.2, so 9. Another number of the same kind is another thing,
# but for a digit misread or a second card in one wallet, taken at 1 true pair in 400: -6. Both are
# assumed, for pairs of which too few have numbers to teach them.
ASSUMED_IDENTIFIER: Line = ((0, -6.0), (1, 9.0))

FACTS: tuple[Fact, ...] = (
    Fact(
        "category",
        "category",
        {"ko": "종류", "en": "kind of thing"},
        (0, 1),
        equal(CATEGORY),
        asks={"ko": "어떤 물건인가요?", "en": "What kind of thing is it?"},
    ),
    Fact(
        "colour",
        "colour",
        {"ko": "색", "en": "colour"},
        (0, 1),
        equal(COLOUR),
        asks={"ko": "무슨 색인가요?", "en": "What colour is it?"},
    ),
    Fact(
        "region",
        "region",
        {"ko": "지역", "en": "region"},
        (0, 1),
        equal(REGION),
        asks={"ko": "어느 지역에서였나요?", "en": "In which region was it?"},
    ),
    Fact(
        "place",
        "place",
        {"ko": "장소", "en": "place"},
        (0, 0.34, 0.67, 1),
        PLACE,
        stem=_place_stem,
        asks={"ko": "어디에서였나요?", "en": "Where was it?"},
    ),
    Fact(
        "kilometres",
        "point",
        {"ko": "거리", "en": "distance"},
        (0, 0.3, 1, 3, 10, 30, 100, 300),
        KILOMETRES,
        rising=False,
        falling=True,
        told=_kilometres_told,
        stem=_kilometres_stem,
        assumed=ASSUMED_KILOMETRES,
    ),
    Fact(
        "days",
        "happened_on",
        {"ko": "", "en": "date"},
        (-30, -7, -3, -1, 0, 3, 7, 14, 30, 90),
        DAYS,
        rising=False,
        told=_days_told,
        stem=_days_stem,
        asks={"ko": "언제였나요?", "en": "On which day was it?"},
    ),
    Fact(
        "identifier",
        "identifiers",
        {"ko": "고유번호", "en": "identifying number"},
        (0, 1),
        IDENTIFIERS,
        assumed=ASSUMED_IDENTIFIER,
    ),
)
