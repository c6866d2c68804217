"""How large a body may be, and how long it may take: counted as it comes."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.requests import Request

from matching_spark.service.guards import bodies
from matching_spark.service.guards.bodies import PHOTOS_IN_JSON, PLAIN_BYTES
from tests.support.guarded import HERE, Guarded, guarded, token_of

pytestmark = pytest.mark.anyio
MEBIBYTE = 1 << 20


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path, upload_bytes=MEBIBYTE) as made:
        yield made


async def in_pieces(total: int, wait_s: float = 0) -> AsyncIterator[bytes]:
    for _ in range(total // 1024):
        await asyncio.sleep(wait_s)
        yield b"x" * 1024
    yield b"x" * (total % 1024)


async def pieces_of(content: bytes) -> AsyncIterator[bytes]:
    half = len(content) // 2
    yield content[:half]
    yield content[half:]


async def any_length(request: Request) -> int:
    return len(await request.body())


async def test_a_body_is_counted_whether_its_length_is_said_or_not(service: Guarded) -> None:
    async with service.client() as client:
        for size, status in ((PLAIN_BYTES, 200), (PLAIN_BYTES + 1, 413), (99 * PLAIN_BYTES, 413)):
            for content in (b"x" * size, in_pieces(size)):
                answer = await client.post("/api/any", content=content)
                assert answer.status_code == status
                if status == 413:
                    assert answer.json()["type"] == "/problems/too-large"
                    assert answer.headers["connection"] == "close"
        # A length that is a lie is one that the server holds to; here the count does.
        lie = {"Content-Length": "1"}
        answer = await client.post("/api/any", content=in_pieces(2 * PLAIN_BYTES), headers=lie)
        assert answer.status_code == 413
        for wrong in ("-1", "1e9", "x"):
            answer = await client.post("/api/any", headers={"Content-Length": wrong})
            assert answer.status_code == 400
        endless = await client.post("/api/any", headers={"Content-Length": "9" * 99})
        assert endless.status_code == 413


async def test_photos_may_be_larger_and_are_counted_too(service: Guarded) -> None:
    async with service.client() as client:
        headers = {"X-CSRF-Token": await token_of(client), "Origin": HERE}

        async def upload(size: int) -> httpx.Response:
            files = {"photo": ("a.jpg", b"x" * size)}
            return await client.post("/upload", files=files, headers=headers)

        assert (await upload(MEBIBYTE - 1024)).json() == MEBIBYTE - 1024
        assert (await upload(MEBIBYTE)).status_code == 413
        # In pieces, where the parser meets the end of what may come.
        multipart = headers | {"Content-Type": "multipart/form-data; boundary=b"}
        start = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'

        async def pieces() -> AsyncIterator[bytes]:
            yield start
            async for each in in_pieces(2 * MEBIBYTE):
                yield each

        answer = await client.post("/upload", content=pieces(), headers=multipart)
        assert answer.json()["type"] == "/problems/too-large"
        # That it is a form of photos does not make JSON larger.
        form = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post("/change", content=b"a" * (PLAIN_BYTES + 1), headers=form)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("charset", "good"),
    [
        *(("; charset=utf-8", True), ('; Charset="UTF-8"', True), ("", True)),
        *(("; charset=punycode", False), ("; charset=utf-16", False), ("; charset*=''idna", False)),
        *(("; charset=utf-8; charset=idna", False), ("; charset*0=utf-8; charset*1=-sig", False)),
    ],
)
async def test_a_form_is_utf8(charset: str, good: bool, service: Guarded) -> None:
    """A codec that the client names would decode it: of punycode a field takes minutes."""
    async with service.client() as client:
        headers = {"X-CSRF-Token": await token_of(client), "Origin": HERE}
        kind = f"multipart/form-data; boundary=b{charset}"
        about = b'Content-Disposition: form-data; name="photo"; filename="a"'
        body = b"--b\r\n" + about + b"\r\n\r\nb\r\n--b--\r\n"
        answer = await client.post(
            "/upload", content=body, headers=headers | {"Content-Type": kind}
        )
        assert (answer.status_code == 200) == good
        if not good:
            assert answer.json()["type"] == "/problems/bad-request"
        twice = [
            *headers.items(),
            ("Content-Type", kind),
            ("Content-Type", "text/plain; charset=idna"),
        ]
        assert (await client.post("/upload", content=body, headers=twice)).status_code == 400


async def test_a_form_that_is_none_is_refused_and_fills_no_log(
    service: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    async with service.client() as client:
        token = {"X-CSRF-Token": await token_of(client), "Origin": HERE}
        headers = token | {"Content-Type": "multipart/form-data; boundary=b"}
        for body in (
            b"no form",
            b"--b no form",
            b'--b\r\nContent-Disposition: "\r\n\r\nx\r\n--b--',
        ):
            assert (await client.post("/upload", content=body, headers=headers)).status_code == 400
    assert [each for each in caplog.records if each.levelname != "INFO"] == []


async def test_a_photo_in_json_may_be_large_but_not_of_many_parts(service: Guarded) -> None:
    """Where one is posted, and nowhere else. 1 MiB of `[],` would be 20 of lists."""
    for path in (*PHOTOS_IN_JSON, "/api/other"):
        service.app.add_api_route(path, any_length, methods=["POST"])
    async with service.client() as client:
        for path in PHOTOS_IN_JSON:
            for content, status in (
                (b'{"photo": "' + b"A" * (MEBIBYTE - 100) + b'"}', 200),
                (b'{"photo": "' + b"A" * MEBIBYTE + b'"}', 413),
                (b"[" + b"[]," * 60_000 + b"0]", 413),
                (b"{" * 110_000, 413),
            ):
                assert (await client.post(path, content=content)).status_code == status
                in_two = pieces_of(content)
                assert (await client.post(path, content=in_two)).status_code == status
        answer = await client.post("/api/other", content=b"A" * (MEBIBYTE - 100))
        assert answer.status_code == 413


async def test_bodies_under_way_are_bounded_together_and_by_address(
    service: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "HELD_BYTES", 100_000)
    monkeypatch.setattr(bodies, "HELD_OF_ONE", 60_000)
    end = asyncio.Event()

    async def halting(size: int) -> AsyncIterator[bytes]:
        yield b"x" * size
        await end.wait()

    async with (
        service.client() as one,
        service.client(client=("192.0.2.2", 1)) as other,
        service.client(client=("192.0.2.3", 1)) as third,
    ):
        tasks = [asyncio.create_task(one.post("/api/any", content=halting(50_000)))]
        await asyncio.sleep(0.02)
        refused = await one.post("/api/any", content=b"x" * 20_000)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        tasks += [asyncio.create_task(other.post("/api/any", content=halting(40_000)))]
        await asyncio.sleep(0.02)
        assert (await third.post("/api/any", content=b"x" * 20_000)).status_code == 503
        assert (await third.post("/api/any", content=b"x" * 5_000)).status_code == 200
        end.set()
        assert [each.status_code for each in await asyncio.gather(*tasks)] == [200, 200]
        assert (await one.post("/api/any", content=b"x" * 50_000)).status_code == 200


async def test_a_slow_body_is_not_waited_for(tmp_path: Path) -> None:
    with guarded(tmp_path, body_s=0.2) as service:
        async with service.client() as client:
            start = time.monotonic()
            answer = await client.post("/api/any", content=in_pieces(60 * 1024, wait_s=0.05))
            assert answer.status_code == 408
            assert answer.json()["type"] == "/problems/too-slow"
            assert time.monotonic() - start < 2


@contextmanager
def connected(service: Guarded) -> Iterator[socket.socket]:
    """To a server of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(service.app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with socket.create_connection(listening.getsockname(), timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def heard(client: socket.socket) -> bytes:
    """All that comes till the connection ends."""
    out = b""
    while piece := client.recv(65536):
        out += piece
    return out


def test_a_server_closes_on_who_sends_too_much(service: Guarded) -> None:
    """By a socket: the answer comes while the client could go on, and the connection ends."""
    with connected(service) as client:
        client.sendall(b"POST /api/any HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(PLAIN_BYTES // 0x4000 + 1):
            client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        answer = heard(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"/problems/too-large" in answer


def test_a_body_of_two_lengths_is_refused_with_all_that_comes_after_it(service: Guarded) -> None:
    """A proxy that heeds the other length has sent it as the body of one person's request: what is
    left of it would be answered to another."""
    lengths = [b"Content-Length: 45\r\n", b"Transfer-Encoding: chunked\r\n"]
    for each in (lengths, lengths[::-1]):
        with connected(service) as client:
            head = b"POST /api/any HTTP/1.1\r\nHost: a\r\n" + b"".join(each)
            client.sendall(head + b"\r\n0\r\n\r\nGET /form HTTP/1.1\r\nHost: a\r\nX: 12345\r\n\r\n")
            answer = heard(client)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
