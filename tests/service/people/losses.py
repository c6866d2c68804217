"""A loss with its link, its address and its news, over a real journal and a real server of mail."""

import datetime as dt
import email
import email.policy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from matching_spark.domain.posts import Post
from matching_spark.domain.results import Match, SearchResult
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.interest import Interests
from matching_spark.service.people.links import Links
from matching_spark.service.people.mail import Mailer
from matching_spark.service.people.news import News
from matching_spark.service.people.outbox import Outbox
from matching_spark.service.posts.arrivals import Changes
from matching_spark.service.public.levels import Levels
from matching_spark.service.public.matches import Showing
from matching_spark.service.public.opaque import Names
from matching_spark.setting_groups import Service
from tests.service import canary
from tests.service.test_public import PICTURE, result

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
    """What a server of mail has taken. refuse: what it answers in place of 250, refuse_address: of
    an address, of every one or of refuse_only."""

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: str = ""
    refuse_address: str = ""
    refuse_only: str = ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_address and self.refuse_only in ("", address):
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

    def losses(self) -> set[str]:
        return {i for i, p in self.posts.items() if (p.kind, p.status) == ("lost", "open")}

    def take(self) -> None:
        """Everybody is looked for after every change."""

    def concerned(self, changes: Changes, lost_ids: Sequence[str]) -> set[str]:
        raise NotImplementedError  # never asked: `take` has told no changes

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

    def __init__(
        self, journal: Journal, clock: Clock, mailer: Mailer | None, desk: Desk | None = None
    ) -> None:
        self.journal, self.clock, self.desk = journal, clock, desk or Desk()
        names = Names(KEY, "claim")
        self.showing = Showing(Levels.of(Service()), names, lambda _: PICTURE)
        self.links = Links(journal)
        self.contacts = Contacts(journal, self.links, KEY)
        self.outbox = None
        if mailer is not None:
            self.outbox = Outbox(journal, self.links, self.contacts, mailer, 30)
        both: Any = self.desk  # what News asks of a desk, and of its arrivals
        self.news = News(journal, both, both, self.showing, self.contacts, self.outbox)
        self.interests = Interests(journal, names, self.desk.post, journal.last)

    def confirmed(self, inbox: Inbox) -> None:
        """The person leaves an address, and follows the link of the mail."""
        self.contacts.give(LOST, ADDRESS, "ko", WHO, None)
        self.news.run_once()
        assert self.contacts.confirm(inbox.links()[-1][1]) == LOST
        inbox.taken.clear()


class Server(Controller):
    """On a port that the system gives, which aiosmtpd asks for before it looks whether it runs."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it is up
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's has no types


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[int]:
    """The port of a server on loopback."""
    server = Server(inbox, hostname="127.0.0.1", port=0, ready_timeout=30, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


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
