"""A person's loss: reported, told of by mail, changed and withdrawn by its link."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from starlette.testclient import TestClient

from matching_spark.service.pages import words
from matching_spark.service.people.contacts import ASKED_A_DAY
from matching_spark.service.routes.losses import MOST_TIMES
from matching_spark.service.running import Service
from tests.service.conftest import WHO, drawn, losses, photo, there_is, written
from tests.support.forms import csrf, field, found_form, link_in


def test_a_persons_way_from_a_photo_to_withdrawal(
    browser: TestClient, running: Service, bag: str
) -> None:
    home = browser.get("/")
    assert home.status_code == 200
    form = {"csrf": csrf(home.text), "words": "강남역에서 보라색 줄무늬 가방"}
    files = {"photo": ("IMG_0001.HEIC", drawn("purple"), "")}
    found = browser.post("/search", data=form, files=files)
    assert found.status_code == 200
    assert "보라색 줄무늬 가방" in found.text
    assert bag not in found.text
    assert "02-111-2222" not in found.text
    (picture, *_) = re.findall(r'src="(/photos/[^"]+)"', found.text)
    shown = browser.get(picture)
    assert shown.headers["content-type"] == "image/jpeg"

    asked, claim = field(found.text, "asked"), field(found.text, "claim")
    form = {"csrf": csrf(found.text), "asked": asked, "colour": "보라"}
    form["words"] = "보라색 줄무늬 가방"
    registered = browser.post("/losses", data=form)
    link = link_in(registered.text)
    again = browser.post("/losses", data=form)  # a second press of the button
    assert len({p.post.post_id for p in written(running) if p.post.kind == "lost"}) == 1
    assert again.status_code == 200

    mine = browser.post("/mine", data={"csrf": form["csrf"], "link": link})
    assert "보라색 줄무늬 가방" in mine.text
    assert "02-111-2222" not in mine.text
    token = field(mine.text, "link")
    claimed = browser.post("/interest", data=form | {"claim": claim})  # and registered by it
    assert re.search(r"/mine#[\w-]{22}", claimed.text)
    assert "02-111-2222" in claimed.text
    told = browser.post("/interest", data={"csrf": csrf(mine.text), "link": token, "claim": claim})
    assert "02-111-2222" in told.text
    mine = browser.post("/mine", data={"csrf": csrf(mine.text), "link": token})
    assert "02-111-2222" in mine.text

    form = {"csrf": csrf(mine.text), "link": token, "words": "초록 모자", "category": "의류"}
    edited = browser.post("/mine/edit", data=form)
    assert "초록 모자" in edited.text
    gone = browser.post("/mine/withdraw", data={"csrf": csrf(edited.text), "link": token})
    assert gone.status_code == 200
    titles = [p.post.title for p in written(running) if p.post.kind == "lost"]
    assert "초록 모자" not in titles
    closed = browser.post("/mine", data={"csrf": csrf(mine.text), "link": token})
    assert "초록 모자" not in closed.text
    assert words.say("wrong.gone", "ko") in closed.text  # not that the link may be cut off


def test_what_was_said_to_be_theirs_stands_first_on_their_page_at_once(
    browser: TestClient, bag: str
) -> None:
    """Its page said that nothing like it had come in, until a thread had looked for it."""
    form = {"csrf": csrf(browser.get("/").text), "words": "보라색 줄무늬 가방"}
    found = browser.post("/search", data=form).text
    form = found_form(found, "/interest") | {"claim": field(found, "claim")}
    claimed = browser.post("/interest", data=form)
    mine = browser.post("/mine", data={"csrf": form["csrf"], "link": link_in(claimed.text)}).text
    assert words.say("mine.matched", "ko") in mine
    cards = mine.split('<li class="card">')[1:]
    assert "02-111-2222" in cards[0]


def test_what_goes_wrong_registers_nothing_and_what_was_withdrawn_is_lost_again(
    mailing: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(mailing.get("/").text), "words": "보라색 줄무늬 가방"}
    found = mailing.post("/search", data=form).text
    form |= {"asked": field(found, "asked"), "claim": field(found, "claim")}
    assert mailing.post("/losses", data=form | {"address": "kim@localhost"}).is_error
    assert mailing.post("/interest", data=form | {"claim": "x" * 22}).is_error
    running.desk.set_status(bag, "claimed", WHO, None)  # since the card was shown
    assert mailing.post("/interest", data=form).is_error
    assert not losses(running)

    def registered() -> str:
        page = mailing.post("/losses", data=form | {"address": "kim@example.com"}).text
        return link_in(page)

    mine = {"csrf": form["csrf"], "link": registered()}
    (first,) = losses(running)
    assert running.contacts.of(first) is not None
    change = mine | {"words": "초록 모자"}
    wrong = mailing.post("/mine/edit", data=change | {"address": "kim@"}).text
    assert words.say("problem.invalid", "ko") in wrong
    assert wrong.count("초록 모자") == 1  # as it was typed, in its field, and nowhere else
    assert wrong.count('value="초록 모자"') == 1
    assert there_is(running.desk, first).post.title != "초록 모자"
    edited = mailing.post("/mine/edit", data=change | {"no_mail": "yes"}).text
    assert "초록 모자" in edited
    assert "no_mail" not in edited
    assert running.contacts.of(first) is None
    mailing.post("/mine/withdraw", data=mine)
    link = registered()
    registered()  # a second press of the button
    assert words.say("mine.waiting", "ko") in mailing.post("/mine", data=mine | {"link": link}).text
    (second,) = losses(running)
    assert second != first


def test_a_search_is_registered_and_withdrawn_so_often_and_then_made_anew(
    browser: TestClient, running: Service
) -> None:
    """Each time took as long as all before together, within a stranger's limits."""
    form = {"csrf": csrf(browser.get("/").text), "words": "가방"}
    asked = {"asked": field(browser.post("/search", data=form).text, "asked")}
    for _ in range(MOST_TIMES):
        page = browser.post("/losses", data=form | asked)
        browser.post("/mine/withdraw", data=form | {"link": link_in(page.text)})
    over = browser.post("/losses", data=form | asked)
    assert over.status_code == 422
    assert words.say("problem.search-over", "ko") in over.text
    assert not losses(running)
    anew = {"asked": field(browser.post("/search", data=form).text, "asked")}
    assert "/mine#" in browser.post("/losses", data=form | anew).text


def test_strangers_who_say_the_same_have_a_loss_each(browser: TestClient, running: Service) -> None:
    """By a program that sends no search's name: one could read and withdraw the other's."""
    form = {"csrf": csrf(browser.get("/").text), "words": "검정 지갑", "pictured": "no"}
    for _ in range(2):
        assert "/mine#" in browser.post("/losses", data=form).text
    assert len(losses(running)) == 2


def test_a_wrong_address_is_told_in_its_form_with_all_that_was_typed(
    mailing: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(mailing.get("/").text), "words": "보라색 줄무늬 가방"}
    found = mailing.post("/search", data=form, files=photo()).text
    form |= {"asked": field(found, "asked"), "colour": "보라", "place": "강남역", "skip": "day"}
    named = words.say("wrong.address", "ko")
    page = mailing.post("/losses", data=form | {"address": "kim@localhost"})
    assert page.status_code == 422
    told = found_form(page.text, "/losses")
    form |= {"address": "kim@localhost"}
    assert {name: told[name] for name in form} == form
    assert named in page.text
    assert words.say("result.photo", "ko") in page.text  # the photo is searched and kept still
    assert not losses(running)
    registered = mailing.post("/losses", data=form | {"address": "kim@example.com"}).text
    (lost,) = losses(running)
    kept = there_is(running.desk, lost)
    assert (kept.post.place, len(kept.photos)) == ("강남역", 1)

    mine = {"csrf": form["csrf"], "link": link_in(registered), "words": "초록 모자"}
    wrong = mailing.post("/mine/edit", data=mine | {"address": "kim@localhost"}).text
    assert re.search('name="address"[^>]* value="kim@localhost"', wrong)
    assert named in wrong
    over = {"address": "kim@", "no_mail": "yes", "day": "어느 날"}
    assert re.search(
        'name="no_mail"[^>]* checked', mailing.post("/mine/edit", data=mine | over).text
    )


def test_an_address_stays_with_what_is_asked_before_the_loss_is_reported(
    mailing: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(mailing.get("/").text), "words": "보라색 줄무늬 가방", "colour": "보라"}
    form |= {"address": "kim@example.com"}
    page = mailing.post("/search", data=form).text
    for to in ("/search", "/losses", "/interest"):
        assert found_form(page, to)["address"] == "kim@example.com"


def test_who_leaves_an_address_that_was_asked_too_often_is_told_that_it_is_not_kept(
    mailing: TestClient, running: Service, bag: str
) -> None:
    form = {"csrf": csrf(mailing.get("/").text), "address": "kim@example.com", "pictured": "no"}
    for number in range(ASKED_A_DAY + 1):
        page = mailing.post("/losses", data=form | {"words": f"{number}번 가방"}).text
        often = number == ASKED_A_DAY
        assert (words.say("registered.often", "ko") in page) == often
        written = words.say("registered.written", "ko", address="kim@example.com")
        assert (written in page) != often
    mine = {"csrf": form["csrf"], "link": link_in(page), "words": "초록 모자"}
    for each in ("kim@example.com", "kim@"):  # the rest is saved, or nothing is
        told = mailing.post("/mine/edit", data=mine | {"address": each}).text
        assert re.search(f'name="address"[^>]* value="{each}"', told)
        saved = each != "kim@"
        assert (words.say("notice.edited", "ko") in told) == saved
        assert words.say("wrong.often" if saved else "wrong.address", "ko") in told
    newest = there_is(running.desk, losses(running)[-1])
    assert newest.post.title == "초록 모자"
    assert running.contacts.of(newest.post.post_id) is None


def test_who_leaves_an_address_is_told_where_the_mail_went_and_that_it_asks(
    mailing: TestClient,
) -> None:
    """A mistyped one could not be seen, and with a report that was there nothing was said of it."""
    form = {"csrf": csrf(mailing.get("/").text), "words": "줄무늬 가방", "pictured": "no"}
    registered = mailing.post("/losses", data=form | {"address": " kim@gmial.example "}).text
    assert words.say("registered.written", "ko", address="kim@gmial.example") in registered
    form["link"] = link_in(registered)
    for address, notice in (("kim@gmail.example", "asked"), ("", "edited")):
        told = mailing.post("/mine/edit", data=form | {"address": address}).text
        assert words.say(f"notice.{notice}", "ko") in told


def test_what_an_office_has_described_at_length_stays_whole_in_ones_own_loss(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방", "pictured": "no"}
    form["link"] = link_in(browser.post("/losses", data=form).text)
    (lost,) = losses(running)
    running.desk.edit(lost, {"description": "긴 말 " * 1000}, WHO, None)
    page = browser.post("/mine", data=form).text
    (said,) = re.findall('name="words"[^>]* value="([^"]{3000,})"', page)
    form |= {"seen": field(page, "seen"), "words": said}
    edited = browser.post("/mine/edit", data=form | {"place": "강남역"}).text
    assert words.say("notice.edited", "ko") in edited
    stored = there_is(running.desk, lost)
    assert (stored.post.title, stored.post.place) == ("줄무늬 가방", "강남역")
    assert len(stored.post.description) > 3000


def test_a_loss_without_words_is_told_in_the_readers_language(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "category": "가방", "colour": "검정"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    browser.cookies.set("lang", "en")
    form = {"csrf": form["csrf"], "link": link, "category": "가방", "colour": "검정"}
    mine = browser.post("/mine", data=form).text
    assert "검정 가방" not in mine
    assert '<span class="chip">Black</span>' in mine
    edited = browser.post("/mine/edit", data=form | {"colour": "파랑"}).text
    assert words.say("notice.edited", "en") in edited
    (lost,) = (each.post for each in written(running) if each.post.kind == "lost")
    assert lost.title == "파랑 가방"


def test_a_change_of_ones_loss_undoes_nothing_that_was_changed_since(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방", "category": "가방"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    link = link_in(browser.post("/losses", data=form).text)
    form |= {
        "link": link,
        "seen": field(browser.post("/mine", data=form | {"link": link}).text, "seen"),
    }
    (lost,) = (each.post.post_id for each in written(running) if each.post.kind == "lost")
    running.desk.edit(lost, {"colour": "파랑", "description": "안에 우산"}, WHO, None)
    wrong = browser.post("/mine/edit", data=form | {"day": "언젠가"}).text
    assert field(wrong, "seen") == form["seen"]
    edited = browser.post("/mine/edit", data=form | {"place": "강남역", "category": "쇼핑백"}).text
    assert words.say("notice.edited", "ko") in edited
    post = there_is(running.desk, lost).post
    assert (post.title, post.description, post.colour) == ("줄무늬 가방", "안에 우산", "파랑")
    assert (post.place, post.category) == ("강남역", "쇼핑백")


def test_pages_of_one_loss_that_are_saved_at_once_are_all_saved(
    browser: TestClient, running: Service
) -> None:
    form = {"csrf": csrf(browser.get("/").text), "words": "줄무늬 가방"}
    form["asked"] = field(browser.post("/search", data=form).text, "asked")
    form["link"] = link_in(browser.post("/losses", data=form).text)
    form["seen"] = field(browser.post("/mine", data=form).text, "seen")
    own = [{"words": "초록 가방"}, {"place": "강남역"}, {"colour": "보라"}, {"category": "가방"}]
    together = Barrier(len(own))

    def saved(each: dict[str, str]) -> bool:
        together.wait()
        return words.say("notice.edited", "ko") in browser.post("/mine/edit", data=form | each).text

    with ThreadPoolExecutor(len(own)) as pool:
        assert all(pool.map(saved, own))
    (lost,) = losses(running)
    post = there_is(running.desk, lost).post
    assert (post.title, post.place, post.colour) == ("초록 가방", "강남역", "보라")
    assert post.category == "가방"

    running.desk.set_status(lost, "claimed", WHO, None)  # while the page lay open
    over = running.desk.post(lost)
    told = browser.post("/mine/edit", data=form | {"words": "빨간 가방"}).text
    assert words.say("notice.edited", "ko") not in told
    assert words.say("mine.claimed", "ko") in told
    assert running.desk.post(lost) == over


def test_a_link_that_was_pasted_in_part_is_there_to_be_mended(browser: TestClient) -> None:
    form = {"csrf": csrf(browser.get("/mine").text), "link": "https://lost.example/mine#Zm9v"}
    page = browser.post("/mine", data=form).text
    assert words.say("wrong.link", "ko") in page
    assert 'value="https://lost.example/mine#Zm9v"' in page
