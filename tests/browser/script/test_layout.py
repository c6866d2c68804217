"""What a reader sees of the pages: whole words, large buttons, whole photos."""

import pytest
from playwright.sync_api import Page

from matching_spark.score.components import LANGUAGES
from matching_spark.service.pages.office_contexts import ReviewPage
from tests.service.samples import samples
from tests.support.chromium import LOW, PRESSED, TARGET

pytestmark = pytest.mark.browser


# Words of headings that stand on more than one line, and dots that begin one.
TORN = """() => [...document.querySelectorAll("h1,h2,h3,.where,.line .soft")].flatMap((block) => {
  const out = [], walk = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  const left = block.getBoundingClientRect().left, range = document.createRange();
  while (walk.nextNode()) {
    for (const found of walk.currentNode.data.matchAll(/·|[^\\s·]+/g)) {
      range.setStart(walk.currentNode, found.index);
      range.setEnd(walk.currentNode, found.index + found[0].length);
      const boxes = [...range.getClientRects()].filter((box) => box.width);
      const lines = new Set(boxes.map((box) => Math.round(box.top)));
      if (block.matches("h1, h2, h3") && lines.size > 1) out.push(found[0]);
      if (found[0] === "·" && boxes.length && boxes[0].left - left < 2) out.push(found[0]);
    }
  }
  return out;
})"""


@pytest.mark.parametrize("width", [180, 320, 360, 1280])  # a phone at 200 % has 180
def test_no_heading_is_torn_within_a_word_and_no_line_begins_with_a_dot(
    page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    names = ["home", "results-10", "results-doubt", "mine", "claimed", "registered"]
    if width >= 320:
        names += ["desk", "review", "office_search", "post"]
    for name in names:
        for language in LANGUAGES:
            page.goto(f"/{name}/{language}")
            assert page.evaluate(TORN) == [], (name, language)


def test_what_somebody_wrote_from_right_to_left_turns_no_day_round(page: Page) -> None:
    page.goto("/results-10/ko")
    turned = page.evaluate(
        """() => [...document.querySelectorAll(".where")].flatMap((line) => {
          const day = line.querySelector(".nowrap"), range = document.createRange();
          if (!day) return [];
          line.firstChild.data = "\u202e역남강\u00a0· ";
          const left = (at) => {
            range.setStart(day.firstChild, at);
            range.setEnd(day.firstChild, at + 1);
            return range.getBoundingClientRect().left;
          };
          return [left(0) > left(1)];
        })"""
    )
    assert turned
    assert not any(turned)


def test_what_is_pressed_is_large_enough_on_every_page(page: Page) -> None:
    for name in samples():
        page.goto(f"/{name}/ko")
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert page.evaluate(LOW, [PRESSED, TARGET]) == [], name


def test_a_button_of_a_card_is_as_wide_as_others_where_there_is_place(page: Page) -> None:
    """On a phone its words have all of the card."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/results-10/ko")
    beside = "all => [...new Set(all.map(e => getComputedStyle(e).paddingInline))]"
    claims, others = (page.locator(of).evaluate_all(beside) for of in (".claim", ".actions button"))
    assert claims == others


def test_all_photos_of_a_pair_can_be_looked_at(page: Page) -> None:
    """What makes two things one may be on the third photo of a thing."""
    context = samples()["review"]
    assert isinstance(context, ReviewPage)
    assert context.pair
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/review/ko")
    for thing, side in zip(
        (context.pair.lost, context.pair.found), page.locator(".side").all(), strict=True
    ):
        shown = side.locator(".picture img").evaluate_all("all => all.map(e => e.src)")
        assert len(set(shown)) == len(thing.photos)
    heights = page.locator(".side > .picture").evaluate_all("all => all.map(e => e.clientHeight)")
    assert heights[0] == heights[1] > 0


def test_an_officer_sees_all_of_a_photo_and_a_single_one_larger(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    for name, least in (("register-suggested", 400), ("post", 320), ("post-closed", 320)):
        page.goto(f"/{name}/ko")
        for each in page.locator(".photos .picture").all():
            box = each.bounding_box()
            assert box is not None
            assert box["width"] >= least - 1, name
            assert each.locator("img").evaluate("e => getComputedStyle(e).objectFit") == "contain"
