"""What commands do, called as a service would: with settings and a session, without a command."""

import csv
import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import (
    Filters,
    InputError,
    PostsTable,
    Query,
    Settings,
    StorageError,
    UsageError,
)
from matching_spark.demo.world import World
from matching_spark.matching import retention
from matching_spark.matching.alerts import Alert
from matching_spark.matching.decisions import Decision
from matching_spark.matching.matcher import Matcher
from matching_spark.operations import (
    browse,
    evaluate,
    index,
    ingest,
    match,
    models,
    posts,
    search,
    status,
    table,
    verdicts,
)
from matching_spark.operations.ingest import Source
from matching_spark.operations.match import MatchJob
from matching_spark.score.posterior import COSTS
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.table.metadata import current_metadata


class Told:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: dict[str, tuple[int, int]] = {}

    def say(self, what: str) -> None:
        self.said.append(what)

    def count(self, what: str, done: int, total: int) -> None:
        self.counted[what] = (done, total)


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def own(
    settings: Settings,
    spark: SparkSession,
    world: World,
    told: Told,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Settings of a table that operations have filled."""
    mine = settings.model_copy(deep=True)
    mine.table = str(tmp_path_factory.mktemp("operations") / "table")
    for file in (world.found, world.lost):
        report = ingest.ingest(mine, Source(str(file)), progress=told, spark=spark)
        assert report.rejected == 0
        with pytest.raises(FrozenInstanceError):
            report.accepted = 0  # type: ignore[misc]
    return mine


@pytest.fixture(autouse=True)
def _silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Operations print nothing, on either stream."""
    yield
    assert capfd.readouterr().out == ""


def test_an_ingest_counts_and_says(own: Settings, told: Told, spark: SparkSession) -> None:
    assert told.said == []  # nothing begins where the session is there
    assert {"photos", "texts"} <= set(told.counted)
    state = status.status(own)
    assert state.total == sum(row.posts for row in state.posts) == 40
    assert list(state.to_dict())[-5:] == ["compact", "cache", "cells", "provider", "expiring"]
    assert state.to_dict()["posts"][0].keys() == {"kind", "category", "status", "posts"}


@pytest.mark.parametrize(
    ("source", "says", "argument"),
    [
        (Source(".", format="folder"), "name its kind, lost or found", "kind"),
        (Source(".", format="csv", since=dt.date(2026, 1, 1)), "portal's API only", "since"),
        (Source("api", format="lost112", since=dt.date(2999, 1, 1)), "is after the last", "since"),
    ],
)
def test_an_error_names_the_argument_and_no_flag(
    settings: Settings, source: Source, says: str, argument: str
) -> None:
    with pytest.raises(UsageError, match=says) as error:
        ingest.ingest(settings, source)
    assert error.value.argument == argument
    assert "--" not in str(error.value)


def test_no_table_is_said_without_starting_spark(settings: Settings, tmp_path: Path) -> None:
    mine = settings.model_copy(deep=True)
    mine.table = str(tmp_path / "none")
    for attempt in (
        lambda: verdicts.decide(mine, Decision("a", "b", "confirmed", "x")),
        lambda: verdicts.decide_all(mine, "F.csv", "x"),
        lambda: posts.close(mine, ["a"], "claimed"),
        lambda: table.compact(mine),
        lambda: table.undo(mine, "1"),
        lambda: index.index(mine),
        lambda: match.match(mine),
        lambda: status.status(mine),
        lambda: table.warm(mine),
        lambda: evaluate.evaluate(mine, "decisions"),
    ):
        with pytest.raises(InputError, match="there is no posts table"):
            attempt()


def test_costs_by_which_no_look_pays_are_told_before_spark_starts(own: Settings) -> None:
    mine = own.model_copy(deep=True)
    mine.similarity.cost_false_alarm = mine.similarity.cost_miss = 2
    mine.similarity.runner = "spark"
    told = Told()
    with pytest.raises(UsageError, match="no look pays"):
        search.search(mine, Query(text="지갑"), Filters(), progress=told)
    with pytest.raises(UsageError, match="no look pays"):
        match.match(mine, progress=told)
    assert told.said == []


def test_a_match_is_written_and_told_of_once(
    own: Settings, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And heeds the settings of HDFS and of the cache, as every operation does."""
    mine = own.model_copy(deep=True)
    mine.hadoop.lock_wait_s = 61
    mine.cache.folder = str(tmp_path / "cache")
    used: list[Matcher] = []
    matcher = SimilarityEngine.matcher

    def spied(self: SimilarityEngine, *given: object, **named: object) -> Matcher:
        used.append(matcher(self, *given, **named))  # type: ignore[arg-type]
        return used[-1]

    monkeypatch.setattr(SimilarityEngine, "matcher", spied)
    heard: list[Alert] = []
    told = Told()
    job = MatchJob(output=tmp_path / "pairs.csv", tell=heard.append)
    done = match.match(mine, job, told, spark)
    (made,) = used
    assert made.table.hadoop.lock_wait_s == 61
    assert made.cache.folder == str(tmp_path / "cache" / "shards")
    assert done.alerts is not None
    assert (done.alerts.taken, done.alerts.refused) == (len(heard), 0)
    lines = (tmp_path / "pairs.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].split(",") == list(match.COLUMNS)
    assert len(lines) == done.report.pairs + 1
    assert told.said == [f"written: {tmp_path / 'pairs.csv'}, {done.report.pairs} pairs"]
    sheet = list(csv.DictReader(lines))
    undecided = [row for row in sheet if not row["decided"]]  # the tests before may have decided
    assert len(undecided) == sum(len(alert.found_ids) for alert in heard)
    assert {(row["decision"], row["score_kind"]) for row in sheet} == {("", "fused")}
    posted = {each["post_id"]: each for each in browse.list_posts(own, Filters()).posts}
    for row in sheet:
        for side in ("lost", "found"):
            post = posted[row[f"{side}_id"]]
            assert row[f"{side}_title"] == post["title"]
            assert row[f"{side}_happened_on"] == str(post["happened_on"])
        assert not re.search(r"[{\[]", "".join(row.values())), "flat"
        likely = row["probability"]
        assert likely or row["decided"] == "confirmed"
        assert row["band"] == (COSTS.band(float(likely)) if likely else "")
        assert row["why"]
        assert Path(row["lost_photo"]).is_file() or not row["lost_photo"]
    heard.clear()
    job = MatchJob(new=True, output=tmp_path / "p.jsonl", tell=heard.append)
    again = match.match(mine, job, spark=spark)
    assert (heard, again.report.added, again.report.full) == ([], 0, False)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()]
    assert [(row["lost_id"], row["found_id"]) for row in rows] == [
        (row["lost_id"], row["found_id"]) for row in sheet
    ]
    assert [row["components"].keys() & {"days"} for row in rows] == [{"days"}] * len(rows)
    assert [float(row["score"]) for row in sheet] == [row["score"] for row in rows]
    monkeypatch.setattr(match, "MOST", 3)
    page = tmp_path / "p.html"
    said = match.write_pairs(used[-1], page)
    assert said == f"written: {page}, 3 pairs, the best of {len(rows)}: F.csv has them all"
    best = sorted((row["score"] for row in rows), reverse=True)[:3]
    assert page.read_text("utf-8").count("<article") == len(best)
    with pytest.raises(UsageError, match="must end in one of"):
        match.match(mine, MatchJob(output=tmp_path / "pairs.pdf"))


def test_a_verdict_a_closed_post_and_back(own: Settings, spark: SparkSession) -> None:
    opened = PostsTable.open(own.table)
    by_kind = {
        kind: [i for shard in opened.shards(Filters(kind=kind)) for i in shard.metadata["post_id"]]
        for kind in ("lost", "found")
    }
    lost_id, found_id = (by_kind[kind][0].as_py() for kind in ("lost", "found"))
    done = verdicts.decide(own, Decision(lost_id, found_id, "rejected", "a test"), spark=spark)
    assert list(done.to_dict()) == ["lost_id", "found_id", "verdict", "by", "closed"]
    before = status.status(own)
    closed = posts.close(own, [found_id, found_id], "claimed", spark=spark)
    assert (closed.changed, closed.asked, closed.status) == (1, 1, "claimed")
    assert closed.snapshot == status.status(own).snapshot != before.snapshot
    assert before.snapshot is not None
    back = table.undo(own, before.snapshot, spark=spark)
    assert back.undone == closed.snapshot
    assert status.status(own).posts == before.posts
    with pytest.raises(InputError, match="status 'gone' is not known"):
        posts.close(own, [found_id], "gone", spark=spark)  # type: ignore[arg-type]
    for attempt in (
        lambda: posts.close(own, ["nobody", found_id, "none"], "claimed"),
        lambda: verdicts.decide(own, Decision(lost_id, "nobody", "confirmed", "x")),
        lambda: verdicts.decide(own, Decision("nobody", found_id, "confirmed", "x")),
    ):
        with pytest.raises(InputError, match="there is no post 'nobody'"):  # with no Spark to ask
            attempt()
    with pytest.raises(UsageError, match="only a confirmed pair"):
        verdicts.decide(own, Decision(lost_id, found_id, "rejected", "x"), close=True)
    loose, strict = (own.model_copy(deep=True) for _ in range(2))
    loose.holding.duplicate_cosine, strict.holding.duplicate_cosine = -1.0, 1.0
    some, none = (posts.duplicates(each, Filters(kind="found")) for each in (loose, strict))
    assert some.to_dict().keys() == {"threshold", "duplicates", "left_out"}
    assert len(some.duplicates) > len(none.duplicates)


def test_what_is_claimed_while_others_expire_stays_claimed(
    own: Settings, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was erased meanwhile is passed over, and the others expire."""
    mine = own.model_copy(deep=True)
    mine.holding.days = 1
    look, seen = retention.expiring, list[str]()

    def looked(*told: Any) -> Any:
        over = look(*told)
        seen.extend(each.post_id for each in over)
        posts.close(own, seen[:1], "claimed", spark=spark)
        PostsTable.open(own.table, spark, own.hadoop).delete(seen[1:2])
        return over

    before = status.status(own).snapshot
    assert before is not None
    monkeypatch.setattr(posts, "expiring", looked)
    done = posts.close_expired(mine, spark=spark)
    now = {i: browse.show(own, i).post["status"] for i in (seen[0], *seen[2:])}
    assert now == {seen[0]: "claimed"} | dict.fromkeys(seen[2:], "expired")
    assert (done.changed, done.asked) == (len(seen) - 2, len(seen))
    table.undo(own, before, spark=spark)


def test_a_sheet_of_verdicts_is_one_commit(
    own: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    sheet, before = tmp_path / "판정.csv", status.status(own)
    listed = browse.list_posts(own, Filters()).posts
    lost, found = (
        [p["post_id"] for p in listed if p["kind"] == kind] for kind in ("lost", "found")
    )
    rows = [
        f"{lost[0]},{found[0]},맞음,김",
        f"{lost[1]},{found[1]},reject,",
        f"{lost[2]},{found[2]},,",
        f"{lost[3]},{found[3]},아직 모름,",
        f"{lost[4]},nobody,confirm,",
        f"{found[4]},{lost[4]},confirm,",
        f"{lost[5]},{found[5]},perhaps,",
        f",{found[5]},confirm,",
        f"{lost[6]},{found[6]},confirm,",
        f"{lost[6]},{found[6]},아님,",
        f"{lost[1]},{found[1]},n,",
    ]
    sheet.write_text("분실물,습득물,판정,담당자\n" + "\n".join(rows), "cp949")
    commits = len(_snapshots(own, "decisions"))
    done = verdicts.decide_all(own, str(sheet), "desk", close=True, spark=spark)
    assert (done.confirmed, done.rejected, done.undecided, done.closed) == (1, 1, 2, 2)
    assert [(int(r.source.rpartition(":")[2]), r.reason) for r in done.refused] == [
        (6, "no-pair"),
        (7, "no-pair"),
        (8, "bad-decision"),
        (9, "no-id"),
        (10, "no-pair"),
        (11, "no-pair"),
    ]
    assert "in lines 10, 11" in done.refused[-1].detail
    assert len(_snapshots(own, "decisions")) == commits + 1
    stored = browse.show(own, lost[0])
    assert (stored.post["status"], stored.decisions[-1]["by"]) == ("claimed", "김")
    assert browse.show(own, lost[1]).decisions[-1]["by"] == "desk"
    assert before.snapshot is not None
    table.undo(own, before.snapshot, spark=spark)
    empty = tmp_path / "none.csv"
    empty.write_text("lost_id,found_id,decision\na,b,\n")
    assert verdicts.decide_all(own, str(empty), "x").undecided == 1  # without Spark
    for text, says in (("", "not one column lost_id"), ("lost,found\n", "not one column decision")):
        empty.write_text(text)
        with pytest.raises(InputError, match=says):
            verdicts.decide_all(own, str(empty), "x")


def _snapshots(settings: Settings, name: str) -> list[object]:
    metadata = current_metadata(str(settings.table), name)
    return [] if metadata is None else list(metadata.snapshots())


def test_cells_are_trained_warmed_and_described(own: Settings, spark: SparkSession) -> None:
    told = Told()
    state = index.index(own, 2, told, spark)
    assert state == status.status(own).cells
    assert state.photos == 2
    files = len(PostsTable.open(own.table).plan().files)
    assert told.counted["reading"] == (files, files)
    mine = own.model_copy(deep=True)
    mine.similarity.runner = "memory"
    assert table.warm(mine).shards == files


def test_a_model_says_what_it_is_and_runs(settings: Settings) -> None:
    said = models.info(settings.model).to_dict()
    assert list(said)[:3] == ["model", "folder", "dimension"]
    card = Path(said["folder"], "README.md").read_text("utf-8")
    assert said["card"] == card, "what it was measured on and its terms"
    assert "Apache 2.0" in card
    done = models.check(settings.model)
    assert done.cosine is None
    assert done.photo_norm == pytest.approx(1)


def test_weights_of_a_model_go_nowhere_that_is_not_ours(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageError, match=r"cannot be written to.*\(model.name\)"):
        evaluate.calibrate(settings, evaluate.DEMO)


def test_a_report_is_refused_before_the_work(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "taken.json").mkdir()
    for ask in (evaluate.evaluate, evaluate.calibrate):
        with pytest.raises(UsageError, match=r"must end in one of \.json"):
            ask(settings, "no such truth", tmp_path / "F.pdf")
        with pytest.raises(StorageError, match=r"taken\.json cannot be written"):
            ask(settings, "no such truth", tmp_path / "taken.json")


def test_a_start_of_spark_is_said_once(
    own: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(settings: Settings) -> SparkSession:
        raise InputError("no session")

    monkeypatch.setattr("matching_spark.spark.jvm.has_started", lambda: False)
    monkeypatch.setattr("matching_spark.spark.session.session", none)
    row = json.loads(world.truth.read_text("utf-8").splitlines()[0])
    pair = (row["lost_id"], row["found_id"])
    for attempt in (
        lambda told: posts.edit(own, pair[0], {"title": "x"}, told),
        lambda told: posts.close(own, pair, "claimed", told),
        lambda told: posts.close_expired(own, told),
        lambda told: verdicts.decide(own, Decision(*pair, "confirmed", "x"), True, told),
    ):
        told = Told()
        with pytest.raises(InputError, match="no session"):
            attempt(told)
        assert told.said == ["starting Spark ..."]
