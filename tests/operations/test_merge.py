"""The journal merged into the table, by brute force: a dictionary of what was written last."""

import datetime as dt
import os
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pyspark.sql import SparkSession

from matching_spark import ClipModel, PostsTable, StorageError, UsageError
from matching_spark.config import Settings
from matching_spark.journal.events import AccountMade, PairDecided, PostEdited
from matching_spark.journal.kept import Vector
from matching_spark.journal.store import Journal
from matching_spark.layout import kept_photo, uploads
from matching_spark.matching import decisions
from matching_spark.operations import posts as of_posts
from matching_spark.operations import table as of_table
from matching_spark.operations import verdicts
from matching_spark.operations.ingest import Source, ingest
from matching_spark.operations.merge import merge
from matching_spark.operations.merger import follow, journal_of
from matching_spark.table import adopt, side_tables
from matching_spark.table.mark import after, mark, merged
from matching_spark.table.merging import Rewound, take_in
from tests.operations.conftest import last_content, post, told
from tests.support.journaled import in_table, photo, read, write


def test_a_journal_is_merged_as_it_was_written(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    who = "account-" + "a" * 32
    journal.append(AccountMade(who), "system", content={"name": "kim"})
    assert merge(mine).mark == 0  # without Spark: no table is made for an account
    assert not Path(mine.table).exists()

    red, blue = photo(mine, "red"), photo(mine, "blue")
    half, begun = (uploads(str(mine.service.journal)) / f".{n}.tmp" for n in "ab")
    for each in (half, begun):  # of a service that was killed, and of one that writes
        each.write_bytes(b"half of a photo")
    left, just_sent = photo(mine, "white"), photo(mine, "grey")  # of no post; of one that comes
    photos = uploads(str(mine.service.journal))
    for each in (half, photos / f"{left}.jpg"):
        os.utime(each, (0, 0))
    write(journal, clip, post("s-1", "검정 지갑"), photos=[red])
    write(journal, clip, post("s-2", "파란 가방"))
    write(journal, clip, post("s-1", "빨간 지갑"), 2, [red, blue], "edit")
    write(journal, clip, post("l-1", "지갑을 잃음", "lost"))
    journal.append(PairDecided("l-1", "s-1", "confirmed"), who)
    write(journal, clip, replace(post("s-2", "파란 가방"), status="claimed"), 2, (), "close")
    done = merge(mine, spark=spark)
    assert (done.mark, done.events, done.posts, done.decisions) == (7, 7, 3, 1)
    assert (done.photos, done.embedded, done.left_out) == (2, 2, ())  # both photos had no vector
    table = PostsTable.of(mine)
    expected = clip.embed_texts(["빨간 지갑"])
    assert max(float(np.max(s.texts.vectors @ expected.T)) for s in table.shards()) > 0.999999
    rows = in_table(mine.table)
    assert {i: (r["title"], r["status"]) for i, r in rows.items()} == {
        "s-1": ("빨간 지갑", "open"),
        "s-2": ("파란 가방", "claimed"),
        "l-1": ("지갑을 잃음", "open"),
    }
    assert mark(table.metadata) == 7
    assert decisions.latest(mine.table) == {("l-1", "s-1"): "confirmed"}
    for sha in (red, blue):
        assert Path(kept_photo(table.photos, sha)).is_file()
    assert (half.exists(), begun.exists()) == (False, True)
    assert {path.stem for path in photos.glob("*.jpg")} == {red, blue, just_sent}
    assert [*Path(mine.table, "staging").rglob("*.parquet")] == []


def test_what_goes_beside_the_rows(
    mine: Settings,
    journal: Journal,
    spark: SparkSession,
    clip: ClipModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No verdict of what is forgotten by now; photos that stay whoever removes them meanwhile; of
    one that is none its post comes without, and is told."""
    red, blue, none = (photo(mine, each) for each in ("red", "blue", "black"))
    (uploads(str(mine.service.journal)) / f"{none}.jpg").write_bytes(b"no photo")
    old, taken = (Path(kept_photo(f"{mine.table}/photos", sha)) for sha in (red, blue))
    old.parent.mkdir(parents=True)
    old.write_bytes(b"a day old")  # `compact` may be about to remove it
    os.utime(old, (0, 0))
    write(journal, clip, post("l-1", "지갑을 잃음", "lost"))
    write(journal, clip, post("s-1", "지갑 하나"))
    write(journal, clip, post("s-2", "지갑 둘"), photos=[red, blue, none])
    for post_id in ("s-1", "s-2"):
        journal.append(PairDecided("l-1", post_id, "rejected"), "account-" + "a" * 32)
    journal.forget("post:s-1", "system")

    def meanwhile(*rest: Any) -> None:
        taken.unlink()  # by an erase of another post that had it
        take_in(*rest)

    monkeypatch.setattr("matching_spark.operations.merge.take_in", meanwhile)
    done = merge(mine, spark=spark)
    assert decisions.latest(mine.table) == {("l-1", "s-2"): "rejected"}
    assert (old.read_bytes() != b"a day old", taken.exists()) == (True, True)
    assert (done.embedded, len(done.left_out)) == (2, 1)
    assert done.left_out[0].startswith(f"s-2: photo {none}: ")
    (row,) = PostsTable.of(mine, spark).frame().where("post_id = 's-2'").collect()
    assert [each["sha256"] for each in row["photos"]] == [red, blue]


def test_events_in_any_batches_end_as_the_last_of_each_post(
    mine: Settings,
    journal: Journal,
    spark: SparkSession,
    clip: ClipModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against a dictionary; a reader sees it before, between and after merges, and with the vector
    of its words after each batch. What is merged once more, as where another engine has ended the
    snapshots and their marks, changes nothing."""

    def seen(table: PostsTable, *rest: Any) -> None:
        take_in(table, *rest)
        for shard in PostsTable.of(mine).shards():
            posts = np.flatnonzero(shard.alive)
            own = shard.texts.vectors[shard.texts.rows[shard.texts.starts[posts]]]
            words = clip.embed_texts([row["title"] for row in shard.rows(posts)])
            assert (np.vecdot(own, words) > 0.999999).all()

    monkeypatch.setattr("matching_spark.operations.merge.take_in", seen)
    monkeypatch.setattr("matching_spark.operations.merge.BATCH", 9)
    chance = random.Random(5)
    now: dict[str, str] = {}
    counts: dict[str, int] = {}
    gone: set[str] = set()
    for n in range(20):
        post_id = f"s-{chance.randrange(6)}"
        if post_id in gone:
            continue
        if n == 12 and post_id in now:
            journal.forget(f"post:{post_id}", "system")
            del now[post_id]
            gone.add(post_id)
        else:
            counts[post_id] = counts.get(post_id, 0) + 1
            what = "edit" if post_id in now else "add"
            now[post_id] = f"지갑 {n}"
            write(journal, clip, post(post_id, now[post_id]), counts[post_id], what=what)
        if n >= 14:
            if not Path(mine.table).exists():
                merge(mine, spark=spark)
                assert told(mine) == now
            assert read(mine, journal) == now
    merge(mine, spark=spark)
    assert gone
    assert told(mine) == now
    at = PostsTable.of(mine, spark)
    assert mark(at.metadata) == journal.last()
    before = {i: row["sequence"] for i, row in sequences(at).items()}
    assert before == {i: counts[i] for i in now}

    one = f"{at.snapshot} 0 -"  # a mark of no event: all of them again
    spark.sql(f"ALTER TABLE {at.name} SET TBLPROPERTIES ('matching-spark.journal-at' = '{one}')")
    at.refresh()
    assert mark(at.metadata) == 0
    again = merge(mine, spark=spark)
    assert again.events == journal.last()
    assert told(mine) == now
    assert {
        i: row["sequence"] for i, row in sequences(PostsTable.of(mine, spark)).items()
    } == before


def sequences(table: PostsTable) -> dict[str, dict[str, int]]:
    rows = table.frame().select("post_id", "sequence").collect()
    return {row["post_id"]: {"sequence": row["sequence"]} for row in rows}


def test_decisions_are_one_row_an_event_and_the_last_word_counts(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    """Also in a table that was made before there was a journal, without the column of events."""
    write(journal, clip, post("l-1", "지갑", "lost"))
    write(journal, clip, post("s-1", "지갑"))
    merge(mine, spark=spark)
    table = PostsTable.of(mine, spark)
    old = "lost_id string, found_id string, verdict string, by string, at timestamp"
    row = ("l-1", "s-1", "confirmed", "kim", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    side_tables.append(table, decisions.NAME, old, [row])
    who = "account-" + "b" * 32
    journal.append(PairDecided("l-1", "s-1", "rejected"), who)
    done = merge(mine, spark=spark)  # no post changed: the mark moves by a commit without rows
    assert (done.decisions, done.mark) == (1, 3)
    assert merge(mine).events == 0  # and Spark is not started for it
    assert decisions.latest(mine.table) == {("l-1", "s-1"): "rejected"}
    (event,) = journal.tail(2)
    said = decisions.Told("l-1", "s-1", "rejected", who, event.at, event.event_id)
    assert decisions.take_in(table, [said]) == 0
    journal.append(PairDecided("l-1", "s-1", "unsure"), who)
    merge(mine, spark=spark)
    assert decisions.latest(mine.table) == {}
    assert len(side_tables.read(mine.table, decisions.NAME)) == 3


def test_the_last_word_is_the_journals_also_where_a_clock_was_set_back(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    """In one merge and over several, by the service and by the command line: what the service shows
    of a pair is what the table says of it when it is merged."""
    write(journal, clip, post("l-1", "지갑", "lost"))
    for post_id in ("s-1", "s-2"):
        write(journal, clip, post(post_id, "지갑"))
    who = "account-" + "c" * 32
    clock = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)

    def say(found_id: str, verdict: decisions.Verdict | Literal["unsure"]) -> None:
        nonlocal clock
        clock -= dt.timedelta(minutes=10)
        with closing(Journal.open_or_create(mine, clock=lambda: clock)) as later:
            later.append(PairDecided("l-1", found_id, verdict), who)

    say("s-1", "rejected")
    say("s-1", "unsure")
    say("s-1", "confirmed")
    say("s-2", "confirmed")
    merge(mine, spark=spark)
    assert decisions.latest(mine.table) == {
        ("l-1", "s-1"): "confirmed",
        ("l-1", "s-2"): "confirmed",
    }
    say("s-1", "unsure")
    merge(mine, spark=spark)
    assert decisions.latest(mine.table) == {("l-1", "s-2"): "confirmed"}
    table = PostsTable.of(mine, spark)
    decisions.store(table, [decisions.Decision("l-1", "s-2", "rejected", "kim")])
    assert decisions.latest(mine.table) == {("l-1", "s-2"): "rejected"}


def test_undo_takes_the_mark_back_and_the_next_merge_brings_the_events_again(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    write(journal, clip, post("s-1", "하나"))
    first = merge(mine, spark=spark).snapshot
    assert first is not None
    write(journal, clip, post("s-1", "둘"), 2, what="edit")
    write(journal, clip, post("s-2", "셋"))
    merge(mine, spark=spark)
    stale = PostsTable.of(mine, spark)
    before = merged(stale.metadata)
    of_table.undo(mine, first, spark=spark)
    assert told(mine) == {"s-1": "하나"}
    assert mark(PostsTable.of(mine).metadata) == 1
    assert read(mine, journal) == {"s-1": "둘", "s-2": "셋"}
    with pytest.raises(Rewound):  # a merge that had read before the undo
        take_in(stale, None, before, before.sequence, replace(before, sequence=9))
    assert merge(mine, spark=spark).mark == 3
    assert told(mine) == {"s-1": "둘", "s-2": "셋"}


@pytest.mark.long
def test_compact_keeps_the_mark_and_so_does_a_table_that_was_adopted(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    for n in range(3):
        write(journal, clip, post(f"s-{n}", f"지갑 {n}"))
        merge(mine, spark=spark)
    mine.hadoop.snapshot_keep = dt.timedelta(0)
    of_table.compact(mine, spark=spark)
    table = PostsTable.of(mine)
    assert len(table.metadata.snapshots()) == 1
    assert mark(table.metadata) == 3
    assert merge(mine).events == 0
    Path(mine.table).rename(tmp_path / "moved")
    mine.table = str(tmp_path / "moved")
    adopt.adopt(mine.table, mine.hadoop)
    assert mark(PostsTable.of(mine).metadata) == 3
    write(journal, clip, post("s-9", "새것"))
    merge(mine, spark=spark)
    assert set(told(mine)) == {"s-0", "s-1", "s-2", "s-9"}


@pytest.mark.long
def test_reembed_keeps_the_mark_and_what_comes_after_is_embedded_anew(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    write(journal, clip, post("s-1", "하나"))
    merge(mine, spark=spark)
    red = photo(mine, "red")
    seen = Vector(f"photo:{red}", clip.name, clip.embed_texts(["빨강"])[0])
    write(journal, clip, post("s-2", "둘"), photos=[red])
    journal.append(PostEdited("s-2", ("title",)), "system", None, last_content(journal), [seen])
    other = ClipModel(Path(__file__).parents[1] / "golden" / "siglip")
    anew = mine.model_copy(deep=True)
    anew.model.name = str(other.place)
    of_table.reembed(anew, spark=spark)
    assert mark(PostsTable.of(mine).metadata) == 1
    done = merge(mine, spark=spark)
    assert (done.events, done.embedded) == (2, 2)  # the words and the photo
    table = PostsTable.of(mine)
    assert table.model == other.name
    expected = other.embed_texts(["둘"])
    assert max(float(np.max(s.texts.vectors @ expected.T)) for s in table.shards()) > 0.9999
    # Back again: of words that have changed the journal once had a vector of that model, too.
    write(journal, other, post("s-1", "셋"), 2, what="edit")
    of_table.reembed(mine, spark=spark)
    assert merge(mine, spark=spark).embedded == 1
    expected = clip.embed_texts(["셋"])
    shards = PostsTable.of(mine).shards()
    assert max(float(np.max(s.texts.vectors @ expected.T)) for s in shards) > 0.9999


def test_another_journal_is_merged_from_its_first_event(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    """As one that was restored from a backup: the events that it has by now are others."""
    for n in range(3):
        write(journal, clip, post(f"s-{n}", f"지갑 {n}"))
    merge(mine, spark=spark)
    mine.service.journal = str(tmp_path / "another")
    other = Journal.open_or_create(mine)
    write(other, clip, post("s-0", "고침"), 2, what="edit")
    write(other, clip, post("s-7", "새것"))
    assert after(PostsTable.of(mine).metadata, other) == 0
    assert merge(mine, spark=spark).mark == 2
    assert told(mine) == {"s-0": "고침", "s-1": "지갑 1", "s-2": "지갑 2", "s-7": "새것"}
    assert merge(mine).events == 0
    other.close()


def test_no_journal_is_made_by_who_has_come_to_read_one(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel, tmp_path: Path
) -> None:
    """By a mistyped service.journal, or where it was lost: nothing of it would be known."""
    write(journal, clip, post("s-1", "하나"))
    merge(mine, spark=spark)
    lost = tmp_path / "mistyped"
    mine.service.journal = str(lost)
    said = decisions.Decision("l-1", "s-1", "rejected", "kim")
    for act in (
        lambda: merge(mine, spark=spark),
        lambda: of_posts.edit(mine, "s-1", {"colour": "검정"}, spark=spark),
        lambda: of_posts.close(mine, ["s-1"], "claimed", spark=spark),
        lambda: of_posts.close_expired(mine, spark=spark),
        lambda: of_posts.erase(mine, ["s-1"], spark=spark),
        lambda: verdicts.decide(mine, said, spark=spark),
        lambda: follow(mine, ["false"]),
        lambda: journal_of(mine),  # a service's
    ):
        with pytest.raises(UsageError, match=f"there is no journal in {lost}: set service.journal"):
            act()
        assert not lost.exists()
    with closing(Journal.open_or_create(mine)) as empty:
        for act in (lambda: merge(mine, spark=spark), lambda: journal_of(mine)):
            with pytest.raises(
                StorageError, match=r"up to number 1 of a journal, and that .* none"
            ):
                act()
        empty.append(AccountMade("account-" + "a" * 32), "system", content={"name": "kim"})
        with closing(journal_of(mine)) as another:
            assert another.last() == 1
    assert told(mine) == {"s-1": "하나"}


def test_an_ingest_before_the_service_has_begun_makes_no_journal(
    mine: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    source = tmp_path / "posts.csv"
    source.write_text("post_id,kind,title\na,found,하나\n", "utf-8")
    assert ingest(mine, Source(str(source)), spark=spark).accepted == 1
    assert not Path(str(mine.service.journal)).exists()


def test_of_two_changes_that_do_not_know_of_each_other_the_later_stands(
    mine: Settings, journal: Journal, spark: SparkSession, clip: ClipModel
) -> None:
    write(journal, clip, post("s-1", "하나"))
    write(journal, clip, post("s-2", "둘"))
    merge(mine, spark=spark)
    table = PostsTable.of(mine, spark)
    write(journal, clip, post("s-1", "먼저"), 2, what="edit")
    table.set_status(["s-1", "s-2"], "claimed")  # between a merge and the command's own commit
    write(journal, clip, post("s-2", "나중"), 2, what="edit")
    merge(mine, spark=spark)
    rows = in_table(mine.table)
    assert {i: (r["title"], r["status"]) for i, r in rows.items()} == {
        "s-1": ("하나", "claimed"),
        "s-2": ("나중", "open"),
    }
