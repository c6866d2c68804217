"""What people do on the pages, by keyboard, in the words that they read there."""

from playwright.sync_api import Locator, expect

from matching_spark.service.pages.words import say
from tests.support.chromium import Watched


class Visitor:
    """Somebody before a page."""

    def __init__(self, visit: Watched) -> None:
        self.visit, self.page = visit, visit.page

    def say(self, name: str, **values: object) -> str:
        return say(name, self.visit.language, **values)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=self.say(name), exact=True)

    def speak_english(self) -> None:
        self.visit.press(self.page.get_by_role("button", name="English"))
        self.visit.language = "en"
        expect(self.page.locator("html")).to_have_attribute("lang", "en")

    def unfold(self, name: str) -> None:
        self.visit.press(self.page.locator("summary", has_text=self.say(name)))

    def look_for(self, words: str) -> None:
        self.visit.open("/")
        self.visit.write(self.page.locator("#words"), words)
        self.page.keyboard.press("Enter")
        self.comes("#answer.found .sentence")

    def comes(self, heading: str) -> None:
        """What was asked for is shown and has the focus, and nothing is wrong with it."""
        expect(self.page.locator(heading)).to_be_focused()
        self.visit.settled()
        self.visit.check()
