"""What commands do, called as a service would: with settings and a session, without a command."""

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from matching_spark import Filters, InputError, PostsTable, Settings, StorageError, UsageError
from matching_spark.demo.world import World
from matching_spark.matching.alerts import Alert
from matching_spark.matching.matcher import Matcher
from matching_spark.operations import evaluate, index, ingest, match, models, posts, status, table
from matching_spark.operations.ingest import Source
from matching_spark.operations.match import MatchJob
from matching_spark.similarity_engine import SimilarityEngine


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
        (
            Source("api", format="lost112", since=dt.date(2999, 1, 1)),
            "is after the last",
            "since",
        ),
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
        lambda: posts.decide(mine, "a", "b", "confirmed", "x"),
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


def test_a_match_is_written_and_told_of_once(
    own: Settings, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And heeds the settings of HDFS and of the cache, as every operation does."""
    mine = own.model_copy(deep=True)
    mine.hadoop.lock_wait_s = 61
    mine.cache.folder = str(tmp_path / "cache")
    used: list[tuple[float, str]] = []
    matcher = SimilarityEngine.matcher

    def spied(self: SimilarityEngine, *given: object, **named: object) -> Matcher:
        made = matcher(self, *given, **named)  # type: ignore[arg-type]
        used.append((made.table.hadoop.lock_wait_s, made.cache.folder))
        return made

    monkeypatch.setattr(SimilarityEngine, "matcher", spied)
    heard: list[Alert] = []
    told = Told()
    job = MatchJob(output=tmp_path / "pairs.csv", tell=heard.append)
    done = match.match(mine, job, told, spark)
    assert used == [(61, str(tmp_path / "cache" / "shards"))]
    assert done.alerts is not None
    assert (done.alerts.taken, done.alerts.refused) == (len(heard), 0)
    assert done.report.pairs == sum(len(alert.found_ids) for alert in heard)
    lines = (tmp_path / "pairs.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].split(",") == list(match.COLUMNS)
    assert len(lines) == done.report.pairs + 1
    assert told.said == [f"written: {tmp_path / 'pairs.csv'}"]
    heard.clear()
    job = MatchJob(new=True, output=tmp_path / "p.jsonl", tell=heard.append)
    again = match.match(mine, job, spark=spark)
    assert (heard, again.report.added, again.report.full) == ([], 0, False)
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()]
    assert [list(row) for row in rows] == [list(match.COLUMNS)] * done.report.pairs
    with pytest.raises(UsageError, match="must end in one of"):
        match.match(mine, MatchJob(output=tmp_path / "pairs.pdf"))


def test_a_verdict_a_closed_post_and_back(own: Settings, spark: SparkSession) -> None:
    opened = PostsTable.open(own.table)
    by_kind = {
        kind: [i for shard in opened.shards(Filters(kind=kind)) for i in shard.metadata["post_id"]]
        for kind in ("lost", "found")
    }
    lost_id, found_id = (by_kind[kind][0].as_py() for kind in ("lost", "found"))
    done = posts.decide(own, lost_id, found_id, "rejected", "a test", spark)
    assert list(done.to_dict()) == ["lost_id", "found_id", "verdict", "by"]
    before = status.status(own)
    closed = posts.close(own, [found_id, found_id], "claimed", spark)
    assert (closed.changed, closed.asked, closed.status) == (1, 1, "claimed")
    assert closed.snapshot == status.status(own).snapshot != before.snapshot
    assert before.snapshot is not None
    back = table.undo(own, before.snapshot, spark=spark)
    assert back.undone == closed.snapshot
    assert status.status(own).posts == before.posts
    with pytest.raises(InputError, match="status 'gone' is not known"):
        posts.close(own, [found_id], "gone", spark)  # type: ignore[arg-type]
    assert posts.duplicates(own, Filters(kind="found")).to_dict().keys() == {
        "threshold",
        "duplicates",
    }


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
    done = models.check(settings.model)
    assert done.cosine is None
    assert done.photo_norm == pytest.approx(1)


def test_weights_of_a_model_go_nowhere_that_is_not_ours(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageError, match=r"cannot be written to.*\(model.name\)"):
        evaluate.calibrate(settings, evaluate.DEMO)
