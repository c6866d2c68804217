"""Mails: sent at least once, tried again, given up, by TLS where there is a password."""

import datetime as dt
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select

from matching_spark.errors import UsageError
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import outbox
from matching_spark.service.people.mail import AwayError, Mailer, NotNowError
from matching_spark.service.people.outbox import Outbox
from matching_spark.setting_groups import Service
from tests.service.people.losses import ADDRESS, LOST, WHO, Clock, Inbox, World, serving, told
from tests.support.certificates import Certificate


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
        again = World(journal, clock, dying, world.desk)
        with pytest.raises(KilledError):
            again.news.run_once()
        clock.on(minutes=1)
    assert len(inbox.taken) == 1
    world.news.run_once()
    assert len(inbox.taken) == 2  # at least once
    world.news.run_once()
    assert len(inbox.taken) == 2


def test_of_two_services_one_sends_a_mail(
    journal: Journal, clock: Clock, port: int, inbox: Inbox
) -> None:
    world = World(journal, clock, None)
    for i in range(20):
        world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
    mailers = (Mailer(told(port)) for _ in range(2))
    both = [Outbox(journal, world.links, world.contacts, each, 99) for each in mailers]
    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(Outbox.run_once, both)) == 20
    assert sorted(to for to, _ in inbox.taken) == sorted(f"a{i}@example.com" for i in range(20))


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
    assert world.contacts.of(LOST) is None  # else its page would wait for a link to be followed
    inbox.refuse_address = ""
    world.clock.on(days=1)
    assert world.outbox.run_once() == 0
    assert inbox.taken == []
    world.confirmed(inbox)
    inbox.refuse_address = "550 no such user any more"
    world.desk.turns_up("mine", "propose")
    assert world.news.look(LOST) == ("mine",)
    assert world.outbox.run_once() == 0
    assert world.contacts.of(LOST) is not None  # mails came there: its page tells of it still
    inbox.refuse_address = ""
    world.clock.on(days=1)
    assert world.outbox.run_once() == 0
    assert inbox.taken == []


def test_of_an_erased_loss_no_mail_waits(world: World, inbox: Inbox) -> None:
    assert world.outbox is not None
    world.contacts.give(LOST, ADDRESS, "ko", WHO, None)
    inbox.refuse_address = "450 try again later"
    assert world.outbox.run_once() == 0
    world.journal.forget(f"post:{LOST}", WHO)
    assert world.outbox.run_once() == 0
    with world.journal.reading() as of:
        assert of.execute(select(outbox)).all() == []


def test_no_more_mails_go_out_than_may_in_a_minute(
    journal: Journal, clock: Clock, port: int, inbox: Inbox
) -> None:
    world = World(journal, clock, None)
    outbox = Outbox(journal, world.links, world.contacts, Mailer(told(port)), 3)
    for i in range(8):
        world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
    counts = []
    for _ in range(6):
        counts.append(outbox.run_once())
        clock.on(seconds=31)
    assert counts == [3, 0, 3, 0, 2, 0]
    assert sorted(to for to, _ in inbox.taken) == [f"a{i}@example.com" for i in range(8)]


def test_a_clock_that_is_set_back_keeps_no_mail(
    journal: Journal, clock: Clock, port: int, inbox: Inbox
) -> None:
    """What was sent, or would be tried, in years to come counted until then."""
    world = World(journal, clock, None)
    outbox = Outbox(journal, world.links, world.contacts, Mailer(told(port)), 2)
    clock.on(days=1000)
    for i in range(3):
        world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
    assert outbox.run_once() == 2
    clock.on(days=-1000)
    world.contacts.give("s-3", "a3@example.com", "ko", WHO, None)
    assert outbox.run_once() == 2
    assert len({to for to, _ in inbox.taken}) == 4


def test_a_server_that_does_not_answer_is_waited_for_once_a_run(
    world: World, journal: Journal
) -> None:
    """Whoever searches for what turned up waits as long, in the same thread."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = Mailer(told(silent.getsockname()[1], smtp_timeout_s=0.2))
        outbox = Outbox(journal, world.links, world.contacts, mailer, 30)
        for i in range(5):
            world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
        assert outbox.run_once() == 0
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_server_whose_answer_does_not_end_is_away() -> None:
    """Each piece of it came in time: nobody was told any more what turned up."""
    left = threading.Event()

    def answer(listening: socket.socket) -> None:
        with listening.accept()[0] as client:
            try:
                for _ in range(200):
                    client.sendall(b"220-more\r\n")
                    time.sleep(0.05)
            except OSError:
                left.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        mailer = Mailer(told(listening.getsockname()[1], smtp_timeout_s=0.2))
        with pytest.raises(AwayError, match="SMTPServerDisconnected"):
            mailer.send("news", ADDRESS, "en", "T" * 22)
        thread.join()
    assert left.is_set()


def test_an_address_that_is_not_taken_now_keeps_no_other_waiting(
    world: World, inbox: Inbox
) -> None:
    assert world.outbox is not None
    for i in range(2):
        world.contacts.give(f"s-{i}", f"a{i}@example.com", "ko", WHO, None)
    inbox.refuse_address, inbox.refuse_only = "450 greylisted", "a0@example.com"
    assert world.outbox.run_once() == 1
    assert [to for to, _ in inbox.taken] == ["a1@example.com"]


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


def test_a_host_that_can_be_none_is_away() -> None:
    with pytest.raises(AwayError, match="UnicodeError"):
        Mailer(told(25, smtp_host="m" * 64)).send("news", ADDRESS, "en", "T" * 22)


def test_what_mail_needs_is_said() -> None:
    with pytest.raises(UsageError, match="set all three"):
        Mailer(Service())
    for name in ("smtp_user", "smtp_password"):
        # Else each run ends with the first mail: none is sent.
        with pytest.raises(UsageError, match=f"service.{name} has letters"):
            Mailer(told(25, smtp_tls="starttls", **{name: "비밀번호"}))
    with pytest.raises(UsageError, match="smtp_from is no mail address"):
        Mailer(told(25, smtp_from="Lost and found <a@example.com>"))
    with pytest.raises(ValueError, match="needs smtp_from and url"):
        Service(smtp_host="localhost")
