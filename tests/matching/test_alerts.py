"""Alerts: each pair told once it is taken, never again; a webhook that fails is asked again."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from matching_spark import PostsTable, SimilarityEngine, UsageError, http_client
from matching_spark.config import Cache, Hadoop, load_settings
from matching_spark.errors import RemoteError
from matching_spark.matching import alerts, matches_table
from matching_spark.matching.alerts import Alert, Webhook, alert_id, emit, pending
from matching_spark.matching.decisions import Decision, store
from matching_spark.matching.matcher import Matcher, MatchRules
from matching_spark.matching.pairs import SEEN, described
from matching_spark.score.store import FILE, save
from matching_spark.setting_groups import Alerts
from matching_spark.table import side_tables
from tests.support.calibrations import random_calibration
from tests.support.posts import Posts, ingest
from tests.support.servers import Answer, Asked, serving

SECRET = "s3cret"
ALERT = Alert("lost1", ("found1",), '{"lost_id": "lost1"}')


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, noted instead of slept."""
    waited: list[float] = []
    monkeypatch.setattr(http_client.call, "__kwdefaults__", {"wait": waited.append})
    return waited


def webhook(url: str, **settings: float) -> Webhook:
    return Webhook(Alerts(webhook_url=url + "/in", webhook_secret=SECRET, **settings))  # type: ignore[arg-type]


def test_the_body_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes to its receiver on this machine, not to the proxy for others."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return Answer(status=204)

    with serving(answer) as url:
        webhook(url)(ALERT)
    (one,) = asked
    assert (one.method, one.path, one.body) == ("POST", "/in", ALERT.body.encode())
    stamp = one.headers["X-Matching-Timestamp"]
    assert abs(time.time() - int(stamp)) < 60
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + one.body, hashlib.sha256)
    signature = one.headers["X-Matching-Signature"]
    assert signature == f"sha256={digest.hexdigest()}"
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
    receiver: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], receiver)
    assert receiver["is_ours"](SECRET, stamp, signature, one.body)
    assert not receiver["is_ours"](SECRET, stamp, signature, one.body + b" ")
    assert not receiver["is_ours"](SECRET, str(int(stamp) - 3600), signature, one.body)


def test_what_may_help_is_tried_again(no_waiting: list[float]) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.05)
            yield b"x"

    faults = [
        Answer(status=500),
        Answer(status=429, headers={"Retry-After": "7"}),
        None,
        Answer(chunks=drip),
        Answer(),
    ]
    left = list(faults)
    with serving(lambda _: left.pop(0)) as url:
        webhook(url, tries=5, timeout_s=0.5)(ALERT)
        assert not left
        assert no_waiting[1] == 7
        left = [Answer(status=400)]
        with pytest.raises(RemoteError, match="answers 400"):
            webhook(url)(ALERT)
        assert not left  # what is wrong stays wrong
        left = [Answer(status=302, headers={"Location": url})]
        with pytest.raises(RemoteError, match="answers 302"):  # no redirect is followed
            webhook(url)(ALERT)
        left = [Answer(b"x" * (2 << 20))]
        with pytest.raises(RemoteError, match="more than 1 MB"):
            webhook(url)(ALERT)
    with pytest.raises(RemoteError, match="could not be reached: ConnectError, 4 tries"):
        webhook(url)(ALERT)


def test_settings_are_checked_and_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="webhook_secret is not"):
        Webhook(Alerts(webhook_url="https://x"))
    for wrong in ("file:///etc/passwd", "https://user:pw@host/in", "https://host/a b"):
        with pytest.raises(UsageError, match="no http"):
            Webhook(Alerts(webhook_url=wrong, webhook_secret=SECRET))
    for open_to_all in ("http://example.kr/in", "http://127.0.0.1.example.kr/", "http://10.0.0.1/"):
        with pytest.raises(UsageError, match="no https:// address"):
            Webhook(Alerts(webhook_url=open_to_all, webhook_secret=SECRET))
    for own in ("http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "HTTPS://example.kr"):
        Webhook(Alerts(webhook_url=own, webhook_secret=SECRET))
    monkeypatch.setenv("MATCHING_ALERTS__WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("MATCHING_ALERTS__WEBHOOK_URL", "https://x/T0KEN")
    _, origins = load_settings()
    shown = {origin.name: origin.value for origin in origins}
    assert shown["alerts.webhook_secret"] == shown["alerts.webhook_url"] == "***"


def test_each_pair_is_told_until_it_is_taken_and_no_more(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts, uri = Posts(seed=8), str(tmp_path / "t")
    both = posts.draw("lost", list(range(4))) + posts.draw("found", list(range(12)))
    ingest(both, uri, spark, tmp_path)
    save(random_calibration(3), f"{uri}/{FILE}")

    def matcher() -> Matcher:
        made = SimilarityEngine(PostsTable.open(uri, spark, Hadoop()), cache=Cache()).matcher(
            MatchRules(3, 0.0)
        )
        matches_table.update(made, new=True)
        return made

    first = matcher()
    pairs = {(r["lost_id"], r["found_id"]) for r in matches_table.kept(first).collect()}
    rejected = sorted(pairs)[0]
    store(first.table, [Decision(*rejected, "rejected", "a test")])
    wanted = {pair for pair in pairs if pair != rejected}
    told = list(pending(first, "en"))
    assert {(a.lost_id, i) for a in told for i in a.found_ids} == wanted
    assert len({a.lost_id for a in told}) == len(told)
    match = json.loads(told[0].body)["matches"][0]
    assert match["alert_id"] == alert_id(told[0].lost_id, match["found_id"])
    assert 0 < match["score"] < 1
    assert match["why"]
    by_pair = {(p.lost["post_id"], p.found["post_id"]): p for p in described(first, "en")}
    for alert in told:  # one judgement of a pair, wherever it is read
        sent = json.loads(alert.body)
        assert not sent["lost"].keys() & set(SEEN)
        for each in sent["matches"]:
            pair = by_pair[alert.lost_id, each["found_id"]]
            assert (each["probability"], each["band"]) == (pair.probability, pair.band)
            assert pair.band

    refusing, heard = {a.lost_id for a in told[:2]}, []

    def noted() -> list[tuple[str, str]]:
        return [(row["lost_id"], row["found_id"]) for row in side_tables.read(uri, alerts.NAME)]

    def send(alert: Alert) -> None:
        if alert.lost_id in refusing:
            raise RemoteError("no")
        heard.append(json.loads(alert.body))

    def one_by_one(alert: Alert) -> None:
        assert len({lost_id for lost_id, _ in noted()}) == len(heard), "a crash tells none twice"
        send(alert)

    with monkeypatch.context() as patch:
        patch.setattr(alerts, "NOTED_AT_ONCE", 1)
        assert emit(first, told, one_by_one) == (len(told) - 2, 2)
    again = list(pending(first))
    assert [(a.lost_id, a.found_ids) for a in again] == [(a.lost_id, a.found_ids) for a in told[:2]]

    def stopped(alert: Alert) -> None:
        heard.append(json.loads(alert.body))
        if alert.lost_id == told[1].lost_id:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # not noted: told again, under the same ids
        emit(first, again, stopped)
    assert [a.lost_id for a in pending(first)] == [told[1].lost_id], "the one before was taken"
    refusing.clear()
    assert emit(first, pending(first), send) == (1, 0)
    assert list(pending(first)) == []
    assert len(noted()) == len(set(noted()))
    ids = [m["alert_id"] for m in heard[-1]["matches"]]
    assert ids == [m["alert_id"] for m in heard[-2]["matches"]]

    ingest(posts.draw("found", [20, 21, 22, 23, 24, 25]), uri, spark, tmp_path)
    second = matcher()
    now = {(r["lost_id"], r["found_id"]) for r in matches_table.kept(second).collect()}
    new = {(a.lost_id, i) for a in pending(second) for i in a.found_ids}
    assert new == {pair for pair in now if pair not in pairs and pair != rejected}
    assert new
