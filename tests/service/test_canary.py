"""Nothing private is in a byte of what goes out to the public: pages, API, photos, logs."""

import base64
import logging
import re

import pytest
from starlette.testclient import TestClient

from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.service.running import Service
from tests.service import canary
from tests.service.conftest import WHO, drawn
from tests.service.conftest import photo as file_of
from tests.support.forms import csrf, field, link_in

SEEN = ("title", "place", "region")  # of what is not withheld; the rest nobody sees


def shown(running: Service, category: str) -> tuple[str, ...]:
    level = running.showing.levels.level(category).name
    return {"SENSITIVE": (), "COARSE": ("title",), "OPEN": SEEN}[level]


@pytest.mark.parametrize("category", ["카드", "지갑", "가방"])
def test_no_canary_is_in_a_page_the_api_a_mail_or_the_log(
    browser: TestClient, running: Service, category: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    photo = running.seen(drawn("purple"))
    assert photo is not None
    stored = running.desk.add(canary.post(category), [photo], WHO, None)
    lost_words = f"검정 {category}"
    out = []
    page = browser.get("/")
    facts = {"category": category, "colour": "검정", "region": "서울"}
    form = {"csrf": csrf(page.text), "words": lost_words, "day": "2026-11-25", **facts}
    for sent in ({"data": form}, {"data": form, "files": file_of()}):
        found = browser.post("/search", **sent)
        assert found.status_code == 200
        out.append(found.text.replace(lost_words, ""))
        as_json = browser.post("/search", **sent, headers={"Accept": "application/json"})
        out.append(as_json.text.replace(lost_words, ""))
    assert 'name="claim"' in out[-2]  # it was found: the test sees something
    coded = base64.b64encode(drawn("purple")).decode()
    body = {"words": lost_words, "photo": coded, "happened_on": "2026-11-25", **facts}
    api = TestClient(browser.app).post("/api/search", json=body)
    assert api.json()["matches"], api.text
    out.append(api.text.replace(lost_words, ""))
    public = list(out)
    registered = browser.post("/losses", data=form | {"asked": field(found.text, "asked")})
    token = link_in(registered.text)
    assert len(token) == 22
    mine = browser.post("/mine", data={"csrf": form["csrf"], "link": token})
    out += [registered.text, mine.text.replace(lost_words, "")]
    for text in out:
        assert canary.found_in(text, shown(running, category)) == []
        assert stored.post.post_id not in text
        assert photo.sha256 not in text
    photos = {each for text in public for each in re.findall(r"/photos/[\w-]+", text)}
    assert bool(photos) == (category == "가방")
    for path in photos:
        assert browser.get(path).content.startswith(b"\xff\xd8")
    log = "\n".join(record.getMessage() for record in caplog.records)
    assert canary.found_in(log) == []
    assert token not in log
    assert lost_words not in log


def test_every_category_has_a_level(running: Service) -> None:
    told = {running.showing.levels.level(each).name for each in CATEGORIES}
    assert told == {"SENSITIVE", "COARSE", "OPEN"}
