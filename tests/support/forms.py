"""What a page's forms hold, as a browser reads it."""

import re
from html import unescape


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
