"""Where nothing can be written it is said so, and who only reads goes on."""

import datetime as dt

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.errors import StorageError
from matching_spark.journal.tables import sessions
from matching_spark.service.guards.sessions import SEEN_EVERY
from matching_spark.service.running import Service
from tests.service.conftest import WHO, drawn, signed_in, written
from tests.support.forms import csrf
from tests.support.full import full


def test_a_photo_that_cannot_be_kept_is_no_fault_of_the_program(running: Service) -> None:
    photo = running.seen(drawn("purple"))
    assert photo is not None
    post = Post("", "found", "가방", title="가방")
    with full(), pytest.raises(StorageError, match=r"the photos in .* cannot be used: .*disk"):
        running.desk.add(post, [photo], WHO, None)
    assert not written(running)
    assert running.desk.add(post, [photo], WHO, None).photos == (photo.sha256,)


def test_a_form_whose_photo_finds_no_room_is_told_to_come_again(browser: TestClient) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "가방"}
    with full():
        answer = browser.post("/search", data=form, files={"photo": ("a.jpg", b"x" * (2 << 20))})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


def test_who_is_signed_in_reads_on(browser: TestClient, running: Service) -> None:
    """When their session was used last is kept each minute."""
    signed_in(browser, running)
    with running.desk.journal.writing() as to:
        ago = (dt.datetime.now(dt.UTC) - 2 * SEEN_EVERY).isoformat(timespec="microseconds")
        to.execute(update(sessions).values(seen_at=ago))
    with full():
        assert browser.get("/office").status_code == 200
