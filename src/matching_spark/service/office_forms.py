"""The fields of the office's forms, as posts and searches have them."""

import datetime as dt
from typing import Any, cast

from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import KINDS, STATUSES
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.errors import InputError
from matching_spark.journal.events import VERDICTS, Verdict
from matching_spark.service.contexts import Thing, Undo, Wanted
from matching_spark.service.fields import Said
from matching_spark.service.finding import WrongField

TEXTS = ("title", "place", "description", "kept_at", "kept_phone")
LISTS = ("category", "colour", "region")


def values_of(fields: Said) -> dict[str, Any]:
    """The fields of a post's form, as Post has them. Raises WrongField."""
    values: dict[str, Any] = {name: fields[name].strip() for name in TEXTS}
    for name in LISTS:
        values[name] = _word(name, fields[name])
    values["happened_on"] = _day("day", fields["day"])
    return values


def thing_said(fields: Said) -> Thing:
    """A form as it was filled in, wrong values left out."""
    values: dict[str, Any] = {name: fields[name] for name in TEXTS}
    for name in LISTS:
        values[name] = OF_FACTS[name].find(fields[name]) or ""
    return Thing(**values)


def wanted_of(fields: Said) -> Wanted:
    kind = next((each for each in KINDS if each == fields["kind"]), "")
    status = next((each for each in STATUSES if each == fields["status"]), "")
    return Wanted(
        " ".join(fields["words"].split()),
        cast(Any, kind),
        cast(Any, status),
        *(_word(name, fields[name]) for name in LISTS),
        since=_day("since", fields["since"]),
        until=_day("until", fields["until"]),
    )


def _word(name: str, said: str) -> str:
    word = OF_FACTS[name].find(said) if said.strip() else ""
    if said.strip() and not word:
        raise WrongField(name, "unknown")
    return word or ""


def _day(name: str, said: str) -> dt.date | None:
    try:
        return parse_date(said.strip() or None)
    except InputError:
        raise WrongField(name, "day") from None


def number(said: str) -> int | None:
    return int(said) if said.isdecimal() and len(said) < 18 else None


def undo_of(of: str, said: str, was: str) -> Undo | None:
    ids = of.split("\0")
    if len(ids) != 2 or said not in VERDICTS or was not in VERDICTS:
        return None
    return Undo(*ids, said=cast(Verdict, said), verdict=cast(Verdict, was))
