"""matching-spark: find lost things by CLIP vectors on HDFS, compared by Spark."""

from importlib import import_module
from typing import TYPE_CHECKING

from matching_spark import telemetry

if TYPE_CHECKING:
    from matching_spark.config import Settings as Settings
    from matching_spark.config import load_settings as load_settings
    from matching_spark.domain.posts import Filters as Filters
    from matching_spark.domain.posts import Post as Post
    from matching_spark.domain.posts import Reject as Reject
    from matching_spark.domain.results import Match as Match
    from matching_spark.domain.results import SearchResult as SearchResult
    from matching_spark.embed.clip import ClipModel as ClipModel
    from matching_spark.errors import InputError as InputError
    from matching_spark.errors import MatchingError as MatchingError
    from matching_spark.errors import ModelError as ModelError
    from matching_spark.errors import PhotoError as PhotoError
    from matching_spark.errors import RemoteError as RemoteError
    from matching_spark.errors import StorageError as StorageError
    from matching_spark.errors import UsageError as UsageError
    from matching_spark.ingest.pipeline import ingest_posts as ingest_posts
    from matching_spark.matching.matcher import MatchRules as MatchRules
    from matching_spark.score.calibration import Calibration as Calibration
    from matching_spark.search.query import Query as Query
    from matching_spark.search.query import SearchOptions as SearchOptions
    from matching_spark.similarity_engine import SimilarityEngine as SimilarityEngine
    from matching_spark.sources import read_posts as read_posts
    from matching_spark.spark.session import start_session as start_session
    from matching_spark.table.posts_table import PostsTable as PostsTable

    __version__: str

telemetry.turn_off()

# Where the public names live: the imports above are for those who read types, a test holds the two.
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
__all__ = [*HOME_OF, "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: a Spark task needs few of them."""
    if name == "__version__":
        from importlib.metadata import version  # 0.07 s for every command

        return version("matching-spark")
    if name not in HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOME_OF[name]}"), name)
