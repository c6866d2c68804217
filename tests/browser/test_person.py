"""A person's way through the pages, on a phone and a desk, by keyboard alone, in both languages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor
from tests.support.chromium import WIDTHS, watched

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(w, lang) for w in WIDTHS for lang in ("ko", "en")], ids=str)
def person(request: pytest.FixtureRequest, browser: Browser, service: str) -> Iterator[Visitor]:
    width, language = request.param
    with watched(browser, service, width=width) as visit:
        somebody = Visitor(visit)
        visit.open("/")
        if language == "en":
            somebody.speak_english()
        visit.check()
        yield somebody
        assert visit.wrong == []


# Of the world that `stored` has: a thing of which the public sees everything, and none of it.
THERE = {
    "ko": "해운대 해수욕장에서 잃어버린 핑크색 풍선",
    "en": "a pink balloon at 해운대 해수욕장",
}
NOT_THERE = {"ko": "초록색 우산", "en": "a green umbrella"}


def test_from_words_to_whoever_keeps_the_thing(person: Visitor) -> None:
    person.look_for(THERE[person.visit.language])
    chips = person.page.locator("button.chip")
    colour = person.say("colour.핑크")
    expect(chips.filter(has_text=colour)).to_be_visible()
    card = person.page.locator(".card", has_text="풍선").first
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("e => e.naturalWidth") > 0
    assert not any(char in card.inner_text() for char in "%")

    person.visit.press(chips.filter(has_text=colour))  # it was another colour
    person.comes("#answer.found .sentence")
    expect(chips.filter(has_text=colour)).to_have_count(0)

    person.unfold("result.change")
    person.visit.choose(person.page.locator("#answer #colour"), "핑크")  # it was pink after all
    person.visit.press(person.button("result.again"))
    person.comes("#answer.found .sentence")
    expect(chips.filter(has_text=colour)).to_be_visible()

    person.visit.press(card.get_by_role("button"))  # this may be mine
    expect(person.page.locator("h1")).to_have_text(person.say("claimed.title"))
    person.visit.check()
    expect(person.page.locator(".keeper strong")).not_to_be_empty()


def test_a_photo_finds_the_same_thing(person: Visitor, lost_photo: Path) -> None:
    person.visit.attach(person.page.locator("#photo"), lost_photo)
    expect(person.page.locator("[data-photo] canvas")).to_be_visible()
    person.visit.check()
    person.visit.press(person.button("find.button"))
    person.comes("#answer.found .sentence")
    expect(person.page.locator(".card").first).to_contain_text("나침반")
    expect(person.page.locator(".chip", has_text=person.say("result.photo"))).to_be_visible()


def test_in_doubt_one_question_is_asked_and_the_list_is_made_anew(person: Visitor) -> None:
    person.look_for({"ko": "나침반", "en": "compass"}[person.visit.language])
    question = person.page.locator(".question")
    expect(question).to_have_count(1)
    asked = question.locator("h3").inner_text()
    answers = question.locator("button:not(.plain)")
    assert 1 <= answers.count() <= 3
    said = answers.first.inner_text()
    person.visit.press(answers.first)
    person.comes("#answer.found .sentence")
    expect(person.page.locator("button.chip", has_text=said)).to_be_visible()
    expect(question.get_by_text(asked, exact=True)).to_have_count(0)


def test_nothing_here_is_reported_edited_and_withdrawn_by_a_private_link(person: Visitor) -> None:
    person.look_for(NOT_THERE[person.visit.language])
    expect(person.page.locator(".calm")).to_contain_text(person.say("result.usually"))
    report = person.button("tell.button")
    person.visit.press(report)
    expect(person.page.locator("h1")).to_have_text(person.say("registered.title"))
    person.visit.check()
    link = person.page.locator("#private-link").inner_text()
    assert "/mine#" in link

    person.visit.press(person.page.get_by_role("link", name=person.say("registered.open")))
    person.comes("#answer.mine [data-answer]")
    expect(person.page.locator(".state")).to_be_visible()
    person.unfold("mine.edit")
    person.visit.choose(person.page.locator("#colour"), "파랑")
    person.visit.press(person.button("mine.save"))
    person.comes("#answer.mine [data-answer]")
    expect(person.page.locator(".own .chip", has_text=person.say("colour.파랑"))).to_be_visible()

    person.unfold("mine.withdraw")
    expect(person.page.get_by_text(person.say("mine.withdraw means"))).to_be_visible()
    person.visit.press(person.button("mine.withdraw button"))
    person.comes("#answer.mine [data-answer]")
    expect(person.page.locator(".state")).to_have_text(person.say("mine.withdrawn"))
    person.page.goto("about:blank")
    person.page.goto(link)
    expect(person.page.get_by_text(person.say("wrong.link"))).to_be_visible()
