"""Addresses that were left with a lost post: sealed in the journal, confirmed before they are used.

Who leaves an address may mistype it, or mean to bother somebody: one mail asks, and no other goes
out before the link in it was followed and the button there pressed.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, insert, select

from matching_spark.errors import InputError
from matching_spark.journal.events import ContactConfirmed, ContactGiven, ContactRemoved
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import outbox, stamp
from matching_spark.score.components import Language
from matching_spark.service.people.addresses import checked_address
from matching_spark.service.people.links import Links, who_of
from matching_spark.service.people.mail import Kind
from matching_spark.service.posts.again import name_of
from matching_spark.service.public.opaque import derived

ASKED_A_DAY = 3  # mails that ask one address to confirm


@dataclass(frozen=True)
class Contact:
    """Where a person wants to be told. language: of the mails."""

    contact_id: str
    address: str
    language: Language
    confirmed: bool


class Contacts:
    """Of one journal. key: the setting service.key."""

    def __init__(self, journal: Journal, links: Links, key: str) -> None:
        self._journal, self._links = journal, links
        self._key = derived(key, "addresses", 32)

    def give(
        self, post_id: str, address: str, language: Language, who: str, key: str | None
    ) -> None:
        """Keep an address in place of one before, and let one mail ask whether it is wanted.

        Raises InputError for what is no address, and for one that was asked too often.
        """
        address = checked_address(address)
        contact_id = "contact-" + name_of(f"contact\0{who}", key)  # not the post's of that key

        def ask(to: Connection) -> None:
            since, hashed = stamp(self._journal.now() - timedelta(days=1)), self._hashed(address)
            asked = select(func.count()).select_from(outbox).where(outbox.c.address == hashed)
            asked = asked.where(outbox.c.kind == "confirm", outbox.c.made_at > since)
            if (to.scalar(asked) or 0) >= ASKED_A_DAY:
                raise InputError(
                    "this address was asked to confirm several times today: look for that mail, "
                    "or try again tomorrow",
                    argument="address",
                )
            self.queue(to, "confirm", post_id, contact_id, address)

        event = ContactGiven(post_id, contact_id)
        content = {"address": address, "language": language}
        self._journal.append(event, who, key, content, check=ask)

    def of(self, post_id: str) -> Contact | None:
        """The address of a post; None where none was left, or it was removed or erased."""
        event_id, given, confirmed = "", None, False
        for record in self._journal.history(f"post:{post_id}"):
            event = record.event
            if isinstance(event, ContactGiven):
                event_id, given, confirmed = record.event_id, event, False
            elif isinstance(event, ContactConfirmed) and given is not None:
                confirmed |= event.contact_id == given.contact_id
            elif isinstance(event, ContactRemoved):
                given = None
        if given is None:
            return None
        content = self._journal.contents([event_id]).get(event_id)
        if content is None:  # erased between the two
            return None
        return Contact(given.contact_id, content["address"], content["language"], confirmed)

    def confirm(self, token: str) -> str | None:
        """Take the link of a mail as its reader's word, and give the post; None for a link that is
        none, or of an address that is not the post's any more. Twice is as once."""
        asked = self._links.confirming(token)
        if asked is None:
            return None
        contact = self.of(asked.post_id)
        if contact is None or contact.contact_id != asked.contact_id:
            return None
        if not contact.confirmed:
            event = ContactConfirmed(*asked)
            self._journal.append(event, who_of(token), "confirmed", content={})
        return asked.post_id

    def remove(self, post_id: str, who: str, key: str | None) -> None:
        """No mail goes there any more; the address is erased with the post."""
        contact = self.of(post_id)
        if contact is not None:
            self._journal.append(ContactRemoved(post_id, contact.contact_id), who, key, content={})

    def queue(
        self, to: Connection, kind: Kind, post_id: str, contact_id: str, address: str
    ) -> None:
        """Let a mail be sent, unless one like it waits."""
        waits = select(outbox.c.number).where(outbox.c.contact_id == contact_id)
        if to.scalar(waits.where(outbox.c.kind == kind, outbox.c.sent_at.is_(None))) is not None:
            return
        mail = {"post_id": post_id, "contact_id": contact_id, "kind": kind}
        now = stamp(self._journal.now())
        new = insert(outbox).values(**mail, address=self._hashed(address), tries=0)
        to.execute(new.values(made_at=now, due_at=now))

    def _hashed(self, address: str) -> str:
        """The address as the outbox has it. What is behind a + comes to the same mailbox (RFC
        5233), so that it counts as one."""
        local, _, domain = address.lower().partition("@")
        mailbox = f"{local.partition('+')[0] or local}@{domain}"
        return hmac.new(self._key, mailbox.encode(), hashlib.sha256).hexdigest()
