"""A terminal that shows what it is given: no word of a post is markup, an emoji or a command."""

from typing import Any

from rich.console import Console
from rich.text import Text

from matching_spark.guard.redaction import masked
from matching_spark.log import visible

COLUMNS = 80  # of a terminal that tells none


class Plain(Console):
    """Rich's console without the meaning that it gives to texts: a post's title is a stranger's."""

    def __init__(self, **more: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **more)
        if not self.width:  # COLUMNS=0, as who knows no width gives it on: nothing would be drawn
            self.width = COLUMNS

    def render_str(self, text: str, **how: Any) -> Text:
        if self.stderr:  # errors and progress; a result's words are what they are
            text = masked(text)
        return super().render_str(visible(text), **how | {"markup": False, "emoji": False})


def cell(text: str, style: str = "") -> Text:
    """What Plain cannot make of a text by itself: one with a style, made visible all the same."""
    return Text(visible(text), style)
