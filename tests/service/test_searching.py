"""A person's search: by words or a photo, what is wrong with it, and when its time is over."""

import base64
import re

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.service.app import create_app
from matching_spark.service.guards.bodies import PLAIN_BYTES
from matching_spark.service.opening import opened
from matching_spark.service.pages import words
from matching_spark.service.public.matches import MATCHES
from matching_spark.service.running import Service
from tests.service.conftest import WHO, client_of, losses, written
from tests.support.forms import csrf, link_in
from tests.support.photo_bytes import saved


def test_a_search_whose_time_is_over_says_so_and_calls_nothing_absent(
    running: Service, bag: str
) -> None:
    told = running.settings.model_copy(deep=True)
    told.service.search_budget_s = 1e-9
    with opened(told) as hurried, client_of(hurried) as client:
        assert hurried.office_deadline.over
        form = {"csrf": csrf(client.get("/").text), "words": "보라색 줄무늬 가방"}
        for language, said in (("ko", "시간이 다 되어"), ("en", "Time ran out")):
            page = client.post("/search", data=form | {"lang": language}).text
            assert said in page
            assert words.say("result.nothing", language) not in page  # type: ignore[arg-type]  # of two words
            program = TestClient(client.app, headers={"Accept-Language": language})
            asked = program.post("/api/search", json={"words": form["words"]}).json()
            assert (asked["complete"], asked["state"], asked["matches"]) == (False, "unclear", [])
            assert said in asked["said"]
            assert asked["question"] is None
    asked = TestClient(create_app(running)).post("/api/search", json={"words": form["words"]})
    assert (asked.json()["complete"], len(asked.json()["matches"])) == (True, 1)
    assert "said" not in asked.json()


def test_as_many_as_are_shown_are_not_said_to_be_all(browser: TestClient, running: Service) -> None:
    """Of sixty wallets it said that there are ten."""
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    bag = Post("", "found", "가방", title=form["words"], colour="보라")
    for number in range(1, MATCHES + 2):
        running.desk.add(bag, [], WHO, None)
        if number in (2, MATCHES + 1):
            page = browser.post("/search", data=form).text
            shown = page.count('<li class="card">')
            assert shown == min(number, MATCHES)
            name = "result.many" if number == shown else "result.full"
            assert words.say(name, "ko", n=shown) in page


def test_a_withdrawn_thing_is_gone_from_the_next_answer_on_and_its_photo_too(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    found = browser.post("/search", data=form)
    (photo, *_) = re.findall(r'src="(/photos/[^"]+)"', found.text)
    running.desk.set_status(bag, "withdrawn", WHO, None)
    assert "보라색 줄무늬 가방</h3>" not in browser.post("/search", data=form).text
    assert browser.get(photo).status_code == 404


def test_what_a_program_found_too_long_ago_is_said_to_be(browser: TestClient) -> None:
    """Nothing that was entered is wrong: there is nothing to correct."""
    token = csrf(browser.get("/").text)
    asked = {"asked": "forgotten", "words": "가방"}
    said = browser.post("/api/search", json=asked, headers={"X-CSRF-Token": token}).json()
    assert said["type"] == "/problems/search-over"
    assert said["errors"][0]["pointer"] == "#/asked"


def test_what_is_too_long_to_be_searched_by_is_told_and_nothing_of_it_is_left_out(
    browser: TestClient, running: Service
) -> None:
    """By the first 2,000 characters another thing would be found."""
    token = csrf(browser.get("/").text)
    json = {"Accept": "application/json"}
    for name, most in (("words", 2000), ("place", 200)):
        form = {"csrf": token, "words": "가방", name: "가" * most}
        found = browser.post("/search", data=form, headers=json).json()
        assert found["page"] == "results"
        form |= {"asked": found["asked"], "pictured": "no"}
        link = link_in(browser.post("/losses", data=form).text)
        long = form | {name: "가" * (most + 1)}
        told = browser.post("/search", data=long, headers=json).json()
        assert (told["page"], told["wrong"]) == ("home", {name: "long"})
        assert told["told"][name] == long[name]  # to be made shorter by who typed it
        known = len(written(running))
        assert browser.post("/losses", data=long).status_code == 422
        assert len(written(running)) == known
        mine = browser.post("/mine/edit", data=long | {"link": link}, headers=json).json()
        assert mine["wrong"] == {name: "long"}
        asked = {"words": "가방", name: long[name]}
        api = TestClient(browser.app).post("/api/search", json=asked).json()
        assert api["errors"] == [
            {"detail": words.say("problem.value.long", "ko"), "pointer": f"#/{name}"}
        ]


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e \ufeff", "\u3000"])
def test_what_nobody_sees_says_nothing(browser: TestClient, running: Service, unseen: str) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": unseen, "place": unseen, "pictured": "no"}
    for path in ("/search", "/losses"):
        told = browser.post(path, data=form, headers={"Accept": "application/json"}).json()
        assert (told["page"], told["wrong"]) == ("home", {"words": "needed"})
    api = TestClient(browser.app).post("/api/search", json={"words": unseen, "place": unseen})
    assert api.json()["type"] == "/problems/nothing-asked"
    page = browser.post("/search", data=form | {"words": "가방"}).text
    assert 'name="off" value="place"' not in page  # a chip without a word
    assert not losses(running)


def test_a_word_that_no_list_has_is_told_and_nothing_is_searched(browser: TestClient) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "가방", "category": "우주선"}
    told = browser.post("/search", data=form, headers={"Accept": "application/json"}).json()
    assert (told["page"], told["wrong"]) == ("home", {"category": "unknown"})
    assert told["told"]["words"] == "가방"
    api = TestClient(browser.app).post("/api/search", json={"words": "가방", "colour": "없는색"})
    assert api.status_code == 422
    assert api.json()["errors"][0]["pointer"] == "#/colour"


def test_a_photo_of_a_phone_is_searched_by_as_json(browser: TestClient, bag: str) -> None:
    """Whose base64 has more bytes than other JSON may."""
    pixels = np.random.default_rng(1).integers(0, 256, (600, 400, 3), np.uint8)
    photo = base64.b64encode(saved(Image.fromarray(pixels), "PNG")).decode()
    assert len(photo) > 10 * PLAIN_BYTES
    assert browser.post("/api/search", json={"photo": photo}).status_code == 200
