"""Places on HDFS: names to the letter, copies refused, commits that HDFS itself keeps apart."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import PostsTable, StorageError, storage
from matching_spark.config import Hadoop
from matching_spark.filesystems import hdfs_client
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.spark.cluster import Cluster
from matching_spark.spark.files import read_parquet
from matching_spark.spark.jvm import java_session, jvm
from matching_spark.table import erase as erasing
from matching_spark.table.adopt import adopt
from matching_spark.table.compact import compact
from matching_spark.table.erase import erase
from matching_spark.table.traces import look
from tests.support.cluster import assert_holds, client, held, run, vectors, write
from tests.support.names import NAMES, ODD
from tests.support.tables import subject as subject_of
from tests.support.writers import properties, writers

pytestmark = pytest.mark.cluster
ONE_AFTER_ANOTHER = """
import json, sys
from matching_spark import main

for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main.run()
    except SystemExit as ended:
        if ended.code:
            raise
"""
# HDFS itself takes no colon in a name.
ON_HDFS = [name for name in NAMES if ":" not in name]


def test_both_sides_read_the_file_of_that_name(cluster: Cluster, session: SparkSession) -> None:
    """Written by either, each file says its own name."""
    folder = f"{cluster.hdfs}/names/{ODD}"
    for name in ON_HDFS:
        storage.write_bytes(storage.join(folder, "python", name), name.encode())
        frame = session.createDataFrame([(name,)], "name string").coalesce(1)
        frame.write.parquet(storage.for_spark(storage.join(folder, "jvm", name)))
    walked = list(storage.walk(storage.join(folder, "python")))
    assert sorted(walked) == sorted(storage.join(folder, "python", n) for n in ON_HDFS)
    java = jvm(session)
    hadoop = java.org.apache.hadoop.fs
    conf = java_session(session).sparkContext().hadoopConfiguration()
    for name in ON_HDFS:
        place = storage.join(folder, "python", name)
        assert storage.read_bytes(place) == name.encode()
        path = hadoop.Path(place)
        stream = path.getFileSystem(conf).open(path)
        assert bytes(stream.readAllBytes()) == name.encode()
        stream.close()
        (row,) = read_parquet(session, [storage.join(folder, "jvm", name)]).collect()
        assert row["name"] == name
        storage.remove(place)
    assert not list(storage.walk(storage.join(folder, "python")))
    storage.create(storage.join(folder, "once"), b"1")
    with pytest.raises(FileExistsError):
        storage.create(storage.join(folder, "once"), b"2")
    assert storage.read_bytes(storage.join(folder, "once")) == b"1"


def test_who_asks_the_name_node_goes_on_asking(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread for each call, and each entry of a folder, took eighteen times as long to list."""
    started: list[Thread] = []

    class Counted(Thread):
        def start(self) -> None:
            started.append(self)
            super().start()

    monkeypatch.setattr(hdfs_client, "Thread", Counted)
    places = [f"{cluster.hdfs}/listed/{i:02}" for i in range(30)]
    for place in places:
        storage.write_bytes(place, b"1")
    assert [list(storage.walk(storage.parent(places[0]))) for _ in range(3)] == [places] * 3
    assert [storage.read_bytes(place) for place in places] == [b"1"] * len(places)
    assert len(started) <= 1


def test_what_a_name_node_refuses_is_told_in_its_words(
    cluster: Cluster, session: SparkSession
) -> None:
    java = jvm(session)
    path = java.org.apache.hadoop.fs.Path(cluster.hdfs)
    hdfs = path.getFileSystem(java_session(session).sparkContext().hadoopConfiguration())
    modes = java.org.apache.hadoop.hdfs.protocol.HdfsConstants.SafeModeAction
    place = f"{cluster.hdfs}/refused"
    hdfs.setSafeMode(modes.SAFEMODE_ENTER)
    try:
        with pytest.raises(StorageError) as raised:
            storage.write_bytes(place, b"1")
    finally:
        hdfs.setSafeMode(modes.SAFEMODE_LEAVE)
    told = str(raised.value)
    assert place in told
    assert "Name node is in safe mode" in told
    assert "org.apache" not in told
    assert "\\n" not in told
    assert "\n" not in told
    storage.write_bytes(place, b"1")


def test_a_table_in_an_odd_folder(cluster: Cluster, session: SparkSession, tmp_path: Path) -> None:
    uri = f"{cluster.hdfs}/odd/{ODD.replace('?', '')}/table"
    posts = {f"p{i:03}": v for i, v in enumerate(vectors(60))}
    for ids in (list(posts)[:40], list(posts)[30:]):
        ingest_vectors(
            write(tmp_path / "some.parquet", {i: posts[i] for i in ids}),
            uri,
            session,
            "found",
            Hadoop(),
        )
    table = PostsTable.open(uri, session, Hadoop())
    assert table.set_status(["p007"], "withdrawn") == 1
    compact(table)
    assert set(held(uri)) == set(posts)
    assert_holds_open(uri, posts, session)


def assert_holds_open(uri: str, posts: dict[str, Any], session: SparkSession) -> None:
    table = PostsTable.open(uri, session, Hadoop())
    assert table.set_status(["p007"], "open") == 1
    assert_holds(uri, posts, session)


def test_a_local_table_in_the_shell_of_cluster_up(cluster: Cluster, tmp_path: Path) -> None:
    """HADOOP_CONF_DIR says that HDFS is the default: a folder is a folder all the same."""
    before = str(tmp_path / "before")
    posts = {f"p{i:03}": v for i, v in enumerate(vectors(30))}
    source = write(tmp_path / "posts.parquet", posts)
    here = {"HADOOP_CONF_DIR": "", "SPARK_CONF_DIR": ""}
    there = client(cluster)

    new = str(tmp_path / "new")

    def do(env: dict[str, str], *commands: tuple[str, ...]) -> None:
        """Of one process: each of its own would start a JVM."""
        clean = {k: v for k, v in os.environ.items() if k not in here}
        done = subprocess.run(
            [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(commands)],
            env=clean | {k: v for k, v in env.items() if v},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    do(here, ("ingest", source, "--kind", "found", "--table", before))
    do(
        there,
        ("ingest", source, "--kind", "found", "--table", new),
        ("close", "p003", "--as", "claimed", "--table", before),
        ("compact", "--table", new),
    )
    do(here, ("close", "p003", "--as", "open", "--table", before))
    for table in (before, new):
        assert (tmp_path / Path(table).name / "posts" / "metadata").is_dir()
        assert_holds(table, posts)
    # On HDFS nothing of it was made.
    assert not storage.exists(f"{cluster.hdfs}{new}")


def test_a_copy_on_hdfs(cluster: Cluster, session: SparkSession, tmp_path: Path) -> None:
    prod, test = (f"{cluster.hdfs}/{name}" for name in ("copied/prod", "copied/test"))
    posts = {f"p{i:03}": v for i, v in enumerate(vectors(60, seed=5))}
    ingest_vectors(write(tmp_path / "posts.parquet", posts), prod, session, "found", Hadoop())
    PostsTable.open(prod, session, Hadoop()).set_status(["p001", "p002"], "withdrawn")
    # By another name of the same NameNode it is the same table.
    other = prod.replace("127.0.0.1", "localhost")
    assert other != prod
    assert PostsTable.open(other).uri == prod
    java = jvm(session)
    hadoop = java.org.apache.hadoop.fs
    conf = java_session(session).sparkContext().hadoopConfiguration()
    source, target = hadoop.Path(prod), hadoop.Path(test)
    system = source.getFileSystem(conf)
    assert hadoop.FileUtil.copy(system, source, system, target, False, conf)
    with pytest.raises(StorageError, match=f"was moved or copied from {prod}"):
        PostsTable.open(test, session, Hadoop())
    report = adopt(test)
    assert (report.tables, report.delete_files > 0) == (["posts"], True)
    before = sorted(storage.walk(prod))
    table = PostsTable.open(test, session, Hadoop())
    assert table.set_status(["p001", "p002"], "open") == 2
    compact(table)
    assert_holds(test, posts, session)
    assert sorted(storage.walk(prod)) == before
    storage.remove(prod)
    assert_holds(test, posts, session)


def test_erased_from_hdfs(cluster: Cluster, session: SparkSession, tmp_path: Path) -> None:
    uri = f"{cluster.hdfs}/erased"
    posts = {f"person-{i:03}": v for i, v in enumerate(vectors(60, seed=5))}
    ingest_vectors(write(tmp_path / "posts.parquet", posts), uri, session, "found", Hadoop())
    table = PostsTable.open(uri, session, Hadoop())
    table.set_status(["person-001", "person-002"], "withdrawn")
    gone = ["person-001", "person-007"]
    subject = subject_of(table, gone)
    assert {place.rpartition(".")[2] for place, _ in look(storage.walk(uri), subject).found} == {
        *("avro", "parquet"),
    }
    held = erasing.find(uri, frozenset(gone))["posts"][0]
    dead = held.replace("/00", "/dead-00")  # of a writer that may live: nothing says it does not
    storage.write_bytes(dead, storage.read_bytes(held))
    report, subject = erase(table, gone)
    assert (report.rows, report.left) == ({"posts": 2}, (dead,))
    storage.remove(dead)
    looked = look(storage.walk(uri), subject)
    assert (looked.found, looked.files["avro"] > 0) == ((), True)
    assert_holds(uri, {i: vector for i, vector in posts.items() if i not in gone})


def test_hdfs_itself_keeps_commits_apart(
    cluster: Cluster, session: SparkSession, tmp_path: Path
) -> None:
    """It refuses a rename to a name that is taken: without a lock nothing acknowledged is lost."""
    uri = f"{cluster.hdfs}/apart"
    posts = {f"p{i}": v for i, v in enumerate(vectors(4))}
    ingest_vectors(write(tmp_path / "posts.parquet", posts), uri, session, "found", Hadoop())
    table = PostsTable.open(uri, session, Hadoop())
    retries = "'commit.retry.num-retries' = '200', 'commit.retry.min-wait-ms' = '20'"
    session.sql(f"ALTER TABLE {table.name} SET TBLPROPERTIES ({retries})")
    with writers(uri, "AB", 150, "properties", client(cluster)) as started:
        for each in started:
            each.go()
        told = [each.acknowledged() for each in started]
    assert [len(each) for each in told] == [150, 150]
    assert properties(uri) == {own for each in told for own in each}
    assert not storage.exists(storage.join(uri, ".writer.lock"))


def test_a_photo_with_a_hash_in_its_name(
    cluster: Cluster, session: SparkSession, tmp_path: Path
) -> None:
    """IMG#1.jpg is not IMG, whose bytes it was once given."""
    folder = f"{cluster.hdfs}/photos of things"
    for name, colour in (("IMG#1.jpg", "red"), ("IMG", "blue"), ("q?;.jpg", "green")):
        local = tmp_path / "one.jpg"
        Image.new("RGB", (64, 64), colour).save(local, "JPEG")
        storage.write_bytes(storage.join(folder, name), local.read_bytes())
    uri = f"{cluster.hdfs}/hashed"
    words = ("ingest", folder, "--kind", "found", "--format", "folder")
    # Not on the workers, which this process's session holds.
    report = run(cluster, *words, table=uri, master="local[2]")
    assert (report["accepted"], [r["post_id"] for r in report["rejects"]]) == (2, ["IMG"])
    rows = (
        PostsTable.open(uri, session, Hadoop()).frame().select("post_id", "photos.sha256").collect()
    )
    assert {row["post_id"] for row in rows} == {"IMG#1.jpg", "q?;.jpg"}
    assert len({row[1][0] for row in rows}) == 2
