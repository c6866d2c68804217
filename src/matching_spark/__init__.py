"""matching-spark: find lost things by CLIP vectors on HDFS, compared by Spark."""

from matching_spark.clip import ClipModel
from matching_spark.config import Settings
from matching_spark.errors import (
    InputError,
    MatchingError,
    ModelError,
    PhotoError,
    StorageError,
    UsageError,
)
from matching_spark.posts import Filters, Post
from matching_spark.results import Match, SearchResult
from matching_spark.session import start_session
from matching_spark.similarity_engine import Query, SimilarityEngine
from matching_spark.table import PostsTable

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
