"""The main job on a real HDFS and a real Spark cluster, also when parts of them die.

The tests share one cluster and run in the order of this file: what is killed stays dead.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    ClipModel,
    Filters,
    InputError,
    PostsTable,
    Query,
    SimilarityEngine,
    StorageError,
    storage,
)
from matching_spark.cluster import Cluster, down, fetch, up
from matching_spark.config import Cache
from matching_spark.demo.world import World
from matching_spark.ingest import ingest_posts
from matching_spark.sources import read_posts

TABLE = "lostfound"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    try:
        yield up(folder, Path(Cache().folder))
    finally:
        if Cluster.load(folder):
            pids = [p.pid for p in Cluster.load(folder).processes]  # type: ignore[union-attr]
            down(folder, delete=True)
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
            assert not folder.exists()


@pytest.fixture(scope="module")
def local(
    spark: SparkSession, clip: ClipModel, world: World, tmp_path_factory: pytest.TempPathFactory
) -> PostsTable:
    """The same posts in a folder, written by Spark in one process."""
    uri = str(tmp_path_factory.mktemp("local"))
    table = PostsTable.open_or_create(uri, spark, model=clip.name, dimension=clip.dimension)
    ingest_posts(read_posts(str(world.found)), table, clip)
    return table


def run(cluster: Cluster, command: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """A command of its own process on the cluster; its JSON."""
    where: tuple[str, ...] = ("--table", f"{cluster.hdfs}/{TABLE}")
    if command != "status":
        where = (*where, "--conf", f"spark.master={cluster.master}")
    environment = os.environ | {"HADOOP_CONF_DIR": cluster.hadoop_conf}
    done = subprocess.run(
        [sys.executable, "-m", "matching_spark.main", command, *arguments, *where],
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else {"error": done.stderr}


def ids(result: dict[str, Any]) -> list[str]:
    return [match["post_id"] for match in result["results"]]


def assert_answers(cluster: Cluster, world: World, local: PostsTable, clip: ClipModel) -> None:
    """Both runners on the cluster give what the table in a folder gives."""
    query = Query(image=world.query_photo)
    engine = SimilarityEngine(local, "memory", clip)
    want = engine.search_posts([query], where=Filters(kind="found"))[0]
    for runner in ("spark", "memory"):
        asked = ("--image", str(world.query_photo), "--runner", runner, "--threshold", "-1")
        got = run(cluster, "search", *asked)
        assert ids(got) == [match.post_id for match in want]
        scores = [match["score"] for match in got["results"]]
        assert scores == pytest.approx([match.score for match in want], abs=1e-6)


def test_ingest_and_search(
    cluster: Cluster, world: World, local: PostsTable, clip: ClipModel
) -> None:
    assert cluster.live_datanodes() == 2
    report = run(cluster, "ingest", str(world.found))
    assert report["rejected"] == 0
    kept = list(storage.walk(f"{cluster.hdfs}/{TABLE}/photos"))
    assert len(kept) == report["embedded"] > 0
    assert_answers(cluster, world, local, clip)
    assert run(cluster, "status")["total"] == local.status()["total"]


def test_a_datanode_killed(
    cluster: Cluster, world: World, local: PostsTable, clip: ClipModel
) -> None:
    os.kill(cluster.process("datanode-0").pid, signal.SIGKILL)
    # At once, while the NameNode still takes it for alive.
    assert_answers(cluster, world, local, clip)


@pytest.mark.cluster
def test_the_rest_of_the_main_job_on_the_datanode_that_is_left(
    cluster: Cluster, world: World
) -> None:
    report = run(cluster, "ingest", str(world.lost))
    assert report["accepted"] > 0
    asked = ("--image", str(world.query_photo), "--threshold", "-1", "--runner", "memory")
    first = ids(run(cluster, "search", *asked))[0]
    before = run(cluster, "status")
    assert run(cluster, "withdraw", first)["changed"] == 1
    assert first not in ids(run(cluster, "search", *asked))
    assert ids(run(cluster, "search", *asked, "--snapshot", before["snapshot"]))[0] == first
    assert run(cluster, "close", first, "--as", "open")["changed"] == 1
    assert run(cluster, "match", "--threshold", "0.5")["pairs"] > 0
    assert run(cluster, "match", "--threshold", "0.5", "--new")["added"] == 0


@pytest.mark.cluster
def test_a_spark_worker_killed(
    cluster: Cluster, world: World, local: PostsTable, clip: ClipModel
) -> None:
    os.kill(cluster.process("worker-0").pid, signal.SIGKILL)
    assert_answers(cluster, world, local, clip)


def test_a_data_file_removed_is_named(cluster: Cluster, world: World) -> None:
    uri = f"{cluster.hdfs}/{TABLE}"
    victim = PostsTable.open(uri).plan(Filters(kind="found"))[0].uri
    storage.remove(victim)
    for runner in ("spark", "memory"):
        asked = ("--image", str(world.query_photo), "--runner", runner)
        assert victim in run(cluster, "search", *asked, code=4)["error"]


@pytest.mark.cluster
def test_the_namenode_gone_is_a_clear_error(cluster: Cluster, world: World) -> None:
    os.kill(cluster.process("namenode").pid, signal.SIGKILL)
    asked = ("--image", str(world.query_photo), "--runner", "memory")
    assert "cannot be reached" in run(cluster, "search", *asked, code=4)["error"]


def test_no_cluster_and_a_damaged_jar_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cluster up"):
        down(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jar").write_bytes(b"not the jar")
    with pytest.raises(StorageError, match="it is not used"):
        fetch("a/b.jar", "0" * 64, tmp_path / "cache", f"file://{tmp_path}", lambda what: None)
    assert not list((tmp_path / "cache").rglob("*.jar"))
