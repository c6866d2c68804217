"""Private links, which no address is told, and what else a link opens."""

import pytest
from playwright.sync_api import Page, expect

from tests.service.served import Served

pytestmark = pytest.mark.browser


def test_a_private_link_opens_by_its_fragment_which_no_address_is_told(
    page: Page, served: Served
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
    page.goto("/mine#TOKEN")
    expect(page.locator("#answer.mine")).to_be_visible()
    assert served.last.fields["link"] == ["TOKEN"]
    assert page.locator("h1").count() == 1
    assert not [each for each in asked if "TOKEN" in each]
    page.click("text=신고 철회")
    page.click(".danger")
    expect(page.locator("#answer")).to_contain_text("신고를 철회했습니다")
    assert served.last.fields["link"] == ["token-0"]


def test_the_language_of_a_private_page_changes_and_its_link_stays(
    page: Page, served: Served
) -> None:
    served.redirects["/lang"] = "/mine"
    page.goto("/mine#TOKEN")
    expect(page.locator("#answer.mine")).to_be_visible()
    page.click(".switch button")
    expect(page.locator("#answer.mine")).to_be_visible()
    assert page.url.endswith("/mine#TOKEN")
    assert [each.path for each in served.posted] == ["/mine", "/lang", "/mine"]


def test_an_address_is_only_confirmed_by_hand(page: Page, served: Served) -> None:
    page.goto("/confirm#TOKEN")
    expect(page.locator("#link")).to_have_value("TOKEN")
    assert served.posted == []
    page.click("button.primary")
    expect(page.locator("#answer")).to_contain_text("이제 비슷한 물건이")


def test_a_link_is_copied_on_a_click(page: Page) -> None:
    page.goto("/registered/ko")
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("복사했습니다")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#private-link")
