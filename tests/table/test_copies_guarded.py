"""What writes to a table looks whose it is: copies, links and foreign tables are let alone."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, StorageError
from matching_spark.matching import decisions
from matching_spark.progress import Silent
from matching_spark.table.adopt import adopt
from matching_spark.table.compact import compact
from matching_spark.table.undo import undo
from matching_spark.table.versions import newest
from tests.support import tables
from tests.support.copies import AT_ONCE, answers, backdate, copied, files


@pytest.fixture(scope="module")
def warehouse(stored: str, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's table and a decision: a guard asks for no more, and the other one takes long."""
    folder: Path = tmp_path_factory.mktemp("original") / "prod"
    table = PostsTable.open(tables.copied(stored, folder), spark, AT_ONCE)
    decisions.store(table, [decisions.Decision("lost", "found", "confirmed", "desk")])
    return folder


def test_a_table_that_becomes_a_copy_while_it_is_open_is_not_written(
    warehouse: Path, tmp_path: Path, spark: SparkSession
) -> None:
    """As by a restore into its folder: a handle from before knows no better than its next look."""
    prod, test = copied(warehouse, tmp_path)
    adopt(str(test))
    table = PostsTable.open(str(test), spark, AT_ONCE)
    shutil.rmtree(test)
    shutil.copytree(prod, test)
    before = files(prod)
    for write in (
        lambda: table.set_status(["F00001"], "claimed"),
        lambda: compact(table),
        lambda: undo(table, table.snapshots[-1]),
        lambda: table.set_cells("any"),
    ):
        with pytest.raises(StorageError, match="was moved or copied from"):
            write()
    assert files(prod) == before


def test_compact_refuses_links_inside_and_files_elsewhere(
    warehouse: Path, tmp_path: Path, spark: SparkSession, clip: ClipModel
) -> None:
    prod, test = copied(warehouse, tmp_path)
    adopt(str(test))
    want = answers(test, clip)
    backdate(prod, test)
    before = files(prod)
    link = test / "posts" / "data" / "more"
    link.symlink_to(prod / "posts" / "data")
    with pytest.raises(StorageError, match="more is a link"):
        compact(PostsTable.open(str(test), spark, AT_ONCE))
    link.unlink()
    # A file by its way through a link: what an older version wrote into a table made by a link.
    way = tmp_path / "way"
    way.symlink_to(tmp_path)
    path = newest(str(test), "posts")
    assert path is not None
    raw = Path(path).read_text("utf-8")
    manifest_list = f"{test}/posts/metadata/snap-"
    Path(path).write_text(raw.replace(manifest_list, f"{way}/test/posts/metadata/snap-"), "utf-8")
    with pytest.raises(StorageError, match="which does not lie there"):
        compact(PostsTable.open(str(test), spark, AT_ONCE))
    assert adopt(str(test)).tables == ["posts"]
    compact(PostsTable.open(str(test), spark, AT_ONCE))
    assert answers(test, clip) == want
    assert files(prod) == before


def test_a_foreign_table_that_comes_while_compact_runs_is_let_alone(
    warehouse: Path, tmp_path: Path, spark: SparkSession
) -> None:
    prod, test = copied(warehouse, tmp_path)
    adopt(str(test))
    backdate(prod, test)
    before = files(prod)

    class Copying(Silent):
        def say(self, what: str) -> None:
            if what.startswith("expiring"):
                shutil.rmtree(test / "decisions")
                shutil.copytree(prod / "decisions", test / "decisions")
                backdate(test / "decisions")

    with pytest.raises(StorageError, match="was moved or copied from"):
        compact(PostsTable.open(str(test), spark, AT_ONCE), Copying())
    assert files(prod) == before
    assert decisions.latest(str(prod))
