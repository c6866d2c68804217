"""Posts that come again, and names that are odd: nothing is lost or changed in silence."""

import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Post, PostsTable, Reject, Settings
from matching_spark.config import Hadoop
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.report import Rejects, Report
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.operations.warehouse import made
from matching_spark.sources import read_posts
from tests.support.vectors import write_vectors


def photo(path: Path, shade: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (shade, 90, 30)).save(path, "PNG")
    return str(path)


def rows(table: PostsTable) -> dict[str, dict[str, Any]]:
    return {row["post_id"]: row.asDict(True) for row in table.frame().collect()}


@pytest.fixture
def table(tmp_path: Path, spark: SparkSession, clip: ClipModel) -> PostsTable:
    return made(Settings(table=str(tmp_path / "t")), clip, spark)


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.skipped, report.rejected


def test_a_correction_is_written_over_and_another_thing_is_not(
    table: PostsTable, clip: ClipModel, tmp_path: Path
) -> None:
    first = Post(
        *("a", "found", "지갑"),
        title="검정 지갑",
        colour="검정",
        place="서울역",
        photos=(photo(tmp_path / "1/IMG_0001.png", 10),),
    )
    posts = [first, replace(first, post_id="b", status="claimed")]
    assert counts(ingest_posts(posts, table, clip)) == (2, 0, 0, 0)
    # A sheet with two columns: what it has not is kept, an empty cell is said.
    sheet = tmp_path / "fix.csv"
    sheet.write_text("post_id,kind,colour,title\na,found,파란색,\nb,found,blue,\n")
    done = ingest_posts(read_posts(str(sheet)), table, clip)
    assert counts(done) == (0, 2, 0, 0)
    held = rows(table)
    assert (held["a"]["colour"], held["a"]["title"], held["a"]["place"]) == ("파랑", "", "서울역")
    assert len(held["a"]["photos"]) == 1
    assert (held["a"]["status"], held["b"]["status"]) == ("open", "claimed")
    assert counts(ingest_posts(read_posts(str(sheet)), table, clip)) == (0, 0, 2, 0)
    # Another camera's IMG_0001, and the same id lost.
    others = [
        replace(first, photos=(photo(tmp_path / "2/IMG_0001.png", 200),)),
        replace(first, post_id="b", kind="lost"),
        replace(first, post_id="c", photos=(), title="", description="\u200b"),
    ]
    # As a source of one's own may give it, which must not end the others.
    odd: dict[str, Any] = {"kind": "분실", "status": "보관중", "happened_on": "그저께쯤"}
    own = [replace(first, **{"post_id": name, name: said}) for name, said in odd.items()]
    refused = ingest_posts([*others, *own], table, clip)
    assert counts(refused) == (0, 0, 0, 6)
    assert {(r.post_id, r.reason) for r in refused.rejects} == {
        *(("a", "id-taken"), ("b", "id-taken"), ("c", "nothing-to-find")),
        *(("kind", "bad-kind"), ("status", "bad-status"), ("happened_on", "bad-date")),
    }
    elsewhere = ingest_posts([replace(first, colour="빨강")], table, clip, rules=Rules("lost112"))
    assert (counts(elsewhere), elsewhere.rejects[0].reason) == ((0, 0, 0, 1), "id-taken")
    assert "from desk" in elsewhere.rejects[0].detail
    assert rows(table) == held
    made = {i: (row["source"], row["sequence"]) for i, row in held.items()}
    assert made == dict.fromkeys("ab", ("desk", 2)), "once made, once corrected"
    assert counts(ingest_posts(others[:2], table, clip, rules=Rules(replace=True))) == (0, 2, 0, 0)
    assert rows(table)["b"]["kind"] == "lost"
    assert table.set_status(["a", "b"], "withdrawn") == 2
    assert [row["sequence"] for row in rows(table).values()] == [4, 4]


def test_what_another_ingest_brings_meanwhile_is_as_if_it_had_been_there(
    table: PostsTable, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thing is not written over, the same is counted once, and what the sheet has not is
    what the other has just said."""
    first = Post("c", "found", "지갑", title="검정 지갑", place="서울역")
    ingest_posts([first, replace(first, post_id="d")], table, clip)
    mine = [
        Post("a", "found", "지갑", title="지갑"),
        Post("b", "found", "지갑", title="빨간 지갑"),
        Post("c", "found", colour="파랑", given=frozenset(["colour"])),
        Post("d", "found", colour="파랑", given=frozenset(["colour"])),
    ]
    theirs = [replace(mine[1], title="우산"), replace(mine[0]), replace(first, place="강남역")]
    real, done = PostsTable.commit, list[Report]()

    def commit(of: PostsTable, write: Callable[[], object]) -> None:
        monkeypatch.setattr(PostsTable, "commit", real)
        another = PostsTable.open(table.uri, table.spark, table.hadoop)
        done.append(ingest_posts(theirs[:1], another, clip, rules=Rules("station")))
        done.append(ingest_posts(theirs[1:], another, clip))
        real(of, write)

    monkeypatch.setattr(PostsTable, "commit", commit)
    report = ingest_posts(mine, table, clip)
    assert [counts(each) for each in done] == [(1, 0, 0, 0), (1, 1, 0, 0)]
    assert counts(report) == (0, 2, 1, 1)
    assert [(r.post_id, r.reason) for r in report.rejects] == [("b", "id-taken")]
    held = rows(table)
    assert (held["b"]["title"], held["b"]["source"]) == ("우산", "station")
    assert [(held[i]["place"], held[i]["colour"]) for i in "cd"] == [
        ("강남역", "파랑"),
        ("서울역", "파랑"),
    ]


def test_what_another_ingest_brings_while_vectors_come_is_as_if_it_had_been_there(
    tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above; what the file has twice is rejected once."""
    uri = str(tmp_path / "t")

    def take(ids: str, source: str = "desk", **columns: str) -> Report:
        file = tmp_path / f"{ids}.parquet"
        vectors = np.eye(8)[["abcd".index(each) for each in ids]]
        write_vectors(file, [*ids], vectors, **{n: [v] * len(ids) for n, v in columns.items()})
        return ingest_vectors(str(file), uri, spark, "found", Hadoop(), own=Rules(source))

    take("cd", title="지갑", place="서울역")
    real, done = PostsTable.commit, list[Report]()

    def commit(of: PostsTable, write: Callable[[], object]) -> None:
        monkeypatch.setattr(PostsTable, "commit", real)
        done.append(take("b", "station", title="우산"))
        done.append(take("ac", colour="파랑", place="강남역"))
        real(of, write)

    monkeypatch.setattr(PostsTable, "commit", commit)
    report = take("abcdd", colour="파랑")
    assert [counts(each) for each in done] == [(1, 0, 0, 0), (1, 1, 0, 0)]
    assert counts(report) == (0, 1, 2, 2)
    assert [(r.post_id, r.reason) for r in report.rejects] == [
        ("d", "duplicate-id"),
        ("b", "id-taken"),
    ]
    held = rows(PostsTable.open(uri, spark, Hadoop()))
    assert (held["b"]["title"], held["b"]["source"]) == ("우산", "station")
    said = {i: (held[i]["title"], held[i]["place"], held[i]["colour"]) for i in "acd"}
    assert said == {
        "a": ("", "강남역", "파랑"),
        "c": ("지갑", "강남역", "파랑"),
        "d": ("지갑", "서울역", "파랑"),
    }


def test_odd_names_and_texts_are_taken_or_named(
    table: PostsTable, clip: ClipModel, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    photo(folder / "good.png", 1)
    photo(folder / unicodedata.normalize("NFD", "사진/지갑.png"), 2)
    raw = os.fsencode(folder) + b"/" + "가방.png".encode("cp949")
    Path(photo(folder / "x.png", 3)).rename(os.fsdecode(raw))
    os.mkfifo(folder / "pipe.png")
    with Rejects(str(tmp_path / "r.jsonl")) as rejects:
        found = ingest_posts(read_posts(str(folder), kind="found"), table, clip, rejects=rejects)
        assert rejects.publish() == str(tmp_path / "r.jsonl")
    assert counts(found) == (3, 0, 0, 1)
    assert set(rows(table)) == {"good.png", "사진/지갑.png", "가방.png"}
    (pipe,) = found.rejects
    assert (pipe.post_id, pipe.reason) == ("pipe.png", "unreadable")
    (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
    assert Reject(**json.loads(line)) == pipe

    composed = str(folder / unicodedata.normalize("NFC", "사진/지갑.png"))
    odd = [
        Post("nfc", "found", photos=(composed,)),
        Post("half", "found", title="반쪽 \ud83d", description="\0"),
        Post("nul", "found", title="x", photos=("a\0b.png",)),
        Post("surrogate", "found", title="x", photos=("\udcb0.png",)),
        Post("tab\t", "found", title="x"),
        Post("\x1b[2J", "found", title="x"),
    ]
    done = ingest_posts(odd, table, clip)
    assert counts(done) == (5, 0, 0, 1)
    assert {(r.post_id, r.reason) for r in done.rejects} == {
        *(("nul", "unreadable"), ("surrogate", "missing"), ("\x1b[2J", "bad-id"))
    }
    held = rows(table)
    assert len(held["nfc"]["photos"]) == 1
    assert held["half"]["title"] == "반쪽 \ufffd"
    assert {"nul", "surrogate", "tab"} <= set(held)


@pytest.mark.long
def test_vectors_that_come_again(tmp_path: Path, spark: SparkSession) -> None:
    source, uri = tmp_path / "v.parquet", str(tmp_path / "t")
    vectors = np.eye(4, dtype=np.float32)

    def take(**columns: list[Any]) -> Report:
        count = len(columns["post_id"])
        vector = pa.array([row.tobytes() for row in vectors[:count]])
        pq.write_table(pa.table({"vector": vector, **columns}), source)
        return ingest_vectors(str(source), uri, spark, "found", Hadoop())

    ids = [unicodedata.normalize("NFD", "가"), " b ", "c", "d\n"]
    links = ["https://a.kr/1", "javascript:alert(1)", "", None]
    same_words = {"title": ["x"] * 4, "colour": ["black"] * 4, "region": ["서울특별시"] * 4}
    first = take(post_id=ids, source_url=links, color=["black"] * 4, **same_words)
    assert first.unknown == {"column not used: color (colour?)": 1}
    assert counts(first) == (4, 0, 0, 0)
    assert [(r.post_id, r.reason) for r in first.rejects] == [("b", "bad-url")]
    table = PostsTable.open(uri, spark, Hadoop())
    held = rows(table)
    assert set(held) == {"가", "b", "c", "d"}
    assert {(row["colour"], row["region"]) for row in held.values()} == {("검정", "서울")}
    assert {row["source_url"] for row in held.values()} == {"https://a.kr/1", ""}
    # Only the state: no vector and no word changes.
    same = {"post_id": ["b", "c"], "title": ["x"] * 2, "status": ["claimed", "open"]}
    vectors = vectors[1:]
    assert counts(take(**same)) == (0, 1, 1, 0)
    table.refresh()
    now = rows(table)
    assert (now["b"]["status"], now["c"]["status"]) == ("claimed", "open")
    assert (now["b"]["colour"], now["b"]["title"]) == ("검정", "x")
    # Of the other kind: refused by name.
    other = take(post_id=["b", "c"], kind=["lost", "found"], title=["y", "x"])
    assert counts(other) == (0, 0, 1, 1), "kind-differs from what all are said to be"
    pq.write_table(
        pa.table({"post_id": ["b"], "kind": ["lost"], "vector": [vectors[0].tobytes()]}), source
    )
    clash = ingest_vectors(str(source), uri, spark, None, Hadoop())
    assert (counts(clash), clash.rejects[0].reason) == ((0, 0, 0, 1), "id-taken")
    taken = ingest_vectors(str(source), uri, spark, None, Hadoop(), own=Rules(replace=True))
    assert counts(taken) == (0, 1, 0, 0)
    # Of a folder each file has columns of its own: what one does not have stays.
    folder = tmp_path / "several"
    folder.mkdir()
    vectors = -np.eye(4, dtype=np.float32)
    words = {"category": ["지갑 > 남성용 지갑", "가방>"], "colour": ["쑥색", "black"]}
    for name, more in (("a", {"post_id": ["c", "e"], **words}), ("b", {"post_id": ["d", "f"]})):
        vector = pa.array([row.tobytes() for row in vectors[:2]])
        pq.write_table(pa.table({"vector": vector, **more}), folder / f"{name}.parquet")
    several = ingest_vectors(str(folder), uri, spark, "found", Hadoop())
    assert (counts(several), several.unknown) == ((2, 2, 0, 0), {"colour: 쑥색": 1})
    table.refresh()
    now = rows(table)
    assert [now[i]["title"] for i in "cdef"] == ["x", "x", "", ""]
    assert [now[i]["colour"] for i in "cdef"] == ["쑥색", "검정", "검정", ""]
    assert [now[i]["category"] for i in "cdef"] == ["지갑", "", "가방", ""]
    assert [now[i]["subcategory"] for i in "cdef"] == ["남성용 지갑", "", "", ""]


def test_what_is_said_of_a_post_is_found_still_when_its_photos_vector_comes_anew(
    table: PostsTable, clip: ClipModel, spark: SparkSession, tmp_path: Path
) -> None:
    ingest_posts([Post("a", "found", "지갑", title="검정 지갑")], table, clip)
    words = rows(table)["a"]["text_vector"]
    assert words is not None
    source = tmp_path / "v.parquet"
    for more, kept in (({"place": ["강남역"]}, words), ({"title": ["다른 것"]}, None)):
        write_vectors(source, ["a"], clip.embed_texts([str(more)]), model=[clip.name], **more)
        report = ingest_vectors(str(source), table.uri, spark, "found", Hadoop())
        assert counts(report) == (0, 1, 0, 0)
        table.refresh()
        assert rows(table)["a"]["text_vector"] == kept
