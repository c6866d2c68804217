"""matching-spark: find lost things by CLIP vectors on HDFS, compared by Spark."""

from importlib import import_module
from typing import TYPE_CHECKING

from matching_spark import telemetry

if TYPE_CHECKING:
    from matching_spark.config import Settings, load_settings
    from matching_spark.domain.posts import Filters, Post, Reject
    from matching_spark.domain.results import Match, SearchResult
    from matching_spark.embed.clip import ClipModel
    from matching_spark.errors import (
        InputError,
        MatchingError,
        ModelError,
        PhotoError,
        RemoteError,
        StorageError,
        UsageError,
    )
    from matching_spark.ingest.pipeline import ingest_posts
    from matching_spark.matching.matcher import MatchRules
    from matching_spark.score.calibration import Calibration
    from matching_spark.search.query import Query, SearchOptions
    from matching_spark.similarity_engine import SimilarityEngine
    from matching_spark.sources import read_posts
    from matching_spark.spark.session import start_session
    from matching_spark.table.posts_table import PostsTable

    __version__: str

telemetry.turn_off()

__all__ = [
    "Calibration",
    "ClipModel",
    "Filters",
    "InputError",
    "Match",
    "MatchRules",
    "MatchingError",
    "ModelError",
    "PhotoError",
    "Post",
    "PostsTable",
    "Query",
    "Reject",
    "RemoteError",
    "SearchOptions",
    "SearchResult",
    "Settings",
    "SimilarityEngine",
    "StorageError",
    "UsageError",
    "__version__",
    "ingest_posts",
    "load_settings",
    "read_posts",
    "start_session",
]

# Where the public names live: `__all__` lists them for those who read types, a test holds the two.
_HOMES = {
    "config": ("Settings", "load_settings"),
    "domain.posts": ("Filters", "Post", "Reject"),
    "domain.results": ("Match", "SearchResult"),
    "embed.clip": ("ClipModel",),
    "errors": (
        *("InputError", "MatchingError", "ModelError", "PhotoError"),
        *("RemoteError", "StorageError", "UsageError"),
    ),
    "ingest.pipeline": ("ingest_posts",),
    "matching.matcher": ("MatchRules",),
    "score.calibration": ("Calibration",),
    "search.query": ("Query", "SearchOptions"),
    "similarity_engine": ("SimilarityEngine",),
    "sources": ("read_posts",),
    "spark.session": ("start_session",),
    "table.posts_table": ("PostsTable",),
}
HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: a Spark task needs few of them."""
    if name == "__version__":
        from importlib.metadata import version  # 0.07 s for every command

        return version("matching-spark")
    if name not in HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOME_OF[name]}"), name)
