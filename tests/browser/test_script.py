"""What app.js and htmx make of the pages, on samples of them: no service stands behind.

The whole of the service is in the other tests of this folder; here is what only a script does.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from matching_spark.score.components import LANGUAGES
from tests.service.samples import samples
from tests.service.served import Served, photo, serving
from tests.support.chromium import LOW, PRESSED, TARGET

pytestmark = pytest.mark.browser
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
    page.set_default_timeout(5000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    yield page
    context.close()
    assert [each for each in wrong if not any(meant in each for meant in MEANT)] == []


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


def test_a_photo_is_shown_before_it_is_sent_and_can_be_taken_away(
    page: Page, served: Served
) -> None:
    page.goto("/home/ko")
    file = FilePayload(name="가방.jpg", mimeType="image/jpeg", buffer=photo("0"))
    page.set_input_files("#photo", [file])
    expect(page.locator("canvas")).to_be_visible()
    expect(page.locator(".big")).to_have_text("가방.jpg")
    page.click("[data-clear]")
    expect(page.locator("canvas")).to_be_hidden()
    expect(page.locator(".big")).to_have_text("사진 찍기 / 고르기")
    assert page.input_value("#photo") == ""
    page.set_input_files("#photo", [file])
    page.click("button.primary")
    expect(page.locator("#answer.found")).to_be_visible()
    assert served.last.smooth
    assert photo("0") in served.last.body  # as it was chosen: nothing is made smaller here


def test_a_photo_that_no_browser_can_show_is_named(page: Page) -> None:
    page.goto("/home/ko")
    file = FilePayload(name="IMG_1.HEIC", mimeType="", buffer=b"no photo")
    page.set_input_files("#photo", [file])
    expect(page.locator(".big")).to_have_text("IMG_1.HEIC")
    expect(page.locator("canvas")).to_be_hidden()


def test_results_come_without_a_new_page_and_are_said(page: Page, served: Served) -> None:
    page.goto("/home/ko")
    page.fill("#words", "검정 가방")
    page.press("#words", "Enter")
    expect(page.locator("#said")).to_have_text("비슷한 물건이 3건 있습니다")
    assert page.evaluate("document.activeElement.textContent") == "비슷한 물건이 3건 있습니다"
    assert page.locator("h1").count() == 1
    page.click(".answers button >> nth=0")
    expect(page.locator(".htmx-request")).to_have_count(0)
    fields = served.last.fields
    assert (fields["asked"], fields["colour"], fields["skip"]) == (["asked-0"], ["검정"], ["day"])
    page.click("button.chip >> nth=0")
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert served.last.fields["off"] == ["category"]


def test_what_was_found_is_there_after_back_and_a_reload(page: Page, served: Served) -> None:
    _find_a_bag(page)
    page.click(".answers button >> nth=0")
    expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    page.goto("/claimed/ko")
    page.go_back()
    expect(page.locator("#answer.found .sentence")).to_be_focused()
    said = served.last.body.decode()
    assert 'name="asked"\r\n\r\nasked-0\r\n' in said  # not the photo, and what was answered
    assert said.count('name="words"') == 1
    words = page.input_value("#words")
    assert f'name="words"\r\n\r\n{words}\r\n' in said
    page.reload()
    expect(page.locator("#answer.found .sentence")).to_be_focused()

    served.answers["/search"] = "problem"  # forgotten since
    page.reload()
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(page.locator("#answer")).to_be_empty()
    assert page.input_value("#words") == words
    served.answers |= ANSWERS
    page.press("#words", "Enter")
    expect(page.locator("#answer.found")).to_be_visible()
    asked = len(served.posted)
    page.click("#answer > p > a[href='/']")  # something else
    expect(page.locator("#answer.found")).to_have_count(0)
    assert page.input_value("#words") == ""
    page.wait_for_load_state("networkidle")
    assert len(served.posted) == asked


def test_the_language_of_what_was_found_can_be_changed(page: Page, served: Served) -> None:
    _find_a_bag(page)
    page.click(".switch .plain")
    page.wait_for_url("**/search")
    assert served.last.fields["asked"] == ["asked-0"]
    assert served.last.fields["lang"] == ["en"]


def test_a_file_of_any_kind_is_taken_where_it_is_dropped(page: Page) -> None:
    """Some systems name no kind of an AVIF; and of what is no photo the service says so."""
    page.goto("/home/ko")
    for name in ("IMG_0042.avif", "report.pdf"):
        page.evaluate(
            """(name) => {
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(new File(["x"], name));
              const dropped = {dataTransfer, bubbles: true, cancelable: true};
              const label = document.querySelector("[data-photo] label");
              label.dispatchEvent(new DragEvent("drop", dropped));
            }""",
            name,
        )
        expect(page.locator(".big")).to_have_text(name)


def test_an_address_that_was_typed_goes_along_with_what_is_asked_before_the_loss_is_reported(
    page: Page, served: Served
) -> None:
    for pressed in (".chips button", ".answers button", ".change button", ".switch .plain"):
        _find_a_bag(page)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        page.fill("#address", "kim@example.com")
        before = len(served.posted)
        page.locator(pressed).first.click()
        page.wait_for_load_state("networkidle")
        assert served.posted[before].path == "/search"
        assert served.posted[before].fields["address"] == ["kim@example.com"], pressed
    assert "kim@" not in page.evaluate("JSON.stringify(history.state)")


def test_without_a_script_all_that_was_typed_goes_along_with_whatever_is_pressed(
    browser: Browser, served: Served
) -> None:
    served.answers, served.redirects = (
        ANSWERS | {"/losses": "registered", "/interest": "claimed"},
        {},
    )
    context = browser.new_context(base_url=served.url, java_script_enabled=False)
    page = context.new_page()
    typed = {"address": "kim@", "place": "선릉역", "words": "검정 배낭"}
    for pressed, path, more in (
        (".chips button >> nth=0", "/search", {"off": "category"}),
        (".answers button >> nth=0", "/search", {"colour": "검정"}),
        (".answers .plain", "/search", {"skip": "colour"}),
        (".change button", "/search", {}),
        (".switch .plain", "/search", {"lang": "en"}),
        (".cards button >> nth=0", "/interest", {"claim": "c5"}),
        (".tell button", "/losses", {"address": "kim@example.com"}),
    ):
        page.goto("/results-doubt/ko")
        for summary in page.locator("summary").all():
            summary.click()
        for name, value in (typed | more).items():
            if name in typed:
                page.fill(f"#answer [name={name}]", value)
        page.click(pressed)
        page.wait_for_url(f"**{path}")
        assert served.last.path == path
        sent = {name: values[-1] for name, values in served.last.fields.items()}
        assert (typed | more).items() <= sent.items(), pressed
    page.goto("/results-doubt/ko")
    page.click(".change summary")
    page.press("#words-again", "Enter")  # looks again, and presses nothing that stands before it
    page.wait_for_url("**/search")
    assert not {"off", "lang", "claim"} & served.last.fields.keys()
    context.close()


def test_a_problem_takes_the_place_of_results_and_the_next_search_works(
    page: Page, served: Served
) -> None:
    served.answers["/search"] = "problem-wait"
    page.goto("/home/ko")
    page.fill("#words", "가방")
    page.press("#words", "Enter")
    expect(page.locator("#answer.problem")).to_contain_text("30초 뒤에")
    assert page.input_value("#words") == "가방"
    served.answers["/search"] = "results-0"
    page.press("#words", "Enter")
    expect(page.locator("#answer.found")).to_be_visible()


def test_what_is_wrong_with_a_search_is_told_where_its_answer_would_be(
    page: Page, served: Served
) -> None:
    served.answers["/search"] = "home-wrong"
    page.goto("/home/ko")
    page.click("button.primary")
    expect(page.locator("#answer")).to_have_text("사진을 고르거나 한두 마디를 적어 주세요.")
    expect(page.locator("#said")).to_have_text("사진을 고르거나 한두 마디를 적어 주세요.")


def test_what_was_changed_of_a_report_is_said(page: Page, served: Served) -> None:
    served.answers |= {"/mine": "mine-waiting", "/mine/edit": "mine"}
    page.goto("/mine#TOKEN")
    page.click("text=신고 내용 고치기")
    page.click("details[open] button.primary")
    expect(page.locator("#answer .notice")).to_be_focused()
    expect(page.locator("#said")).to_have_text("고친 내용을 저장했습니다.")


def test_a_search_that_cannot_be_sent_is_said(page: Page, served: Served) -> None:
    page.goto("/home/ko")
    page.context.set_offline(True)
    page.fill("#words", "가방")
    page.press("#words", "Enter")
    expect(page.locator("#said")).to_contain_text("연결되지 않습니다")
    _is_seen(page)
    page.context.set_offline(False)
    page.press("#words", "Enter")
    expect(page.locator("#answer.found")).to_be_visible()
    expect(page.locator("#said.unseen")).to_have_text("비슷한 물건이 3건 있습니다")


@pytest.mark.parametrize(
    ("status", "said"), [(502, "연결되지 않습니다"), (413, "보낸 것이 너무 큽니다")]
)
def test_what_a_proxy_answers_is_said_and_the_next_search_is_shown(
    page: Page, status: int, said: str
) -> None:
    page.goto("/home/ko")
    page.route("**/search", lambda route: route.fulfill(status=status, body="<h1>nginx</h1>"))
    page.fill("#words", "가방")
    page.press("#words", "Enter")
    expect(page.locator("#said")).to_contain_text(said)
    _is_seen(page)
    page.unroute("**/search")
    page.press("#words", "Enter")
    expect(page.locator("#answer.found")).to_be_visible()


def test_a_thing_of_a_queue_that_cannot_be_shown_beside_it_is_gone_to(page: Page) -> None:
    page.goto("/desk/ko")
    link = page.locator(".queue > li > a[hx-get]").first
    address = link.get_attribute("href") or ""
    page.route(f"**{address}", lambda route: route.fulfill(body="<h1>로그인</h1>"))
    link.click()
    page.wait_for_url(f"**{address}")


def _find_a_bag(page: Page) -> None:
    page.goto("about:blank")  # the same address once more would be a reload, which asks again
    page.goto("/")
    page.fill("#words", "검정 가방")
    page.press("#words", "Enter")
    expect(page.locator("#answer.found .sentence")).to_be_focused()


def _is_seen(page: Page) -> None:
    box = page.locator("#said").bounding_box()
    assert box is not None
    assert box["height"] >= TARGET
    assert box["y"] >= 0  # on the screen, wherever it is scrolled to
    button = page.locator("form.find button.primary").bounding_box()
    assert button is not None
    assert box["y"] + box["height"] < button["y"]  # and not over what is pressed again


def test_a_private_link_opens_by_its_fragment_which_no_address_is_told(
    page: Page, served: Served
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
    page.goto("/mine#TOKEN")
    expect(page.locator("#answer.mine")).to_be_visible()
    assert served.last.fields["link"] == ["TOKEN"]
    assert page.locator("h1").count() == 1
    assert not [each for each in asked if "TOKEN" in each]
    page.click("text=신고 철회")
    page.click(".danger")
    expect(page.locator("#answer")).to_contain_text("신고를 철회했습니다")
    assert served.last.fields["link"] == ["token-0"]


def test_the_language_of_a_private_page_changes_and_its_link_stays(
    page: Page, served: Served
) -> None:
    served.redirects["/lang"] = "/mine"
    page.goto("/mine#TOKEN")
    expect(page.locator("#answer.mine")).to_be_visible()
    page.click(".switch button")
    expect(page.locator("#answer.mine")).to_be_visible()
    assert page.url.endswith("/mine#TOKEN")
    assert [each.path for each in served.posted] == ["/mine", "/lang", "/mine"]


def test_an_address_is_only_confirmed_by_hand(page: Page, served: Served) -> None:
    page.goto("/confirm#TOKEN")
    expect(page.locator("#link")).to_have_value("TOKEN")
    assert served.posted == []
    page.click("button.primary")
    expect(page.locator("#answer")).to_contain_text("이제 비슷한 물건이")


def test_a_link_is_copied_on_a_click(page: Page) -> None:
    page.goto("/registered/ko")
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("복사했습니다")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#private-link")


@pytest.mark.parametrize(
    ("key", "code", "verdict"),
    [
        ("y", "KeyY", "confirmed"),
        ("N", "KeyN", "rejected"),
        ("ㅕ", "KeyU", "unsure"),  # under a Korean keyboard
        ("Process", "KeyY", "confirmed"),  # in the middle of a syllable
    ],
)
def test_a_pair_is_decided_by_a_key(
    page: Page, served: Served, key: str, code: str, verdict: str
) -> None:
    page.goto("/review/ko")
    page.evaluate(
        """([key, code]) => document.body.dispatchEvent(
          new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))""",
        [key, code],
    )
    page.wait_for_url("**/office/decisions")
    assert served.last.fields["verdict"] == [verdict]


def test_a_decision_is_put_back_within_ten_seconds(page: Page, served: Served) -> None:
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.goto("/review/ko")
    page.clock.run_for(9_000)
    expect(page.locator("[data-undo]")).to_be_visible()
    page.keyboard.press("z")
    page.wait_for_url("**/office/decisions")
    assert served.last.fields == {
        "csrf": ["csrf-token"],
        "lost_id": ["s-1"],
        "found_id": ["s-2"],
        "verdict": ["unsure"],
        "undo": ["1"],
    }
    page.goto("/review/ko")
    page.clock.run_for(11_000)
    expect(page.locator("[data-undo]")).to_have_count(0)


def test_keys_go_on_along_pairs_and_zoom_and_never_while_one_writes(
    page: Page, served: Served
) -> None:
    page.goto("/review/ko")
    page.keyboard.press("x")
    expect(page.locator(".pair.zoomed")).to_have_count(1)
    page.keyboard.press("j")
    page.wait_for_url("**lost=c**")
    page.keyboard.press("k")
    page.wait_for_url("**lost=a**")
    page.keyboard.press("/")
    page.wait_for_url("**/office/search")
    page.keyboard.press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("j/k")
    expect(page.locator("#words")).to_have_value("j/k")
    page.keyboard.press("Control+k")
    assert served.posted == []


def test_a_queue_is_walked_by_keys_and_opens_beside_it(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/desk/ko")
    page.keyboard.press("k")  # from the end: the two that expire soon after the first
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#answer .post")).to_be_visible()
    assert page.url.endswith("/desk/ko")
    assert page.locator("h1").count() == 1
    expect(page.locator(".queue [aria-current]")).to_have_count(1)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.queue') !== null")


def test_a_suggestion_that_is_changed_is_none_and_what_is_not_saved_is_said(page: Page) -> None:
    page.goto("/register-suggested/ko")
    expect(page.locator("[data-mark]")).to_have_count(3)
    page.fill("#title", "검정 배낭")
    expect(page.locator("[data-mark]")).to_have_count(2)
    page.goto("/post/ko")
    expect(page.locator("[data-state]")).to_contain_text("저장됨")
    page.fill("#title", "검정 배낭")
    expect(page.locator("[data-state]")).to_have_text("아직 저장되지 않았습니다")


def test_what_is_pressed_is_large_enough_on_every_page(page: Page) -> None:
    for name in samples():
        page.goto(f"/{name}/ko")
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert page.evaluate(LOW, [PRESSED, TARGET]) == [], name


def test_an_officer_sees_all_of_a_photo_and_a_single_one_larger(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    for name, least in (("register-suggested", 400), ("post", 320), ("post-closed", 320)):
        page.goto(f"/{name}/ko")
        for each in page.locator(".photos .picture").all():
            box = each.bounding_box()
            assert box is not None
            assert box["width"] >= least - 1, name
            assert each.locator("img").evaluate("e => getComputedStyle(e).objectFit") == "contain"
