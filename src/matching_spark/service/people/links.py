"""Private links: who has one has the report that it was given for, and needs no account.

A token is 128 random bits. It stands in the fragment of an address, which no browser sends: the
page's script posts it, so it is in no request line, log or Referer. Kept is its SHA-256 alone, of
which a token cannot be guessed; it is looked up by that, so that no time tells how much of a token
is right.
"""

import hashlib
import re
import secrets
from collections.abc import Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, exists, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from matching_spark.journal.store import Journal
from matching_spark.journal.subjects import is_forgotten
from matching_spark.journal.tables import came, forgotten, links, outbox, stamp, watched

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 16 bytes in base64url
CONFIRMS = timedelta(days=3)  # as long a link that confirms an address is good


class Confirming(NamedTuple):
    """What a link confirms."""

    post_id: str
    contact_id: str


class Links:
    """Of one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def make(self, post_id: str, contact_id: str | None = None) -> str:
        """A new token, shown this once, of a post; it is looked after from now on. With a contact:
        one that confirms it."""
        token = secrets.token_urlsafe(16)
        made = {"digest": digest(token), "post_id": post_id, "contact_id": contact_id}
        with self._journal.writing() as to:
            to.execute(insert(links).values(**made, made_at=stamp(self._journal.now())))
            if contact_id is None:
                _watch(post_id, to)
        return token

    def watch(self, post_id: str) -> None:
        """Look after a loss that was over, where somebody has its link."""
        with self._journal.writing() as to:
            if to.execute(_linked().where(links.c.post_id == post_id)).first() is not None:
                _watch(post_id, to)

    def post_of(self, token: str) -> str | None:
        """The post that a private link opens; None for a token that is none, or no more, or whose
        post was erased."""
        found = self._found(token)
        return None if found is None or found.contact_id is not None else str(found.post_id)

    def given(self, token: str) -> bool:
        """Whether a private link is one that somebody was given, whatever became of its post."""
        made = select(links.c.post_id).where(links.c.digest == digest(token))
        with self._journal.reading() as of:
            return of.execute(made.where(links.c.contact_id.is_(None))).first() is not None

    def confirming(self, token: str) -> Confirming | None:
        """What a link confirms; None as `post_of`, and where it is older than CONFIRMS."""
        found = self._found(token)
        if found is None or found.contact_id is None:
            return None
        old = datetime.fromisoformat(found.made_at) < self._journal.now() - CONFIRMS
        return None if old else Confirming(found.post_id, found.contact_id)

    def revoke(self, post_id: str) -> None:
        """End every link of a post; it is looked after no more, and no mail goes out for it."""
        with self._journal.writing() as to:
            ended = update(links).where(links.c.post_id == post_id, links.c.revoked_at.is_(None))
            to.execute(ended.values(revoked_at=stamp(self._journal.now())))
            let_go(post_id, to)

    def _found(self, token: str) -> Row[Any, Any, Any] | None:
        if not TOKEN.fullmatch(token):
            return None
        found = select(links.c.post_id, links.c.contact_id, links.c.made_at)
        found = found.where(links.c.digest == digest(token), links.c.revoked_at.is_(None))
        with self._journal.reading() as of:
            row = of.execute(found).first()
            return None if row is None or is_forgotten(f"post:{row.post_id}", of) else row


def _watch(post_id: str, to: Connection) -> None:
    to.execute(upsert(watched).values(post_id=post_id).on_conflict_do_nothing())


def _linked() -> Select[tuple[str]]:
    """The posts that a private link opens, which one of an erased post does not."""
    erased = exists().where(forgotten.c.subject == "post:" + links.c.post_id)
    mine = links.c.contact_id.is_(None), links.c.revoked_at.is_(None)
    return select(links.c.post_id).where(*mine, ~erased)


def unwatched(of: Connection) -> set[str]:
    """The posts of which somebody has a link, and that nobody looks after: those that are over."""
    known = exists().where(watched.c.post_id == links.c.post_id)
    return set(of.scalars(_linked().where(~known)))


def watch_again(ids: Set[str], to: Connection) -> None:
    """Look after the posts of these of which somebody has a link still."""
    for post_id in unwatched(to) & ids:
        _watch(post_id, to)


def let_go(post_id: str, to: Connection) -> None:
    """Forget what was found for a lost post, and the mails that wait for it."""
    to.execute(delete(watched).where(watched.c.post_id == post_id))
    to.execute(delete(came).where(came.c.lost_id == post_id))
    to.execute(delete(outbox).where(outbox.c.post_id == post_id, outbox.c.sent_at.is_(None)))


def who_of(token: str) -> str:
    """Who writes by a private link, as the journal has it: nothing that opens the link."""
    return f"link-{hashlib.sha256(b'who ' + digest(token).encode()).hexdigest()[:32]}"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
