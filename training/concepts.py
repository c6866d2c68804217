"""Everything that the text tower has a name for: domain/things.txt, as captions may say it."""

from dataclasses import replace

from unseen import shared

from matching_spark.domain.things import Thing, things


def concepts() -> list[Thing]:
    """In the list's order. A name that an unseen sentence has a word of is left out."""
    return [
        replace(thing, korean=_sayable(thing.korean), english=_sayable(thing.english))
        for thing in things()
    ]


def names() -> list[str]:
    """Of all concepts, in both languages."""
    return [name for concept in concepts() for name in concept.names]


def _sayable(some: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in some if not shared(name)) or some
