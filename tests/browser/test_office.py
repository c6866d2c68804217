"""An office's way through its pages: on phone and desk, by keyboard alone, in both languages."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NAME, PASSWORD
from tests.browser.visitor import Visitor
from tests.support.chromium import watched

pytestmark = pytest.mark.browser


@pytest.fixture
def clerk(visitor: Visitor) -> Iterator[Visitor]:
    """Somebody who has signed in, by keyboard."""
    visit = visitor.visit
    visit.open("/office")
    expect(visit.page.locator("h1")).to_have_text(visitor.say("sign.title"))
    visit.write(visit.page.locator("#name"), NAME)
    visit.write(visit.page.locator("#password"), PASSWORD)
    visit.key("Enter")
    expect(visit.page.locator("h1")).to_contain_text(visitor.say("desk.title"))
    yield visitor
    visit.refused = (404,)  # photos of the page that is left, where they are asked for too late
    visit.follow(visitor.button("office.sign out"))
    expect(visit.page.locator(".notice")).to_have_text(visitor.say("notice.signed-out"))


def test_a_wrong_password_is_told_and_lets_nobody_in(visitor: Visitor) -> None:
    visit = visitor.visit
    visit.open("/office")
    visit.check()
    visit.write(visit.page.locator("#name"), NAME)
    visit.write(visit.page.locator("#password"), "not the password")
    visit.refused = (401,)
    visit.key("Enter")
    expect(visit.page.locator("#failed")).to_have_text(visitor.say("sign.failed"))
    visit.check()
    visit.open("/office")
    expect(visit.page.locator("h1")).to_have_text(visitor.say("sign.title"))


def test_the_switch_of_languages_stands_beside_the_name(clerk: Visitor) -> None:
    """On a phone too, where a row of its own pushed what waits off the screen."""
    brand, switch = (clerk.page.locator(of).bounding_box() for of in (".brand", "#switch"))
    assert brand
    assert switch
    middle = brand["y"] + brand["height"] / 2
    assert switch["y"] < middle < switch["y"] + switch["height"]


def opened(clerk: Visitor) -> dict[str, float]:
    """Where the first photo lies that is opened large, beside what is typed; it is closed again."""
    with clerk.page.expect_popup() as popup:
        clerk.visit.press(clerk.page.locator("a.picture").first)
    large = popup.value
    large.wait_for_load_state()  # Chromium reloads no page that is still on its way
    large.on("console", clerk.visit.tell)
    large.reload()
    box: dict[str, float] = large.locator("img").evaluate(
        "e => ({...e.getBoundingClientRect().toJSON(), screen: innerWidth})"
    )
    large.close()
    return box


def test_a_found_thing_is_registered_from_its_photo_edited_and_closed(
    clerk: Visitor, browser: Browser, service: str, found_photo: Path
) -> None:
    visit, page = clerk.visit, clerk.page
    visit.check()
    visit.follow(page.get_by_role("link", name=clerk.say("office.register")).first)
    visit.check()
    visit.attach(page.locator("#photo"), found_photo)
    visit.follow(clerk.button("register.upload"))
    expect(page.locator("[data-mark]").first).to_have_text(clerk.say("register.suggested"))
    expect(page.locator("#category")).not_to_have_value("")
    expect(page.locator("[data-state]")).to_have_text(clerk.say("register.unsaved"))
    visit.check()
    title = f"브라우저가 등록한 물건 {secrets.token_hex(3)}"
    visit.write(page.locator("#title"), title)
    visit.write(page.locator("#kept_at"), "시험 유실물센터")
    photo = opened(clerk)
    assert photo["x"] + photo["width"] / 2 == pytest.approx(photo["screen"] / 2, abs=1)
    expect(page.locator("#title")).to_have_value(title)
    visit.follow(page.get_by_role("button", name=clerk.say("register.accept")))
    expect(page.locator(".notice")).to_have_text(clerk.say("notice.registered"))
    expect(page.locator(".post h2")).to_contain_text(title)
    visit.check()
    address = page.url

    visit.write(page.locator("#place"), "시험역")
    assert opened(clerk)["width"] > 0
    expect(page.locator("[data-state]")).to_have_text(clerk.say("register.unsaved"))
    visit.follow(clerk.button("post.save"))
    expect(page.locator(".notice")).to_have_text(clerk.say("notice.saved"))
    expect(page.locator(".history")).to_contain_text(clerk.say("field.place"))

    def seen() -> int:
        """How often the public finds it by its photo."""
        with watched(browser, service) as other:
            other.open("/")
            other.page.set_input_files("#photo", found_photo)
            other.page.click("form.find button.primary")
            other.settled()
            cards = other.page.locator(".card", has_text=title)
            return cards.count()

    assert seen() == 1
    visit.follow(page.get_by_role("button", name=clerk.say("post.close as claimed")))
    expect(page.locator(".status").first).to_have_text(clerk.say("status.claimed"))
    visit.check()
    assert seen() == 0
    visit.open(address.removeprefix(service))
    expect(page.locator(".history")).to_contain_text(clerk.say("status.claimed"))


def test_what_was_typed_without_a_session_is_sent_by_one_press_after_signing_in(
    clerk: Visitor, browser: Browser, service: str
) -> None:
    visit, page = clerk.visit, clerk.page
    visit.follow(page.get_by_role("link", name=clerk.say("office.register")).first)
    visit.follow(clerk.button("register.without"))
    title = f"로그인 전에 적은 물건 {secrets.token_hex(3)}"
    visit.write(page.locator("#title"), title)
    with watched(browser, service, language=visit.language) as elsewhere:
        elsewhere.page.context.add_cookies(
            [
                {"name": each["name"], "value": each["value"], "url": service}
                for each in page.context.cookies()
            ]
        )
        elsewhere.open("/office")
        elsewhere.follow(elsewhere.page.get_by_role("button", name=clerk.say("office.sign out")))
    visit.refused = (401,)
    visit.follow(clerk.button("register.button"))
    expect(page.locator(".notice")).to_have_text(clerk.say("sign.typed"))
    visit.check()
    visit.write(page.locator("#name"), NAME)
    visit.write(page.locator("#password"), PASSWORD)
    visit.key("Enter")
    expect(page.locator("h1")).to_have_text(clerk.say("send.title"))
    expect(page.locator(".facts")).to_contain_text(title)
    visit.check()
    visit.follow(clerk.button("send.button"))
    expect(page.locator(".notice")).to_have_text(clerk.say("notice.registered"))
    expect(page.locator(".post h2")).to_contain_text(title)


def test_pairs_are_reviewed_by_keys(clerk: Visitor) -> None:
    visit, page = clerk.visit, clerk.page
    visit.follow(page.get_by_role("link", name=clerk.say("office.review")).first)
    sides = page.locator(".side")
    expect(sides).to_have_count(2)
    heights = sides.locator("> .picture").evaluate_all("all => all.map(e => e.clientHeight)")
    assert heights[0] == heights[1] > 0
    visit.check()
    first = page.locator(".side .id").all_inner_texts()

    visit.key("y")
    expect(page.locator(".undo")).to_contain_text(
        clerk.say("review.done", said=clerk.say("review.confirmed"))
    )
    visit.check()
    visit.key("z")
    expect(page.locator(".side .id")).to_have_text(first)  # undone: it is asked for again
    page.keyboard.press("x")
    expect(page.locator(".pair.zoomed")).to_have_count(1)
    visit.key("u")
    expect(page.locator(".undo")).to_contain_text(clerk.say("review.unsure"))
    second = page.locator(".side .id").all_inner_texts()
    assert second != first
    visit.key("j")
    assert page.locator(".side .id").all_inner_texts() != second
    visit.key("k")
    expect(page.locator(".side .id")).to_have_text(second)


def test_all_posts_are_searched_from_any_page_by_one_key(clerk: Visitor) -> None:
    visit, page = clerk.visit, clerk.page
    visit.key("/")
    expect(page.locator("h1")).to_have_text(clerk.say("search.title"))
    visit.check()
    page.keyboard.press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("노란 지갑")
    visit.key("Enter")
    hits = page.locator(".hits > li")
    expect(hits.first).to_be_visible()
    visit.check()
    page.keyboard.press("j")
    expect(hits.first.locator("a")).to_be_focused()
    visit.key("Enter")
    expect(page.locator(".post h2")).to_be_visible()
    visit.check()
