"""A table that gets another model while the service runs: it goes on with that one."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pyspark.sql import SparkSession
from starlette.testclient import TestClient

from matching_spark.config import Settings
from matching_spark.embed.clip import ClipModel
from matching_spark.journal.store import Journal
from matching_spark.operations.table import reembed
from matching_spark.operations.warehouse import there
from matching_spark.search.query import Query
from matching_spark.service import server
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.sessions import Sessions
from matching_spark.service.posts.desk import Desk
from matching_spark.service.watch import Watch, operations_app
from tests.support.processes import wait_until

pytestmark = pytest.mark.long
OTHER = Path(__file__).parents[1] / "golden" / "siglip"


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The service in a thread of this process, at an address."""
    at: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(
        target=server.serve, args=(settings,), kwargs={"ready": at.append, "stop": stop}
    )
    thread.start()
    try:
        wait_until(lambda: at or not thread.is_alive(), "the service")
        yield at[0]
    finally:
        stop.set()
        thread.join()


def reembedded(settings: Settings, spark: SparkSession) -> ClipModel:
    anew = settings.model_copy(deep=True)
    anew.model.name = str(OTHER)
    reembed(anew, spark=spark)
    return ClipModel(OTHER)


def test_after_a_reembed_it_goes_on_with_the_tables_new_model(
    service: Settings, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RENEW_S", 0.5)
    monkeypatch.setattr(server, "LOOK_S", 0.2)
    service.service.port = service.service.watch_port = 0
    with closing(Journal.open(service)) as journal:
        account = Accounts(journal).add("program", "a long enough password")
        token = Sessions(journal, 12).issue(account.account_id, timedelta(days=1))[1]

    def answered_by(url: str) -> str:
        """The model of an answer, which comes whenever it is asked."""
        answer = httpx.post(
            f"{url}api/office/search",
            json={"words": "검정 가방"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        assert answer.json()["results"]
        return str(answer.json()["model"])

    with serving(service) as url:
        assert answered_by(url) == ClipModel.load().name
        other = reembedded(service, spark)
        wait_until(lambda: answered_by(url) == other.name, "the new model")


def test_of_a_model_that_it_may_not_load_it_says_so_and_what_to_do(
    service: Settings, spark: SparkSession, desk: Desk
) -> None:
    before = [m.post_id for m in desk.public_search(Query(text="검정 가방"), False)[1].matches]
    other = reembedded(service, spark)
    desk.refresh()
    assert desk.outdated == other.name
    assert there(service) is not None
    after = [m.post_id for m in desk.public_search(Query(text="검정 가방"), False)[1].matches]
    assert after == before
    watch = Watch(_Of(desk))  # type: ignore[arg-type]
    assert TestClient(operations_app(watch)).get("/readyz").status_code == 503
    watch.ready = True
    said = TestClient(operations_app(watch)).get("/readyz").json()
    assert said["status"] == "outdated"
    assert other.name in said["detail"]
    assert "model.name" in said["detail"]


class _Of:
    """What a watch asks of the service."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
