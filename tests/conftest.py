"""One Spark for all tests, one small world, and brute force to hold every answer against."""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Settings, start_session
from matching_spark.config import Hadoop
from matching_spark.demo.world import World, draw_world
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.sources import read_posts
from tests.support.commands import command
from tests.support.tables import copied

# A JVM of a test lives for seconds and loads Spark's 20,000 classes: not to verify them, to compile
# less and later, and to collect with one thread, not for want of metaspace, halves the CPU it
# takes. Every `java` started here reads it.
os.environ.setdefault(
    "JDK_JAVA_OPTIONS",
    "-XX:TieredStopAtLevel=1 -XX:CompileThresholdScaling=3 -XX:+UseSerialGC -XX:MetaspaceSize=256m "
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
)


TRAINING = Path(__file__).parents[1] / "training"
BEGUN, ENDED = pytest.StashKey[float](), pytest.StashKey[list[float]]()
# What takes longest begins first, so that the two processes end together.
LONGEST = (
    *("cluster/test_deployments.py", "test_killed.py", "test_faults.py", "cluster/test_cluster.py"),
    *("tests/test_processes.py", "test_docs.py", "test_adopt.py", "test_merge.py", "test_table.py"),
    *("test_erase.py", "test_maintenance.py", "test_operations.py", "test_ingest.py"),
    *("test_demo_service.py", "test_lost112.py", "test_desk.py", "test_pixels.py", "test_clip.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs after pytest-randomly, whose order stays but for whole modules."""
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist has no test left."""
    node.config.stash[ENDED].append(time.monotonic() - node.config.stash[BEGUN])


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGUN], config.stash[ENDED] = time.monotonic(), []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Which order it was: -q leaves out the line in which pytest-randomly says so. How long one
    process had nothing to do while the other was still at work."""
    seed = getattr(config.option, "randomly_seed", None)
    terminalreporter.write_line(f"the same order again: --randomly-seed={seed}")
    if ended := config.stash[ENDED]:
        told = ", ".join(f"{seconds:.0f} s" for seconds in sorted(ended))
        terminalreporter.write_line(f"the processes of tests ended after {told}")


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder's modules import each other by name."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TRAINING))
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "").startswith(str(TRAINING)):
            del sys.modules[name]


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the tests' tables do not push a user's own out of the cache."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["MATCHING_CACHE__FOLDER"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def settings() -> Settings:
    conf = {
        "spark.master": "local[2]",
        "spark.sql.shuffle.partitions": "2",  # the tests' shuffles hold a few rows
        # Nor do they earn back what it takes to compile their plans; commands that a test starts as
        # processes, and the cluster's tests, run compiled.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    return Settings(spark={"conf": conf})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def spark(settings: Settings) -> Iterator[SparkSession]:
    session = start_session(settings)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def clip() -> ClipModel:
    return ClipModel.load()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("world")
    return draw_world(folder, posts=40, seed=3)


@pytest.fixture(scope="session")
def stored(
    spark: SparkSession, clip: ClipModel, world: World, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A table of all posts of the world, which no test changes."""
    uri = str(tmp_path_factory.mktemp("stored") / "table")
    table = PostsTable.open_or_create(
        uri, spark, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
    )
    posts = chain(read_posts(str(world.found)), read_posts(str(world.lost)))
    report = ingest_posts(posts, table, clip)
    assert (report.accepted, report.rejected, report.skipped) == (40, 0, 0)
    assert report.embedded == len(list((world.folder / "photos").glob("*.jpg")))
    return uri


@pytest.fixture
def own(stored: str, tmp_path: Path) -> str:
    """The same, to be changed."""
    return copied(stored, tmp_path / "own")


@pytest.fixture(scope="session")
def toured(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    """A folder in which the demo has run, as `make demo` runs it, with fewer posts."""
    folder: Path = tmp_path_factory.mktemp("tour")
    demo = ("demo", "--posts", "24")
    # The workers of this session have another working folder, as a cluster's have: what is named by
    # its way from here is found all the same. (The wheel's test runs the demo as a process.)
    first = command(*demo, cwd=folder, spark=spark)
    again = command(*demo, cwd=folder, spark=spark)  # nothing fails on what is there already
    for done in (first, again):
        assert done.returncode == 0, done.stderr
    before, result = json.loads(first.stdout), json.loads(again.stdout)
    assert json.loads((folder / "demo-out" / "matches.json").read_text("utf-8")) == result
    assert before["results"] == result["results"]
    assert "0 posts accepted, 24 were there already" in again.stderr
    return folder
