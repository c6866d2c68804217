"""What pages load: the style sheet, the script and htmx, as they lie in static/."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from matching_spark.service.pages.render import STATIC, asset, assets
from tests.service.samples import TEMPLATES


def test_what_is_vendored_is_what_the_notice_says() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    htmx = next(each.body for each in assets().values() if each.name == "htmx.min.js")
    assert hashlib.sha256(htmx).hexdigest() in notice


def test_a_file_s_address_changes_with_the_file() -> None:
    for name, each in assets().items():
        assert asset(each.name) == STATIC + name
        assert re.fullmatch(r"[\w.]+\.[0-9a-f]{12}\.(css|js|svg)", name)
    with pytest.raises(KeyError):
        asset("../render.py")
    css = (TEMPLATES.parent / "static" / "app.css").read_text("utf-8")
    assert "url(" not in css  # nothing is loaded from elsewhere
    assert "@import" not in css


def test_the_script_finds_what_it_looks_for() -> None:
    """Each data attribute of the script stands in a template, and the other way round."""
    script = (TEMPLATES.parent / "static" / "app.js").read_text("utf-8")
    source = "".join(place.read_text("utf-8") for place in TEMPLATES.glob("*.html"))
    asked = set(re.findall(r"\[data-([a-z-]+)", script))
    asked |= set(re.findall(r"dataset\.([a-z]+)", script))
    if '"now" in' in script:
        asked.add("now")
    given: set[str] = set(re.findall(r"data-([a-z]+)", source)) - {"status"}  # for tests alone
    assert asked - given == {"empty"}  # which the script keeps for itself
    assert given <= asked


def contrast(one: str, other: str) -> float:
    """WCAG 2's, of two colours of the style sheet."""

    def light(colour: str) -> float:
        short = colour.lstrip("#")
        whole = "".join(c * 2 for c in short) if len(short) == 3 else short
        parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read_in_light_and_dark() -> None:
    css = (TEMPLATES.parent / "static" / "app.css").read_text("utf-8")
    schemes: list[dict[str, Any]] = [
        dict(re.findall(r"--([\w-]+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    ]
    for of in schemes:
        assert contrast(of["ink"], of["paper"]) >= 7
        assert contrast(of["ink"], of["sheet"]) >= 7
        for ink, ground in [
            *(("soft", "paper"), ("soft", "sheet"), ("found", "paper"), ("found", "sheet")),
            *(("found", "found-wash"), ("look", "look-wash"), ("look", "sheet")),
            *(("grave", "paper"), ("grave", "sheet"), ("on-found", "found"), ("on-grave", "grave")),
            *(("soft", "found-wash"), ("ink", "found-wash")),
        ]:
            assert contrast(of[ink], of[ground]) >= 4.5, (ink, ground)
        for edge in ("edge", "focus"):
            assert contrast(of[edge], of["paper"]) >= 3
            assert contrast(of[edge], of["sheet"]) >= 3
