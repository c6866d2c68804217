"""The main job on a real HDFS and a real Spark cluster."""

import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matching_spark import (
    ClipModel,
    Filters,
    InputError,
    PostsTable,
    StorageError,
    UsageError,
    storage,
)
from matching_spark.config import Hadoop
from matching_spark.demo.world import World
from matching_spark.domain.posts import Post
from matching_spark.embed.photos import open_photo
from matching_spark.progress import SILENT
from matching_spark.search.request import QueryItem
from matching_spark.sources import read_posts
from matching_spark.spark.cluster import Cluster, Size, down, up
from matching_spark.spark.daemons import fetch
from matching_spark.spark.ports import free_ports
from matching_spark.table.adopt import adopt
from tests.support import brute
from tests.support.cluster import CACHE, COMMAND, client, driving, run
from tests.support.commands import command
from tests.support.listening import Listener, beyond_loopback, of, ports, watched
from tests.support.processes import LONG_S

pytestmark = pytest.mark.cluster
TABLE = "lostfound"
IDS = list[tuple[str, float]]


@pytest.fixture(scope="module")
def expected(world: World, clip: ClipModel) -> IDS:
    """Brute force over the found posts' photos, embedded here as an ingest does it."""

    def embed(photo: str) -> np.ndarray:
        vector: np.ndarray = clip.embed_images([open_photo(Path(photo).read_bytes())])[0]
        return vector

    plain = []
    for post in read_posts(str(world.found)):
        assert isinstance(post, Post)
        if post.photos and post.status == "open":
            photos = np.stack([embed(photo) for photo in post.photos])
            plain.append(brute.Plain(post.post_id, photos, None))
    query = QueryItem(image=clip.embed_images([world.query_photo.read_bytes()])[0])
    return brute.search(plain, query, 10, None)


@pytest.fixture(scope="module")
def ingested(
    started: Cluster, world: World, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], set[Listener]]:
    """What the ingest of the found posts reported, and all that listened meanwhile: the daemons,
    executors and the driver, its page too."""
    where = ("--table", f"{started.hdfs}/{TABLE}", "--conf", f"spark.master={started.master}")
    words = ("ingest", str(world.found), "--conf", "spark.ui.enabled=true", *where)
    folder = tmp_path_factory.mktemp("ingested")
    out, seen = watched([*COMMAND, *words], os.environ | client(started), folder, *of(started))
    return json.loads(out), seen


@pytest.fixture(scope="module")
def stored(ingested: tuple[dict[str, Any], set[Listener]]) -> dict[str, Any]:
    """The report. Tests that change the table copy it."""
    report, _ = ingested
    return report


@pytest.fixture
def own(stored: dict[str, Any], cluster: Cluster, tmp_path: Path) -> str:
    """The same, to be changed."""
    source, target = (f"{cluster.hdfs}/{name}" for name in (TABLE, tmp_path.name))
    for place in storage.walk(source):
        storage.write_bytes(target + place.removeprefix(source), storage.read_bytes(place))
    adopt(target, Hadoop())
    return target


def ids(result: dict[str, Any]) -> list[str]:
    return [match["post_id"] for match in result["results"]]


def assert_answers(cluster: Cluster, world: World, expected: IDS, *runners: str) -> None:
    """What brute force gives, by commands of their own."""
    uri = f"{cluster.hdfs}/{TABLE}"
    photo = ("--image", str(world.query_photo), "--score", "cosine", "--threshold", "-1")
    for runner in runners:
        asked = (*photo, "--runner", runner)
        got = run(cluster, "search", *asked, table=uri)
        assert ids(got) == [post_id for post_id, _ in expected]
        scores = [match["score"] for match in got["results"]]
        assert scores == pytest.approx([score for _, score in expected], abs=1e-5)


def test_ingest_and_search(
    stored: dict[str, Any], cluster: Cluster, world: World, expected: IDS
) -> None:
    assert (cluster.live_datanodes(), cluster.live_workers()) == (2, 2)
    assert all(p.page for p in cluster.processes if not p.name.startswith("datanode"))
    uri = f"{cluster.hdfs}/{TABLE}"
    assert stored["rejected"] == 0
    kept = list(storage.walk(f"{uri}/photos"))
    assert len(kept) == stored["embedded"] > 0
    assert_answers(cluster, world, expected, "spark", "memory")
    assert run(cluster, "status", table=uri)["total"] == stored["accepted"]


def test_nothing_listens_beyond_loopback(
    ingested: tuple[dict[str, Any], set[Listener]], cluster: Cluster
) -> None:
    _, seen = ingested
    assert len(ports(seen)) > len(cluster.processes)
    assert beyond_loopback(seen) == []


def test_a_datanode_killed(
    stored: dict[str, Any], cluster: Cluster, place: Path, world: World, expected: IDS
) -> None:
    os.kill(cluster.process("datanode-0").pid, signal.SIGKILL)
    # At once, while the NameNode still takes it for alive.
    assert_answers(cluster, world, expected, "spark", "memory")
    assert up(place, CACHE).process("datanode-0").alive  # `up` starts what was killed


def test_the_rest_of_the_main_job(own: str, cluster: Cluster, world: World) -> None:
    """Commands of this process, which is their driver: each of its own starts a JVM or three."""

    def do(*words: str) -> dict[str, Any]:
        where = ("--table", own, "--conf", f"spark.master={cluster.master}")
        done = command(*words, *where, spark=spark)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def found(*more: str) -> dict[str, Any]:
        """Through Spark and in memory: the same."""
        asked = ("search", "--image", str(world.query_photo), "--threshold", "-1", *more)
        through, alone = (do(*asked, "--runner", runner) for runner in ("spark", "memory"))
        assert (through["runner"], alone["runner"]) == ("spark", "memory")
        assert through["results"] == alone["results"]
        return through

    with driving(cluster) as spark:
        assert do("ingest", str(world.lost))["accepted"] > 0
        searched = found()
        first, before = ids(searched)[0], searched["snapshot"]
        assert do("withdraw", first)["changed"] == 1
        assert first not in ids(found())
        assert ids(found("--snapshot", before))[0] == first
        compacted = do("compact")
        assert compacted["files_after"] < compacted["files_before"]
        assert first not in ids(found())
        assert do("undo", before)["undone"] == compacted["snapshot"]
        assert ids(found())[0] == first
        assert do("match", "--threshold", "0.5")["pairs"] > 0
        assert do("match", "--threshold", "0.5", "--new")["added"] == 0


def test_a_data_file_removed_is_named(
    own: str, cluster: Cluster, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no shard of it is resident; a resident one still answers, and rightly."""
    uri = own
    photo = ("--image", str(world.query_photo), "--runner", "memory")
    before = ids(run(cluster, "search", *photo, table=uri))
    victim = PostsTable.open(uri).plan(Filters(kind="found")).files[0].uri
    storage.remove(victim)
    assert ids(run(cluster, "search", *photo, table=uri)) == before
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", str(tmp_path))
    assert victim in run(cluster, "search", *photo, table=uri, code=4)["error"]


def test_a_data_file_removed_is_named_by_a_spark_task(
    own: str, cluster: Cluster, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.remove(PostsTable.open(own).plan(Filters(kind="found")).files[0].uri)
    monkeypatch.setenv("MATCHING_CACHE__FOLDER", str(tmp_path))
    asked = ("--image", str(world.query_photo), "--runner", "spark")
    error = run(cluster, "search", *asked, table=own, code=4)["error"]
    assert "is named by the table but is not there" in error


def test_a_job_that_no_worker_can_do_is_named(
    stored: dict[str, Any], cluster: Cluster, world: World
) -> None:
    """It waits, as it may for a queue, and says for what; Ctrl-C ends it."""
    asked = ("search", "--image", str(world.query_photo), "--runner", "spark")
    conf = ("--conf", f"spark.master={cluster.master}", "--conf", "spark.executor.memory=1000g")
    waiting = [*COMMAND, *asked, *conf, "--table", f"{cluster.hdfs}/{TABLE}"]
    with subprocess.Popen(
        waiting,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | client(cluster),
    ) as running:
        late = threading.Timer(LONG_S, running.kill)
        late.start()
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if "no executor has come yet" in line:
                running.send_signal(signal.SIGINT)
        late.cancel()
    assert running.returncode == 130, said
    warning = next(line for line in said if "no executor has come yet" in line)
    assert cluster.master in warning
    assert "1000g of memory (spark.executor.memory;" in warning


def test_no_cluster_and_a_damaged_jar_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cluster up"):
        down(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jar").write_bytes(b"not the jar")
    with pytest.raises(StorageError, match="it is not used"):
        fetch("a/b.jar", "0" * 64, tmp_path / "cache", f"file://{tmp_path}", SILENT)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_up_again_and_the_same_ports(cluster: Cluster, place: Path) -> None:
    """A table's metadata names its files with the NameNode's port: it must not change."""
    with pytest.raises(UsageError, match=r"runs in .* already"):
        up(place, CACHE)
    assert (place / "ports.json").exists()


def test_in_a_folder_of_any_name_and_nothing_is_left(
    guarded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NameNode found no folder with a space in its name, and what the daemons' JVMs unpack
    (Jetty's pages, native libraries) stayed in /tmp."""
    unpacked = tmp_path / "elsewhere"
    unpacked.mkdir()
    monkeypatch.setenv("JDK_JAVA_OPTIONS", f"-Djava.io.tmpdir={unpacked}")
    folder = guarded / "우리 것"
    try:
        started = up(folder, CACHE, Size(datanodes=1, workers=1))
        assert (started.live_datanodes(), started.live_workers()) == (1, 1)
    finally:
        down(folder, delete=True)
    assert not folder.exists()
    assert not any(unpacked.iterdir())


def test_a_port_that_was_taken_since_is_named(tmp_path: Path) -> None:
    with ExitStack() as held:
        (port,) = free_ports(1, held)
        (tmp_path / "ports.json").write_text(json.dumps({"namenode": port}))
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StorageError, match=f"listens on now: namenode {port};"),
    ):
        up(tmp_path, CACHE)
    assert not (tmp_path / "cluster.json").exists()
