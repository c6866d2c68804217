"""The part of an ingest that asks the portal LOST112 itself, by its API."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import functions as F

from matching_spark.config import Settings
from matching_spark.domain.posts import Kind, Post, Reject, Status, seoul_today
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import UsageError
from matching_spark.progress import Progress
from matching_spark.sources.lost112_api import SERVICES, Lost112Api
from matching_spark.table.posts_table import PostsTable

API = "api"
PORTAL = "lost112"  # the source of its posts
WEEK = dt.timedelta(days=7)  # what is registered late is still taken in by a nightly run


@dataclass(frozen=True)
class Days:
    """The days of an ingest from the API, both inclusive."""

    first: dt.date
    last: dt.date

    @classmethod
    def of(cls, since: dt.date | None, until: dt.date | None) -> "Days":
        """Until today in Seoul, since a week before. Raises UsageError when they are turned."""
        last = until or seoul_today()
        first = since or last - WEEK
        if first > last:
            raise UsageError(f"the first day, {first}, is after the last, {last}", argument="since")
        return cls(first, last)


class Portal:
    """One ingest from the API: the posts that it lists of some days, and what it has closed."""

    def __init__(self, settings: Settings, kind: Kind | None, days: Days, seen: Seen) -> None:
        self._api = Lost112Api(settings.lost112)
        self._kind, self._days, self._seen = kind, days, seen

    def posts(self) -> Iterator[Post | Reject]:
        return self._api.posts(self._days.first, self._days.last, self._kind, self._seen)

    def close_unlisted(self, table: PostsTable, progress: Progress) -> None:
        """Close what the portal has closed, or lists no more; all that it lists has been read. What
        somebody else closes or erases while the portal is asked stays so."""
        table.refresh()
        states: dict[Status, list[str]] = {}
        unlisted = self._open(table) - self._api.listed
        for post_id, status in self._api.closed(sorted(unlisted), self._seen):
            states.setdefault(status, []).append(post_id)
        for status, ids in states.items():
            if closed := table.set_status(ids, status, was="open"):
                progress.say(f"{closed} posts closed as {status}: the portal has closed them")

    def _open(self, table: PostsTable) -> set[str]:
        """The ids of the portal's posts of its days that the table still calls open."""
        prefixes = [s.prefix for s in SERVICES if self._kind in (None, s.kind)]
        rows = (
            table.frame()
            .where(F.col("status") == "open")
            .where(F.coalesce("source", F.lit(PORTAL)) == PORTAL)  # NULL: of version 1
            .where(F.substring("post_id", 1, 1).isin(prefixes))
            .where(F.col("happened_on").between(self._days.first, self._days.last))
            .select("post_id")
            .collect()
        )
        return {row[0] for row in rows}
