"""What the public may see, and nothing else: every answer for a person is made here.

A PublicMatch has what the category's level allows (public.levels), by an allow list: no score, no
probability, no id, hash or path, no number that a thing or a person has, and no word on what was
withheld. It is made of a match of the public's search (public.rows), which knows no more
itself; made of one of the office's it says the same.
"""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from matching_spark.domain.districts import district
from matching_spark.domain.personal import public
from matching_spark.domain.posts import Post
from matching_spark.domain.results import Match, Question, SearchResult
from matching_spark.domain.vocabulary import CATEGORY, OF_FACTS
from matching_spark.journal.posts import StoredPost
from matching_spark.score.explain import TELLING
from matching_spark.service.pages.contexts import Asking, FactName, Picture, Reason
from matching_spark.service.public.levels import Level, Levels, week, without_place
from matching_spark.service.public.opaque import Names

Band = Literal["likely", "look"]
State = Literal["likely", "look", "unclear", "nothing"]
MATCHES = 10  # of an answer
ANSWERS = 3  # of a question
MAX_TITLE = 80  # characters, likewise of a place
SOON_DAYS = 7  # after the loss, within which a find is "on the day or soon after"
NEAR_KM = 3.0
_BANDS: dict[str, Band] = {"propose": "likely", "ask": "look", "": "look"}  # '': by cosine
_OF_COSINE: dict[str, Reason] = {
    "image-image": "photo",
    "image-text": "photo",
    "text-image": "photo",
    "text-text": "words",
}
_SAME: tuple[Reason, ...] = ("identifier", "category", "colour", "place", "region")


@dataclass(frozen=True)
class PublicMatch:
    """A found thing. title: of a sensitive one its category. day, until: the first and the last day
    of when it was found, one and the same where the day is told. photo: addresses of the service.
    claim: what names it to the service alone.
    """

    band: Band
    category: str
    title: str
    place: str
    day: dt.date | None
    until: dt.date | None
    photo: Picture | None
    reasons: tuple[Reason, ...]
    claim: str

    def to_dict(self) -> dict[str, object]:
        days = {"day": self.day, "until": self.until}
        said = {name: each and each.isoformat() for name, each in days.items()}
        return vars(self) | said | {"photo": self.photo and vars(self.photo)}


@dataclass(frozen=True)
class PublicResult:
    """An answer. state: something is likely, or worth a look; or too many are alike for one to
    stand out; or it is most likely not here yet. matches: at most MATCHES that are worth a look,
    the best first. complete: all was looked at; else nothing is likely, and nothing not here.
    """

    state: State
    matches: tuple[PublicMatch, ...]
    question: Asking | None
    complete: bool = True

    def to_dict(self) -> dict[str, object]:
        return {
            "state": self.state,
            "matches": [match.to_dict() for match in self.matches],
            "complete": self.complete,
            "question": self.question and vars(self.question),
        }


@dataclass(frozen=True)
class Office:
    """Who keeps a thing: told to whoever has said that it may be theirs."""

    name: str
    phone: str


@dataclass(frozen=True)
class Showing:
    """How found things are shown. names: opaque ones of post ids; cover: the addresses of a post's
    first photo, by its id.
    """

    levels: Levels
    names: Names
    cover: Callable[[str], Picture]

    def result(self, result: SearchResult) -> PublicResult:
        """Of a search for found things, whoever asked."""
        found = [match for match in result.matches if match.band in _BANDS]
        shown = tuple(self.match(each) for each in found if is_public(each))[:MATCHES]
        likely = any(match.band == "likely" for match in shown)
        state: State = "likely" if likely else "look" if shown else "unclear"
        if result.nothing and not likely:
            state = "nothing"
        return PublicResult(state, shown, _asked(result.question, shown), result.complete)

    def match(self, match: Match) -> PublicMatch:
        """Raises KeyError for one that is not worth a look, ValueError for no open found post."""
        why = reasons(match, self._level(match))
        # A post with photos is matched by one of them, so no post is looked up for its card.
        return self._shown(match, _BANDS[match.band], why, match.photo is not None)

    def post(self, stored: StoredPost, band: Band, why: tuple[Reason, ...] = ()) -> PublicMatch:
        """A post as it was matched before. Raises ValueError for no open found post."""
        return self._shown(stored.post, band, why, bool(stored.shown))

    def _level(self, of: Match | Post) -> Level:
        return self.levels.level(of.category)

    @staticmethod
    def _title(of: Match | Post, level: Level) -> str:
        if level is Level.SENSITIVE:
            return ""
        return without_place(of.title, of.place) if level is Level.COARSE else of.title

    def _shown(
        self, of: Match | Post, band: Band, why: tuple[Reason, ...], pictured: bool
    ) -> PublicMatch:
        if not is_public(of):
            raise ValueError("no open found post")
        level = self._level(of)
        category = of.category if of.category in CATEGORY.words else ""
        place = of.place if level is Level.OPEN else ""
        first = last = of.happened_on
        if level is not Level.OPEN and first is not None:
            first, last = week(first)
        return PublicMatch(
            band=band,
            category=category,
            title=_text(self._title(of, level)) or category,
            place=_text(place) or district(of.place, of.region),
            day=first,
            until=last,
            photo=self.cover(of.post_id) if pictured and level is Level.OPEN else None,
            reasons=why,
            claim=self.names.seal(of.post_id),
        )


def is_public(of: Match | Post) -> bool:
    """Whether the public may see anything of it: lost posts never, nor what is closed."""
    return of.kind == "found" and of.status == "open"


def office_of(post: Post) -> Office:
    """Of a found post, for who has told interest in it. Numbers of persons are cut."""
    return Office(_text(post.kept_at), _text(post.kept_phone))


def reasons(match: Match, level: Level) -> tuple[Reason, ...]:
    """What speaks for a match and may be said of its level, the weightiest first."""
    if match.contributions:
        added = {n: x for n, x in match.contributions.items() if x >= TELLING}
        names = sorted(added, key=lambda name: (-added[name], name))
        said = (_reason(name, match.components[name]) for name in names)
    else:  # by cosine, all that is known
        said = (each for each in ("words" if match.matched == "text" else "photo",))
    withheld = {"photo", "words", "identifier"} if level is Level.SENSITIVE else set()
    if level is not Level.OPEN:
        withheld |= {"place"}
    return tuple(dict.fromkeys(each for each in said if each and each not in withheld))


def _reason(name: str, value: float) -> Reason | None:
    if name in _OF_COSINE:
        return _OF_COSINE[name]
    if name == "days":
        return "days" if 0 <= value <= SOON_DAYS else None
    if name == "kilometres":
        return "near" if value <= NEAR_KM else None
    if name == "place" and value < 1:
        return "near"
    return next((each for each in _SAME if each == name and value == 1), None)


def _asked(question: Question | None, shown: Collection[PublicMatch]) -> Asking | None:
    """A question whose answers give nothing away: words of lists, and places that cards have."""
    if question is None:
        return None
    fact = question.fact
    if fact == "happened_on":
        return Asking("day")
    if fact == "place":
        told: Collection[str] = [match.place for match in shown]
        named: FactName = "place"
    elif fact in ("category", "colour", "region"):
        # One of three names, which a type checker does not see by the condition.
        told, named = OF_FACTS[fact].words, fact  # type: ignore[assignment]
    else:
        return None
    answers = tuple(each for each in question.answers if each in told)[:ANSWERS]
    return Asking(named, answers) if answers else None


def _text(text: str) -> str:
    """Without a person's numbers and addresses, and no longer than a card has room for."""
    said = " ".join(public(text).split())
    return said if len(said) <= MAX_TITLE else f"{said[: MAX_TITLE - 1].rstrip()}…"
