"""Keys of an officer: pairs, queues and what is not saved yet."""

import pytest
from playwright.sync_api import Page, expect

from tests.service.served import Served

pytestmark = pytest.mark.browser


def test_a_thing_of_a_queue_that_cannot_be_shown_beside_it_is_gone_to(page: Page) -> None:
    page.goto("/desk/ko")
    link = page.locator(".queue > li > a[hx-get]").first
    address = link.get_attribute("href") or ""
    page.route(f"**{address}", lambda route: route.fulfill(body="<h1>로그인</h1>"))
    link.click()
    page.wait_for_url(f"**{address}")


@pytest.mark.parametrize(
    ("key", "code", "verdict"),
    [
        ("y", "KeyY", "confirmed"),
        ("N", "KeyN", "rejected"),
        ("ㅕ", "KeyU", "unsure"),  # under a Korean keyboard
        ("Process", "KeyY", "confirmed"),  # in the middle of a syllable
    ],
)
def test_a_pair_is_decided_by_a_key(
    page: Page, served: Served, key: str, code: str, verdict: str
) -> None:
    page.goto("/review/ko")
    page.evaluate(
        """([key, code]) => document.body.dispatchEvent(
          new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))""",
        [key, code],
    )
    page.wait_for_url("**/office/decisions")
    assert served.last.fields["verdict"] == [verdict]


def test_a_decision_is_put_back_within_ten_seconds(page: Page, served: Served) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.goto("/review/ko")
    page.clock.run_for(9_000)
    expect(page.locator("[data-undo]")).to_be_visible()
    page.keyboard.press("z")
    page.wait_for_url("**/office/decisions")
    assert served.last.fields == {
        "csrf": ["csrf-token"],
        "lost_id": ["s-1"],
        "found_id": ["s-2"],
        "verdict": ["unsure"],
        "undo": ["1"],
    }
    page.goto("/review/ko")
    page.clock.run_for(11_000)
    expect(page.locator("[data-undo]")).to_have_count(0)


def test_keys_go_on_along_pairs_and_zoom_and_never_while_one_writes(
    page: Page, served: Served
) -> None:
    page.goto("/review/ko")
    page.keyboard.press("x")
    expect(page.locator(".pair.zoomed")).to_have_count(1)
    page.keyboard.press("j")
    page.wait_for_url("**lost=c**")
    page.keyboard.press("k")
    page.wait_for_url("**lost=a**")
    page.keyboard.press("/")
    page.wait_for_url("**/office/search")
    page.keyboard.press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("j/k")
    expect(page.locator("#words")).to_have_value("j/k")
    page.keyboard.press("Control+k")
    assert served.posted == []


def test_a_queue_is_walked_by_keys_and_opens_beside_it(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/desk/ko")
    page.keyboard.press("k")  # from the end: the two that expire soon after the first
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .post")).to_be_visible()
    assert page.url.endswith("/desk/ko")
    assert page.locator("h1").count() == 1
    expect(page.locator(".queue [aria-current]")).to_have_count(1)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.queue') !== null")


def test_a_suggestion_that_is_changed_is_none_and_what_is_not_saved_is_said(page: Page) -> None:
    page.goto("/register-suggested/ko")
    expect(page.locator("[data-mark]")).to_have_count(3)
    page.fill("#title", "검정 배낭")
    expect(page.locator("[data-mark]")).to_have_count(2)
    page.goto("/post/ko")
    expect(page.locator("[data-state]")).to_contain_text("저장됨")
    page.fill("#title", "검정 배낭")
    expect(page.locator("[data-state]")).to_have_text("아직 저장되지 않았습니다")
