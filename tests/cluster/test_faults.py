"""What is killed, filled or taken away: every acknowledged post is there once, no answer is wrong.

`make test-cluster` runs these last; they share one cluster and one driver, this process, which
holds all the cores of its workers: a command here runs in memory or on a Spark of its own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
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
from matching_spark.config import Cache, Hadoop
from matching_spark.demo.world import World
from matching_spark.ingest import vector_batches
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.sources import read_posts
from matching_spark.spark.cluster import Cluster, up
from matching_spark.spark.conf import conf_dir, read_conf
from matching_spark.table.compact import compact
from tests.cluster.conftest import (
    CACHE,
    CLUSTER_CONF,
    Disk,
    assert_holds,
    held,
    run,
    vectors,
    write,
)
from tests.support.found import hits_of

pytestmark = pytest.mark.cluster
COUNT = 20_000
DRIVER, WRITER = (str(Path(__file__).with_name(f"{name}.py")) for name in ("driver", "writer"))
Posts = dict[str, np.ndarray]


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of many tasks, so that something can die between them."""
    monkeypatch.setattr(vector_batches, "TASK_BYTES", 1)


def posts(count: int = COUNT, seed: int = 0) -> Posts:
    rows = vectors(count, seed)
    return {f"p{i:06d}": rows[i] for i in range(count)}


def kill(cluster: Cluster, name: str) -> None:
    """The daemon, with the executors and Python workers that are its children."""
    os.killpg(cluster.process(name).pid, signal.SIGKILL)


@contextmanager
def once(action: Callable[[], None]) -> Iterator[Callable[[str, int, int], None]]:
    """A progress that acts when the first task is done; it must have."""
    acted: list[bool] = []

    def progress(what: str, done: int, total: int) -> None:
        if 0 < done < total and not acted:
            acted.append(True)
            action()

    yield progress
    assert acted, "it was over before anything could be killed"


def wait_until(ready: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def take(uri: str, source: str, spark: SparkSession, **options: Any) -> int:
    report = ingest_vectors(source, uri, spark, "found", Hadoop(), **options)
    assert report.rejected == 0
    return report.accepted


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
    mine = posts()
    with once(lambda: kill(cluster, victim)) as progress:
        assert take(uri, write(tmp_path / "a.parquet", mine), session, progress=progress) == COUNT
    assert_holds(uri, mine, session)
    whole = up(Path(cluster.folder), CACHE)
    wait_until(lambda: whole.live_workers() == 2)

    engine = SimilarityEngine(PostsTable.open(uri, session, Hadoop()), cache=Cache())
    queries = vectors(4000, seed=5)
    want = hits_of(engine, queries, 10)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(hits_of, engine, queries, 10)
        time.sleep(0.3)
        assert not running.done()
        kill(whole, victim)
        assert running.result(timeout=120) == want


def test_photos_ingested_while_a_datanode_dies(
    cluster: Cluster, session: SparkSession, clip: ClipModel, world: World
) -> None:
    uri = f"{cluster.hdfs}/photos-killed"
    table = PostsTable.open_or_create(
        uri, session, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
    )
    found = list(read_posts(str(world.found)))
    timer = threading.Timer(0.5, kill, (cluster, "datanode-0"))
    timer.start()
    report = ingest_posts(found, table, clip)
    timer.join()
    assert (report.accepted, report.rejected) == (len(found), 0)
    engine = SimilarityEngine(PostsTable.open(uri), "memory", clip, cache=Cache())
    hits = hits_of(engine, [Query(text="지갑")], 100, where=Filters(status=None))[0]
    assert len({m.post_id for m in hits}) == len(hits) == len(found)
    for match in hits:
        if match.photo:
            assert storage.read_bytes(match.photo)


# -- the driver --------------------------------------------------------------------------------

POINTS = [
    *(("ingest", point) for point in ("staged", "before _commit", "in _commit", "after _commit")),
    *(("upsert", point) for point in ("before _commit", "in _commit", "after _commit")),
    *(("compact", point) for point in ("in _rewrite", "after _rewrite", "in _expire")),
]


def drive(action: str, point: str, uri: str, source: str) -> None:
    """A driver of its own that kills itself, its JVM and its workers at the point."""
    done = subprocess.run(
        [sys.executable, DRIVER, action.replace("upsert", "ingest"), point, uri, source],
        capture_output=True,
        text=True,
        timeout=280,
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

    for action, point in POINTS:
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
            for action, point in POINTS
        ]
        for each in runs:
            each.result()
    for action, point in POINTS:
        uri = uri_of(action, point)
        there = held(uri) if action != "ingest" or PostsTable.open(uri).snapshot else {}
        committed = point == "after _commit"
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


# -- the NameNode ------------------------------------------------------------------------------


def test_the_namenode_away_and_back(
    cluster: Cluster, session: SparkSession, tmp_path: Path
) -> None:
    uri = f"{cluster.hdfs}/namenode"
    mine = posts(2000)
    source = write(tmp_path / "a.parquet", mine)
    take(uri, source, session)
    table = PostsTable.open(uri, session, Hadoop())
    engine = SimilarityEngine(table, cache=Cache())
    want = hits_of(engine, vectors(1, 9), 5)
    cold = Cache(folder=str(tmp_path / "cold"))
    os.kill(cluster.process("namenode").pid, signal.SIGTERM)
    wait_until(lambda: not cluster.process("namenode").alive)
    # What is planned and resident needs no NameNode, and answers rightly.
    assert hits_of(SimilarityEngine(table, "memory", cache=Cache()), vectors(1, 9), 5) == want
    for attempt in (
        lambda: PostsTable.open(uri),
        lambda: hits_of(SimilarityEngine(table, "memory", cache=cold), vectors(1, 9), 5),
        lambda: table.set_status(["p000001"], "claimed"),
        lambda: ingest_vectors(source, uri, session, "found", Hadoop()),
    ):
        with pytest.raises(StorageError, match=r"cannot be reached|could not be|failed") as caught:
            attempt()
        assert cluster.hdfs.removeprefix("hdfs://") in str(caught.value)
    asked = ("--post", "p000001", "--runner", "memory")
    assert "cannot be reached" in run(cluster, "search", *asked, table=uri, code=4)["error"]
    back = up(Path(cluster.folder), CACHE)
    assert back.hdfs == cluster.hdfs
    assert hits_of(engine, vectors(1, 9), 5) == want
    assert table.set_status(["p000001"], "claimed") == 1
    mine |= {i: -v for i, v in list(mine.items())[:500]}
    assert take(uri, write(tmp_path / "b.parquet", mine), session) == 500
    assert set(held(uri)) == set(mine)


# -- full disks --------------------------------------------------------------------------------


def test_full_disks_under_the_datanodes(
    cluster: Cluster, session: SparkSession, disks: list[Disk], tmp_path: Path
) -> None:
    if len(disks) < 2:
        pytest.skip("this user may not mount a small file system")
    uri = f"{cluster.hdfs}/full"
    old = posts(2000, seed=1)
    new = posts(COUNT, seed=2)
    take(uri, write(tmp_path / "old.parquet", old), session)
    source = write(tmp_path / "new.parquet", new)
    try:
        disks[0].fill()  # of one: HDFS uses the other
        half = {i: new[i] for i in list(new)[:2000]}
        assert take(uri, write(tmp_path / "half.parquet", half), session) == 2000
        assert_holds(uri, half, session)
        disks[1].fill()  # of both
        snapshot = PostsTable.open(uri).snapshot
        with pytest.raises(StorageError) as caught:
            take(uri, source, session, hadoop=Hadoop(commit_retries=0))
        assert cluster.hdfs in str(caught.value)
        assert PostsTable.open(uri).snapshot == snapshot
        assert_holds(uri, half, session)
    finally:
        for disk in disks:
            disk.free()
    wait_until(lambda: cluster.live_datanodes() == 2)
    take(uri, source, session)
    assert_holds(uri, new, session)


def test_a_full_disk_under_sparks_local_folder(cluster: Cluster, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "local")
    if not disk.mount():
        pytest.skip("this user may not mount a small file system")
    uri = f"{cluster.hdfs}/full-local"
    rows = vectors(30_000, dimension=512)
    mine = {f"p{i:06d}": rows[i] for i in range(len(rows))}
    source = write(tmp_path / "a.parquet", mine, 5000)
    # In one process: a standalone worker gives its executors a folder of its own.
    local = ("--conf", f"spark.local.dir={disk.path}", "--conf", "spark.driver.memory=700m")
    asked = ("ingest", source, "--kind", "found", *local)
    try:
        disk.resize(130)  # Iceberg's jar, twice, and not the 60 MB of shuffled rows
        error = run(cluster, *asked, table=uri, master="local[2]", code=4)
        assert "No space left" in error["error"]
        assert PostsTable.open(uri).snapshot is None
        disk.free()
        done = run(cluster, *asked, table=uri, master="local[2]")
        assert done["accepted"] == len(mine)
        assert_holds(uri, mine)
    finally:
        disk.unmount()


# -- many writers ------------------------------------------------------------------------------


def test_four_writers_at_once_and_a_search_meanwhile(cluster: Cluster, tmp_path: Path) -> None:
    """All of one new table, each with posts of its own and the same hundred as the others."""
    uri = f"{cluster.hdfs}/writers"
    shared = {f"z-shared-{i}": row for i, row in enumerate(vectors(100, seed=50))}
    everything: Posts = dict(shared)
    commands = []
    for w in range(4):
        sources = []
        for part in range(2):
            rows = vectors(300, seed=100 + 10 * w + part)
            mine = {f"w{w}-{part}-{i}": row for i, row in enumerate(rows)}
            everything |= mine
            sources.append(write(tmp_path / f"{w}-{part}.parquet", mine | shared))
        commands.append([sys.executable, WRITER, uri, f"w{w}", *sources])
    writers = [
        subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for c in commands
    ]
    try:
        query, seen, searched = vectors(1, 77), 0, 0
        while any(w.poll() is None for w in writers):
            try:
                table = PostsTable.open(uri)
            except InputError:  # not made yet
                time.sleep(0.5)
                continue
            if table.snapshot is None:
                continue
            engine = SimilarityEngine(table, "memory", cache=Cache())
            hits = hits_of(engine, query, 10_000)[0]
            # One snapshot: what is open in it, all of it and nothing of a later one.
            at = table.snapshot
            table.refresh()
            again = hits_of(
                SimilarityEngine(table, "memory", cache=Cache()), query, 10_000, snapshot=at
            )[0]
            assert hits == again
            assert len({m.post_id for m in hits}) == len(hits)
            assert len(hits) >= seen - 8  # withdrawn ones go, nothing else does
            seen, searched = max(seen, len(hits)), searched + 1
            time.sleep(0.5)
        for writer in writers:
            said, complained = writer.communicate()
            assert writer.returncode == 0, complained
            assert said.strip()
    finally:
        for writer in writers:
            writer.kill()
    assert searched > 3
    assert_holds_statuses(uri, everything)


def assert_holds_statuses(uri: str, everything: Posts) -> None:
    assert set(held(uri)) == set(everything)
    engine = SimilarityEngine(PostsTable.open(uri), "memory", cache=Cache())
    gone = hits_of(engine, vectors(1, 77), 100, where=Filters(status="withdrawn"))[0]
    assert {m.post_id for m in gone} == {f"w{w}-{part}-0" for w in range(4) for part in range(2)}
