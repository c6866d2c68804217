"""The fields of the office's forms, as posts and searches have them."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from matching_spark.domain.posts import KINDS, STATUSES
from matching_spark.journal.events import VERDICTS
from matching_spark.service.guards.fields import (
    LISTS,
    Said,
    WrongField,
    changed_since,
    day_of,
    kept_day,
    kept_word,
    lost_on_of,
    seen_of,
    word_of,
)
from matching_spark.service.pages.office_contexts import Differing, Thing, Undo, Wanted

TEXTS = ("title", "place", "description", "kept_at", "kept_phone")
FIELDS = ("title", *LISTS, "place", "day", "description", "kept_at", "kept_phone")  # as they stand


def values_of(fields: Said) -> dict[str, Any]:
    """The fields of a post's form, as Post has them. Raises WrongField."""
    values: dict[str, Any] = {name: fields[name].strip() for name in TEXTS}
    for name in LISTS:
        values[name] = word_of(name, fields[name])
    values["happened_on"] = lost_on_of("day", fields["day"])
    return values


def values_in(of: Thing) -> dict[str, Any]:
    """As values_of, of a form that was read already."""
    values: dict[str, Any] = {name: getattr(of, name).strip() for name in TEXTS}
    return values | {n: getattr(of, n) for n in LISTS} | {"happened_on": of.day}


def thing_said(fields: Said, of: Thing) -> Thing:
    """The thing as its form was filled in, wrong values left out."""
    values: dict[str, Any] = {name: fields[name] for name in TEXTS}
    for name in LISTS:
        values[name] = kept_word(name, fields[name])
    return replace(of, day=kept_day("day", fields["day"]), **values)


def differing(now: Thing, typed: Thing) -> tuple[Differing, ...]:
    """The fields of a form that say something else than what is saved."""
    other = changed_since(seen_by(now), in_form(typed))
    return tuple(Differing(n, getattr(now, n), getattr(typed, n)) for n in FIELDS if n in other)


def in_form(of: Thing) -> dict[str, object]:
    """A thing's fields as its form has them."""
    return {name: getattr(of, name) for name in FIELDS}


def seen_by(of: Thing) -> str:
    """`seen` of the form of a thing (fields.seen_of)."""
    return seen_of(in_form(of))


def merged(now: Thing, typed: Thing, seen: str) -> tuple[Thing, tuple[Differing, ...]]:
    """What was typed into a form that is of an earlier state, with what is saved now in the fields
    that only others have changed; and the fields that both have, which say what was typed.

    seen: the form's; without it all that differs may be of both.
    """
    theirs, own = (changed_since(seen, in_form(each)) for each in (now, typed))
    taken: dict[str, Any] = {name: getattr(now, name) for name in theirs - own}
    both = tuple(each for each in differing(now, typed) if each.name in theirs & own)
    return replace(typed, **taken), both


def wanted_of(fields: Said) -> Wanted:
    """What a search's form asks for. Raises WrongField."""
    wanted = _wanted(fields, word_of, day_of)
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise WrongField("until", "order")
    return wanted


def wanted_said(fields: Said) -> Wanted:
    """The form as it was filled in, wrong values left out."""
    return _wanted(fields, kept_word, kept_day)


def _wanted(
    fields: Said, word: Callable[[str, str], str], day: Callable[[str, str], dt.date | None]
) -> Wanted:
    kind: Any = next((each for each in KINDS if each == fields["kind"]), "found")
    status: Any = next((each for each in STATUSES if each == fields["status"]), "")
    lists = {name: word(name, fields[name]) for name in LISTS}
    return Wanted(
        words=" ".join(fields["words"].split()),
        kind=kind,
        status=status,
        since=day("since", fields["since"]),
        until=day("until", fields["until"]),
        **lists,
    )


def number(said: str) -> int | None:
    return int(said) if said.isdecimal() and len(said) < 18 else None


def undo_of(of: str, said: str, was: str) -> Undo | None:
    """What puts a decision back. of: the pair's ids, a NUL between."""
    ids = of.split("\0")
    now, before = (next((v for v in VERDICTS if v == each), None) for each in (said, was))
    if len(ids) != 2 or now is None or before is None:
        return None
    return Undo(lost_id=ids[0], found_id=ids[1], said=now, verdict=before)
