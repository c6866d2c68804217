"""The things of the drawn worlds: which of them exist, and what each looks like."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from matching_spark.demo.draw import SHADES, VENDORS, Item, shade
from matching_spark.demo.words import SHARES, Thing, things
from matching_spark.domain.vocabulary import VAGUE

OWN_COLOURS = 0.08  # share of things that keep their drawing's own


def item(rng: np.random.Generator) -> tuple[Thing, Item]:
    """A thing of any kind, by SHARES, in any colour."""
    thing, vendor = kind(SHARES, rng)
    return thing, any_colour(thing.code, vendor, rng)


def kind(shares: Mapping[str, float], rng: np.random.Generator) -> tuple[Thing, str]:
    """What kind of thing, by the shares of the categories, and whose drawing of it."""
    weights = np.array(list(shares.values()), float)
    category = str(rng.choice(list(shares), p=weights / weights.sum()))
    choices = [thing for thing in things() if thing.category == category]
    thing = choices[int(rng.integers(len(choices)))]
    return thing, str(rng.choice(_vendors(thing.code)))


@cache
def _vendors(code: str) -> tuple[str, ...]:
    drawings = files("matching_spark.demo") / "drawings"
    return tuple(v for v in VENDORS if (drawings / v / f"{code}.svg").is_file())


def any_colour(code: str, vendor: str, rng: np.random.Generator) -> Item:
    """A thing in a colour that is as likely as any other."""
    colour = VAGUE if rng.random() < OWN_COLOURS else str(rng.choice(list(SHADES)))
    return coloured(code, vendor, colour, 0.45, rng)


def coloured(code: str, vendor: str, colour: str, marked: float, rng: np.random.Generator) -> Item:
    """A thing in a colour, with a mark in a share `marked` of all."""
    rgb = (0.5, 0.5, 0.5) if colour == VAGUE else shade(colour, rng)
    mark = None
    if rng.random() < marked:
        sticker = str(rng.choice(["dot", "badge", "band", "star"]))
        x, y = rng.uniform(0.35, 0.65, 2)
        mark = (sticker, float(x), float(y), float(rng.uniform(0.05, 0.10)))
    return Item(
        code,
        vendor,
        colour,
        rgb,
        float(rng.uniform(0, 0.25)),
        float(np.exp(rng.normal(0, 0.08))),
        mark,
    )


def look_alike(of: tuple[Thing, Item], rng: np.random.Generator) -> tuple[Thing, Item]:
    """The same drawing in another colour."""
    thing, one = of
    while (other := any_colour(one.code, one.vendor, rng)).colour == one.colour:
        pass
    return thing, other
