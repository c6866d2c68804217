"""HTTP to others: what an answer may cost, whoever gives it; by which way it is asked for."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from matching_spark import http_client
from matching_spark.errors import RemoteError, UsageError
from tests.support.servers import Answer, Asked, serving, talking

MAX_S = 0.2
OK = b"HTTP/1.1 200 OK\r\n"


def call(url: str, *max_s: float) -> tuple[int, bytes]:
    """The last answer of requests by one client, each with its time."""
    with http_client.client(5) as http:
        for each in max_s or (5,):
            request = http.build_request("GET", url)
            done = http_client.call(http, request, "it", tries=1, max_bytes=99, max_s=each)
    return done


def test_an_answer_that_is_packed_or_too_long_is_refused() -> None:
    """33 kB of zstd are 3 GB."""
    asked: list[Asked] = []
    said: list[Answer] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return said[-1]

    with serving(answer) as url:
        for packed in ("gzip", "zstd", "br"):
            said.append(Answer(b"xx", headers={"Content-Encoding": packed}))
            with pytest.raises(RemoteError, match=f"packed .{packed}"):
                call(url)
        said.append(Answer(b"x" * 100))
        with pytest.raises(RemoteError, match="more than"):
            call(url)
        said.append(Answer(b"x" * 99, headers={"Content-Encoding": "identity"}))
        assert call(url, 5, 5) == (200, b"x" * 99)
    assert {each.headers["Accept-Encoding"] for each in asked} == {"identity"}


@pytest.mark.parametrize(
    ("said", "waits"), [("7", [7.0]), ("9" * 400, [60.0]), ("\u00b2", None), ("-1", None)]
)
def test_a_wait_that_is_no_number_is_no_wait_of_theirs(
    said: str, waits: list[float] | None
) -> None:
    """\u00b2 is a digit to Python, and no number: it ended the run."""
    answers = [Answer(b"", 503, {"Retry-After": said}), Answer(b"x")]
    waited: list[float] = []
    with serving(lambda request: answers.pop(0)) as url, http_client.client(5) as http:
        request = http.build_request("GET", url)
        done = http_client.call(
            http, request, "it", tries=2, max_bytes=9, max_s=5, wait=waited.append
        )
    assert done == (200, b"x")
    assert waited == waits if waits else 0.5 <= waited[0] <= 1


def dripping(begin: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return say


def again(connection: socket.socket) -> None:
    """Answers at once, and drips when the same connection asks once more."""
    connection.sendall(OK + b"Content-Length: 1\r\n\r\nx")
    connection.recv(1 << 16)
    dripping(OK + b"X: ", b"x")(connection)


@pytest.mark.parametrize(
    "say",
    [
        dripping(b"", b"H"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(OK + b"X: ", b"x"),
        dripping(OK, b"X: x\r\n"),
        dripping(OK + b"Content-Length: 90\r\n\r\n", b"x"),
        dripping(OK + b"\r\n", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        again,
    ],
    ids=["status", "100", "header", "headers", "body", "endless", "chunks", "again"],
)
def test_what_drips_is_given_up_in_time(say: Callable[[socket.socket], None]) -> None:
    start = time.monotonic()
    with talking(say) as url, pytest.raises(RemoteError, match="no whole answer in"):
        call(url, *((5, MAX_S) if say is again else (MAX_S,)))
    assert MAX_S <= time.monotonic() - start < 3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips_is_given_up_in_time(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the environment names it; of https it is asked for a tunnel first."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with talking(dripping(OK + b"X: ", b"x")) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy)
        start = time.monotonic()
        with pytest.raises(RemoteError, match="no whole answer in"):
            call(f"{scheme}://portal.invalid/", MAX_S)
    assert MAX_S <= time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("all_proxy", "socks5h://me:geheim@127.0.0.1:1"),
        ("ALL_PROXY", "socks://me:geheim@127.0.0.1:1"),
        ("http_proxy", "http://me:geheim@proxy:port"),
        ("NO_PROXY", "[::1],127.0.0.1:99999"),
        ("SSL_CERT_FILE", "/of/another/machine.pem"),
        ("SSL_CERT_FILE", __file__),  # in which there is no certificate
    ],
)
def test_an_environment_that_is_no_way_out_is_named(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a desktop that has a SOCKS proxy: each was a traceback."""
    monkeypatch.setenv(name, said)
    with pytest.raises(UsageError, match=rf"nothing can be asked by HTTP: .*see .*{name}") as told:
        http_client.client(5)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_what_is_for_this_machine_goes_to_no_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert for http://127.0.0.1 was read by the proxy, and taken for received by its answer."""
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return Answer(b"proxy")

    with serving(answer) as proxy, serving(lambda request: Answer(b"here")) as here:
        monkeypatch.setenv("http_proxy", proxy)
        url = here.replace("127.0.0.1", host)
        with http_client.client(5, url) as http, suppress(RemoteError):  # nobody listens by IPv6
            request = http.build_request("POST", url)
            done = http_client.call(http, request, "it", tries=1, max_bytes=99, max_s=5)
            assert done == (200, b"here")
    assert asked == []
