"""A development cluster, as far as no daemon is needed; tests/cluster has the rest."""

import http.server
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from matching_spark.errors import StorageError
from matching_spark.spark import cluster
from matching_spark.spark.daemons import Process, started
from matching_spark.spark.environment import find_java
from tests.support.commands import command


class _Daemon(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = b'{"activeNodes": 2}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Daemon) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_no_proxy_is_asked_for_what_is_on_this_machine(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would ask a machine of its own, and `up` wait for daemons that are there."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    process = Process("resourcemanager", 1, "", "", page, ())
    yarn = cluster.Cluster("/c", "hdfs://h", "yarn", "/c/conf", (process,))
    assert yarn.live_workers() == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"processes": [{"pid": 1}]}'])
def test_a_torn_list_of_its_processes_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / cluster.STATE).write_text(content)
    for name in ("status", "down"):
        done = command("cluster", name, "--folder", tmp_path)
        assert (done.returncode, done.stdout) == (4, "")
        assert f"{tmp_path / cluster.STATE} is not as `cluster up` wrote it" in done.stderr


@pytest.mark.parametrize("others", ["", cluster.STATE])
def test_what_another_user_may_have_written_is_neither_run_nor_ended(
    tmp_path: Path, others: str
) -> None:
    """Their list would name a process of this user's, and a command to be run as this user."""
    folder = tmp_path / "c"
    folder.mkdir()
    with subprocess.Popen(["sleep", "100"]) as mine:
        try:
            named = Process("namenode", mine.pid, started(mine.pid), "", None, ("true",))
            cluster.Cluster(str(folder), "hdfs://h", "yarn", "/c/conf", (named,)).save()
            (folder / others).chmod(0o777)
            for name in ("status", "up", "down"):
                done = command("cluster", name, "--folder", folder)
                assert (done.returncode, done.stdout) == (4, "")
                said = f"{folder / others} is not heeded: everybody may write to it"
                assert said in done.stderr
            assert mine.poll() is None
        finally:
            mine.kill()


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "fetch_all", lambda *_: [])  # 0.4 GB of jars
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "cluster"
    with pytest.raises(StorageError, match=f"{place} cannot be written to: Not a directory"):
        cluster.up(place, tmp_path)


@pytest.mark.parametrize("name", ["a:b", "a,b", "50%", "*", "$x", 'a"b', "a\\b", "a\nb"])
def test_a_folder_that_no_daemon_would_find_is_refused(tmp_path: Path, name: str) -> None:
    """Half of the daemons came up in 50%, and ended without a word."""
    done = command("cluster", "up", "--folder", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "for more than a letter: name another (--folder)" in done.stderr
    assert not any(tmp_path.iterdir())


def test_a_memory_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for memory in ("3q", "0g"):
        words = ("--worker-memory", memory, "--folder", tmp_path / "c")
        done = command("cluster", "up", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{memory}: write it as 2g or 512m (--worker-memory)" in done.stderr
        assert not (tmp_path / "c").exists()


def test_without_ps_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slim images of containers have none; a NameNode ran on that nobody could end."""
    (tmp_path / "java").symlink_to(find_java())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StorageError, match=r"there is no ps on PATH, .*: apt install procps"):
        cluster.up(tmp_path / "c", tmp_path / "cache")
    assert not (tmp_path / "c").exists()


def test_the_data_of_a_stopped_cluster_can_be_deleted(tmp_path: Path) -> None:
    """As the README has it: they stay until `down --delete`; but under no daemon that listens."""
    folder = tmp_path / "c"
    for name in ("name/current", "data-0", "logs"):
        (folder / name).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        port = daemon.getsockname()[1]
        (folder / cluster.PORTS).write_text(json.dumps({"namenode": port}))
        assert command("cluster", "down", "--folder", folder).returncode == 3
        done = command("cluster", "down", "--delete", "--folder", folder)
        assert (done.returncode, f"namenode {port}" in done.stderr) == (4, True)
        assert (folder / "data-0").is_dir()
    done = command("cluster", "down", "--delete", "--folder", folder)
    assert (done.returncode, json.loads(done.stdout)["stopped"]) == (0, [])
    assert not folder.exists()
