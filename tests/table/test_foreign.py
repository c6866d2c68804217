"""Tables that others or time have changed: read rightly, or refused by the name of the cause."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import clear_manifest_cache
from pyspark.sql import SparkSession

from matching_spark import Filters, PostsTable, Settings, SimilarityEngine, StorageError, operations
from matching_spark.config import Cache, Hadoop
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.spark.jvm import java_session, jvm
from matching_spark.table import side_tables
from matching_spark.table.catalog import iceberg_table
from matching_spark.table.commits import overtaken
from matching_spark.table.compact import compact
from matching_spark.table.erase import find
from matching_spark.table.procedures import Procedures
from matching_spark.table.undo import undo
from tests.support.found import hits_of
from tests.support.tables import copied

Found = list[tuple[str, str | None]]


@pytest.fixture(scope="module")
def original(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("foreign")
    count = 200
    vectors = np.random.default_rng(1).normal(size=(count, 16)).astype(np.float32)
    content = {
        "post_id": [f"p{i:03}" for i in range(count)],
        "vector": pa.array([row.tobytes() for row in vectors]),
        "category": ["지갑" if i % 2 else "가방" for i in range(count)],
        "colour": ["검정"] * count,
        "title": [f"제목 {i}" for i in range(count)],
    }
    pq.write_table(pa.table(content), folder / "v.parquet")
    uri = str(folder / "t")
    ingest_vectors(str(folder / "v.parquet"), uri, spark, "found", Hadoop())
    return uri


@pytest.fixture
def table(original: str, spark: SparkSession, tmp_path: Path) -> PostsTable:
    return PostsTable.open(copied(original, tmp_path / "own"), spark, Hadoop())


def answer(uri: str, tmp_path: Path, **where: str) -> Found:
    """Past what is resident: every file is read."""
    cache = Cache(folder=str(tmp_path / "cold"))
    shutil.rmtree(cache.folder, ignore_errors=True)
    clear_manifest_cache()
    engine = SimilarityEngine(PostsTable.open(uri), "memory", cache=cache)
    filters = Filters(kind="found", **where)  # type: ignore[arg-type]
    hits = hits_of(engine, np.eye(16)[0], 300, where=filters, threshold=-2.0)[0]
    return [(m.post_id, m.title) for m in hits]


def alter(table: PostsTable, *statements: str) -> None:
    for statement in statements:
        table.session.sql(f"ALTER TABLE {table.name} {statement}")


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["DROP COLUMN colour"], "columns changed by another engine .colour"),
        (["DROP COLUMN title", "ADD COLUMN title string"], "columns changed .* .title"),
        (["RENAME COLUMN place TO spot"], "columns changed .* .place"),
        (["DROP COLUMN source", "ADD COLUMN source string"], "columns changed .* .source"),
        (["DROP PARTITION FIELD category"], "not partitioned by kind and category, but by kind"),
        (["REPLACE PARTITION FIELD kind WITH bucket(4, kind)"], "not partitioned by kind"),
        (["SET TBLPROPERTIES ('write.format.default' = 'orc')"], "is written as orc"),
    ],
)
def test_what_reading_rests_on_is_checked(
    table: PostsTable, statements: list[str], says: str, spark: SparkSession
) -> None:
    alter(table, *statements)
    for attempt in (lambda: PostsTable.open(table.uri), table.refresh):
        with pytest.raises(StorageError, match=says):
            attempt()
    with pytest.raises(StorageError, match=says):
        PostsTable.open(table.uri, spark, Hadoop())


def test_what_can_be_read_is_read_rightly(table: PostsTable, tmp_path: Path) -> None:
    want = {
        category: answer(table.uri, tmp_path, category=category) for category in ("지갑", "가방")
    }
    assert [len(found) for found in want.values()] == [100, 100]
    alter(
        table,
        "ADD COLUMN more string",
        "DROP PARTITION FIELD kind",
        "ADD PARTITION FIELD kind",  # after the category now
        "SET TBLPROPERTIES ('write.metadata.metrics.column.model' = 'truncate(3)')",
    )
    table.refresh()
    assert table.set_status(["p001"], "claimed") == 1  # a file of the new layout and statistics
    alter(table, "SET TBLPROPERTIES ('write.metadata.metrics.column.model' = 'none')")
    table.refresh()
    assert table.set_status(["p002"], "claimed") == 1
    for category, before in want.items():
        after = [each for each in before if each[0] not in ("p001", "p002")]
        assert answer(table.uri, tmp_path, category=category) == after
    compact(table)
    assert len(answer(table.uri, tmp_path)) == 198


def test_files_that_do_not_lie_in_the_table_are_neither_read_nor_written(
    table: PostsTable, spark: SparkSession, tmp_path: Path
) -> None:
    """Whoever hands a table on could name any file that its reader may read."""
    outside, where = tmp_path / "outside", "write.data.path"
    spark.sql(f"ALTER TABLE {table.name} SET TBLPROPERTIES ('{where}' = '{outside}')")
    with pytest.raises(StorageError, match=f"new files in {outside}, outside .* unset .*{where}"):
        table.set_status(["p000"], "claimed")
    assert not outside.exists()
    spark.sql(f"UPDATE {table.name} SET status = 'claimed' WHERE post_id = 'p000'")
    assert [*outside.rglob("*.parquet")]
    spark.sql(f"ALTER TABLE {table.name} UNSET TBLPROPERTIES ('{where}')")
    beside = f"{table.catalog}.alerts"
    spark.sql(
        f"CREATE TABLE {beside} (lost_id string, found_id string) USING iceberg "
        f"TBLPROPERTIES ('{where}' = '{outside}')"
    )
    spark.sql(f"INSERT INTO {beside} VALUES ('lost', 'p000')")
    opened = PostsTable.open(table.uri, spark, Hadoop())
    for act in (
        lambda: answer(table.uri, tmp_path),
        lambda: PostsTable.open(table.uri).kinds(["p001"]),
        lambda: find(table.uri, frozenset(["p000"])),
        opened.frame,  # and what Spark would read itself
        lambda: opened.commit(lambda: pytest.fail("it is read")),
        lambda: Procedures(opened).rewrite("posts"),
        lambda: side_tables.frame(opened, "alerts"),
    ):
        with pytest.raises(StorageError, match=rf"names {outside}/.*parquet, which does not lie"):
            act()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:900])


def cut_at_the_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def cut_between(file: Path) -> None:
    """Of Avro, behind its head, which the same 16 bytes end as each block."""
    raw = file.read_bytes()
    file.write_bytes(raw[: raw.index(raw[-16:]) + 16])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    start = len(raw) // 3
    raw[start : start + 64] = bytes(byte ^ 255 for byte in raw[start : start + 64])
    file.write_bytes(raw)


@pytest.mark.parametrize(
    ("pattern", "damage", "says"),
    [
        ("metadata/v*.metadata.json", cut, r"metadata\.json cannot be read"),
        ("metadata/v*.metadata.json", empty, r"metadata\.json cannot be read"),
        ("metadata/snap-*.avro", empty, r"at snapshot \d+ cannot be read"),
        ("metadata/*-m0.avro", cut, r"cannot be read: .*-m0\.avro has 900 bytes, .* it is torn"),
        ("metadata/*-m0.avro", cut_between, r"cannot be read: .*-m0\.avro has .* it is torn"),
        ("metadata/snap-*.avro", cut_at_the_end, "which names its 2 data files, is torn"),
        ("metadata/snap-*.avro", cut_between, "which names its 2 data files, is torn"),
        ("data/**/*.parquet", flip, r"\.parquet cannot be read"),
        ("data/**/*.parquet", cut, r"\.parquet cannot be read"),
    ],
)
def test_what_is_torn_or_rotten_is_named(
    table: PostsTable, tmp_path: Path, pattern: str, damage: Callable[[Path], None], says: str
) -> None:
    assert len(answer(table.uri, tmp_path)) == 200
    for file in Path(table.uri, "posts").glob(pattern):
        damage(file)
    with pytest.raises(StorageError, match=says):
        answer(table.uri, tmp_path)


def delete_by_value(table: PostsTable, post_id: str) -> None:
    """As Flink does it: a file that names values of rows that count no more."""
    deletes = Path(table.uri, "posts", "data", "by-value.parquet")
    number = pa.field("post_id", pa.string(), nullable=False, metadata={"PARQUET:field_id": "1"})
    pq.write_table(pa.table([[post_id]], schema=pa.schema([number])), deletes)
    spark = table.session
    java = iceberg_table(spark, table.name)
    gateway = spark.sparkContext._gateway  # noqa: SLF001
    assert gateway is not None
    fields = gateway.new_array(jvm(spark).int, 1)
    fields[0] = 1
    made = (
        jvm(spark)
        .org.apache.iceberg.FileMetadata.deleteFileBuilder(java.spec())
        .ofEqualityDeletes(fields)
        .withPath(str(deletes))
        .withFileSizeInBytes(deletes.stat().st_size)
        .withRecordCount(1)
        .withPartition(java.newScan().planFiles().iterator().next().partition())
        .build()
    )
    java.newRowDelta().addDeletes(made).commit()


def test_deletes_by_value_are_refused_and_can_be_taken_back(
    table: PostsTable, tmp_path: Path
) -> None:
    before = answer(table.uri, tmp_path)
    delete_by_value(table, "p001")
    with pytest.raises(StorageError, match=r"equality deletes.*rewrite its data files.* undo"):
        answer(table.uri, tmp_path)
    table.refresh()
    undo(table, table.snapshots[1])
    assert answer(table.uri, tmp_path) == before


@pytest.mark.long
def test_deletion_vectors_are_refused_until_compact_folds_them_in(
    table: PostsTable, tmp_path: Path
) -> None:
    """As the refusal says: compact reads them, being Spark's."""
    before = answer(table.uri, tmp_path)
    alter(table, "SET TBLPROPERTIES ('format-version' = '3')")
    table.session.sql(f"DELETE FROM {table.name} WHERE post_id = 'p001'")
    with pytest.raises(StorageError, match=r"has deletion vectors .*compact. folds them in"):
        answer(table.uri, tmp_path)
    operations.table.compact(Settings(table=table.uri), spark=table.session)
    assert answer(table.uri, tmp_path) == [each for each in before if each[0] != "p001"]


def test_another_session_may_be_the_active_one(table: PostsTable, spark: SparkSession) -> None:
    java_session(spark.newSession())
    assert iceberg_table(spark, table.name)


def test_a_writer_whose_clock_is_behind_is_told_so(table: PostsTable) -> None:
    """As if the last commit were by a host whose clock is an hour ahead."""
    newest = Path(table.metadata.metadata_location)
    content = json.loads(newest.read_text())
    content["last-updated-ms"] += 3_600_000
    for each in (content["snapshots"][-1], content["snapshot-log"][-1]):
        each["timestamp-ms"] += 3_600_000
    newest.write_text(json.dumps(content))
    newest.with_name(f".{newest.name}.crc").unlink(missing_ok=True)
    with pytest.raises(StorageError, match="by a clock that is ahead of this host's") as failed:
        table.set_status(["p001"], "claimed")
    assert isinstance(failed.value.__cause__, Exception)
    assert not overtaken(failed.value.__cause__), "no other try helps"
