"""What is known, as the contexts of pages have it: posts as things, matches as cards."""

import datetime as dt
from dataclasses import replace
from typing import get_args

from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import SEOUL, Post
from matching_spark.domain.results import Match
from matching_spark.journal.posts import StoredPost
from matching_spark.score.components import Language
from matching_spark.score.explain import explain
from matching_spark.service.pages.contexts import Card, FactName, Picture, Told
from matching_spark.service.pages.office_contexts import Compared, ComparedName, Thing
from matching_spark.service.pages.words import apart
from matching_spark.service.public.matches import Office, PublicMatch

SAID: tuple[FactName, ...] = ("colour", "category")  # searched by as words, where there are none
COMPARED: tuple[ComparedName, ...] = get_args(ComparedName)


def because(match: Match, language: Language) -> str:
    """What speaks for a match and against it, in a reader's language, where its parts are known."""
    if not match.contributions:
        return match.why
    return explain(match.components, match.contributions, language)


def told_of(facts: Facts, words: str) -> Told:
    """What a form has of a query."""
    return Told(words, facts.category, facts.colour, facts.region, facts.place, facts.happened_on)


def told_of_post(post: Post) -> Told:
    """What its form has. Words that were chosen of lists are told as such, in any language."""
    facts = (post.category, post.colour, post.region, post.place, post.happened_on)
    told = Told(post.text, *facts)
    return replace(told, words="") if told.words == in_words(told) else told


def in_words(told: Told) -> str:
    """What was chosen of lists, as words: a photo and words are not the only way to ask."""
    return " ".join(getattr(told, name) for name in SAID if getattr(told, name))


def card(match: PublicMatch, came: dt.date | None = None, office: Office | None = None) -> Card:
    """A found thing as a person sees it. office: of one that was said to be theirs, maybe."""
    coarse = match.until is not None and match.until != match.day
    return Card(
        category=match.category,
        title="" if match.title == match.category else match.title,
        place=match.place,
        day=match.day,
        until=match.until if coarse else None,
        came=came,
        photo=match.photo,
        why=match.reasons,
        claim=match.claim,
        office=office.name if office else "",
        phone=office.phone if office else "",
    )


def day_of(at: dt.datetime) -> dt.date:
    """In Seoul, where the posts' days are."""
    return at.astimezone(SEOUL).date()


def thing(stored: StoredPost, photos: tuple[Picture, ...], expires: dt.date | None = None) -> Thing:
    """A post as the office sees it."""
    post = stored.post
    return Thing(
        post_id=post.post_id,
        kind=post.kind,
        status=post.status,
        title=post.title,
        category=post.category,
        colour=post.colour,
        region=post.region,
        place=post.place,
        day=post.happened_on,
        description=post.description,
        kept_at=post.kept_at,
        kept_phone=post.kept_phone,
        photos=photos,
        expires=expires,
        source=stored.source,
        sequence=stored.sequence,
        saved=stored.updated_at,
    )


def compared(lost: Post, found: Post, language: Language) -> tuple[Compared, ...]:
    """The facts of a pair, one after the other."""
    out = []
    for name in COMPARED:
        of = "happened_on" if name == "day" else name
        one, other = getattr(lost, of), getattr(found, of)
        if not (one or other):
            continue
        differs = None if not (one and other) else one != other
        note = ""
        if name == "day" and one and other:
            days = (other - one).days
            note = apart(days, language)
        out.append(Compared(name=name, differs=differs, note=note))
    return tuple(out)
