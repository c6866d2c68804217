"""Two officers who change one thing: what each has changed is kept, what both have is asked."""

import re

from starlette.testclient import TestClient

from matching_spark.domain.posts import Post
from matching_spark.service.pages import words
from matching_spark.service.pages.render import post_url
from matching_spark.service.running import Service
from tests.service.conftest import WHO, signed_in, there_is
from tests.support.forms import field


def test_who_saves_second_undoes_nothing_that_the_first_has_saved(
    browser: TestClient, running: Service, bag: str
) -> None:
    """By field: what one of them changed is kept, and what neither did."""
    token = signed_in(browser, running)
    url = f"/office/posts/{bag}"
    running.desk.edit(bag, {"description": "안에\n우산 하나"}, WHO, None)
    page = browser.get(url).text
    as_seen = {"csrf": token, "sequence": field(page, "sequence"), "seen": field(page, "seen")}
    as_seen |= {"title": "보라색 줄무늬 가방", "category": "가방", "colour": "보라"}
    as_seen |= {"region": "서울", "place": "강남역", "description": "안에\r\n우산 하나", "day": ""}
    as_seen |= {"kept_at": "강남역 유실물센터", "kept_phone": "02-111-2222"}
    firsts = {"colour": "파랑", "place": "", "kept_phone": "02-333-4444"}
    running.desk.edit(bag, firsts, WHO, None)
    own = {"title": "줄무늬 가방", "day": "2026-11-20", "colour": "파랑", "kept_at": " "}
    saved = browser.post(f"{url}/edit", data=as_seen | own)
    assert words.say("notice.merged", "ko") in saved.text
    stored = there_is(running.desk, bag)
    post = stored.post
    assert (post.colour, post.place, post.kept_phone) == ("파랑", "", "02-333-4444")
    assert (post.title, str(post.happened_on), post.kept_at) == ("줄무늬 가방", "2026-11-20", "")
    assert (post.category, post.region, post.description) == ("가방", "서울", "안에\n우산 하나")
    # Sent once more it changes nothing, and nothing is asked.
    browser.post(f"{url}/edit", data=as_seen | own)
    assert running.desk.post(bag) == stored


def test_what_both_have_changed_is_asked_and_nothing_else(
    browser: TestClient, running: Service, bag: str
) -> None:
    token = signed_in(browser, running)
    url = f"/office/posts/{bag}"
    page = browser.get(url).text
    form = {"csrf": token, "sequence": field(page, "sequence"), "seen": field(page, "seen")}
    form |= {"title": "줄무늬 가방", "category": "가방", "colour": "초록", "region": "서울"}
    form |= {"place": "강남역", "kept_at": "강남역 유실물센터", "kept_phone": "02-111-2222"}
    running.desk.edit(bag, {"colour": "파랑", "description": "안에\n우산"}, WHO, None)
    first = running.desk.post(bag)
    wrong = browser.post(f"{url}/edit", data=form | {"category": "우주선"})
    for name in ("sequence", "seen"):  # nothing is saved over unknowingly
        assert field(wrong.text, name) == form[name]
    told = browser.post(f"{url}/edit", data=form | {"day": "2026-11-20"})
    assert told.status_code == 409
    assert words.say("post.again.conflict", "ko") in told.text
    assert 'value="줄무늬 가방"' in told.text
    assert 'value="2026-11-20"' in told.text
    assert '<option value="초록" selected>' in told.text
    assert "안에\n우산</textarea>" in told.text
    assert re.search("<td>파랑</td>.*<td>초록</td>", told.text)
    assert told.text.count('<tr class="differs">') == 1
    assert running.desk.post(bag) == first
    again = {name: field(told.text, name) for name in ("sequence", "seen")}
    over = browser.post(f"{url}/edit", data=form | again | {"description": "안에\r\n우산"})
    assert words.say("notice.saved", "ko") in over.text
    post = there_is(running.desk, bag).post
    assert (post.title, post.colour, post.description) == ("줄무늬 가방", "초록", "안에\n우산")


def test_what_two_take_away_between_them_leaves_something_to_find_it_by(
    browser: TestClient, running: Service
) -> None:
    token = signed_in(browser, running)
    post = Post("", "found", "가방", title="가방", description="줄무늬")
    post_id = running.desk.add(post, [], WHO, None).post.post_id
    url = post_url(post_id)
    page = browser.get(url).text
    form = {"csrf": token, "sequence": field(page, "sequence"), "seen": field(page, "seen")}
    form |= {"category": "가방", "title": "가방", "place": "강남역"}  # takes the description away
    first = running.desk.edit(post_id, {"title": ""}, WHO, None)
    told = browser.post(f"{url}/edit", data=form).text
    assert words.say("wrong.needed", "ko") in told
    assert 'name="title" type="text" value=""' in told
    assert 'value="강남역"' in told
    assert "줄무늬</textarea>" not in told
    assert running.desk.post(post_id) == first
    again = {name: field(told, name) for name in ("sequence", "seen")}
    saved = browser.post(f"{url}/edit", data=form | again | {"title": "배낭"}).text
    assert words.say("notice.saved", "ko") in saved
    post = there_is(running.desk, post_id).post
    assert (post.title, post.description, post.place) == ("배낭", "", "강남역")


def test_a_form_that_does_not_say_what_it_was_made_of_is_asked_about_whole(
    browser: TestClient, running: Service, bag: str
) -> None:
    """As of a page of before: nothing is saved over unknowingly."""
    form = {"csrf": signed_in(browser, running), "sequence": "1", "colour": "보라"}
    form |= {"title": "보라색 줄무늬 가방", "category": "가방", "place": "강남역"}
    running.desk.edit(bag, {"colour": "파랑"}, WHO, None)
    for seen in ("", "colour", "= =", "colour=0 title=0"):
        told = browser.post(f"/office/posts/{bag}/edit", data=form | {"seen": seen})
        assert told.status_code == 409
        assert re.search("<td>파랑</td>.*<td>보라</td>", told.text)
