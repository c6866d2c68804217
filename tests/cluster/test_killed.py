"""Daemons, workers and drivers killed: every acknowledged post is there once, no answer is wrong.

These tests share one cluster and one driver, this process, which holds all its workers' cores.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    ClipModel,
    Filters,
    PostsTable,
    Query,
    SimilarityEngine,
    storage,
)
from matching_spark.config import Cache, Hadoop, Matching
from matching_spark.demo.world import World
from matching_spark.domain.posts import Kind
from matching_spark.errors import StorageError
from matching_spark.filesystems import hdfs_client
from matching_spark.ingest import vector_files
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.matching import matches_table
from matching_spark.matching.matcher import MatchRules
from matching_spark.matching.matches_table import MatchReport
from matching_spark.progress import Progress, Silent
from matching_spark.shards.arrow import read_columns
from matching_spark.sources import read_posts
from matching_spark.spark.cluster import Cluster, up
from matching_spark.spark.conf import conf_dir, read_conf
from matching_spark.table.compact import compact
from tests.cluster import driver
from tests.support.cluster import (
    CACHE,
    CLUSTER_CONF,
    assert_holds,
    held,
    posts,
    take,
    vectors,
    write,
)
from tests.support.found import hits_of
from tests.support.processes import LONG_S, wait_until

pytestmark = pytest.mark.cluster
COUNT = 20_000


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of many tasks, so that something can die between them."""
    monkeypatch.setattr(vector_files, "TASK_BYTES", 1)


def kill(cluster: Cluster, name: str) -> None:
    """The daemon, with the executors and Python workers that are its children."""
    os.killpg(cluster.process(name).pid, signal.SIGKILL)


@contextmanager
def once(action: Callable[[], None], done_before: int = 1) -> Iterator[Progress]:
    """A progress that acts when so many are done; it must have."""
    acted: list[bool] = []

    class Acting(Silent):
        def count(self, what: str, done: int, total: int) -> None:
            if done_before <= done < total and not acted:
                acted.append(True)
                action()

    yield Acting()
    assert acted, "it was over before anything could be killed"


def test_the_session_has_the_clusters_profile(session: SparkSession) -> None:
    """Over spark-defaults.conf, and under what a caller says: here less memory and fewer cores."""
    held = dict(session.sparkContext.getConf().getAll())
    defaults = read_conf(conf_dir() / "spark-defaults.conf")
    profile = read_conf(conf_dir() / "cluster.conf")
    told = {"spark.master", *CLUSTER_CONF}
    for key, value in (defaults | profile).items():
        if key not in told:
            assert held[key] == value, key
    assert held["spark.speculation"] == "true" != defaults["spark.speculation"]
    assert {key: held[key] for key in CLUSTER_CONF} == CLUSTER_CONF


@pytest.mark.parametrize("victim", ["datanode-1", "worker-1"])
def test_killed_during_an_ingest_and_a_search(
    victim: str, cluster: Cluster, session: SparkSession, tmp_path: Path, small_tasks: None
) -> None:
    uri = f"{cluster.hdfs}/killed-{victim}"
    mine = posts(COUNT)
    with once(lambda: kill(cluster, victim)) as progress:
        assert take(uri, write(tmp_path / "a.parquet", mine), session, progress=progress) == COUNT
    assert_holds(uri, mine, session)
    whole = up(Path(cluster.folder), CACHE)
    wait_until(lambda: whole.live_workers() == 2, "both workers")

    engine = SimilarityEngine(PostsTable.open(uri, session, Hadoop()), cache=Cache())
    queries = vectors(4000, seed=5)
    want = hits_of(engine, queries, 10)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(hits_of, engine, queries, 10)
        tracker = session.sparkContext.statusTracker()
        wait_until(lambda: tracker.getActiveStageIds() or running.done(), "the search's stage")
        assert not running.done(), "it was over before anything could be killed"
        kill(whole, victim)
        assert running.result(timeout=5 * LONG_S) == want


def test_killed_before_the_pairs_of_a_match_are_stored(
    cluster: Cluster, session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker's executor had worked out of them is worked out anew."""
    uri = f"{cluster.hdfs}/matched"
    rows: dict[Kind, Any] = {"lost": vectors(200, seed=1), "found": vectors(300, seed=2)}
    for kind, of in rows.items():
        source = write(tmp_path / f"{kind}.parquet", {f"{kind}{i:03}": v for i, v in enumerate(of)})
        ingest_vectors(source, uri, session, kind, Hadoop())
    engine = SimilarityEngine(PostsTable.open(uri, session, Hadoop()), cache=Cache())
    rules = MatchRules(top_k=3, threshold=-1.0, settings=Matching(block_posts=16))
    report = matches_table.MatchReport

    def killing(**counted: Any) -> MatchReport:  # which is made between the counts and the commit
        kill(cluster, "worker-1")
        wait_until(lambda: cluster.live_workers() == 1, "what is dead to count as dead")
        return report(**counted)

    monkeypatch.setattr(matches_table, "MatchReport", killing)
    matcher = engine.matcher(rules)
    assert matches_table.update(matcher).pairs == 600
    best = np.argsort(-(rows["lost"] @ rows["found"].T), axis=1)[:, :3]
    assert {
        (row["lost_id"], row["rank"]): row["found_id"]
        for row in matches_table.kept(matcher).collect()
    } == {
        (f"lost{i:03}", rank): f"found{found:03}"
        for i, of in enumerate(best.tolist())
        for rank, found in enumerate(of, 1)
    }


def test_photos_ingested_while_a_datanode_dies(
    cluster: Cluster, session: SparkSession, clip: ClipModel, world: World
) -> None:
    uri = f"{cluster.hdfs}/photos-killed"
    table = PostsTable.open_or_create(
        uri, session, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
    )
    found = list(read_posts(str(world.found)))
    with once(lambda: kill(cluster, "datanode-0"), done_before=0) as progress:
        report = ingest_posts(found, table, clip, progress=progress)
    assert (report.accepted, report.rejected) == (len(found), 0)
    engine = SimilarityEngine(PostsTable.open(uri), "memory", clip, cache=Cache())
    hits = hits_of(engine, [Query(text="지갑")], 100, where=Filters(status=None))[0]
    assert len({m.post_id for m in hits}) == len(hits) == len(found)
    for match in hits:
        if match.photo:
            assert storage.read_bytes(match.photo)


def test_files_wait_for_datanodes(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read and written by this process itself, without a JVM, whose own client waits too."""
    monkeypatch.setattr(hdfs_client, "RETRY_S", (1,) * LONG_S)
    data = os.urandom(3 << 20) + b"\n".join([b"line"] * 9)
    old, new, over = (f"{cluster.hdfs}/waiting/{name}" for name in ("old", "new", "over"))
    storage.write_bytes(old, data)

    with storage.open_input(old) as stream, ThreadPoolExecutor(3) as pool:
        assert stream.read(1 << 20) == data[: 1 << 20]
        for name in ("datanode-0", "datanode-1"):
            kill(cluster, name)
        wait_until(lambda: cluster.live_datanodes() == 0, "what is dead to count as dead")
        with monkeypatch.context() as hasty:
            hasty.setattr(hdfs_client, "RETRY_S", ())
            with pytest.raises(StorageError) as told:
                read_columns(old, None)
        assert str(told.value).startswith(f"{old} cannot be read: ")
        assert "\n" not in str(told.value)
        waiting: list[Future[bytes] | Future[None]] = [
            pool.submit(stream.read),
            pool.submit(storage.create, new, data),
            pool.submit(storage.write_bytes, over, data),
        ]
        up(Path(cluster.folder), CACHE)
        assert [each.result() for each in waiting] == [data[1 << 20 :], None, None]
    assert storage.read_bytes(new) == storage.read_bytes(over) == data
    with storage.open_input(new) as stream:
        stream.seek(3 << 20)
        assert [line.strip() for line in stream][1:] == [b"line"] * 8, "a line is a line"
    with pytest.raises(FileExistsError):
        storage.create(new, data)
    assert sorted(storage.walk(f"{cluster.hdfs}/waiting")) == [new, old, over]


# -- the driver --------------------------------------------------------------------------------


def drive(action: str, point: str, uri: str, source: str) -> None:
    """A driver of its own that kills itself, its JVM and its workers at the point."""
    done = subprocess.run(
        [sys.executable, driver.__file__, action.replace("upsert", "ingest"), point, uri, source],
        capture_output=True,
        text=True,
        timeout=5 * LONG_S,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_the_driver_killed(cluster: Cluster, session: SparkSession, tmp_path: Path) -> None:
    """At each point: before is what there was or all of what came; run again, all is there."""
    count = 1500
    old, new = posts(count, seed=1), posts(count, seed=2)
    first = write(tmp_path / "old.parquet", old, 500)
    second = write(tmp_path / "new.parquet", new, 500)

    def uri_of(action: str, point: str) -> str:
        return f"{cluster.hdfs}/driver-{action}-{point.replace(' ', '')}"

    for action, point in driver.POINTS:
        if action != "ingest":
            take(uri_of(action, point), first, session)
        if action == "compact":
            PostsTable.open(uri_of(action, point), session, Hadoop()).set_status(
                ["p000001"], "claimed"
            )
    sources = {"ingest": first, "upsert": second, "compact": first}
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(drive, action, point, uri_of(action, point), sources[action])
            for action, point in driver.POINTS
        ]
        for each in runs:
            each.result()
    for action, point in driver.POINTS:
        uri = uri_of(action, point)
        there = held(uri) if action != "ingest" or PostsTable.open(uri).snapshot else {}
        committed = point == f"after {driver.COMMIT}"
        if action == "ingest":
            assert len(there) in ((count,) if committed else (0, count)), point
        elif action == "upsert":
            is_new = [bool(np.allclose(there[i], new[i], atol=1e-6)) for i in old]
            assert len(there) == count
            assert all(is_new) or not (committed or any(is_new)), point
        else:
            assert set(there) == set(old), point
        if action == "compact":
            report = compact(PostsTable.open(uri, session, Hadoop()))
            assert report.delete_files_after == 0
            status = {"p000001": "claimed"}
            rows = (
                PostsTable.open(uri, session, Hadoop()).frame().where("status != 'open'").collect()
            )
            assert {row["post_id"]: row["status"] for row in rows} == status
            assert set(held(uri)) == set(old)
        else:
            take(uri, sources[action], session)
            assert_holds(uri, old if action == "ingest" else new)
