"""Connections that say nothing, say it slowly, do not listen, or are too many."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from matching_spark.errors import StorageError
from matching_spark.service import server
from matching_spark.service.guards import connections
from matching_spark.service.guards.limits import Addresses
from tests.service.conftest import listening
from tests.support.processes import LONG_S

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n"
LARGE = 64 << 20


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body that came, or with a large one; early: before it has come."""
    if scope["path"] == "/busy":
        time.sleep(0.3)  # and nothing is accepted meanwhile
    if scope["path"] in ("/early", "/busy"):
        await PlainTextResponse(b"early")(scope, receive, send)
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    large = scope["path"] == "/large"
    await PlainTextResponse(b"x" * LARGE if large else body)(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    for name in ("HEAD_S", "READ_S"):
        monkeypatch.setattr(connections, name, 1.0)
    monkeypatch.setattr(connections, "OF_AN_ADDRESS", 3)
    with listening(app) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=LONG_S)


def closed(of: socket.socket) -> bool:
    """Whether the service closes it: b'' or a reset, where what it had said was read."""
    try:
        while of.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def test_whoever_says_nothing_or_half_of_it_is_left(port: int) -> None:
    silent, half, second = (connected(port) for _ in range(3))
    half.sendall(HEAD[:20])
    second.sendall(HEAD + b"body")
    assert second.recv(1000).startswith(b"HTTP/1.1 200 OK")
    second.sendall(HEAD[:20])  # of another request, on the same connection
    for each in (silent, half, second):
        assert closed(each)
        each.close()


def test_whoever_goes_on_is_heard_to_the_end(port: int) -> None:
    """Else reading what was answered would not end."""
    with connected(port) as slow:
        slow.sendall(HEAD)
        time.sleep(1.5)  # the body has a time of its own
        slow.sendall(b"body")
        said = b""
        while not said.endswith(b"body"):
            said += slow.recv(1000)


def test_what_comes_after_an_answer_holds_no_connection(port: int) -> None:
    """A part of a body that nobody reads any more, or all of it, and then nothing."""
    part, whole = connected(port), connected(port)
    for each, rest in ((part, b"bo"), (whole, b"body")):
        each.sendall(HEAD.replace(b"/", b"/early", 1))
        while not each.recv(1000).endswith(b"early"):
            pass
        each.sendall(rest)
    for each in (part, whole):
        assert closed(each)
        each.close()


CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_what_is_no_http_is_refused_and_fills_no_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before a request, within its body, after its answer, and a protocol that is not spoken."""
    early = CHUNKED.replace(b"/", b"/early", 1)
    upgrade = HEAD.replace(b"Host", b"Connection: upgrade, close\r\nUpgrade: h2c\r\nHost") + b"body"
    for first, then, status in (
        (b"", b"no HTTP\r\n\r\n", b"400"),
        (CHUNKED, b"-1\r\n", b"400"),
        (early, b"-1\r\n", b"200"),
        (b"", upgrade, b"200"),
    ):
        with connected(port) as odd:
            odd.sendall(first)
            time.sleep(0.1)
            odd.sendall(then)
            assert odd.recv(1000).startswith(b"HTTP/1.1 " + status)
            assert closed(odd)
    assert caplog.records == []


def test_whoever_does_not_listen_is_left(port: int) -> None:
    with connected(port) as deaf:
        deaf.sendall(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
        time.sleep(3)
        heard = 0
        try:
            while data := deaf.recv(1 << 20):
                heard += len(data)
        except ConnectionResetError:
            pass
        assert heard < LARGE


def test_an_address_has_so_many_connections_and_a_proxy_any_number(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [connected(port) for _ in range(3)]
    for each in held:
        each.sendall(HEAD)  # asked, and not yet answered
    time.sleep(0.3)
    with connected(port) as fourth:
        assert closed(fourth)
    monkeypatch.setattr(Addresses, "is_proxy", lambda *_: True)
    with connected(port) as fourth:
        fourth.sendall(HEAD + b"body")
        assert fourth.recv(1000).startswith(b"HTTP/1.1 200 OK")
    for each in held:
        each.close()


def test_who_comes_at_once_does_not_take_all_files(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand were accepted before the first of them was closed: the process had no file left
    for anybody, and a traceback of each stood in the log."""
    most = 0
    made = connections.Patient.connection_made

    def counted(self: connections.Patient, transport: asyncio.Transport) -> None:
        nonlocal most
        made(self, transport)
        most = max(most, len(self.connections))

    monkeypatch.setattr(connections.Patient, "connection_made", counted)
    with connected(port) as busy:
        busy.sendall(HEAD.replace(b"/", b"/busy", 1))
        time.sleep(0.1)
        many = [connected(port) for _ in range(200)]
        assert closed(many[-1])
        for each in many:
            each.close()
    assert 3 <= most < 100


def test_a_signal_does_what_it_did_once_the_listening_is_over() -> None:
    """Between two models nobody listens, and SIGTERM has to end the merger too."""
    before, stop = signal.getsignal(signal.SIGTERM), threading.Event()
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        with socket.create_server(("127.0.0.1", 0)) as bound, server._signals_given_back():  # noqa: SLF001
            serving = server._listening([app], [bound.dup()], Addresses(()), (stop,))  # noqa: SLF001
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
            asyncio.run(serving)
        assert (stop.is_set(), told) == (True, [])
        os.kill(os.getpid(), signal.SIGTERM)
        assert told == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_accepted_sends_at_once() -> None:
    """An answer's body does not wait for its head to be acknowledged (Nagle)."""

    async def accepted() -> int:
        heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            heard.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with server._bound("127.0.0.1", 0, "") as bound:  # noqa: SLF001
            async with await asyncio.start_server(come, sock=bound):
                with connected(bound.getsockname()[1]):
                    return await heard

    assert asyncio.run(accepted())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_none_of_ours_is_no_taken_port(host: str) -> None:
    with (
        pytest.raises(StorageError, match=rf"{host}:0 cannot .*; set service.host to an address"),
        server._bound(host, 0, "service.port"),  # noqa: SLF001
    ):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(StorageError, match=f"{port} cannot .*; set service.port to a free port"),
            server._bound("127.0.0.1", port, "service.port"),  # noqa: SLF001
        ):
            pass
