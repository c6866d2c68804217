"""A desk over a copy of the stored table, with a journal and photos of its own."""

import asyncio
import datetime as dt
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from PIL import Image
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import open_photo, photo_sha256
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.operations.warehouse import model_of, there
from matching_spark.service import opening, server
from matching_spark.service.app import create_app
from matching_spark.service.guards import accounts
from matching_spark.service.guards.limits import Addresses
from matching_spark.service.guards.sessions import Sessions
from matching_spark.service.opening import opened
from matching_spark.service.photos.decoder import Decoders
from matching_spark.service.posts.desk import Desk
from matching_spark.service.posts.seen import Photos, Prepared, SeenPhoto
from matching_spark.service.running import Service
from tests.support.forms import csrf
from tests.support.photo_bytes import saved
from tests.support.processes import LONG_S, wait_until

HERE = "http://127.0.0.1:8008"
KEY = "a key that only these tests have."
PASSWORD = "a long enough password"
WHO = "account-" + "1" * 32


def client_of(of: Service, **headers: str) -> TestClient:
    """Of a service, saying where its forms come from."""
    client = TestClient(create_app(of), base_url=HERE)
    client.headers |= {"Origin": HERE, **headers}
    return client


def there_is(desk: Desk, post_id: str) -> StoredPost:
    """A post that is there."""
    stored = desk.post(post_id)
    assert stored is not None
    return stored


def prepared(data: bytes) -> Prepared:
    """As a decoder does it."""
    return Prepared(photo_sha256(data), open_photo(data))


class InMemory:
    """A store of photos."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def keep(self, photo: SeenPhoto) -> None:
        self.held[photo.sha256] = photo.kept

    def forget(self, sha256: str) -> None:
        self.held.pop(sha256, None)


@contextmanager
def open_desk(settings: Settings, photos: Photos) -> Iterator[Desk]:
    """The desk of the settings' journal, table and model."""
    model = model_of(settings, there(settings))
    with (
        closing(Journal.open_or_create(settings)) as journal,
        closing(Desk(settings, journal, model, photos)) as desk,
    ):
        yield desk


def drawn(colour: str) -> bytes:
    return saved(Image.new("RGB", (64, 64), colour), "PNG")


def photo(colour: str = "purple") -> dict[str, tuple[str, bytes, str]]:
    """The file of a form."""
    return {"photo": ("a.png", drawn(colour), "image/png")}


@pytest.fixture
def anyio_backend() -> str:
    """What asynchronous tests run on: as the service does."""
    return "asyncio"


@pytest.fixture
def service(new: Settings, own: str) -> Settings:
    """Settings of a service over a table of its own."""
    made = new.model_copy(deep=True)
    made.table, made.similarity.threshold, made.similarity.top_k = own, 0.0, 40
    return made


@pytest.fixture
def photos() -> InMemory:
    return InMemory()


@pytest.fixture
def desk(service: Settings, photos: InMemory) -> Iterator[Desk]:
    with open_desk(service, photos) as opened:
        yield opened


@pytest.fixture
def new(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a service before there is a table."""
    made = settings.model_copy(deep=True)
    made.table, made.similarity.runner = str(tmp_path / "table"), "memory"
    made.service.journal, made.service.key = str(tmp_path / "journal"), KEY
    made.service.search_budget_s = LONG_S  # a busy machine cuts no answer short
    return made


class Lasting(Decoders):
    """Decoders that the end of a service does not end."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def lasting() -> Iterator[Decoders]:
    begun = Lasting.of(Settings())
    yield begun
    Decoders.close(begun)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of no event, to be copied."""
    made, folder = Settings(), tmp_path_factory.mktemp("empty") / "journal"
    made.service.journal, made.service.key = str(folder), KEY
    Journal.open_or_create(made).close()
    return folder


@pytest.fixture
def running(
    new: Settings,
    clip: ClipModel,
    lasting: Decoders,
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Service]:
    """The whole service, but for its listeners and its threads; with what hundreds of tests can
    share, or need not pay for: a model that is loaded, processes that decode photos, which take a
    second to begin, a journal's tables, and hashes that keep no password."""
    shutil.copytree(empty, str(new.service.journal))
    monkeypatch.setattr(accounts, "PasswordHasher", partial(PasswordHasher, 1, 8, 1))
    monkeypatch.setattr(opening, "model_of", lambda settings, table: clip)
    monkeypatch.setattr(Decoders, "of", lambda settings: lasting)
    with opened(new) as service:
        yield service


@pytest.fixture
def brief(new: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service that begins in a moment: without a merger, or a model."""
    monkeypatch.setattr(server, "_MERGER", ("sh", "-c", "exec sleep 600"))
    monkeypatch.setattr(server, "warm", lambda of: None)
    # A platform's, which is not always a number: it ended the service when all was loaded.
    monkeypatch.setenv("WEB_CONCURRENCY", "auto")
    new.service.port = new.service.watch_port = 0
    return new


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, threading.Event]]:
    """The service in a thread of this process, at an address; what stops it."""
    at, stop = list[str](), threading.Event()
    told = {"ready": at.append, "stop": stop}
    thread = threading.Thread(target=server.serve, args=(settings,), kwargs=told)
    thread.start()
    try:
        wait_until(lambda: at or not thread.is_alive(), "the service")
        yield at[0], stop
    finally:
        stop.set()
        thread.join()


@contextmanager
def listening(app: ASGIApp) -> Iterator[int]:
    """The port of an application that listens as the service does."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as bound:
        serving = server._listening([app], [bound.dup()], Addresses(()), (stop,))  # noqa: SLF001  (what serve binds)
        thread = threading.Thread(target=asyncio.run, args=(serving,))
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def browser(running: Service) -> Iterator[TestClient]:
    """A browser on it, that says where its forms come from."""
    with client_of(running, Accept="text/html") as client:
        yield client


@pytest.fixture
def mailing(running: Service) -> Iterator[TestClient]:
    """The same where an address can be left."""
    finder = replace(running.finder, mail=True)
    with client_of(replace(running, finder=finder), Accept="text/html") as client:
        yield client


@pytest.fixture
def bag(running: Service) -> str:
    """A found bag that a person may see, by its id."""
    seen = running.seen(drawn("purple"))
    assert seen is not None
    post = Post(
        *("", "found", "가방", "", "보라색 줄무늬 가방", "", "보라", "강남역", "서울"),
        kept_at="강남역 유실물센터",
        kept_phone="02-111-2222",
    )
    return running.desk.add(post, [seen], WHO, None).post.post_id


@pytest.fixture
def program(running: Service) -> Iterator[TestClient]:
    """A program on it, with an account's token, told in English."""
    account = running.accounts.add("program", PASSWORD).account_id
    sessions = Sessions(running.desk.journal, running.settings.service.session_hours)
    _, token = sessions.issue(account, dt.timedelta(days=1))
    client = TestClient(create_app(running), base_url=HERE)
    client.headers |= {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
    with client:
        yield client


def signed_in(browser: TestClient, running: Service) -> str:
    """The token of the office's forms."""
    running.accounts.add("minji", PASSWORD)
    form = {"csrf": csrf(browser.get("/office/sign-in").text), "name": "minji"}
    browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    return csrf(browser.get("/office").text)


def losses(running: Service) -> list[str]:
    return [p.post.post_id for p in written(running) if p.post.kind == "lost"]


def written(running: Service) -> list[StoredPost]:
    """The posts that the table has not as they are, the newest last."""
    changes = running.desk.tail.changes(running.desk.merged)
    return [each.stored for each in changes if each.stored is not None]
