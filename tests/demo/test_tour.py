"""The demo run again in its folder: what is there is of the world that was drawn last."""

import json
from pathlib import Path

from pyspark.sql import SparkSession

from matching_spark import PostsTable, Settings
from tests.support.commands import command

OURS = "F2026110500000123-1"  # as the portal gives them


def test_of_another_world_no_post_and_no_photo_is_left(
    tmp_path: Path, settings: Settings, spark: SparkSession
) -> None:
    out = tmp_path / "demo-out"
    table = ("--table", out / "table")
    done = command("demo", "--posts", "32", cwd=tmp_path, spark=spark)
    assert done.returncode == 0, done.stderr
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"post_id": OURS, "kind": "found", "title": "검정 지갑"}))
    assert command("ingest", own, *table, spark=spark).returncode == 0

    done = command("demo", "--posts", "20", "--seed", "1", cwd=tmp_path, spark=spark)
    assert done.returncode == 0, done.stderr
    lines = "".join((out / "world" / f"{kind}.jsonl").read_text() for kind in ("lost", "found"))
    drawn = [json.loads(line) for line in lines.splitlines()]
    assert "12 posts of the world drawn before are taken out" in done.stderr
    there = PostsTable.open(str(out / "table"), spark, settings.hadoop)
    rows = {row["post_id"] for row in there.frame().collect()}
    assert rows == {post["post_id"] for post in drawn} | {OURS}
    photos = {photo for post in drawn for photo in post["photos"] if photo.endswith(".jpg")}
    assert {f"photos/{each.name}" for each in (out / "world" / "photos").glob("*.jpg")} == photos
