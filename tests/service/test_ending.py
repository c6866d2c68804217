"""How the service begins and ends: what is wrong is told at once, and nobody waits in vain."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from matching_spark.config import Settings
from matching_spark.errors import UsageError
from matching_spark.progress import Silent
from matching_spark.service import server
from tests.service.conftest import serving
from tests.support.processes import LONG_S, wait_until

HEAD = b"POST /api/search HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"


def place(url: str) -> tuple[str, int]:
    return "127.0.0.1", urlsplit(url).port or 0


def test_while_it_ends_what_is_asked_is_answered_and_who_comes_is_refused(brief: Settings) -> None:
    """Whoever were taken and never answered would wait for as long as their patience lasts."""
    with serving(brief) as (url, stop), socket.create_connection(place(url), LONG_S) as asking:

        def refuses() -> bool:
            with suppress(ConnectionRefusedError), socket.create_connection(place(url), LONG_S):
                return False
            return True

        asking.sendall(HEAD + b"{")
        assert httpx.get(f"{url}healthz").status_code == 200  # who came before is taken, too
        stop.set()
        wait_until(refuses, "the end of listening", seconds=server.END_S / 2)
        asking.sendall(b"}")
        said = b""
        while piece := asking.recv(1 << 16):
            said += piece
    assert said.startswith(b"HTTP/1.1 422 ")
    assert b"\r\nconnection: close\r\n" in said


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        ({"journal": None}, "service.journal"),
        ({"sensitive": ("우주선",)}, "service.sensitive"),
        ({"smtp_host": "mail.example"}, "service.smtp_host"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_told_before_anything_is_loaded(
    brief: Settings, wrong: dict[str, object], argument: str
) -> None:
    said: list[str] = []

    class Told(Silent):
        def say(self, what: str) -> None:
            said.append(what)

    for name, value in wrong.items():
        setattr(brief.service, name, value)
    with pytest.raises(UsageError) as error:
        server.serve(brief, Told())
    assert error.value.argument == argument
    assert said == []
