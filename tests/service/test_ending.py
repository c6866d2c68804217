"""How the service begins and ends: what is wrong is told at once, and nobody waits in vain."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from matching_spark.config import Settings
from matching_spark.errors import UsageError
from matching_spark.progress import Silent
from matching_spark.service import server
from tests.service.conftest import KEY
from tests.support.processes import LONG_S, wait_until

HEAD = b"POST /api/search HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"


@pytest.fixture
def mine(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service that begins in a moment: without a table, a merger, or a model."""
    monkeypatch.setattr(server, "_MERGER", ("sh", "-c", "exec sleep 600"))
    monkeypatch.setattr(server, "warm", lambda of: None)
    made = settings.model_copy(deep=True)
    made.table, made.similarity.runner = str(tmp_path / "table"), "memory"
    made.service.journal, made.service.key = str(tmp_path / "journal"), KEY
    made.service.port = made.service.watch_port = 0
    return made


def test_while_it_ends_what_is_asked_is_answered_and_who_comes_is_refused(mine: Settings) -> None:
    """Whoever were taken and never answered would wait for as long as their patience lasts."""
    at, stop = list[str](), threading.Event()
    told = {"ready": at.append, "stop": stop}
    thread = threading.Thread(target=server.serve, args=(mine,), kwargs=told)
    thread.start()
    wait_until(lambda: at or not thread.is_alive(), "the service")
    here = ("127.0.0.1", urlsplit(at[0]).port or 0)

    def refuses() -> bool:
        with suppress(ConnectionRefusedError), socket.create_connection(here, LONG_S):
            return False
        return True

    with socket.create_connection(here, LONG_S) as asking:
        asking.sendall(HEAD + b"{")
        assert httpx.get(f"{at[0]}healthz").status_code == 200  # who came before is taken, too
        stop.set()
        wait_until(refuses, "the end of listening", seconds=server.END_S / 2)
        asking.sendall(b"}")
        said = b""
        while piece := asking.recv(1 << 16):
            said += piece
    assert said.startswith(b"HTTP/1.1 422 ")
    assert b"\r\nconnection: close\r\n" in said
    thread.join()


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"journal": None}, "service.journal"),
        ({"sensitive": ("우주선",)}, "service.sensitive"),
        ({"smtp_host": "mail.example"}, "service.smtp_host"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_told_before_anything_is_loaded(
    mine: Settings, wrong: dict[str, object], argument: str
) -> None:
    said: list[str] = []

    class Told(Silent):
        def say(self, what: str) -> None:
            said.append(what)

    for name, value in wrong.items():
        setattr(mine.service, name, value)
    with pytest.raises(UsageError) as error:
        server.serve(mine, Told())
    assert error.value.argument == argument
    assert said == []
