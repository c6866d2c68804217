"""Pages in other shapes than a screen of the usual size: a phone at 200 %, and paper."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NAME, PASSWORD
from tests.browser.test_person import THERE
from tests.support.chromium import launched, watched

pytestmark = pytest.mark.browser


def fits(page: Page) -> None:
    page.wait_for_load_state()  # with its style: what was sent is there before it
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen, page.url


def test_the_office_fits_a_phone_at_twice_the_size(browser: Browser, service: str) -> None:
    with watched(browser, service, width=360, zoom=2) as visit:
        page = visit.page
        visit.open("/office")
        fits(page)
        page.fill("#name", NAME)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator(".queue > li").first).to_be_visible()
        fits(page)
        # A word of the head is whole: none is higher than a line of it.
        for control in page.locator(".who > :not(input)").all():
            lines = control.evaluate(
                "e => { const r = document.createRange(); r.selectNodeContents(e);"
                " return new Set([...r.getClientRects()].map(b => b.top)).size }"
            )
            assert lines <= 1 + control.inner_text().count(" "), control.inner_text()
        for path in ("/office/review", "/office/found/new", "/office/password"):
            visit.open(path)
            fits(page)
        visit.open("/office/search")
        page.fill("#words", "지갑")
        page.keyboard.press("Enter")
        expect(page.locator(".hits > li").first).to_be_visible()
        fits(page)
        assert visit.wrong == []


def test_who_has_set_larger_text_gets_it(browser: Browser, service: str) -> None:
    """Without a zoom: by the size of text that a browser, or a system, is set to."""
    size = "parseFloat(getComputedStyle(document.body).fontSize)"
    with watched(browser, service, width=360) as usual:
        usual.open("/")
        px = usual.page.evaluate(size)
    with (
        launched(browser.browser_type, "--blink-settings=defaultFontSize=32") as larger,
        watched(larger, service, width=360) as visit,
    ):
        page = visit.page
        visit.open("/")
        assert page.evaluate(size) == 2 * px
        fits(page)
        page.fill("#words", THERE["ko"])
        page.keyboard.press("Enter")
        expect(page.locator(".card").first).to_be_visible()
        fits(page)
        # As on a screen that is half as wide: its words are not squeezed in beside the photo.
        card, body = (page.locator(of).first.bounding_box() for of in (".card", ".card .body"))
        assert card
        assert body
        assert body["width"] > 0.95 * card["width"]
        assert visit.wrong == []


def test_what_was_found_is_printed_without_what_asks_for_it(browser: Browser, service: str) -> None:
    with watched(browser, service) as visit:
        page = visit.page
        visit.open("/")
        page.fill("#words", THERE["ko"])
        page.keyboard.press("Enter")
        card = page.locator(".card").first
        expect(card).to_be_visible()
        page.emulate_media(media="print")
        expect(card).to_be_visible()
        expect(page.locator(".sentence")).to_be_visible()
        for asked in page.locator("input, select, summary, main button:not(.chip)").all():
            assert not asked.is_visible(), asked
        page.emulate_media(media="screen")
        page.click(".card button.claim")
        page.emulate_media(media="print")
        expect(page.locator("#private-link")).to_be_visible()
        expect(page.locator("a[href^='tel:']")).to_be_visible()
        expect(page.locator("[data-copy]")).to_be_hidden()
        assert visit.wrong == []
