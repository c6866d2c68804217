"""HTTP to others, the portal's API and a webhook: timeouts, retries, limits on bytes."""

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from matching_spark.errors import RemoteError, UsageError

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
RETRIED = frozenset([408, 425, 429, 500, 502, 503, 504])
LONGEST_WAIT_S = 60.0


def client(timeout_s: float) -> "httpx.Client":
    """A client that follows no redirect: an address that was allowed must not lead to another."""
    try:
        import httpx
    except ImportError:
        raise UsageError("this needs httpx: pip install 'matching-spark[lost112]'") from None
    # Of the whole process: they log whole addresses, keys and all, whoever asked for DEBUG.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(timeout=timeout_s, follow_redirects=False)


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

    what: names it in messages; never the address, whose query may hold a key. max_s: for the whole
    answer, however slowly it drips. Raises RemoteError when it is not had, or is too large.
    """
    import httpx  # an extra, and half a second

    for attempt in range(1, tries + 1):
        pause = min(LONGEST_WAIT_S, random.uniform(0.5, 1.0) * 2 ** (attempt - 1))
        try:
            status, headers, body = _once(http, request, max_bytes, max_s)
        except (httpx.TransportError, TimeoutError) as error:
            # Its own words may hold the address.
            problem = type(error).__name__
        else:
            if status not in RETRIED:
                return status, body
            problem = f"status {status}"
            asked = headers.get("retry-after", "")
            if asked.isdigit():
                pause = min(LONGEST_WAIT_S, float(asked))
        log.info("%s: %s, try %d of %d", what, problem, attempt, tries)
        if attempt < tries:
            wait(pause)
    raise RemoteError(f"{what} could not be reached: {problem}, {tries} tries; run it again later")


def _once(
    http: "httpx.Client", request: "httpx.Request", max_bytes: int, max_s: float
) -> tuple[int, "httpx.Headers", bytes]:
    request.headers["Accept-Encoding"] = "identity"  # a few bytes may unpack to a gigabyte
    end = time.monotonic() + max_s
    response = http.send(request, stream=True)
    try:
        packed = response.headers.get("content-encoding", "identity")
        if packed.lower() != "identity":
            raise RemoteError(f"it answers packed ({packed[:20]}), which was not asked for")
        body = bytearray()
        for chunk in response.iter_raw():  # as it comes: a drop of it ends the wait, too
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge(f"it answers with more than {max_bytes >> 20} MB")
            if time.monotonic() > end:
                raise TimeoutError
        return response.status_code, response.headers, bytes(body)
    finally:
        response.close()


class TooLarge(RemoteError):
    """An answer beyond the limit: trying again would not help."""
