"""How much one may ask: rates by address and account, so much at once, and keys of writes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from matching_spark.service.guards.limits import Addresses, Buckets, Gate, Limits, idempotency_key
from matching_spark.service.guards.problems import Refused
from matching_spark.setting_groups import Service
from tests.support.guarded import HERE, NAME, PASSWORD, Guarded, guarded, token_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path) as made:
        yield made


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
    buckets.refund("900")  # the one that asked longest ago
    buckets.spend("900")
    buckets.spend("0")
    with pytest.raises(Refused):
        buckets.spend("900")
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


async def test_so_many_search_at_once_and_as_many_more_wait() -> None:
    admitted = Limits(Service(searches_at_once=1)).work("search")
    runs, waits, late = (admitted(Request(scope("192.0.2.9"))) for _ in range(3))
    await anext(runs)
    waiting = asyncio.create_task(anext(waits))
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="busy"):
        await anext(late)
    await runs.aclose()
    await waiting
    await waits.aclose()


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
