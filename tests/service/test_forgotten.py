"""A photo that was sent is kept for an hour: what was typed beside it is there longer."""

import re
from dataclasses import replace

from starlette.testclient import TestClient

from matching_spark.journal.posts import StoredPost
from matching_spark.service.app import create_app
from matching_spark.service.pages import words
from matching_spark.service.posts.asks import Asks
from matching_spark.service.running import Service
from tests.service.conftest import drawn, losses, photo, signed_in, written
from tests.support.forms import csrf, field, found_form, hidden

NEW = "/office/found/new"
TYPED = {
    "title": "초록 공",
    "description": '줄이 "달린" 공',
    "place": "강남역",
    "category": "기타물품",
}
OVER, UNREADABLE = (words.say(f"wrong.{each}", "ko") for each in ("over", "not-a-photo"))


def an_hour_later(browser: TestClient, running: Service) -> TestClient:
    """The browser, when every photo that was only sent is forgotten; a start forgets them too."""
    since = replace(running, finder=replace(running.finder, asks=Asks(), mail=True))
    client = TestClient(create_app(since), base_url=str(browser.base_url), cookies=browser.cookies)
    client.headers = browser.headers
    return client


def drafted(browser: TestClient, running: Service) -> dict[str, str]:
    """The form of a thing whose photo was sent, filled in."""
    token = signed_in(browser, running)
    new = browser.post(NEW, data={"csrf": token}, files=photo())
    return {"csrf": token, "draft": field(new.text, "draft"), **TYPED}


def found(running: Service) -> list[StoredPost]:
    return [each for each in written(running) if each.post.kind == "found"]


def kept(page: str) -> bool:
    """Whether all that was typed stands in the form."""
    values = [TYPED["title"], TYPED["place"]]
    text = "줄이 &#34;달린&#34; 공</textarea>" in page
    chosen = f'<option value="{TYPED["category"]}" selected>' in page
    return text and chosen and all(f'value="{each}"' in page for each in values)


def test_a_thing_whose_photo_is_forgotten_is_registered_with_it_chosen_again(
    browser: TestClient, running: Service
) -> None:
    form = drafted(browser, running)
    later = an_hour_later(browser, running)
    page = later.post(NEW, data=form).text
    assert OVER in page
    assert kept(page)
    assert "/office/drafts/" not in page
    assert not found(running)
    form |= hidden(page, NEW)
    unreadable = later.post(NEW, data=form, files={"photo": ("a.jpg", b"no photo", "")}).text
    assert UNREADABLE in unreadable
    assert kept(unreadable)
    for _ in range(2):  # two presses register one
        done = later.post(NEW, data=form, files=photo())
        assert words.say("notice.registered", "ko") in done.text
    (stored,) = found(running)
    assert stored.post.title == TYPED["title"]
    assert len(stored.photos) == 1


def test_a_photo_that_was_chosen_again_is_kept_while_a_field_is_mended(
    browser: TestClient, running: Service
) -> None:
    form = drafted(browser, running)
    later = an_hour_later(browser, running)
    page = later.post(NEW, data=form | {"day": "언젠가"}).text  # both are told
    assert OVER in page
    assert words.say("wrong.day", "ko") in page
    page = later.post(NEW, data=form | {"day": "언젠가"}, files=photo()).text
    assert OVER not in page
    assert later.get(f"/office/drafts/{field(page, 'draft')}").status_code == 200
    later.post(NEW, data=form | hidden(page, NEW))
    (stored,) = found(running)
    assert len(stored.photos) == 1


def test_it_is_registered_without_a_photo_by_whoever_says_so(
    browser: TestClient, running: Service
) -> None:
    form = drafted(browser, running)
    later = an_hour_later(browser, running)
    page = later.post(NEW, data=form).text
    without = re.search(r'<button name="draft" value="(none\.[^"]+)"', page)
    assert without is not None
    for _ in range(2):
        later.post(NEW, data=form | {"draft": without[1]}, files={"photo": ("", b"")})
    (stored,) = found(running)
    assert stored.photos == ()


def test_what_was_registered_before_its_photo_was_forgotten_is_not_registered_again(
    browser: TestClient, running: Service
) -> None:
    form = drafted(browser, running)
    browser.post(NEW, data=form)
    later = an_hour_later(browser, running)
    (stored,) = found(running)
    again = later.post(NEW, data=form)
    assert again.url.path == f"/office/posts/{stored.post.post_id}"
    other = later.post(NEW, data=form | {"title": "남색 공"})
    assert other.status_code == 409
    assert 'value="남색 공"' in other.text
    assert len(found(running)) == 1


def looked_for(browser: TestClient, **more: str) -> dict[str, str]:
    """The form that goes on from a search by a photo and words."""
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 가방", "category": "가방"}
    page = browser.post("/search", data=form | more, files=photo()).text
    said = {"words": "보라색 가방", "colour": "보라", "address": "a@b.kr"}
    return found_form(page, "/losses") | said


def test_a_search_whose_photo_is_forgotten_is_begun_with_what_was_told(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = looked_for(browser) | {"claim": running.showing.names.seal(bag)}
    later = an_hour_later(browser, running)
    for path in ("/search", "/interest"):
        answer = later.post(path, data=form)
        assert answer.status_code == 422
        assert answer.headers["hx-retarget"] == "main"
        assert OVER in answer.text
        assert 'action="/search"' in answer.text
        assert 'value="보라색 가방"' in answer.text
        for chosen in ("보라", "가방"):
            assert f'<option value="{chosen}" selected>' in answer.text
    assert not losses(running)


def test_a_loss_whose_photo_is_forgotten_is_reported_with_it_chosen_again(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = looked_for(browser)
    later = an_hour_later(browser, running)
    page = later.post("/losses", data=form).text
    assert OVER in page
    again = found_form(page, "/losses")
    assert (again["words"], again["colour"]) == ("보라색 가방", "보라")
    unreadable = later.post("/losses", data=again, files={"photo": ("a.jpg", b"no photo", "")})
    assert UNREADABLE in unreadable.text
    assert found_form(unreadable.text, "/losses")["words"] == "보라색 가방"
    done = later.post("/losses", data=again, files=photo())
    assert "/mine#" in done.text
    (lost,) = (each for each in written(running) if each.post.kind == "lost")
    assert len(lost.photos) == 1
    # There is nothing else to search by: it begins with the photo, and goes on with the address.
    alone = later.post("/losses", data=form | {"words": "", "category": "", "colour": ""})
    assert OVER in alone.text
    assert 'action="/search"' in alone.text
    typed = f'name="address" type="email" value="{form["address"]}"'
    assert typed in alone.text
    again = {name: form[name] for name in ("csrf", "address")}
    for chosen in (b"no photo", drawn("purple")):
        answer = later.post("/search", data=again, files={"photo": ("a.png", chosen, "")})
        assert typed in answer.text
    assert 'action="/losses"' in answer.text


def test_a_search_by_words_goes_on_at_any_time(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    page = browser.post("/search", data=form).text
    later = an_hour_later(browser, running)
    form |= found_form(page, "/interest") | {"claim": field(page, "claim")}
    assert 'class="sentence"' in later.post("/search", data=form | {"colour": "보라"}).text
    assert "02-111-2222" in later.post("/interest", data=form).text
    assert "/mine#" in later.post("/losses", data=form | {"colour": "보라"}).text
    assert len(losses(running)) == 2


def test_a_photo_that_cannot_be_read_costs_no_word_that_was_typed_beside_it(
    browser: TestClient, running: Service
) -> None:
    """Without a script the page that comes back is all that there is."""
    told = {"words": '"보라색" 가방', "place": "강남역", "category": "가방", "day": "2026-11-20"}
    form = {"csrf": csrf(browser.get("/").text), **told}
    cut = drawn("purple")[:60]
    for sent, reason in ((b"no photo", "not-a-photo"), (b"", "empty"), (cut, "truncated")):
        page = browser.post("/search", data=form, files={"photo": ("a.png", sent, "image/png")})
        assert page.status_code == 422
        assert words.say(f"wrong.{reason}", "ko") in page.text
        for value in ("&#34;보라색&#34; 가방", "강남역", "2026-11-20"):
            assert f'value="{value}"' in page.text
        assert '<option value="가방" selected>' in page.text
        assert 'action="/search"' in page.text
        assert 'type="file"' in page.text
    assert 'class="sentence"' in browser.post("/search", data=form, files=photo()).text
    office = {"csrf": signed_in(browser, running), "words": "보라색 가방"}
    for path in (NEW, "/office/search"):
        page = browser.post(path, data=office, files={"photo": ("a.jpg", b"no photo", "")})
        assert UNREADABLE in page.text
        assert f'action="{path}"' in page.text
        assert 'type="file"' in page.text
