"""The holding period: a found thing is kept so many days from the day it was found, then it goes.

Lost posts do not expire: their owners may still look.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from matching_spark.domain.facts import EPOCH
from matching_spark.domain.posts import Filters
from matching_spark.shards.shard import Shard
from matching_spark.table.posts_table import PostsTable


@dataclass(frozen=True)
class Expiring:
    """An open found post, and the first day on which it is not kept any more."""

    post_id: str
    expires_on: dt.date


def expiring(table: PostsTable, holding_days: int, until: dt.date) -> list[Expiring]:
    """Open found posts that expire on `until` or before, the earliest first. No JVM."""
    return expiring_of(table.shards(Filters(kind="found")), holding_days, until)


def expiring_of(shards: Iterable[Shard], holding_days: int, until: dt.date) -> list[Expiring]:
    """The same of shards."""
    last = (until - dt.timedelta(days=holding_days) - EPOCH).days
    where = Filters(kind="found")
    out = []
    for shard in shards:
        days = shard.days
        rows = np.flatnonzero(shard.where(where) & shard.dated() & (days <= last))
        for row in rows:
            found_on = EPOCH + dt.timedelta(days=int(days[row]))
            post_id = shard.metadata["post_id"][int(row)].as_py()
            out.append(Expiring(post_id, found_on + dt.timedelta(days=holding_days)))
    return sorted(out, key=lambda e: (e.expires_on, e.post_id))
