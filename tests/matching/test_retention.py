"""How long found things are kept."""

import datetime as dt

from matching_spark import PostsTable
from matching_spark.matching.retention import expiring


def test_expiring_is_by_the_day_it_was_found(stored: str) -> None:
    rows = [row for shard in PostsTable.open(stored).shards() for row in shard.metadata.to_pylist()]
    found = [row for row in rows if row["kind"] == "found" and row["status"] == "open"]
    days = sorted(row["happened_on"] for row in found)
    until = days[len(days) // 2] + dt.timedelta(days=183)
    got = expiring(PostsTable.open(stored), 183, until)
    want = {r["post_id"] for r in found if r["happened_on"] + dt.timedelta(days=183) <= until}
    assert {e.post_id for e in got} == want
    assert got == sorted(got, key=lambda e: e.expires_on)
    assert expiring(PostsTable.open(stored), 183, days[0] + dt.timedelta(days=182)) == []
