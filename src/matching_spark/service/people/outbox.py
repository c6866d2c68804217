"""The outbox: mails wait in the journal's file until a server has taken them, whoever is killed.

At least once: a mail is marked as sent after the server took it. What is in the way is tried again,
later each time, for two days. Its address is read when it is sent: an erased one gets none.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, exists, func, select, update

from matching_spark.journal.store import Journal
from matching_spark.journal.tables import forgotten, outbox, stamp
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.links import Links
from matching_spark.service.people.mail import AwayError, Mailer, NotNowError, RefusedError

log = logging.getLogger(__name__)
FIRST_WAIT = timedelta(minutes=1)  # doubled with each try
LONGEST_WAIT = timedelta(hours=6)
GIVEN_UP = timedelta(days=2)
KEPT = timedelta(days=1)  # after it was sent, for counting


class Outbox:
    """Of one journal; one thread sends. a_minute: mails at most."""

    def __init__(
        self, journal: Journal, links: Links, contacts: Contacts, mailer: Mailer, a_minute: int
    ) -> None:
        self._journal, self._links, self._contacts = journal, links, contacts
        self._mailer, self._a_minute = mailer, a_minute

    def run_once(self) -> int:
        """Send what is due, as many as may be sent in a minute, until the server is seen to be
        away; how many it took."""
        sent = 0
        with suppress(AwayError):  # what is left waits for the next run, and nobody for each of it
            for row in self._due():
                sent += self._sent(row)
        return sent

    def _due(self) -> list[Row[Any]]:
        now = self._journal.now()
        with self._journal.writing() as to:
            erased = exists().where(forgotten.c.subject == "post:" + outbox.c.post_id)
            waits = outbox.c.sent_at.is_(None)
            to.execute(delete(outbox).where(waits, erased))
            # What is far to come is of a clock that was set back since: it counts for nothing.
            known = outbox.c.sent_at.between(stamp(now - KEPT), stamp(now + KEPT))
            to.execute(delete(outbox).where(~known))
            lately = outbox.c.sent_at.between(stamp(now - timedelta(minutes=1)), stamp(now))
            taken = to.scalar(select(func.count()).select_from(outbox).where(lately)) or 0
            due = (outbox.c.due_at <= stamp(now)) | (outbox.c.due_at > stamp(now + LONGEST_WAIT))
            some = select(outbox).where(waits, due)
            some = some.order_by(outbox.c.due_at, outbox.c.number)
            return list(to.execute(some.limit(max(0, self._a_minute - taken))))

    def _sent(self, row: Row[Any]) -> bool:
        contact, confirms = self._contacts.of(row.post_id), row.kind == "confirm"
        wanted = (row.contact_id, not confirms)  # of nobody else, and not confirmed meanwhile
        if contact is None or (contact.contact_id, contact.confirmed) != wanted:
            self._drop(row)
            return False
        if not self._taken(row):
            return False
        asks = row.contact_id if confirms else None
        try:
            token = self._links.make(row.post_id, asks)
            self._mailer.send(row.kind, contact.address, contact.language, token)
        except RefusedError as error:
            log.warning("mail %s is given up: %s", row.number, error)
            self._drop(row)
            if asks:  # no mail has ever come there: its owner is told that none is left
                self._contacts.remove(row.post_id, "system", f"refused-{row.number}")
        except NotNowError as error:
            self._later(row, str(error))
            if isinstance(error, AwayError):
                raise
        else:
            with self._journal.writing() as to:
                done = update(outbox).where(outbox.c.number == row.number)
                to.execute(done.values(sent_at=stamp(self._journal.now())))
            return True
        return False

    def _taken(self, row: Row[Any]) -> bool:
        """Whether it is sent here: another service on the journal may have seen it too. Whoever is
        killed now leaves it for a minute."""
        mine = update(outbox).where(outbox.c.number == row.number, outbox.c.due_at == row.due_at)
        mine = mine.where(outbox.c.sent_at.is_(None))
        with self._journal.writing() as to:
            due = stamp(self._journal.now() + FIRST_WAIT)
            return bool(to.execute(mine.values(due_at=due)).rowcount)

    def _later(self, row: Row[Any], why: str) -> None:
        now = self._journal.now()
        if datetime.fromisoformat(row.made_at) + GIVEN_UP < now:
            log.warning("mail %s is given up after %s tries: %s", row.number, row.tries + 1, why)
            self._drop(row)
            return
        wait = min(FIRST_WAIT * 2 ** min(row.tries, 20), LONGEST_WAIT)
        log.info("mail %s waits for %s: %s", row.number, wait, why)
        with self._journal.writing() as to:
            again = update(outbox).where(outbox.c.number == row.number)
            to.execute(again.values(tries=row.tries + 1, due_at=stamp(now + wait)))

    def _drop(self, row: Row[Any]) -> None:
        with self._journal.writing() as to:
            to.execute(delete(outbox).where(outbox.c.number == row.number))
