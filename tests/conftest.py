"""One Spark for all tests, one small world, and brute force to hold every answer against."""

import fcntl
import gc
import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as runs
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Settings, start_session
from matching_spark.config import Hadoop
from matching_spark.demo.world import World, draw_world
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.sources import read_posts
from tests.support.commands import command
from tests.support.tables import copied

# A machine that is busy with something else fails no test.
runs.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
runs.load_profile("any machine")

# A JVM of a test lives for seconds and loads Spark's 20,000 classes: not to verify them, to compile
# less and later, and to collect with one thread, not for want of metaspace, halves the CPU it
# takes. Every `java` started here reads it.
os.environ.setdefault(
    "JDK_JAVA_OPTIONS",
    "-XX:TieredStopAtLevel=1 -XX:CompileThresholdScaling=3 -XX:+UseSerialGC -XX:MetaspaceSize=256m "
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
)

# nohup and a shell's background ignore these, which what is started here would go on with.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

TRAINING = Path(__file__).parents[1] / "training"
# Folders of tests that a target of their own runs: elsewhere they are not even read.
APART = frozenset(["browser", "fuzz", "kills", "notebook", "package", "races"])
T = TypeVar("T")
BEGUN, ENDED = pytest.StashKey[float](), pytest.StashKey[list[float]]()
# What takes longest begins first, so that the two processes end together.
LONGEST = (
    *("cluster/test_deployments.py", "test_killed.py", "test_faults.py", "cluster/test_cluster.py"),
    *("tests/test_processes.py", "test_docs.py", "test_adopt.py", "test_merge.py", "test_table.py"),
    *("test_erase.py", "test_maintenance.py", "test_operations.py", "test_ingest.py"),
    *("test_demo_service.py", "test_lost112.py", "test_desk.py", "test_pixels.py", "test_clip.py"),
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    apart = collection_path.name in APART and collection_path.parent == Path(__file__).parent
    deselected = f"not {collection_path.name}" in config.getoption("markexpr")
    return True if apart and deselected else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs after pytest-randomly, whose order stays but for whole modules."""
    with_spark = {item.path for item in items if "spark" in getattr(item, "fixturenames", ())}
    for item in items:
        if item.path in with_spark:
            of_tables = Path(__file__).parent / "table" in item.path.parents
            item.add_marker(pytest.mark.xdist_group("spark-table" if of_tables else "spark"))
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))
    items.sort(key=lambda item: item.path not in with_spark)


def pytest_collection_finish() -> None:
    """A fifth of the time that modules take to be imported goes to looking for garbage, of which
    there is none; nor is it worth a look in what they have made."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With --dist loadgroup: a file each to the process that is free, but for those with Spark. A
    JVM takes half a minute of a core until it is warm: one does what is done to tables, another all
    else, so that neither has to become warm at both."""
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]  # has no types

    class Scheduling(LoadGroupScheduling):  # type: ignore[misc]  # Any to mypy
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return scope.partition("::")[0]

    return Scheduling(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of pytest-xdist has no test left."""
    node.config.stash[ENDED].append(time.monotonic() - node.config.stash[BEGUN])


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGUN], config.stash[ENDED] = time.monotonic(), []
    gc.disable()  # until everything is collected


def pytest_sessionstart(session: pytest.Session) -> None:
    """Which order it is: -q leaves out the line in which pytest-randomly says so. At the start, for
    the log of a run that was ended."""
    if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):
        seed = getattr(session.config.option, "randomly_seed", None)
        reporter.write_line(f"the same order again: --randomly-seed={seed}")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How long one process had nothing to do while the other was still at work."""
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
    return made_once(tmp_path_factory, "world", lambda to: draw_world(to, posts=40, seed=3))


@pytest.fixture(scope="session")
def stored(
    request: pytest.FixtureRequest,
    clip: ClipModel,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A table of all posts of the world, which no test changes."""

    def store(folder: Path) -> str:
        spark = request.getfixturevalue("spark")
        table = PostsTable.open_or_create(
            str(folder / "table"), spark, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
        )
        posts = chain(read_posts(str(world.found)), read_posts(str(world.lost)))
        report = ingest_posts(posts, table, clip)
        assert (report.accepted, report.rejected, report.skipped) == (40, 0, 0)
        assert report.embedded == len(list((world.folder / "photos").glob("*.jpg")))
        return table.uri

    return made_once(tmp_path_factory, "stored", store)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What is made in a folder that the processes of a run share, by the first that wants it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with folder.with_suffix(".made").open("a+b") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        if made.seek(0, os.SEEK_END) == 0:  # where its end was when it was opened says nothing
            made.write(pickle.dumps(make(folder)))
        made.seek(0)
        kept: T = pickle.load(made)
        return kept


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
