"""A table is one only where it was made: copies are refused, and adopted they are whole."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.manifest import DataFileContent, clear_manifest_cache
from pyspark.sql import SparkSession

from matching_spark import (
    ClipModel,
    InputError,
    PostsTable,
    SimilarityEngine,
    StorageError,
    storage,
)
from matching_spark.config import Cache, Hadoop
from matching_spark.demo.world import World
from matching_spark.domain.posts import Post
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching import decisions, matches_table
from matching_spark.sources import read_posts
from matching_spark.table.adopt import adopt
from matching_spark.table.compact import compact
from matching_spark.table.metadata import live_files, load_metadata
from matching_spark.table.versions import newest
from tests.support.copies import AT_ONCE, RULES, answers, backdate, copied, files, refused

pytestmark = pytest.mark.long


def by_pyiceberg(place: Path) -> set[tuple[str, str]]:
    """What Iceberg's own Python reads, deletes applied by it."""
    path = newest(str(place), "posts")
    assert path is not None
    table = load_metadata(path)
    ids = table.scan(selected_fields=("post_id", "status")).to_arrow()
    return set(zip(ids["post_id"].to_pylist(), ids["status"].to_pylist(), strict=True))


def moved(warehouse: Path, tmp_path: Path) -> tuple[Path, Path]:
    prod, test = copied(warehouse, tmp_path)
    shutil.rmtree(prod)
    return warehouse, test


def by_links(warehouse: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The tables are real, the warehouse is not: its folders are links to the original's."""
    test = tmp_path / "test"
    test.mkdir()
    for each in warehouse.iterdir():
        (test / each.name).symlink_to(each)
    return warehouse, test


@pytest.mark.parametrize("way", [copied, moved, by_links])
def test_another_place_is_refused(
    warehouse: Path, tmp_path: Path, way: Callable[..., tuple[Path, Path]], spark: SparkSession
) -> None:
    prod, test = way(warehouse, tmp_path)
    before = files(prod)
    refused(test, spark)
    assert files(prod) == before


def test_an_adopted_copy_is_whole_and_its_own(
    warehouse: Path, tmp_path: Path, spark: SparkSession, clip: ClipModel
) -> None:
    prod, test = copied(warehouse, tmp_path)
    want, there, decided = answers(prod, clip), by_pyiceberg(prod), decisions.latest(str(prod))
    assert sum(status == "withdrawn" for _, _, status, _ in want) == 6
    report = adopt(str(test))
    assert report.tables == ["decisions", "matches", "posts"]
    assert report.made_at == str(prod)
    assert report.delete_files > 0
    assert (report.snapshot, report.lacks) == (PostsTable.open(str(test)).snapshot, [])
    with pytest.raises(InputError, match="nothing to adopt"):
        adopt(str(test))
    assert answers(test, clip) == answers(test, clip, spark) == want
    assert by_pyiceberg(test) == there
    assert decisions.latest(str(test)) == decided
    # Of Spark's own reading, which applies the deletes by itself.
    table = PostsTable.open(str(test), spark, AT_ONCE)
    assert {(r["post_id"], r["status"]) for r in table.frame().collect()} == there
    assert len(table.snapshots) == 1
    assert table.space.centroids() is not None
    matcher = SimilarityEngine(table, "spark", clip, cache=Cache()).matcher(RULES)
    pairs = matches_table.kept(matcher).count()
    again = matches_table.update(matcher, new=True)
    assert (again.full, again.pairs, again.added, again.removed) == (True, pairs, 0, 0)
    # What is done to the copy, and what its maintenance removes, is its own.
    before, ours = files(prod), answers(prod, clip)
    backdate(prod, test)
    gone = sorted(post_id for post_id, _, status, _ in want if status == "open")[:2]
    assert table.set_status(gone, "claimed") == 2
    backdate(prod, test)
    assert compact(table).orphan_files > 0
    now = {post_id: (score, photo) for post_id, score, _, photo in answers(test, clip)}
    assert now == {post_id: (score, photo) for post_id, score, _, photo in want}
    assert answers(test, clip) == answers(test, clip, spark)
    assert files(prod) == before
    assert answers(prod, clip) == answers(prod, clip, spark) == ours == want
    shutil.rmtree(prod)
    assert {i for i, *_ in answers(test, clip)} == {i for i, *_ in want}


def test_what_is_taken_in_after_an_adoption(
    warehouse: Path, tmp_path: Path, spark: SparkSession, clip: ClipModel, world: World
) -> None:
    """A photo that the table has already is not embedded again, and named in this folder."""
    prod, test = copied(warehouse, tmp_path)
    shutil.rmtree(prod)
    adopt(str(test))
    table = PostsTable.open(str(test), spark, AT_ONCE)
    posts = [p for p in read_posts(str(world.found)) if isinstance(p, Post) and p.photos]
    again = [replace(posts[0], post_id="twin", title="같은 사진")]
    report = ingest_posts(again, table, clip)
    assert (report.accepted, report.embedded) == (1, 0)
    uris = table.frame().where("post_id = 'twin'").selectExpr("photos.uri").collect()[0][0]
    assert uris
    assert all(uri.startswith(f"{test}/photos/") and storage.exists(uri) for uri in uris)


def test_through_a_link_it_is_the_same_table(
    warehouse: Path, tmp_path: Path, spark: SparkSession, clip: ClipModel
) -> None:
    """Made by its real path and opened through a link, and the other way round."""
    prod, _ = copied(warehouse, tmp_path)
    link = tmp_path / "link"
    link.symlink_to(prod)
    want = answers(prod, clip)
    assert [a[:3] for a in answers(link, clip)] == [a[:3] for a in want]
    with pytest.raises(InputError, match="nothing to adopt"):
        adopt(str(link))
    table = PostsTable.open(str(link), spark, AT_ONCE)
    assert table.uri == str(prod)
    backdate(prod)
    compact(table)
    assert answers(prod, clip) == answers(link, clip) == want
    # Made through the link, whose name all its files have, and compacted by the real path.
    (tmp_path / "real").mkdir()
    way = tmp_path / "way"
    way.symlink_to(tmp_path / "real")
    shutil.copytree(prod, way / "table")
    adopt(str(way / "table"))
    real = tmp_path / "real" / "table"
    table = PostsTable.open(str(real), spark, AT_ONCE)
    assert table.uri == str(way / "table")
    table.set_status([want[0][0]], "expired")
    backdate(real)
    compact(table)
    assert {i for i, *_ in answers(real, clip)} == {i for i, *_ in want}
    assert answers(real, clip) == answers(way / "table", clip)
    # The link goes another way: what lies there is not what was opened.
    way.unlink()
    way.symlink_to(tmp_path / "elsewhere")
    refused(real, spark)
    adopt(str(real))
    assert {i for i, *_ in answers(real, clip)} == {i for i, *_ in want}


@pytest.fixture
def mounted(warehouse: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    prod, _ = copied(warehouse, tmp_path)
    mount = tmp_path / "mount"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "--bind", str(prod), str(mount)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a bind mount needs root: {done.stderr.strip()}")
    yield prod, mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_through_a_bind_mount_it_is_the_same_table(
    mounted: tuple[Path, Path], spark: SparkSession, clip: ClipModel
) -> None:
    prod, mount = mounted
    want = answers(prod, clip)
    assert answers(mount, clip) == want
    table = PostsTable.open(str(mount), spark, AT_ONCE)
    backdate(prod)
    compact(table)
    assert answers(prod, clip) == answers(mount, clip) == want


def test_half_a_copy_is_not_adopted(warehouse: Path, tmp_path: Path, spark: SparkSession) -> None:
    """Whatever file the current state needs is gone, cut off or not what it was."""
    _, test = copied(warehouse, tmp_path)
    path = newest(str(test), "posts")
    assert path is not None
    table = load_metadata(path)
    current = table.current_snapshot()
    assert current is not None
    named = [current.manifest_list, *(m.manifest_path for m in current.manifests(table.io))]
    lists, *manifests = [test / "posts" / "metadata" / Path(place).name for place in named]
    files_of = {f.content: f for f in live_files(table, [current.snapshot_id])}
    data, deletes = (
        Path(str(files_of[content].file_path).replace(str(test.parent / "prod"), str(test)))
        for content in (DataFileContent.DATA, DataFileContent.POSITION_DELETES)
    )

    def cut(file: Path) -> None:
        os.truncate(file, 100)

    def spoil(file: Path) -> None:
        file.write_bytes(bytes(file.stat().st_size))

    def flip(file: Path) -> None:
        raw = bytearray(file.read_bytes())
        raw[40:44] = bytes(byte ^ 255 for byte in raw[40:44])  # in its first page
        file.write_bytes(raw)

    for victim, damages in (
        (lists, (Path.unlink, cut)),
        (manifests[0], (Path.unlink, cut)),
        (data, (Path.unlink, cut)),
        (deletes, (Path.unlink, cut, spoil, flip)),
    ):
        for damage in damages:
            raw = victim.read_bytes()
            damage(victim)
            clear_manifest_cache()
            with pytest.raises(StorageError, match="is no whole copy of"):
                adopt(str(test))
            assert newest(str(test), "posts") == path
            refused(test, spark)
            victim.write_bytes(raw)
    clear_manifest_cache()
    assert "posts" in adopt(str(test)).tables


def test_a_copy_without_a_hint_or_with_one_ahead(
    warehouse: Path, tmp_path: Path, spark: SparkSession, clip: ClipModel
) -> None:
    """As a copy that is taken while somebody commits may have it."""
    prod, test = copied(warehouse, tmp_path)
    want = answers(prod, clip)
    for name in ("posts", "decisions"):
        (test / name / "metadata" / "version-hint.text").unlink()
    refused(test, spark)
    assert adopt(str(test)).tables == ["decisions", "matches", "posts"]
    assert answers(test, clip, spark) == want
    for hint in ("99", ""):
        (test / "posts" / "metadata" / "version-hint.text").write_text(hint)
        assert answers(test, clip) == want


def test_the_same_folder_by_a_name_unknown_here_is_not_adopted(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a nameservice's is without its HADOOP_CONF_DIR: for the others it would be another's."""
    prod, _ = copied(warehouse, tmp_path)
    link = tmp_path / "link"
    link.symlink_to(prod)
    monkeypatch.setattr(storage, "same_place", lambda one, other: one == other)
    with pytest.raises(StorageError, match="was moved or copied from"):
        PostsTable.open(str(link))
    before = {name for name, _ in files(prod)}
    with pytest.raises(InputError, match="by another name"):
        adopt(str(link))
    assert {name for name, _ in files(prod)} - {".writer.lock"} == before - {".writer.lock"}


def test_what_did_not_come_along_is_named(warehouse: Path, tmp_path: Path, clip: ClipModel) -> None:
    prod, test = copied(warehouse, tmp_path)
    want = answers(prod, clip)
    shutil.rmtree(test / "cells")
    assert adopt(str(test)).lacks == ["cells"]
    assert PostsTable.open(str(test)).space.cells is None
    assert answers(test, clip) == want


def test_a_handle_sees_that_its_folder_was_replaced(
    warehouse: Path, tmp_path: Path, spark: SparkSession
) -> None:
    """By another state under the same version's name: nothing of the old plan is used."""
    prod, test = copied(warehouse, tmp_path)
    adopt(str(test))
    table = PostsTable.open(str(test), spark, AT_ONCE)
    old, location = table.plan().files, table.metadata.metadata_location
    shutil.rmtree(test)
    shutil.copytree(prod, test)
    adopt(str(test))
    table.refresh()
    assert table.metadata.metadata_location == location
    assert table.snapshot == PostsTable.open(str(test)).snapshot
    assert table.plan().files == PostsTable.open(str(test)).plan().files != old


def test_an_empty_table_is_adopted_too(tmp_path: Path, spark: SparkSession) -> None:
    PostsTable.open_or_create(
        str(tmp_path / "a"), spark, model="any@1", dimension=8, hadoop=Hadoop()
    )
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    refused(tmp_path / "b", spark)
    assert adopt(str(tmp_path / "b")).snapshot is None
    table = PostsTable.open(str(tmp_path / "b"), spark, Hadoop())
    assert table.snapshot is None
    assert (table.plan().files, table.frame().count()) == ((), 0)
