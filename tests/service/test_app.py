"""The pages as a browser asks for them: what all have, who may see what, and problems in words."""

import re
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.guards.bodies import PHOTOS_IN_JSON
from matching_spark.service.pages import words
from matching_spark.service.pages.render import CONTENT_SECURITY_POLICY, pair_url, similar_url
from matching_spark.service.running import Service
from tests.service.conftest import WHO, signed_in
from tests.support.forms import csrf, field
from tests.support.guarded import unguarded


def test_every_page_that_can_be_asked_for_again_has_the_switch_of_languages(
    browser: TestClient, running: Service, bag: str
) -> None:
    signed_in(browser, running)
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")
    lost_id = running.desk.add(lost, [], WHO, None).post.post_id
    for path in (
        *("/office/review", "/no/such/page", "/office/password", "/office?more=today"),
        *(pair_url(lost_id, bag), similar_url(bag)),
    ):
        page = browser.get(path).text
        switched = {"csrf": csrf(page), "here": field(page, "here"), "lang": "en"}
        again = browser.post("/lang", data=switched)
        assert again.request.url.raw_path.decode() == path
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
