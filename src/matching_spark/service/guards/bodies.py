"""How large a request's body may be, and how long it may take to arrive: counted as it comes."""

import asyncio
import re
import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.service.guards.limits import COME_BACK_S, Limits
from matching_spark.service.guards.problems import Refused
from matching_spark.setting_groups import Service

PLAIN_BYTES = 64 << 10  # of what has no photo in it: JSON, a form's fields
MULTIPART = b"multipart/form-data"
# JSON with a photo in it, in base64, is posted to these, and may be as large as a form with one.
PHOTOS_IN_JSON = ("/api/search", "/api/office/search", "/api/office/posts")
# Commas and brackets of it: a vector has 8,192 numbers, texts have 20,000 characters. Parsed, three
# bytes of JSON become 64 of memory; base64 has none of these.
JSON_PARTS = 100_000
HELD_BYTES = 256 << 20  # of all bodies that are under way: memory, or disk under a form's files
HELD_OF_ONE = HELD_BYTES // 4  # of an address


class Bodies:
    """ASGI middleware: counts the request (Limits.request), then bounds its body.

    What the application makes of a body that was cut off is not sent: the answer is Problems'.
    """

    def __init__(self, app: ASGIApp, limits: Limits, settings: Service) -> None:
        self._app, self._limits, self._settings = app, limits, settings
        self._held: Counter[str] = Counter()  # bytes under way, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._limits.request(scope)
        headers = dict(scope["headers"])
        kinds = [value.lower() for name, value in scope["headers"] if name == b"content-type"]
        multipart = any(kind.startswith(MULTIPART) for kind in kinds)
        if multipart and (len(kinds) > 1 or not _is_utf8(kinds[0])):
            raise Refused("bad-request")
        large = multipart or scope["path"] in PHOTOS_IN_JSON
        most = self._settings.upload_bytes if large else PLAIN_BYTES
        said = headers.get(b"content-length", b"0")
        # Of two lengths a proxy may have read the other: then what is left is another's request.
        if not said.isdigit() or {b"content-length", b"transfer-encoding"} <= headers.keys():
            raise Refused("bad-request")
        if int(said[:20]) > most:
            raise Refused("too-large")
        body = _Body(self._held, self._limits.addresses.of(scope), most, multipart)
        try:
            await self._app(
                scope, body.receiving(receive, self._settings.body_s), body.sending(send)
            )
        except Exception:
            if body.refused is None:
                raise
        finally:
            body.release()
        if body.refused:  # whatever the application made of it
            raise body.refused


def _is_utf8(kind: bytes) -> bool:
    """Whether a form's fields are UTF-8: Python has codecs that take minutes for a field."""
    named = kind.count(b"charset")
    return not named or (
        named == 1 and re.search(rb';\s*charset="?utf-?8"?\s*(;|$)', kind) is not None
    )


class _Body:
    """One request's. refused: why its body was cut off."""

    def __init__(self, held: Counter[str], address: str, most: int, multipart: bool) -> None:
        self._held, self._address, self._most, self._multipart = held, address, most, multipart
        self._bytes = self._parts = 0
        self.refused: Refused | None = None

    def receiving(self, receive: Receive, seconds: float) -> Receive:
        """receive, which raises Refused once the body is too large or too late."""
        until: float | None = None  # counted from when the application first asks for it
        whole = False

        async def received() -> Message:
            nonlocal until, whole
            if self.refused:
                raise self.refused
            if whole:  # what comes now is that the client went away
                return await receive()
            now = time.monotonic()
            until = until or now + seconds
            try:
                async with asyncio.timeout(until - now):
                    message = await receive()
            except TimeoutError:
                self.refused = Refused("too-slow")
                raise self.refused from None
            whole = not message.get("more_body", False)
            if refused := self._count(message.get("body", b"")):
                self.refused = refused
                raise refused
            return message

        return received

    def sending(self, send: Send) -> Send:
        """send, which sends nothing more of an answer to a body that was cut off."""

        async def sent(message: Message) -> None:
            if self.refused is None:
                await send(message)

        return sent

    def release(self) -> None:
        """The request is over."""
        self._held[self._address] -= self._bytes
        if self._held[self._address] <= 0:
            del self._held[self._address]

    def _count(self, piece: bytes) -> Refused | None:
        self._bytes += len(piece)
        self._held[self._address] += len(piece)
        if not self._multipart:
            self._parts += sum(map(piece.count, (b",", b"[", b"{")))
        if self._bytes > self._most or self._parts > JSON_PARTS:
            return Refused("too-large")
        if self._held[self._address] > HELD_OF_ONE or self._held.total() > HELD_BYTES:
            return Refused("busy", retry_after=COME_BACK_S)
        return None
