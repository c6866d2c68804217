"""First touch: a data file read, checked, written to the cache and mapped, by one core."""

import shutil
import time

from benchmarks.data import WORK, clustered, settings, table
from benchmarks.harness import Row, ratio_row, row
from matching_spark import cache
from matching_spark.cache import ShardCache
from matching_spark.session import session


def run(full: bool) -> list[Row]:
    with session(settings()) as spark:
        opened = table("search-200000", clustered(200_000), None, spark)
    folder = WORK / "first"
    first: list[float] = []
    again: list[float] = []
    files = opened.plan()
    size = sum(file.size_bytes for file in files) / 1e6
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        resident = ShardCache(str(folder), 8 << 30)
        for out in (first, again):
            cache._held.clear()
            start = time.perf_counter()
            for file in files:
                resident.load(file, opened.space)
            out.append(size / (time.perf_counter() - start))
    shutil.rmtree(folder)
    what = f"{size:.0f} MB of shards from a folder, one core"
    return [
        row(what, "first touch", first, "MB/s", "cold", "read, check, write, checksum"),
        row(what, "opened by a new process", again, "MB/s", "warm", "mapped and checksum"),
        ratio_row(what, "first touch, MB/s a core", sorted(first)[1], "cold", "", 150, True),
    ]
