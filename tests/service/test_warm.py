"""A service that is ready: what its first request finds made."""

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.search.query import Query
from matching_spark.service.opening import opened, warm
from matching_spark.shards.joined import held_bytes


def test_the_first_request_joins_no_shards(service: Settings) -> None:
    with opened(service) as running:
        warm(running)
        held = held_bytes()
        desk = running.desk
        assert len(desk.shards()) > 1
        desk.public_search(Query(text="파란 우산"), understand=True)
        desk.search(Query(text="파란 우산"), Filters(kind="found"))
        assert held_bytes() == held > 0
