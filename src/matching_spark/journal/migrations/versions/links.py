"""Private links, what was found for whoever has one, and mails that are to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("post_id", sa.Text, nullable=False, index=True),
        sa.Column("contact_id", sa.Text),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.Text),
    )
    op.create_table(
        "watched",
        sa.Column("post_id", sa.Text, primary_key=True),
        sa.Column("stamp", sa.Text),
        sa.Column("looked_at", sa.Text, index=True),
    )
    op.create_table(
        "came",
        sa.Column("lost_id", sa.Text, primary_key=True),
        sa.Column("found_id", sa.Text, primary_key=True),
        sa.Column("band", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("post_id", sa.Text, nullable=False, index=True),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False, index=True),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("due_at", sa.Text, nullable=False, index=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.Text),
    )
