"""The list of things: one category each, one meaning a name."""

from collections import Counter

from matching_spark.domain.things import COLOURS, DISTRACTOR, things
from matching_spark.domain.vocabulary import CATEGORIES, COLOUR


def test_every_thing_has_a_category_of_the_portal_and_a_name_in_both_languages() -> None:
    for thing in things():
        assert thing.category in {*CATEGORIES, DISTRACTOR}, thing
        assert all(thing.names), thing
        assert all(name.isascii() for name in thing.english), thing
        assert all(not name.isascii() or name in ("CD", "USB") for name in thing.korean[:1]), thing
        assert thing.drawing or thing.classes or thing.near, thing


def test_a_name_a_drawing_and_a_class_are_of_one_thing() -> None:
    for what in (
        [name.casefold() for thing in things() for name in dict.fromkeys(thing.names)],
        [thing.drawing for thing in things() if thing.drawing],
        [number for thing in things() for number in thing.classes],
    ):
        assert [each for each, count in Counter(what).items() if count > 1] == []


def test_the_drawn_things_come_first() -> None:
    """training's numbers of things are places in the list."""
    drawn = [bool(thing.drawing) for thing in things()]
    assert drawn == sorted(drawn, reverse=True)


def test_the_colours_are_those_of_the_vocabulary_and_grey() -> None:
    assert len(COLOURS) == 11
    for korean, english in COLOURS.items():
        assert COLOUR.find(korean) == COLOUR.find(english)
    assert {COLOUR.find(korean) for korean in COLOURS} == set(COLOUR.words)
