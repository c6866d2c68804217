"""What a page's forms hold, as a browser reads it."""

import re
from html import unescape
from html.parser import HTMLParser


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:2000]
    return found[1]


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page[:3000]
    return unescape(found[1])


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes there: what a press of its button sends."""
    found = re.search(rf'<form[^>]* action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert found is not None, page[:3000]
    pairs = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', found[0])
    return {name: unescape(value) for name, value in pairs}


def link_in(page: str) -> str:
    """The token of the private link that a page shows whoever has reported a loss."""
    return page.partition("/mine#")[2].partition("<")[0]


class _Found(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.actions: set[str] = set()
        self._inside, self._list = False, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = said.get("id") == "answer"
        if not (self._inside or said.get("form") == "answer"):
            return
        if tag in ("form", "button"):
            self.actions |= {said[each] for each in ("action", "formaction") if each in said}
        elif tag == "input" and said.get("type") != "file":
            self.sent.append((said["name"], said.get("value", "")))
        elif tag == "select":
            self._list = said["name"]
        elif tag == "option" and "selected" in said:
            self.sent.append((self._list, said["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def found_form(page: str, action: str) -> dict[str, str]:
    """What the form of a search's results sends by a button that goes to the action, but for it."""
    of = _Found()
    of.feed(page)
    assert action in of.actions, page[:3000]
    return dict(of.sent)
