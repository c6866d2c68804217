"""HTTP to others, the portal's API and a webhook: timeouts, retries, limits on bytes."""

import ipaddress
import logging
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

from matching_spark.errors import RemoteError, UsageError, extra

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
RETRIED = frozenset([408, 425, 429, 500, 502, 503, 504])
LONGEST_WAIT_S = 60.0
# What a client goes by: ways past proxies and certificates, which may be another machine's.
_HEEDED = re.compile("(?i:(https?|all|no)_proxy)|SSL_CERT_(FILE|DIR)")
# What each client has open: a connection that is used again tells nobody that it is.
_open: "WeakKeyDictionary[httpx.Client, WeakSet[socket.socket]]" = WeakKeyDictionary()


def client(timeout_s: float, url: str = "") -> "httpx.Client":
    """A client that follows no redirect: an address that was allowed must not lead to another.

    url: what it is for; of one of this machine nothing goes to a proxy, which would read it, and
    answer in its place. Raises UsageError for an environment that httpx cannot go by.
    """
    with extra("lost112", "this"):
        import httpx
    # Of the whole process: they log whole addresses, keys and all, whoever asked for DEBUG.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    host = urlsplit(url).hostname or ""
    name = f"[{host}]" if ":" in host else host
    here = {f"all://{name}": None} if is_loopback(host) else {}
    try:
        return httpx.Client(timeout=timeout_s, follow_redirects=False, mounts=here)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        raise UsageError(f"nothing can be asked by HTTP: {error}{heeded()}") from None


def heeded() -> str:
    """To be said of what could not be asked: the variables that are set and that it went by; ''
    for none. An error of theirs names neither them nor the file."""
    said = ", ".join(sorted(filter(_HEEDED.fullmatch, os.environ)))
    return f" (see {said} in the environment)" if said else ""


def is_loopback(host: str) -> bool:
    """Whether it is this machine, by its numbers or as localhost."""
    with suppress(ValueError):  # a name
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def call(
    http: "httpx.Client",
    request: "httpx.Request",
    what: str,
    *,
    tries: int,
    max_bytes: int,
    max_s: float,
    wait: Callable[[float], None] = time.sleep,
) -> tuple[int, bytes]:
    """The status and body of a request, tried again with jittered backoff while it may help.

    what: names it in messages; never the address, whose query may hold a key. max_s: of one try,
    for the whole answer, however slowly it drips; to connect may take the client's own timeout for
    each address of the host. Raises RemoteError when it is not had, or is too large.
    """
    import httpx  # an extra, and half a second

    for attempt in range(1, tries + 1):
        pause = min(LONGEST_WAIT_S, random.uniform(0.5, 1.0) * 2 ** (attempt - 1))
        try:
            status, headers, body = _once(http, request, max_bytes, max_s)
        except (httpx.TransportError, TimeoutError) as error:
            # Its own words may hold the address.
            is_late = isinstance(error, TimeoutError)
            problem = f"no whole answer in {max_s:g} s" if is_late else type(error).__name__
        else:
            if status not in RETRIED:
                return status, body
            problem = f"status {status}"
            asked = headers.get("retry-after", "")
            if asked.isascii() and asked.isdigit():  # ² is a digit too, and no number
                pause = min(LONGEST_WAIT_S, float(asked))
        log.info("%s: %s, try %d of %d", what, problem, attempt, tries)
        if attempt < tries:
            wait(pause)
    raise RemoteError(f"{what} could not be reached: {problem}, {tries} tries; run it again later")


def _once(
    http: "httpx.Client", request: "httpx.Request", max_bytes: int, max_s: float
) -> tuple[int, "httpx.Headers", bytes]:
    request.headers["Accept-Encoding"] = "identity"  # a few bytes may unpack to a gigabyte
    with _Deadline(_open.setdefault(http, WeakSet()), max_s) as deadline:
        request.extensions = {**request.extensions, "trace": deadline.traced}
        response = http.send(request, stream=True)
        try:
            packed = response.headers.get("content-encoding", "identity")
            if packed.lower() != "identity":
                raise RemoteError(f"it answers packed ({packed[:20]}), which was not asked for")
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(f"it answers with more than {max_bytes >> 20} MB")
            return response.status_code, response.headers, bytes(body)
        finally:
            response.close()


class _Deadline:
    """Ends a request's connection when it has taken too long as a whole.

    httpx bounds the wait for each byte, and not their sum: neither of a body nor of headers.
    """

    def __init__(self, sockets: "WeakSet[socket.socket]", max_s: float) -> None:
        self.is_over = False
        self._sockets = sockets
        self._timer = threading.Timer(max_s, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._timer.cancel()
        # Also without an error: an answer that has no length ends where its connection ends.
        if self.is_over and not isinstance(error, RemoteError | KeyboardInterrupt):
            raise TimeoutError from error

    def traced(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore says of its doings: with TLS a connection has a second socket."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._sockets.add(info["return_value"].get_extra_info("socket"))
            if self.is_over:
                self._end()

    def _end(self) -> None:
        self.is_over = True
        for each in list(self._sockets):
            with suppress(OSError):  # it has ended already
                socket.socket.shutdown(each, socket.SHUT_RDWR)


class TooLarge(RemoteError):
    """An answer beyond the limit: trying again would not help."""
