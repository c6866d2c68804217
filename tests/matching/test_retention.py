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
    days_of = {r["post_id"]: r["happened_on"] + dt.timedelta(days=183) for r in found}
    want = sorted((day, post_id) for post_id, day in days_of.items() if day <= until)
    assert [(e.expires_on, e.post_id) for e in got] == want
    assert expiring(PostsTable.open(stored), 183, days[0] + dt.timedelta(days=182)) == []
