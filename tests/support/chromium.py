"""A real browser on the service's pages: who watches what a page does, and what axe says of it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Locator,
    Page,
    Route,
    expect,
    sync_playwright,
)

from matching_spark.score.components import Language

AXE = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",  # root has none, and the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS = 15_000  # that a page may take for what a test asks of it: on two cores that others use
WIDTHS = {360: 740, 1280: 800}  # px of a phone and of a desk, with their heights
Scheme = Literal["light", "dark"]
# Told to the test before anything of a page runs.
WATCH = """document.addEventListener('securitypolicyviolation',
  e => console.error('CSP', e.violatedDirective, e.blockedURI))"""
SERIOUS = ("serious", "critical")
MOST_TABS = 150
# Whether what has the focus, or the label that stands for it, is outlined.
RING = """e => [e, ...(e.labels || [])].some(each => {
  const style = getComputedStyle(each);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
})"""
TARGET = 48  # px, of what a thumb has to meet
# What can be pressed, but links within words and what only a screen reader sees.
PRESSED = "button, a.button, summary, select, input:not([type=hidden]):not(.unseen)"
LOW = """([pressed, least]) => [...document.querySelectorAll(pressed)]
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, box]) => box.width && box.height < least - 0.5)
  .map(([e, box]) => `${e.outerHTML.slice(0, 120)} is less than ${least} px high: ${box.height}`)"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's, or the one that CHROMIUM names."""
    expect.set_options(timeout=WAIT_MS)  # a context's own does not hold for what is expected
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        yield browser
        browser.close()


def launched(kind: BrowserType, *more: str) -> Browser:
    """A browser of its own, to be closed. more: flags beside those of all."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "there is no chromium: `make test-browser` installs it where apt is allowed"
    return kind.launch(executable_path=path, args=[*FLAGS, *more])


@dataclass
class Watched:
    """A page, and what it did that none of ours does: `wrong` is empty at the end of every test.

    refused: statuses of answers that the test means to get, which a browser tells as errors.
    """

    page: Page
    url: str
    language: Language
    wrong: list[str] = field(default_factory=list)
    refused: tuple[int, ...] = ()

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def settled(self) -> None:
        """Wait until nothing is under way: what htmx fetched is shown."""
        self.page.wait_for_load_state("networkidle")
        # Not by wait_for_function: asked again, it evaluates a string, which the pages forbid.
        expect(self.page.locator(".htmx-request, .htmx-settling")).to_have_count(0)

    def check(self) -> None:
        """What axe finds serious or critical is wrong, and so is what does not fit the width."""
        self.page.wait_for_load_state(
            "load"
        )  # with its style: a switch of languages is told before
        where = urlsplit(self.page.url).path
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for each in found["violations"]:
            if each["impact"] in SERIOUS:
                nodes = "; ".join(
                    f"{n['html'][:200]}: {n['failureSummary']}" for n in each["nodes"][:3]
                )
                self.wrong.append(f"{where}: axe {each['id']}: {each['help']}: {nodes}")
        wide = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide[0] > wide[1]:
            self.wrong.append(f"{where}: {wide[0]} px wide on a screen of {wide[1]}")
        if wide[1] == min(WIDTHS):
            low = self.page.evaluate(LOW, [PRESSED, TARGET])
            self.wrong += [f"{where}: {each}" for each in low]
        if self.page.locator("h1").count() != 1:
            self.wrong.append(f"{where}: {self.page.locator('h1').count()} h1")
        said = self.page.locator("html").get_attribute("lang")
        if said != self.language:
            self.wrong.append(f"{where}: its language is {said}, not {self.language}")

    # -- by keyboard alone

    def reach(self, control: Locator) -> None:
        """Press Tab until it has the focus, and see that its focus can be seen."""
        for _ in range(MOST_TABS):
            if control.evaluate("e => e === document.activeElement"):
                seen = control.evaluate(RING)
                if not seen:
                    self.wrong.append(f"{self.page.url}: {control} shows no focus")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{self.page.url}: Tab does not come to {control}")

    def press(self, control: Locator) -> None:
        self.reach(control)
        self.page.keyboard.press("Enter")

    def follow(self, control: Locator) -> None:
        """Press what leads to another page, which has then loaded."""
        self.reach(control)
        self.key("Enter")

    def key(self, key: str) -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press(key)

    def write(self, control: Locator, words: str) -> None:
        self.reach(control)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(words)

    def choose(self, control: Locator, value: str) -> None:
        """A choice of a list, by the arrows."""
        self.reach(control)
        values = control.locator("option").evaluate_all("all => all.map(e => e.value)")
        self.page.keyboard.press("Home")
        for _ in range(values.index(value)):
            self.page.keyboard.press("ArrowDown")
        assert control.input_value() == value

    def attach(self, control: Locator, photo: Path) -> None:
        self.reach(control)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Space")
        chooser.value.set_files(photo)

    # -- what the browser tells of

    def tell(self, message: ConsoleMessage) -> None:
        meant = any(f"status of {status}" in message.text for status in self.refused)
        if message.type in ("error", "warning") and not meant:
            where = message.location["url"]
            self.wrong.append(f"{self.page.url}: console {message.type}: {message.text}: {where}")

    def let(self, route: Route) -> None:
        """Only to the service itself, or to nobody."""
        asked, own = urlsplit(route.request.url), urlsplit(self.url)
        if asked.scheme in ("data", "blob") or asked.netloc == own.netloc:
            route.continue_()
            return
        self.wrong.append(f"{self.page.url}: asked {route.request.url}")
        route.abort()


@contextmanager
def watched(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    language: Language = "ko",
    scheme: Scheme = "light",
    zoom: int = 1,
    **more: Any,
) -> Iterator[Watched]:
    """A page of a visitor of their own, whose cookies nobody has. more: of Browser.new_context."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width // zoom, "height": WIDTHS[width] // zoom},
        device_scale_factor=zoom,
        locale={"ko": "ko-KR", "en": "en-GB"}[language],
        color_scheme=scheme,
        reduced_motion="reduce",
        timezone_id="Asia/Seoul",
        **more,
    )
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(WATCH)
    page = context.new_page()
    watching = Watched(page, url, language)
    page.on("console", watching.tell)
    # The browser is told to hand these over when the first listener comes, and nobody waits for it.
    page.on("filechooser", lambda chooser: None)
    page.on("pageerror", lambda error: watching.wrong.append(f"{page.url}: {error}"))
    context.route("**/*", watching.let)
    yield watching
    context.close()
