"""The HTTP API: what pages do, as JSON, with a description."""

import base64
import binascii
import datetime as dt
import json
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from fastapi.params import Depends as Dependency
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from matching_spark.domain.posts import Filters, Kind, Post, Status
from matching_spark.domain.results import Match
from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.events import Verdict
from matching_spark.journal.posts import StoredPost
from matching_spark.search.query import Query
from matching_spark.service.guards.limits import idempotency_key
from matching_spark.service.pages.contexts import FactName
from matching_spark.service.people.finding import Form
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.routes.office_routes import asker_of
from matching_spark.service.running import Service

MOST = 1000  # matches that a cursor goes through
PAGE = 20
Text = Annotated[str, Field(max_length=20_000)]
Word = Annotated[str, Field(max_length=200)]
Photo = Annotated[
    str,
    Field(max_length=70_000_000, description="the bytes of a photo of any kind, in base64"),
]
Id = Annotated[str, Field(min_length=1, max_length=512)]


class Body(BaseModel):
    """No other names than these."""

    model_config = ConfigDict(extra="forbid")


class Facts(Body):
    """What is known of a thing."""

    category: Word = ""
    colour: Word = ""
    region: Word = ""
    place: Word = ""
    happened_on: dt.date | None = None


class Asked(Facts):
    """What a person asks. asked: of an answer before, in place of its photo."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"words": "어제 강남역에서 검정 지갑"}]},
    )
    words: Text = ""
    photo: Photo | None = None
    asked: Word = ""
    skip: list[FactName] = []


class OfficeAsked(Facts):
    """What the office asks: words and a photo, or a post, or a vector. The facts are evidence; what
    has `only_` before it is a filter."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"words": "검정 지갑", "kind": "found", "limit": 20}]},
    )
    words: Text = ""
    photo: Photo | None = None
    post: Id | None = None
    vector: list[float] | None = Field(default=None, max_length=8192)
    kind: Kind = "found"
    status: Status | None = "open"
    only_category: Word = ""
    only_colour: Word = ""
    only_region: Word = ""
    since: dt.date | None = None
    until: dt.date | None = None
    limit: int = Field(default=PAGE, ge=1, le=100)
    cursor: Word = Field(default="", description="of the answer before, for what comes next")


class New(Facts):
    """A post."""

    model_config = ConfigDict(
        extra="forbid",
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
        },
    )
    kind: Kind = "found"
    title: Text = ""
    description: Text = ""
    kept_at: Word = ""
    kept_phone: Word = ""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    photos: list[Photo] = Field(default=[], max_length=20)


class Change(Body):
    """Fields of a post that get another value. sequence: of the post that was read."""

    sequence: int | None = None
    category: Word | None = None
    colour: Word | None = None
    region: Word | None = None
    place: Word | None = None
    happened_on: dt.date | None = None
    title: Text | None = None
    description: Text | None = None
    kept_at: Word | None = None
    kept_phone: Word | None = None


class Closing(Body):
    status: Literal["claimed", "withdrawn", "expired"]


class Decided(Body):
    lost_id: Id
    found_id: Id
    verdict: Verdict


def api_routes(of: Service) -> APIRouter:
    """/api: for anybody; /api/office: for who is signed in."""
    out = APIRouter(prefix="/api")
    searching, uploading = of.guards.work("search"), of.guards.work("upload")
    free: list[Dependency] = []
    out.add_api_route(
        "/search",
        _Public(of).search,
        methods=["POST"],
        dependencies=searching,
        response_model=dict[str, Any],
        summary="Found things that may be what was lost, as the public may see them",
    )
    office = _Office(of)
    inside = APIRouter(
        prefix="/office", dependencies=[Depends(of.guards.door.office)], tags=["office"]
    )
    for path, method, act, more in (
        ("/search", "POST", office.search, searching),
        ("/posts", "POST", office.add, uploading),
        ("/posts/{post_id:path}/close", "POST", office.close, free),
        ("/posts/{post_id:path}", "GET", office.post, free),
        ("/posts/{post_id:path}", "PATCH", office.edit, free),
        ("/posts/{post_id:path}", "DELETE", office.erase, free),
        ("/matches", "GET", office.matches, free),
        ("/decisions", "POST", office.decide, free),
    ):
        inside.add_api_route(path, act, methods=[method], dependencies=more)
    out.include_router(inside)
    return out


class _Public:
    def __init__(self, of: Service) -> None:
        self._of = of

    def search(self, asked: Asked, request: Request) -> JSONResponse:
        """At most ten, in two bands: likely, and worth a look. state: the same of the whole answer,
        or unclear, or nothing.

        complete: false where the time that a search may take was over before all things were
        compared: then `said` says so, nothing is called likely, and nothing not here.
        """
        day = "" if asked.happened_on is None else asked.happened_on.isoformat()
        facts = (asked.category, asked.colour, asked.region, asked.place, day)
        form = Form(asked.words, *facts, asked.asked, skip=asked.skip)
        kept, name, answer = self._of.finder.answer(form, _seen(self._of, asked.photo, keep=False))
        told = {**vars(kept.told), "day": kept.told.day and kept.told.day.isoformat()}
        understood = {k: v for k, v in told.items() if k != "words" and v}
        said = {"asked": name, "understood": understood, **answer.to_dict()}
        if not answer.complete:
            said["said"] = self._of.say(request, "result.why cut short")
        # As it is: to have it looked through once more took a tenth of all that HTTP takes.
        return JSONResponse(said)


class _Office:
    def __init__(self, of: Service) -> None:
        self._of = of

    def search(self, asked: OfficeAsked, request: Request) -> dict[str, Any]:
        """Posts with their scores and why. cursor: what comes after, of the same question.

        complete: false where the time that a search may take was over before all posts were
        compared: then `said` says so, no probability is given, and no cursor.
        """
        photo = _seen(self._of, asked.photo, keep=False)
        query = Query(
            None if photo is None else photo.vector,
            asked.words or None,
            None if asked.vector is None else np.array(asked.vector, np.float32),
            asked.post,
            category=asked.category,
            colour=asked.colour,
            region=asked.region,
            place=asked.place,
            happened_on=asked.happened_on,
            kind="found" if asked.kind == "lost" else "lost",
        )
        where = Filters(
            asked.kind,
            asked.only_category or None,
            asked.only_colour or None,
            asked.only_region or None,
            asked.since,
            asked.until,
            asked.status,
        )
        after = _opened(asked.cursor)
        depth = asked.limit + 1 if after is None else MOST
        result = self._of.desk.search(query, where, depth, self._of.office_deadline)
        left = [m for m in result.matches if after is None or (-m.score, m.post_id) > after]
        shown = left[: asked.limit]
        said = replace(result, matches=tuple(shown)).to_dict()
        more = len(left) > len(shown) and result.complete
        said |= {"cursor": _cursor(shown[-1], result.snapshot) if more else ""}
        return (
            said if result.complete else said | {"said": self._of.say(request, "search.cut short")}
        )

    def add(self, new: New, request: Request, answer: Response) -> dict[str, Any]:
        """Register a post; it is kept and found when this answers."""
        values = new.model_dump(exclude={"photos", "kind"})
        photos = [
            seen for each in new.photos if (seen := _seen(self._of, each, keep=True)) is not None
        ]
        post = Post("", new.kind, **values)
        stored = self._of.desk.add(post, photos, asker_of(request).who, idempotency_key(request))
        answer.status_code = 201
        answer.headers["Location"] = f"/api/office/posts/{stored.post.post_id}"
        return self._told(stored)

    def post(self, post_id: str) -> dict[str, Any]:
        stored = self._of.desk.post(post_id)
        if stored is None:
            raise NotFoundError(f"there is no post {post_id!r}")
        return self._told(stored)

    def edit(self, post_id: str, change: Change, request: Request) -> dict[str, Any]:
        """Change the fields that are named; the others stay."""
        values = change.model_dump(exclude_unset=True, exclude={"sequence"})
        nulls = {n: "" for n, v in values.items() if v is None and n != "happened_on"}
        stored = self._of.desk.edit(
            post_id,
            values | nulls,
            asker_of(request).who,
            idempotency_key(request),
            change.sequence,
        )
        return self._told(stored)

    def close(self, post_id: str, closing: Closing, request: Request) -> dict[str, Any]:
        """It is found no longer."""
        who, key = asker_of(request).who, idempotency_key(request)
        return self._told(self._of.desk.end(post_id, closing.status, who, key))

    def erase(self, post_id: str, request: Request) -> Response:
        """It is gone from the journal at once, from the table with the next merge."""
        self._of.desk.forget(post_id, asker_of(request).who, idempotency_key(request))
        return Response(status_code=204)

    def matches(self, limit: int = PAGE, cursor: str = "") -> dict[str, Any]:
        """Pairs that nobody has decided, the likeliest first."""
        queue = self._of.review.queue()
        at = int(cursor) if cursor.isdecimal() and len(cursor) < 9 else 0
        shown = queue[at : at + max(1, min(limit, 100))]
        end = at + len(shown)
        return {
            "matches": [{"lost_id": lost, "found_id": found} for lost, found in shown],
            "cursor": str(end) if end < len(queue) else "",
        }

    def decide(self, said: Decided, request: Request) -> dict[str, Any]:
        """Keep what is said of a pair."""
        who, key = asker_of(request).who, idempotency_key(request)
        self._of.desk.decide(said.lost_id, said.found_id, said.verdict, who, key)
        return said.model_dump()

    def _told(self, stored: StoredPost) -> dict[str, Any]:
        fields = {k: v for k, v in vars(stored.post).items() if k not in _INSIDE}
        photos = [vars(self._of.address(stored.post.post_id, i)) for i in range(len(stored.shown))]
        return fields | {
            "source": stored.source,
            "sequence": stored.sequence,
            "updated_at": stored.updated_at,
            "photos": photos,
        }


_INSIDE = ("photos", "placeholders", "read_from", "identifiers", "numbers", "given")


def _seen(of: Service, photo: str | None, keep: bool) -> SeenPhoto | None:
    if photo is None:
        return None
    try:
        return of.seen(base64.b64decode(photo, validate=True), keep)
    except (binascii.Error, ValueError):
        raise InputError("the photo is no base64", argument="photo") from None


def _cursor(last: Match, snapshot: str | None) -> str:
    """After which match the next ones begin."""
    said = json.dumps([last.score, last.post_id, snapshot]).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _opened(cursor: str) -> tuple[float, str] | None:
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        score, post_id, _ = json.loads(raw)
        return -float(score), str(post_id)
    except (ValueError, TypeError, binascii.Error):
        raise InputError("this cursor is of no answer here", argument="cursor") from None
