"""The office's way through its pages: nothing typed is lost, nothing registered twice."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from starlette.testclient import TestClient

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters, Post
from matching_spark.search.query import Query
from matching_spark.service.opening import opened
from matching_spark.service.pages import words
from matching_spark.service.pages.render import pair_url, post_url, similar_url
from matching_spark.service.posts.review import MORE, SHOWN
from matching_spark.service.running import Service
from tests.service.conftest import PASSWORD, WHO, client_of, photo, signed_in, there_is, written
from tests.support.forms import csrf, field


def test_a_search_of_the_office_that_cannot_be_is_shown_again_as_it_was_asked(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": signed_in(browser, running), "category": "가방", "since": "2026-11-20"}
    form |= {"kind": "lost", "status": "claimed"}
    for wrong, said in (
        ({}, "needed"),
        ({"words": "검정 가방", "until": "언젠가"}, "day"),
        ({"words": "검정 가방", "until": "2026-11-19"}, "order"),
    ):
        page = browser.post("/office/search", data=form | wrong).text
        assert words.say(f"wrong.{said}", "ko") in page
        assert 'value="2026-11-20"' in page
        assert wrong.get("words", "") in page
        for chosen in ("가방", "lost", "claimed"):
            assert f'<option value="{chosen}" selected>' in page
    files = {"photo": ("a.jpg", b"no photo", "image/jpeg")}
    page = browser.post("/office/search", data=form | {"words": "검정 가방"}, files=files).text
    assert words.say("wrong.not-a-photo", "ko") in page
    assert 'value="검정 가방"' in page


def test_a_search_of_the_office_that_tells_as_many_as_it_may_says_so(
    browser: TestClient, running: Service
) -> None:
    """Of forty wallets it said that there are ten."""
    most = running.settings.similarity.top_k
    form = {"csrf": signed_in(browser, running), "words": "검정 지갑", "category": "지갑"}
    for number in range(1, most + 2):
        running.desk.add(Post("", "found", "지갑", title="검정 지갑"), [], WHO, None)
        page = browser.post("/office/search", data=form).text
        told = page.count('class="id"')
        assert told == min(number, most)
        assert (words.say("search.full", "ko", n=told) in page) == (number >= most)
        assert (words.say("desk.more", "ko") in page) == (number >= most)


def test_a_search_of_the_office_goes_on_where_more_fits(
    browser: TestClient, running: Service
) -> None:
    """By words and a photo, and by a post; also in the other language."""
    most = running.settings.similarity.top_k
    form = {"csrf": signed_in(browser, running), "words": "검정 지갑", "category": "지갑"}
    for _ in range(most + 1):
        running.desk.add(Post("", "found", "지갑", title="검정 지갑"), [], WHO, None)
    lost = running.desk.add(Post("", "lost", "지갑", title="검정 지갑"), [], WHO, None)
    page = browser.post("/office/search", data=form, files=photo()).text
    (more,) = re.findall(r'formaction="([^"]*more[^"]*)"', page)
    asked = browser.post(unescape(more), data=form)
    (switch,) = re.findall(r'formaction="([^"]*)" name="lang"', asked.text)
    english = browser.post(unescape(switch), data=form | {"lang": "en"})
    page = browser.get(similar_url(lost.post.post_id)).text
    (more,) = re.findall(r'href="([^"]*more[^"]*)"', page)
    similar = browser.get(unescape(more))
    assert f'data-copy="{lost.post.post_id}"' in similar.text, "what they are like"
    for answer, beside in ((asked, 0), (english, 0), (similar, 1)):
        assert answer.text.count('class="id"') == most + 1 + beside
        assert 'more=yes">' not in answer.text.partition('id="answer"')[2]


def test_a_password_is_changed_by_whoever_knows_it(browser: TestClient, running: Service) -> None:
    signed_in(browser, running)
    account = running.accounts.named("minji")
    elsewhere = running.guards.door._sessions.open(account.account_id)  # noqa: SLF001
    page = browser.get("/office/password")
    form = {"csrf": csrf(page.text), "now": PASSWORD, "new": "quite another password"}
    for wrong, said in (({"now": "guess guess guess"}, "password"), ({"new": "short"}, "short")):
        refused = browser.post("/office/password", data=form | wrong)
        assert refused.status_code == 422
        assert words.say(f"wrong.{said}", "ko") in refused.text
    assert running.accounts.verified("minji", PASSWORD)
    done = browser.post("/office/password", data=form)
    assert words.say("notice.password", "ko") in done.text
    assert running.accounts.verified("minji", form["new"])
    assert browser.get("/office", follow_redirects=False).status_code == 200
    other = TestClient(browser.app, base_url=str(browser.base_url), cookies={"session": elsewhere})
    assert other.get("/office", follow_redirects=False).status_code in (303, 401)


def test_the_offices_way(browser: TestClient, running: Service) -> None:
    running.accounts.add("minji", PASSWORD)
    to_sign_in = browser.get("/office", follow_redirects=False)
    assert to_sign_in.headers["location"].startswith("/office/sign-in")
    page = browser.get("/office/sign-in")
    form = {"csrf": csrf(page.text), "name": "minji", "password": "another password!"}
    assert browser.post("/office/sign-in", data=form).status_code == 401
    desk = browser.post("/office/sign-in", data=form | {"password": PASSWORD})
    assert desk.status_code == 200
    assert "minji" in desk.text

    new = browser.get("/office/found/new")
    draft = browser.post("/office/found/new", data={"csrf": csrf(new.text)}, files=photo())
    name = field(draft.text, "draft")
    assert browser.get(f"/office/drafts/{name}").headers["content-type"] == "image/jpeg"
    form = {
        "csrf": csrf(draft.text),
        "draft": name,
        "title": "보라색 공",
        "category": "기타물품",
        "kept_at": "역무실",
    }
    stored = browser.post("/office/found/new", data=form)
    assert "보라색 공" in stored.text
    (post,) = written(running)
    assert post.post.kept_at == "역무실"
    assert len(post.photos) == 1
    url = f"/office/posts/{post.post.post_id}"
    form = {"csrf": csrf(stored.text), "sequence": "1", "title": "보라색 작은 공"}
    edited = browser.post(f"{url}/edit", data=form)
    assert "보라색 작은 공" in edited.text
    assert "minji" in edited.text
    assert browser.post(f"{url}/edit", data=form).status_code == 200  # reloaded: it is so already
    late = form | {"title": "보라색 큰 공"}
    assert browser.post(f"{url}/edit", data=late).status_code == 409
    found = browser.post("/office/search", data={"csrf": form["csrf"], "words": "보라색 작은 공"})
    assert post.post.post_id in found.text
    closed = browser.post(f"{url}/close", data={"csrf": form["csrf"], "status": "claimed"})
    assert closed.status_code == 200
    assert there_is(running.desk, post.post.post_id).post.status == "claimed"
    browser.post("/office/sign-out", data={"csrf": form["csrf"]})
    assert browser.get(url, follow_redirects=False).status_code == 303


def test_signing_in_leads_to_the_page_that_was_asked_for_and_never_elsewhere(
    browser: TestClient, running: Service, bag: str
) -> None:
    running.accounts.add("minji", PASSWORD)
    odd = "s-a?b&found=c#d+e 가"  # whatever stands in an id
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방")
    lost_id = running.desk.add(lost, [], WHO, None).post.post_id
    pair, similar = pair_url(lost_id, bag), f"/office/search?post={bag}"
    known = {"of": "a\0b", "said": "confirmed", "was": "unsure"}
    known |= {"secret": "s3cret", "notice": "saved"}
    for asked in (pair, similar, pair_url(odd, odd), post_url(odd), "/office/review", "/office"):
        more = f"{asked}{'&' if '?' in asked else '?'}{urlencode(known)}"
        page = browser.get(more)
        assert page.url.path == "/office/sign-in"
        assert not any(word in str(page.url) + page.text for word in ("s3cret", "confirmed"))
        switched = {"csrf": csrf(page.text), "here": field(page.text, "here"), "lang": "en"}
        page = browser.post("/lang", data=switched)
        form = {"csrf": csrf(page.text), "name": "minji", "after": field(page.text, "after")}
        wrong = browser.post("/office/sign-in", data=form | {"password": "not this password"})
        form["after"] = field(wrong.text, "after")
        done = browser.post(
            "/office/sign-in", data=form | {"password": PASSWORD}, follow_redirects=False
        )
        assert unquote(done.headers["location"]) == unquote(asked)
        browser.cookies.clear()
    for elsewhere in (
        *("https://evil.example/office", "//evil.example/office", "/\\evil.example", "office"),
        *("/office.evil.example", "/officer", "\t//evil.example", "/office\r\nSet-Cookie: a=b", ""),
        *("/office/..//evil.example", "/office/../\\evil.example", "/office\\@evil.example"),
    ):
        page = browser.get("/office/sign-in", params={"after": elsewhere})
        form = {"csrf": csrf(page.text), "name": "minji", "password": PASSWORD}
        done = browser.post(
            "/office/sign-in", data=form | {"after": elsewhere}, follow_redirects=False
        )
        assert "set-cookie: a=b" not in str(done.headers).lower()
        to = urlsplit(urljoin(str(browser.base_url), done.headers["location"]))
        assert to.netloc == urlsplit(str(browser.base_url)).netloc, elsewhere
        browser.cookies.clear()


def test_what_was_typed_stays_where_something_of_it_is_wrong(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = signed_in(browser, running)
    stored = there_is(running.desk, bag)
    typed = {
        "title": "손잡이가 끊어진 가방",
        "description": "안에 우산이 있다",
        "place": "강남역 3번 출구",
        "day": "2026-11-20",
        "colour": "파랑",
        "category": "없는 종류",
    }
    form = {"csrf": token, "sequence": str(stored.sequence)}
    new = browser.post("/office/found/new", data={"csrf": token, "draft": "none"})
    draft = field(new.text, "draft")
    for url, of in ((f"/office/posts/{bag}/edit", {}), ("/office/found/new", {"draft": draft})):
        page = browser.post(url, data=form | typed | of)
        assert words.say("wrong.unknown", "ko") in page.text
        for name in ("title", "place", "day"):
            assert f'value="{typed[name]}"' in page.text
        assert typed["description"] in page.text
        assert '<option value="파랑" selected>' in page.text
    assert running.desk.post(bag) == stored


def test_a_thing_of_another_source_is_changed_and_closed_as_any_other(service: Settings) -> None:
    with opened(service) as of:
        found = of.desk.search(Query(text="지갑"), Filters(kind="found"))
        post_id = found.matches[0].post_id
        assert there_is(of.desk, post_id).source != "service"
        client = client_of(of, Accept="text/html")
        form = {"csrf": signed_in(client, of), "title": "고친 이름"}
        url = post_url(post_id)
        form["sequence"] = field(client.get(url).text, "sequence")
        assert words.say("notice.saved", "ko") in client.post(f"{url}/edit", data=form).text
        closed = client.post(f"{url}/close", data=form | {"status": "claimed"}).text
        assert "고친 이름" in closed
        assert words.say("notice.closed", "ko") in closed


def test_a_thing_without_a_photo_is_registered_once_however_often_it_is_pressed(
    browser: TestClient, running: Service
) -> None:
    token = signed_in(browser, running)
    for _ in range(2):  # and two forms are two things, alike as they may be
        new = browser.post("/office/found/new", data={"csrf": token, "draft": "none"})
        form = {"csrf": token, "draft": field(new.text, "draft"), "title": "검정 우산"}
        first, again = (browser.post("/office/found/new", data=form) for _ in range(2))
        assert first.url == again.url
    assert len(written(running)) == 2


def test_registering_again_with_other_words_leads_to_what_was_registered(
    browser: TestClient, running: Service
) -> None:
    """As after Back: what is typed then is not lost, and no second thing comes of it."""
    token = signed_in(browser, running)
    for language in ("ko", "en"):
        browser.cookies.set("lang", language)
        known = {each.post.post_id for each in written(running)}
        new = browser.post("/office/found/new", data={"csrf": token}, files=photo())
        form = {"csrf": token, "draft": field(new.text, "draft"), "title": "검정 우산"}
        browser.post("/office/found/new", data=form)
        (stored,) = (s for s in written(running) if s.post.post_id not in known)
        again = browser.post("/office/found/new", data=form | {"title": "남색 우산"})
        assert again.status_code == 409
        assert words.say("post.again.registered", language) in again.text
        assert "Idempotency-Key" not in again.text
        url = f"/office/posts/{stored.post.post_id}"
        assert f'href="{url}"' in again.text
        assert 'value="남색 우산"' in again.text
        assert len(written(running)) == len(known) + 1
        form |= {"sequence": field(again.text, "sequence"), "title": "남색 우산"}
        assert browser.post(f"{url}/edit", data=form).status_code == 200
        assert there_is(running.desk, stored.post.post_id).post.title == "남색 우산"


def test_what_is_opened_again_from_a_tab_leads_to_its_thing_or_says_that_it_is_over(
    browser: TestClient, running: Service, bag: str
) -> None:
    """A browser that was closed asks for the address of a form's answer anew."""
    signed_in(browser, running)
    lost = Post("", "lost", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")
    ids = [running.desk.add(lost, [], WHO, None).post.post_id for _ in range(2)]
    for act in ("edit", "close"):
        page = browser.get(f"{post_url(bag)}/{act}")
        assert (page.status_code, page.url.path) == (200, post_url(bag))
        assert browser.get(f"/office/posts/nobody/{act}").status_code == 404
    running.review.refresh()
    assert len(running.review.queue()) == 2
    running.desk.set_status(ids[0], "claimed", WHO, None)
    over = browser.get(pair_url(ids[0], bag))
    assert over.status_code == 410
    assert words.say("problem.gone", "ko") in over.text
    assert f'<a class="brand" href="/office">{words.say("office.name", "ko")}</a>' in over.text
    assert words.say("review.empty", "ko") not in over.text  # another is left
    assert browser.get("/office/review").text.count("보라색 줄무늬 가방") >= 2


def test_who_comes_to_what_was_erased_meanwhile_is_told_that_it_may_be(
    browser: TestClient, running: Service, bag: str
) -> None:
    """And not that the address that they pressed is none of a page."""
    form = {"csrf": signed_in(browser, running), "title": "가방", "verdict": "confirmed"}
    lost_id = running.desk.add(Post("", "lost", title="가방"), [], WHO, None).post.post_id
    running.desk.forget(bag, WHO, None)
    pair = {"lost_id": lost_id, "found_id": bag}
    for over in (
        browser.get(post_url(bag)),
        browser.post(f"{post_url(bag)}/edit", data=form),
        browser.post(f"{post_url(bag)}/close", data=form | {"status": "claimed"}),
        browser.post("/office/decisions", data=form | pair),
    ):
        assert over.status_code == 404
        assert "지워졌" in over.text


def test_all_that_came_today_is_counted_and_can_be_come_to(
    browser: TestClient, running: Service
) -> None:
    """The desk has place for the first of a queue; of 300 that came it told of 100."""
    signed_in(browser, running)
    bag = Post("", "found", "가방", title="가방")
    ids = [running.desk.add(bag, [], WHO, None).post.post_id for _ in range(MORE + 1)]
    ids.reverse()

    def shown(url: str) -> tuple[list[str], str]:
        page = browser.get(url).text
        queue = re.search(r'id="today".*?</section>', page, re.DOTALL)
        assert queue is not None
        assert f">{len(ids)}</span>" in queue[0]
        onward = re.search(r'<p><a href="([^"#]+)#today">', queue[0])
        return re.findall(r'<a href="/office/posts/([^"]+)"', queue[0]), onward[1] if onward else ""

    first, onward = shown("/office")
    assert first == ids[:SHOWN]
    assert shown(onward) == (ids[:MORE], "")
    for post_id in ids[SHOWN:]:
        running.desk.set_status(post_id, "claimed", WHO, None)
    ids = ids[:SHOWN]
    assert shown("/office") == (ids, "")


def test_pairs_are_reviewed_and_a_decision_sticks(browser: TestClient, running: Service) -> None:
    bag = Post("", "found", "가방", title="보라색 줄무늬 가방", colour="보라", place="강남역")
    found = running.desk.add(bag, [], WHO, None)
    lost, late = (running.desk.add(replace(bag, kind="lost"), [], WHO, None) for _ in range(2))
    pair, left = ((each.post.post_id, found.post.post_id) for each in (lost, late))
    running.review.refresh()
    assert pair in running.review.queue()
    for status in ("claimed", "open"):  # at once, and not from the next match on
        running.desk.set_status(pair[0], status, WHO, None)
        assert (pair in running.review.queue()) == (status == "open")
    said = {"csrf": signed_in(browser, running), "lost_id": pair[0], "found_id": pair[1]}
    review = browser.get(f"/office/review?lost={pair[0]}&found={pair[1]}")
    assert review.text.count("보라색 줄무늬 가방") >= 2
    turned = browser.get(f"/office/review?lost={pair[1]}&found={pair[0]}")  # nothing to decide
    assert "보라색 줄무늬 가방" not in turned.text
    after = browser.post("/office/decisions", data=said | {"verdict": "confirmed"})
    assert after.status_code == 200
    assert running.review.queue() == [left]
    over = unescape(browser.get(pair_url(*pair)).text)  # by Back
    assert words.say("review.so far", "ko", said=words.say("review.confirmed", "ko")) in over
    assert words.say("review.number", "ko", number=0, count=1) not in over
    assert f'href="{pair_url(*left)}" data-key="j"' in over  # from which it goes on
    undone = browser.post("/office/decisions", data=said | {"verdict": "unsure", "undo": "1"})
    assert undone.status_code == 200
    assert running.review.queue()[-1] == pair
