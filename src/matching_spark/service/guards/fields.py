"""The fields of a form: texts of a bounded length and one photo as they came, and what they say."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from matching_spark.domain.dates import parse_date, parse_lost_on
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.errors import InputError, PhotoError
from matching_spark.service.guards.forms import form_of
from matching_spark.service.guards.problems import Refused
from matching_spark.service.pages.contexts import Wrong

MAX_FIELD = 20_000  # characters: a description is the longest
LISTS = ("category", "colour", "region")  # fields whose words are a vocabulary's


class WrongField(InputError):
    """A field of a form that is to be filled in again."""

    def __init__(self, field: str, wrong: Wrong) -> None:
        super().__init__(f"{field}: {wrong}", argument=field)
        self.field, self.wrong = field, wrong


def wrong_of(error: WrongField | PhotoError) -> dict[str, Wrong]:
    """The field of a form that is at fault, and what is wrong with it."""
    if isinstance(error, WrongField):
        return {error.field: error.wrong}
    return {"photo": error.reason}


def word_of(field: str, said: str) -> str:
    """The vocabulary's word of a field of LISTS; '' where none is said. Raises WrongField."""
    word = OF_FACTS[field].find(said)
    if said.strip() and not word:
        raise WrongField(field, "unknown")
    return word


def day_of(field: str, said: str) -> dt.date | None:
    """Raises WrongField."""
    try:
        return parse_date(said.strip() or None)
    except InputError:
        raise WrongField(field, "day") from None


def lost_on_of(field: str, said: str) -> dt.date | None:
    """As day_of, on which a thing can have been lost or found."""
    try:
        return parse_lost_on(day_of(field, said))
    except InputError:
        raise WrongField(field, "day") from None


def kept_word(field: str, said: str) -> str:
    """The vocabulary's word, to be shown again in a form; '' where it is none."""
    return OF_FACTS[field].find(said)


def kept_day(field: str, said: str) -> dt.date | None:
    """The day, to be shown again in a form; None where it is none."""
    try:
        return day_of(field, said)
    except WrongField:
        return None


def seen_of(values: Mapping[str, object]) -> str:
    """What a form was filled with, to be sent along as its field `seen`: a few digits of each
    value, which tell whether another one is the same."""
    return " ".join(f"{name}={_digits(value)}" for name, value in values.items())


def changed_since(seen: str, values: Mapping[str, object]) -> frozenset[str]:
    """The fields whose values are not those that `seen` is of; all that it does not name."""
    before = dict(part.split("=", 1) for part in seen.split() if "=" in part)
    return frozenset(name for name, value in values.items() if before.get(name) != _digits(value))


def _digits(value: object) -> str:
    """Of a text without what a form's lines change of it; of a day that there is none, as of ''."""
    text = " ".join(str("" if value is None else value).split())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Said:
    """What a form says; a field that it has not is ''."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def __getitem__(self, name: str) -> str:
        """Its lines end as those that are kept. Raises Refused for one that is too long."""
        value = self._data.get(name)
        if not isinstance(value, str):
            return ""
        if len(value) > MAX_FIELD:
            raise Refused("invalid", field=name)
        return value.replace("\r\n", "\n")

    def has(self, name: str) -> bool:
        return name in self._data

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(each for each in self._data.getlist(name) if isinstance(each, str))

    @property
    def photo(self) -> bytes | None:
        """The bytes of the field `photo`; None where none was chosen, whatever its name or type."""
        file = self._data.get("photo")
        if not isinstance(file, UploadFile):
            return None
        data = file.file.read()
        return data if data or file.filename else None


async def _said(request: Request) -> Said:
    return Said(await form_of(request))


Fields = Annotated[Said, Depends(_said)]
