"""A journal merged into a table on HDFS by a merger that is killed in its commit."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, Settings, storage
from matching_spark.config import environment_of
from matching_spark.domain.posts import Kind, Post, Status
from matching_spark.journal.events import PairDecided
from matching_spark.journal.store import Journal
from matching_spark.layout import kept_photo
from matching_spark.matching import decisions
from matching_spark.operations.merge import merge
from matching_spark.spark.cluster import Cluster
from matching_spark.table import side_tables
from matching_spark.table.mark import after
from tests.support.journaled import in_table, photo, read, with_journal, write
from tests.support.processes import LONG_S

pytestmark = pytest.mark.cluster
DRIVER = str(Path(__file__).with_name("driver.py"))
# Whether there is a table before, and where the merger dies.
POINTS = [
    (False, "in commit"),
    (True, "before commit"),
    (True, "in commit"),
    (True, "after commit"),
]


def settings_of(cluster: Cluster, folder: Path, name: str) -> Settings:
    made = with_journal(Settings(), folder)
    made.table = f"{cluster.hdfs}/journal-{name}"
    return made


def written(settings: Settings, clip: ClipModel, again: bool) -> dict[str, tuple[str, str]]:
    """Events of five posts and a decision; again: they change, and two come. What they are now."""
    with closing(Journal.open_or_create(settings)) as journal:
        posts: dict[str, tuple[str, str]] = {}
        for n in range(7 if again else 5):
            new = not again or n > 4
            title = f"지갑 {n}" if new else f"고친 지갑 {n}"
            status: Status = "claimed" if n == 1 and again else "open"
            kind: Kind = "lost" if n == 0 else "found"
            post = Post(f"s-{n}", kind, "지갑", title=title, status=status)
            sha = photo(settings, "red" if n % 2 else "blue")
            sequence = 1 if new else 2
            what = "add" if new else "close" if status != "open" else "edit"
            write(journal, clip, post, sequence, [sha], what=what)
            posts[post.post_id] = (title, status)
        journal.append(PairDecided("s-0", "s-2", "rejected" if again else "confirmed"), "system")
    return posts


def drive(point: str, settings: Settings) -> None:
    """A merger of its own that kills itself, and its JVM, at the point."""
    done = subprocess.run(
        [sys.executable, DRIVER, "merge", point, settings.table, "-"],
        capture_output=True,
        text=True,
        timeout=5 * LONG_S,
        start_new_session=True,
        check=False,
        env=os.environ | environment_of(settings),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_merger_killed_in_its_commit_takes_all_in_once_when_it_is_run_again(
    cluster: Cluster, session: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    cases = []
    for before, point in POINTS:
        name = f"{point.replace(' ', '-')}-{'again' if before else 'first'}"
        settings = settings_of(cluster, tmp_path / name, name)
        posts = written(settings, clip, again=False)
        if before:
            assert merge(settings, spark=session).posts == len(posts)
            posts = written(settings, clip, again=True)
        cases.append((before, point, settings, posts))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda case: drive(case[1], case[2]), cases))

    for before, point, settings, posts in cases:
        with closing(Journal.open_or_create(settings)) as journal:
            table = PostsTable.of(settings)
            taken = after(table.metadata, journal) == journal.last()
            assert taken or point != "after commit"
            assert not taken or point != "before commit"
            assert before or point == "in commit"
            # A reader has all of it, and each once, wherever the merger died.
            assert read(settings, journal) == {i: title for i, (title, _) in posts.items()}
            merged = merge(settings, spark=session)
            assert merged.mark == journal.last()
            assert (merged.events == 0) == taken
            assert merge(settings, spark=session).events == 0
            rows = in_table(settings.table)
            assert {i: (row["title"], row["status"]) for i, row in rows.items()} == posts
            for colour in ("red", "blue"):
                kept = kept_photo(PostsTable.of(settings).photos, photo(settings, colour))
                assert storage.read_bytes(kept)
            said = side_tables.read(settings.table, decisions.NAME)
            verdicts = ["confirmed", "rejected"] if before else ["confirmed"]
            assert sorted(row["verdict"] for row in said) == verdicts
