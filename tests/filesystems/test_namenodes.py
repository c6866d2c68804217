"""NameNodes that take connections and say nothing, as one that hangs: named, or left out."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.filesystems import namenodes
from matching_spark.spark.daemons import write_xml
from tests.support.servers import talking


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """HOST:PORT of one: the kernel answers for it."""
    monkeypatch.setattr(namenodes, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_one_that_says_nothing_is_named(mute: str) -> None:
    """hdfs-native waits for it for ever, and hears neither Ctrl-C nor SIGTERM meanwhile."""
    with pytest.raises(StorageError, match=f"hdfs://{mute}/x cannot .* at {mute} says nothing"):
        storage.exists(f"hdfs://{mute}/x")


FALLS_SILENT = """
import os, signal, sys
from threading import Timer
from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.filesystems import hdfs_client, namenodes
namenodes.ANSWER_S = 0.2
try:
    storage.exists(sys.argv[1])
except StorageError as error:
    print(error)
namenodes.ANSWER_S, hdfs_client.LAST_S = 30, 0.1
Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    storage.exists(sys.argv[1])
except KeyboardInterrupt:
    print("stopped")
"""


def test_one_that_falls_silent_is_named_and_a_signal_is_heard_meanwhile() -> None:
    """As one that is stopped in the middle of a command, which it held for ever."""
    asked, over = count(), Event()

    def say(asking: socket.socket) -> None:
        if next(asked) % 3 == 0:  # the first of each command: whether it says anything
            asking.sendall(b"HTTP/1.1 404 Not Found\r\n")
        else:
            over.wait()

    with talking(say) as url:
        place = f"hdfs://{url[len('http://') :]}/x"
        done = subprocess.run(
            [sys.executable, "-c", FALLS_SILENT, place], capture_output=True, text=True, timeout=60
        )
        over.set()
    silent, stopped = done.stdout.splitlines()
    assert silent.startswith(f"{place} cannot be reached: ")
    assert "says nothing for 0.2 s" in silent
    assert (stopped, done.stderr, done.returncode) == ("stopped", "", 0)


def test_of_a_nameservice_it_is_left_out(
    mute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever asks it first waits for ever, beside one that answers."""
    with talking(lambda asking: asking.sendall(b"HTTP/1.1 404 Not Found\r\n")) as other:
        for second, key in ((other[len("http://") :], {"dfs.ha.namenodes.ns": "two"}), (mute, {})):
            conf = tmp_path / second
            conf.mkdir()
            known = {"dfs.ha.namenodes.ns": "one, two", "fs.defaultFS": "hdfs://ns"}
            addresses = {"one": mute, "two": second}
            addresses = {f"dfs.namenode.rpc-address.ns.{k}": v for k, v in addresses.items()}
            write_xml(conf / "hdfs-site.xml", known | addresses)
            monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
            for authority in ("ns", ""):
                if key:
                    assert namenodes.heard(authority) == key
                else:
                    with pytest.raises(TimeoutError, match=f"at {mute}, {mute} says nothing"):
                        namenodes.heard(authority)
