"""What there is of one subject (post:ID, account:ID), read in a transaction of who asks."""

from sqlalchemy import Connection, exists, select

from matching_spark.journal.tables import contents, events, forgotten


def is_newer(subject: str, upto: int, of: Connection) -> bool:
    """Whether a subject has an event with a content after the sequence `upto`."""
    mine = (contents.c.event_id == events.c.event_id) & (contents.c.subject == subject)
    return bool(of.scalar(select(exists().where(mine, events.c.sequence > upto))))


def is_forgotten(subject: str, of: Connection) -> bool:
    return bool(of.scalar(select(exists().where(forgotten.c.subject == subject))))
