"""An erased post is in no file of the warehouse or the cache; the others are as they were."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Filters, Post, PostsTable, Query, Settings, SimilarityEngine
from matching_spark import operations as ops
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.posts import Reject
from matching_spark.errors import InputError, StorageError
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.matching import decisions
from matching_spark.matching.decisions import Decision
from matching_spark.operations.warehouse import made
from matching_spark.table import erase as erasing
from matching_spark.table import traces
from matching_spark.table.erase import erase
from matching_spark.table.history import commits
from matching_spark.table.procedures import Procedures
from matching_spark.table.traces import Subject, look
from matching_spark.table.undo import undo
from tests.support.commands import command
from tests.support.found import hits_of
from tests.support.tables import subject

ID = "사람-2026-0001"
TRACED = (".parquet", ".avro")
SECRET = "은색 목걸이에 새긴 이름 김아무개, 안쪽에 1987년 3월"


def photo(path: Path, shade: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (shade, 90, 30)).save(path)
    return str(path)


@pytest.fixture
def table(tmp_path: Path, spark: SparkSession, clip: ClipModel) -> PostsTable:
    """Three commits with the post in several versions, a pair decided, a reject."""
    table = made(Settings(table=str(tmp_path / "t")), clip, spark)
    common = photo(tmp_path / "in/common.png", 200)
    first = Post(
        ID,
        "found",
        "귀금속",
        title="목걸이",
        description=SECRET,
        place="서울역 4번 출구 앞 벤치",
        photos=(photo(tmp_path / "in/own.png", 10), common),
    )
    others = [
        Post(f"other-{i}", "found", "귀금속", title=f"반지 {i}", photos=(common,)) for i in range(3)
    ]
    lost = Post("lost-1", "lost", "귀금속", title="목걸이를 잃어버렸습니다")
    ingest_posts([*others[:2], lost], table, clip)
    ingest_posts([first], table, clip)
    new = photo(tmp_path / "in/new.png", 60)
    changed = replace(first, title="목걸이 (고침)", photos=(new, common))
    report = ingest_posts([changed, others[2], Reject("a.csv:3", ID, "bad-row")], table, clip)
    (tmp_path / "t/rejects").mkdir()
    lines = [json.dumps({"post_id": i, "reason": "x"}) + "\n" for i in (ID, "other-1")]
    lines.append("written by hand\n")
    (tmp_path / "t/rejects/a.jsonl").write_text("".join(lines), "utf-8")
    assert report.updated == 1
    decisions.store(table, [Decision("lost-1", ID, "confirmed", "desk")])
    decisions.store(table, [Decision("lost-1", "other-1", "rejected", "desk")])
    return table


def settings(table: PostsTable, tmp_path: Path) -> Settings:
    return Settings(table=table.uri, cache=Cache(folder=str(tmp_path / "cache")))


def rows(table: PostsTable) -> dict[str, dict[str, Any]]:
    table.refresh()
    return {row["post_id"]: row.asDict(recursive=True) for row in table.frame().collect()}


def files(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]


def everything(folder: Path) -> bytes:
    return b"".join(Path(file).read_bytes() for file in files(folder))


def assert_found_wherever_it_hides(table: PostsTable, places: list[str]) -> None:
    """The proof can fail: before an erase it finds the post in each kind of file."""
    found: dict[str, set[str]] = {}
    for place, what in look(places, subject(table, [ID])).found:
        found.setdefault(Path(place).suffix, set()).add(what)
    assert found[".parquet"] >= {"the id", "words", "a photo's hash"}
    assert found[".avro"] >= {"the id", "words"}, "as bounds, compressed"
    assert "a photo's hash in its name" in found[".jpg"]
    assert "the id" in found[".jsonl"]
    assert look(places, Subject(frozenset(["a"]))).found == (), "it stands in much, nowhere whole"


def test_nothing_of_it_is_left_and_all_else_is(
    table: PostsTable, tmp_path: Path, clip: ClipModel, spark: SparkSession
) -> None:
    engine = SimilarityEngine(PostsTable.open(table.uri), "memory", clip, cache=Settings().cache)
    query = Query(text="목걸이")
    before = hits_of(engine, [query], 10, threshold=-2.0)[0]
    assert ID in {match.post_id for match in before}
    kept = rows(table)
    own = {p["sha256"] for p in kept.pop(ID)["photos"]}
    assert len(own) == 2
    assert SECRET.encode() in everything(tmp_path / "t")
    assert len(table.snapshots) > 2
    assert_found_wherever_it_hides(table, files(tmp_path / "t"))

    done = command(*("erase", ID, "--proof", "--table", table.uri), spark=spark, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == {"posts": 1, "decisions": 1}
    assert (report["photos"], report["shared_photos"], report["rejects"]) == (2, 1, 1)
    assert {"parquet", "avro", "json", "jpg", "jsonl"} <= report["proof"]["files"].keys()
    assert report["proof"]["found"] == []

    assert rows(table) == kept, "sequence, time and vectors of the others too"
    assert decisions.latest(table.uri) == {("lost-1", "other-1"): "rejected"}
    assert table.snapshots == [table.snapshot]
    assert [each.command for each in commits(table)] == ["erase"]
    raw = everything(tmp_path / "t")
    assert (SECRET.encode() in raw, ID.encode() in raw) == (False, False)
    photos = {path.stem for path in (tmp_path / "t/photos").rglob("*.jpg")}
    assert len(photos & own) == 1, "the one that others have too"
    # The engine planned from a snapshot that has ended.
    after = hits_of(engine, [query], 10, threshold=-2.0)[0]
    assert [(m.post_id, m.score) for m in after] == [
        (m.post_id, m.score) for m in before if m.post_id != ID
    ]
    with pytest.raises(InputError, match="no snapshot"):
        hits_of(engine, [query], 10, snapshot=engine.table.state.snapshots[-1] + "0")
    # It may come again: it is another post now.
    ingest_posts([Post(ID, "found", "귀금속", title="다른 목걸이")], table, clip)
    assert rows(table)[ID]["sequence"] == 1
    undo(table, table.snapshots[1])
    assert rows(table) == kept


@pytest.mark.long
def test_what_was_taken_back_or_left_by_the_dead_is_erased_too(
    table: PostsTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo(table, table.snapshots[-1])  # to before it came: it is in other snapshots only
    tag = f"CREATE TAG kept AS OF VERSION {table.snapshots[0]}"
    table.session.sql(f"ALTER TABLE {table.name} {tag}")
    assert ID not in rows(table)
    held = Path(erasing.find(table.uri, frozenset([ID]))["posts"][0])
    dead = held.with_name("00000-0-dead.parquet")
    dead.write_bytes(held.read_bytes())

    def fails(*_: object) -> None:
        raise StorageError("HDFS is away")

    for owner, step, left in (
        (Procedures, "rewrite_manifests", "left are pairs, decisions and alerts; rejects"),
        (PostsTable, "delete", "left are rows and earlier snapshots; caches: HDFS is away"),
        (Procedures, "rewrite", "left are rows and earlier snapshots; caches: HDFS is away"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, fails)
            with pytest.raises(StorageError, match=left):
                erase(table, [ID])
    before = {Path(f): Path(f).read_bytes() for f in files(tmp_path / "t") if f.endswith(TRACED)}
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "finish", fails)
        with pytest.raises(StorageError, match="left are caches: HDFS is away"):
            erase(table, [ID])
    again = [path.write_bytes(data) for path, data in before.items() if not path.exists()]
    assert len(again) > 10, "killed before Iceberg had removed what it had ended"
    report, subject = erase(table, [ID])
    assert (report.rows["posts"], report.orphans) == (0, len(again))
    assert any(SECRET.startswith(word) for word in subject.words), "read from what was to end"
    assert not dead.exists()
    assert look(files(tmp_path / "t"), subject).found == ()
    assert sorted(rows(table)) == ["lost-1", "other-0", "other-1"]
    with pytest.raises(InputError, match="there is no post"):
        erase(table, [ID])


def test_what_the_dead_have_left_torn_goes_too(table: PostsTable, tmp_path: Path) -> None:
    """A writer that is killed in the middle of a file: of a table's, of what is staged, of a photo
    or of a cache's entry."""
    held = Path(erasing.find(table.uri, frozenset([ID]))["posts"][0])
    half = held.read_bytes()[: held.stat().st_size // 2]
    staged = tmp_path / "t/staging/import-0/_temporary/0/part-0.parquet"
    staged.parent.mkdir(parents=True)
    sha = rows(table)[ID]["photos"][0]["sha256"]  # of any column
    (kept,) = (tmp_path / "t/photos").rglob(f"{sha}.jpg")
    cached = tmp_path / "cache/shards/dead.tmp"
    cached.parent.mkdir(mode=0o700, parents=True)
    torn = [
        *(held.with_name("00000-0-dead.parquet"), staged, cached),
        kept.with_name(f"{kept.name}.{'0' * 32}.tmp"),
    ]
    for place in torn:
        place.write_bytes(half)
    torn.append(tmp_path / "t/posts/metadata/dead-m0.avro")
    torn[-1].write_bytes(b"Obj\x01torn")
    torn.append(tmp_path / "t/fetched/00/0")  # whole, and by its address, not by what it shows
    torn[-1].parent.mkdir(parents=True)
    torn[-1].write_bytes((tmp_path / "in/new.png").read_bytes())
    done = ops.posts.erase(settings(table, tmp_path), [ID], True, spark=table.session)
    assert done.proof is not None
    assert [place for place in torn if place.exists()] == []
    assert sorted(rows(table)) == ["lost-1", "other-0", "other-1", "other-2"]


@pytest.mark.long
def test_one_that_was_killed_before_it_came_to_the_caches_is_run_again(
    table: PostsTable, tmp_path: Path, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No snapshot knows the post any more by then, and who erases another one may come first."""
    wanted = settings(table, tmp_path)
    engine = SimilarityEngine(PostsTable.of(wanted), "memory", clip, cache=wanted.cache)
    own = {p["sha256"] for p in rows(table)[ID]["photos"]}
    own -= {p["sha256"] for p in rows(table)["other-0"]["photos"]}
    thumbnails = [tmp_path / f"cache/thumbnails/{sha}-320.jpg" for sha in own]
    thumbnails[0].parent.mkdir(mode=0o700, parents=True)

    class Killed(BaseException):
        pass

    def dies(*_: object) -> int:
        raise Killed

    def killed() -> None:
        hits_of(engine, [Query(text="목걸이")], 10, threshold=-2.0)
        for each in thumbnails:
            each.write_bytes(b"small")
        with monkeypatch.context() as patch:
            patch.setattr(ops.posts, "forget", dies)
            with pytest.raises(Killed):
                ops.posts.erase(wanted, [ID], spark=table.session)
        assert ID not in rows(table)
        assert SECRET.encode() in everything(tmp_path / "cache")

    def assert_gone() -> None:
        left = everything(tmp_path)
        assert (SECRET.encode() in left, ID.encode() in left) == (False, False)
        assert not any(each.exists() for each in thumbnails)

    killed()
    ops.posts.erase(wanted, [ID], True, spark=table.session)
    assert_gone()
    with pytest.raises(InputError, match="there is no post"):
        ops.posts.erase(wanted, [ID], spark=table.session)
    ingest_posts([Post(ID, "found", "귀금속", title="목걸이", description=SECRET)], table, clip)
    thumbnails = []
    killed()
    ops.posts.erase(wanted, ["other-2"], spark=table.session)
    assert_gone()


@pytest.mark.long
def test_the_only_post_of_a_file_and_ids_that_need_quoting(
    tmp_path: Path, spark: SparkSession, clip: ClipModel
) -> None:
    named = "${spark.app.name} ${env:PATH} \\u0024{spark.app.name}"  # what Spark would fill in
    odd = ['it\'s \\ "odd"', "a", named, "a.jpg"]
    table = made(Settings(table=str(tmp_path / "t")), clip, spark)
    posts = [Post(i, "found", "가방", title=f"가방 {n}") for n, i in enumerate(odd)]
    lost = Post("lost-1", "lost", "가방", title="가방을 잃어버렸습니다")
    ingest_posts(posts[:1], table, clip)
    ingest_posts([*posts[1:], lost], table, clip)
    decisions.store(table, [Decision(lost.post_id, i, "rejected", "desk") for i in odd])
    done = ops.posts.erase(settings(table, tmp_path), odd[:3], True, spark=spark)
    rows_gone = {"posts": 3, "decisions": 3}
    assert (done.rows, done.proof and done.proof.found) == (rows_gone, ())
    assert sorted(rows(table)) == ["a.jpg", lost.post_id]
    assert list(decisions.latest(table.uri)) == [(lost.post_id, "a.jpg")]
    erase(table, ["a.jpg", lost.post_id])
    assert rows(table) == {}
    engine = SimilarityEngine(PostsTable.open(table.uri), "memory", clip, cache=Settings().cache)
    assert hits_of(engine, [Query(text="가방")], 3, where=Filters(kind="found")) == [[]]


def test_what_of_many_posts_stands_in_no_other(stored: str, spark: SparkSession) -> None:
    table = PostsTable.open(stored, spark, Hadoop())
    kept = rows(table)
    gone = frozenset(sorted(kept)[::2])
    photos, texts, others = set(), set(gone), []
    for post_id, row in kept.items():
        own = {p["sha256"] for p in row["photos"]}
        told = {str(row[name]) for name in traces.TRACED if row[name]}
        if post_id in gone:
            photos |= own
            texts |= {traces.begins(each) for each in told}
        else:
            others.append("\n".join([post_id, *told, *own]))
    shared = {each for each in photos | texts if any(each in other for other in others)}
    got = subject(table, gone)
    assert got.photos == photos - shared
    assert got.words | got.plain == {
        each for each in texts - shared if len(each) >= traces.LEAST_WORD
    }
    assert len(shared) > 5, "some are of others too"
    assert len(got.words) > 10


def test_what_cannot_be_read_is_not_looked_at(tmp_path: Path) -> None:
    short = Subject(frozenset(["a"]))
    assert look([__file__], Subject(frozenset(), words=frozenset([SECRET]))).found
    (tmp_path / "x.avro").write_bytes(b"Obj\x01torn")
    with pytest.raises(StorageError, match="not looked at"):
        look([str(tmp_path / "x.avro")], short)
    torn = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": ["b" * 99]}), torn, compression="none", write_page_checksum=True)
    for first, last in ((4, 12), (40, 44), (-40, -8)):  # a page's head, its bytes, the footer
        data = bytearray(torn.read_bytes())
        data[first:last] = bytes(byte ^ 255 for byte in data[first:last])
        (tmp_path / "y.parquet").write_bytes(data)
        with pytest.raises(StorageError, match=r"y\.parquet cannot be read, so not looked at"):
            look([str(tmp_path / "y.parquet")], short)
    assert not look([str(torn), str(tmp_path / "gone")], short).found


def test_begins_is_what_every_bound_has() -> None:
    assert traces.begins("가" * 16) == "가" * 16
    assert traces.begins("가" * 17) == "가" * 15
