"""The demo run again in its folder: what is there is of the world that was drawn last."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, Settings
from matching_spark.journal.events import PairDecided
from matching_spark.journal.store import Journal
from matching_spark.matching.decisions import Decision, latest, store
from matching_spark.operations.demo_service import demo_settings
from matching_spark.operations.tour import tour
from matching_spark.table import side_tables
from tests.support.commands import command

FACTS = ("title", "category", "colour", "region", "place", "happened_on")
OURS = "F2026110500000123-1"  # as the portal gives them


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.long
def test_another_world_takes_the_place_of_the_one_before(
    settings: Settings, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown was found for the photo beside it, whatever the folder had; no post and no
    photo of the world before is left, nor what was said of them, in the table or in the journal of
    the demo's pages, also where the first try was stopped; and what somebody took in stays."""
    mine = demo_settings(settings.model_copy(update={"table": str(tmp_path / "table")}), tmp_path)
    pair = ("L2026000000000000", "F2026000000000000-1")
    drawn: list[dict[str, Any]] = []
    for seed, posts in ((0, 32), (5, 20)):
        for of, step in ((PostsTable, "delete"), (side_tables, "drop")) if seed else ():
            with monkeypatch.context() as stopped:
                stopped.setattr(of, step, _stop)
                with pytest.raises(KeyboardInterrupt):
                    tour(mine, tmp_path, posts, seed, spark=spark)
        result = tour(mine, tmp_path, posts, seed, spark=spark)
        files = [tmp_path / "world" / f"{kind}.jsonl" for kind in ("lost", "found")]
        lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
        drawn = list(map(json.loads, lines))
        first = next(p for p in drawn if p["post_id"] == result.query["post_id"])
        assert [result.query[name] for name in FACTS] == [first[name] for name in FACTS]
        own = tmp_path / "own.jsonl"
        own.write_text(json.dumps({"post_id": OURS, "kind": "found", "title": "검정 지갑"}))
        assert command("ingest", own, "--table", mine.table, spark=spark).returncode == 0
        table = PostsTable.of(mine, spark)
        assert latest(mine.table) == {}, "of other things"
        assert {r["status"] for r in table.frame().select("status").collect()} == {"open"}
        store(table, [Decision(*pair, "confirmed", "a test")])
        table.set_status([pair[1]], "claimed")
        with closing(Journal.open_or_create(mine)) as journal:
            journal.append(PairDecided(*pair, "rejected"), "system")
        tour(mine, tmp_path, posts, seed, spark=spark)  # the same world: what was said stays
        assert latest(mine.table)[pair] == "confirmed"

    rows = PostsTable.open(mine.table, spark, settings.hadoop).frame().collect()
    assert {row["post_id"] for row in rows} == {post["post_id"] for post in drawn} | {OURS}
    photos = {photo for post in drawn for photo in post["photos"] if photo.endswith(".jpg")}
    there = (tmp_path / "world" / "photos").glob("*.jpg")
    assert {f"photos/{each.name}" for each in there} == photos
