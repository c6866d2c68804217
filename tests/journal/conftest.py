"""A journal in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matching_spark.config import Settings
from matching_spark.journal.store import Journal

KEY = "a key that only these tests have."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings()
    made.service.journal, made.service.key = str(tmp_path / "journal"), KEY
    return made


@pytest.fixture
def journal(settings: Settings) -> Iterator[Journal]:
    opened = Journal.open_or_create(settings)
    yield opened
    opened.close()
