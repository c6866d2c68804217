"""A table that gets another model while the service runs: it goes on with that one."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from pyspark.sql import SparkSession
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import StorageError
from matching_spark.journal.store import Journal
from matching_spark.operations.table import reembed
from matching_spark.operations.warehouse import there
from matching_spark.progress import Progress
from matching_spark.search.query import Query
from matching_spark.service import server
from matching_spark.service.guards.accounts import Accounts
from matching_spark.service.guards.sessions import Sessions
from matching_spark.service.opening import opened
from matching_spark.service.posts.desk import Desk
from matching_spark.service.running import Service
from matching_spark.service.watch import Watch, operations_app
from matching_spark.spark.ports import free_ports
from tests.service.conftest import serving
from tests.support.processes import wait_until

OTHER = Path(__file__).parents[1] / "golden" / "siglip"


def reembedded(settings: Settings, spark: SparkSession) -> ClipModel:
    anew = settings.model_copy(deep=True)
    anew.model.name = str(OTHER)
    reembed(anew, spark=spark)
    return ClipModel(OTHER)


@pytest.mark.long
def test_after_a_reembed_it_goes_on_with_the_tables_new_model(
    service: Settings, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RENEW_S", 0.5)
    monkeypatch.setattr(server, "LOOK_S", 0.2)
    service.service.port = service.service.watch_port = 0
    with closing(Journal.open_or_create(service)) as journal:
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

    with serving(service) as (url, _):
        assert answered_by(url) == ClipModel.load().name
        other = reembedded(service, spark)
        wait_until(lambda: answered_by(url) == other.name, "the new model")


@pytest.mark.long
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
    for method in ("GET", "BREW", "BREW2"):  # whose names are the client's
        TestClient(watch.around(PlainTextResponse("-"))).request(method, "/")
    metrics = TestClient(operations_app(watch)).get("/metrics").text
    assert {m for m in ("GET", "other", "BREW") if f'"{m}' in metrics} == {"GET", "other"}
    assert TestClient(operations_app(watch)).get("/readyz").status_code == 503
    watch.ready, watch.not_loaded = True, "it is not here"
    said = TestClient(operations_app(watch)).get("/readyz").json()
    assert said["status"] == "outdated"
    assert other.name in said["detail"]
    assert "it is not here" in said["detail"]
    assert "model.name" in said["detail"]


def test_one_port_for_both_is_said(service: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that do not listen yet can be bound to it, as of two services that start at once."""
    monkeypatch.setattr(server, "_MERGER", ("sh", "-c", "exec sleep 600"))
    with ExitStack() as held:
        (port,) = free_ports(1, held)
    service.service.port = service.service.watch_port = port
    with pytest.raises(StorageError, match=rf"127.0.0.1:{port} cannot .* set service.watch_port"):
        server.serve(service)


def test_where_the_next_cannot_be_opened_it_serves_on_says_why_and_tries_again(
    brief: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RENEW_S", 0.2)
    away = threading.Event()
    begun, ended, watches = list[Service](), list[Service](), list[Watch]()

    @contextmanager
    def sometimes(settings: Settings, demo: bool, progress: Progress) -> Iterator[Service]:
        if begun and away.is_set():
            raise StorageError("the disk is away")
        with opened(settings, demo, progress) as of:
            begun.append(of)
            yield of
        ended.append(of)

    def watched(of: Service) -> Watch:
        watches.append(Watch(of))
        return watches[-1]

    monkeypatch.setattr(server, "opened", sometimes)
    monkeypatch.setattr(server, "Watch", watched)
    away.set()
    with serving(brief) as (url, _):
        page = partial(httpx.get, url, timeout=60)
        desk, ready = begun[0].desk, TestClient(operations_app(watches[0]))
        desk.outdated = "siglip@0123456789ab"  # as it finds where the table has it
        wait_until(lambda: "the disk is away" in ready.get("/readyz").text, "the reason")
        assert ready.get("/readyz").json()["status"] == "outdated"
        assert page().status_code == 200
        stored = desk.add(Post("", "lost", title="지갑"), [], "system", None)
        away.clear()
        wait_until(lambda: ended, "the next one in the place of the first")
        assert page().status_code == 200
        assert begun[1].desk.post(stored.post.post_id) == stored
        assert TestClient(operations_app(watches[1])).get("/readyz").json() == {"status": "ready"}
    assert ended == begun


class _Of:
    """What a watch asks of the service."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
