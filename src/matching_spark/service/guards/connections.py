"""Connections: how long a client may take to say what it asks and to hear it, and how many are
held. What comes after a request's head is bounded by `bodies` and `limits`.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from matching_spark.service.guards.limits import Addresses

# For the head of a request, since the connection was made or since its first byte; and for all that
# comes after an answer, until another head is whole.
HEAD_S = 10.0
READ_S = 60.0  # for a client that hears nothing of its answer to go on
CONNECTIONS = 800  # of all: a process may have 1,024 files open, as systems have it
OF_AN_ADDRESS = 200  # of them; of IPv6, of its /64. A proxy has all

# Accepted together, before the first of them can be closed as one too many; and waiting for it.
AT_ONCE, WAITING = 16, 1024


class _Timer:
    """One that runs once at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, act: Callable[[], None]) -> None:
        """Unless it runs already."""
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, act)

    def end(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Patient(H11Protocol):
    """uvicorn's protocol, whose patience ends. addresses: who is a proxy."""

    def __init__(self, *args: Any, addresses: Addresses, **named: Any) -> None:
        super().__init__(*args, **named)
        self._addresses = addresses
        self._late, self._deaf = _Timer(self.loop), _Timer(self.loop)
        self.address = ""

    # Of TCP alone, as uvicorn has it; a protocol may be of any transport.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self._addresses.of({"client": self.client, "headers": []})
        mine = sum(getattr(each, "address", "") == self.address for each in self.connections)
        many = mine > OF_AN_ADDRESS and not self._addresses.is_proxy(self.client)
        if many or len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._late.start(HEAD_S, transport.close)

    def data_received(self, data: bytes) -> None:
        if self._waits:
            self._late.start(HEAD_S, self.transport.close)
        super().data_received(data)
        if not self._waits:
            self._late.end()

    def send_400_response(self, msg: str) -> None:
        """To what is no HTTP. What it was a part of is answered no more."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # its answer has begun, or is over
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deaf.start(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._deaf.end()
        super().resume_writing()

    def shutdown(self) -> None:
        """What is under way is answered, and its answer says that the connection ends with it."""
        if self.cycle is not None and not self.cycle.response_complete:
            scope = self.cycle.scope  # as if its client had asked for it
            scope["headers"] = [*scope["headers"], CLOSE_HEADER]
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.end()
        self._deaf.end()
        super().connection_lost(exc)

    @property
    def _waits(self) -> bool:
        """Whether what comes next is the head of a request, or the rest of one that was answered
        before all of it had come, which nobody reads."""
        return self.cycle is None or self.cycle.response_complete


class Listening(uvicorn.Server):
    """One of several in a process: signals are the process's."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(WAITING)  # asyncio lets as many wait as it accepts at once

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
