"""A search, and a report, without a new page: what is shown, what is said, what goes along."""

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.script.conftest import ANSWERS
from tests.service.served import Served, photo
from tests.support.chromium import TARGET

pytestmark = pytest.mark.browser


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
