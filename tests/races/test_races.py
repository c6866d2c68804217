"""Processes that write to a table in one folder: what was acknowledged to any of them is there."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import InputError, PostsTable, storage
from matching_spark.config import Hadoop
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import unit
from matching_spark.matching import decisions
from matching_spark.table import traces
from matching_spark.table.compact import compact
from matching_spark.table.erase import find
from matching_spark.table.writer_lock import FILE, WRITER
from tests.support.processes import LONG_S, in_session, wait_until
from tests.support.vectors import write_vectors
from tests.support.writers import Writer, properties, writers

pytestmark = pytest.mark.races
POSTS = 60  # of each name


@pytest.fixture
def uri(tmp_path: Path, spark: SparkSession) -> str:
    """Found posts for every writer to close, and a lost one to decide on."""
    ids = ["lost", *(f"{name}{i:04}" for name in "ABCD" for i in range(POSTS))]
    kinds: list[object] = ["lost", *("found" for _ in ids[1:])]
    vectors = unit(np.random.default_rng(0).normal(size=(len(ids), 8)))
    write_vectors(tmp_path / "posts.parquet", ids, vectors, kind=kinds)
    place = str(tmp_path / "table")
    ingest_vectors(str(tmp_path / "posts.parquet"), place, spark, None, Hadoop())
    return place


@pytest.fixture(scope="module")
def slow_renames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which a JVM's renames of metadata take 0.2 s: there is time for another to
    come between, which at full speed a writer does once in a thousand commits."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("slow renames are a library that a C compiler makes: there is none")
    library = tmp_path_factory.mktemp("slow") / "slow.so"
    source = str(Path(__file__).with_name("slow.c"))
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_RENAME_MS": "200"}


def closed(uri: str) -> set[str]:
    found = set()
    for shard in PostsTable.open(uri).shards():
        rows = shard.rows(np.flatnonzero(shard.alive))
        found |= {row["post_id"] for row in rows if row["status"] == "claimed"}
    return found


def test_at_full_speed_no_acknowledged_commit_is_lost(
    uri: str, slow_renames: dict[str, str]
) -> None:
    """As fast as four can, each rename long enough for another to begin: without turns 36 of 240
    were lost so, where of 3,000 whose renames take no time three were."""
    names, count = "ABCD", 60
    with writers(
        uri, names, count, "properties", slow_renames | {"SLOW_RENAME_MS": "10"}
    ) as started:
        for each in started:
            each.go()
        told = [each.acknowledged() for each in started]
    assert [len(each) for each in told] == [count] * len(names)
    assert properties(uri) == {own for each in told for own in each}


def test_with_slow_renames_no_closed_post_and_no_decision_is_lost(
    uri: str, slow_renames: dict[str, str]
) -> None:
    names, count = "ABCD", 8  # a post closed and a decision each
    with writers(uri, names, count, "posts", slow_renames) as started:
        for each in started:
            each.go()
        told = [each.acknowledged() for each in started]
    assert [len(each) for each in told] == [count] * len(names)
    everything = {own for each in told for own in each}
    assert closed(uri) == everything
    assert {found for _, found in decisions.latest(uri)} == everything


def held(uri: str) -> bool:
    """Whether some process has the lock."""
    with open(Path(uri) / FILE, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, WRITER)
        except OSError:
            return True
    return False


def jvm_of(writer: Writer) -> int:
    """The JVM that a writer's Python has started."""
    (found,) = in_session(os.getsid(writer.process.pid), "java")
    return found


def test_a_jvm_whose_python_was_killed_keeps_others_out_until_it_has_ended(
    uri: str, slow_renames: dict[str, str]
) -> None:
    """It may yet rename: who was told yes meanwhile would be overwritten."""
    slower = slow_renames | {"SLOW_RENAME_MS": "1500"}
    with (
        writers(uri, "A", 50, "properties", slower) as (victim,),
        writers(uri, "B", 5, "properties") as (other,),
    ):
        victim.go()
        wait_until(lambda: held(uri), "the lock")
        jvm = jvm_of(victim)
        os.kill(jvm, signal.SIGSTOP)  # in its rename, and for longer than it would live by itself
        os.kill(victim.process.pid, signal.SIGKILL)
        victim.process.wait()
        other.go()
        assert other.process.stdout is not None
        assert select.select([other.process.stdout], [], [], 2) == ([], [], [])
        assert held(uri)
        os.kill(jvm, signal.SIGCONT)
        told = set(other.acknowledged())
        assert len(told) == 5
        wait_until(lambda: not (Path("/proc") / str(jvm)).exists(), "the end of the JVM")
    assert told <= properties(uri)
    assert not held(uri)


def test_an_interrupted_writer_ends_its_commit_before_another_begins(
    uri: str, slow_renames: dict[str, str]
) -> None:
    """Its JVM lives on: by Ctrl-C in a notebook, for one."""
    slower = slow_renames | {"SLOW_RENAME_MS": "1500"}
    with (
        writers(uri, "A", 50, "properties", slower) as (victim,),
        writers(uri, "B", 1, "properties") as (other,),
    ):
        victim.go()
        wait_until(lambda: held(uri), "the lock")
        os.kill(victim.process.pid, signal.SIGINT)
        other.go()
        told = set(other.acknowledged())
        assert victim.process.wait(LONG_S) != 0
        assert told == {"B0000"}
        # The rename that had begun has ended when its JVM has, and overwrote nothing.
        wait_until(lambda: not in_session(victim.process.pid, "java"), "the end of the JVM")
        assert told <= properties(uri)


def test_compact_beside_writers_loses_nothing(uri: str, spark: SparkSession) -> None:
    with writers(uri, "AB", 12, "posts") as started:
        for each in started:
            each.go()
        for _ in range(3):
            compact(PostsTable.open(uri, spark, Hadoop(commit_retries=20, commit_wait_s=0.05)))
        told = {own for each in started for own in each.acknowledged()}
    assert len(told) == 24
    assert closed(uri) == told
    assert {found for _, found in decisions.latest(uri)} == told


def test_two_erases_at_once_leave_nothing_of_theirs_and_all_else(
    uri: str, spark: SparkSession
) -> None:
    """Each ends the other's snapshots while it works; beside them one post after another is
    closed."""
    with writers(uri, "AB", 2, "erase") as erasing, writers(uri, "C", 6, "posts") as closing:
        for each in (*erasing, *closing):
            each.go()
        gone = [own for each in erasing for own in each.acknowledged()]
        told = {own for each in closing for own in each.acknowledged()}
    assert len(gone) == 4
    assert len(told) == 6
    for post_id in gone:
        with pytest.raises(InputError, match="there is no post"):
            find(uri, frozenset([post_id]))
    assert closed(uri) == told
    everything = {f"{name}{i:04}" for name in "ABCD" for i in range(POSTS)}
    assert PostsTable.open(uri).kinds(everything).keys() == everything.difference(gone)
    looked = traces.look(storage.walk(uri), traces.Subject(frozenset(gone)))
    assert looked.found == ()
