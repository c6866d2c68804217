"""What the API is sent, field by field: of JSON's own types, and nothing beside it; and how what it
refuses is described.
"""

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from matching_spark.domain.dates import parse_lost_on
from matching_spark.domain.posts import MAX_ID, MAX_TEXT, Kind, Status, clean
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Vocabulary
from matching_spark.errors import InputError
from matching_spark.journal.events import Verdict
from matching_spark.service.guards.problems import MEDIA_TYPE, STATUS
from matching_spark.service.pages.contexts import FactName
from matching_spark.service.people.finding import MAX_WORDS

MOST_AT_ONCE = 100  # of a page of results or pairs
PAGE = 20
_TEXT = {"type": "string"}
_FAULT = {"type": "object", "properties": dict.fromkeys(("detail", "pointer", "parameter"), _TEXT)}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": dict.fromkeys(("title", "detail", "instance"), _TEXT)
    | {
        "type": {"enum": [f"/problems/{kind}" for kind in STATUS]},
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": _FAULT},
    },
}
# Of a route: all that is answered, in place of what it is asked for.
REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457). Of 429 and 503 Retry-After says in how many seconds "
        "to ask again.",
        "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
    }
}
# Of one that writes.
KEYED = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "sent again with it, a write is answered as at first, and done once; "
            "take a UUID",
            "schema": _TEXT | {"minLength": 8, "maxLength": 130},
        }
    ]
}


def _day(said: object) -> dt.date:
    """A number is none, though some read the seconds since 1970 in it."""
    if not isinstance(said, str):
        raise PydanticCustomError("date_type", "no day")
    try:
        return dt.date.fromisoformat(said)
    except ValueError:
        raise PydanticCustomError("date_parsing", "no day") from None


def _lost_on(day: dt.date) -> dt.date:
    try:
        parse_lost_on(day)
    except InputError:
        raise PydanticCustomError("date_parsing", "no day of a loss") from None
    return day


def _listed(of: Vocabulary) -> tuple[AfterValidator, object]:
    """The word of a list that is meant, and how that is told."""

    def word(said: str) -> str:
        try:
            return of.check(said) or ""
        except InputError:
            raise PydanticCustomError("enum", "no word of the list") from None

    told = Field(description=f"one of: {', '.join(of.words)}; or its English name")
    return AfterValidator(word), told


Text = Annotated[str, Field(max_length=MAX_TEXT)]
Word = Annotated[str, Field(max_length=200)]
Photo = Annotated[
    str, Field(max_length=70_000_000, description="the bytes of a photo of any kind, in base64")
]
PostId = Annotated[str, AfterValidator(clean)]  # as posts have it: a Mac names a file otherwise
Id = Annotated[PostId, Field(min_length=1, max_length=MAX_ID)]
Cursor = Annotated[  # of two ids of MAX_ID characters at most
    str, Field(max_length=8192, description="of the answer before, for what comes next")
]
Day = Annotated[dt.date, BeforeValidator(_day)]
LostOn = Annotated[dt.date, BeforeValidator(_day), AfterValidator(_lost_on)]
Category = Annotated[Word, *_listed(CATEGORY)]
Colour = Annotated[Word, *_listed(COLOUR)]
Region = Annotated[Word, *_listed(REGION)]


class Body(BaseModel):
    """No other names than these, and no text that is a number, no number that is true."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Facts(Body):
    """What is known of a thing that is asked for."""

    category: Category = ""
    colour: Colour = ""
    region: Region = ""
    place: Word = ""
    happened_on: LostOn | None = None


class Asked(Facts):
    """What a person asks. asked: of an answer before, in place of its photo."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"words": "어제 강남역에서 검정 지갑"}]}
    )
    words: Annotated[str, Field(max_length=MAX_WORDS)] = ""
    photo: Photo | None = None
    asked: Word = ""
    skip: list[FactName] = []


class OfficeAsked(Facts):
    """What the office asks: words and a photo, or a post, or a vector. The facts are evidence; what
    has `only_` before it is a filter."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"words": "검정 지갑", "kind": "found", "limit": 20}]}
    )
    words: Text = ""
    photo: Photo | None = None
    post: Id | None = None
    vector: list[float] | None = Field(default=None, max_length=8192)
    kind: Kind = "found"
    status: Status | None = "open"
    only_category: Category = ""
    only_colour: Colour = ""
    only_region: Region = ""
    since: Day | None = None
    until: Day | None = None
    limit: int = Field(default=PAGE, ge=1, le=MOST_AT_ONCE)
    cursor: Cursor = ""


class New(Body):
    """A post. A colour and a region that no list has stay as they are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "found",
                    "category": "가방",
                    "title": "검정 백팩",
                    "place": "강남역",
                    "happened_on": "2026-11-25",
                }
            ]
        }
    )
    kind: Kind = "found"
    category: Category = ""
    title: Text = ""
    description: Text = ""
    colour: Word = ""
    region: Word = ""
    place: Word = ""
    happened_on: LostOn | None = None
    kept_at: Word = ""
    kept_phone: Word = ""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    photos: list[Photo] = Field(default=[], max_length=20)


class Change(Body):
    """Fields of a post that get another value. sequence: of the post that was read."""

    sequence: int | None = None
    category: Category | None = None
    colour: Word | None = None
    region: Word | None = None
    place: Word | None = None
    happened_on: LostOn | None = None
    title: Text | None = None
    description: Text | None = None
    kept_at: Word | None = None
    kept_phone: Word | None = None


class Closing(Body):
    status: Status


class Decided(Body):
    lost_id: Id
    found_id: Id
    verdict: Verdict
