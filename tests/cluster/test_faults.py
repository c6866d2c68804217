"""A NameNode away, disks full, many writers: what was acknowledged is there, no answer is wrong.

These tests share one cluster and one driver, this process, which holds all the cores of its
workers: a command here runs in memory or on a Spark of its own.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    Filters,
    InputError,
    PostsTable,
    SimilarityEngine,
    StorageError,
)
from matching_spark.config import Cache, Hadoop
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.spark.cluster import Cluster, up
from tests.cluster import writer
from tests.support.cluster import (
    CACHE,
    Disk,
    Posts,
    assert_holds,
    held,
    posts,
    run,
    take,
    vectors,
    write,
)
from tests.support.found import hits_of
from tests.support.processes import wait_until

pytestmark = pytest.mark.cluster
COUNT = 20_000


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
    wait_until(lambda: not cluster.process("namenode").alive, "the end of the NameNode")
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
    wait_until(lambda: cluster.live_datanodes() == 2, "both DataNodes")
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
        commands.append([sys.executable, writer.__file__, uri, f"w{w}", *sources])
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
        for each in writers:
            said, complained = each.communicate()
            assert each.returncode == 0, complained
            assert said.strip()
    finally:
        for each in writers:
            each.kill()
    assert searched > 3
    assert_holds_statuses(uri, everything)


def assert_holds_statuses(uri: str, everything: Posts) -> None:
    assert set(held(uri)) == set(everything)
    engine = SimilarityEngine(PostsTable.open(uri), "memory", cache=Cache())
    gone = hits_of(engine, vectors(1, 77), 100, where=Filters(status="withdrawn"))[0]
    assert {m.post_id for m in gone} == {f"w{w}-{part}-0" for w in range(4) for part in range(2)}
