"""A table and a journal of their own for a test, and the posts that it writes there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matching_spark.config import Settings
from matching_spark.domain.posts import Kind, Post
from matching_spark.journal.store import Content, Journal
from tests.support.journaled import in_table, with_journal


@pytest.fixture
def mine(settings: Settings, tmp_path: Path) -> Settings:
    return with_journal(settings, tmp_path)


@pytest.fixture
def journal(mine: Settings) -> Iterator[Journal]:
    opened = Journal.open_or_create(mine)
    yield opened
    opened.close()


def post(post_id: str, title: str, kind: Kind = "found") -> Post:
    return Post(post_id, kind, "지갑", title=title, place="강남역")


def told(mine: Settings) -> dict[str, str]:
    return {post_id: str(row["title"]) for post_id, row in in_table(mine.table).items()}


def last_content(journal: Journal) -> Content:
    """The content of the last event."""
    (last,) = journal.tail(journal.last() - 1)
    return journal.contents([last.event_id])[last.event_id]
