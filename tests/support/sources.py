"""A source as it is read: what became of it."""

from pathlib import Path

from matching_spark.domain.posts import Post, Reject
from matching_spark.sources import read_posts


def read(source: Path, **options: str) -> tuple[list[Post], list[Reject]]:
    rows = list(read_posts(str(source), **options))  # type: ignore[arg-type]  # of any option
    return [r for r in rows if isinstance(r, Post)], [r for r in rows if isinstance(r, Reject)]
