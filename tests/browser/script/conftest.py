"""Samples of the pages with app.js and htmx on them: no service stands behind.

The whole of the service is in the tests of the folder above; here is what only a script does.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.service.served import Served, serving
from tests.support.chromium import WAIT_MS

ANSWERS = {
    "/search": "results-doubt",
    "/mine": "mine",
    "/mine/withdraw": "mine-withdrawn",
    "/confirm": "confirm-done",
    "/office/decisions": "review-bare",
}
# What a browser says of answers and of a network that a test means to have.
MEANT = ("status of 4", "status of 502", "ERR_INTERNET_DISCONNECTED", "htmx:")
PATHS = {
    "/": "home",
    "/mine": "door",
    "/confirm": "confirm-ask",
    "/office/review": "review",
    "/office/search": "office_search-start",
    "/office/posts/s-0123456789abcdef0123456789abcdef": "post",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(PATHS) as server:
        yield server


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """On a phone, in a context of its own; nothing may go wrong in it."""
    served.answers, served.redirects, served.posted = dict(ANSWERS), {}, []
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        base_url=served.url,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    yield page
    context.close()
    assert [each for each in wrong if not any(meant in each for meant in MEANT)] == []
