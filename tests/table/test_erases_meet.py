"""Other erases come between any two steps of one, and into one, as on HDFS, where writers take no
turns: run by the same thread, they are not kept out here either."""

import datetime as dt
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import ClipModel, Post, PostsTable, Settings, SimilarityEngine, storage
from matching_spark.config import Cache, Hadoop
from matching_spark.errors import InputError
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.layout import kept_photo
from matching_spark.matching import alerts, decisions, matches_table
from matching_spark.matching.alerts import emit, pending
from matching_spark.matching.decisions import Decision
from matching_spark.matching.matcher import Matcher, MatchRules
from matching_spark.operations import verdicts
from matching_spark.operations.warehouse import made
from matching_spark.progress import SILENT, Progress, Silent
from matching_spark.table import compact as compacting
from matching_spark.table import erase as erasing
from matching_spark.table import side_tables, traces
from matching_spark.table.compact import compact
from matching_spark.table.erase import erase, find
from matching_spark.table.procedures import Procedures
from matching_spark.table.undo import undo

OWN, STAYS, LOST = "erased-first", "stays-here", "lost-1"
DEAD = "00000-0-dead.parquet"
OTHERS = [f"erased-between-{n}" for n in range(4)]


@pytest.fixture
def table(tmp_path: Path, spark: SparkSession, clip: ClipModel) -> PostsTable:
    """Posts, two of them with a decision and a list of rejects, and what a dead writer left."""
    hadoop = Hadoop(commit_wait_s=0.01)
    table = made(Settings(table=str(tmp_path / "t"), hadoop=hadoop), clip, spark)
    posts = [Post(i, "found", "지갑", title=f"지갑 {i}") for i in (OWN, STAYS, *OTHERS)]
    ingest_posts([*posts, Post(LOST, "lost", "지갑", title="지갑 분실")], table, clip)
    decisions.store(table, [Decision(LOST, i, "rejected", "desk") for i in (OWN, STAYS)])
    (tmp_path / "t/rejects").mkdir()
    for i in (OWN, STAYS):
        line = json.dumps({"post_id": i, "reason": "x"}) + "\n"
        (tmp_path / f"t/rejects/{i}.jsonl").write_text(line)
    held = Path(find(table.uri, frozenset([OWN]))["posts"][0])
    held.with_name(DEAD).write_bytes(b"")
    return table


@pytest.mark.long
def test_what_another_erase_removes_meanwhile_is_missed_by_none(
    table: PostsTable, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(OTHERS)
    met: list[str] = []
    inside: list[str] = []  # another run, which none comes between

    def before(owner: Any, name: str, when: str, do: Callable[[str], object]) -> None:
        """Once, before a call with an argument that has `when` in it, what another run may do."""
        real = getattr(owner, name)

        def called(*arguments: Any, **more: Any) -> Any:
            told = next((a for a in arguments if isinstance(a, str) and when in a), None)
            if told is not None and (name, when) not in done and not inside:
                done.add((name, when))
                inside.append(when)
                do(told)
                inside.pop()
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, called)

    def another(_: str) -> None:
        erase(PostsTable.open(table.uri, spark, table.hadoop), [other := next(left)])
        met.append(other)

    done: set[tuple[str, str]] = set()
    # Files that were found have ended when they are read; the same in the middle of each commit.
    before(erasing, "read_columns", "/posts/", another)
    for statement in ("DELETE", "rewrite_data_files", "expire_snapshots"):
        before(type(spark), "sql", statement, another)
    before(storage, "open_input", f"{OWN}.jsonl", storage.remove)
    before(erasing, "holds", DEAD, storage.remove)
    rejects = Path(table.uri, f"rejects/{OWN}.jsonl")
    staged = Path(table.uri, "staging/job/0.parquet")
    said = rejects.read_text()

    def put_back() -> None:  # by a run that had read them before they were taken out
        rejects.write_text(said)
        staged.parent.mkdir(parents=True)
        pq.write_table(pa.table({"key": ["text:0"], "post_id": [OWN]}), staged)

    erase(table, [OWN], Between("rows", put_back))
    assert not staged.exists()
    monkeypatch.undo()
    assert met == OTHERS
    assert len(done) == 6
    for post_id in (OWN, *OTHERS):
        with pytest.raises(InputError, match="there is no post"):
            find(table.uri, frozenset([post_id]))
    table.refresh()
    assert table.kinds([OWN, STAYS, LOST, *OTHERS]) == {STAYS: "found", LOST: "lost"}
    assert decisions.latest(table.uri) == {(LOST, STAYS): "rejected"}
    gone = traces.Subject(frozenset([OWN, *OTHERS]))
    assert traces.look(storage.walk(table.uri), gone).found == ()
    kept = storage.join(table.uri, "rejects", f"{STAYS}.jsonl")
    assert list(storage.walk(storage.parent(kept))) == [kept]


class Between(Silent):
    """A progress of an erase: does something once, before the step whose name has `when` in it."""

    def __init__(self, when: str, do: Callable[[], object]) -> None:
        self.when, self.left = when, [do]

    def say(self, what: str) -> None:
        if self.when in what and self.left:
            self.left.pop()()


def matcher_of(table: PostsTable, clip: ClipModel) -> Matcher:
    """Over the table as it is now, all of whose pairs match."""
    now = PostsTable.open(table.uri, table.spark, table.hadoop)
    engine = SimilarityEngine(now, "spark", clip, cache=Cache())
    return engine.matcher(MatchRules(top_k=10, threshold=-2.0))


@pytest.mark.long
def test_no_match_verdict_or_alert_brings_what_is_erased_meanwhile(
    table: PostsTable, clip: ClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin before the posts' rows are gone, and end before or after."""

    def gone(post_id: str, progress: Progress = SILENT) -> None:
        erase(PostsTable.open(table.uri, table.spark, table.hadoop), [post_id], progress)

    def kept(name: str) -> set[str]:
        return {row["found_id"] for row in side_tables.read(table.uri, name)}

    def all_of_them() -> None:
        made = matcher_of(table, clip)
        assert matches_table.update(made).pairs == len(OTHERS) + 1
        decisions.store(made.table, [Decision(LOST, OWN, "confirmed", "desk")])

    gone(OWN, Between("rejects", all_of_them))
    assert (kept("matches"), kept("decisions")) == ({*OTHERS}, {STAYS})

    made, first = matcher_of(table, clip), OTHERS[0]
    real = made.table.writing
    between = Between("", lambda: gone(first))

    def writing() -> AbstractContextManager[None]:  # the pairs are compared, and not stored yet
        between.say("")
        return real()

    monkeypatch.setattr(made.table, "writing", writing)
    table.set_status(OTHERS[3:], "claimed")  # else there is nothing to be written
    assert matches_table.update(made).removed == 1
    assert kept("matches") == {*OTHERS[1:3]}
    table.set_status(OTHERS[3:], "open")
    assert matches_table.update(matcher_of(table, clip), new=True).full, (
        "nobody knows what took the free place"
    )

    asked = Settings(table=table.uri)
    look = decisions.checked

    def looked(*told: Any) -> Decision:
        found = look(*told)
        gone(found.found_id)
        return found

    monkeypatch.setattr(verdicts, "checked", looked)
    with pytest.raises(InputError, match=f"there is no post '{OTHERS[1]}' .* any more, nothing"):
        verdicts.decide(asked, Decision(LOST, OTHERS[1], "rejected", "desk"), spark=table.session)
    assert kept("decisions") == {STAYS}

    told = matcher_of(table, clip)
    emit(told, pending(told), lambda _: gone(OTHERS[2]))
    assert kept("alerts") == {OTHERS[3]}


@pytest.mark.long
def test_what_is_stored_after_an_erase_has_ended_is_erased_too(
    table: PostsTable, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On HDFS the erase comes between the look at the posts and the commit, and ends."""

    def meanwhile(owner: Any, name: str, post_id: str, looks: bool = False) -> None:
        """The erase of a post comes once: before who stores, or after who looks."""
        real = getattr(owner, name)

        def called(*told: Any) -> Any:
            monkeypatch.setattr(owner, name, real)
            found = real(*told) if looks else None
            erase(PostsTable.open(table.uri, table.spark, table.hadoop), [post_id])
            return found if looks else real(*told)

        monkeypatch.setattr(owner, name, called)

    meanwhile(matches_table, "_still_there", OWN, looks=True)
    matches_table.update(matcher_of(table, clip))
    meanwhile(verdicts, "store", OTHERS[0])
    said = Decision(LOST, OTHERS[0], "rejected", "desk")
    verdicts.decide(Settings(table=table.uri), said, spark=table.session)
    told = matcher_of(table, clip)
    alerts = [*pending(told)]
    meanwhile(side_tables, "append", OTHERS[1])
    emit(told, alerts, lambda _: None)

    gone = frozenset([OWN, *OTHERS[:2]])
    for name in ("matches", "decisions", "alerts"):
        assert not gone & {row["found_id"] for row in side_tables.read(table.uri, name)}
    assert traces.look(storage.walk(table.uri), traces.Subject(gone)).found == ()
    told_of = {row["found_id"] for row in side_tables.read(table.uri, "alerts")}
    assert told_of == {*OTHERS[2:]}


@pytest.mark.long
def test_compact_ends_what_a_writer_has_stored_after_an_erase_and_was_killed(
    table: PostsTable, clip: ClipModel
) -> None:
    """A day later; of a post that an undo took back it stays as long as that can be had again."""
    ingest_posts([Post("undone", "found", "지갑", title="지갑")], table, clip)
    undo(table, table.snapshots[1])
    now = dt.datetime.now(dt.UTC)
    ago = now - dt.timedelta(days=2)
    told = {"gone-just-now": now, "gone-long-ago": ago, STAYS: ago, "undone": ago}
    rows = [(LOST, i, f"alert-{n}", at) for n, (i, at) in enumerate(told.items())]
    side_tables.append(table, "alerts", alerts.SCHEMA, rows)
    waits = (LOST, "comes-by-a-merge", "rejected", "desk", ago, "an-event")
    side_tables.append(table, "decisions", decisions.SCHEMA, [waits])
    compact(table)
    left = [row["found_id"] for row in side_tables.read(table.uri, "alerts")]
    assert sorted(left) == ["gone-just-now", STAYS, "undone"]
    gone = traces.Subject(frozenset(["gone-long-ago"]))
    assert traces.look(storage.walk(table.uri), gone).found == (), "in no state of before either"
    said = {row["found_id"] for row in side_tables.read(table.uri, "decisions")}
    assert said == {OWN, STAYS, "comes-by-a-merge"}


@pytest.mark.long
def test_what_rests_on_a_row_that_an_erase_has_ended_meanwhile_is_not_stored(
    table: PostsTable, clip: ClipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit, or an ingest whose source has not all columns, waits for the erase to end its turn:
    what the post had been would come back."""
    real = PostsTable.commit

    def commit(of: PostsTable, write: Callable[[], object]) -> None:
        monkeypatch.setattr(PostsTable, "commit", real)
        erase(PostsTable.open(table.uri, table.spark, table.hadoop), [OWN])
        real(of, write)

    monkeypatch.setattr(PostsTable, "commit", commit)
    given = frozenset(["colour"])
    changed = [Post(i, "found", colour="검정", given=given) for i in (OWN, STAYS)]
    ingest_posts([*changed, Post("new", "found", "지갑", title="지갑 새것")], table, clip)
    rows = {row["post_id"]: row["colour"] for row in table.frame().collect()}
    assert OWN not in rows
    assert (rows[STAYS], "new" in rows) == ("검정", True)
    gone = traces.Subject(frozenset([OWN]))
    assert traces.look(storage.walk(table.uri), gone).found == ()


@pytest.mark.long
@pytest.mark.parametrize("when", ["before the commit", "before the photos go"])
def test_a_photo_of_an_erased_post_stays_with_one_that_is_stored_meanwhile(
    table: PostsTable, clip: ClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """It was known when the other was taken in, and so neither embedded nor kept again."""
    photo = tmp_path / "one.png"
    Image.new("RGB", (64, 48), (10, 90, 30)).save(photo)
    first, second = (
        Post(i, "found", "지갑", title=i, photos=(str(photo),)) for i in ("p-1", "p-2")
    )
    ingest_posts([first], table, clip)
    real = PostsTable.commit

    def another() -> PostsTable:
        return PostsTable.open(table.uri, table.spark, table.hadoop)

    def commit(of: PostsTable, write: Callable[[], object]) -> None:
        monkeypatch.setattr(PostsTable, "commit", real)
        erase(another(), ["p-1"])
        real(of, write)

    if when == "before the commit":
        monkeypatch.setattr(PostsTable, "commit", commit)
        ingest_posts([second], table, clip)
    else:
        erase(table, ["p-1"], Between("photos", lambda: ingest_posts([second], another(), clip)))
    now = another()
    assert now.kinds(["p-1", "p-2"]) == {"p-2": "found"}
    (row,) = now.frame().where("post_id = 'p-2'").collect()
    assert storage.exists(row["photos"][0]["uri"])


@pytest.mark.long
def test_compact_looks_again_where_an_erase_ends_what_it_reads(
    table: PostsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = "0123" + 60 * "a"
    orphan = Path(kept_photo(table.photos, sha))
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"of no post")
    os.utime(orphan, (0, 0))
    left = iter(OTHERS[:2])

    def after_an_erase(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def first(*arguments: object) -> object:
            monkeypatch.setattr(owner, name, real)
            erase(PostsTable.open(table.uri, table.spark, table.hadoop), [next(left)])
            return real(*arguments)

        monkeypatch.setattr(owner, name, first)

    after_an_erase(side_tables, "frame")  # of pairs whose posts are looked for
    after_an_erase(compacting, "read_parquet")  # of the photos that posts have
    compact(table)
    assert next(left, None) is None
    assert not orphan.exists()
    assert table.kinds([*OTHERS, OWN]).keys() == {OWN, *OTHERS[2:]}


def test_undo_to_a_snapshot_that_an_erase_has_ended_changes_nothing(table: PostsTable) -> None:
    """It was there when undo looked, and what is current is as it was."""
    (first,) = table.snapshots
    table.set_status([STAYS], "claimed")
    Procedures(table).expire("posts", [int(first)])
    to = int(first)
    assert not table.swap(table.snapshot, lambda _, build: build.setBranchSnapshot(to, "main"))
    assert table.kinds([STAYS]) == {STAYS: "found"}
