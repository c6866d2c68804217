"""The tables of docs/photos.md and its like, which what they tell of writes."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "photos.md"


def told(mark: str, page: Path = PAGE) -> str:
    """The table below <!-- mark -->."""
    found = re.search(_pattern(mark), page.read_text("utf-8"))
    assert found, mark
    return found[2]


def drawn(heads: list[str], rows: list[list[str]]) -> str:
    """A table as it stands in the page."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(mark: str, table: str, page: Path = PAGE) -> None:
    text = re.sub(_pattern(mark), lambda m: m[1] + table, page.read_text("utf-8"))
    page.write_text(text, "utf-8")


def _pattern(mark: str) -> str:
    return rf"(<!-- {mark} -->\n\n)((?:\|.*\n)*)"
