"""A table for each test, from one that was made once: what a test does to it is its own."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from matching_spark.config import Hadoop
from matching_spark.table.adopt import adopt
from matching_spark.table.erase import find
from matching_spark.table.posts_table import PostsTable
from matching_spark.table.traces import Subject, betraying, had


def copied(uri: str | Path, to: Path) -> str:
    """A copy that is whole where it lies, and has no history: a second, not an ingest's ten."""
    shutil.copytree(uri, to)
    adopt(str(to), Hadoop())
    return str(to)


def subject(table: PostsTable, post_ids: Iterable[str]) -> Subject:
    """What `traces.look` looks for of some posts: all that gives them away and no other."""
    ids = frozenset(post_ids)
    held = had(find(table.uri, ids)["posts"], ids)
    return betraying(table, ids, held.photos, held.texts)
