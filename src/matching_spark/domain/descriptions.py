"""A photo in words: its category, its colour and a title, each with how sure it is."""

from dataclasses import dataclass

from matching_spark.domain.results import Reported
from matching_spark.domain.vocabulary import COLOUR

OTHERS = "기타물품"  # a category that says nothing in a title


@dataclass(frozen=True)
class Candidate:
    """A word that may be right, and the probability that it is."""

    korean: str
    english: str
    confidence: float


@dataclass(frozen=True)
class Guess:
    """What is said, None where too little is known; and the likeliest words, the best first."""

    korean: str | None
    english: str | None
    confidence: float | None
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, candidates: tuple[Candidate, ...], cut: float) -> "Guess":
        """The first of them, where it is as likely as `cut`."""
        first = candidates[0]
        if first.confidence < cut:
            return cls(None, None, None, candidates)
        return cls(first.korean, first.english, first.confidence, candidates)


@dataclass(frozen=True)
class Description(Reported):
    """category: of domain.vocabulary.CATEGORY. colour: one of domain.things.COLOURS. title: colour
    and thing, as far as they are known; its candidates are things.
    """

    category: Guess
    colour: Guess
    title: Guess

    @property
    def post_colour(self) -> str:
        """The colour as a post has it, a word of domain.vocabulary.COLOUR; '' where unknown."""
        return COLOUR.find(self.colour.korean or "")

    @property
    def guesses(self) -> tuple[tuple[str, Guess], ...]:
        """What is guessed one by one, by name."""
        return (("thing", self.title), ("category", self.category), ("colour", self.colour))


def titled(thing: Guess, category: Guess, colour: Guess) -> Guess:
    """The thing, else its category; with its colour. Both are right with their product."""
    noun = thing if thing.korean or category.korean == OTHERS else category
    if noun.korean is None or noun.confidence is None:
        return Guess(None, None, None, thing.candidates)
    if colour.korean is None or colour.confidence is None:
        return Guess(noun.korean, noun.english, noun.confidence, thing.candidates)
    return Guess(
        f"{colour.korean} {noun.korean}",
        f"{colour.english} {noun.english}",
        noun.confidence * colour.confidence,
        thing.candidates,
    )
