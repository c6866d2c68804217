"""What a sentence says of a lost thing, as facts: its category, its colour, where and when.

A word in doubt is no fact: of two colours, two places, two days none is taken, unless only one of
them stands in what says that something was lost.
"""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matching_spark.domain.facts import Facts
from matching_spark.domain.place_names import PlaceNames
from matching_spark.domain.sentences.colour_words import colour_said
from matching_spark.domain.sentences.colours_said import colours_said
from matching_spark.domain.sentences.days import days_said, the_day
from matching_spark.domain.sentences.office_asked import without_questions
from matching_spark.domain.sentences.place_kinds import is_line
from matching_spark.domain.sentences.places_said import in_names, places_said
from matching_spark.domain.sentences.sentence import (
    Mention,
    Word,
    lower,
    nearer_to_loss,
    plain,
    the_one,
    words_of,
)
from matching_spark.domain.sentences.things_lost import (
    contents,
    envelope,
    lost_among,
    the_thing,
    together,
)
from matching_spark.domain.sentences.things_said import things_said
from matching_spark.domain.sentences.where_said import the_place, the_region
from matching_spark.domain.vocabulary import CATEGORY, VAGUE

# Nobody who lost something: 할아버지가 사라지셨어요, 아이를 찾습니다.
_PERSON = re.compile(
    r"(?:할아버지|할머니|어르신|아이|아기|아들|딸|남편|아내|어머니|아버지|엄마|아빠|동생|환자)"
    r"(?:(?:가|이|께서) (?:사라지셨|사라졌|실종|없어지셨|집을 나)|[를을] (?:찾(?!아 ?오)|잃어버))"
)


@dataclass(frozen=True)
class Understood:
    """facts: what was understood. words: by a fact's name, the words of the text that say it."""

    facts: Facts
    words: Mapping[str, str]


def understand(text: str, today: dt.date, places: PlaceNames | None = None) -> Understood:
    """The facts that the words of a text say, seen from a day in Seoul.

    places: the names that a place may have, as the posts of a table have them; a region that is not
    said is the place's.
    """
    whole = plain(text)
    words = words_of(whole)
    text = without_questions(whole, words)
    if text != whole:
        words = words_of(text)
    places = places or PlaceNames({})
    found = things_said(words)
    coloured = {at for at, word in enumerate(words) if colour_said(word)}
    known = _at(each for each in found if each.role != "where") | coloured
    known -= {at for at in known if is_line(words[at].text) and words[at].text in places.wholes}
    if named := in_names(words, places, _at(found) | coloured):
        found = things_said(words, named)
    heads = lost_among(found, words)
    thing = the_thing(heads, words)
    if thing is not None and envelope(thing, words):
        thing = contents(thing, found, words)
    mine = [each for each in heads if thing is None or _same(each, thing, words)]
    if thing is None or "봉투" not in words[thing.last].text:
        mine = [each for each in mine if not envelope(each, words)]
    colour = the_one(colours_said(words, found, mine, named), words)
    beast = _PERSON.search(text) or (thing is not None and thing.value not in CATEGORY.words)
    several = thing is None and together(heads, words)  # of which it is one's
    if colour is not None and (colour.value == VAGUE or beast or several):
        colour = None
    if beast:
        thing = None
    place = the_place(places_said(words, places, known), words, text)
    region = the_region(words, place, places)
    day = _day(text, words, today)
    mentions = {"category": thing, "colour": colour, "place": place, "region": region}
    said = {
        name: text[words[of.first].start : of.end or words[of.last].end]
        for name, of in mentions.items()
        if of is not None
    }
    facts = Facts(
        category=thing.value if thing else "",
        colour=colour.value if colour else "",
        region=region.value if region else "",
        place=place.value if place else "",
        happened_on=day[0] if day else None,
    )
    return Understood(facts, said | ({"happened_on": day[1]} if day else {}))


def _at(found: Iterable[Mention[str]]) -> set[int]:
    """Which words they are of."""
    return {at for each in found for at in range(each.first, each.last + 1)}


def _same(each: Mention[str], thing: Mention[str], words: Sequence[Word]) -> bool:
    """Whether it is of the thing's category, or called by its last word: shopping bag, bag."""
    return each.value == thing.value or words[each.last].text == words[thing.last].text


def _day(text: str, words: Sequence[Word], today: dt.date) -> tuple[dt.date, str] | None:
    """The day and its words; of several that differ, what the clauses of a loss say."""
    ends = [word.end for word in words]
    said = [
        Mention(each, at, at)
        for each in days_said(lower(text), today)
        if (at := bisect_right(ends, each.start)) < len(words)
    ]
    for mine in nearer_to_loss(said, words):
        if mine and (day := the_day([each.value for each in mine])):
            first = min((each.value for each in mine), key=lambda each: len(each.days))
            return day, text[first.start : first.end]
    return None
