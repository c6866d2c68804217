"""A person's way through the pages, on a phone and a desk, by keyboard alone, in both languages."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from matching_spark.service.pages.words import say
from tests.browser.visitor import Visitor
from tests.service.samples import rendered, samples
from tests.support.chromium import watched

pytestmark = pytest.mark.browser


# Of the world that `stored` has: a thing of which the public sees everything, and none of it.
THERE = {
    "ko": "해운대 해수욕장에서 잃어버린 핑크색 풍선",
    "en": "a pink balloon at 해운대 해수욕장",
}
NOT_THERE = {"ko": "초록색 우산", "en": "a green umbrella"}


def test_from_words_to_whoever_keeps_the_thing(visitor: Visitor) -> None:
    visitor.look_for(THERE[visitor.visit.language])
    chips = visitor.page.locator("button.chip")
    colour = visitor.say("colour.핑크")
    expect(chips.filter(has_text=colour)).to_be_visible()
    card = visitor.page.locator(".card", has_text="풍선").first
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("e => e.naturalWidth") > 0
    assert not any(char in card.inner_text() for char in "%")

    visitor.visit.press(chips.filter(has_text=colour))  # it was another colour
    visitor.comes("#answer.found .sentence")
    expect(chips.filter(has_text=colour)).to_have_count(0)

    visitor.unfold("result.change")
    visitor.visit.choose(visitor.page.locator("#answer #colour"), "핑크")  # it was pink after all
    visitor.visit.press(visitor.button("result.again"))
    visitor.comes("#answer.found .sentence")
    expect(chips.filter(has_text=colour)).to_be_visible()

    visitor.visit.press(card.get_by_role("button"))  # this may be mine
    expect(visitor.page.locator("h1")).to_have_text(visitor.say("claimed.title"))
    visitor.visit.check()
    expect(visitor.page.locator(".keeper strong")).not_to_be_empty()


def test_a_photo_finds_the_same_thing(visitor: Visitor, lost_photo: Path) -> None:
    visitor.visit.attach(visitor.page.locator("#photo"), lost_photo)
    expect(visitor.page.locator("[data-photo] canvas")).to_be_visible()
    visitor.visit.check()
    visitor.visit.press(visitor.button("find.button"))
    visitor.comes("#answer.found .sentence")
    expect(visitor.page.locator(".card").first).to_contain_text("나침반")
    expect(visitor.page.locator(".chip", has_text=visitor.say("result.photo"))).to_be_visible()


def test_a_photo_that_cannot_be_read_is_told_and_the_next_search_is_shown(
    visitor: Visitor, tmp_path: Path
) -> None:
    visitor.visit.refused = (422,)
    letter = tmp_path / "IMG_1.HEIC"
    letter.write_bytes(b"no photo")
    visitor.visit.attach(visitor.page.locator("#photo"), letter)
    visitor.visit.press(visitor.button("find.button"))
    visitor.comes("#answer .wrong")
    expect(visitor.page.locator("#answer")).to_contain_text(visitor.say("wrong.not-a-photo"))
    visitor.visit.press(visitor.button("find.no photo"))
    visitor.visit.write(visitor.page.locator("#words"), "나침반")
    visitor.page.keyboard.press("Enter")
    visitor.comes("#answer.found .sentence")


def test_in_doubt_one_question_is_asked_and_the_list_is_made_anew(visitor: Visitor) -> None:
    visitor.look_for({"ko": "나침반", "en": "compass"}[visitor.visit.language])
    question = visitor.page.locator(".question")
    expect(question).to_have_count(1)
    asked = question.locator("h3").inner_text()
    answers = question.locator("button:not(.plain)")
    assert 1 <= answers.count() <= 3
    said = answers.first.inner_text()
    visitor.visit.press(answers.first)
    visitor.comes("#answer.found .sentence")
    expect(visitor.page.locator("button.chip", has_text=said)).to_be_visible()
    expect(question.get_by_text(asked, exact=True)).to_have_count(0)


def test_what_is_typed_anew_takes_the_place_of_what_is_under_way(visitor: Visitor) -> None:
    """Of a reload, and of a search with a word too few: where it was dropped, what the former words
    had found stood below the new ones."""
    page = visitor.page
    visitor.look_for(NOT_THERE[visitor.visit.language])
    held: list[Route] = []
    page.route("**/search", lambda route: held.append(route))
    with page.expect_request("**/search"):
        page.reload()
    for words in ("풍선", "나침반"):
        visitor.visit.write(page.locator("#words"), words)
        with page.expect_request("**/search"):
            page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # pressed twice: one search
    expect(page.locator("form.find [data-busy]")).to_be_in_viewport()
    assert len(held) == 3
    held[-1].continue_()
    visitor.comes("#answer.found .sentence")
    expect(page.locator(".card").first).to_contain_text("나침반")
    told = ("sendAbort", "afterRequest")  # by htmx, as errors
    visitor.visit.wrong = [e for e in visitor.visit.wrong if not any(name in e for name in told)]


def test_that_day_asks_which_one_where_none_was_chosen(visitor: Visitor) -> None:
    """It looked again without one, and asked the same."""
    page, asked = visitor.page, rendered(samples()["results-day"], visitor.visit.language)
    visitor.visit.refused = (404,)  # the sample's photos
    page.route("**/search", lambda route: route.fulfill(body=asked, content_type="text/html"))
    visitor.visit.write(page.locator("#words"), "나침반")
    page.keyboard.press("Enter")
    expect(page.locator("#answer.found .sentence")).to_be_focused()
    searched: list[str] = []
    page.on("request", lambda request: searched.append(request.url))
    visitor.visit.press(visitor.button("ask.send"))
    expect(page.locator("#day-asked")).to_be_focused()
    assert not searched


def test_nothing_here_is_reported_edited_and_withdrawn_by_a_private_link(visitor: Visitor) -> None:
    visitor.look_for(NOT_THERE[visitor.visit.language])
    expect(visitor.page.locator(".calm")).to_contain_text(visitor.say("result.usually"))
    report = visitor.button("tell.button")
    visitor.visit.press(report)
    expect(visitor.page.locator("h1")).to_have_text(visitor.say("registered.title"))
    visitor.visit.check()
    link = visitor.page.locator("#private-link").inner_text()
    assert "/mine#" in link

    visitor.visit.press(visitor.page.get_by_role("link", name=visitor.say("registered.open")))
    visitor.comes("#answer.mine [data-answer]")
    expect(visitor.page.locator(".state")).to_be_visible()
    visitor.unfold("mine.edit")
    visitor.visit.choose(visitor.page.locator("#colour"), "파랑")
    visitor.visit.press(visitor.button("mine.save"))
    visitor.comes("#answer.mine [data-answer]")
    expect(visitor.page.locator(".own .chip", has_text=visitor.say("colour.파랑"))).to_be_visible()

    visitor.unfold("mine.withdraw")
    expect(visitor.page.get_by_text(visitor.say("mine.withdraw means"))).to_be_visible()
    visitor.visit.press(visitor.button("mine.withdraw button"))
    visitor.comes("#answer.mine [data-answer]")
    expect(visitor.page.locator(".state")).to_have_text(visitor.say("mine.erased"))
    visitor.page.goto("about:blank")
    visitor.page.goto(link)
    expect(visitor.page.get_by_text(visitor.say("wrong.gone"))).to_be_visible()


def test_without_a_script_what_is_wrong_is_told_once(browser: Browser, service: str) -> None:
    with watched(browser, service, width=360, java_script_enabled=False) as visit:
        visit.open("/")
        visit.page.click("form.find button.primary")
        told = visit.page.get_by_text(say("problem.nothing-asked.do", "ko")).filter(visible=True)
        expect(told).to_have_count(1)
        assert visit.wrong == []
