"""What an ingest says of what it did not take: in the report, in the file, by its exit code."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, StorageError, storage
from matching_spark.config import Hadoop
from matching_spark.ingest.report import Report, write_rejects
from tests.support.commands import command

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
        *("bad-url", "too-many-photos", "duplicate-id", "missing", "nothing-to-find"),
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
    assert write_rejects(Report("t", "m"), str(kept.parent)).rejects_file is None
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
