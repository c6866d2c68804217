"""Many small ingests: what one costs after hundreds, and what `compact` gives back."""

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.data import settings
from benchmarks.harness import Row, row
from matching_spark import ClipModel, Post, PostsTable, Query, SimilarityEngine
from matching_spark.config import Hadoop
from matching_spark.evaluation.timing import seconds
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.spark.session import session
from matching_spark.table.compact import compact

POSTS = 5  # an ingest
AT = 10  # ingests whose median counts, at the beginning and at the end


def run(full: bool) -> list[Row]:
    count = 300 if full else 30
    with tempfile.TemporaryDirectory() as name, session(settings()) as spark:
        clip = ClipModel.load()
        table = PostsTable.open_or_create(
            f"{name}/table", spark, model=clip.name, dimension=clip.dimension, hadoop=Hadoop()
        )
        taken = [_ingest(table, clip, i) for i in range(count + 1)][1:]  # the first warms Spark
        many, plan = _files(name), _plan(table)
        search = seconds(_search(table, clip), AT, 2)
        start = time.perf_counter()
        compact(PostsTable.open(table.uri, spark, Hadoop(snapshot_keep=timedelta(0))))
        compacted = time.perf_counter() - start
        after = [_ingest(table, clip, count + 1 + i) for i in range(AT)]
        few, plan_after = _files(name), _plan(table)
        search_after = seconds(_search(table, clip), AT, 2)
    what = f"{count} ingests of {POSTS} posts, one after the other"
    return [
        row(what, f"ingests 1 to {AT}", taken[:AT], "s", "warm", "one ingest, to the commit"),
        row(what, f"the last {AT}", taken[-AT:], "s", "warm", "one ingest, to the commit"),
        row(what, f"{AT} after compact", after, "s", "warm", "one ingest, to the commit"),
        row(what, "files of the table", [many], "files", "warm", "data and metadata"),
        row(what, f"files, {AT} after compact", [few], "files", "warm", "data and metadata"),
        row(what, "opening", [1000 * s for s in plan], "ms", "warm", "open, plan"),
        row(what, "opened after compact", [1000 * s for s in plan_after], "ms", "warm", "same"),
        row(what, "a search", [1000 * s for s in search], "ms", "warm", "memory"),
        row(what, "a search after compact", [1000 * s for s in search_after], "ms", "warm", "same"),
        row(what, "compact", [compacted], "s", "cold", "every snapshot but the last expires"),
    ]


def _ingest(table: PostsTable, clip: ClipModel, number: int) -> float:
    """Seconds of one ingest of posts by words: no photo's decoding hides the table's own cost."""
    posts = [
        Post(f"{number}-{i}", "found", "지갑", title=f"검정 지갑 {number}-{i}")
        for i in range(POSTS)
    ]
    start = time.perf_counter()
    report = ingest_posts(posts, table, clip)
    assert report.accepted == POSTS
    return time.perf_counter() - start


def _plan(table: PostsTable) -> list[float]:
    return seconds(lambda: PostsTable.open(table.uri).plan(), AT, 1)


def _search(table: PostsTable, clip: ClipModel) -> Callable[[], object]:
    engine = SimilarityEngine(PostsTable.open(table.uri), "memory", clip, cache=settings().cache)
    return lambda: engine.search([Query(text="검정 지갑")])


def _files(folder: str) -> int:
    return sum(path.is_file() for path in Path(folder).rglob("*"))
