"""Who is signed in: by a browser's cookie, or by a bearer token of a program.

Both are 256 random bits, of which the journal's database keeps the sha256. They end by themselves,
and with their account.
"""

import datetime as dt
import hashlib
import logging
import secrets
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, exists, insert, literal, select, update

from matching_spark.errors import NotFoundError, StorageError
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import contents, sessions, stamp
from matching_spark.service.guards.forms import random_token

log = logging.getLogger(__name__)
Kind = Literal["cookie", "bearer"]
IDLE = dt.timedelta(hours=2)  # of a browser that asks for nothing
SEEN_EVERY = dt.timedelta(minutes=1)  # how often that it was used is written
MAX_TOKEN = 200  # characters that are looked at


@dataclass(frozen=True)
class Token:
    """A bearer token as it is listed, without what opens it. Times are UTC."""

    token_id: str
    account_id: str
    made_at: dt.datetime
    seen_at: dt.datetime
    ends_at: dt.datetime


class Sessions:
    """The sessions of a journal's database, for all its processes."""

    def __init__(self, journal: Journal, hours: float) -> None:
        """hours: how long a browser's lasts at most."""
        self._journal, self.lasts = journal, dt.timedelta(hours=hours)

    def open(self, account_id: str) -> str:
        """Sign a browser in: the new token for its cookie."""
        return self._made("cookie", account_id, self.lasts)[1]

    def issue(self, account_id: str, lasts: dt.timedelta) -> tuple[Token, str]:
        """A bearer token for a program, and what opens it, which nobody can be told again."""
        return self._made("bearer", account_id, lasts)

    def account(self, token: str, kind: Kind) -> str | None:
        """Whose session it is: the account's id; None where it ended, or its account did."""
        now = self._journal.now()
        lives = exists().where(contents.c.subject == literal("account:") + sessions.c.account_id)
        mine = (sessions.c.digest == _digest(token)) & (sessions.c.kind == kind)
        with self._journal.reading() as of:
            found = of.execute(
                select(sessions).where(mine, sessions.c.ends_at > stamp(now), lives)
            ).first()
        if found is None:
            return None
        # Seen at a time that is to come, by a clock that was set back since: it may be as long ago.
        idle = abs(now - dt.datetime.fromisoformat(found.seen_at))
        if kind == "cookie" and idle >= IDLE:
            return None
        if idle >= SEEN_EVERY:
            try:
                with self._journal.writing() as to:
                    to.execute(update(sessions).where(mine).values(seen_at=stamp(now)))
            except StorageError as error:  # nothing can be written: who is in may read still
                log.warning("a session that is used may end as an idle one: %s", error)
        account_id: str = found.account_id
        return account_id

    def end(self, token: str) -> None:
        """Sign a browser out, if it is signed in."""
        with self._journal.writing() as to:
            to.execute(delete(sessions).where(sessions.c.digest == _digest(token)))

    def end_all(self, account_id: str) -> None:
        """Every session and token of an account."""
        with self._journal.writing() as to:
            to.execute(delete(sessions).where(sessions.c.account_id == account_id))

    @staticmethod
    def end_browsers(account_id: str, of: Connection, but: str = "") -> None:
        """Sign an account out of every browser, in a transaction; but: the token of one that stays.
        Programs' tokens stay."""
        mine = (sessions.c.account_id == account_id) & (sessions.c.kind == "cookie")
        of.execute(delete(sessions).where(mine, sessions.c.digest != _digest(but)))

    def tokens(self) -> list[Token]:
        """The bearer tokens that have not ended, the oldest first."""
        mine = (sessions.c.kind == "bearer") & (sessions.c.ends_at > stamp(self._journal.now()))
        with self._journal.reading() as of:
            found = of.execute(select(sessions).where(mine).order_by(sessions.c.made_at))
            return [
                Token(
                    row.session_id,
                    row.account_id,
                    *map(dt.datetime.fromisoformat, (row.made_at, row.seen_at, row.ends_at)),
                )
                for row in found
            ]

    def revoke(self, token_id: str) -> None:
        """End a bearer token. Raises NotFoundError."""
        mine = (sessions.c.session_id == token_id) & (sessions.c.kind == "bearer")
        with self._journal.writing() as to:
            if not to.execute(delete(sessions).where(mine)).rowcount:
                raise NotFoundError(f"there is no token {token_id!r}; `account list` names them")

    def _made(self, kind: Kind, account_id: str, lasts: dt.timedelta) -> tuple[Token, str]:
        token, now = random_token(), self._journal.now()
        made = Token(secrets.token_hex(8), account_id, now, now, now + lasts)
        row = {
            "digest": _digest(token),
            "session_id": made.token_id,
            "kind": kind,
            "account_id": account_id,
            "made_at": stamp(now),
            "seen_at": stamp(now),
            "ends_at": stamp(made.ends_at),
        }
        with self._journal.writing() as to:
            to.execute(delete(sessions).where(sessions.c.ends_at <= stamp(now)))
            to.execute(insert(sessions).values(row))
        return made, token


def _digest(token: str) -> str:
    return hashlib.sha256(token[:MAX_TOKEN].encode("utf-8", "replace")).hexdigest()
