"""Whether a request that changes something was meant by whoever sends it: cookies, tokens, origins.

A browser sends a site's cookies along with whatever another site made it send. So what is not a
GET is done only where (1) the browser says that it comes from the service's own pages, and (2) it
brings the token that those pages have, which nobody can make from outside. `Forms.check` is the one
place of that rule, a dependency of the whole application. Who brings no cookie but a bearer token
in a header, which no other site can make a browser send, is not asked for either.
"""

import base64
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.errors import StorageError
from matching_spark.service.guards.problems import API, Refused
from matching_spark.service.public.opaque import derived

# Its warnings are of what strangers send, as often as they like.
logging.getLogger("python_multipart").setLevel(logging.ERROR)
SAFE = ("GET", "HEAD", "OPTIONS")
FIELD, HEADER = "csrf", "x-csrf-token"
TOKEN_BYTES = 32  # 256 bits
MAX_FIELDS, MAX_FILES = 64, 32  # of a form
VISITOR_S = 7 * 86_400  # longer than a page lies open on a phone
_FORM = ("multipart/form-data", "application/x-www-form-urlencoded")
# In a request's state: a cookie that its answer sets, the form that it brought.
_NEW, _READ = "matching_spark.new_visitor", "matching_spark.form"


async def form_of(request: Request) -> FormData:
    """The form that a request brings, whose fields and files are not too many. Raises StorageError
    where there is no room for a file."""
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS)
    except OSError as error:
        why = f"no form's file can be held: {error.strerror}; see to the disk of TMPDIR"
        raise StorageError(why) from error
    request.scope.setdefault("state", {})[_READ] = form
    return form


def form_in(request: Request) -> FormData | None:
    """The form that was read of a request, for who answers it after it was refused."""
    form: FormData | None = request.scope.get("state", {}).get(_READ)
    return form


def random_token() -> str:
    """256 random bits that fit in a cookie, a header and an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def origin_of(url: str) -> str:
    """The origin of an address, as a browser says it: scheme, host, and a port that is not the
    scheme's own (RFC 6454). '' where it is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    own = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, own) else "")


def bearer(request: Request) -> str | None:
    """The bearer token of its Authorization header (RFC 6750), else None: another scheme is a
    proxy's before the service."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Cookies:
    """The names of the service's cookies, and how they are set. secure: the service is reached by
    https; the prefix __Host- then keeps other hosts of the domain from setting them (RFC 6265bis).
    """

    secure: bool

    @property
    def session(self) -> str:
        """Of who is signed in."""
        return self._named("session")

    @property
    def visitor(self) -> str:
        """Of who is not, but has seen a form: it says nothing of them."""
        return self._named("visitor")

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def put(self, answer: Response, name: str, value: str, seconds: int | None = None) -> None:
        """seconds: how long the browser keeps it; None: until it is closed."""
        answer.set_cookie(
            name, value, seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


class Forms:
    """Makes and checks the tokens of forms."""

    def __init__(self, key: str, url: str | None) -> None:
        """key: the setting service.key. url: the setting service.url, under which people reach the
        service; None: under the host that they ask, which is loopback's then."""
        self._key = derived(key, "forms", 32)
        self._origin = origin_of(url) if url else None
        self.cookies = Cookies(bool(url and url.startswith("https:")))

    def token(self, request: Request) -> str:
        """What a page's forms carry, in a field `csrf` or the header X-CSRF-Token.

        It goes with the session's cookie, else with the visitor's, which the answer sets where
        there was none (SetsVisitor).
        """
        made = self._expected(request.cookies)
        if made is not None:
            return made
        state = request.scope.setdefault("state", {})
        return self._bound("visitor", state.setdefault(_NEW, random_token()))

    def token_of(self, session: str) -> str:
        """As `token`, of a session that the answer opens."""
        return self._bound("session", session)

    async def check(self, request: Request) -> None:
        """Raises Refused for a request that may not have been meant."""
        if request.method in SAFE or bearer(request) is not None:
            return
        expected = self._expected(request.cookies)
        api = request.url.path.startswith(API)
        self._check_origin(request, needed=expected is not None or not api)
        if expected is None and api:
            return  # no cookie: there is nothing that another site could make use of
        given = await _given(request)
        if expected is None or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused("form-expired")

    def _check_origin(self, request: Request, needed: bool) -> None:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is None and origin is None and not needed:
            return
        if site not in (None, "same-origin", "none"):
            raise Refused("elsewhere")
        if origin is None and site is not None:
            return
        if not origin or origin != (self._origin or _asked(request)):
            raise Refused("elsewhere")

    def _expected(self, cookies: Mapping[str, str]) -> str | None:
        """The token of the cookie that the browser has; None where it has none of ours."""
        for kind, name in (("session", self.cookies.session), ("visitor", self.cookies.visitor)):
            if value := cookies.get(name):
                return self._bound(kind, value)
        return None

    def _bound(self, kind: str, cookie: str) -> str:
        made = hmac.digest(self._key, f"form {kind}\0{cookie}".encode(), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


class SetsVisitor:
    """ASGI middleware: the visitor's cookie of a page whose form was made for a new one."""

    def __init__(self, app: ASGIApp, cookies: Cookies) -> None:
        self._app, self._cookies = app, cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def sent(message: Message) -> None:
            value = state.get(_NEW)
            if message["type"] == "http.response.start" and value:
                carrier = Response()
                self._cookies.put(carrier, self._cookies.visitor, value, VISITOR_S)
                MutableHeaders(scope=message).append("Set-Cookie", carrier.headers["set-cookie"])
            await send(message)

        await self._app(scope, receive, sent)


def _asked(request: Request) -> str:
    """The origin that the request was sent to, where that is loopback's, else '': another name may
    be a stranger's that was made to point here (DNS rebinding)."""
    origin = origin_of(f"{request.url.scheme}://{request.headers.get('host', '')}")
    return origin if urlsplit(origin).hostname in ("127.0.0.1", "::1", "localhost") else ""


async def _given(request: Request) -> str:
    """The token that a request brings; '' where it brings none."""
    if HEADER in request.headers:
        return request.headers[HEADER]
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _FORM:
        return ""
    value = (await form_of(request)).get(FIELD)
    return "" if value is None or isinstance(value, UploadFile) else value
