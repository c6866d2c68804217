"""How large a request's body may be, and how long it may take to arrive: counted as it comes."""

import asyncio
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matching_spark.service.guards.limits import Limits
from matching_spark.service.guards.problems import API, Refused
from matching_spark.setting_groups import Service

PLAIN_BYTES = 64 << 10  # of what can have no photo: a form's fields
MULTIPART, JSON = b"multipart/form-data", b"application/json"


class Bodies:
    """ASGI middleware: counts the request (Limits.request), then bounds its body.

    What the application makes of a body that was cut off is not sent: the answer is Problems'.
    """

    def __init__(self, app: ASGIApp, limits: Limits, settings: Service) -> None:
        self._app, self._limits = app, limits
        self._bytes, self._seconds = settings.upload_bytes, settings.body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._limits.request(scope)
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").lower()
        coded = kind.startswith(JSON) and scope["path"].startswith(API)  # in base64
        most = self._bytes if coded or kind.startswith(MULTIPART) else PLAIN_BYTES
        said = headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said[:20]) > most:
            raise Refused("too-large" if said.isdigit() else "bad-request")
        body = _Body(receive, send, most, self._seconds)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            if body.refused is None:
                raise
        if body.refused:  # whatever the application made of it
            raise body.refused


class _Body:
    """One request's. refused: why its body was cut off."""

    def __init__(self, receive: Receive, send: Send, most: int, seconds: float) -> None:
        self._receive, self._send = receive, send
        self._left, self._seconds, self._whole = most, seconds, False
        self._until: float | None = None  # counted from when the application first asks for it
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        if self.refused:
            raise self.refused
        if self._whole:  # what comes now is that the client went away
            return await self._receive()
        now = time.monotonic()
        self._until = self._until or now + self._seconds
        try:
            async with asyncio.timeout(self._until - now):
                message = await self._receive()
        except TimeoutError:
            self.refused = Refused("too-slow")
            raise self.refused from None
        self._left -= len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._left < 0:
            self.refused = Refused("too-large")
            raise self.refused
        return message

    async def send(self, message: Message) -> None:
        if self.refused is None:
            await self._send(message)
