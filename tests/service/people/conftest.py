"""One loss, and the server of mail that its address is of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matching_spark.config import Settings
from matching_spark.journal.events import PostAdded
from matching_spark.journal.store import Journal
from matching_spark.service.people.mail import Mailer
from tests.service.people.losses import KEY, LOST, WHO, Clock, Inbox, World, serving, told
from tests.support.certificates import Certificate, certificate


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    settings = Settings()
    settings.service.journal, settings.service.key = str(tmp_path / "journal"), KEY
    opened = Journal.open_or_create(settings, clock)
    opened.append(PostAdded(LOST, "lost", "가방", "service"), WHO, content={"post": "a loss"})
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    with serving(inbox) as port:
        yield port


@pytest.fixture
def world(journal: Journal, clock: Clock, port: int) -> World:
    return World(journal, clock, Mailer(told(port)))
