"""Accounts and who is signed in: names, passwords, sessions, tokens, and the command."""

import datetime as dt
import io
import json
import logging
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from matching_spark.cli.app import app as command
from matching_spark.errors import InputError, NotFoundError
from matching_spark.journal.events import PasswordChanged
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import events, sessions
from matching_spark.service.guards import accounts as module
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.limits import FAILURES
from matching_spark.service.guards.sessions import IDLE, Sessions
from matching_spark.service.pages import words
from tests.service.people.losses import Clock
from tests.support.guarded import (
    HERE,
    NAME,
    PASSWORD,
    Counting,
    Guarded,
    guarded,
    sent,
    settings_of,
    signed_in,
    token_of,
)

pytestmark = pytest.mark.anyio
START = dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path) as made:
        made.accounts.add(NAME, PASSWORD)
        yield made


def test_a_name_is_one_persons_however_it_is_typed(service: Guarded) -> None:
    service.accounts.add("Straße", PASSWORD)
    taken = (NAME, f" {NAME} ", unicodedata.normalize("NFD", NAME), "STRASSE", "straße")
    for name in taken:
        with pytest.raises(InputError, match="there is an account"):
            service.accounts.add(name, PASSWORD)
        assert service.accounts.verified(name, PASSWORD)
    for name in ("", " ", "a\nb", "a" * 65, "\u202eab"):
        with pytest.raises(InputError, match="1 to 64 printable"):
            service.accounts.add(name, PASSWORD)
    for password in ("", "eleven char", "x" * 1025):
        with pytest.raises(InputError, match="12 to 1024"):
            service.accounts.add("another", password)
    assert [each.name for each in service.accounts.listed()] == [NAME, "Straße"]


def test_there_are_so_many_accounts_at_most(
    service: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that signs in reads them all."""
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 2)
    service.accounts.add("another", PASSWORD)
    with pytest.raises(InputError, match="there are 2 accounts: remove one"):
        service.accounts.add("a third", PASSWORD)
    service.accounts.remove("another")
    service.accounts.add("a third", PASSWORD)


def test_neither_name_nor_password_nor_hash_nor_token_lies_open(
    service: Guarded, tmp_path: Path
) -> None:
    ((record, content),) = service.journal.accounts()
    assert record.who == "system"
    assert content["hash"].startswith("$argon2id$")
    account = service.accounts.named(NAME).account_id
    opened = [service.sessions.open(account), service.sessions.issue(account, IDLE)[1]]
    bytes_of_it = b"".join(each.read_bytes() for each in (tmp_path / "journal").iterdir())
    for secret in (NAME, PASSWORD, content["hash"], "argon2", *opened):
        assert secret.encode() not in bytes_of_it


def test_another_password_takes_the_place_of_the_one_before(
    service: Guarded, tmp_path: Path
) -> None:
    before = service.accounts.named(NAME)
    ((_, content),) = service.journal.accounts()
    here, there = (service.sessions.open(before.account_id) for _ in range(2))
    _, program = service.sessions.issue(before.account_id, dt.timedelta(days=1))
    other = service.accounts.add("another", PASSWORD)
    others = service.sessions.open(other.account_id)
    with pytest.raises(InputError, match="12 to 1024"):
        service.accounts.change(before, "short")
    assert service.accounts.verified(NAME, PASSWORD) == before
    service.accounts.change(before, "quite another password", stays=here)
    assert service.accounts.verified(NAME, PASSWORD) is None
    assert service.accounts.verified(NAME, "quite another password") == before
    assert service.accounts.listed() == [before, other]
    signed_in_now = [service.sessions.account(each, "cookie") for each in (here, there, others)]
    assert signed_in_now == [before.account_id, None, other.account_id]
    assert service.sessions.account(program, "bearer") == before.account_id
    kept = [each["hash"] for _, each in service.journal.accounts()]
    assert content["hash"] not in kept
    (changed,) = service.journal.history(f"account:{before.account_id}")
    assert changed.event == PasswordChanged(before.account_id)
    service.accounts.remove(NAME)
    assert service.accounts.verified(NAME, "quite another password") is None
    with pytest.raises(InputError, match="was erased"):
        service.accounts.change(before, PASSWORD)


def test_the_hashes_are_rfc_9106s() -> None:
    """Its second recommended option, section 4: argon2id, 64 MiB, 3 passes, 4 lanes."""
    hasher = PasswordHasher()
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (1 << 16, 3, 4)
    assert hasher.type.name == "ID"


def test_an_unknown_name_costs_the_same_as_a_wrong_password(service: Guarded) -> None:
    for name, password, right in (
        (NAME, PASSWORD, True),
        (NAME, "wrong horse battery", False),
        ("nobody", PASSWORD, False),
        ("", "", False),
    ):
        before = service.hasher.verified
        assert (service.accounts.verified(name, password) is not None) == right
        assert service.hasher.verified == before + 1
    # What is verified for nobody is a hash of the same cost.
    seen: list[str] = []

    class Seeing(Counting):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:
            seen.append(str(hash))
            return super().verify(hash, password)

    accounts = Accounts(service.journal, Seeing())
    accounts.verified(NAME, "wrong horse battery")
    accounts.verified("nobody", PASSWORD)
    known, nobodys = (each.split("$") for each in seen)
    assert known[:4] == nobodys[:4]
    assert [len(part) for part in known] == [len(part) for part in nobodys]


def test_a_removed_account_and_all_that_it_opened_is_gone(service: Guarded) -> None:
    account = service.accounts.named(NAME).account_id
    cookie = service.sessions.open(account)
    _, token = service.sessions.issue(account, dt.timedelta(days=1))
    other = service.accounts.add("another", PASSWORD).account_id
    others = service.sessions.open(other)
    assert service.sessions.account(cookie, "cookie") == account
    service.accounts.remove(NAME)
    assert service.accounts.verified(NAME, PASSWORD) is None
    assert service.sessions.account(cookie, "cookie") is None  # before its rows are deleted
    assert service.sessions.account(token, "bearer") is None
    service.sessions.end_all(account)
    assert service.sessions.tokens() == []
    assert service.sessions.account(others, "cookie") == other
    with pytest.raises(NotFoundError):
        service.accounts.remove(NAME)
    assert service.accounts.add(NAME, PASSWORD).account_id != account


def test_a_session_ends_after_its_hours_and_when_it_is_idle(service: Guarded) -> None:
    clock, account = Clock(START), service.accounts.named(NAME).account_id
    service.journal.now = clock
    held = Sessions(service.journal, 12)
    busy, idle = held.open(account), held.open(account)
    for _ in range(11):
        clock.now += dt.timedelta(hours=1)
        assert held.account(busy, "cookie") == account
    assert held.account(idle, "cookie") is None
    clock.now = START + dt.timedelta(hours=12)
    assert held.account(busy, "cookie") is None
    new = held.open(account)  # whoever signs in sweeps what has ended
    with service.journal.reading() as of:
        assert len(of.execute(select(sessions)).all()) == 1
    clock.now += IDLE - dt.timedelta(seconds=1)
    assert held.account(new, "cookie") == account
    clock.now -= dt.timedelta(days=365)  # a clock that was ahead is set right
    assert held.account(new, "cookie") is None


def test_tokens_are_listed_and_revoked_and_open_only_what_they_are_for(service: Guarded) -> None:
    clock, account = Clock(START), service.accounts.named(NAME).account_id
    service.journal.now = clock
    held = Sessions(service.journal, 12)
    made, token = held.issue(account, dt.timedelta(days=90))
    other, _ = held.issue(account, dt.timedelta(days=1))
    assert len(token) == 43  # 256 bits
    assert held.account(token, "cookie") is None
    assert held.account(held.open(account), "bearer") is None
    assert {each.token_id for each in held.tokens()} == {made.token_id, other.token_id}
    clock.now += dt.timedelta(days=2)
    assert [each.token_id for each in held.tokens()] == [made.token_id]
    assert held.account(token, "bearer") == account  # however long it was not used
    held.revoke(made.token_id)
    assert held.account(token, "bearer") is None
    with pytest.raises(NotFoundError):
        held.revoke(made.token_id)


async def test_signing_in_and_out(service: Guarded) -> None:
    async with service.client() as client:
        assert (await client.get("/office")).status_code == 401
        assert await signed_in(client, password="wrong horse battery") == 401
        assert await signed_in(client) == 200
        first = client.cookies["session"]
        assert (await client.get("/office")).json() == NAME
        assert await signed_in(client) == 200  # a new session; the one before it has ended
        assert client.cookies["session"] != first
        assert (await client.get("/office")).json() == NAME
        last = client.cookies["session"]
        assert (await sent(client, "/office/sign-out")).status_code == 200
        assert "session" not in client.cookies
        for cookie in (first, last, "", "x" * 5000, "é"):
            again = httpx.Request(
                "GET",
                f"{HERE}/office",
                headers={"Cookie": f"session={cookie}".encode()},  # type: ignore[arg-type]
            )
            assert (await client.send(again)).status_code == 401


@pytest.mark.parametrize(
    ("url", "prefix", "secure"), [("https://found.example", "__Host-", True), (None, "", False)]
)
async def test_cookies_are_for_this_host_and_no_script(
    tmp_path: Path, url: str | None, prefix: str, secure: bool
) -> None:
    with guarded(tmp_path, url=url) as service:
        service.accounts.add(NAME, PASSWORD)
        async with service.client(base_url=url or HERE) as client:
            visitor = (await client.get("/form")).headers["set-cookie"]
            entered = await sent(client, "/office/sign-in", name=NAME, password=PASSWORD)
            session = entered.headers.get_list("set-cookie")[0]
    for said, name in ((visitor, "visitor"), (session, "session")):
        assert said.startswith(f"{prefix}{name}=")
        parts = {part.strip().lower() for part in said.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= parts
        assert ("secure" in parts) == secure
        assert not any(part.startswith("domain") for part in parts)


async def test_a_bearer_token_stands_alone(service: Guarded) -> None:
    account = service.accounts.named(NAME).account_id
    _, token = service.sessions.issue(account, dt.timedelta(days=1))

    async def asked(client: httpx.AsyncClient, said: str) -> httpx.Response:
        return await client.post("/api/office", json={}, headers={"Authorization": said})

    async with service.client() as client:
        assert (await asked(client, f"Bearer {token}")).json() == NAME
        assert (await asked(client, f"bearer  {token}")).json() == NAME
        await signed_in(client)
        for wrong in ("Bearer x", "Bearer", f"Bearer {client.cookies['session']}"):
            answer = await asked(client, wrong)  # though its cookie would do
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await asked(client, "Basic eDp5")).status_code == 403  # as with none


async def test_guessing_is_slowed_by_name_and_by_address(service: Guarded) -> None:
    async with service.client(client=("192.0.2.7", 1)) as one:
        for _ in range(FAILURES):
            assert await signed_in(one, password="wrong horse battery") == 401
        answer = await sent(one, "/office/sign-in", name=NAME, password=PASSWORD)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        detail = answer.json()["detail"]  # as of any limit, and nothing was searched
        assert detail == words.say("problem.too-many.do", "ko")
        assert "찾" not in detail
        assert "search" not in words.say("problem.too-many.do", "en")
        assert await signed_in(one, name="somebody else") == 429  # this address
    verified = service.hasher.verified
    async with service.client(client=("198.51.100.7", 1)) as other:
        assert await signed_in(other) == 429  # this name, from anywhere
        assert service.hasher.verified == verified
        for name in ("nobody", "noone"):  # a name that there is not is slowed alike
            assert await signed_in(other, name=name) == 401
    async with service.client(client=("203.0.113.7", 1)) as third:
        service.accounts.add("park", PASSWORD)
        for _ in range(FAILURES + 2):
            assert await signed_in(third, name="park") == 200  # what succeeds is not counted


async def test_a_try_that_is_not_made_counts_for_nobody(service: Guarded) -> None:
    """Whoever shares an address with a name that is slowed may still sign in from there."""
    service.accounts.add("park", PASSWORD)
    async with service.client(client=("192.0.2.7", 1)) as guessing:
        for _ in range(FAILURES):
            assert await signed_in(guessing, password="wrong horse battery") == 401
    async with service.client(client=("198.51.100.7", 1)) as office:
        for _ in range(FAILURES):
            assert await signed_in(office) == 429
        assert await signed_in(office, name="park") == 200


async def test_idempotency_keys_are_an_accounts(service: Guarded) -> None:
    async def who(client: httpx.AsyncClient, key: str | None = None, **headers: str) -> str:
        sends = headers | ({"Idempotency-Key": key} if key else {})
        answer = await client.post("/api/key", headers=sends)
        assert answer.status_code == 200
        found, given = answer.json()
        assert given == key
        return str(found)

    account = service.accounts.named(NAME).account_id
    _, token = service.sessions.issue(account, dt.timedelta(days=1))
    async with service.client() as one, service.client() as other:
        assert await who(one, Authorization=f"Bearer {token}") == account
        assert await who(other, "4a0f1c9e-0001") == ""
        await signed_in(one)
        assert await who(one, **{"X-CSRF-Token": await token_of(one), "Origin": HERE}) == account


async def test_no_secret_is_logged(service: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    account = service.accounts.named(NAME).account_id
    _, token = service.sessions.issue(account, dt.timedelta(days=1))
    async with service.client() as client:
        await signed_in(client)
        csrf, session = await token_of(client), client.cookies["session"]
        await signed_in(client, password="wrong horse battery")
        await client.post(
            f"/api/office?token={token}", headers={"Authorization": f"Bearer {token}"}
        )
        await client.get(f"/raised/{PASSWORD}?name={NAME}")
        await client.post("/office/sign-in", data={"password": PASSWORD})
    own = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("matching_spark"))
    assert "401 sign-in-failed: POST /office/sign-in" in own
    for secret in (token, csrf, session, PASSWORD, NAME, "wrong horse", "$argon2"):
        assert secret not in own


def ran(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = ""
) -> dict[str, object]:
    """What the command says in JSON."""
    out = io.StringIO()
    monkeypatch.setenv("MATCHING_SERVICE__JOURNAL", str(folder / "journal"))
    monkeypatch.setenv("MATCHING_SERVICE__KEY", "a key that only these tests have.")
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    monkeypatch.setattr(sys, "stdout", out)
    command(["account", *arguments], standalone_mode=False)
    said: dict[str, object] = json.loads(out.getvalue())
    return said


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ran(tmp_path, monkeypatch, "add", NAME, stdin=f"{PASSWORD}\n")
    with pytest.raises(InputError, match="there is an account"):
        ran(tmp_path, monkeypatch, "add", NAME, stdin=PASSWORD)
    with pytest.raises(InputError, match="12 to 1024"):
        ran(tmp_path, monkeypatch, "add", "park", stdin="")
    token = ran(tmp_path, monkeypatch, "token", NAME, "--days", "1")
    with pytest.raises(NotFoundError):
        ran(tmp_path, monkeypatch, "token", "nobody")
    journal = Journal.open_or_create(settings_of(tmp_path))
    held = Sessions(journal, 12)
    assert Accounts(journal).verified(NAME, PASSWORD)
    assert held.account(str(token["token"]), "bearer") == made["account_id"]
    listed = json.dumps(ran(tmp_path, monkeypatch, "list"))
    assert str(token["token_id"]) in listed
    assert str(token["token"]) not in listed
    ran(tmp_path, monkeypatch, "revoke", str(token["token_id"]))
    assert held.account(str(token["token"]), "bearer") is None
    changed = ran(tmp_path, monkeypatch, "password", NAME, stdin="quite another password\n")
    assert changed == {"account_id": made["account_id"], "name": NAME}
    assert Accounts(journal).verified(NAME, "quite another password")
    ran(tmp_path, monkeypatch, "remove", NAME)
    assert ran(tmp_path, monkeypatch, "list") == {"accounts": []}
    with journal.reading() as of:
        assert len(of.execute(select(events)).all()) == 3  # made, changed and forgotten
    journal.close()
    with sqlite3.connect(tmp_path / "journal" / "journal.sqlite") as raw:
        assert raw.execute("SELECT count(*) FROM contents").fetchone() == (0,)
    raw.close()
