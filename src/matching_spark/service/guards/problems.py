"""What goes wrong when the service is asked: one problem for each error, as JSON (RFC 9457) or page

Problems is the outermost of the application's middleware: every error comes to it, and is answered
in the service's own words (words.txt), never in those of what raised it. What is logged is its
random number, its kind, and where it was raised: no values, which may be personal.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.errors import (
    InputError,
    MatchingError,
    NotFoundError,
    PhotoError,
    StaleError,
    StorageError,
    UsageError,
)
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.guards.headers import HTML, allowed, method_of, prefers, weighed
from matching_spark.service.pages.contexts import ProblemKind
from matching_spark.service.pages.words import say

log = logging.getLogger(__name__)

LIBRARIES = "/site-packages/"  # of their lines only the one that raised is told
MEDIA_TYPE = "application/problem+json"
API = "/api/"  # below it every answer is JSON
LANGUAGE_COOKIE = "lang"
MOST_FAULTS = 20  # of one request that are told
LONGEST_NAME = 64  # characters of a field's name that are told
RETRY_S = 5  # seconds: a database that was busy, a cluster's NameNode that changes
STATUS: Mapping[ProblemKind, int] = {
    "bad-request": 400,
    "invalid": 422,
    "nothing-asked": 422,
    "no-such-method": 405,
    "key-reused": 422,
    "search-over": 422,
    "sign-in": 401,
    "sign-in-failed": 401,
    "form-expired": 403,
    "elsewhere": 403,
    "not-found": 404,
    "gone": 410,
    "conflict": 409,
    "too-large": 413,
    "photo-too-large": 422,
    "photo-unreadable": 422,
    "too-many": 429,
    "too-slow": 408,
    "busy": 503,
    "unavailable": 503,
    "error": 500,
}
_OF_STATUS: Mapping[int, ProblemKind] = {
    401: "sign-in",
    404: "not-found",
    405: "no-such-method",
    408: "too-slow",
    409: "conflict",
    410: "gone",
    413: "too-large",
    422: "invalid",
    429: "too-many",
    503: "busy",
}
_OF_ERRORS: tuple[tuple[type[Exception], ProblemKind], ...] = (
    (NotFoundError, "not-found"),
    (StaleError, "conflict"),
    (InputError, "invalid"),
    (UsageError, "bad-request"),
    (MatchingError, "unavailable"),
    (RequestValidationError, "invalid"),
)
# After which nothing more is read: the rest of a body, or what may be one.
_UNREAD: tuple[ProblemKind, ...] = ("too-large", "too-slow", "bad-request")
_TOO_LARGE = ("too-many-bytes", "too-many-pixels")  # of a photo's reasons
# What pydantic calls an error -> how words.txt has it (problem.value.*).
_VALUES = {
    "missing": "missing",
    "extra_forbidden": "extra",
    "json_invalid": "json",
    "doubled": "twice",
    "string_type": "text",
    "int_type": "whole",
    "int_parsing": "whole",
    "int_from_float": "whole",
    "float_type": "number",
    "float_parsing": "number",
    "finite_number": "number",
    "bool_type": "yes-or-no",
    "bool_parsing": "yes-or-no",
    "date_type": "day",
    "date_parsing": "day",
    "date_from_datetime_parsing": "day",
    "list_type": "list",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
    "literal_error": "choice",
    "enum": "choice",
    "string_too_short": "short",
    "too_short": "short",
    "greater_than": "short",
    "greater_than_equal": "short",
    "string_too_long": "long",
    "too_long": "long",
    "less_than": "long",
    "less_than_equal": "long",
}


class Refused(MatchingError):
    """The service does not do what was asked: one of the kinds of problems.

    retry_after: seconds, where it may be asked again. field: of the form or the body, at fault.
    """

    def __init__(
        self, kind: ProblemKind, *, retry_after: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(kind, argument=field)
        self.kind: ProblemKind = kind
        self.retry_after = retry_after


class CutShort(Exception):
    """An answer that was begun and cannot be finished; its message is the problem's number."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value. pointer: to it in the body's JSON or among the form's fields
    (RFC 6901); '' where it is the parameter, header or cookie that `parameter` names.
    """

    detail: str
    pointer: str = ""
    parameter: str = ""

    def to_dict(self) -> dict[str, str]:
        place = {"pointer": self.pointer} if self.pointer else {"parameter": self.parameter}
        return {"detail": self.detail, **place}


@dataclass(frozen=True)
class Problem:
    """What a client is told. instance: random, and logged. headers: of the answer."""

    kind: ProblemKind
    status: int
    title: str
    detail: str
    instance: str
    faults: tuple[Fault, ...] = ()
    retry_after: int | None = None
    allow: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As RFC 9457 has it."""
        said: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
        }
        if self.faults:
            said["errors"] = [each.to_dict() for each in self.faults]
        return said

    @property
    def headers(self) -> dict[str, str]:
        """What of it is said in headers."""
        said = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            said["Retry-After"] = str(self.retry_after)
        if self.allow is not None:
            said["Allow"] = self.allow
        if self.status == 401:
            said["WWW-Authenticate"] = "Bearer"
        if self.kind in _UNREAD:
            said["Connection"] = "close"
        return said


Page = Callable[[Request, Problem, Language], Response]


def language_of(request: Request) -> Language:
    """The language that was chosen, else the one of the browser's that is known and liked best,
    else Korean."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    liked = [] if chosen in LANGUAGES else _liked(request.headers.get("accept-language", ""))
    for name in (chosen, *liked):
        for language in LANGUAGES:
            if name == language:
                return language
    return LANGUAGES[0]


def problem_of(error: Exception, language: Language) -> Problem:
    """What is told of an error. Its number is a new one each time."""
    kind = _kind(error)
    status = STATUS[kind]
    if isinstance(error, HTTPException) and kind == "bad-request":
        status = error.status_code  # 406, 415 and the like
    what = f"wrong.{error.reason}" if isinstance(error, PhotoError) else f"problem.{kind}.do"
    allow = (getattr(error, "headers", None) or {}).get("Allow") if status == 405 else None
    return Problem(
        kind,
        status,
        say(f"problem.{kind}", language),
        say(what, language),
        uuid4().urn,
        tuple(_faults(error, language)),
        _retry_after(error, kind),
        allow,
    )


class Problems:
    """ASGI middleware that answers every error. page: makes the page of a problem, for browsers
    that asked for one outside the API; None: they get JSON too.
    """

    def __init__(self, app: ASGIApp, page: Page | None = None) -> None:
        self._app, self._page = app, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            log.debug("a client went away")
        except Exception as error:
            request = Request(scope)
            language = language_of(request)
            problem = problem_of(error, language)
            _tell(request, problem, error)
            if begun:
                raise CutShort(problem.instance) from None
            await self._answer(request, problem, language)(scope, receive, send)

    def _answer(self, request: Request, problem: Problem, language: Language) -> Response:
        page = prefers(request.headers) == HTML and not request.url.path.startswith(API)
        if self._page and page:
            answer = self._page(request, problem, language)
            answer.headers.update(problem.headers)
            return answer
        return JSONResponse(
            problem.to_dict(),
            problem.status,
            {**problem.headers, "Content-Language": language},
            MEDIA_TYPE,
        )


def leave_to_problems(app: FastAPI) -> None:
    """FastAPI's own answers to errors, which are in a library's words, are Problems' instead."""

    async def passed_on(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = {"Allow": ", ".join(allowed(app, request.scope))}
        raise error

    for each in (HTTPException, RequestValidationError):
        app.add_exception_handler(each, passed_on)


def _kind(error: Exception) -> ProblemKind:
    match error:
        case Refused():
            return error.kind
        case HTTPException():
            other: ProblemKind = "bad-request" if error.status_code < 500 else "error"
            return _OF_STATUS.get(error.status_code, other)
        case PhotoError():
            return "photo-too-large" if error.reason in _TOO_LARGE else "photo-unreadable"
        case InputError(argument="key"):
            return "key-reused"
        case InputError(argument="asked"):
            return "search-over"
        case UsageError() if not error.argument or "." in error.argument:
            return "error"  # of a setting, or of the service's own code: no client's fault
    return next((kind for of, kind in _OF_ERRORS if isinstance(error, of)), "error")


def _retry_after(error: Exception, kind: ProblemKind) -> int | None:
    if isinstance(error, Refused) and error.retry_after is not None:
        return error.retry_after
    return RETRY_S if STATUS[kind] == 503 else None


def _faults(error: Exception, language: Language) -> Iterable[Fault]:
    if isinstance(error, RequestValidationError):
        for each in error.errors()[:MOST_FAULTS]:
            how = _VALUES.get(each["type"])
            detail = say(f"problem.value.{how}" if how else "problem.value", language)
            where, *path = each["loc"]
            if where == "body":
                yield Fault(detail, pointer=_pointer([] if how == "json" else path))
            else:
                yield Fault(detail, parameter="".join(map(_shown, path[:1])))
    elif isinstance(error, InputError | UsageError | Refused):
        name, detail = error.argument or ".", say("problem.value", language)
        path = name.split("/")  # of one in a list, with its place there
        if path[0].isidentifier() and name != "key":
            yield Fault(detail, pointer=_pointer(path))
        elif "." not in name and name != "key":  # a header
            yield Fault(detail, parameter=name)


def _pointer(path: Sequence[object]) -> str:
    """To a value of the body's JSON, in a fragment (RFC 6901)."""
    return "#" + "".join(f"/{_shown(p).replace('~', '~0').replace('/', '~1')}" for p in path)


def _shown(part: object) -> str:
    return "".join(c for c in str(part)[:LONGEST_NAME] if c.isprintable())


def _tell(request: Request, problem: Problem, error: Exception) -> None:
    """Log it without a value: neither the address that was asked for, which may have some, nor the
    message of an error that is not of the machine's own storage."""
    route = getattr(request.scope.get("route"), "path", "no route")
    method = method_of(request.scope)
    what = f"{problem.instance} {problem.status} {problem.kind}: {method} {route}"
    if problem.status < 500 or isinstance(error, Refused):
        log.info("%s", what)
    elif isinstance(error, StorageError):
        log.error("%s: %s", what, error)
    else:
        log.error("%s: %s", what, where_raised(error))


def where_raised(error: BaseException) -> str:
    """The kinds of an error and of what it came from, with the lines that they were raised on:
    no message, which may quote what a person wrote."""
    out, seen = [], set[int]()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        frames = traceback.extract_tb(at.__traceback__)
        shown = [f for f in frames if f is frames[-1] or LIBRARIES not in f.filename]
        lines = " < ".join(f"{f.filename}:{f.lineno} {f.name}" for f in reversed(shown))
        out.append(f"{type(at).__module__}.{type(at).__qualname__} at {lines}")
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "; from ".join(out)


def _liked(header: str) -> list[str]:
    """The languages of an Accept-Language, the best liked first, without their regions."""
    ordered = sorted(weighed(header), key=lambda each: -each[1])
    return [name.partition("-")[0] for name, _ in ordered]
