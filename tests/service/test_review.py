"""The queue of pairs: what has come since the last match is in it, whoever has merged it; and what
came today."""

import datetime as dt
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.domain.posts import Post, seoul_today
from matching_spark.operations.match import match
from matching_spark.operations.merge import merge
from matching_spark.service.opening import opened
from matching_spark.service.posts import review
from matching_spark.service.running import Service
from tests.service.conftest import WHO

BAG = Post("", "found", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")


def queue(of: Service) -> list[tuple[str, str]]:
    of.desk.refresh()
    of.review.refresh()
    return of.review.queue()


@pytest.mark.long
def test_pairs_of_what_came_are_in_the_queue_until_a_match_has_compared_it(
    service: Settings, spark: SparkSession
) -> None:
    """A merge, ten minutes after, took them out until the next match, a night later."""
    with opened(service) as of:
        found = of.desk.add(BAG, [], WHO, None).post.post_id
        lost = of.desk.add(replace(BAG, kind="lost"), [], WHO, None).post.post_id
        assert (lost, found) in queue(of)
        merge(service, spark=spark)
        assert (lost, found) in queue(of)
        late = of.desk.add(replace(BAG, kind="lost"), [], WHO, None).post.post_id
        pairs = {(lost, found), (late, found)}
        assert pairs <= set(queue(of))
    none = service.model_copy(deep=True)
    none.similarity.threshold = 1.0
    match(none, spark=spark)  # keeps no pair; what was not merged then it has not compared
    with opened(service) as of:
        assert pairs & set(queue(of)) == {(late, found)}
        merge(service, spark=spark)
        assert pairs & set(queue(of)) == {(late, found)}
        of.desk.edit(late, {"place": "서울역"}, WHO, None)
        of.desk.set_status(lost, "claimed", WHO, None)
        of.desk.set_status(lost, "open", WHO, None)
        assert pairs <= set(queue(of))


def test_what_came_today_is_told_whole_and_nothing_of_the_days_before(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a day with more events than are read at once the first things were missing, unseen."""
    desk = running.desk
    ids = [
        desk.add(Post("", "found", "가방", title=f"{n}번 가방"), [], WHO, None).post.post_id
        for n in range(5)
    ]
    for at_once in (1, 2, 5, 100):
        monkeypatch.setattr(review, "RECENT", at_once)
        assert running.review.arrived() == ids[::-1]
    tomorrow = seoul_today() + dt.timedelta(days=1)
    monkeypatch.setattr(review, "seoul_today", lambda: tomorrow)
    assert running.review.arrived() == []
