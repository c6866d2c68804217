"""The pages as a browser asks for them: a person's way, and who may see what."""

import base64
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import cast

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from PIL import Image
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.app import create_app
from matching_spark.service.guards.bodies import PHOTOS_IN_JSON, PLAIN_BYTES
from matching_spark.service.pages import words
from matching_spark.service.pages.render import CONTENT_SECURITY_POLICY, pair_url
from matching_spark.service.people.contacts import ASKED_A_DAY
from matching_spark.service.running import Service
from tests.service.conftest import PASSWORD, WHO, drawn, signed_in
from tests.support.forms import csrf, field, link_in
from tests.support.guarded import unguarded


def test_a_persons_way_from_a_photo_to_withdrawal(
    browser: TestClient, running: Service, bag: str
) -> None:
    home = browser.get("/")
    assert home.status_code == 200
    form = {"csrf": csrf(home.text), "words": "강남역에서 보라색 줄무늬 가방"}
    files = {"photo": ("IMG_0001.HEIC", drawn("purple"), "")}
    found = browser.post("/search", data=form, files=files)
    assert found.status_code == 200
    assert "보라색 줄무늬 가방" in found.text
    assert bag not in found.text
    assert "02-111-2222" not in found.text
    photo = re.search(r'src="(/photos/[^"]+)"', found.text)
    assert photo is not None
    shown = browser.get(photo[1])
    assert shown.headers["content-type"] == "image/jpeg"

    asked, claim = field(found.text, "asked"), field(found.text, "claim")
    form = {
        "csrf": csrf(found.text),
        "asked": asked,
        "words": "보라색 줄무늬 가방",
        "colour": "보라",
    }
    registered = browser.post("/losses", data=form)
    link = re.search(r"/mine#([\w-]{22})", registered.text)
    assert link is not None
    again = browser.post("/losses", data=form)  # a second press of the button
    assert len({p.post.post_id for p in running.desk.changed() if p.post.kind == "lost"}) == 1
    assert again.status_code == 200

    mine = browser.post("/mine", data={"csrf": form["csrf"], "link": link[1]})
    assert "보라색 줄무늬 가방" in mine.text
    assert "02-111-2222" not in mine.text
    token = field(mine.text, "link")
    claimed = browser.post("/interest", data=form | {"claim": claim})  # and registered by it
    assert re.search(r"/mine#[\w-]{22}", claimed.text)
    assert "02-111-2222" in claimed.text
    told = browser.post("/interest", data={"csrf": csrf(mine.text), "link": token, "claim": claim})
    assert "02-111-2222" in told.text
    mine = browser.post("/mine", data={"csrf": csrf(mine.text), "link": token})
    assert "02-111-2222" in mine.text

    form = {"csrf": csrf(mine.text), "link": token, "words": "초록 모자", "category": "의류"}
    edited = browser.post("/mine/edit", data=form)
    assert "초록 모자" in edited.text
    gone = browser.post("/mine/withdraw", data={"csrf": csrf(edited.text), "link": token})
    assert gone.status_code == 200
    titles = [p.post.title for p in running.desk.changed() if p.post.kind == "lost"]
    assert "초록 모자" not in titles
    closed = browser.post("/mine", data={"csrf": csrf(mine.text), "link": token})
    assert "초록 모자" not in closed.text


def losses(running: Service) -> list[str]:
    return [p.post.post_id for p in running.desk.changed() if p.post.kind == "lost"]


def test_what_goes_wrong_registers_nothing_and_what_was_withdrawn_is_lost_again(
    running: Service, bag: str
) -> None:
    mailing = replace(running, finder=replace(running.finder, mail=True))
    with TestClient(create_app(mailing), base_url="http://127.0.0.1:8008") as client:
        client.headers |= {"Origin": "http://127.0.0.1:8008"}
        form = {"csrf": csrf(client.get("/").text), "words": "보라색 줄무늬 가방"}
        found = client.post("/search", data=form).text
        form |= {"asked": field(found, "asked"), "claim": field(found, "claim")}
        assert client.post("/losses", data=form | {"address": "kim@localhost"}).is_error
        assert client.post("/interest", data=form | {"claim": "x" * 22}).is_error
        running.desk.set_status(bag, "claimed", WHO, None)  # since the card was shown
        assert client.post("/interest", data=form).is_error
        assert not losses(running)

        def registered() -> str:
            page = client.post("/losses", data=form | {"address": "kim@example.com"}).text
            link = re.search(r"/mine#([\w-]{22})", page)
            assert link is not None
            return link[1]

        mine = {"csrf": form["csrf"], "link": registered()}
        (first,) = losses(running)
        assert running.contacts.of(first) is not None
        change = mine | {"words": "초록 모자"}
        wrong = client.post("/mine/edit", data=change | {"address": "kim@"}).text
        assert words.say("problem.invalid", "ko") in wrong
        assert wrong.count("초록 모자") == 1  # as it was typed, in its field, and nowhere else
        assert wrong.count('value="초록 모자"') == 1
        kept = running.desk.post(first)
        assert kept is not None
        assert kept.post.title != "초록 모자"
        edited = client.post("/mine/edit", data=change | {"no_mail": "yes"}).text
        assert "초록 모자" in edited
        assert "no_mail" not in edited
        assert running.contacts.of(first) is None
        client.post("/mine/withdraw", data=mine)
        link = registered()
        registered()  # a second press of the button
        assert (
            words.say("mine.waiting", "ko") in client.post("/mine", data=mine | {"link": link}).text
        )
        (second,) = losses(running)
        assert second != first


def test_a_wrong_address_is_told_in_its_form_with_all_that_was_typed(
    running: Service, bag: str
) -> None:
    mailing = replace(running, finder=replace(running.finder, mail=True))
    with TestClient(create_app(mailing), base_url="http://127.0.0.1:8008") as client:
        client.headers |= {"Origin": "http://127.0.0.1:8008", "Accept": "text/html"}
        form = {"csrf": csrf(client.get("/").text), "words": "보라색 줄무늬 가방"}
        files = {"photo": ("a.png", drawn("purple"), "image/png")}
        found = client.post("/search", data=form, files=files).text
        form |= {"asked": field(found, "asked"), "colour": "보라", "place": "강남역", "skip": "day"}
        named = words.say("wrong.address", "ko")
        page = client.post("/losses", data=form | {"address": "kim@localhost"})
        assert page.status_code == 422
        told = page.text.partition('action="/losses"')[2]
        for name, value in (form | {"address": "kim@localhost"}).items():
            assert re.search(rf'name="{name}"[^>]* value="{value}"', told), name
        assert named in told
        assert words.say("result.photo", "ko") in page.text  # the photo is searched and kept still
        assert not losses(running)
        registered = client.post("/losses", data=form | {"address": "kim@example.com"}).text
        (lost,) = losses(running)
        kept = running.desk.post(lost)
        assert kept is not None
        assert (kept.post.place, len(kept.photos)) == ("강남역", 1)

        link = re.search(r"/mine#([\w-]{22})", registered)
        assert link is not None
        mine = {"csrf": form["csrf"], "link": link[1], "words": "초록 모자"}
        wrong = client.post("/mine/edit", data=mine | {"address": "kim@localhost"}).text
        assert re.search('name="address"[^>]* value="kim@localhost"', wrong)
        assert named in wrong
        over = {"address": "kim@", "no_mail": "yes", "day": "어느 날"}
        assert re.search(
            'name="no_mail"[^>]* checked', client.post("/mine/edit", data=mine | over).text
        )


def test_an_address_stays_with_what_is_asked_before_the_loss_is_reported(
    running: Service, bag: str
) -> None:
    mailing = replace(running, finder=replace(running.finder, mail=True))
    with TestClient(create_app(mailing), base_url="http://127.0.0.1:8008") as client:
        client.headers |= {"Origin": "http://127.0.0.1:8008", "Accept": "text/html"}
        form = {"csrf": csrf(client.get("/").text), "words": "보라색 줄무늬 가방", "colour": "보라"}
        form |= {"address": "kim@example.com"}
        page = client.post("/search", data=form).text
        forms = re.findall(
            '<form[^>]* action="/search".*?</form>|<form[^>]* id="switch".*?</form>', page, re.S
        )
        assert len(forms) >= 3
        for each in (*forms, page.partition('action="/losses"')[2]):
            assert re.search('name="address"[^>]* value="kim@example.com"', each)


def test_who_leaves_an_address_that_was_asked_too_often_is_told_that_it_is_not_kept(
    running: Service, bag: str
) -> None:
    mailing = replace(running, finder=replace(running.finder, mail=True))
    with TestClient(create_app(mailing), base_url="http://127.0.0.1:8008") as client:
        client.headers |= {"Origin": "http://127.0.0.1:8008", "Accept": "text/html"}
        form = {"csrf": csrf(client.get("/").text), "address": "kim@example.com", "pictured": "no"}
        for number in range(ASKED_A_DAY + 1):
            page = client.post("/losses", data=form | {"words": f"{number}번 가방"}).text
            often = number == ASKED_A_DAY
            assert (words.say("registered.often", "ko") in page) == often
            assert (words.say("registered.written", "ko") in page) != often
        mine = {"csrf": form["csrf"], "link": link_in(page), "words": "초록 모자"}
        for each in ("kim@example.com", "kim@"):  # the rest is saved, or nothing is
            told = client.post("/mine/edit", data=mine | {"address": each}).text
            assert re.search(f'name="address"[^>]* value="{each}"', told)
            saved = each != "kim@"
            assert (words.say("notice.edited", "ko") in told) == saved
            assert words.say("wrong.often" if saved else "wrong.address", "ko") in told
        newest = running.desk.post(losses(running)[-1])
        assert newest is not None
        assert newest.post.title == "초록 모자"
        assert running.contacts.of(newest.post.post_id) is None


def test_a_search_whose_time_is_over_says_so_and_calls_nothing_absent(
    running: Service, bag: str
) -> None:
    hurried = replace(running, finder=replace(running.finder, budget_s=0))
    with TestClient(create_app(hurried), base_url="http://127.0.0.1:8008") as client:
        client.headers |= {"Origin": "http://127.0.0.1:8008"}
        form = {"csrf": csrf(client.get("/").text), "words": "보라색 줄무늬 가방"}
        for language, said in (("ko", "시간이 다 되어"), ("en", "Time ran out")):
            page = client.post("/search", data=form | {"lang": language}).text
            assert said in page
            assert words.say("result.nothing", language) not in page  # type: ignore[arg-type]
            program = TestClient(client.app, headers={"Accept-Language": language})
            asked = program.post("/api/search", json={"words": form["words"]}).json()
            assert (asked["complete"], asked["state"], asked["matches"]) == (False, "unclear", [])
            assert said in asked["said"]
            assert asked["question"] is None
    asked = TestClient(create_app(running)).post("/api/search", json={"words": form["words"]})
    assert (asked.json()["complete"], len(asked.json()["matches"])) == (True, 1)
    assert "said" not in asked.json()


def test_a_withdrawn_thing_is_gone_from_the_next_answer_on_and_its_photo_too(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    found = browser.post("/search", data=form)
    photo = re.search(r'src="(/photos/[^"]+)"', found.text)
    assert photo is not None
    running.desk.set_status(bag, "withdrawn", WHO, None)
    assert "보라색 줄무늬 가방</h3>" not in browser.post("/search", data=form).text
    assert browser.get(photo[1]).status_code == 404


def test_every_page_that_can_be_asked_for_again_has_the_switch_of_languages(
    browser: TestClient, running: Service, bag: str
) -> None:
    running.accounts.add("minji", PASSWORD)
    form = {"csrf": csrf(browser.get("/office/sign-in").text), "name": "minji"}
    browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")
    lost_id = running.desk.add(lost, [], WHO, None).post.post_id
    paths = ("/office/review", pair_url(lost_id, bag), "/no/such/page", "/office/password")
    for path in paths:
        page = browser.get(path).text
        switched = {"csrf": csrf(page), "here": field(page, "here"), "lang": "en"}
        again = browser.post("/lang", data=switched)
        assert again.request.url.path == path.partition("?")[0]
        assert '<html lang="en">' in again.text
        browser.post("/lang", data=switched | {"lang": "ko"})


def test_the_address_of_a_form_that_is_opened_again_leads_to_the_start(browser: TestClient) -> None:
    for path in ("/search", "/losses", "/interest", "/mine/edit", "/lang"):
        page = browser.get(path)
        assert (page.status_code, page.url.path) == (200, "/")
    refused = browser.get("/search", headers={"Accept": "application/json"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_who_keeps_no_cookies_is_told_to_allow_them(
    browser: TestClient, language: Language
) -> None:
    """Else the page that sends the form again would come again and again."""
    form = {"csrf": csrf(browser.get("/").text), "words": "가방"}
    browser.cookies.clear()
    page = browser.post("/search", data=form, headers={"Accept-Language": language})
    assert page.status_code == 403
    assert words.say("problem.cookies", language) in page.text


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
        known = len(running.desk.changed())
        assert browser.post("/losses", data=long).status_code == 422
        assert len(running.desk.changed()) == known
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


def test_what_an_office_has_described_at_length_stays_whole_in_ones_own_loss(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방", "pictured": "no"}
    form["link"] = link_in(browser.post("/losses", data=form).text)
    (lost,) = losses(running)
    running.desk.edit(lost, {"description": "긴 말 " * 1000}, WHO, None)
    page = browser.post("/mine", data=form).text
    said = re.search('name="words"[^>]* value="([^"]{3000,})"', page)
    assert said is not None
    form |= {"seen": field(page, "seen"), "words": said[1]}
    edited = browser.post("/mine/edit", data=form | {"place": "강남역"}).text
    assert words.say("notice.edited", "ko") in edited
    stored = running.desk.post(lost)
    assert stored is not None
    assert (stored.post.title, stored.post.place) == ("줄무늬 가방", "강남역")
    assert len(stored.post.description) > 3000


def test_a_word_that_no_list_has_is_told_and_nothing_is_searched(browser: TestClient) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "가방", "category": "우주선"}
    told = browser.post("/search", data=form, headers={"Accept": "application/json"}).json()
    assert (told["page"], told["wrong"]) == ("home", {"category": "unknown"})
    assert told["told"]["words"] == "가방"
    api = TestClient(browser.app).post("/api/search", json={"words": "가방", "colour": "없는색"})
    assert api.status_code == 422
    assert api.json()["errors"][0]["pointer"] == "#/colour"


def test_every_page_has_our_icon_and_a_browser_that_asks_by_custom_gets_it_too(
    browser: TestClient, running: Service
) -> None:
    pages = [browser.get(path).text for path in ("/", "/nowhere", "/office/sign-in")]
    signed_in(browser, running)
    pages.append(browser.get("/office").text)
    icons = {found[1] for each in pages if (found := re.search('rel="icon" href="([^"]+)"', each))}
    (icon,) = icons
    custom, linked = browser.get("/favicon.ico"), browser.get(icon)
    for each in (custom, linked):
        assert each.status_code == 200
        assert each.headers["content-type"] == "image/svg+xml"
        assert each.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert custom.content == linked.content
    assert "immutable" not in custom.headers["cache-control"]  # its name stays when it changes


def test_every_page_is_json_too_and_every_route_is_guarded(
    browser: TestClient, running: Service
) -> None:
    told = browser.get("/", headers={"Accept": "application/json"}).json()
    assert told["page"] == "home"
    assert "csrf" not in told
    app = cast(FastAPI, browser.app)
    assert unguarded(app, running.guards) == []
    photos = {route.path for route in iter_route_contexts(app.routes) if takes_a_photo(route)}
    assert photos == set(PHOTOS_IN_JSON)
    form = {"words": "지갑"}
    assert browser.post("/search", data=form).status_code == 403


def takes_a_photo(route: RouteContext) -> bool:
    """In its body of JSON."""
    body = getattr(route, "body_field", None)
    named = {} if body is None else getattr(body.field_info.annotation, "model_fields", {})
    return bool({"photo", "photos"} & named.keys())


def test_a_photo_of_a_phone_is_searched_by_as_json(browser: TestClient, bag: str) -> None:
    """Whose base64 has more bytes than other JSON may."""
    pixels = np.random.default_rng(1).integers(0, 256, (600, 400, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    photo = base64.b64encode(out.getvalue()).decode()
    assert len(photo) > 10 * PLAIN_BYTES
    assert browser.post("/api/search", json={"photo": photo}).status_code == 200


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_problem_is_a_page_in_words(browser: TestClient, language: Language) -> None:
    browser.cookies.set("lang", language)
    gone = browser.get("/nowhere")
    assert gone.status_code == 404
    assert f'lang="{language}"' in gone.text
    bad = {"photo": ("a.jpg", b"no photo at all", "image/jpeg")}
    form = {"csrf": csrf(browser.get("/").text)}
    unread = browser.post("/search", data=form, files=bad)
    assert unread.status_code == 422
    for each in LANGUAGES:
        assert (words.say("wrong.not-a-photo", each) in unread.text) == (each == language)


def test_a_loss_without_words_is_told_in_the_readers_language(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "category": "가방", "colour": "검정"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    browser.cookies.set("lang", "en")
    form = {"csrf": form["csrf"], "link": link, "category": "가방", "colour": "검정"}
    mine = browser.post("/mine", data=form).text
    assert "검정 가방" not in mine
    assert '<span class="chip">Black</span>' in mine
    edited = browser.post("/mine/edit", data=form | {"colour": "파랑"}).text
    assert words.say("notice.edited", "en") in edited
    (lost,) = (each.post for each in running.desk.changed() if each.post.kind == "lost")
    assert lost.title == "파랑 가방"


def test_a_change_of_ones_loss_undoes_nothing_that_was_changed_since(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방", "category": "가방"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    form |= {
        "link": link,
        "seen": field(browser.post("/mine", data=form | {"link": link}).text, "seen"),
    }
    (lost,) = (each.post.post_id for each in running.desk.changed() if each.post.kind == "lost")
    running.desk.edit(lost, {"colour": "파랑", "description": "안에 우산"}, WHO, None)
    wrong = browser.post("/mine/edit", data=form | {"day": "언젠가"}).text
    assert field(wrong, "seen") == form["seen"]
    edited = browser.post("/mine/edit", data=form | {"place": "강남역", "category": "쇼핑백"}).text
    assert words.say("notice.edited", "ko") in edited
    stored = running.desk.post(lost)
    assert stored is not None
    post = stored.post
    assert (post.title, post.description, post.colour) == ("줄무늬 가방", "안에 우산", "파랑")
    assert (post.place, post.category) == ("강남역", "쇼핑백")


def test_pages_of_one_loss_that_are_saved_at_once_are_all_saved(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    form["link"] = link_in(browser.post("/losses", data=form).text)
    form["seen"] = field(browser.post("/mine", data=form).text, "seen")
    own = [{"words": "초록 가방"}, {"place": "강남역"}, {"colour": "보라"}, {"category": "가방"}]
    together = Barrier(len(own))

    def saved(each: dict[str, str]) -> bool:
        together.wait()
        return words.say("notice.edited", "ko") in browser.post("/mine/edit", data=form | each).text

    with ThreadPoolExecutor(len(own)) as pool:
        assert all(pool.map(saved, own))
    (lost,) = losses(running)
    stored = running.desk.post(lost)
    assert stored is not None
    post = stored.post
    assert (post.title, post.place, post.colour) == ("초록 가방", "강남역", "보라")
    assert post.category == "가방"

    running.desk.set_status(lost, "claimed", WHO, None)  # while the page lay open
    over = running.desk.post(lost)
    told = browser.post("/mine/edit", data=form | {"words": "빨간 가방"}).text
    assert words.say("notice.edited", "ko") not in told
    assert words.say("mine.claimed", "ko") in told
    assert running.desk.post(lost) == over


def test_a_link_that_was_pasted_in_part_is_there_to_be_mended(browser: TestClient) -> None:
    form = {"csrf": csrf(browser.get("/mine").text), "link": "https://lost.example/mine#Zm9v"}
    page = browser.post("/mine", data=form).text
    assert words.say("wrong.link", "ko") in page
    assert 'value="https://lost.example/mine#Zm9v"' in page
