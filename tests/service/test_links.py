"""Private links, addresses, mails and news: with a real journal and a real server of mail."""

import datetime as dt
import email
import email.policy
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.domain.results import Match, SearchResult
from matching_spark.errors import InputError, NotFoundError, UsageError
from matching_spark.journal.events import PostAdded
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.service.people.addresses import checked_address
from matching_spark.service.people.contacts import ASKED_A_DAY, Contacts
from matching_spark.service.people.interest import Interests
from matching_spark.service.people.links import Links, digest, who_of
from matching_spark.service.people.mail import Mailer, NotNowError
from matching_spark.service.people.news import News
from matching_spark.service.people.outbox import Outbox
from matching_spark.service.posts.arrivals import Changes
from matching_spark.service.public.levels import Levels
from matching_spark.service.public.matches import Showing
from matching_spark.service.public.opaque import Names
from matching_spark.setting_groups import Service
from tests.service import canary
from tests.service.test_public import PICTURE, result
from tests.support.certificates import Certificate, certificate

KEY = "a key that only these tests have."
LOST, WHO = "s-" + "1" * 32, "link-" + "2" * 32
ADDRESS = "loser@example.com"
TOKEN = re.compile(r"https://found\.example(/mine|/confirm)#([A-Za-z0-9_-]{22})\n")


@dataclass
class Clock:
    now: dt.datetime = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def on(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


@dataclass
class Inbox:
    """What a server of mail has taken. refuse: what it answers in place of 250."""

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: str = ""
    refuse_address: str = ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_address:
            return self.refuse_address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        (to,) = envelope.rcpt_tos
        self.taken.append((to, mail))
        return "250 OK"

    def links(self) -> list[tuple[str, str]]:
        """(path, token) of each mail."""
        found = [TOKEN.findall(mail.get_content().replace("\r\n", "\n")) for _, mail in self.taken]
        assert all(len(each) == 1 for each in found)
        return [each[0] for each in found]


class Desk:
    """What News asks of the desk and of arrivals, from a list."""

    def __init__(self) -> None:
        lost = Post(LOST, "lost", "가방", title=canary.canary("title"))
        self.posts = {LOST: lost}
        self.matches: list[Match] = []
        self.searched = 0
        self.nothing = False

    def post(self, post_id: str) -> StoredPost | None:
        of = self.posts.get(post_id)
        return None if of is None else canary.stored(of)

    def alike(self, post_id: str) -> SearchResult:
        self.searched += 1
        return result(self.matches, nothing=self.nothing)

    def take(self) -> None:
        """Everybody is looked for after every change."""

    def concerned(self, changes: Changes, lost_ids: Sequence[str]) -> set[str]:
        raise NotImplementedError

    def stamp(self) -> str:
        return str(len(self.matches)) + "".join(match.band for match in self.matches)

    def turns_up(self, post_id: str, band: str) -> Post:
        found = canary.post("가방", post_id)
        self.posts[post_id] = found
        self.matches = [m for m in self.matches if m.post_id != post_id]
        self.matches.append(canary.match(found, band))
        return found


class World:
    """All that a loss needs, over one journal."""

    def __init__(self, journal: Journal, clock: Clock, mailer: Mailer | None) -> None:
        self.journal, self.clock, self.desk = journal, clock, Desk()
        names = Names(KEY, "claim")
        self.showing = Showing(Levels.of(Service()), names, lambda _: PICTURE)
        self.links = Links(journal, clock)
        self.contacts = Contacts(journal, self.links, KEY, clock)
        self.outbox = None
        if mailer is not None:
            self.outbox = Outbox(journal, self.links, self.contacts, mailer, 30, clock)
        self.news = News(
            journal, self.desk, self.desk, self.showing, self.contacts, self.outbox, clock
        )
        self.interests = Interests(journal, names, self.desk.post)

    def confirmed(self, inbox: Inbox) -> None:
        """The person leaves an address, and follows the link of the mail."""
        self.contacts.give(LOST, ADDRESS, "ko", WHO, None)
        self.news.run_once()
        assert self.contacts.confirm(inbox.links()[-1][1]) == LOST
        inbox.taken.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    settings = Settings()
    settings.service.journal, settings.service.key = str(tmp_path / "journal"), KEY
    opened = Journal.open(settings, clock)
    opened.append(PostAdded(LOST, "lost", "가방", "service"), WHO, content={"post": "a loss"})
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


class Server(Controller):
    """On a port that the system gives, which aiosmtpd asks for before it looks whether it runs."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[int]:
    """The port of a server on loopback."""
    server = Server(inbox, hostname="127.0.0.1", port=0, ready_timeout=30, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def told(port: int, **more: Any) -> Service:
    values: dict[str, Any] = {
        "url": "https://found.example/",
        "smtp_host": "localhost",
        "smtp_port": port,
        "smtp_from": "found@found.example",
        "smtp_tls": "none",
        "smtp_timeout_s": 5,
    }
    return Service(**values | more)


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    with serving(inbox) as port:
        yield port


@pytest.fixture
def world(journal: Journal, clock: Clock, port: int) -> World:
    return World(journal, clock, Mailer(told(port)))


# -- links -----------------------------------------------------------------------------------


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
    world.links.revoke(LOST)
    assert world.links.post_of(first) is world.links.post_of(second) is None
    third = world.links.make(LOST)
    world.journal.forget(f"post:{LOST}", WHO)
    assert world.links.post_of(third) is None
    held = b"".join(each.read_bytes() for each in (tmp_path / "journal").iterdir())
    for token in (first, second, third):
        assert token.encode() not in held
    assert digest(third).encode() in held


def test_who_writes_by_a_link_is_an_id_that_opens_nothing(world: World) -> None:
    token = world.links.make(LOST)
    who = who_of(token)
    assert re.fullmatch(r"link-[0-9a-f]{32}", who)
    assert who == who_of(token)
    assert who.removeprefix("link-") not in digest(token)
    assert world.links.post_of(who) is None


# -- addresses -------------------------------------------------------------------------------


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
    for i in range(ASKED_A_DAY):
        lost_id = f"s-{i}"
        world.contacts.give(lost_id, ADDRESS.upper() if i else ADDRESS, "ko", WHO, None)
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


# -- news ------------------------------------------------------------------------------------


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


# -- sending ---------------------------------------------------------------------------------


def test_a_mail_survives_a_crash_and_is_sent_after_it(
    world: World, inbox: Inbox, journal: Journal, clock: Clock, port: int
) -> None:
    world.links.make(LOST)
    world.confirmed(inbox)
    world.desk.turns_up("mine", "propose")

    class KilledError(BaseException):
        pass

    class Dying(Mailer):
        def send(self, *of: Any) -> None:
            if self.first:
                super().send(*of)
            raise KilledError

        first = False

    for first in (False, True):
        dying = Dying(told(port))
        dying.first = first  # killed before, and after, the server took it
        again = World(journal, clock, dying)
        again.desk = again.news._desk = again.news._arrivals = world.desk  # noqa: SLF001
        with pytest.raises(KilledError):
            again.news.run_once()
    assert len(inbox.taken) == 1
    world.news.run_once()
    assert len(inbox.taken) == 2  # at least once
    world.news.run_once()
    assert len(inbox.taken) == 2


def test_what_is_not_taken_is_tried_later_and_later_and_given_up(
    world: World, inbox: Inbox
) -> None:
    inbox.refuse = "451 not now"
    assert world.outbox is not None
    world.contacts.give(LOST, ADDRESS, "ko", WHO, None)
    tries: list[dt.datetime] = []
    send = world.outbox._mailer.send  # noqa: SLF001

    def counted(*of: Any) -> None:
        tries.append(world.clock.now)
        send(*of)

    world.outbox._mailer.send = counted  # type: ignore[assignment, method-assign]  # noqa: SLF001
    for _ in range(24 * 60 // 10 * 3):
        world.outbox.run_once()
        world.clock.on(minutes=10)
    waits = [(b - a).total_seconds() / 60 for a, b in pairwise(tries)]
    assert waits == sorted(waits)
    assert 8 < len(tries) < 25
    assert max(waits) <= 370
    assert (tries[-1] - tries[0]).days <= 2
    inbox.refuse = ""
    world.clock.on(days=1)
    assert world.outbox.run_once() == 0


def test_an_address_that_its_server_does_not_know_is_given_up_at_once(
    world: World, inbox: Inbox
) -> None:
    assert world.outbox is not None
    world.contacts.give(LOST, ADDRESS, "ko", WHO, None)
    inbox.refuse_address = "550 no such user"
    assert world.outbox.run_once() == 0
    inbox.refuse_address = ""
    world.clock.on(days=1)
    assert world.outbox.run_once() == 0
    assert inbox.taken == []


def test_no_more_mails_go_out_than_may_in_a_minute(
    journal: Journal, clock: Clock, port: int, inbox: Inbox
) -> None:
    world = World(journal, clock, None)
    outbox = Outbox(journal, world.links, world.contacts, Mailer(told(port)), 3, clock)
    for i in range(8):
        world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
    counts = []
    for _ in range(6):
        counts.append(outbox.run_once())
        clock.on(seconds=31)
    assert counts == [3, 0, 3, 0, 2, 0]
    assert sorted(to for to, _ in inbox.taken) == [f"a{i}@example.com" for i in range(8)]


def test_a_password_goes_by_tls_alone_and_only_to_a_server_that_is_known(
    trusted: Certificate, inbox: Inbox
) -> None:
    with pytest.raises(ValueError, match="would go in the clear"):
        told(25, smtp_user="me", smtp_password="pass word")
    signed_in: list[str] = []

    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        signed_in.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=data.password == b"pass word", handled=False)

    options = {"tls_context": trusted.server, "require_starttls": True, "auth_required": True}
    with serving(inbox, authenticator=check, **options) as port:
        of = told(port, smtp_tls="starttls", smtp_user="me", smtp_password="pass word")
        with pytest.raises(NotNowError, match="SSLCertVerificationError"):
            Mailer(of).send("news", ADDRESS, "en", "T" * 22)
        assert signed_in == []
        Mailer(of, lambda: trusted.client).send("news", ADDRESS, "en", "T" * 22)
        assert signed_in == ["me:pass word"]
        assert len(inbox.taken) == 1
        wrong = told(port, smtp_tls="starttls", smtp_user="me", smtp_password="wrong one")
        with pytest.raises(NotNowError, match="localhost answered 535") as caught:
            Mailer(wrong, lambda: trusted.client).send("news", ADDRESS, "en", "T" * 22)
        assert "wrong one" not in str(caught.value)


def test_a_password_is_not_sent_where_a_server_has_no_tls(port: int, inbox: Inbox) -> None:
    of = told(port, smtp_tls="starttls", smtp_user="me", smtp_password="pass word")
    with pytest.raises(NotNowError, match="SMTPNotSupportedError"):
        Mailer(of).send("news", ADDRESS, "en", "T" * 22)
    assert inbox.taken == []


def test_what_mail_needs_is_said() -> None:
    with pytest.raises(UsageError, match="set all three"):
        Mailer(Service())
    with pytest.raises(UsageError, match="smtp_from is no mail address"):
        Mailer(told(25, smtp_from="Lost and found <a@example.com>"))
    with pytest.raises(ValueError, match="needs smtp_from and url"):
        Service(smtp_host="localhost")


# -- interest --------------------------------------------------------------------------------


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
