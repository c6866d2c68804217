"""A person's search: what a form says, asked of what the public may see, and said in its words."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matching_spark.domain.posts import Post, clean
from matching_spark.knn.similarity import Float32
from matching_spark.search.query import Query
from matching_spark.search.request import Deadline
from matching_spark.service.guards.fields import (
    LISTS,
    Said,
    WrongField,
    kept_day,
    kept_word,
    lost_on_of,
    word_of,
)
from matching_spark.service.pages.contexts import FACTS, FactName, ResultsPage, Told
from matching_spark.service.people.shown import SAID, card, in_words, told_of
from matching_spark.service.posts.asks import Asked, Asks
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.public.matches import MATCHES, PublicResult, Showing

MAX_WORDS, MAX_PLACE = 2000, 200  # characters that are searched by


@dataclass(frozen=True)
class Form:
    """The fields of POST /search, /losses and /mine/edit, as they came; see contexts.ResultsPage,
    and MinePage of `seen`."""

    words: str = ""
    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    day: str = ""
    asked: str = ""
    off: str = ""
    seen: str = ""
    pictured: bool = True  # whether `asked` may have a photo, without which it cannot be gone on
    skip: Sequence[str] = ()

    @classmethod
    def of(cls, said: Said) -> "Form":
        names = ("words", "category", "colour", "region", "place", "day", "asked", "off", "seen")
        values = {name: said[name] for name in names}
        return cls(**values, pictured=said["pictured"] != "no", skip=said.all("skip"))

    def told(self) -> Told:
        """What it says of the thing. Raises WrongField."""
        words = " ".join(clean(self.words).split())
        lists = {name: word_of(name, getattr(self, name)) for name in LISTS}
        day = lost_on_of("day", self.day)
        place = " ".join(clean(self.place).split())
        told = Told(words, place=place, day=day, **lists)
        if self.off == "day":
            return replace(told, day=None)
        empty: dict[str, Any] = {self.off: ""} if self.off in FACTS else {}
        return replace(told, **empty)

    def kept(self) -> Told:
        """What of it can be shown again in a form, whatever is wrong with the rest."""
        category, colour, region = (kept_word(n, getattr(self, n)) for n in LISTS)
        day = kept_day("day", self.day)
        return Told(self.words, category, colour, region, self.place, day)

    @property
    def skipped(self) -> tuple[FactName, ...]:
        """The facts that are not to be asked for."""
        return tuple(each for each in FACTS if each in self.skip)


@dataclass(frozen=True)
class Finder:
    """mail: whether an address can be left with a loss. budget_s: of a search, after which what was
    found so far is its answer.
    """

    desk: Desk
    asks: Asks
    showing: Showing
    mail: bool
    budget_s: float

    def answer(self, form: Form, photo: SeenPhoto | None) -> tuple[Asked, str, PublicResult]:
        """What was asked, with what was understood, the name that it is kept by, what is found.

        photo: None where the form refers to what was asked, or words are all. Raises WrongField
        where there is nothing to search by, and Asks.find's InputError for a photo of too long ago.
        """
        until = Deadline.after(self.budget_s)
        told = short(form.told())
        if form.asked and form.pictured and photo is None:
            photo = self.asks.find(form.asked).photo
        vector = None if photo is None else photo.vector
        query, result = self.desk.public_search(
            query_of(told, vector), understand=not form.asked, until=until
        )
        asked, found = Asked(photo, told_of(query.facts, told.words)), self.showing.result(result)
        if found.question is not None and found.question.fact in form.skip:
            found = replace(found, question=None)
        return asked, self.asks.keep(asked, form.asked), found

    def find(self, form: Form, photo: SeenPhoto | None) -> ResultsPage:
        """The page of an answer. Raises as it."""
        asked, name, answer = self.answer(form, photo)
        cards = {band: [m for m in answer.matches if m.band == band] for band in ("likely", "look")}
        return ResultsPage(
            asked=name,
            told=asked.told,
            photo=asked.photo is not None,
            likely=tuple(map(card, cards["likely"])),
            look=tuple(map(card, cards["look"])),
            nothing=answer.state == "nothing",
            complete=answer.complete,
            full=len(answer.matches) == min(MATCHES, self.desk.settings.similarity.top_k),
            question=answer.question,
            skipped=form.skipped,
            needed=_needed(asked),
            mail=self.mail,
        )

    def loss(self, form: Form, photo: SeenPhoto | None) -> tuple[Post, SeenPhoto | None, str]:
        """What was searched, as a lost post without an id; its photo; and a key that is the same
        for the same loss, so that two presses of a button register one.

        photo: chosen since. Raises as `answer`.
        """
        # Two who have not searched have not lost one thing, though both say the same of it.
        told, asked = short(form.told()), form.asked or secrets.token_urlsafe(16)
        if form.pictured and photo is None:
            photo = self.asks.find(asked).photo
        words = words_of(told, photo is not None)
        post = Post(
            "",
            "lost",
            told.category,
            title=words,
            colour=told.colour,
            place=told.place,
            region=told.region,
            happened_on=told.day,
        )
        key = hashlib.sha256(f"{asked}\0{post}".encode()).hexdigest()[:32]
        return post, photo, f"loss-{key}"


def short(told: Told) -> Told:
    """Raises WrongField for what is longer than what is searched by: nothing of it is left out."""
    for name, most in (("words", MAX_WORDS), ("place", MAX_PLACE)):
        if len(getattr(told, name)) > most:
            raise WrongField(name, "long")
    return told


def words_of(told: Told, pictured: bool) -> str:
    """The words that it is searched by; '' where its photo alone is. Raises WrongField where there
    is neither."""
    words = told.words or in_words(told)
    if not (words or pictured):
        raise WrongField("words", "needed")
    return words


def query_of(told: Told, vector: Float32 | None) -> Query:
    """What was told, and a photo's vector. Raises WrongField where there is nothing to ask."""
    return Query(
        vector,
        words_of(told, vector is not None) or None,
        category=told.category,
        colour=told.colour,
        region=told.region,
        place=told.place,
        happened_on=told.day,
    )


def _needed(asked: Asked) -> tuple[FactName, ...]:
    """The facts without which there would be nothing to search by."""
    said = tuple(name for name in SAID if getattr(asked.told, name))
    return () if asked.photo or asked.told.words or len(said) > 1 else said
