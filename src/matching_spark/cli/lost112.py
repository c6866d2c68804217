"""The part of `ingest` that speaks with the portal LOST112."""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from matching_spark.cli.options import Run, errors
from matching_spark.domain.posts import SEOUL, Kind, Post, Reject, Status, parse_date
from matching_spark.errors import InputError, UsageError
from matching_spark.sources import read_posts
from matching_spark.sources.lost112 import Seen
from matching_spark.sources.lost112_api import SERVICES, Lost112Api
from matching_spark.sources.lost112_photos import with_photos
from matching_spark.storage import absolute

if TYPE_CHECKING:
    from matching_spark.ingest.pipeline import Report
    from matching_spark.table.posts_table import PostsTable

API = "api"
WEEK = dt.timedelta(days=7)  # what is registered late is still taken in by a nightly run


class Portal:
    """One ingest from saved XML or from the API. Raises UsageError for days that make no sense."""

    def __init__(
        self, run: Run, source: str, kind: Kind | None, since: str | None, until: str | None
    ) -> None:
        self._run, self._source = run, source
        self._kind = kind
        self._seen = Seen()
        self._api: Lost112Api | None = None
        if source != API and (since or until):
            raise UsageError("--since and --until are for `ingest api`")
        if source == API:
            try:
                last = parse_date(until) or dt.datetime.now(SEOUL).date()
                self._days = (parse_date(since) or last - WEEK, last)
            except InputError as error:
                raise UsageError(str(error)) from None
            if self._days[0] > self._days[1]:
                raise UsageError(f"--since {self._days[0]} is after --until {self._days[1]}")
            self._api = Lost112Api(run.settings.lost112)

    def posts(self) -> Iterator[Post | Reject]:
        if self._api is not None:
            stream = self._api.posts(*self._days, self._kind, self._seen)
        else:
            stream = read_posts(self._source, "lost112", self._kind, self._seen)
        warehouse = absolute(self._run.table_uri)
        return with_photos(stream, warehouse, self._run.settings.lost112)

    def finish(self, table: "PostsTable", report: "Report") -> None:
        """Close what the portal has closed, or lists no more; note the words that were unknown."""
        if self._api is not None:
            from pyspark.sql import functions as F

            table.refresh()  # what was closed meanwhile is not closed again, as something else
            prefixes = [s.prefix for s in SERVICES if self._kind in (None, s.kind)]
            rows = (
                table.frame()
                .where(F.col("status") == "open")
                .where(F.substring("post_id", 1, 1).isin(prefixes))
                .where(F.col("happened_on").between(*self._days))
                .select("post_id")
                .collect()
            )
            unlisted = sorted({row[0] for row in rows} - self._api.listed)
            states: dict[Status, list[str]] = {}
            for post_id, status in self._api.closed(unlisted, self._seen):
                states.setdefault(status, []).append(post_id)
            for status, ids in states.items():
                table.set_status(ids, status)
                errors.print(f"{len(ids)} posts closed as {status}: the portal has closed them")
            report.snapshot = table.snapshot
        report.unknown = dict(self._seen.unknown.most_common())
        for word, count in self._seen.unknown.most_common():
            errors.print(f"kept as it is, {count} times: {word}")
