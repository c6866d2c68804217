"""Changing a table's model: searches go on, what is written meanwhile is carried over."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from matching_spark import (
    ClipModel,
    Filters,
    ModelError,
    PostsTable,
    Query,
    Settings,
    SimilarityEngine,
    StorageError,
)
from matching_spark.config import Cache, Hadoop
from matching_spark.domain.posts import Post
from matching_spark.embed.photos import open_photo
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.reembed import reembed
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.operations.warehouse import model_of
from matching_spark.progress import Silent
from tests.support.commands import command
from tests.support.found import hits_of

OTHER = Path(__file__).parents[1] / "golden" / "siglip"


@pytest.fixture
def table(spark: SparkSession, own: str) -> PostsTable:
    return PostsTable.open(own, spark, Hadoop())


@pytest.fixture(scope="module")
def other() -> ClipModel:
    return ClipModel(OTHER)


def assert_holds(table: PostsTable, model: ClipModel) -> None:
    """Every vector of the table is what the model makes of the kept photo, or of the words."""
    table.refresh()
    assert (table.model, table.dimension) == (model.name, model.dimension)
    rows = table.frame().collect()
    assert {row["model"] for row in rows} == {model.name}
    for row in rows:
        for photo in row["photos"]:
            with open_photo(Path(photo["uri"]).read_bytes()) as image:
                expected = model.embed_images([image])[0]
            # Its decoder was let off what the tower does not see.
            assert np.frombuffer(photo["vector"], "<f4") @ expected > 0.999
        words = " ".join(filter(None, (row["title"], row["description"])))
        assert (row["text_vector"] is None) == (not words)
        if words:
            expected = model.embed_texts([words])[0]
            np.testing.assert_allclose(
                np.frombuffer(row["text_vector"], "<f4"), expected, atol=1e-4
            )


@pytest.mark.long
def test_writers_and_searches_go_on_and_nothing_is_lost(
    table: PostsTable, clip: ClipModel, other: ClipModel, spark: SparkSession
) -> None:
    before = table.frame().drop("photos", "text_vector", "model").collect()
    first, second = sorted(row["post_id"] for row in before if row["status"] == "open")[:2]
    changed = table.frame().where(F.col("post_id") == second).collect()[0]
    query = Query(text="검정 지갑")
    expected = hits_of(SimilarityEngine(table, "memory", clip, cache=Cache()), [query])
    old_snapshot = table.snapshot

    class Meanwhile(Silent):
        def count(self, what: str, done: int, total: int) -> None:
            if (what, done) != ("passes", 1):
                return
            now = PostsTable.open(table.uri, spark, Hadoop())
            # The branch is there, and nobody sees it.
            engine = SimilarityEngine(now, "memory", clip, cache=Cache())
            assert hits_of(engine, [query]) == expected
            now.set_status([first], "withdrawn")
            posts = [
                Post("new", "found", "지갑", title="빨간 지갑"),
                Post(second, changed["kind"], changed["category"], title="다시 쓴 제목"),
            ]
            assert ingest_posts(posts, now, clip).accepted == 2

    report = reembed(table, other, Meanwhile())
    assert report.passes == 2
    assert_holds(table, other)
    after = {row["post_id"]: row for row in table.frame().collect()}
    assert set(after) == {row["post_id"] for row in before} | {"new"}
    assert after[first]["status"] == "withdrawn"
    assert after[second]["title"] == "다시 쓴 제목"
    for row in before:
        if row["post_id"] not in (first, second):
            assert after[row["post_id"]].asDict().items() >= row.asDict().items()

    engine = SimilarityEngine(table, "memory", other, cache=Cache())
    assert hits_of(engine, [Query(text="빨간 지갑")], where=Filters(kind="found"))[0]
    with pytest.raises(ModelError, match="reembed this one with small-clip"):
        SimilarityEngine(table, "memory", clip, cache=Cache())
    assert old_snapshot not in table.snapshots
    assert not list(Path(table.uri).glob("staging/*/*"))


def test_a_kept_photo_that_does_not_open_is_named(table: PostsTable, other: ClipModel) -> None:
    snapshot = table.snapshot
    broken, gone, *_ = sorted(Path(table.photos).glob("**/*.jpg"))
    whole = {each: each.read_bytes() for each in (broken, gone)}
    broken.write_bytes(whole[broken][:400])
    gone.unlink()
    with pytest.raises(StorageError, match="put them back as they were") as raised:
        reembed(table, other)
    assert f"{broken}: truncated" in str(raised.value)
    assert f"{gone}: no " in str(raised.value)
    table.refresh()
    assert table.snapshot == snapshot


def test_posts_whose_photos_nobody_has_are_named(
    table: PostsTable, other: ClipModel, spark: SparkSession, tmp_path: Path
) -> None:
    vector = np.eye(1, table.dimension, dtype=np.float32)[0].tolist()
    row = {"post_id": "bare", "vector": vector, "model": table.model}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "v.parquet")
    ingest_vectors(str(tmp_path / "v.parquet"), table.uri, spark, "found", Hadoop())
    table.refresh()
    with pytest.raises(ModelError, match=r"no photo to embed \(bare\): ingest them with their"):
        reembed(table, other)


def test_cut_off_it_goes_on_and_the_table_is_as_it_was(
    table: PostsTable, clip: ClipModel, other: ClipModel
) -> None:
    snapshot = table.snapshot

    class Cut(Silent):
        def count(self, what: str, done: int, total: int) -> None:
            if what == "passes":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reembed(table, other, Cut())
    table.refresh()
    assert (table.snapshot, table.model) == (snapshot, clip.name)
    table.session.sql(f"ALTER TABLE {table.name} CREATE BRANCH reembed_given_up")
    report = reembed(table, other)
    assert (report.embedded, report.passes) == (0, 1)
    assert set(table.metadata.metadata.refs) == {"main"}, "of one to a third model too"
    assert_holds(table, other)
    # Who names no model searches and writes with the table's own.
    settings = Settings(table=table.uri)
    assert model_of(settings, table).name == other.name
    named = Settings(table=table.uri, model={"name": "small-clip"})  # type: ignore[arg-type]
    assert model_of(named, table).name == clip.name
    done = command("search", "--text", "지갑", "--runner", "memory", "--table", table.uri)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostsTable, "model_place", "/gone/siglip")
        with pytest.raises(ModelError, match="the model of /gone/siglip, which is not here"):
            model_of(settings, table)


def test_a_writer_of_the_old_model_is_refused(
    table: PostsTable, clip: ClipModel, other: ClipModel, spark: SparkSession
) -> None:
    late = PostsTable.open(table.uri, spark, Hadoop())
    rows = late.frame().limit(3).localCheckpoint()
    reembed(table, other)
    with pytest.raises(ModelError, match="has changed from small-clip"):
        late.upsert(rows)
    # Another engine's append asks nobody; a search does not take its vectors for ours.
    rows.writeTo(table.name).append()
    table.refresh()
    with pytest.raises(ModelError, match="holds vectors of small-clip"):
        hits_of(SimilarityEngine(table, "memory", other, cache=Cache()), [Query(text="지갑")])
