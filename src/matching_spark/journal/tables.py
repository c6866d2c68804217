"""The journal's tables as this version has them; migrations/ makes them, from any older ones."""

import datetime as dt

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()


def stamp(at: dt.datetime) -> str:
    """A time as the tables have it: ISO 8601 in UTC, with microseconds, so that texts sort as the
    times do."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")


# Never changed, never deleted. AUTOINCREMENT: no sequence is given twice.
events = Table(
    "events",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),  # UUID, 32 hexadecimal digits
    Column("at", Text, nullable=False),  # stamp
    Column("who", Text, nullable=False),
    Column("key", Text),  # of idempotency, who's own; NULL: none was given
    Column("body", Text, nullable=False),
    Column("sealed", Boolean, nullable=False),  # whether it had a content when it was written
    UniqueConstraint("who", "key"),
    sqlite_autoincrement=True,
)
# What is personal, deleted when its subject is forgotten.
contents = Table(
    "contents",
    metadata,
    Column("event_id", Text, ForeignKey("events.event_id"), primary_key=True),
    Column("subject", Text, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),  # sealing.Sealer's, of canonical JSON
)
vectors = Table(
    "vectors",
    metadata,
    Column("name", Text, primary_key=True),  # photo:SHA256 or text:POST_ID
    Column("model", Text, primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
)
# Whose a vector is: it goes with the last subject that has it.
vector_subjects = Table(
    "vector_subjects",
    metadata,
    Column("name", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("subject", Text, primary_key=True, index=True),
    ForeignKeyConstraint(["name", "model"], ["vectors.name", "vectors.model"]),
)
forgotten = Table(
    "forgotten",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("sequence", Integer, ForeignKey("events.sequence"), nullable=False),
)
# Row 1, by which a wrong service.key is told when the journal is opened; row 2, of the key before,
# while it is sealed anew (rekey).
key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
# Who is signed in: no event, for it ends by itself. What opens it is kept as its hash alone.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),  # sha256 of the token, hexadecimal
    Column("session_id", Text, nullable=False, unique=True),  # by which it is listed and revoked
    Column("kind", Text, nullable=False),  # cookie: of a browser; bearer: of a program
    Column("account_id", Text, nullable=False, index=True),
    Column("made_at", Text, nullable=False),  # stamp, as all three
    Column("seen_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False, index=True),
)
# What opens a person's own report, or confirms an address: no event, for its hash alone is kept.
links = Table(
    "links",
    metadata,
    Column("digest", Text, primary_key=True),  # sha256 of the token, hexadecimal
    Column("post_id", Text, nullable=False, index=True),
    Column("contact_id", Text),  # NULL: it opens the report; else it confirms that address
    Column("made_at", Text, nullable=False),  # stamp, as all below
    Column("revoked_at", Text),
)
# Lost posts that are looked after. stamp: of what was searched last, and when it was.
watched = Table(
    "watched",
    metadata,
    Column("post_id", Text, primary_key=True),
    Column("stamp", Text),
    Column("looked_at", Text, index=True),
)
# What was found for them, since when and in which band: what has been told once is not news.
came = Table(
    "came",
    metadata,
    Column("lost_id", Text, primary_key=True),
    Column("found_id", Text, primary_key=True),
    Column("band", Text, nullable=False),
    Column("reasons", Text, nullable=False),  # codes, joined by spaces
    Column("at", Text, nullable=False),
)
# Mails that are to be sent, and for a day those that were. No address is here: it is a content.
outbox = Table(
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("post_id", Text, nullable=False, index=True),
    Column("contact_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # confirm or news
    Column("address", Text, nullable=False, index=True),  # a keyed hash, for counting
    Column("made_at", Text, nullable=False),
    Column("due_at", Text, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Text),
)
