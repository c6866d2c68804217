"""Private links: what opens a loss, who it is that writes by one, interest in what is found."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from matching_spark.errors import InputError, NotFoundError
from matching_spark.service.people.links import digest, who_of
from tests.service import canary
from tests.service.people.losses import ADDRESS, LOST, WHO, Inbox, World


def test_a_link_opens_its_post_until_it_is_revoked_or_erased(world: World, tmp_path: Path) -> None:
    first, second = world.links.make(LOST), world.links.make(LOST)
    assert first != second
    assert world.links.post_of(first) == world.links.post_of(second) == LOST
    for wrong in (
        "",
        first[:-1],
        first + "A",
        first.swapcase(),
        digest(first),
        "가" * 22,
        "A" * 22,
    ):
        assert world.links.post_of(wrong) is None
        assert not world.links.given(wrong)
    world.links.revoke(LOST)
    assert world.links.post_of(first) is world.links.post_of(second) is None
    third = world.links.make(LOST)
    world.journal.forget(f"post:{LOST}", WHO)
    assert world.links.post_of(third) is None
    assert all(map(world.links.given, (first, second, third)))
    held = b"".join(each.read_bytes() for each in (tmp_path / "journal").iterdir())
    for token in (first, second, third):
        assert token.encode() not in held
    assert digest(third).encode() in held


def test_of_a_link_that_is_revoked_the_mails_wait_no_more_and_those_of_others_do(
    world: World, inbox: Inbox
) -> None:
    other = "s-" + "2" * 32
    for post_id, address in ((LOST, ADDRESS), (other, "other@example.com")):
        world.contacts.give(post_id, address, "ko", f"link-{post_id[2:]}", None)
    world.links.revoke(LOST)
    world.news.run_once()
    assert [to for to, _ in inbox.taken] == ["other@example.com"]


def test_who_writes_by_a_link_is_an_id_that_opens_nothing(world: World) -> None:
    token = world.links.make(LOST)
    who = who_of(token)
    assert re.fullmatch(r"link-[0-9a-f]{32}", who)
    assert who == who_of(token)
    assert who.removeprefix("link-") not in digest(token)
    assert world.links.post_of(who) is None


def test_the_office_is_told_after_interest_alone(world: World) -> None:
    found = world.desk.turns_up("f1", "propose")
    (match,) = world.showing.result(world.desk.alike(LOST)).matches
    assert world.interests.office(LOST, "f1") is None
    office = world.interests.tell(LOST, match.claim, WHO)
    before = world.journal.last()
    assert world.interests.tell(LOST, match.claim, WHO) == office
    assert world.journal.last() == before
    assert office.name == canary.canary("kept_at")
    assert world.interests.office(LOST, "f1") == office
    assert world.interests.told("s-9") == frozenset()
    world.desk.posts["f1"] = replace(found, status="claimed")
    assert world.interests.office(LOST, "f1") is None
    with pytest.raises(NotFoundError, match="not there any more"):
        world.interests.tell(LOST, match.claim, WHO)
    world.desk.posts["f1"] = found
    for nobody in ("s-9", "f1"):
        with pytest.raises(InputError, match="first register"):
            world.interests.tell(nobody, match.claim, WHO)
    with pytest.raises(InputError, match="none of this service's"):
        world.interests.tell(LOST, "f1", WHO)
    world.journal.forget(f"post:{LOST}", WHO)
    assert world.interests.told(LOST) == frozenset()


def test_threads_make_links_of_their_own(world: World) -> None:
    made: list[str] = []
    work: Callable[[], None] = lambda: made.append(world.links.make(LOST))  # noqa: E731
    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(made)) == 8
    assert {world.links.post_of(token) for token in made} == {LOST}
