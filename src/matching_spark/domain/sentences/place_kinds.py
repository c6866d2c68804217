"""What tells a place's name apart from what many places are called."""

import re
from functools import cache
from importlib.resources import files

from matching_spark.domain.districts import towns_in_latin
from matching_spark.domain.place_names import REGIONS, well_known
from matching_spark.domain.romanised import kinds, one_word, own

PLACES = frozenset(kinds()) - {"bus", "express", "intercity", "international", "central"}
_OF_A_TOWN = frozenset(["station", "airport", "terminal", "forest", "역", "공항", "터미널"])
# A line and a numbered bus: told apart by it, where the table has it by that name.
_LINE = re.compile(
    r"(?:.* )?(?:\d+호선|line \d+|(?:버스|bus) [a-z]?\d[\d-]*"
    r"|[a-z]?\d[\d-]*번? ?(?:(?:night )?bus|버스))"
)
NUMBERED = re.compile(r"\d+(?:호선|번|번출구|층|호|호차|번째|동|가|st|nd|rd|th|f)?|[a-z]|b\d+")


@cache
def generic() -> frozenset[str]:
    """generic_places.txt, and each kind in English: what many places are called."""
    text = (files("matching_spark.domain.sentences") / "generic_places.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split()) | PLACES


def of_region(word: str) -> bool:
    """Whether it is a region's name, or a town's in Latin letters."""
    return word in REGIONS or is_town(word)


def is_town(run: str) -> bool:
    """Whether it is a town's name in Latin letters, which is a region's."""
    return run in towns_in_latin()


def tells(run: str, whole: bool) -> bool:
    """Whether a word of it is of few places, or a region and its kind together: Busan Station,
    Seoul Children's Museum. A whole name may be of kinds alone: Busan Museum, City Hall Station."""
    words = [word.removesuffix("'s") for word in one_word(run).split()]
    of_kinds = whole and len(words) > 1 and words[-1] in PLACES
    if (whole and run in well_known()) or (of_kinds and words[-1] == "station"):
        return True
    few = (
        word in own()
        if "_" in word
        else len(word) > 1 and word not in generic() | REGIONS and not NUMBERED.fullmatch(word)
        for word in words
    )
    of_a_town = of_kinds or len(words) > 2 or not _OF_A_TOWN.isdisjoint(words)
    return any(few) or (of_a_town and not REGIONS.isdisjoint(words))


def is_line(run: str) -> bool:
    """Whether it is a line or a bus with its number: a place where nothing else is said."""
    return _LINE.fullmatch(run) is not None
