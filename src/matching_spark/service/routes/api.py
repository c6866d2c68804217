"""The HTTP API: what pages do, as JSON, with a description."""

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi import Query as Parameter
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBearer
from starlette.responses import JSONResponse

from matching_spark.domain.posts import Filters, Post, clean
from matching_spark.domain.results import Match
from matching_spark.errors import InputError
from matching_spark.journal.posts import StoredPost
from matching_spark.layout import named_sha256
from matching_spark.search.query import Query
from matching_spark.service.guards.fields import WrongField
from matching_spark.service.guards.json_bodies import JsonRoute
from matching_spark.service.guards.limits import idempotency_key
from matching_spark.service.guards.problems import Refused
from matching_spark.service.people.finding import Form
from matching_spark.service.posts.seen import SeenPhoto
from matching_spark.service.routes.api_models import (
    KEYED,
    MOST_AT_ONCE,
    PAGE,
    REFUSED,
    Asked,
    Change,
    Closing,
    Cursor,
    Decided,
    New,
    OfficeAsked,
    PostId,
)
from matching_spark.service.routes.office.base import asker_of
from matching_spark.service.running import Service

MOST = 1000  # matches that a cursor goes through
PAIRS = "matches"  # what a cursor of theirs answers
Limit = Annotated[int, Parameter(ge=1, le=MOST_AT_ONCE)]


def api_routes(of: Service) -> APIRouter:
    """/api: for anybody; /api/office: for who is signed in."""
    out = APIRouter(
        responses=REFUSED, route_class=JsonRoute
    )  # each route has its whole path, as OfficeRoutes._router
    searching, uploading = of.guards.work("search"), of.guards.work("upload")
    free: list[Dependency] = []
    out.add_api_route(
        "/api/search",
        _Public(of).search,
        methods=["POST"],
        dependencies=searching,
        response_model=dict[str, Any],
        summary="Found things that may be what was lost, as the public may see them",
    )
    office = _Office(of)
    # The door's is what is asked; the other one describes it.
    signed_in = [Depends(of.guards.door.office), Security(HTTPBearer(auto_error=False))]
    inside = APIRouter(
        prefix="/api/office", dependencies=signed_in, tags=["office"], route_class=JsonRoute
    )
    for path, method, act, more, status in (
        ("/search", "POST", office.search, searching, 200),
        ("/posts", "POST", office.add, uploading, 201),
        ("/posts/{post_id:path}/close", "POST", office.close, free, 200),
        ("/posts/{post_id:path}", "GET", office.post, free, 200),
        ("/posts/{post_id:path}", "PATCH", office.edit, free, 200),
        ("/posts/{post_id:path}", "DELETE", office.erase, free, 204),
        ("/matches", "GET", office.matches, free, 200),
        ("/decisions", "POST", office.decide, free, 200),
    ):
        reads = method == "GET" or act == office.search
        inside.add_api_route(
            *(path, act),
            methods=[method],
            dependencies=more,
            status_code=status,
            openapi_extra=None if reads else KEYED,
        )
    out.include_router(inside)
    return out


def _writer(request: Request) -> tuple[str, str | None]:
    """The account that writes, and its idempotency key. Raises Refused for a condition of HTTP,
    which would not be looked at: `sequence` is one."""
    for name in ("If-Match", "If-Unmodified-Since"):
        if name in request.headers:
            raise Refused("bad-request", field=name)
    return asker_of(request).account, idempotency_key(request)


Writer = Annotated[tuple[str, str | None], Depends(_writer)]


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
        photo = _seen(self._of, asked.photo, "photo", keep=False)
        try:
            kept, name, answer = self._of.finder.answer(form, photo)
        except WrongField as error:
            if error.wrong != "needed":
                raise
            raise Refused("nothing-asked", field="words") from None
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
        """Posts with their scores and why. cursor: what comes after, of the same question, up to
        the thousandth.

        complete: false where the time that a search may take was over before all posts were
        compared: then `said` says so, no probability is given, and no cursor.
        """
        photo = _seen(self._of, asked.photo, "photo", keep=False)
        rests = _rests(asked)
        with _naming(rests):
            query = Query(
                None if photo is None else photo.vector,
                asked.words or None,
                None if asked.vector is None else np.array(asked.vector, np.float64),
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
        question = _question(asked, photo)
        after = _opened(asked.cursor, "body", question, (float, str))
        depth = asked.limit + 1 if after is None else MOST
        with _naming(rests):
            result = self._of.desk.search(query, where, depth, self._of.office_deadline)
        left = [m for m in result.matches if after is None or [-m.score, m.post_id] > after]
        shown = left[: asked.limit]
        said = replace(result, matches=tuple(map(self._shown, shown))).to_dict()
        more = len(left) > len(shown) and result.complete
        last = (-shown[-1].score, shown[-1].post_id) if more else ()
        said |= {"cursor": _cursor(question, *last) if more else ""}
        return (
            said if result.complete else said | {"said": self._of.say(request, "search.cut short")}
        )

    def add(self, new: New, writer: Writer, answer: Response) -> dict[str, Any]:
        """Register a post; it is kept and found when this answers."""
        if (new.latitude is None) != (new.longitude is None):  # half a point would be left out
            raise Refused("invalid", field="latitude" if new.latitude is None else "longitude")
        values = new.model_dump(exclude={"photos", "kind"})
        each = enumerate(new.photos)
        found = [_seen(self._of, photo, f"photos/{at}", keep=True) for at, photo in each]
        photos = [photo for photo in found if photo is not None]
        post = Post("", new.kind, **values)
        stored = self._of.desk.add(post, photos, *writer)
        answer.headers["Location"] = f"/api/office/posts/{stored.post.post_id}"
        return self._told(stored)

    def post(self, post_id: PostId) -> dict[str, Any]:
        return self._told(self._of.desk.known(post_id))

    def edit(self, post_id: PostId, change: Change, writer: Writer) -> dict[str, Any]:
        """Change the fields that are named; the others stay."""
        values = change.model_dump(exclude_unset=True, exclude={"sequence"})
        nulls = {n: "" for n, v in values.items() if v is None and n != "happened_on"}
        return self._told(
            self._of.desk.edit(post_id, values | nulls, *writer, sequence=change.sequence)
        )

    def close(self, post_id: PostId, closing: Closing, writer: Writer) -> dict[str, Any]:
        """It is found no longer; or, as `open`, again. What is closed is opened before it is closed
        as something else; its fields may be changed as they are."""
        return self._told(self._of.set_status(post_id, closing.status, *writer))

    def erase(self, post_id: PostId, writer: Writer) -> None:
        """It is gone from the journal at once, from the table with the next merge."""
        self._of.desk.forget(post_id, *writer)

    def matches(self, limit: Limit = PAGE, cursor: Cursor = "") -> dict[str, Any]:
        """Pairs that nobody has decided and that still can be, the likeliest first. Whoever decides
        them as they come goes on by the cursor, and misses none; one that they were not sure of
        comes again at the end."""
        review = self._of.review
        after = _opened(cursor, "query", PAIRS, (bool, float, str, str))
        keys = (
            ([unsure, score, *pair], pair)
            for unsure, score, pair in review.ranked()
            if after is None or [unsure, score, *pair] > after
        )
        some = list(islice(keys, limit + 1))
        shown = some[:limit]
        return {
            "matches": [{"lost_id": lost, "found_id": found} for _, (lost, found) in shown],
            "cursor": _cursor(PAIRS, *shown[-1][0]) if len(some) > limit else "",
        }

    def decide(self, said: Decided, writer: Writer) -> dict[str, Any]:
        """Keep what is said of a pair."""
        self._of.desk.decide(said.lost_id, said.found_id, said.verdict, *writer)
        return said.model_dump()

    def _shown(self, match: Match) -> Match:
        """With the address of its photo, which a program can open: not where it is kept."""
        sha256 = named_sha256(match.photo)
        stored = self._of.desk.post(match.post_id) if sha256 else None
        if stored is None:
            return replace(match, photo=None)
        pictures = zip(stored.shown, self._of.photo_names.pictures(stored), strict=True)
        return replace(match, photo=next((p.large for sha, p in pictures if sha == sha256), None))

    def _told(self, stored: StoredPost) -> dict[str, Any]:
        fields = {k: v for k, v in vars(stored.post).items() if k not in _INSIDE}
        photos = [vars(each) for each in self._of.photo_names.pictures(stored)]
        return fields | {
            "source": stored.source,
            "sequence": stored.sequence,
            "updated_at": stored.updated_at,
            "photos": photos,
        }


_INSIDE = ("photos", "placeholders", "read_from", "identifiers", "numbers", "given")


def _seen(of: Service, photo: str | None, field: str, keep: bool) -> SeenPhoto | None:
    """field: that it is in, which what is wrong with it names."""
    if photo is None:
        return None
    with _naming(field):
        try:
            data = base64.b64decode(photo, validate=True)
        except ValueError:
            raise InputError("the photo is no base64") from None
        return of.seen(data, keep)


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """What is wrong inside is this field of the body, where nothing else is named."""
    try:
        yield
    except InputError as error:
        error.argument = error.argument or field
        raise


def _rests(asked: OfficeAsked) -> str:
    """The field that a search rests on. Raises Refused where there is none, or two that cannot go
    together."""
    ways = {
        "words": bool(clean(asked.words) or asked.photo),
        "post": asked.post is not None,
        "vector": asked.vector is not None,
    }
    said = [name for name, there in ways.items() if there]
    if not said:
        raise Refused("nothing-asked", field="words")
    if len(said) > 1:
        raise Refused("invalid", field=said[-1])
    return said[0]


def _question(asked: OfficeAsked, photo: SeenPhoto | None) -> str:
    """A few digits of what is asked, without how much of it is told: a cursor is of that alone."""
    said = asked.model_dump(exclude={"cursor", "limit", "photo"})
    told = repr((said, None if photo is None else photo.sha256))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _cursor(question: str, *last: object) -> str:
    """After what the next ones begin. last: what the last one is ordered by."""
    said = json.dumps([question, *last], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _opened(cursor: str, where: str, question: str, kinds: tuple[type, ...]) -> list[Any] | None:
    """What the last one is ordered by, of these types; None without a cursor. where: body or query.
    Raises RequestValidationError for a cursor that no answer to this question has had."""
    if not cursor:
        return None
    with suppress(ValueError, RecursionError):
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        last: list[Any]
        said, *last = json.loads(raw)
        finite = all(math.isfinite(each) for each in last if isinstance(each, float))
        if said == question and tuple(map(type, last)) == kinds and finite:
            return last
    raise RequestValidationError([{"type": "cursor", "loc": (where, "cursor"), "msg": ""}])
