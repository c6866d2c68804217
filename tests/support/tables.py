"""A table for each test, from one that was made once: what a test does to it is its own."""

import shutil
from pathlib import Path

from matching_spark.config import Hadoop
from matching_spark.table.adopt import adopt


def copied(uri: str | Path, to: Path) -> str:
    """A copy that is whole where it lies, and has no history: a second, not an ingest's ten."""
    shutil.copytree(uri, to)
    adopt(str(to), Hadoop())
    return str(to)
