"""Ports for what is yet to start: nobody else gets one in between."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from matching_spark.errors import StorageError
from matching_spark.spark import ports
from matching_spark.spark.daemons import tail
from matching_spark.spark.ports import RANGE, answers, free_ports, hold


def test_what_is_drawn_is_drawn_once() -> None:
    with ExitStack() as held:
        ours = free_ports(100, held)
        assert len(set(ours)) == 100
        assert set(ours) <= set(RANGE)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", ours[0]))
        assert not any(answers(port) for port in ours[:10])  # held, but nobody is there


def test_a_server_that_shares_may_listen_on_a_port_that_is_held() -> None:
    with ExitStack() as held:
        (port,) = free_ports(1, held)
        with socket.create_server(("127.0.0.1", port)):  # with SO_REUSEADDR, as Java's
            assert answers(port)
            held.close()
            assert answers(port)
    assert not answers(port)


def test_a_port_that_was_listened_on_is_held_again() -> None:
    """A connection that lingers (TIME_WAIT) keeps it from a draw, not from its own server."""
    with ExitStack() as held:
        (port,) = free_ports(1, held)
    with (
        socket.create_server(("127.0.0.1", port)) as server,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        assert not hold(port, held)
        accepted, _ = server.accept()
        accepted.close()  # this side first: it is the one that lingers
        assert client.recv(1) == b""
    with held:
        assert not hold(port, held, alone=True)
        assert hold(port, held)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


def test_too_few_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:
        taken = sorted(free_ports(1, held))
        monkeypatch.setattr(ports, "RANGE", range(taken[0], taken[0] + 1))
        with pytest.raises(StorageError, match=f"no 1 free ports from {taken[0]}"):
            free_ports(1, held)


def test_the_end_of_a_log_is_what_was_said(tmp_path: Path) -> None:
    log = tmp_path / "namenode.log"
    log.write_text(
        "ERROR NameNode: Failed to start namenode.\n"
        "java.net.BindException: Problem binding to [localhost:1]\n"
        + 9
        * "\tat org.apache.hadoop.ipc.Server.bind(Server.java:698)\n"
        + "Caused by: java.net.BindException: Address already in use\n"
        "\tat java.base/sun.nio.ch.Net.bind0(Native Method)\n"
        "\t... 13 more\n"
    )
    assert tail(log).splitlines()[1:] == [
        "ERROR NameNode: Failed to start namenode.",
        "java.net.BindException: Problem binding to [localhost:1]",
        "Caused by: java.net.BindException: Address already in use",
    ]
