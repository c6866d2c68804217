"""The fields of the office's forms, as posts and searches have them."""

import datetime as dt
from typing import Any

from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import KINDS, STATUSES
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.errors import InputError
from matching_spark.journal.events import VERDICTS
from matching_spark.service.guards.fields import Said
from matching_spark.service.pages.contexts import Thing, Undo, Wanted
from matching_spark.service.people.finding import WrongField

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
    kind: Any = next((each for each in KINDS if each == fields["kind"]), "")
    status: Any = next((each for each in STATUSES if each == fields["status"]), "")
    lists = {name: _word(name, fields[name]) for name in LISTS}
    return Wanted(
        words=" ".join(fields["words"].split()),
        kind=kind,
        status=status,
        since=_day("since", fields["since"]),
        until=_day("until", fields["until"]),
        **lists,
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
    """What puts a decision back. of: the pair's ids, a NUL between."""
    ids = of.split("\0")
    now, before = (next((v for v in VERDICTS if v == each), None) for each in (said, was))
    if len(ids) != 2 or now is None or before is None:
        return None
    return Undo(lost_id=ids[0], found_id=ids[1], said=now, verdict=before)
