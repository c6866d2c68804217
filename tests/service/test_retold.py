"""The office's pages that answer a form, in the other language: what was typed is there still, and
nothing was done."""

import re
from html import unescape

from starlette.testclient import TestClient

from matching_spark.service.pages import words
from matching_spark.service.running import Service
from tests.service.conftest import PASSWORD, photo, signed_in, there_is
from tests.support.forms import csrf, field

SWITCH = re.compile(r'<button class="plain"[^>]* name="lang" value="en"[^>]*>')


def asked_in_english(browser: TestClient, page: str, typed: dict[str, str]) -> str:
    """What a page answers where its switch is pressed: it sends the form "typed"."""
    (form,) = re.findall(r'<form id="typed"[^>]*>.*?</form>', page, re.S)
    (button,) = SWITCH.findall(page)
    assert 'form="typed"' in button
    assert page.index("first-of-all") < page.index(button)  # Enter in a field is no switch
    to = re.search('formaction="([^"]+)"', button) or re.search('action="([^"]+)"', form)
    assert to
    sent: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([\w.]+)" value="([^"]*)"', form):
        sent.setdefault(name, []).append(unescape(value))
    answer = browser.post(to[1], data={**sent, **typed, "lang": "en"}, follow_redirects=False)
    assert answer.headers["content-language"] == "en"
    assert '<html lang="en"' in answer.text
    browser.cookies.delete("lang")
    return answer.text


def test_a_draft_keeps_its_photo_and_what_was_typed(browser: TestClient, running: Service) -> None:
    form = {"csrf": signed_in(browser, running)}
    page = browser.post("/office/found/new", data=form, files=photo()).text
    draft, before = field(page, "draft"), running.desk.journal.last
    english = asked_in_english(browser, page, {"title": "보라색 공", "place": "역 앞"})
    assert field(english, "draft") == draft
    assert 'value="보라색 공"' in english
    assert 'value="역 앞"' in english
    assert words.say("register.upload", "en") not in english
    assert running.desk.journal.last == before
    bare = browser.post("/office/found/new", data=form | {"draft": "none"}).text
    assert "aria-invalid" not in asked_in_english(browser, bare, {"title": ""})


def test_a_change_that_is_not_saved_is_told_again(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": signed_in(browser, running), "sequence": "1", "title": "한 사람의 가방"}
    url = f"/office/posts/{bag}/edit"
    page = browser.post(url, data=form | {"day": "언젠가"}).text
    english = asked_in_english(browser, page, {"title": "또 다른 가방"})
    assert 'value="또 다른 가방"' in english
    browser.post(url, data=form)
    page = browser.post(url, data=form | {"title": "두 사람의 가방"}).text
    assert words.say("post.again.conflict", "ko") in page
    english = asked_in_english(browser, page, {"title": "두 사람의 가방"})
    assert words.say("post.again.conflict", "en") in english
    assert english.count('class="differs"') == page.count('class="differs"')
    assert there_is(running.desk, bag).post.title == "한 사람의 가방"


def test_a_search_by_a_photo_finds_the_same(
    browser: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": signed_in(browser, running), "kind": "found"}
    page = browser.post("/office/search", data=form, files=photo()).text
    ids = re.findall(r'data-copy="([^"]+)"', page)
    assert bag in ids
    english = asked_in_english(browser, page, {})
    assert re.findall(r'data-copy="([^"]+)"', english) == ids
    wrong = browser.post("/office/search", data=form | {"since": "언젠가"}).text
    assert words.say("field.words", "en") not in wrong
    asked_in_english(browser, wrong, {"words": "가방"})


def test_what_was_typed_before_signing_in_is_carried_and_nobody_signs_in(
    browser: TestClient, running: Service
) -> None:
    running.accounts.add("minji", PASSWORD)
    typed = {"lost_id": "L1", "found_id": "F1", "verdict": "confirmed"}
    page = browser.post("/office/decisions", data=typed | {"csrf": csrf(browser.get("/").text)})
    entry = {"name": "minji", "password": PASSWORD}
    english = asked_in_english(browser, page.text, entry)
    assert PASSWORD not in english
    assert browser.get("/office", follow_redirects=False).status_code == 303
    sent = {name: field(english, name) for name in ("csrf", "to", "after")}
    sent |= {f"typed.{name}": field(english, f"typed.{name}") for name in typed}
    unsent = browser.post("/office/sign-in", data=sent | entry).text
    assert words.say("send.title", "ko") in unsent
    (switch,) = re.findall(r'<form class="switch".*?</form>', unsent, re.S)
    carried = dict(re.findall(r'name="([\w.]+)" value="([^"]*)"', switch))
    english = browser.post("/office/sign-in", data=carried | {"lang": "en"}).text
    assert words.say("send.title", "en") in english
    assert all(f'name="{name}" value="{value}"' in english for name, value in typed.items())


def test_every_other_answer_to_a_form_leads_where_it_can_be_asked_for(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/office/sign-in").text)}
    failed = browser.post("/office/sign-in", data=form | {"name": "a", "password": "b"})
    form = {"csrf": signed_in(browser, running)}
    password = browser.post("/office/password", data=form | {"now": "a", "new": "b"})
    begun = browser.post("/office/found/new", data=form)
    problem = browser.post("/office/decisions", data=form | {"lost_id": "L", "found_id": "F"})
    for answer, here in (
        (failed, "/office/sign-in?after=%2Foffice"),
        (password, "/office/password"),
        (begun, "/office/found/new"),
        (problem, "/office"),
    ):
        assert field(answer.text, "here") == here
        assert SWITCH.search(answer.text)
