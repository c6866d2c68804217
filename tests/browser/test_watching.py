"""What watches the pages would see what is wrong with one."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.chromium import watched

URL = "http://127.0.0.1:9"  # nobody is asked: the page is handed to the browser
STRICT = {
    "Content-Security-Policy": "default-src 'self'",
    "Content-Type": "text/html; charset=utf-8",
}
LOOSE = {"Content-Type": "text/html; charset=utf-8"}
GOOD = "<!doctype html><html lang=ko><title>찾기</title><main><h1>찾기</h1>{}</main></html>"

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("body", "headers", "seen"),
    [
        ("", STRICT, ""),
        ("<img alt='' src='http://example.com/a.png'>", STRICT, "CSP img-src"),
        ("<img alt='' src='http://example.com/a.png'>", LOOSE, "asked http://example.com/a.png"),
        ("<script>1</script>", STRICT, "CSP script-src"),
        ("<p style='color: red'>빨강</p>", STRICT, "CSP style-src"),
        ("<script>console.error('아')</script>", LOOSE, "console error: 아"),
        ("<script>nobody()</script>", LOOSE, "nobody is not defined"),
        ("<input>", STRICT, "axe label"),
        ("<h1>또</h1>", STRICT, "2 h1"),
        ("<pre>" + "a" * 500 + "</pre>", STRICT, "px wide on a screen of 360"),
        ("<button>눌러요</button>", STRICT, "is less than 48 px high"),
    ],
)
def test_what_is_wrong_with_a_page_is_seen(
    browser: Browser, body: str, headers: dict[str, str], seen: str
) -> None:
    with watched(browser, URL, width=360) as visit:

        def answer(route: Route) -> None:
            if route.request.url == URL + "/":
                route.fulfill(body=GOOD.format(body), headers=headers)
            else:
                route.fallback()

        visit.page.route("**/*", answer)
        visit.open("/")
        visit.check()
        told = "\n".join(visit.wrong)
    assert bool(told) == bool(seen), told
    assert seen in told


def test_what_comes_late_on_a_busy_machine_is_waited_for(browser: Browser) -> None:
    """Playwright itself gives what is expected five seconds, whatever a context is told."""
    with watched(browser, URL) as visit:
        visit.page.set_content(GOOD.format("<p></p>"))
        visit.page.evaluate("setTimeout(() => document.querySelector('p').append('왔다'), 5500)")
        expect(visit.page.locator("p")).to_have_text("왔다")
