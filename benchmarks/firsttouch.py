"""First touch: a data file read, checked, written to the cache and mapped, by one core.

From a folder, and with --full from the HDFS of a development cluster on this machine.
"""

import os
import shutil
import time
from statistics import median

from benchmarks.data import WORK, clustered, settings, table
from benchmarks.harness import Row, ratio_row, row
from matching_spark import PostsTable
from matching_spark.shards import cache
from matching_spark.shards.cache import ShardCache
from matching_spark.spark.cluster import down, up
from matching_spark.spark.session import session


def run(full: bool) -> list[Row]:
    with session(settings()) as spark:
        opened = table("search-200000", clustered(200_000), None, spark)
    rows = _measured(opened, "a folder", 150)
    return rows + _hdfs() if full else rows


def _measured(opened: PostsTable, where: str, goal: float) -> list[Row]:
    folder = WORK / "first"
    first: list[float] = []
    again: list[float] = []
    files = opened.plan().files
    size = sum(file.size_bytes for file in files) / 1e6
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        resident = ShardCache(str(folder), 8 << 30)
        for out in (first, again):
            cache.close_all()
            start = time.perf_counter()
            for file in files:
                resident.load(file, opened.space)
            out.append(size / (time.perf_counter() - start))
    shutil.rmtree(folder)
    what = f"{size:.0f} MB of shards from {where}, one core"
    return [
        row(what, "first touch", first, "MB/s", "cold", "read, check, write, checksum"),
        row(what, "opened by a new process", again, "MB/s", "warm", "mapped and checksum"),
        ratio_row(what, "first touch, MB/s a core", median(first), "cold", "", goal, True),
    ]


def _hdfs() -> list[Row]:
    folder = WORK / "cluster"
    running = up(folder, WORK / "jars")
    try:
        os.environ["HADOOP_CONF_DIR"] = running.hadoop_conf
        with session(settings()) as spark:
            opened = table("first", clustered(200_000), None, spark, root=running.hdfs)
        return _measured(opened, "HDFS, two DataNodes on this machine", 100)
    finally:
        down(folder, delete=True)
        del os.environ["HADOOP_CONF_DIR"]
