"""How much one may ask: bodies by bytes and time, rates by address, so much at once."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from matching_spark.service.guards import bodies
from matching_spark.service.guards.bodies import PHOTOS_IN_JSON, PLAIN_BYTES
from matching_spark.service.guards.limits import Addresses, Buckets, Gate, Limits, idempotency_key
from matching_spark.service.guards.problems import Refused
from matching_spark.setting_groups import Service
from tests.support.guarded import HERE, NAME, PASSWORD, Guarded, guarded, token_of

pytestmark = pytest.mark.anyio
MEBIBYTE = 1 << 20


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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


# -- bodies ------------------------------------------------------------------------------------


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


def test_a_server_closes_on_who_sends_too_much(service: Guarded) -> None:
    """By a socket: the answer comes while the client could go on, and the connection ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    server = uvicorn.Server(uvicorn.Config(service.app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with socket.create_connection((host, port), timeout=20) as client:
            head = f"POST /api/any HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.sendall(head.encode())
            for _ in range(PLAIN_BYTES // 0x4000 + 1):
                client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            heard = b""
            while piece := client.recv(65536):
                heard += piece
        assert heard.startswith(b"HTTP/1.1 413 ")
        assert b"/problems/too-large" in heard
    finally:
        server.should_exit = True
        thread.join()


# -- addresses ---------------------------------------------------------------------------------


def scope(client: str, forwarded: str = "") -> dict[str, Any]:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded.split("|") if each]
    return {"type": "http", "client": (client, 1), "headers": headers}


PROXIES = Limits(Service(proxies=("10.0.0.0/8", "2001:db8:ffff::1"))).addresses


@pytest.mark.parametrize(
    ("client", "forwarded", "who"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("testclient", "", "unknown"),
        # Believed of our proxies alone, from the right.
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66|203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.66, rubbish", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:ffff::1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:ffff::2", "192.0.2.9", "2001:db8:ffff::/64"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", ",".join(["10.0.0.2"] * 9999), "10.0.0.2"),
    ],
)
def test_who_asks_by_address(client: str, forwarded: str, who: str) -> None:
    assert PROXIES.of(scope(client, forwarded)) == who
    if not forwarded:
        assert Addresses(()).of(scope(client)) == who


async def test_an_unknown_proxy_is_told_once(
    service: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    async with service.client() as client:
        for _ in range(3):
            await client.get("/form", headers={"X-Forwarded-For": "192.0.2.9"})
    assert caplog.text.count("service.proxies does not name it") == 1


def test_a_proxy_is_named_by_its_address() -> None:
    with pytest.raises(ValidationError, match=r"names an address as 10\.0\.0\.2"):
        Service(proxies=("proxy.example",))
    with pytest.raises(ValidationError, match="host bits set"):
        Service(proxies=("10.0.0.1/8",))


# -- rates -------------------------------------------------------------------------------------


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30)), max_size=60))
@runs(max_examples=50)
def test_buckets_are_what_a_count_says(asked: list[tuple[str, float]]) -> None:
    """Against a bucket that is filled step by step: 5 at once and 5 in 20 seconds."""
    clock = Seconds()
    buckets, left, at = Buckets(5, 20, clock), dict.fromkeys("ab", 5.0), dict.fromkeys("ab", 1000.0)
    for name, wait in asked:
        clock.now += wait
        left[name] = min(5, left[name] + (clock.now - at[name]) * 5 / 20)
        at[name] = clock.now
        if abs(left[name] - 1) < 1e-6:
            return  # a matter of rounding
        if left[name] >= 1:
            buckets.spend(name)
            left[name] -= 1
        else:
            with pytest.raises(Refused) as refused:
                buckets.spend(name)
            needed = (1 - left[name]) * 20 / 5
            assert needed <= (refused.value.retry_after or 0) + 1e-6 < needed + 1 + 1e-3


def test_buckets_forget_who_asked_longest_ago_and_give_back() -> None:
    buckets = Buckets(1, 60, Seconds(), most=100)
    for number in range(1000):
        buckets.spend(str(number))
    assert len(buckets) == 100
    buckets.spend("0")
    with pytest.raises(Refused):
        buckets.spend("999")
    buckets.refund("999")
    buckets.refund("never asked")
    buckets.spend("999")


async def test_an_address_may_ask_so_much_and_an_account_more(tmp_path: Path) -> None:
    with guarded(tmp_path, requests_a_minute=30, uploads_a_minute=2) as service:
        service.accounts.add(NAME, PASSWORD)

        async def upload(client: httpx.AsyncClient) -> int:
            headers = {"X-CSRF-Token": await token_of(client), "Origin": HERE}
            files = {"photo": ("a.jpg", b"x")}
            return (await client.post("/upload", files=files, headers=headers)).status_code

        async with service.client(client=("2001:db8::1", 1)) as one:
            assert [await upload(one) for _ in range(3)] == [200, 200, 429]
        async with service.client(client=("2001:db8::ffff:2", 1)) as neighbour:
            assert await upload(neighbour) == 429  # of the same /64
            answers = [await neighbour.get("/form") for _ in range(30)]
            assert answers[-1].status_code == 429
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
        async with service.client(client=("2001:db8:0:1::1", 1)) as other:
            assert await upload(other) == 200


async def test_an_account_is_counted_by_itself(tmp_path: Path) -> None:
    service = Limits(Service(searches_a_minute=2), Seconds())

    async def search(asker: object | None) -> None:
        request = Request({**scope("192.0.2.1"), "state": {"asker": asker}})
        async for _ in service.work("search")(request):
            pass

    class Signed:
        account = "account-1"

    class Visitor:
        account = ""

    for _ in range(20):
        await search(Signed())
    for asker in (Visitor(), None):
        await search(asker)
    for over in (Signed(), Visitor(), None):
        with pytest.raises(Refused, match="too-many"):
            await search(over)


# -- so much at once ---------------------------------------------------------------------------


async def test_so_many_run_so_many_wait_and_the_rest_is_told_to_come_back() -> None:
    gate, running, most, refused = Gate(2, 3), 0, 0, 0
    end = asyncio.Event()

    async def work() -> None:
        nonlocal running, most, refused
        try:
            async with gate.enter():
                running += 1
                most = max(most, running)
                try:
                    await end.wait()
                finally:
                    running -= 1
        except Refused as error:
            assert (error.kind, error.retry_after) == ("busy", 2)
            refused += 1

    tasks = [asyncio.create_task(work()) for _ in range(9)]
    await asyncio.sleep(0.01)
    assert (running, refused, gate.inside) == (2, 4, 5)
    tasks[-6].cancel()  # one that waits goes away
    tasks[0].cancel()  # and one that runs
    await asyncio.sleep(0.01)
    end.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (most, gate.inside) == (2, 0)
    async with gate.enter():  # every place is free again
        pass


async def test_nobody_waits_for_ever() -> None:
    gate = Gate(1, 1, wait_s=0.02)
    async with gate.enter():
        with pytest.raises(Refused, match="busy"):
            async with gate.enter():
                raise AssertionError("it ran")
    assert gate.inside == 0


async def test_a_busy_service_says_when_to_come_back(tmp_path: Path) -> None:
    with guarded(tmp_path, uploads_at_once=1) as service:
        admitted = service.guards.limits.work("upload")
        runs, waits = (admitted(Request(scope("192.0.2.9"))) for _ in range(2))
        await anext(runs)
        waiting = asyncio.create_task(anext(waits))
        async with service.client() as client:
            headers = {"X-CSRF-Token": await token_of(client), "Origin": HERE}
            upload = {"photo": ("a.jpg", b"x")}
            answer = await client.post("/upload", files=upload, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["type"] == "/problems/busy"
            await runs.aclose()
            await waiting
            await waits.aclose()
            assert (await client.post("/upload", files=upload, headers=headers)).json() == 1


# -- idempotency keys --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (["8e03978e-40d5-43e8-bc93-6894a57f9324"], "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (['"8e03978e-40d5-43e8-bc93-6894a57f9324"'], "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (["a" * 128], "a" * 128),
        ([], None),
    ],
)
def test_a_key_is_read(said: list[str], key: str | None) -> None:
    assert idempotency_key(keyed(said)) == key


@pytest.mark.parametrize("said", [["a" * 7], ["a" * 129], ["kim@example"], ["a b c d e"], [""],
                                  ["12345678", "12345678"], ['"12345678']])  # fmt: skip
def test_what_is_no_key_is_refused(said: list[str]) -> None:
    with pytest.raises(Refused, match="bad-request"):
        idempotency_key(keyed(said))


def keyed(said: list[str]) -> Request:
    headers = [(b"idempotency-key", each.encode()) for each in said]
    return Request({"type": "http", "headers": headers})
