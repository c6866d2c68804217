"""Ingest of photos: nothing lost, nothing twice, bad input by its reason, the rest going on."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Filters, PostsTable, Query, Settings, SimilarityEngine
from matching_spark.config import Cache, Hadoop
from matching_spark.demo.world import World
from matching_spark.domain.posts import Post
from matching_spark.errors import StorageError
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.report import Report
from matching_spark.ingest.staging import STAGED, Item, Staging
from matching_spark.layout import text_key
from matching_spark.operations.warehouse import made
from matching_spark.progress import SILENT, Silent
from matching_spark.sources import read_posts
from matching_spark.table.loose_files import drop_staged
from tests.support.found import hits_of
from tests.support.processes import in_session, wait_until


def ingest(source: Path, uri: Path, spark: SparkSession, clip: ClipModel) -> Report:
    table = made(Settings(table=str(uri)), clip, spark)
    return ingest_posts(read_posts(str(source), kind=None), table, clip)


def test_the_same_again_is_skipped_and_embeds_nothing(
    stored: str, spark: SparkSession, clip: ClipModel, world: World
) -> None:
    table = PostsTable.open(stored, spark, Hadoop())
    snapshot = table.snapshot
    report = ingest_posts(read_posts(str(world.found)), table, clip)
    assert (report.accepted, report.skipped, report.embedded) == (0, 30, 0)
    assert table.snapshot == snapshot


def test_a_changed_post_is_updated_once_and_a_closed_one_stays_closed(
    own: str, spark: SparkSession, clip: ClipModel, world: World, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in world.found.read_text("utf-8").splitlines()][:2]
    for row in rows:
        row["title"] = "고친 제목"
        row["photos"] = [str(world.folder / photo) for photo in row["photos"]]
    changed = tmp_path / "changed.jsonl"
    changed.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    table = PostsTable.open(own, spark, Hadoop())
    table.set_status([rows[0]["post_id"]], "claimed")
    report = ingest_posts(read_posts(str(changed)), table, clip)
    assert (report.accepted, report.embedded) == (2, 0)
    posts = table.frame().where("title = '고친 제목'").select("post_id", "status").collect()
    assert sorted(tuple(p) for p in posts) == sorted(
        [(rows[0]["post_id"], "claimed"), (rows[1]["post_id"], "open")]
    )
    assert table.frame().count() == 40


def test_a_post_closed_while_it_is_embedded_stays_closed(
    own: str, spark: SparkSession, clip: ClipModel, world: World, tmp_path: Path
) -> None:
    row = json.loads(world.found.read_text("utf-8").splitlines()[1])
    row["title"] = "다시 고친 제목"
    row["photos"] = [str(world.folder / photo) for photo in row["photos"]]
    changed = tmp_path / "changed.jsonl"
    changed.write_text(json.dumps(row) + "\n", "utf-8")
    other = PostsTable.open(own, spark.newSession(), Hadoop())
    closed: list[int] = []

    class Closing(Silent):
        def count(self, what: str, done: int, total: int) -> None:
            closed.append(other.set_status([row["post_id"]], "claimed"))

    table = PostsTable.open(own, spark, Hadoop())
    assert ingest_posts(read_posts(str(changed)), table, clip, Closing()).accepted == 1
    assert sum(closed) == 1
    post = table.frame().where(f"post_id = '{row['post_id']}'").select("title", "status").collect()
    assert [tuple(p) for p in post] == [("다시 고친 제목", "claimed")]


def test_a_lost_things_photo_finds_its_counterpart(
    stored: str, spark: SparkSession, clip: ClipModel, world: World
) -> None:
    truth = [json.loads(line) for line in world.truth.read_text("utf-8").splitlines()]
    want = next(t["found_id"] for t in truth if t["same"] and t["lost_id"] == world.query_id)
    query = Query(image=world.query_photo)
    answers = []
    for runner, session in (("spark", spark), ("memory", None)):
        table = PostsTable.open(stored, session, Hadoop())
        engine = SimilarityEngine(table, runner, clip, cache=Cache())  # type: ignore[arg-type]
        hits = hits_of(engine, [query], top_k=5, where=Filters(kind="found"))[0]
        answers.append([(m.post_id, m.score) for m in hits])
    assert want in [post_id for post_id, _ in answers[0]]
    assert answers[0] == answers[1]


def test_words_find_posts_with_and_without_photos(stored: str, clip: ClipModel) -> None:
    engine = SimilarityEngine(PostsTable.open(stored), "memory", clip, cache=Cache())
    hits = hits_of(engine, [Query(text="지갑")], top_k=50, where=Filters(status=None))[0]
    assert {m.matched for m in hits} == {"photo", "text"}
    assert len(hits) == 40


def jpeg(colour: str, size: tuple[int, int] = (64, 64)) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 60, (*size, 3), dtype=np.uint8)
    picture = Image.blend(Image.new("RGB", size, colour), Image.fromarray(noise), 0.3)
    picture.save(out, "JPEG")
    return out.getvalue()


def test_bad_posts_are_rejected_by_reason_and_the_rest_goes_on(
    spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    good = jpeg("red")
    photos = {
        "good.jpg": good,
        "같은사진.jpg": good,
        "zero.jpg": b"",
        "cut.jpg": jpeg("blue", (400, 400))[:3000],
        "text.jpg": "사진이 아닙니다".encode(),
        "svg.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
    }
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    rows: list[dict[str, object]] = [
        {"post_id": "good", "photos": ["good.jpg"]},
        {"post_id": "same", "photos": ["같은사진.jpg"]},
        {"post_id": "zero", "photos": ["zero.jpg"]},
        {"post_id": "cut", "photos": ["cut.jpg"]},
        {"post_id": "text", "photos": ["text.jpg"]},
        {"post_id": "svg", "photos": ["svg.jpg"]},
        {"post_id": "dot", "photos": ["dot.png"]},
        {"post_id": "missing", "photos": ["missing.jpg"]},
        {"post_id": "half", "photos": ["zero.jpg", "good.jpg"]},
        {"post_id": "words", "title": "검정 지갑", "photos": ["zero.jpg"]},
        {"post_id": "placeholder", "title": "우산", "photos": ["x/img02_no_img.gif"]},
        {"post_id": "good", "photos": ["good.jpg"]},
        {"photos": ["good.jpg"]},
        {"post_id": "date", "photos": ["good.jpg"], "happened_on": "그저께"},
        {"post_id": "category", "photos": ["good.jpg"], "category": "우주선"},
    ]
    source = tmp_path / "posts.jsonl"
    source.write_text("".join(json.dumps({"kind": "found"} | row) + "\n" for row in rows))
    report = ingest(source, tmp_path / "table", spark, clip)
    reasons = {(r.post_id, r.reason) for r in report.rejects}
    assert reasons == {
        ("zero", "empty"),
        ("cut", "truncated"),
        ("text", "not-a-photo"),
        ("svg", "not-a-photo"),
        ("dot", "too-small"),
        ("missing", "missing"),
        ("half", "empty"),
        ("words", "empty"),
        ("good", "duplicate-id"),
        ("", "no-id"),
        ("date", "bad-date"),
        ("category", "bad-category"),
    }
    assert (report.accepted, report.rejected, report.placeholders) == (5, 10, 1)
    frame = PostsTable.open(str(tmp_path / "table"), spark, Hadoop()).frame()
    stored = {r["post_id"]: len(r["photos"]) for r in frame.collect()}
    assert stored == {"good": 1, "same": 1, "half": 1, "words": 0, "placeholder": 0}
    # Two posts with the same photo, and one photo a second time: it was embedded once.
    kept = list((tmp_path / "table" / "photos").rglob("*.jpg"))
    assert len(kept) == 1
    assert not list((tmp_path / "table" / "staging").rglob("*.parquet"))


KILLED = """
import sys
from matching_spark import ClipModel, PostsTable, Settings, start_session
from matching_spark.ingest import pipeline, staging
from matching_spark.sources import read_posts
from matching_spark.table.loose_files import drop_staged
from tests.support.processes import in_session, wait_until
from tests.support.tables import copied
staging.PHOTOS_A_TASK = 8
settings = Settings(spark={"conf": {"spark.master": "local[1]"}})
spark = start_session(settings)
clip = ClipModel.load()
table = PostsTable.open_or_create(
    sys.argv[2], spark, model=clip.name, dimension=clip.dimension, hadoop=settings.hadoop
)
pipeline.ingest_posts(read_posts(sys.argv[1], kind="found"), table, clip)
"""


@pytest.mark.processes
def test_killed_and_run_again_nothing_is_lost_or_embedded_twice(
    spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(5)
    count = 120
    for i in range(count):
        picture = Image.fromarray(rng.integers(0, 255, (300, 300, 3), dtype=np.uint8))
        picture.save(photos / f"사진{i:03d}.png", compress_level=0)
    uri = tmp_path / "table"
    command = [sys.executable, "-c", KILLED, str(photos), str(uri)]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def is_staged() -> bool:
        assert process.poll() is None, "the ingest ended before anything was staged"
        return any(uri.glob("staging/*/*.parquet"))

    wait_until(is_staged, "a staged file")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Workers are of its session, not of its group: they end when nobody asks them any more.
    wait_until(lambda: not in_session(process.pid), "the end of its workers")
    staged = list(uri.glob("staging/*/*.parquet"))
    done = sum(pq.read_metadata(file).num_rows for file in staged)
    assert 0 < done < count
    table = PostsTable.open(str(uri), spark, Hadoop())
    assert table.snapshot is None
    report = ingest_posts(read_posts(str(photos), kind="found"), table, clip)
    assert (report.accepted, report.rejected) == (count, 0)
    assert report.embedded == count - done
    assert table.frame().count() == table.frame().select("post_id").distinct().count() == count


def test_the_same_job_that_ends_meanwhile_is_named(
    own: str, spark: SparkSession, clip: ClipModel
) -> None:
    """It clears what this one has listed."""
    staging = Staging(spark, own, clip, "posts", SILENT)
    Path(staging.folder).mkdir(parents=True)
    (Path(staging.folder) / "0.parquet").symlink_to("gone.parquet")  # listed, and not there
    with pytest.raises(StorageError, match=r"0\.parquet went meanwhile.*run this one again"):
        staging.keys()


def test_what_an_erase_takes_before_the_commit_is_named(
    own: str, spark: SparkSession, clip: ClipModel
) -> None:
    """In our words, not in Spark's frame of them; and the same run again does what is asked."""
    table = PostsTable.open(own, spark, Hadoop())
    posts = [Post(f"new-{word}", "found", title=word) for word in ("지갑", "우산")]

    class Erased(Silent):
        """Of a post with the same words, once they are staged."""

        def count(self, what: str, done: int, total: int) -> None:
            if done == total:
                drop_staged(table, {"key": [text_key("우산")]})

    what = f"^{own} could not be written: post new-우산: what .* has gone, .*; run it again$"
    with pytest.raises(StorageError, match=what):
        ingest_posts(posts, table, clip, Erased())
    assert ingest_posts(posts, table, clip).accepted == 2


def test_what_is_staged_is_read_once_and_of_a_chunk_its_own(
    own: str, spark: SparkSession, clip: ClipModel
) -> None:
    """A hundred chunks read the first one's a hundred times."""
    staging = Staging(spark, own, clip, "posts", SILENT)
    first, second = (Path(staging.folder) / name for name in ("0.parquet", "1.parquet"))
    first.parent.mkdir(parents=True)
    for place, key in ((first, "text:a"), (second, "text:b")):
        row = {"key": key, "vector": bytes(4)}
        pq.write_table(pa.Table.from_pylist([row], STAGED), place)
        _, keys = staging.keys()
        assert key in keys
        first.write_bytes(b"")  # which nobody could read again
    assert "text:a" in keys
    frame = staging.frame(["text:b", "text:c"])
    assert frame is not None
    assert [row["key"] for row in frame.collect()] == ["text:b"]
    assert staging.frame(["text:c"]) is None
    first.unlink()  # as the same job does that ends first
    _, keys = staging.keys()
    assert "text:b" in keys
    assert "text:a" not in keys


def test_a_photo_that_changes_while_it_is_read_is_not_anothers(
    own: str, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    sha = hashlib.sha256(b"half of it").hexdigest()
    key = f"photo:{sha}"
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "a.png")
    staging = Staging(spark, own, clip, "posts", SILENT)
    items = spark.sparkContext.parallelize([Item(key, str(tmp_path / "a.png"))], 1)
    staging.embed("photos", items, 1)
    failed, _ = staging.keys()
    assert failed[key][0] == "unreadable"
    assert "changed while it was read" in failed[key][1]
    assert not list(Path(own).rglob(f"{sha}*"))


def test_threads_never_fight(spark: SparkSession, clip: ClipModel) -> None:
    """A task has one core: one thread for ONNX Runtime, one for OpenMP and BLAS."""
    folder = str(clip.folder)

    def threads(_: object) -> Iterator[tuple[str, set[int], int]]:
        import faiss  # noqa: F401  (brings OpenMP)
        from threadpoolctl import threadpool_info

        from matching_spark.embed.clip import worker_model

        model = worker_model(folder, 8, "cpu")
        # How many threads a session has, only the session itself says.
        options = model._visual.get_session_options()  # noqa: SLF001
        pools = {pool["num_threads"] for pool in threadpool_info()}
        yield os.environ["OMP_NUM_THREADS"], pools, options.intra_op_num_threads

    for said, pools, onnx in (
        spark.sparkContext.parallelize(range(2), 2).mapPartitions(threads).collect()
    ):
        assert (said, pools, onnx) == ("1", {1}, 1)
