"""News: what turns up for a loss, told once by its page and by a mail."""

from dataclasses import replace

import pytest

from matching_spark.journal.store import Journal
from tests.service import canary
from tests.service.people.losses import ADDRESS, LOST, WHO, Inbox, World


def test_one_mail_tells_of_all_that_came_while_it_waited(world: World, inbox: Inbox) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    for post_id in ("f1", "f2"):
        world.desk.turns_up(post_id, "propose")
        assert world.news.look(LOST) == (post_id,)
    world.news.run_once()
    assert len(inbox.taken) == 1


def test_of_a_link_that_is_revoked_nothing_is_kept_that_was_found_for_it(world: World) -> None:
    other = "s-" + "2" * 32
    world.desk.posts[other] = replace(world.desk.posts[LOST], post_id=other)
    for post_id in (LOST, other):
        world.links.make(post_id)
    world.desk.turns_up("f1", "propose")
    world.news.run_once()
    assert [len(world.news.came(each)) for each in (LOST, other)] == [1, 1]
    world.links.revoke(LOST)
    assert [len(world.news.came(each)) for each in (LOST, other)] == [0, 1]


def test_what_turns_up_is_told_once_by_the_page_and_by_a_mail(world: World, inbox: Inbox) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    world.desk.turns_up("seen", "ask")
    world.news.look(LOST, mail=False)
    world.desk.turns_up("look", "ask")  # the second of its list
    assert world.news.run_once() == 0
    world.clock.on(minutes=5)
    world.desk.turns_up("mine", "propose")
    assert world.news.run_once() == 1
    assert world.news.run_once() == 0
    ((to, mail),) = inbox.taken
    assert to == ADDRESS
    assert mail["Subject"] == "분실 신고에 새 소식이 있습니다"
    ((path, token),) = inbox.links()
    assert path == "/mine"
    assert world.links.post_of(token) == LOST
    came = world.news.came(LOST)
    assert [(each.found_id, each.match.band) for each in came] == [
        ("mine", "likely"),
        ("look", "look"),
        ("seen", "look"),
    ]
    assert came[0].at == world.clock.now
    assert came[0].match == world.showing.match(world.desk.matches[2])
    world.clock.on(minutes=5)
    world.desk.turns_up("look", "propose")  # likelier than it was: news too
    assert world.news.run_once() == 1
    assert [each.found_id for each in world.news.came(LOST)] == ["look", "mine", "seen"]
    assert len(inbox.taken) == 2


def test_the_best_of_what_is_worth_a_look_is_news_unless_it_is_most_likely_not_here(
    world: World, inbox: Inbox
) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    world.desk.nothing = True
    world.desk.turns_up("f1", "ask")
    assert world.news.run_once() == 0
    world.desk.nothing = False
    world.desk.turns_up("f2", "ask")
    world.desk.matches.reverse()
    assert world.news.run_once() == 1
    assert len(inbox.taken) == 1


def test_what_is_gone_or_was_seen_on_the_page_is_no_news(world: World, inbox: Inbox) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    found = world.desk.turns_up("mine", "propose")
    assert world.news.look(LOST, mail=False) == ("mine",)
    assert world.news.run_once() == 0
    assert inbox.taken == []
    world.desk.posts["mine"] = replace(found, status="claimed")
    assert world.news.came(LOST) == []
    before = world.desk.searched
    world.desk.posts[LOST] = replace(world.desk.posts[LOST], status="claimed")
    world.desk.turns_up("other", "propose")
    assert world.news.run_once() == 0
    world.desk.turns_up("third", "propose")
    assert world.news.run_once() == 0
    assert world.desk.searched == before  # a loss that is over is not looked for


def test_a_loss_that_was_opened_elsewhere_is_looked_after_again(world: World) -> None:
    """As by the command line's `close --as open`, or an undo, of which the table alone tells."""
    world.links.make(LOST)
    loss = world.desk.posts[LOST]
    for n, seen in enumerate((1, 2), 1):
        world.desk.posts[LOST] = replace(loss, status="claimed")
        world.desk.turns_up(f"over {n}", "propose")
        assert world.news.run_once() == 0
        world.desk.posts[LOST] = loss
        world.desk.turns_up(f"again {n}", "propose")
        assert (world.news.run_once(), world.desk.searched) == (1, seen)
    world.desk.posts[LOST] = replace(loss, status="claimed")
    world.desk.turns_up("third", "propose")
    world.news.run_once()
    world.links.revoke(LOST)
    world.desk.posts[LOST] = loss
    world.desk.turns_up("nobody has a link of it", "propose")
    assert (world.news.run_once(), world.desk.searched) == (0, 2)


def test_so_it_is_while_another_is_looked_after_all_the_time(world: World) -> None:
    loss, other = world.desk.posts[LOST], "s-" + "2" * 32
    world.desk.posts[other] = replace(loss, post_id=other)
    for post_id in (LOST, other):
        world.links.make(post_id)
    for now, news in ((replace(loss, status="claimed"), 1), (loss, 2)):
        world.desk.posts[LOST] = now
        world.desk.turns_up(f"{now.status} {news}", "propose")
        assert world.news.run_once() == news


def test_one_that_its_source_brings_again_after_it_was_erased_is_not_looked_for(
    world: World, journal: Journal
) -> None:
    """Nobody's link opens it: it was searched for in every run."""
    world.links.make(LOST)
    journal.forget(f"post:{LOST}", WHO)
    for n in range(3):
        world.news.run_once()
        world.desk.turns_up(f"f{n}", "propose")
    assert world.desk.searched <= 1


def test_it_is_looked_for_again_only_after_a_change(world: World) -> None:
    world.links.make(LOST)
    for _ in range(3):
        world.news.run_once()
    assert world.desk.searched == 1
    world.desk.turns_up("f1", "ask")
    world.news.run_once()
    assert world.desk.searched == 2
    world.links.revoke(LOST)
    world.desk.turns_up("f2", "ask")
    world.news.run_once()
    assert world.desk.searched == 2


def test_no_mail_has_a_canary(world: World, inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world.links.make(LOST)
    world.contacts.give(LOST, ADDRESS, "en", WHO, None)
    world.news.run_once()
    assert world.contacts.confirm(inbox.links()[0][1])
    world.desk.turns_up(canary.canary("post_id"), "propose")
    inbox.refuse = f"451 try later, {ADDRESS}"
    world.news.run_once()
    inbox.refuse = ""
    world.clock.on(hours=1)
    world.news.run_once()
    assert len(inbox.taken) == 2
    for _, mail in inbox.taken:
        for text in (bytes(mail).decode(), mail.get_content(), str(mail["Subject"])):
            assert canary.found_in(text) == []
            assert LOST not in text
    said = "\n".join(each.getMessage() for each in caplog.records if each.name != "mail.log")
    assert "mail 2 waits" in said
    assert canary.found_in(said) == []
    tokens = [token for _, token in inbox.links()]
    assert not [word for word in (ADDRESS, *tokens) if word in said]
