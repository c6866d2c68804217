"""matching-spark: find lost things by CLIP vectors on HDFS, compared by Spark."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from matching_spark import telemetry

if TYPE_CHECKING:
    from matching_spark.config import Settings
    from matching_spark.domain.posts import Filters, Post
    from matching_spark.domain.results import Match, SearchResult
    from matching_spark.embed.clip import ClipModel
    from matching_spark.errors import (
        InputError,
        MatchingError,
        ModelError,
        PhotoError,
        StorageError,
        UsageError,
    )
    from matching_spark.similarity_engine import Query, SimilarityEngine
    from matching_spark.spark.session import start_session
    from matching_spark.table.posts_table import PostsTable

telemetry.turn_off()

__all__ = [
    "ClipModel",
    "Filters",
    "InputError",
    "Match",
    "MatchingError",
    "ModelError",
    "PhotoError",
    "Post",
    "PostsTable",
    "Query",
    "SearchResult",
    "Settings",
    "SimilarityEngine",
    "StorageError",
    "UsageError",
    "start_session",
]

_HOMES = {
    "ClipModel": "embed.clip",
    "Filters": "domain.posts",
    "InputError": "errors",
    "Match": "domain.results",
    "MatchingError": "errors",
    "ModelError": "errors",
    "PhotoError": "errors",
    "Post": "domain.posts",
    "PostsTable": "table.posts_table",
    "Query": "similarity_engine",
    "SearchResult": "domain.results",
    "Settings": "config",
    "SimilarityEngine": "similarity_engine",
    "StorageError": "errors",
    "UsageError": "errors",
    "start_session": "spark.session",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: a Spark task needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
