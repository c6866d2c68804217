"""What is closed: corrected as it is, opened again, and closed as one thing at a time."""

from starlette.testclient import TestClient

from matching_spark.search.query import Query
from matching_spark.service.pages import words
from matching_spark.service.pages.render import post_url
from matching_spark.service.posts.desk import FOUND
from matching_spark.service.running import Service
from tests.service.conftest import WHO, losses, signed_in, there_is
from tests.support.forms import csrf, field, link_in


def test_what_is_closed_is_corrected_and_opened_again_and_not_closed_as_something_else(
    browser: TestClient, program: TestClient, running: Service, bag: str
) -> None:
    """By page and API alike, and in the same words."""
    url, api = post_url(bag), f"/api/office/posts/{bag}"
    form = {"csrf": signed_in(browser, running)}
    form |= {name: field(browser.get(url).text, name) for name in ("sequence", "seen")}
    form |= {"title": "줄무늬 가방", "category": "가방", "colour": "보라", "region": "서울"}
    form |= {"place": "강남역", "kept_at": "강남역 유실물센터", "kept_phone": "02-111-2222"}
    closed = running.desk.set_status(bag, "claimed", WHO, None)  # while the pages lay open
    told = browser.post(f"{url}/close", data=form | {"status": "expired"})
    said = program.post(f"{api}/close", json={"status": "expired"})
    assert (told.status_code, said.status_code) == (409, 409)
    assert said.json()["title"] == words.say("post.again.conflict", "en")
    for name in ("post.again.conflict", "status.claimed", "post.open means"):
        assert words.say(name, "ko") in told.text
    why = words.say("post.closed first", "ko", status=words.say("status.claimed", "ko"))
    assert why in told.text
    for name in ("post.not saved", "post.over.conflict", "register.unsaved"):  # nothing was typed
        assert f">{words.say(name, 'ko')}<" not in told.text
    assert running.desk.post(bag) == closed
    same = browser.post(f"{url}/close", data=form | {"status": "claimed"})
    assert words.say("notice.closed", "ko") in same.text
    assert running.desk.post(bag) == closed

    late = browser.post(f"{url}/edit", data=form)
    assert words.say("notice.merged", "ko") in late.text
    assert program.patch(api, json={"place": "역삼역"}).status_code == 200
    post = there_is(running.desk, bag).post
    assert (post.title, post.place, post.status) == ("줄무늬 가방", "역삼역", "claimed")
    assert bag not in {m.post_id for m in running.desk.search(Query(text="가방"), FOUND).matches}
    opened = browser.post(f"{url}/close", data=form | {"status": "open"}).text
    assert words.say("notice.opened", "ko") in opened
    assert words.say("did.opened", "ko") in opened
    assert bag in {m.post_id for m in running.desk.search(Query(text="가방"), FOUND).matches}
    expired = program.post(f"{api}/close", json={"status": "expired"})
    assert expired.json()["status"] == "expired"
    assert program.post(f"{api}/close", json={"status": "open"}).json()["status"] == "open"


def test_a_loss_that_was_closed_by_mistake_is_looked_after_again(
    browser: TestClient, program: TestClient, running: Service, bag: str
) -> None:
    """What comes for it is shown behind its link, as before it was closed."""
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    link = link_in(browser.post("/losses", data=form | {"pictured": "no"}).text)
    form["link"] = link
    card = "<h3>보라색 줄무늬 가방</h3>"
    assert card in browser.post("/mine", data=form).text
    (lost,) = losses(running)
    url = f"/api/office/posts/{lost}/close"
    assert program.post(url, json={"status": "claimed"}).status_code == 200
    running.news.look(lost)  # as it is once a day, and where something concerns it
    assert card not in browser.post("/mine", data=form).text
    assert program.post(url, json={"status": "open"}).status_code == 200
    running.news.run_once()
    assert card in browser.post("/mine", data=form).text
