"""compact and undo: the same answers from fewer files, and a running search keeps its snapshot."""

import json
import os
import threading
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, InputError, PostsTable, Query, SimilarityEngine, StorageError
from matching_spark.config import Cache, Hadoop, Settings
from matching_spark.demo.world import World
from matching_spark.domain.posts import Filters, Post
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching import matches_table
from matching_spark.matching.matcher import MatchRules
from matching_spark.operations.warehouse import made
from matching_spark.sources import read_posts
from matching_spark.table.compact import compact, waiting
from matching_spark.table.procedures import Procedures
from matching_spark.table.undo import posts_at, undo
from tests.support.found import hits_of
from tests.support.tables import copied

DAY_S = 86_400
AT_ONCE = Hadoop(snapshot_keep=timedelta(0), commit_wait_s=0.05)
EVERYTHING = Filters(status=None)


@pytest.fixture(scope="module")
def original(
    spark: SparkSession, clip: ClipModel, world: World, tmp_path_factory: pytest.TempPathFactory
) -> PostsTable:
    """Posts in several small files. Tests copy it."""
    uri = str(tmp_path_factory.mktemp("kept") / "table")
    table = made(Settings(table=uri, hadoop=AT_ONCE), clip, spark)
    found = [p for p in read_posts(str(world.found)) if isinstance(p, Post)]
    ingest_posts(found[:20], table, clip)
    ingest_posts(found[20:], table, clip)
    return table


@pytest.fixture
def table(original: PostsTable, spark: SparkSession, tmp_path: Path) -> PostsTable:
    """Several small files, two snapshots, the second with deletes: three withdrawn."""
    uri = copied(original.uri, tmp_path / "table")
    table = PostsTable.open(uri, spark, AT_ONCE)
    posts = table.frame().select("post_id").orderBy("post_id").limit(3).collect()
    table.set_status([row["post_id"] for row in posts], "withdrawn")
    return table


def answers(uri: str, clip: ClipModel, snapshot: str | None = None) -> list[tuple[str, float]]:
    engine = SimilarityEngine(PostsTable.open(uri), "memory", clip, cache=Cache())
    query = [Query(text="검정 지갑")]
    hits = hits_of(engine, query, 100, where=EVERYTHING, snapshot=snapshot)[0]
    return [(m.post_id, m.score) for m in hits]


def backdate(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (time.time() - 2 * DAY_S,) * 2)


def test_nothing_expires_before_its_time_however_old_it_is(
    table: PostsTable, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search plans from the current snapshot, which may be old: its clock starts when it ends."""
    hadoop = Hadoop(snapshot_keep=timedelta(hours=1), target_file_bytes=5 << 20)
    patient = PostsTable.open(table.uri, table.spark, hadoop)
    written, ended = (each.timestamp_ms / 1000 for each in table.metadata.metadata.snapshot_log)
    for now, expiring in (((written + ended) / 2, 0), (ended + 1, 1)):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda now=now: now + 3600)
            assert waiting(patient).expiring_snapshots == expiring
    before, planned = answers(table.uri, clip), table.snapshot
    old = table.snapshots
    gain = waiting(patient)
    assert gain.small_files > 0
    assert 0 < gain.files_after < len(patient.plan().files)
    assert (gain.deleted_rows, gain.expiring_snapshots) == (3, 0)
    assert gain.waiting_snapshots == len(old) - 1
    sizes = {file.uri: file.size_bytes for file in patient.plan().files}
    report = compact(patient)
    assert (report.files_after, report.delete_files_after) == (gain.files_after, 0)
    assert report.expired_snapshots == 0
    gone = [sizes[uri] for uri in sizes.keys() - {file.uri for file in patient.plan().files}]
    assert (report.rewritten_files, report.rewritten_bytes) == (len(gone), sum(gone))
    # None of its commits has taken a post away or brought one back.
    assert {posts_at(patient, each) for each in patient.snapshots} == {patient.frame().count()}
    told = patient.state.metadata.properties
    assert told["write.target-file-size-bytes"] == str(5 << 20)
    assert set(old) < set(patient.snapshots)
    assert answers(table.uri, clip) == answers(table.uri, clip, planned) == before


@pytest.mark.long
def test_compacted_and_expired_the_answers_are_the_same(
    table: PostsTable, clip: ClipModel, spark: SparkSession
) -> None:
    before = answers(table.uri, clip)
    backdate(Path(table.uri))  # the copy's old history goes
    compact(PostsTable.open(table.uri, spark, Hadoop(snapshot_keep=timedelta(hours=1))))
    table.refresh()
    assert waiting(table).expiring_bytes > 0
    engine = SimilarityEngine(table, "spark", clip, cache=Cache())
    matches_table.update(engine.matcher(MatchRules(threshold=-1.0)))
    photos = Path(table.uri) / "photos"
    named = set(photos.rglob("*.jpg"))
    orphan, fresh = (photos / "00" / "00" / f"{c * 64}.jpg" for c in "ab")
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"of a post that changed its photo")
    (photos / "notes.txt").write_text("not ours")
    stray = Path(table.uri) / "posts" / "data" / "stray.parquet"
    stray.write_bytes(b"of a writer that was killed")
    left, running = (Path(table.uri) / "staging" / f"import-{c}" / "0.parquet" for c in "ab")
    given_up, killed = (Path(table.uri) / "staging" / job / "0.parquet" for job in ("old", "new"))
    for file, photo in ((left, "x"), (running, "x"), (given_up, "e"), (killed, "f")):
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table({"post_id": ["x"], "key": [f"photo:{photo * 64}"]}), file)
    unnamed, staged = (photos / "00" / "00" / f"{c * 64}.jpg" for c in "ef")
    for file in (unnamed, staged):  # a post's that was erased, and one that an ingest goes on with
        file.write_bytes(b"of a post that no commit has named")
    half, begun = (photos / "00/00" / f"{c * 64}.jpg.{c * 32}.tmp" for c in "cd")
    for file in (half, begun):
        file.write_bytes(b"half of a photo")
    backdate(Path(table.uri))
    os.utime(running)
    os.utime(begun)
    os.utime(given_up, (time.time() - 31 * DAY_S,) * 2)
    fresh.write_bytes(b"of an ingest that is about to commit")
    report = compact(table)
    assert report.expired_snapshots > 0
    assert (report.orphan_files, report.orphan_photos) == (1, 2)
    assert not orphan.exists()
    assert not stray.exists()
    assert not left.parent.exists()
    assert (running.exists(), killed.exists()) == (True, True)
    assert (given_up.exists(), unnamed.exists()) == (False, False)
    assert (half.exists(), begun.exists()) == (False, True)
    assert named | {fresh, staged} == set(photos.rglob("*.jpg"))
    assert (photos / "notes.txt").exists()
    assert answers(table.uri, clip) == before
    assert table.snapshots == [table.snapshot]
    gain = waiting(table)
    assert (gain.small_files, gain.deleted_rows, gain.expiring_snapshots) == (0, 0, 0)
    data = set((Path(table.uri) / "posts" / "data").rglob("*.parquet"))
    assert {Path(f.uri) for f in table.plan().files} == data
    again = compact(table)
    assert (again.rewritten_files, again.expired_snapshots) == (0, 0)


@pytest.mark.long
def test_no_part_is_left_as_it_was_where_commits_overtake_each_other(table: PostsTable) -> None:
    """A rewrite's threads commit at once, and Iceberg tries each so often alone."""
    name = "commit.retry.num-retries"
    table.session.sql(f"ALTER TABLE {table.name} SET TBLPROPERTIES ('{name}' = '0')")
    assert compact(table).delete_files_after == 0
    gain = waiting(table)
    assert (gain.small_files, gain.deleted_rows) == (0, 0)


@pytest.mark.long
def test_a_state_that_ends_while_somebody_asks_for_it_is_not_there_any_more(
    table: PostsTable, clip: ClipModel, tmp_path: Path
) -> None:
    """What has gone is no loss of the table, to be restored, where the current state stays."""
    former = table.snapshots[1]
    reading = PostsTable.open(table.uri)
    engine = SimilarityEngine(reading, "memory", clip, cache=Cache(folder=str(tmp_path / "cold")))
    Procedures(table).expire("posts", [int(former)])
    assert reading.snapshots[1:] == [former]
    with pytest.raises(InputError, match=f"no snapshot {former}; there are: {table.snapshot}$"):
        hits_of(engine, [Query(text="검정 지갑")], snapshot=former)
    assert hits_of(engine, [Query(text="검정 지갑")])


@pytest.mark.long
def test_undo_takes_back_an_import_and_can_be_undone(
    table: PostsTable, clip: ClipModel, world: World
) -> None:
    before, good, history = answers(table.uri, clip), table.snapshot, table.snapshots
    assert good is not None
    changed = [p for p in read_posts(str(world.found)) if isinstance(p, Post)][:2]
    mistaken = [Post("oops", "found", "지갑", title="검정 지갑"), *changed]
    ingest_posts([*mistaken], table, clip)
    ingest_posts([Post("oops2", "found", "가방", title="검정 가방")], table, clip)
    wrong, seen = table.snapshot, answers(table.uri, clip)
    assert wrong is not None
    report = undo(table, good)
    assert (report.snapshot, report.undone, report.commits) == (good, wrong, 2)
    assert report.posts_before - report.posts_after == 2
    assert answers(table.uri, clip) == before
    assert table.snapshots == history
    assert undo(table, wrong).posts_after == report.posts_before
    assert answers(table.uri, clip) == seen
    undo(table, good)
    with pytest.raises(InputError, match=f"no snapshot 7 to go back to; there are: .*{good}"):
        undo(table, "7")
    # What came after is written on top, and the undone import expires.
    ingest_posts([Post("late", "found", "지갑", title="빨간 지갑")], table, clip)
    assert compact(table).expired_snapshots >= 2
    assert wrong not in {str(s.snapshot_id) for s in table.metadata.snapshots()}
    assert "late" in dict(answers(table.uri, clip))
    assert "oops" not in dict(answers(table.uri, clip))


def test_undo_does_not_take_back_what_it_did_not_see(
    table: PostsTable, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, present = table.snapshot, answers(table.uri, clip)[0][0]
    assert first is not None
    ingest_posts([Post("a", "found", "지갑", title="지갑")], table, clip)
    swap = table.swap

    def overtaken(base: str | None, change: object) -> bool:
        other = PostsTable.open(table.uri, table.spark, Hadoop())
        other.set_status([present], "claimed")
        return swap(base, change)  # type: ignore[arg-type]

    monkeypatch.setattr(table, "swap", overtaken)
    with pytest.raises(StorageError, match="nothing was taken back"):
        undo(table, first)
    assert "a" in dict(answers(table.uri, clip))


def test_compact_and_a_withdrawal_at_once(table: PostsTable, clip: ClipModel) -> None:
    """A post withdrawn while its file is rewritten, or what it read expired, stays withdrawn."""
    table.refresh()
    ids = [i for i, _ in answers(table.uri, clip)][:4]
    table.set_status(ids[:2], "expired")
    failed: list[BaseException] = []

    def withdraw() -> None:
        try:
            for post_id in ids[2:]:
                PostsTable.open(table.uri, table.spark, AT_ONCE).set_status([post_id], "claimed")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=withdraw)
    thread.start()
    compact(table)
    thread.join()
    assert not failed
    table.refresh()
    rows = {r["post_id"]: r["status"] for r in table.frame().select("post_id", "status").collect()}
    assert [rows[i] for i in ids] == ["expired"] * 2 + ["claimed"] * 2
    assert len(rows) == table.frame().count()


def test_status_says_what_compact_would_gain(
    table: PostsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    from matching_spark.cli.app import app

    app(["status", "--table", table.uri, "--json"], standalone_mode=False)
    state = json.loads(capsys.readouterr().out)
    gain = waiting(PostsTable.open(table.uri, None, Hadoop()))
    assert gain.deleted_rows == 3
    gone = waiting(PostsTable.open(table.uri, None, AT_ONCE))
    assert (gone.expiring_snapshots, gone.expiring_bytes) == (1, 0), "the present one has its files"
    assert state["compact"] == asdict(gain)
    assert state["snapshots"] == table.snapshots
    assert state["snapshots"][0] == state["snapshot"] == table.snapshot


def test_an_ingest_that_ends_meanwhile_is_named(table: PostsTable) -> None:
    """Its photos are named by a snapshot that compact has not read."""
    orphan = Path(table.uri) / "photos" / "00" / "00" / f"{'c' * 64}.jpg"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"of a post that changed its photo")
    staged = Path(table.uri) / "staging" / "job" / "0.parquet"
    staged.parent.mkdir(parents=True)
    staged.symlink_to("gone.parquet")  # listed, and not there when it is read
    backdate(Path(table.uri))
    with pytest.raises(StorageError, match=r"staging/job/0\.parquet went meanwhile.*compact again"):
        compact(table)
    assert orphan.exists()
