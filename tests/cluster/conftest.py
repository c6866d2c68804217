"""One cluster a process of tests, its DataNodes on small file systems, whole after each test."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark.spark.cluster import Cluster, down, up
from tests.cluster import guardian
from tests.support.cluster import CACHE, Disk, driving


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this process's tests; no daemon in it outlives them, however they end."""
    # Ended by a time limit, these tests clean up as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder: Path = tmp_path_factory.getbasetemp()
    with subprocess.Popen(
        [sys.executable, guardian.__file__, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for it
    ) as process:
        yield folder
        process.communicate(guardian.DONE)


@pytest.fixture(scope="session")
def place(guarded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cluster")
    return folder


@pytest.fixture(scope="session")
def disks(place: Path) -> Iterator[list[Disk]]:
    """Those of the DataNodes; empty where this user may not mount."""
    found = [Disk(place / f"data-{i}") for i in range(2)]
    mounted = [disk for disk in found if disk.mount()]
    try:
        yield mounted
    finally:
        for disk in mounted:
            disk.unmount()


@pytest.fixture(scope="session")
def started(place: Path, disks: list[Disk]) -> Iterator[Cluster]:
    try:
        yield up(place, CACHE)
    finally:
        if known := Cluster.load(place):
            for disk in disks:  # a mount is not removed with what lies on it
                disk.unmount()
            down(place, delete=True)
            assert not any(process.alive for process in known.processes)
            assert not place.exists()


@pytest.fixture
def cluster(started: Cluster, place: Path) -> Cluster:
    """All of it up: what a test before this one has killed is started again."""
    known = Cluster.load(place)
    assert known is not None
    return known if all(p.alive for p in known.processes) else up(place, CACHE)


@pytest.fixture(scope="module")
def session(started: Cluster) -> Iterator[SparkSession]:
    """This process as a driver of the cluster; for the tests of `make test-cluster` alone.

    It holds the workers, which drivers of the next module's tests would wait for.
    """
    with driving(started) as spark:
        yield spark
