"""What turns up for a lost post: looked for again and again, told once, by page and mail alike.

News is what is likely, and what is the best of a list in which something is worth a look: of cards
and papers, whose photo and words the public does not search, hardly anything is ever likely.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from matching_spark.errors import MatchingError
from matching_spark.journal.store import Journal
from matching_spark.journal.subjects import is_forgotten
from matching_spark.journal.tables import came, stamp, watched
from matching_spark.service.pages.contexts import Reason
from matching_spark.service.people.contacts import Contacts
from matching_spark.service.people.links import let_go, unwatched, watch_again
from matching_spark.service.people.outbox import Outbox
from matching_spark.service.posts.arrivals import Arrivals
from matching_spark.service.posts.desk import Desk
from matching_spark.service.public.matches import (
    Band,
    PublicMatch,
    PublicResult,
    Showing,
    is_public,
)

log = logging.getLogger(__name__)
POSTS_A_RUN = 100  # looked for in one run: some 10 s of a core
AT_LEAST = timedelta(days=1)  # each is looked for so often: what others' going makes likely
KEPT = 50  # of what came for a post, the newest are shown


@dataclass(frozen=True)
class Came:
    """What turned up for a lost post, and when it was first found so. found_id: for the service
    alone."""

    match: PublicMatch
    at: datetime
    found_id: str


class News:
    """Of one journal. outbox: None where the service sends no mail."""

    def __init__(
        self,
        journal: Journal,
        desk: Desk,
        arrivals: Arrivals,
        showing: Showing,
        contacts: Contacts,
        outbox: Outbox | None,
    ) -> None:
        self._journal, self._desk, self._showing = journal, desk, showing
        self._contacts, self._outbox, self._arrivals = contacts, outbox, arrivals
        self._state: str | None = None  # all who were looked for since know what was there then

    def run_once(self) -> int:
        """Look for the posts that were not looked for since something changed that concerns them,
        the longest ago first, and send what is due; how many had news. A thread calls it every so
        often."""
        had, now = 0, self._desk.stamp()
        try:
            if now != self._state:
                self._resume()
                self._pass_over(now)
                self._state = now
            for post_id in self._waiting(now):
                try:
                    had += bool(self.look(post_id))
                except MatchingError as error:  # one post's trouble is not the others'
                    log.warning("a lost post could not be looked for: %s", type(error).__name__)
                    with self._journal.writing() as to:
                        self._stamped(to, post_id, now)
        finally:  # what is due waits for no search
            if self._outbox is not None:
                self._outbox.run_once()
        return had

    def look(self, lost_id: str, mail: bool = True) -> tuple[str, ...]:
        """Search for a lost post, keep what came, and give the ids of what is news; a mail tells of
        that too. mail: False where the person sees it just now.
        """
        now = self._state or self._desk.stamp()
        stored = self._desk.post(lost_id)
        if stored is None or (stored.post.kind, stored.post.status) != ("lost", "open"):
            with self._journal.writing() as to:
                let_go(lost_id, to)
            return ()
        found = self._showing.result(self._arrivals.alike(lost_id))
        contact = self._contacts.of(lost_id)
        with self._journal.writing() as to:
            if is_forgotten(f"post:{lost_id}", to):
                let_go(lost_id, to)
                return ()
            news = self._taken(to, lost_id, found)
            if news and mail and self._outbox is not None and contact and contact.confirmed:
                self._contacts.queue(to, "news", lost_id, contact.contact_id, contact.address)
            self._stamped(to, lost_id, now)
        return news

    def came(self, lost_id: str) -> list[Came]:
        """What turned up for a lost post and is still there, the newest first."""
        with self._journal.reading() as of:
            mine = select(came).where(came.c.lost_id == lost_id)
            rows = of.execute(mine.order_by(came.c.at.desc(), came.c.found_id).limit(KEPT)).all()
        out = []
        for row in rows:
            stored = self._desk.post(row.found_id)
            if stored is None or not is_public(stored.post):
                continue
            why = cast(tuple[Reason, ...], tuple(row.reasons.split()))
            match = self._showing.post(stored, cast(Band, row.band), why)
            out.append(Came(match, datetime.fromisoformat(row.at), row.found_id))
        return out

    def _taken(self, to: Connection, lost_id: str, found: PublicResult) -> tuple[str, ...]:
        """Keep what was found that was not so before, or not in its band; the ids of the news."""
        mine = to.execute(select(came).where(came.c.lost_id == lost_id))
        before = {row.found_id: row.band for row in mine}
        news = []
        for rank, match in enumerate(found.matches):
            found_id = self._showing.names.open(match.claim)
            if before.get(found_id) in ("likely", match.band):
                continue
            row: dict[str, Any] = {"band": match.band, "reasons": " ".join(match.reasons)}
            row["at"] = stamp(self._journal.now())
            new = upsert(came).values(lost_id=lost_id, found_id=found_id, **row)
            to.execute(new.on_conflict_do_update(index_elements=["lost_id", "found_id"], set_=row))
            if match.band == "likely" or (rank == 0 and found.state == "look"):
                news.append(found_id)
        return tuple(news)

    def _resume(self) -> None:
        """Look again after losses that were opened elsewhere: by the command line, or an undo."""
        with self._journal.reading() as of:
            over = unwatched(of)
        if again := over & self._arrivals.losses() if over else over:
            with self._journal.writing() as to:
                watch_again(again, to)

    def _pass_over(self, now: str) -> None:
        """Those that were looked for in the state before need no search where nothing that changed
        since concerns them: one scan of what is new, for all of them."""
        changes = self._arrivals.take()
        if changes is None or self._state is None:
            return
        with self._journal.reading() as of:
            before = select(watched.c.post_id).where(watched.c.stamp == self._state)
            ids = list(of.scalars(before))
            told = select(came.c.found_id, came.c.lost_id)
            rows = of.execute(told).all() if changes.gone else ()
        concerned = self._arrivals.concerned(changes, ids)
        concerned |= {row.lost_id for row in rows if row.found_id in changes.gone}
        passed = [{"id": post_id} for post_id in ids if post_id not in concerned]
        if passed:
            mine = update(watched).where(watched.c.post_id == bindparam("id"))
            with self._journal.writing() as to:
                to.execute(mine.values(stamp=now), passed)

    def _waiting(self, now: str) -> list[str]:
        long_ago = stamp(self._journal.now() - AT_LEAST)
        stale = or_(
            watched.c.stamp.is_(None), watched.c.stamp != now, watched.c.looked_at < long_ago
        )
        some = select(watched.c.post_id).where(stale)
        some = some.order_by(watched.c.looked_at.asc().nulls_first(), watched.c.post_id)
        with self._journal.reading() as of:
            return list(of.scalars(some.limit(POSTS_A_RUN)))

    def _stamped(self, to: Connection, post_id: str, now: str) -> None:
        done = update(watched).where(watched.c.post_id == post_id)
        to.execute(done.values(stamp=now, looked_at=stamp(self._journal.now())))
