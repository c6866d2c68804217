"""A form that came without a session, or with an old token: what it said is sent by one press."""

import re

import pytest
from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.errors import StorageError
from matching_spark.service.guards.typed import SECRET
from matching_spark.service.pages import words
from matching_spark.service.pages.contexts import TYPED
from matching_spark.service.pages.render import SIGN_IN
from matching_spark.service.posts.desk import Desk
from matching_spark.service.running import Service
from tests.service.conftest import PASSWORD, WHO, photo, signed_in, there_is, written
from tests.service.samples import rendered, samples
from tests.support.forms import csrf, field, hidden

LINES = "안에 <우산>이\r\n있다 & 젖었다"
MULTIPART = {"": (None, "")}  # as the browser sends what it was given back


def ended(browser: TestClient, token: str, how: str) -> None:
    """The session is over: on the server, or its cookie is gone as well."""
    cookies = {"session": browser.cookies["session"]}
    other = TestClient(browser.app, base_url=str(browser.base_url), cookies=cookies)
    other.post("/office/sign-out", data={"csrf": token}, headers=browser.headers)
    if how == "cookie":
        browser.cookies.clear()


def signed_in_again(browser: TestClient, page: str) -> str:
    """The page after a wrong password, and then the right one."""
    for password, status in (("not this password", 401), (PASSWORD, 200)):
        form = hidden(page, SIGN_IN) | {"name": "minji", "password": password}
        answer = browser.post(SIGN_IN, data=form, files=MULTIPART)
        assert answer.status_code == status
        page = answer.text
    return page


@pytest.mark.parametrize("how", ["session", "cookie"])
@pytest.mark.parametrize("what", ["register", "edit", "close", "decide"])
def test_a_form_without_a_session_is_sent_by_one_press_once_there_is_one(
    browser: TestClient, running: Service, bag: str, what: str, how: str
) -> None:
    token = signed_in(browser, running)
    lost = running.desk.add(Post("", "lost", "가방", title="보라색 가방"), [], WHO, None)
    new = browser.post("/office/found/new", data={"csrf": token}, files=photo("green"))
    to, typed, said = {
        "register": (
            "/office/found/new",
            {"draft": field(new.text, "draft"), "title": "초록 공", "description": LINES},
            "초록 공",
        ),
        "edit": (
            f"/office/posts/{bag}/edit",
            {"sequence": "1", "title": "줄무늬 가방", "description": LINES, "place": ""},
            "줄무늬 가방",
        ),
        "close": (
            f"/office/posts/{bag}/close",
            {"status": "claimed"},
            words.say("status.claimed", "ko"),
        ),
        "decide": (
            "/office/decisions",
            {"lost_id": lost.post.post_id, "found_id": bag, "verdict": "rejected"},
            words.say("review.rejected", "ko"),
        ),
    }[what]
    ended(browser, token, how)
    if how == "cookie":  # the form is an old one: its page had set one that has gone since
        browser.get("/")
    before = written(running), running.review.decided()
    late = browser.post(to, data=typed | {"csrf": token})
    assert late.status_code in (401, 403)
    page = signed_in_again(browser, late.text)
    assert said in page
    assert (written(running), running.review.decided()) == before
    done = browser.post(to, data=hidden(page, to), files=MULTIPART)
    assert done.status_code == 200
    running.review.refresh()
    after = {each.post.title: each for each in written(running)}
    if what == "decide":
        assert running.review.decided()[lost.post.post_id, bag].verdict == "rejected"
    elif what == "close":
        assert after["보라색 줄무늬 가방"].post.status == "claimed"
    else:
        assert after[said].post.description == LINES.replace("\r\n", "\n")
        assert len(after[said].photos) == 1
        assert what == "register" or after[said].post.place == ""


def test_a_form_of_before_one_signed_in_anew_is_sent_with_the_new_token(
    browser: TestClient, running: Service, bag: str
) -> None:
    """As in two tabs; and where it was the page that signs in which was old."""
    token = signed_in(browser, running)
    to, form = f"/office/posts/{bag}/edit", {"sequence": "1", "title": "줄무늬 가방"}
    ended(browser, token, "session")
    waiting = browser.post(to, data=form | {"csrf": token}).text
    again = {"csrf": csrf(waiting), "name": "minji", "password": PASSWORD}
    assert browser.post(SIGN_IN, data=again).status_code == 200
    late = browser.post(to, data=form | {"csrf": token})
    signing = hidden(waiting, SIGN_IN) | {"name": "minji", "password": PASSWORD}
    later = browser.post(SIGN_IN, data=signing)
    for page in (late, later):
        assert page.status_code == 403
        assert hidden(page.text, to) | form == hidden(page.text, to)
        assert PASSWORD not in page.text
    assert there_is(running.desk, bag).sequence == 1
    browser.post(to, data=hidden(later.text, to))
    assert there_is(running.desk, bag).post.title == "줄무늬 가방"


def test_a_form_that_there_was_no_room_for_is_sent_once_there_is(
    browser: TestClient, running: Service, bag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, form = f"/office/posts/{bag}/edit", {"sequence": "1", "title": "줄무늬 가방"}
    form["csrf"] = signed_in(browser, running)

    def busy(*_: object) -> None:
        raise StorageError("the journal is being written to")

    with monkeypatch.context() as patched:
        patched.setattr(Desk, "edit", busy)
        page = browser.post(to, data=form)
        part = browser.post(to, data=form, headers={"HX-Request": "true"})
    assert page.status_code == part.status_code == 503
    assert f'action="{to}"' not in part.text  # the form is there still
    assert "줄무늬 가방" in browser.post(to, data=hidden(page.text, to)).text


def test_no_password_is_carried_and_no_photo_is_said_to_be(
    browser: TestClient, running: Service
) -> None:
    token = signed_in(browser, running)
    ended(browser, token, "session")
    form = {"csrf": token, "now": PASSWORD, "new": "quite another password"}
    page = browser.post("/office/password", data=form)
    assert page.url.path == SIGN_IN
    assert field(page.text, "after") == "/office/password"
    assert not re.search(f"{PASSWORD}|quite another", page.text)
    files = photo("green")
    page = browser.post("/office/found/new", data={"csrf": token}, files=files)
    assert field(page.text, "after") == "/office/found/new"  # nothing was typed
    page = browser.post("/office/search", data={"csrf": token, "words": "가방"}, files=files)
    assert words.say("send.photo", "ko") in signed_in_again(browser, page.text)
    asked = {
        name
        for each in samples().values()
        for tag in re.findall("<input[^>]*>", rendered(each, "ko"))
        if 'type="password"' in tag
        for name in re.findall('name="([^"]+)"', tag)
    }
    assert asked == {*SECRET}


@pytest.mark.parametrize(
    "to",
    ["https://evil.example/office", "//evil.example", "/officer", "/lang", "/office\\@e.x", ""],
)
def test_what_was_typed_goes_to_no_other_site(
    browser: TestClient, running: Service, to: str
) -> None:
    running.accounts.add("minji", PASSWORD)
    form = {"csrf": csrf(browser.get(SIGN_IN).text), "name": "minji", "password": PASSWORD}
    done = browser.post(SIGN_IN, data=form | {"to": to, "typed.title": "가방"})
    assert done.url.path == "/office"
    assert "가방" not in done.text


def test_another_site_can_put_nothing_into_a_form(browser: TestClient, running: Service) -> None:
    token = signed_in(browser, running)
    ended(browser, token, "session")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.post(
            "/office/found/new", data={"draft": "none", "title": "남의 말"}, headers=headers
        )
        assert answer.status_code == 403
        assert "남의 말" not in answer.text


def test_every_field_that_is_told_has_words() -> None:
    assert all(f"field.{name}" in words.table() for name in TYPED)
