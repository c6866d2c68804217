"""Addresses: asked once, confirmed by a link, sealed, gone with their post."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.errors import InputError
from matching_spark.journal.events import InterestTold, PostClosed, PostEdited
from matching_spark.service.people.addresses import checked_address
from matching_spark.service.people.contacts import ASKED_A_DAY
from matching_spark.service.people.mail import Mailer
from tests.service.people.losses import ADDRESS, LOST, WHO, Inbox, World, told


@given(st.text(max_size=300) | st.from_regex(r"[^@]{0,70}@[^@]{0,70}"))
def test_an_address_that_is_taken_is_one_and_is_one_line(said: str) -> None:
    try:
        address = checked_address(said)
    except InputError:
        return
    mail = Mailer(told(25)).message("news", address, "en", "T" * 22)
    (header,) = [line for line in bytes(mail).split(b"\n") if line.startswith(b"To:")]
    assert header == b"To: " + address.encode()
    assert len(mail["To"].addresses) == 1


@pytest.mark.parametrize(
    "said", ["KIM+lost@Example.co.kr", "o'neil@example.com", "kim@xn--9d0bm53b.xn--3e0b707e"]
)
def test_an_address_is_taken_as_it_is_written(said: str) -> None:
    assert checked_address(f" {said} ") == said


@pytest.mark.parametrize(
    "said",
    [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\nSubject: x",
        "a@example.com, b@example.com",
        "a b@example.com",
        '"a\\"@x"@example.com',
        "A <a@example.com>",
        "a@localhost",
        "a@[127.0.0.1]",
        "a..b@example.com",
        "a@example..com",
        "김@예.한국",
        f"{'a' * 250}@example.com",
        "",
    ],
)
def test_what_is_no_address_is_refused_with_a_remedy(world: World, said: str) -> None:
    with pytest.raises(InputError, match=r"write it as name@example\.com") as caught:
        world.contacts.give(LOST, said, "ko", WHO, None)
    assert caught.value.argument == "address"
    assert world.contacts.of(LOST) is None


def test_an_address_stays_whatever_else_is_written_of_its_post(world: World, inbox: Inbox) -> None:
    world.confirmed(inbox)
    before = world.contacts.of(LOST)
    assert before is not None
    assert before.confirmed
    edited = PostEdited(LOST, ("title",))
    for event in (edited, PostClosed(LOST, "claimed"), InterestTold(LOST, "f1")):
        world.journal.append(event, WHO, content={})
        assert world.contacts.of(LOST) == before


def test_one_mail_asks_and_no_other_goes_out_before_it_is_answered(
    world: World, inbox: Inbox
) -> None:
    world.links.make(LOST)
    world.desk.turns_up("f1", "propose")
    world.contacts.give(LOST, ADDRESS, "ko", WHO, "once")
    world.contacts.give(LOST, ADDRESS, "ko", WHO, "once")
    for _ in range(3):
        world.news.run_once()
        world.clock.on(hours=1)
        world.desk.turns_up(f"f{_ + 2}", "propose")
    ((to, mail),) = inbox.taken
    assert to == ADDRESS
    assert mail["Subject"] == "메일 주소를 확인해 주세요"
    assert mail["From"].addresses[0].display_name == "분실물 찾기"  # who it is that asks
    ((path, token),) = inbox.links()
    assert path == "/confirm"
    assert world.links.post_of(token) is None  # it confirms, and opens nothing
    contact = world.contacts.of(LOST)
    assert contact is not None
    assert not contact.confirmed
    assert world.contacts.confirm(token) == world.contacts.confirm(token) == LOST
    contact = world.contacts.of(LOST)
    assert contact is not None
    assert contact.confirmed


def test_a_link_to_confirm_is_of_one_address_and_three_days(world: World, inbox: Inbox) -> None:
    world.contacts.give(LOST, ADDRESS, "en", WHO, None)
    world.news.run_once()
    world.contacts.give(LOST, "other@example.com", "en", WHO, None)
    world.news.run_once()
    (_, first), (_, second) = inbox.links()
    assert world.contacts.confirm(first) is None
    world.clock.on(days=3, seconds=1)
    assert world.contacts.confirm(second) is None
    assert world.contacts.confirm(world.links.make(LOST)) is None
    contact = world.contacts.of(LOST)
    assert contact is not None
    assert (contact.address, contact.confirmed) == ("other@example.com", False)


def test_nobody_is_asked_more_than_a_few_times_a_day(world: World, inbox: Inbox) -> None:
    """However their address is written that comes to one mailbox."""
    user, _, domain = ADDRESS.partition("@")
    written = (ADDRESS, ADDRESS.upper(), f"{user}+1@{domain}")
    for i in range(ASKED_A_DAY):
        world.contacts.give(f"s-{i}", written[i], "ko", WHO, None)
    with pytest.raises(InputError, match="try again tomorrow"):
        world.contacts.give("s-9", f"{user}+2@{domain}", "ko", WHO, None)
    with pytest.raises(InputError, match="try again tomorrow"):
        world.contacts.give("s-9", ADDRESS, "ko", WHO, None)
    assert world.contacts.of("s-9") is None
    world.contacts.give("s-9", "somebody.else@example.com", "ko", WHO, None)
    world.news.run_once()
    assert len(inbox.taken) == ASKED_A_DAY + 1
    world.clock.on(days=1, hours=1)
    world.contacts.give("s-9", ADDRESS, "ko", WHO, None)


def test_an_address_is_sealed_and_goes_with_its_post(
    world: World, inbox: Inbox, tmp_path: Path
) -> None:
    def held() -> bytes:
        return b"".join(each.read_bytes() for each in (tmp_path / "journal").iterdir())

    world.links.make(LOST)
    world.confirmed(inbox)
    world.desk.turns_up("f1", "propose")
    world.news.look(LOST)  # its mail waits
    assert ADDRESS.encode() not in held()
    world.journal.forget(f"post:{LOST}", WHO)
    assert world.contacts.of(LOST) is None
    world.news.run_once()
    assert inbox.taken == []


def test_no_mail_goes_to_an_address_that_was_removed(world: World, inbox: Inbox) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    world.contacts.remove(LOST, WHO, None)
    assert world.contacts.of(LOST) is None
    world.desk.turns_up("f1", "propose")
    assert world.news.run_once() == 1
    assert inbox.taken == []
