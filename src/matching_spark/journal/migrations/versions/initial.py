"""The first tables.

They are written out, not taken from tables.py, which goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sealed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("who", "key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contents",
        sa.Column("event_id", sa.Text, sa.ForeignKey("events.event_id"), primary_key=True),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "vectors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "vector_subjects",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True, index=True),
        sa.ForeignKeyConstraint(["name", "model"], ["vectors.name", "vectors.model"]),
    )
    op.create_table(
        "forgotten",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, sa.ForeignKey("events.sequence"), nullable=False),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
