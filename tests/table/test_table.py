"""The table on real Spark and Iceberg: import, upsert, withdraw, search on both runners."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from matching_spark import (
    Filters,
    InputError,
    ModelError,
    PostsTable,
    Query,
    SimilarityEngine,
    StorageError,
)
from matching_spark.config import Cache, Hadoop
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import unit
from matching_spark.search.request import QueryItem
from matching_spark.table import posts_table
from matching_spark.table.commits import CONFLICTS, Overtaken, retry
from tests.support import brute
from tests.support.found import hits_of
from tests.support.tables import copied
from tests.support.vectors import write_vectors

DIMENSION = 32
COUNT = 400
CATEGORIES = ("지갑", "가방", "휴대폰")


class Imported:
    """A table, and the posts that are open in it as plain arrays."""

    def __init__(self, uri: str, spark: SparkSession, vectors: np.ndarray) -> None:
        self.uri = uri
        self.spark = spark
        self.vectors = vectors
        self.open = [
            brute.Plain(f"p{i:04d}", vectors[i : i + 1], None) for i in range(len(vectors))
        ]


@pytest.fixture(scope="module")
def imported(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(COUNT, DIMENSION)))
    vectors[50:80] = vectors[50]  # more alike than any k
    ids = [f"p{i:04d}" for i in range(COUNT)]
    categories: list[object] = [CATEGORIES[i % 3] for i in range(COUNT)]
    uri = str(folder / "table")
    write_vectors(folder / "a.parquet", ids[:250], vectors[:250] * 3, category=categories[:250])
    write_vectors(folder / "b.parquet", ids[200:], vectors[200:], category=categories[200:])
    first = ingest_vectors(str(folder / "a.parquet"), uri, spark, "found", Hadoop())
    assert (first.accepted, first.rejected, first.skipped) == (250, 0, 0)
    second = ingest_vectors(str(folder / "b.parquet"), uri, spark, "found", Hadoop())
    # The rows of both are scaled to the same unit vectors, all but rounding.
    assert second.accepted + second.skipped == 200
    assert second.accepted >= 150
    return Imported(uri, spark, vectors)


@pytest.fixture
def own(imported: Imported, tmp_path: Path) -> Imported:
    """The same, to be changed."""
    return Imported(copied(imported.uri, tmp_path / "own"), imported.spark, imported.vectors)


def check(imported: Imported, seed: int, where: Filters | None = None) -> None:
    """Both runners against brute force, over what is open."""
    rng = np.random.default_rng(seed)
    queries = np.concatenate([unit(rng.normal(size=(2, DIMENSION))), imported.vectors[50:51]])
    for runner in ("memory", "spark"):
        driver = imported.spark if runner == "spark" else None
        table = PostsTable.open(imported.uri, driver, Hadoop())
        engine = SimilarityEngine(table, runner, cache=Cache())
        for k, threshold in ((7, -1.0), (100, 0.2)):
            hits = hits_of(engine, queries, top_k=k, threshold=threshold, where=where or Filters())
            for query, got in zip(queries, hits, strict=True):
                want = brute.search(imported.open, QueryItem(image=query), k, threshold)
                assert [m.post_id for m in got] == [i for i, _ in want]
                np.testing.assert_allclose([m.score for m in got], [s for _, s in want], atol=1e-6)


def test_both_runners_give_brute_force(imported: Imported) -> None:
    check(imported, 1)


def test_withdrawn_posts_are_found_no_more_and_an_old_snapshot_still_finds_them(
    own: Imported,
) -> None:
    table = PostsTable.open(own.uri, own.spark, Hadoop())
    before = table.snapshot
    gone = [f"p{i:04d}" for i in range(0, 60, 3)]
    assert table.set_status(gone, "withdrawn") == len(gone)
    assert table.set_status(gone, "withdrawn") == 0
    everything = own.open
    own.open = [post for post in everything if post.post_id not in gone]
    check(own, 2)
    engine = SimilarityEngine(PostsTable.open(own.uri), "memory", cache=Cache())
    query = own.vectors[0]
    assert hits_of(engine, query, snapshot=before)[0][0].post_id == "p0000"
    assert hits_of(engine, query)[0][0].post_id != "p0000"
    closed = hits_of(engine, query, where=Filters(status="withdrawn"))
    assert closed[0][0].post_id == "p0000"


def test_more_posts_are_closed_and_taken_out_than_one_statement_names(
    own: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts_table, "AT_ONCE", 2)
    table = PostsTable.open(own.uri, own.spark, Hadoop())
    some = [f"p{i:04d}" for i in range(5)]
    with pytest.raises(InputError, match="no post 'nobody' in"):
        table.set_status([*some, "nobody"], "claimed")
    before = dict.fromkeys([*some, "p0005"], "open")
    assert table.state.column("status", before) == before, "none is closed where one is unknown"
    assert table.set_status(some, "claimed") == 5
    assert table.state.column("status", before) == before | dict.fromkeys(some, "claimed")
    assert table.set_status([*some, "p0005", "nobody"], "expired", was="open") == 1
    assert table.delete([*some, "nobody"]) == 5
    assert table.delete(some) == 0
    assert table.kinds([*some, "p0005"]).keys() == {"p0005"}


def test_a_table_is_what_it_was_when_opened_until_it_is_refreshed(
    own: Imported, spark: SparkSession
) -> None:
    """Another session is another writer: neither what this one read before nor luck decides."""

    def states() -> set[str]:
        post = table.frame().where("post_id = 'p0399'")
        planned = hits_of(
            SimilarityEngine(table, "memory", cache=Cache()),
            own.vectors[399],
            top_k=1,
            where=Filters(status="claimed"),
        )
        return {row["status"] for row in post.collect()} | {m.status for m in planned[0]}

    table = PostsTable.open(own.uri, spark, Hadoop())
    held = table.frame()
    assert states() == {"open"}
    other = PostsTable.open(own.uri, spark.newSession(), Hadoop())
    other.set_status(["p0399"], "claimed")
    assert states() == {"open"}
    table.refresh()
    assert states() == {"claimed"}
    assert held.where("status = 'claimed'").isEmpty()


CONFLICTING = [RuntimeError(f"org.apache.iceberg.exceptions.{each}: ...") for each in CONFLICTS]


@given(st.integers(0, 6), st.integers(0, 4), st.sampled_from([*CONFLICTING, Overtaken("...")]))
def test_what_others_overtook_is_tried_again_as_often_as_the_settings_say(
    failures: int, retries: int, conflict: Exception
) -> None:
    tries = 0

    def step() -> None:
        nonlocal tries
        tries += 1
        if tries <= failures:
            raise conflict

    hadoop = Hadoop(commit_retries=retries, commit_wait_s=1e-6)
    if failures > retries:
        with pytest.raises(type(conflict)):
            retry(step, hadoop)
    else:
        retry(step, hadoop)
    assert tries == min(failures, retries) + 1


def test_what_is_no_conflict_is_tried_once() -> None:
    tries: list[int] = []

    def step() -> None:
        tries.append(1)
        raise StorageError("HDFS has no DataNode")

    with pytest.raises(StorageError):
        retry(step, Hadoop(commit_retries=5))
    assert len(tries) == 1


@pytest.mark.long
def test_a_closed_post_stays_closed_when_its_vector_changes(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri, source = str(tmp_path / "t"), tmp_path / "v.parquet"
    write_vectors(source, ["a", "b"], np.eye(2, DIMENSION))
    ingest_vectors(str(source), uri, spark, "found", Hadoop())
    PostsTable.open(uri, spark, Hadoop()).set_status(["a"], "claimed")
    write_vectors(source, ["a", "b"], np.eye(2, DIMENSION)[::-1])
    assert ingest_vectors(str(source), uri, spark, "found", Hadoop()).accepted == 2
    rows = PostsTable.open(uri, spark, Hadoop()).frame().select("post_id", "status").collect()
    assert {row["post_id"]: row["status"] for row in rows} == {"a": "claimed", "b": "open"}
    engine = SimilarityEngine(PostsTable.open(uri), "memory", cache=Cache())
    assert [m.post_id for m in hits_of(engine, np.eye(2, DIMENSION)[0])[0]] == ["b"]


def test_filters_by_category(imported: Imported) -> None:
    engine = SimilarityEngine(PostsTable.open(imported.uri), "memory", cache=Cache())
    hits = hits_of(engine, imported.vectors[3], top_k=COUNT, where=Filters(category="가방"))[0]
    assert hits
    assert {m.category for m in hits} == {"가방"}
    files = PostsTable.open(imported.uri).plan(Filters(category="가방")).files
    assert len(files) < len(PostsTable.open(imported.uri).plan().files)


def test_bad_vectors_are_refused_by_name(
    imported: Imported, spark: SparkSession, tmp_path: Path
) -> None:
    rows = [[1.0] * DIMENSION for _ in range(10)]
    rows[9] = [1e200] * DIMENSION  # whose square is beyond float64
    rows[1][3] = float("nan")
    rows[2] = [0.0] * DIMENSION
    rows[3] = [1.0] * 5
    ids = ["ok", "nan", "zero", "short", "", "date", "category", "twice", "twice", "huge"]
    table = pa.table(
        {
            "post_id": ids,
            "vector": pa.array(rows, pa.list_(pa.float64())),
            "category": ["지갑"] * 6 + ["우주선"] + ["지갑"] * 3,
            "happened_on": ["2026-11-01"] * 5 + ["어제"] + [""] * 4,
        }
    )
    pq.write_table(table, tmp_path / "bad.parquet")
    report = ingest_vectors(
        str(tmp_path / "bad.parquet"), str(tmp_path / "t"), spark, "found", Hadoop()
    )
    assert (report.accepted, report.rejected) == (3, 7)
    engine = SimilarityEngine(PostsTable.open(str(tmp_path / "t")), "memory", cache=Cache())
    for hits in hits_of(engine, np.ones(DIMENSION)):
        assert [hit.score for hit in hits] == pytest.approx([1, 1, 1])
    assert {r.post_id: r.reason for r in report.rejects} == {
        "nan": "not-finite",
        "zero": "zero-length",
        "short": "wrong-dimension",
        "": "no-id",
        "date": "bad-date",
        "category": "bad-category",
        "twice": "duplicate-id",
    }
    again = ingest_vectors(
        str(tmp_path / "bad.parquet"), str(tmp_path / "t"), spark, "found", Hadoop()
    )
    assert (again.accepted, again.skipped) == (0, 3)
    write_vectors(tmp_path / "other.parquet", ["a"], np.ones((1, DIMENSION)), model=["clip-x"])
    with pytest.raises(ModelError, match="never compared: those here were made elsewhere"):
        ingest_vectors(str(tmp_path / "other.parquet"), imported.uri, spark, "found", Hadoop())


def test_the_remedy_for_vectors_made_elsewhere_is_no_model(
    tmp_path: Path, spark: SparkSession
) -> None:
    """There is none of that name, and no photo to embed again: as `ingest` of a sheet is told."""
    write_vectors(tmp_path / "v.parquet", ["a"], np.ones((1, 8)))
    ingest_vectors(str(tmp_path / "v.parquet"), str(tmp_path / "t"), spark, "found", Hadoop())
    with pytest.raises(ModelError, match="never compared: those here were made elsewhere") as told:
        PostsTable.open(str(tmp_path / "t")).check_model("small-clip@1")
    assert "reembed" not in str(told.value)
    assert "model.name" not in str(told.value)


def test_the_remedy_for_a_former_build_of_a_model_is_no_setting(
    tmp_path: Path, spark: SparkSession
) -> None:
    write_vectors(tmp_path / "v.parquet", ["a"], np.ones((1, 8)), model=["clip@1"])
    ingest_vectors(str(tmp_path / "v.parquet"), str(tmp_path / "t"), spark, "found", Hadoop())
    table = PostsTable.open(str(tmp_path / "t"))
    with pytest.raises(ModelError, match="reembed the table with clip as it is now"):
        table.check_model("clip@000000000000")
    with pytest.raises(ModelError, match=r"never compared: use its model \(model.name: clip\)"):
        table.check_model("other@1")


def test_no_table_is_made_that_could_not_be_opened(tmp_path: Path, spark: SparkSession) -> None:
    """Of no numbers it was made, and told from then on that another engine had changed it."""
    place = tmp_path / "t"
    for dimension in (0, -1, 10**12):
        with pytest.raises(InputError, match=f"dimension {dimension} is none"):
            PostsTable.open_or_create(
                str(place), spark, model="m@1", dimension=dimension, hadoop=Hadoop()
            )
    assert not place.exists()


def test_queries_that_cannot_be_compared_are_named(imported: Imported) -> None:
    engine = SimilarityEngine(PostsTable.open(imported.uri), "memory", cache=Cache())
    with pytest.raises(InputError, match="wants floating"):
        hits_of(engine, np.ones(DIMENSION + 1))
    with pytest.raises(InputError, match="no length"):
        hits_of(engine, np.zeros(DIMENSION))
    with pytest.raises(InputError, match="the query cannot be compared"):
        engine.search([Query(embedding=[[1.0], [1.0, 2.0]])])
    with pytest.raises(InputError, match="there is no post 'nobody'"):
        hits_of(engine, [Query(post_id="nobody")])
    with pytest.raises(InputError, match="has no snapshot 7"):
        hits_of(engine, np.ones(DIMENSION), snapshot="7")
    with pytest.raises(InputError, match="ingest` makes one"):
        PostsTable.open("/nowhere/at/all")


@pytest.mark.long
def test_mllib_takes_the_embeddings(imported: Imported) -> None:
    from pyspark.ml.clustering import KMeans

    engine = SimilarityEngine(
        PostsTable.open(imported.uri, imported.spark, Hadoop()), cache=Cache()
    )
    frame = engine.embeddings().cache()  # each step of a model reads it again
    assert frame.count() == len(imported.open)
    row = frame.where("post_id = 'p0001'").first()
    assert row is not None
    np.testing.assert_allclose(row["features"].toArray(), imported.vectors[1], atol=1e-6)
    model = KMeans(k=3, seed=1, maxIter=1, initMode="random").fit(frame)
    assert model.transform(frame).select("prediction").distinct().count() == 3
    frame.unpersist()


def test_a_removed_data_file_is_an_error_not_a_shorter_answer(
    spark: SparkSession, tmp_path: Path
) -> None:
    write_vectors(
        tmp_path / "v.parquet", ["a", "b"], np.eye(2, DIMENSION), category=["지갑", "가방"]
    )
    uri = str(tmp_path / "t")
    ingest_vectors(str(tmp_path / "v.parquet"), uri, spark, "found", Hadoop())
    victim = PostsTable.open(uri).plan(Filters(category="지갑")).files[0].uri
    Path(victim).unlink()
    for runner, session in (("memory", None), ("spark", spark)):
        engine = SimilarityEngine(PostsTable.open(uri, session, Hadoop()), runner, cache=Cache())  # type: ignore[arg-type]
        with pytest.raises(StorageError, match="is named by the table but is not there"):
            hits_of(engine, np.ones(DIMENSION))


def test_status_counts(imported: Imported) -> None:
    status = PostsTable.open(imported.uri).status()
    assert status["total"] == COUNT
    assert sum(row["posts"] for row in status["posts"]) == COUNT
    assert status["model"] == f"external/{DIMENSION}"


def test_between_a_commits_deletion_and_renaming_of_its_hint_the_table_is_there(
    own: Imported,
) -> None:
    """Iceberg's Hadoop catalog replaces the hint so; a reader must not say that there is none."""
    table = PostsTable.open(own.uri)
    hint = Path(own.uri) / "posts" / "metadata" / "version-hint.text"
    kept = hint.rename(hint.with_suffix(".kept"))
    try:
        assert PostsTable.open(own.uri).snapshot == table.snapshot is not None
    finally:
        kept.rename(hint)
