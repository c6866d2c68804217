"""What an ingest says of what it did not take: in the report, in the file, by its exit code."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, Reject, StorageError, storage
from matching_spark.config import Hadoop
from matching_spark.ingest.report import LISTED, Rejects, line_of
from matching_spark.ingest.vector_import import ingest_vectors
from tests.support.commands import command
from tests.support.peaks import peak_mb

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_and_what_cannot_be_taken(tmp_path: Path, spark: SparkSession) -> None:
    def ingest(source: Path, *more: str) -> tuple[int, dict[str, object], str]:
        words = ("ingest", source, "--kind", "found", "--table", tmp_path / "t", "--json")
        done = command(*words, *more, spark=spark)
        return done.returncode, json.loads(done.stdout), done.stderr

    code, report, _ = ingest(EXAMPLES / "found.csv", "--strict")
    assert (code, report["added"], report["embedded"], report["rejects"]) == (0, 5, 4, [])

    photos = [str(EXAMPLES / "photos" / "지갑.jpg"), *(f"{i}.jpg" for i in range(30))]
    rows: list[dict[str, object]] = [
        {"유실번호": "a", "title": "지갑", "source_url": "javascript:alert(1)", "photos": photos},
        {"유실번호": "a", "title": "가방"},
        {"유실번호": "b"},
    ]
    source = tmp_path / "posts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    named = ("--column", "유실번호=post_id")
    code, report, said = ingest(source, *named, "--strict")
    assert (code, report["added"], report["rejected"], report["embedded"]) == (3, 1, 2, 0)
    file = Path(str(report["rejects_file"]))
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert lines == report["rejects"]
    assert f"not all was taken in: 2 posts rejected, {len(lines)} lines of {file} say why" in said
    by_reason = {line["reason"]: line for line in lines}
    assert [line["reason"] for line in lines].count("missing") == 19
    assert set(by_reason) == {
        *("bad-url", "too-many-photos", "duplicate-id", "missing", "nothing-to-find")
    }
    assert by_reason["missing"]["source"].startswith(f"{source}:1: ")
    assert f"{source}:1 has this id too" in by_reason["duplicate-id"]["detail"]
    assert "11 more than model.photos_a_post" in by_reason["too-many-photos"]["detail"]
    table = PostsTable.open(str(tmp_path / "t"), spark, Hadoop())
    (post,) = table.frame().where("post_id = 'a'").collect()
    assert (post["source_url"], len(post["photos"])) == ("", 1)

    # Again: there is something, and it is there already.
    assert ingest(source, *named)[0] == 0
    source.write_text('{"title": "x"}\n')
    code, report, said = ingest(source)
    assert (code, report["rejected"]) == (3, 1)
    assert "nothing was taken in: 1 posts rejected" in said


def test_memory_holds_the_first_rejects_and_the_file_all(tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("post_id,title\n" + ",x\n" * 30_000)
    imports = """
from pathlib import Path
from matching_spark.domain.posts import Reject
from matching_spark.ingest.pipeline import _once
from matching_spark.ingest.report import Rejects, Tally
from matching_spark.sources import read_posts

def taken(source):
    with Rejects(str(Path(source).parent / "r.jsonl")) as rejects:
        many = (read for read in read_posts(source, kind="found"))
        assert list(_once(many, Tally(rejects=rejects), 20)) == []
        return len(rejects.first), rejects.count, rejects.publish()
"""
    said, mb = peak_mb(imports, "result = taken(source)", tmp_path / "many.csv")
    listed = tmp_path / "r.jsonl"
    assert said == str((LISTED, 30_000, str(listed)))
    lines = [json.loads(line) for line in listed.read_text().splitlines()]
    assert [line["source"] for line in lines] == [
        f"{tmp_path}/many.csv:{2 + i}" for i in range(30_000)
    ]
    assert mb < 8


def test_of_vectors_all_rejects_are_listed_however_many(
    tmp_path: Path, spark: SparkSession
) -> None:
    """Those that tasks meet, in files of several, and those that only the whole source shows."""
    ids = ["twice", "twice", *(f"p{i}" for i in range(25_000))]
    vectors = [[1.0], [2.0], *([[1.0, 2.0]] * 25_000)]
    first = [[1.0]] * 1_000  # they say how long a vector is
    ids, vectors = [*(f"q{i}" for i in range(1_000)), *ids], [*first, *vectors]
    pq.write_table(pa.table({"post_id": ids, "vector": vectors}), tmp_path / "v.parquet")
    source, table = str(tmp_path / "v.parquet"), str(tmp_path / "t")
    with Rejects(str(tmp_path / "r.jsonl")) as rejects:
        report = ingest_vectors(source, table, spark, "found", Hadoop(), rejects=rejects)
        rejects.publish()
    assert (report.accepted, report.rejected, report.rejects_listed) == (1_001, 25_001, 25_001)
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {line["post_id"] for line in lines} == {"twice", *(f"p{i}" for i in range(25_000))}
    assert Counter(line["reason"] for line in lines) == {
        "wrong-dimension": 25_000,
        "duplicate-id": 1,
    }
    assert len(report.rejects) == LISTED


def test_a_list_that_is_cut_off_leaves_nothing_and_the_one_before_it_stays(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("before")
    one = Reject("a.csv:1", "b", "bad-row", "torn \udcb0")
    rejects = Rejects(str(tmp_path / "r.jsonl"))

    def cut_off() -> None:
        with rejects:
            rejects.add(one)
            rejects.extend([line_of(one)] * LISTED)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]
    assert (tmp_path / "r.jsonl").read_text() == "before"
    assert (rejects.count, rejects.first) == (LISTED + 1, [one] * LISTED)


@pytest.mark.parametrize(
    ("rejects", "code", "says"),
    [
        ("kept", 2, "kept is a folder: name a file in it (--rejects)"),
        ("", 2, "is a folder: name a file in it (--rejects)"),
        ("posts.jsonl", 2, "posts.jsonl is what is taken in: name another file (--rejects)"),
        ("kept/../posts.jsonl", 2, "posts.jsonl is what is taken in"),
        ("posts.jsonl/r.jsonl", 4, "cannot be written to"),
    ],
)
def test_where_rejects_cannot_be_listed_is_told_first(
    tmp_path: Path, rejects: str, code: int, says: str
) -> None:
    """Before Spark, which `command` is not given here; an ingest without rejects takes the list of
    an earlier one away, and nothing else."""
    kept, source = tmp_path / "kept" / "a.txt", tmp_path / "posts.jsonl"
    kept.parent.mkdir()
    kept.write_text("kept")
    source.write_text('{"post_id": "a", "title": "지갑"}\n')
    words = ("ingest", source, "--kind", "found", "--table", tmp_path / "t", "--rejects", rejects)
    done = command(*words, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert source.read_text() == '{"post_id": "a", "title": "지갑"}\n'
    assert Rejects(str(kept.parent)).publish() is None
    assert kept.read_text() == "kept"


@pytest.mark.parametrize("table", ["file", "file/table", "file/a/b"])
def test_a_table_below_a_file_is_told_by_that_file(tmp_path: Path, table: str) -> None:
    """Before Spark: not [Errno 20] of a part of a table that nobody has named."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "posts.csv").write_text("post_id,title\na,지갑\n")
    says = f"{tmp_path}/file is a file, in which nothing can lie: name a folder"
    for words in (("ingest", "posts.csv", "--kind", "found"), ("list",)):
        done = command(*words, "--table", table, cwd=tmp_path)
        assert (done.returncode, says in done.stderr) == (4, True), done.stderr
    with pytest.raises(StorageError, match=f"cannot be written to: {says}"):
        storage.check_writable(str(tmp_path / table))
