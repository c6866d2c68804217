"""What is in a table is shown, listed, exported, edited; its history says how it came to be so."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from matching_spark import Filters, InputError, PostsTable, Settings, UsageError
from matching_spark.domain.schema import METADATA
from matching_spark.domain.sheets import is_formula, to_csv, unmarked
from matching_spark.operations import browse, ingest, posts, table
from matching_spark.operations.ingest import Source
from tests.support.commands import command
from tests.support.tables import copied


@pytest.fixture
def mine(own: str, settings: Settings) -> Settings:
    """Settings of a copy of the world's table."""
    copy = settings.model_copy(deep=True)
    copy.table = own
    return copy


def rows(settings: Settings) -> dict[str, dict[str, object]]:
    return {row["post_id"]: row for row in browse.list_posts(settings, Filters(status=None)).posts}


def test_listed_and_shown_are_the_tables_rows(mine: Settings, spark: SparkSession) -> None:
    frame = PostsTable.open(mine.table, spark, mine.hadoop).frame().select(*browse.SHOWN, "photos")
    want = {row["post_id"]: row.asDict(recursive=True) for row in frame.collect()}
    listed = browse.list_posts(mine, Filters(status=None))
    assert (listed.total, len(listed.posts)) == (40, 40)
    for row in listed.posts:
        same = want[row["post_id"]]
        assert {n: row[n] for n in METADATA} == {n: same[n] for n in METADATA}
        assert (row["source"], row["sequence"]) == ("desk", 1)
    days = [row["happened_on"] or dt.date.min for row in listed.posts]
    assert days == sorted(days, reverse=True)
    some = Filters(kind="found", category="지갑", since=days[20])
    expected = {
        i
        for i, r in want.items()
        if r["kind"] == "found" and r["category"] == "지갑" and r["happened_on"] >= days[20]
    }
    few = browse.list_posts(mine, some, limit=1)
    assert (few.total, len(few.posts)) == (len(expected), min(1, len(expected)))
    assert {r["post_id"] for r in browse.list_posts(mine, some).posts} == expected
    post_id = next(i for i, row in want.items() if row["photos"])
    shown = browse.show(mine, post_id)
    hashes = [photo["sha256"] for photo in want[post_id]["photos"]]
    assert [Path(str(place)).stem for place in shown.photos] == hashes
    assert all(Path(str(photo)).exists() for photo in shown.photos), "of the copy's own folder"
    with pytest.raises(InputError, match="no post 'nobody'"):
        browse.show(mine, "nobody")


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl"])
def test_what_is_exported_can_be_taken_in(
    mine: Settings, spark: SparkSession, tmp_path: Path, name: str
) -> None:
    ids = list(rows(mine))
    posts.edit(mine, ids[0], {"title": "＝1+1 지갑", "place": "-12.5"}, spark=spark)
    where = Filters(status=None, kind="found")
    done = browse.export(mine, where, tmp_path / name)
    assert done.posts == browse.list_posts(mine, where).total > 10
    other = mine.model_copy(update={"table": str(tmp_path / "other")})
    report = ingest.ingest(other, Source(str(tmp_path / name)), spark=spark)
    assert (report.added, report.rejected, dict(report.unknown)) == (done.posts, 0, {})
    before, after = rows(mine), rows(other)
    for post_id, row in after.items():
        assert {n: row[n] for n in METADATA} == {n: before[post_id][n] for n in METADATA}
        assert len(browse.show(other, post_id).photos) == len(browse.show(mine, post_id).photos)
    again = ingest.ingest(mine, Source(str(tmp_path / name)), spark=spark)
    assert (again.skipped, again.rejected, again.embedded) == (done.posts, 0, 0), "the same photos"
    with pytest.raises(UsageError, match=r"must end in one of \.csv, \.jsonl"):
        browse.export(mine, where, tmp_path / "posts.xlsx")


@pytest.mark.long
def test_photos_come_back_whatever_the_warehouse_is_called(
    stored: str, settings: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    """A sheet in whose cells they would be other photos is refused, and the other format named."""
    (tmp_path / "a; b,c").mkdir()
    table = copied(stored, tmp_path / "a; b,c" / "own")
    mine = settings.model_copy(update={"table": table})
    where = Filters(kind="lost")
    with pytest.raises(UsageError, match=r"post 'L\w+': .*a; b,c.* export F\.jsonl"):
        browse.export(mine, where, tmp_path / "posts.csv")
    assert not (tmp_path / "posts.csv").exists()
    browse.export(mine, where, tmp_path / "posts.jsonl")
    other = mine.model_copy(update={"table": str(tmp_path / "other")})
    assert ingest.ingest(other, Source(str(tmp_path / "posts.jsonl")), spark=spark).rejected == 0
    for post_id in rows(other):
        assert len(browse.show(other, post_id).photos) == len(browse.show(mine, post_id).photos)
    assert any(len(browse.show(other, post_id).photos) > 1 for post_id in rows(other))


def test_edited_the_rest_stays(mine: Settings, spark: SparkSession, tmp_path: Path) -> None:
    post_id = next(i for i, row in rows(mine).items() if row["colour"] == "검정")
    was = browse.show(mine, post_id)
    asked = ("edit", post_id, "--colour", "blue", "--title", "", "--on", "2026-11-03")
    done = command(*asked, "--table", mine.table, spark=spark, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout)["changed"]
    assert changed["colour"] == ["검정", "파랑"]
    now = browse.show(mine, post_id)
    assert now.photos == was.photos
    assert now.post["happened_on"] == dt.date(2026, 11, 3)
    same = set(METADATA) - changed.keys()
    assert {n: now.post[n] for n in same} == {n: was.post[n] for n in same}
    assert now.post["sequence"] == was.post["sequence"] + 1
    same_again = {"colour": "파란색", "happened_on": "2026. 11. 3"}
    again = posts.edit(mine, post_id, same_again, spark=spark)
    assert (again.changed, again.sequence) == ({}, now.post["sequence"])
    with pytest.raises(InputError, match="category 'nonsense' is not known"):
        posts.edit(mine, post_id, {"category": "nonsense"}, spark=spark)
    with pytest.raises(UsageError, match="is no http"):
        posts.edit(mine, post_id, {"source_url": "javascript:alert(1)"}, spark=spark)
    with pytest.raises(InputError, match="no post 'nobody'"):
        posts.edit(mine, "nobody", {"title": "x"}, spark=spark)


def test_history_names_the_commands_and_undo_goes_to_a_moment(
    mine: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    ids = sorted(rows(mine))
    moment = dt.datetime.now(dt.UTC)
    posts.close(mine, ids[:2], "claimed", spark=spark)
    (tmp_path / "more.csv").write_text("post_id,kind,title\nmore,found,지갑\n")
    ingest.ingest(mine, Source(str(tmp_path / "more.csv")), spark=spark)
    commits = browse.history(mine).commits
    assert [each.command for each in commits[:2]] == ["ingest more.csv", "close --as claimed"]
    assert [each.posts for each in commits] == [41, 40, 40]
    assert [each.current for each in commits] == [True, False, False]
    assert [each.undo for each in commits] == [False, True, True]
    table.compact(mine, spark=spark)
    commits = browse.history(mine).commits
    assert commits[0].command == "compact"
    assert {(each.command, each.posts) for each in commits[:-3]} == {("compact", 41)}, (
        "as before it"
    )
    done = table.undo(mine, before=moment, spark=spark)
    assert done.posts_after == 40
    assert {row["status"] for row in rows(mine).values()} == {"open"}
    with pytest.raises(InputError, match="no state of before"):
        table.undo(mine, before=moment - dt.timedelta(days=9), spark=spark)
    for given_both in ({}, {"snapshot": "1", "before": moment}):
        with pytest.raises(UsageError, match="a snapshot, or to before"):
            table.undo(mine, spark=spark, **given_both)  # type: ignore[arg-type]


@given(st.text(max_size=20) | st.text("'=+@ \u200b＝a", max_size=6))
def test_a_cell_comes_back_and_runs_nowhere(text: str) -> None:
    raw = to_csv(["a"], [{"a": text}]).decode("utf-8-sig")
    cells = list(csv.reader(io.StringIO(raw, newline="")))
    (cell,) = cells[1] if len(cells) > 1 and cells[1] else ("",)
    assert not is_formula(cell)
    assert unmarked(cell) == text


ODD = ["=1", "＝1", "＋1", "－1", "＠a", "\u200b=1", "\ufeff=1", "\x00=1", " \t=1"]


@pytest.mark.parametrize("cell", ODD)
def test_what_a_spreadsheet_would_run_is_marked(cell: str) -> None:
    assert to_csv(["a"], [{"a": cell}]).decode("utf-8-sig").splitlines()[1].lstrip('"')[0] == "'"
