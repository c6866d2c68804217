"""The realistic world: what is lost and found, and how people tell of it, before a photo is drawn.

A thing exists once. Its loss and its find are told by two people, each with the troubles of
demo.troubles; a share of what is lost is never found. Same seed, same world.

How alike things are follows from the troubles: a thing of a common model has the look of all others
of that model, any other one a shade, a shape and perhaps a mark of its own. No photo is in two
posts, but where one find is posted twice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from matching_spark.demo.draw import Item, Size, photo
from matching_spark.demo.items import coloured, kind
from matching_spark.demo.serials import a_number, misread
from matching_spark.demo.sites import Site, a_region, a_site, by_rank, off, weighted
from matching_spark.demo.troubles import (
    COLOURS,
    NEIGHBOUR_CATEGORIES,
    NEIGHBOUR_COLOURS,
    SHARES,
    Telling,
    Troubles,
)
from matching_spark.demo.words import (
    COLOUR_WORDS,
    DETAILS,
    FOUND_TEXTS,
    FOUND_TITLES,
    LOST_TEXTS,
    LOST_TITLES,
    PLACES,
    Thing,
)
from matching_spark.domain.points import Point
from matching_spark.domain.posts import Kind, Post
from matching_spark.domain.vocabulary import VAGUE
from matching_spark.errors import UsageError
from matching_spark.evaluation.labelled import NOT_HERE, Truth

LAST_DAY = dt.date(2026, 11, 20)  # fixed, so that a seed gives the same bytes on any day
KEPT_DAYS = 180  # how far back finds go: six months, then they are the finder's (민법 253조)
WORD_OF_COLOUR = 0.8  # of texts: they say the colour. Assumed.


class Shooting(Protocol):
    """A photo that can be had in any process; equal ones are the same photo."""

    def draw(self, size: Size) -> bytes:
        """A JPEG."""
        ...


@dataclass(frozen=True)
class Shot:
    """A photo that is drawn to the same bytes at any time."""

    item: Item
    seed: int
    poor: bool

    def draw(self, size: Size) -> bytes:
        return photo(self.item, np.random.default_rng(self.seed), size, self.poor)


@dataclass(frozen=True)
class Told:
    """A post without its photos, and the photos. placeholder: it has the portal's picture."""

    post: Post
    shots: tuple[Shooting, ...] = ()
    placeholder: bool = False


@dataclass(frozen=True)
class Dealt:
    """truth: as evaluation.labelled has it; of every lost post."""

    lost: tuple[Told, ...]
    found: tuple[Told, ...]
    truth: Truth


@dataclass(frozen=True)
class _Case:
    """A thing, where and when it was lost, where and when it was handed in."""

    thing: Thing
    item: Item
    lost_at: Site
    lost_on: dt.date
    found_at: Site
    found_on: dt.date


def deal(seed: int, found: int, lost: int, rates: Troubles = Troubles()) -> Dealt:  # noqa: B008
    """`found` posts of finds and `lost` ones of losses.

    Raises UsageError when more of the lost things are to be there than are found.
    """
    rng = np.random.default_rng([seed, 2])
    posted = 1 + (rng.random(found) < rates.twice)
    things = int(np.searchsorted(np.cumsum(posted), found)) + 1
    here = round(lost * rates.here)
    if here > things:
        raise UsageError(
            f"{here:,} of {lost:,} lost things cannot be among {things:,} found ones: ask for "
            f"fewer lists, at most {int(things / rates.here):,}"
        )
    numbers = iter(rng.permutation(lost))  # so that no id tells what is found
    sought = set(rng.permutation(things)[:here].tolist())
    models = _models(seed, rates)
    losses: list[Told] = []
    finds: list[Told] = []
    truth: Truth = {}
    for i in range(things + lost - here):
        own = np.random.default_rng([seed, 3, i])
        case = _case(models, rates, own)
        # Of a generator of their own: all else is drawn as it was before they were.
        more = np.random.default_rng([seed, 5, i])
        number = a_number(case.thing.category, rates.numbered, more)
        mine: list[str] = []
        if i < things:
            for shown in _finds(case, min(int(posted[i]), found - len(finds)), rates, own):
                shown = _also(shown, case.found_at, number, rates.found, more)
                mine.append(f"F{LAST_DAY.year}{seed % 10**6:06d}{len(finds):06d}-1")
                finds.append(replace(shown, post=replace(shown.post, post_id=mine[-1])))
        if i >= things or i in sought:
            lost_id = f"L{LAST_DAY.year}{seed % 10**6:06d}{int(next(numbers)):06d}"
            told = _loss(case, lost_id, rates, own)
            losses.append(_also(told, case.lost_at, number, rates.lost, more))
            truth[lost_id] = dict.fromkeys(mine, True) or {NOT_HERE: False}
    losses.sort(key=lambda told: told.post.post_id)
    return Dealt(tuple(losses), tuple(finds), truth)


def _models(seed: int, rates: Troubles) -> dict[str, list[tuple[Thing, Item]]]:
    """The common models of every popular category, the best-selling one first."""
    rng = np.random.default_rng([seed, 4])
    out: dict[str, list[tuple[Thing, Item]]] = {}
    for category in rates.common:
        out[category] = []
        for _ in range(rates.models):
            thing, vendor = kind({category: 1}, rng)
            out[category].append(
                (thing, coloured(thing.code, vendor, weighted(COLOURS, rng), 0.0, rng))
            )
    return out


def _case(
    models: Mapping[str, Sequence[tuple[Thing, Item]]], rates: Troubles, rng: np.random.Generator
) -> _Case:
    thing, vendor = kind(SHARES, rng)
    if rng.random() < rates.common.get(thing.category, 0):
        of = models[thing.category]
        thing, item = of[by_rank(len(of), 0, rng)]
    else:
        item = coloured(thing.code, vendor, weighted(COLOURS, rng), rates.marked, rng)
    found_on = LAST_DAY - dt.timedelta(days=int(rng.integers(KEPT_DAYS)))
    lay = 0 if rng.random() < rates.same_day else int(rng.geometric(rates.each_day))
    lost_at = found_at = a_site(a_region(rng), rng)
    moved = rng.random()
    if moved < rates.region_away:
        found_at = a_site(a_region(rng, other_than=lost_at.region), rng)
    elif moved < rates.region_away + rates.elsewhere:
        while found_at == lost_at:
            found_at = a_site(lost_at.region, rng)
    return _Case(thing, item, lost_at, found_on - dt.timedelta(days=lay), found_at, found_on)


def _finds(case: _Case, times: int, rates: Troubles, rng: np.random.Generator) -> list[Told]:
    """A find's posts, one for each time that it is posted, without ids."""
    out: list[Told] = []
    for _ in range(times):
        told = _told(case, "found", case.found_at, case.found_on, rates.found, rng)
        if out and rng.random() < rates.twice_same_photo:
            told = replace(told, shots=out[0].shots, placeholder=out[0].placeholder)
        out.append(told)
    return out


def _loss(case: _Case, post_id: str, rates: Troubles, rng: np.random.Generator) -> Told:
    day = case.lost_on
    if rng.random() < rates.misdated:
        off = int(rng.integers(1, rates.misdated_days + 1))
        day += dt.timedelta(days=off if rng.random() < 0.5 else -off)
    told = _told(case, "lost", case.lost_at, day, rates.lost, rng)
    return replace(told, post=replace(told.post, post_id=post_id))


def _also(told: Told, site: Site, number: str, rates: Telling, rng: np.random.Generator) -> Told:
    """With the coordinates of its place and the number of the thing, where they are told."""
    point: Point | None = off(site.point, rates.point_off_km, rng)
    if rng.random() >= rates.point_told or told.post.place in ("", site.region):
        point = None
    said = misread(number, rng) if rng.random() < rates.number_misread else number
    post = replace(
        told.post,
        latitude=point and point[0],
        longitude=point and point[1],
        numbers=(said,) if number and rng.random() < rates.number_told else (),
    )
    return replace(told, post=post)


def _told(
    case: _Case, side: Kind, site: Site, day: dt.date, rates: Telling, rng: np.random.Generator
) -> Told:
    """What one person says of a thing, and shows."""
    colour, told_colour = _colour(case.item.colour, rates, rng)
    category = case.thing.category
    if rng.random() < rates.category_near:
        category = str(rng.choice(NEIGHBOUR_CATEGORIES[category]))
    place = "" if rng.random() < rates.place_unknown else _place(site, rates, rng)
    word = str(rng.choice(COLOUR_WORDS[colour])) if rng.random() < WORD_OF_COLOUR else ""
    name = f"{word} {rng.choice(case.thing.names)}".strip()
    titles, texts = (LOST_TITLES, LOST_TEXTS) if side == "lost" else (FOUND_TITLES, FOUND_TEXTS)
    title, description = (_sentence(each, name, place, rng) for each in (titles, texts))
    more = rng.spawn(1)[0]  # all else is drawn as it was before words were few
    told_so = more.random() - rates.words_few
    if told_so < rates.words_own:
        title = name
        description = "" if told_so < 0 else ", ".join(more.choice(DETAILS, 2, replace=False))
    post = Post(
        post_id="",
        kind=side,
        category=category,
        title=title,
        description=description,
        colour=told_colour,
        region=site.region,
        place=place,
        happened_on=None if rng.random() < rates.day_unknown else day,
        kept_at=str(rng.choice(PLACES[site.region][1])) if side == "found" else "",
        # No exchange begins with 000: the demo's numbers ring nowhere.
        kept_phone=f"02-000-{int(rng.integers(10000)):04d}" if side == "found" else "",
    )
    shown = rng.random() - rates.text_only
    if shown < 0:
        return Told(post)
    if shown < rates.placeholder:
        return Told(post, placeholder=True)
    count = 2 if rng.random() < rates.second_photo else 1
    shots = (
        Shot(case.item, int(rng.integers(2**62)), bool(rng.random() < rates.photo_poor))
        for _ in range(count)
    )
    return Told(post, tuple(shots))


def _colour(true: str, rates: Telling, rng: np.random.Generator) -> tuple[str, str]:
    """What colour a person sees, and what they file it under."""
    seen = true
    if rng.random() < rates.colour_wrong:
        seen = str(rng.choice(NEIGHBOUR_COLOURS[true]))
    filed = rng.random() - rates.colour_missing
    if filed < 0:
        return seen, ""
    return seen, VAGUE if filed < rates.colour_vague else seen


def _place(site: Site, rates: Telling, rng: np.random.Generator) -> str:
    return site.named(rng) if rng.random() < rates.place_renamed else site.name


def _sentence(choices: Sequence[str], name: str, place: str, rng: np.random.Generator) -> str:
    """One of the sentences; of those that name no place where it is not known."""
    open_to = [each for each in choices if place or "{p}" not in each]
    return str(rng.choice(open_to)).format(x=name, p=place)
