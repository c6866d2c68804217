"""The events of one subject, in their order, read in a transaction of who asks."""

from sqlalchemy import Connection, exists, select

from matching_spark.journal.events import Event, decode
from matching_spark.journal.tables import contents, events, forgotten


def events_of(subject: str, of: Connection) -> list[tuple[str, Event]]:
    """(event id, event) of a subject (post:ID, account:ID), of those that have a content; none of
    one that was forgotten. Raises StorageError for an event that this version does not know."""
    found = select(events.c.event_id, events.c.body).join(contents)
    found = found.where(contents.c.subject == subject).order_by(events.c.sequence)
    return [(row.event_id, decode(row.body)) for row in of.execute(found)]


def is_newer(subject: str, upto: int, of: Connection) -> bool:
    """Whether a subject has an event with a content after the sequence `upto`."""
    mine = (contents.c.event_id == events.c.event_id) & (contents.c.subject == subject)
    return bool(of.scalar(select(exists().where(mine, events.c.sequence > upto))))


def is_forgotten(subject: str, of: Connection) -> bool:
    return bool(of.scalar(select(exists().where(forgotten.c.subject == subject))))
