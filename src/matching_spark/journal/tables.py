"""The journal's tables as this version has them; migrations/ makes them, from any older ones."""

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

# Never changed, never deleted. AUTOINCREMENT: no sequence is given twice.
events = Table(
    "events",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),  # UUID, 32 hexadecimal digits
    Column("at", Text, nullable=False),  # ISO 8601 in UTC, with microseconds
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
# One row, by which a wrong service.key is told when the journal is opened.
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
    Column("made_at", Text, nullable=False),  # ISO 8601 in UTC, with microseconds, as all three
    Column("seen_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False, index=True),
)
