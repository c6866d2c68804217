"""The pages as a browser asks for them: a person's way, the office's way, and who may see what."""

import base64
import io
import re
from dataclasses import replace
from html import unescape
from typing import cast
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from PIL import Image
from starlette.testclient import TestClient

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters, Post
from matching_spark.score.components import LANGUAGES
from matching_spark.search.query import Query
from matching_spark.service.app import create_app
from matching_spark.service.guards.bodies import PHOTOS_IN_JSON, PLAIN_BYTES
from matching_spark.service.pages import words
from matching_spark.service.pages.render import CONTENT_SECURITY_POLICY, pair_url, post_url
from matching_spark.service.running import Service
from matching_spark.service.server import opened
from tests.service.conftest import drawn
from tests.support.guarded import unguarded

PASSWORD = "a long enough password"
WHO = "account-" + "1" * 32


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:2000]
    return found[1]


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page[:3000]
    return unescape(found[1])


@pytest.fixture
def bag(running: Service) -> str:
    """A found bag that a person may see, by its id."""
    photo = running.seen(drawn("purple"))
    assert photo is not None
    post = Post(
        *("", "found", "가방", "", "보라색 줄무늬 가방", "", "보라", "강남역", "서울"),
        kept_at="강남역 유실물센터",
        kept_phone="02-111-2222",
    )
    return running.desk.add(post, [photo], WHO, None).post.post_id


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
        running.desk.end(bag, "claimed", WHO, None)  # since the card was shown
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


def test_a_search_of_the_office_that_cannot_be_is_shown_again_as_it_was_asked(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": _signed_in(browser, running), "category": "가방", "since": "2026-11-20"}
    form |= {"kind": "lost", "status": "claimed"}
    for wrong in ({}, {"words": "검정 가방", "until": "언젠가"}):
        page = browser.post("/office/search", data=form | wrong).text
        assert 'value="2026-11-20"' in page
        assert wrong.get("words", "") in page
        for chosen in ("가방", "lost", "claimed"):
            assert f'<option value="{chosen}" selected>' in page


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
    running.desk.end(bag, "withdrawn", WHO, None)
    assert "보라색 줄무늬 가방</h3>" not in browser.post("/search", data=form).text
    assert browser.get(photo[1]).status_code == 404


def test_a_password_is_changed_by_whoever_knows_it(browser: TestClient, running: Service) -> None:
    account = running.accounts.add("minji", PASSWORD)
    elsewhere = running.guards.door._sessions.open(account.account_id)  # noqa: SLF001
    form = {"csrf": csrf(browser.get("/office/sign-in").text), "name": "minji"}
    browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    page = browser.get("/office/password")
    form = {"csrf": csrf(page.text), "now": PASSWORD, "new": "quite another password"}
    for wrong, said in (({"now": "guess guess guess"}, "password"), ({"new": "short"}, "short")):
        refused = browser.post("/office/password", data=form | wrong)
        assert refused.status_code == 422
        assert words.say(f"wrong.{said}", "ko") in refused.text
    assert running.accounts.verified("minji", PASSWORD)
    done = browser.post("/office/password", data=form)
    assert words.say("notice.password", "ko") in done.text
    assert running.accounts.verified("minji", form["new"])
    assert browser.get("/office", follow_redirects=False).status_code == 200
    other = TestClient(browser.app, base_url=str(browser.base_url), cookies={"session": elsewhere})
    assert other.get("/office", follow_redirects=False).status_code in (303, 401)


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


def test_the_offices_way(browser: TestClient, running: Service) -> None:
    running.accounts.add("minji", PASSWORD)
    to_sign_in = browser.get("/office", follow_redirects=False)
    assert to_sign_in.headers["location"].startswith("/office/sign-in")
    page = browser.get("/office/sign-in")
    form = {"csrf": csrf(page.text), "name": "minji", "password": "another password!"}
    assert browser.post("/office/sign-in", data=form).status_code == 401
    desk = browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    assert desk.status_code == 200
    assert "minji" in desk.text

    new = browser.get("/office/found/new")
    files = {"photo": ("a.png", drawn("purple"), "image/png")}
    draft = browser.post("/office/found/new", data={"csrf": csrf(new.text)}, files=files)
    name = field(draft.text, "draft")
    assert browser.get(f"/office/drafts/{name}").headers["content-type"] == "image/jpeg"
    form = {
        "csrf": csrf(draft.text),
        "draft": name,
        "title": "보라색 공",
        "category": "기타물품",
        "kept_at": "역무실",
    }
    stored = browser.post("/office/found/new", data=form)
    assert "보라색 공" in stored.text
    (post,) = running.desk.changed()
    assert post.post.kept_at == "역무실"
    assert len(post.photos) == 1
    url = f"/office/posts/{post.post.post_id}"
    form = {"csrf": csrf(stored.text), "sequence": "1", "title": "보라색 작은 공"}
    edited = browser.post(f"{url}/edit", data=form)
    assert "보라색 작은 공" in edited.text
    assert "minji" in edited.text
    assert browser.post(f"{url}/edit", data=form).status_code == 200  # reloaded: it is so already
    late = form | {"title": "보라색 큰 공"}
    assert browser.post(f"{url}/edit", data=late).status_code == 409
    found = browser.post("/office/search", data={"csrf": form["csrf"], "words": "보라색 작은 공"})
    assert post.post.post_id in found.text
    closed = browser.post(f"{url}/close", data={"csrf": form["csrf"], "status": "claimed"})
    assert closed.status_code == 200
    stored_now = running.desk.post(post.post.post_id)
    assert stored_now is not None
    assert stored_now.post.status == "claimed"
    browser.post("/office/sign-out", data={"csrf": form["csrf"]})
    assert browser.get(url, follow_redirects=False).status_code == 303


def test_signing_in_leads_to_the_page_that_was_asked_for_and_never_elsewhere(
    browser: TestClient, running: Service, bag: str
) -> None:
    running.accounts.add("minji", PASSWORD)
    odd = "s-a?b&found=c#d+e 가"  # whatever stands in an id
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방")
    lost_id = running.desk.add(lost, [], WHO, None).post.post_id
    pair, similar = pair_url(lost_id, bag), f"/office/search?post={bag}"
    known = {
        "of": "a\0b",
        "said": "confirmed",
        "was": "unsure",
        "secret": "s3cret",
        "notice": "saved",
    }
    for asked in (pair, similar, pair_url(odd, odd), post_url(odd), "/office/review", "/office"):
        more = f"{asked}{'&' if '?' in asked else '?'}{urlencode(known)}"
        page = browser.get(more)
        assert page.url.path == "/office/sign-in"
        assert not any(word in str(page.url) + page.text for word in ("s3cret", "confirmed"))
        switched = {"csrf": csrf(page.text), "here": field(page.text, "here"), "lang": "en"}
        page = browser.post("/lang", data=switched)
        form = {"csrf": csrf(page.text), "name": "minji", "after": field(page.text, "after")}
        wrong = browser.post("/office/sign-in", data=form | {"password": "not this password"})
        form["after"] = field(wrong.text, "after")
        done = browser.post(
            "/office/sign-in", data=form | {"password": PASSWORD}, follow_redirects=False
        )
        assert unquote(done.headers["location"]) == unquote(asked)
        browser.cookies.clear()
    for elsewhere in (
        *("https://evil.example/office", "//evil.example/office", "/\\evil.example", "office"),
        *("/office.evil.example", "/officer", "\t//evil.example", "/office\r\nSet-Cookie: a=b", ""),
        *("/office/..//evil.example", "/office/../\\evil.example", "/office\\@evil.example"),
    ):
        page = browser.get("/office/sign-in", params={"after": elsewhere})
        form = {"csrf": csrf(page.text), "name": "minji", "password": PASSWORD}
        done = browser.post(
            "/office/sign-in", data=form | {"after": elsewhere}, follow_redirects=False
        )
        assert "set-cookie: a=b" not in str(done.headers).lower()
        to = urlsplit(urljoin(str(browser.base_url), done.headers["location"]))
        assert to.netloc == urlsplit(str(browser.base_url)).netloc, elsewhere
        browser.cookies.clear()


def test_what_was_typed_stays_where_something_of_it_is_wrong(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = _signed_in(browser, running)
    stored = running.desk.post(bag)
    assert stored is not None
    typed = {
        "title": "손잡이가 끊어진 가방",
        "description": "안에 우산이 있다",
        "place": "강남역 3번 출구",
        "day": "2026-11-20",
        "colour": "파랑",
        "category": "없는 종류",
    }
    form = {"csrf": token, "sequence": str(stored.sequence)}
    new = browser.post("/office/found/new", data={"csrf": token, "draft": "none"})
    draft = field(new.text, "draft")
    for url, of in ((f"/office/posts/{bag}/edit", {}), ("/office/found/new", {"draft": draft})):
        page = browser.post(url, data=form | typed | of)
        assert words.say("wrong.unknown", "ko") in page.text
        for name in ("title", "place", "day"):
            assert f'value="{typed[name]}"' in page.text
        assert typed["description"] in page.text
        assert '<option value="파랑" selected>' in page.text
    assert running.desk.post(bag) == stored


def test_a_thing_of_another_source_is_changed_as_any_other_until_it_is_closed(
    service: Settings,
) -> None:
    with opened(service) as of:
        found = of.desk.search(Query(text="지갑"), Filters(kind="found"))
        post_id = found.matches[0].post_id
        stored = of.desk.post(post_id)
        assert stored is not None
        assert stored.source != "service"
        client = TestClient(create_app(of), base_url="http://127.0.0.1:8008")
        client.headers |= {"Origin": "http://127.0.0.1:8008", "Accept": "text/html"}
        form = {"csrf": _signed_in(client, of), "title": "고친 이름"}
        url = post_url(post_id)
        form["sequence"] = field(client.get(url).text, "sequence")
        assert words.say("notice.saved", "ko") in client.post(f"{url}/edit", data=form).text
        closed = client.post(f"{url}/close", data=form | {"status": "claimed"}).text
        assert "고친 이름" in closed
        assert words.say("post.readonly", "ko") in closed
        assert f'action="{url}/edit"' not in closed
        said = [words.say("post.readonly", each) for each in LANGUAGES]
        assert not re.search("다른 곳|source", " ".join(said))


def test_who_saves_second_loses_nothing_and_saves_over_it_knowingly(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = _signed_in(browser, running)
    url = f"/office/posts/{bag}"
    seen = browser.get(url).text
    form = {"csrf": token, "sequence": field(seen, "sequence"), "title": "줄무늬 가방"}
    form |= {"category": "가방", "colour": "보라", "description": "안에\r\n우산"}
    running.desk.edit(bag, {"colour": "파랑", "description": "안에\n우산"}, WHO, None)
    first = running.desk.post(bag)
    wrong = browser.post(f"{url}/edit", data=form | {"category": "우주선"})
    assert field(wrong.text, "sequence") == form["sequence"]  # nothing is saved over unknowingly
    told = browser.post(f"{url}/edit", data=form | {"day": "2026-11-20"})
    assert told.status_code == 409
    assert words.say("post.again.conflict", "ko") in told.text
    assert 'value="줄무늬 가방"' in told.text
    assert 'value="2026-11-20"' in told.text
    assert '<option value="보라" selected>' in told.text
    assert re.search("<td>파랑</td>.*<td>보라</td>", told.text)
    assert f'<th scope="row">{words.say("field.description", "ko")}</th>' not in told.text
    assert running.desk.post(bag) == first
    over = browser.post(f"{url}/edit", data=form | {"sequence": field(told.text, "sequence")})
    assert words.say("notice.saved", "ko") in over.text
    saved = running.desk.post(bag)
    assert saved is not None
    assert (saved.post.title, saved.post.colour) == ("줄무늬 가방", "보라")

    running.desk.end(bag, "claimed", WHO, None)
    late = browser.post(f"{url}/edit", data=form | {"title": "빨간 가방"})
    assert late.status_code == 409
    assert "<td>빨간 가방</td>" in late.text
    assert f'action="{url}/edit"' not in late.text  # what is closed is not changed


def test_a_thing_without_a_photo_is_registered_once_however_often_it_is_pressed(
    browser: TestClient, running: Service
) -> None:
    token = _signed_in(browser, running)
    for _ in range(2):  # and two forms are two things, alike as they may be
        new = browser.post("/office/found/new", data={"csrf": token, "draft": "none"})
        form = {"csrf": token, "draft": field(new.text, "draft"), "title": "검정 우산"}
        first, again = (browser.post("/office/found/new", data=form) for _ in range(2))
        assert first.url == again.url
    assert len(running.desk.changed()) == 2


def test_registering_again_with_other_words_leads_to_what_was_registered(
    browser: TestClient, running: Service
) -> None:
    """As after Back: what is typed then is not lost, and no second thing comes of it."""
    token = _signed_in(browser, running)
    for language in ("ko", "en"):
        browser.cookies.set("lang", language)
        known = {each.post.post_id for each in running.desk.changed()}
        files = {"photo": ("a.png", drawn("purple"), "image/png")}
        new = browser.post("/office/found/new", data={"csrf": token}, files=files)
        form = {"csrf": token, "draft": field(new.text, "draft"), "title": "검정 우산"}
        browser.post("/office/found/new", data=form)
        (stored,) = (s for s in running.desk.changed() if s.post.post_id not in known)
        again = browser.post("/office/found/new", data=form | {"title": "남색 우산"})
        assert again.status_code == 409
        assert words.say("post.again.registered", language) in again.text
        assert "Idempotency-Key" not in again.text
        url = f"/office/posts/{stored.post.post_id}"
        assert f'href="{url}"' in again.text
        assert 'value="남색 우산"' in again.text
        assert len(running.desk.changed()) == len(known) + 1
        form |= {"sequence": field(again.text, "sequence"), "title": "남색 우산"}
        assert browser.post(f"{url}/edit", data=form).status_code == 200
        saved = running.desk.post(stored.post.post_id)
        assert saved is not None
        assert saved.post.title == "남색 우산"


def test_the_address_of_a_form_that_is_opened_again_leads_to_the_start(browser: TestClient) -> None:
    for path in ("/search", "/losses", "/interest", "/mine/edit", "/lang"):
        page = browser.get(path)
        assert (page.status_code, page.url.path) == (200, "/")
    refused = browser.get("/search", headers={"Accept": "application/json"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_what_was_found_too_long_ago_is_said_to_be(
    browser: TestClient, running: Service, bag: str
) -> None:
    """Nothing that was entered is wrong: there is nothing to correct."""
    over = words.say("problem.search-over.do", "ko")
    form = {"csrf": csrf(browser.get("/").text), "asked": "forgotten", "words": "검정 가방"}
    for path in ("/search", "/losses", "/interest"):
        found = running.showing.names.seal(bag)
        assert over in browser.post(path, data=form | {"claim": found}).text, path
    token = _signed_in(browser, running)
    form = {"csrf": token, "draft": "forgotten", "title": "검정 가방"}
    assert over in browser.post("/office/found/new", data=form).text
    asked = {"asked": "forgotten", "words": "가방"}
    said = browser.post("/api/search", json=asked, headers={"X-CSRF-Token": token}).json()
    assert said["type"] == "/problems/search-over"
    assert said["errors"][0]["pointer"] == "#/asked"


def _signed_in(browser: TestClient, running: Service) -> str:
    """The token of the office's forms."""
    running.accounts.add("minji", PASSWORD)
    form = {"csrf": csrf(browser.get("/office/sign-in").text), "name": "minji"}
    browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    return csrf(browser.get("/office").text)


def test_pairs_are_reviewed_and_a_decision_sticks(browser: TestClient, running: Service) -> None:
    bag = Post("", "found", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")
    found = running.desk.add(bag, [], WHO, None)
    lost = running.desk.add(replace(bag, kind="lost"), [], WHO, None)
    pair = (lost.post.post_id, found.post.post_id)
    running.review.refresh()
    assert pair in running.review.queue()
    running.accounts.add("minji", PASSWORD)
    page = browser.get("/office/sign-in")
    form = {"csrf": csrf(page.text), "name": "minji", "password": PASSWORD}
    desk = browser.post("/office/sign-in", data=form | {"after": "/office/review"})
    review = browser.get(f"/office/review?lost={pair[0]}&found={pair[1]}")
    assert review.text.count("보라색 줄무늬 가방") >= 2
    turned = browser.get(f"/office/review?lost={pair[1]}&found={pair[0]}")  # nothing to decide
    assert "보라색 줄무늬 가방" not in turned.text
    said = {"csrf": csrf(desk.text), "lost_id": pair[0], "found_id": pair[1]}
    after = browser.post("/office/decisions", data=said | {"verdict": "confirmed"})
    assert after.status_code == 200
    assert pair not in running.review.queue()
    undone = browser.post("/office/decisions", data=said | {"verdict": "unsure", "undo": "1"})
    assert undone.status_code == 200
    assert running.review.queue()[-1] == pair


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
    _signed_in(browser, running)
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
def test_a_problem_is_a_page_in_words(browser: TestClient, language: str) -> None:
    browser.cookies.set("lang", language)
    gone = browser.get("/nowhere")
    assert gone.status_code == 404
    assert f'lang="{language}"' in gone.text
    bad = {"photo": ("a.jpg", b"no photo at all", "image/jpeg")}
    form = {"csrf": csrf(browser.get("/").text)}
    unread = browser.post("/search", data=form, files=bad)
    assert unread.status_code == 422
    assert "photo" not in unread.text or language == "en"
