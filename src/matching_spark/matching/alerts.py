"""Alerts: pairs of the matches table that were never told of, grouped by lost post.

Told at least once: a pair is noted in the append-only alerts table after it was taken, so one that
was taken just before a crash is told again, under the same alert_id.
"""

import datetime as dt
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matching_spark import http_client
from matching_spark.domain.posts import NO_ADDRESS, is_web_address
from matching_spark.errors import RemoteError, UsageError
from matching_spark.matching import decisions
from matching_spark.matching.pairs import SEEN, Judge, listed
from matching_spark.score.components import Language
from matching_spark.setting_groups import Alerts as AlertSettings
from matching_spark.table import side_tables

if TYPE_CHECKING:
    from pyspark.sql import Row

    from matching_spark.matching.matcher import Matcher
    from matching_spark.table.posts_table import PostsTable

log = logging.getLogger(__name__)
NAME = "alerts"
SCHEMA = "lost_id string, found_id string, alert_id string, emitted_at timestamp"
NOTED_AT_ONCE = 200  # lost posts a commit of the alerts table: what a crash may tell twice
SIGNATURE, TIMESTAMP = "X-Matching-Signature", "X-Matching-Timestamp"
ANSWER_BYTES = 1 << 20
FACTS = ("category", "title", "colour", "region", "place", "happened_on")
KEPT = ("kept_at", "kept_phone", "source_url")


@dataclass(frozen=True)
class Alert:
    """All that is new of one lost post. body: the JSON that is sent, one line."""

    lost_id: str
    found_ids: tuple[str, ...]
    body: str


def alert_id(lost_id: str, found_id: str) -> str:
    """The same for the same pair, always: by it a receiver drops what it has had."""
    return hashlib.sha256(f"{lost_id}\0{found_id}".encode()).hexdigest()[:16]


def pending(matcher: "Matcher", language: Language = "ko") -> Iterator[Alert]:
    """An alert a lost post with pairs that were neither told of nor decided on, best pair first."""
    uri = matcher.table.uri
    told = {(row["lost_id"], row["found_id"]) for row in side_tables.read(uri, NAME)}
    known = told | decisions.latest(uri).keys()
    pairs, there = listed(matcher, FACTS, FACTS + KEPT)
    judged = Judge(matcher, there, language)
    rows = pairs.orderBy("lost_id", "rank").toLocalIterator()
    for lost_id, group in groupby(rows, key=lambda row: row["lost_id"]):
        new = [row for row in group if (lost_id, row["found_id"]) not in known]
        if new:
            yield Alert(
                lost_id,
                tuple(row["found_id"] for row in new),
                json.dumps(
                    {
                        "lost_id": lost_id,
                        "lost": _facts(new[0]["lost"]),
                        "matches": [_match(row, judged) for row in new],
                    },
                    ensure_ascii=False,
                ),
            )


def emit(
    matcher: "Matcher", alerts: Iterable[Alert], send: Callable[[Alert], None]
) -> tuple[int, int]:
    """Hand every alert to `send` and note its pairs; returns how many were taken and not taken.

    An alert for which `send` raises RemoteError is told again at the next run.
    """
    taken, refused = 0, 0
    rows: list[tuple[str, str, str, dt.datetime]] = []
    try:
        for alert in alerts:
            try:
                send(alert)
            except RemoteError as error:
                refused += 1
                log.warning("the alert of lost post %s was refused: %s", alert.lost_id, error)
                continue
            taken += 1
            now = dt.datetime.now(dt.UTC)
            rows += [(alert.lost_id, i, alert_id(alert.lost_id, i), now) for i in alert.found_ids]
            if taken % NOTED_AT_ONCE == 0:
                _note(matcher.table, rows)
                rows = []
    finally:  # also when it is stopped: what was taken is noted
        _note(matcher.table, rows)
    return taken, refused


def _note(table: "PostsTable", rows: Sequence[tuple[str, str, str, dt.datetime]]) -> None:
    """Note pairs that were told of, but for those of a post that was erased meanwhile."""
    if not rows:
        return
    with table.writing():  # no erase comes between the look and the commit
        now = type(table).open(table.uri)
        there = now.kinds(i for row in rows for i in row[:2])
        if left := [row for row in rows if there.keys() >= {*row[:2]}]:
            side_tables.append(table, NAME, SCHEMA, left)
    side_tables.end_gone(table, now.snapshot, lambda: {i for row in left for i in row[:2]})


class Webhook:
    """Posts alerts as JSON to the address of the settings, signed.

    X-Matching-Signature: sha256=HMAC(secret, timestamp + "." + body) in hex, where timestamp is
    X-Matching-Timestamp, in seconds since 1970. Any 2xx is a yes.
    """

    def __init__(self, settings: AlertSettings) -> None:
        url, secret = settings.webhook_url, settings.webhook_secret
        if not url or not is_web_address(url):
            raise UsageError(f"alerts.webhook_url {NO_ADDRESS}")
        address = urlsplit(url)
        if address.scheme != "https" and not http_client.is_loopback(address.hostname or ""):
            raise UsageError(
                "alerts.webhook_url is no https:// address: whoever is between reads the alerts; "
                "http:// goes to this machine alone"
            )
        if not secret:
            raise UsageError("alerts.webhook_url is set but alerts.webhook_secret is not")
        self._url, self._secret, self._settings = url, secret.encode(), settings
        self._client = http_client.client(settings.timeout_s, url)

    def __call__(self, alert: Alert) -> None:
        """Raises RemoteError when it was not taken."""
        body = alert.body.encode()
        stamp = str(int(time.time()))
        digest = hmac.new(self._secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP: stamp,
            SIGNATURE: f"sha256={digest}",
        }
        request = self._client.build_request("POST", self._url, content=body, headers=headers)
        status, _ = http_client.call(
            self._client,
            request,
            "the webhook",
            tries=self._settings.tries,
            max_bytes=ANSWER_BYTES,
            max_s=self._settings.timeout_s,
        )
        if not 200 <= status < 300:
            raise RemoteError(f"the webhook answers {status}")


def _facts(row: "Row") -> dict[str, object]:
    names = [name for name in row.__fields__ if name not in SEEN]
    values = {name: row[name] for name in names if row[name] not in (None, "")}
    day = values.get("happened_on")
    return values | ({} if day is None else {"happened_on": day.isoformat()})


def _match(row: "Row", judged: Judge) -> dict[str, object]:
    return {
        "alert_id": alert_id(row["lost_id"], row["found_id"]),
        "found_id": row["found_id"],
        "rank": row["rank"],
        "score": row["score"],
        "score_kind": row["score_kind"],
        "components": row["components"],
        "found": _facts(row["found"]),
        **judged(row),
    }
