"""A table and a cache entry that an older commit wrote are read and written by this one."""

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, StorageError, storage
from matching_spark.config import Hadoop
from matching_spark.domain.schema import COLUMNS
from matching_spark.ingest.reembed import reembed
from matching_spark.knn.similarity import VectorSet
from matching_spark.matching import decisions
from matching_spark.shards import cache_entry
from matching_spark.shards.cache import ShardCache
from matching_spark.shards.shard import Shard
from matching_spark.table.adopt import adopt
from matching_spark.table.erase import find
from matching_spark.table.undo import undo
from matching_spark.table.versions import newest
from tests.support.commands import command
from tests.support.stored.make import ANSWERS, MATCHED, STORED, Answer, answer, search

OTHER = Path(__file__).parents[1] / "golden" / "siglip"
NEW_POST = "F2026000000000029-1"
KNOWN: dict[str, Any] = json.loads(ANSWERS.read_text("utf-8"))
CLOSED: str = KNOWN["closed"][0]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    with tarfile.open(STORED) as stored:
        stored.extractall(folder, filter="data")
    return folder


@pytest.fixture
def table(unpacked: Path, tmp_path: Path) -> str:
    """The stored table, a copy for each test, adopted where it lies now."""
    shutil.copytree(unpacked / "table", tmp_path / "table")
    report = adopt(str(tmp_path / "table"), Hadoop())
    assert report.tables == ["alerts", "decisions", "matches", "posts"]
    assert (report.delete_files, report.lacks) == (1, [])  # of two commits, in one file
    return str(tmp_path / "table")


def by_spark(table: str, post_id: str, spark: SparkSession) -> Answer:
    asked = ("--post", post_id, "--threshold", "-1", "--top-k", "100", "--runner", "spark")
    done = command("search", "--table", table, *asked, spark=spark)
    assert done.returncode == 0, done.stderr
    return answer(done.stdout)


def same(got: Answer, known: Answer) -> None:
    assert [post_id for post_id, _ in got] == [post_id for post_id, _ in known]
    scores = [[score for _, score in each] for each in (got, known)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_it_gives_the_answers_that_it_gave(table: str, spark: SparkSession) -> None:
    for asked in KNOWN["searches"]:
        same(search(table, asked["post"], *asked["asked"]), asked["answer"])
    fused = KNOWN["searches"][0]
    assert fused["asked"] == ["--score", "fused"]
    same(by_spark(table, fused["post"], spark), fused["answer"])


@pytest.mark.long
def test_its_pairs_decisions_and_alerts_are_kept(
    table: str, tmp_path: Path, spark: SparkSession
) -> None:
    def run(*arguments: str | Path) -> str:
        done = command(*MATCHED, *arguments, "--table", table, spark=spark)
        assert done.returncode == 0, done.stderr
        return done.stdout

    report = json.loads(run("--output", tmp_path / "pairs.jsonl"))
    assert (report["pairs"], report["added"], report["removed"]) == (len(KNOWN["pairs"]), 0, 0)
    assert run("--alert") == ""  # all of them were told of
    lines = (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()
    for got, known in zip(map(json.loads, lines), KNOWN["pairs"], strict=True):
        numbers = [pair.pop("components") | pair for pair in (got, known | {})]
        assert numbers[0].keys() >= numbers[1].keys(), "a reader of before finds all that it knew"
        assert numbers[1].pop("probability") == numbers[1]["score"]  # since then it is a list's
        assert 0 < numbers[0]["probability"] < 1
        for name, value in numbers[1].items():
            close = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert numbers[0][name] == close, name


def test_it_is_written_and_read_again(
    unpacked: Path, table: str, tmp_path: Path, spark: SparkSession
) -> None:
    vectors = (
        tmp_path / "vectors.parquet"
    )  # the model of then is gone: its vectors come from outside
    new = json.loads((unpacked / "new" / "posts.jsonl").read_text("utf-8"))
    told = {k: new[k] for k in ("post_id", "kind", "category", "title", "colour", "region")}
    made = np.random.default_rng(0).normal(size=128).astype("<f4").tobytes()
    model = PostsTable.open(table).model
    pq.write_table(pa.Table.from_pylist([told | {"vector": made, "model": model}]), vectors)
    for arguments in (("ingest", vectors), ("close", CLOSED, "--as", "claimed")):
        done = command(*arguments, "--table", table, spark=spark)
        assert done.returncode == 0, done.stderr
    opened = PostsTable.open(table, spark, Hadoop())
    assert opened.state.stated("format-version") == "3", "taken over by its first write"
    rows = {row["post_id"]: row for row in opened.frame().collect()}
    of = {post_id: (row["source"], row["sequence"]) for post_id, row in rows.items()}
    assert (of.pop(NEW_POST), of.pop(CLOSED)) == (("desk", 1), (None, 1))
    assert set(of.values()) == {(None, None)}
    post = str(KNOWN["searches"][0]["post"])
    for asked in (each for each in KNOWN["searches"] if each["post"] == post):
        if "--nprobe" in asked["asked"]:
            continue  # the new post lies in whatever cell is its nearest
        got = search(table, post, *asked["asked"])
        assert NEW_POST in dict(got)
        everything = "any" in asked["asked"]
        old = [pair for pair in asked["answer"] if everything or pair[0] != CLOSED]
        assert len(old) == len(asked["answer"]) - (not everything)
        same([pair for pair in got if pair[0] != NEW_POST], old)
    fused = search(table, post, "--score", "fused")
    assert by_spark(table, post, spark) == fused


@pytest.mark.long
def test_it_is_undone_and_reembedded_across_the_versions(
    unpacked: Path, table: str, clip: ClipModel, spark: SparkSession
) -> None:
    opened = PostsTable.open(table, spark, Hadoop())
    assert opened.state.stated("format-version") == "1"
    spark.sql(f"ALTER TABLE {opened.name} ADD COLUMN more string")  # its numbers come after it
    frame = opened.frame()
    assert frame.columns == list(COLUMNS)
    assert frame.where("source IS NOT NULL OR sequence IS NOT NULL").isEmpty()
    before, first = frame.count(), opened.snapshot
    assert opened.set_status([CLOSED], "claimed") == 1
    assert first is not None
    undo(opened, first)
    assert opened.frame().columns == list(COLUMNS)
    assert opened.frame().where("sequence IS NULL").count() == before
    other = ClipModel(OTHER)
    reembed(opened, other)
    assert (opened.model, opened.frame().count()) == (other.name, before)
    assert opened.frame().where("source IS NOT NULL OR sequence IS NOT NULL").isEmpty()


def test_a_stored_cache_entry_is_read_whole_or_refused(
    unpacked: Path, table: str, tmp_path: Path
) -> None:
    """An entry's name holds the place of its data file, so that the search of a copy has no use
    for it: its arrays are compared with those that are made of the same data file today."""
    (entry,) = (unpacked / "cache").iterdir()
    stored = cache_entry.mapped(entry, entry.name)
    if stored is None:  # of a former version, and it says so
        assert not entry.read_bytes().startswith(cache_entry.MAGIC)
        return
    opened = PostsTable.open(table)
    today = ShardCache(str(tmp_path / "cache"), 1 << 30)
    ids = stored.metadata["post_id"]
    shards = (today.load(file, opened.space) for file in opened.plan().files)
    (shard,) = [shard for shard in shards if shard.metadata["post_id"] == ids]
    assert arrays(stored).keys() == arrays(shard).keys()
    for name, array in arrays(stored).items():
        assert np.array_equal(array, arrays(shard)[name]), name
    assert (stored.metadata, stored.words) == (shard.metadata, shard.words)
    assert stored.photo_uris == shard.photo_uris
    photo = shard.photo(int(np.flatnonzero(shard.photos.counts)[0]))
    assert photo is not None
    assert storage.exists(photo)


def arrays(shard: Shard) -> dict[str, np.ndarray]:
    named = {"days": shard.days} | {f"codes.{name}": codes for name, codes in shard.codes.items()}
    for kind, part in (("photos", shard.photos), ("texts", shard.texts)):
        for field in fields(VectorSet):
            if (value := getattr(part, field.name)) is not None:
                named[f"{kind}.{field.name}"] = value
    return named


@pytest.mark.parametrize("pattern", ["snap-*.avro", "*-m0.avro"])
@pytest.mark.parametrize("left", [None, 0, 900, -20, "head"])
def test_a_table_beside_the_posts_that_is_torn_is_named(
    table: str, pattern: str, left: int | str | None
) -> None:
    """Neither as one without rows, by which each verdict would be forgotten, nor by a traceback.
    left: bytes of its file; head: what is before its blocks; None: there is none."""
    assert decisions.latest(table)
    for file in Path(table, "decisions", "metadata").glob(pattern):
        if left is None:
            file.unlink()
        else:
            raw = file.read_bytes()
            file.write_bytes(raw[: left if isinstance(left, int) else raw.index(raw[-16:]) + 16])
    for read in (lambda: decisions.latest(table), lambda: find(table, frozenset(CLOSED))):
        with pytest.raises(StorageError, match=r"decisions.* cannot be read: |names has gone: "):
            read()


def _circle(state: dict[str, Any]) -> None:
    snapshot = state["snapshots"][-1]
    snapshot["parent-snapshot-id"] = snapshot["snapshot-id"]


def _stated(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state["properties"].update({f"matching-spark.{name}": value})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_circle, "cannot be read"),  # whoever went from it to its parent would never end
        (_stated("dimension", "many"), "matching-spark.dimension is 'many'"),
        (_stated("dimension", "-5"), "matching-spark.dimension is '-5'"),
        (_stated("format-version", "9" * 5000), "matching-spark.format-version is '99"),
    ],
)
def test_metadata_that_nothing_here_writes_are_named(
    table: str, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    path = Path(newest(table, "posts") or "")
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))
    done = command("status", "--table", table)
    assert (done.returncode, done.stdout) == (4, "")
    assert table in done.stderr
    assert says in done.stderr


def test_a_hint_of_any_length_is_passed_over(table: str) -> None:
    Path(table, "posts", "metadata", "version-hint.text").write_text("9" * 5000)
    assert PostsTable.open(table).snapshot


@pytest.mark.parametrize("place", ["mine.json", "table/posts/metadata/../../../mine.json"])
def test_a_table_whose_log_names_files_elsewhere_is_refused_until_adopted(
    table: str, tmp_path: Path, spark: SparkSession, place: str
) -> None:
    """With the next commit Iceberg removes what the log names and has no room for."""
    mine = tmp_path / "mine.json"
    mine.write_text("precious")
    path = Path(newest(table, "posts") or "")
    state = json.loads(path.read_text())
    entry = {"metadata-file": str(tmp_path / place), "timestamp-ms": state["last-updated-ms"]}
    state["metadata-log"] = [entry, entry]
    state["properties"]["write.metadata.previous-versions-max"] = "1"
    path.write_text(json.dumps(state))
    with pytest.raises(StorageError, match=r"mine\.json, which does not lie there: .* adopt"):
        PostsTable.open(table, spark, Hadoop()).set_status([CLOSED], "expired")
    adopt(table, Hadoop())
    assert PostsTable.open(table, spark, Hadoop()).set_status([CLOSED], "expired") == 1
    assert mine.exists()
