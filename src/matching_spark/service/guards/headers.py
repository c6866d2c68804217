"""What a browser may do with an answer of the service: headers that every answer has, and when
they are all of it.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from fastapi import FastAPI
from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.service.pages.render import CONTENT_SECURITY_POLICY

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Not no-referrer: with it browsers say `Origin: null` of the service's own forms, which could
    # then not be told from others'. No other site is told an address either way.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# Of a photo: a browser that opens one lays it out on a page of its own by styles in that page.
OF_PHOTO = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")  # that a route may take
JSON, HTML = "application/json", "text/html"
HTTPS_ONLY = "max-age=31536000"  # a year, of this host alone


class Headers:
    """ASGI middleware: HEADERS of whatever answer has not set its own (a file that may be kept)."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        """secure: the service is reached by https, and from then on by nothing else."""
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": HTTPS_ONLY} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sent)


class Heads:
    """ASGI middleware: HEAD is answered as GET is. A server sends no body of it (RFC 9110, 9.3.2).
    Monitors and the previews of links ask so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # by which requests are counted


class Targets:
    """ASGI middleware: an address that names its host, as a client sends it to a proxy, is of that
    host, and its path what is asked for (RFC 9112, 3.2.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, rest = scope.get("path", "").partition("://")
        if scheme.lower() in ("http", "https"):
            host, slash, path = rest.partition("/")
            others = [each for each in scope["headers"] if each[0] != b"host"]
            headers = [(b"host", host.encode("latin-1", "replace")), *others]
            scope.update(path=slash + path or "/", headers=headers)
        await self._app(scope, receive, send)


def allowed(app: FastAPI, scope: Scope) -> Iterable[str]:
    """The methods that an address takes, of whichever route: a library tells one route's."""
    for method in METHODS:
        asked = {**scope, "method": "GET" if method == "HEAD" else method}
        if any(each.matches(asked)[0] is Match.FULL for each in app.routes):
            yield method


def method_of(scope: Scope) -> str:
    """A request's method, as it is counted and logged: a stranger's own word is `other`."""
    method: str = scope["method"]
    return method if method in (*METHODS, "OPTIONS") else "other"


def weighed(header: str) -> Iterator[tuple[str, float]]:
    """What an Accept or Accept-Language names, in small letters, and how much it is liked, above 0
    and up to 1 (RFC 9110, 12.4.2)."""
    for part in header[:1000].split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        weight = 1.0
        with suppress(ValueError):
            for each in parameters:
                if each.startswith("q="):
                    weight = float(each[2:])
            if 0 < weight <= 1:
                yield name, weight


def prefers(asked: RequestHeaders) -> str:
    """JSON or HTML, of which an Accept names one, or likes it more; '' where it names neither."""
    named = dict(weighed(",".join(asked.getlist("accept"))))
    json, html = (named.get(each, 0.0) for each in (JSON, HTML))
    return "" if json == html == 0 else JSON if json > html else HTML
