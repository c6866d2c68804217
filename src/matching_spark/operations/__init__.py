"""What the project does, as functions from settings to a report: each command's work without its
flags. Prints nothing.

A module is imported when it is first asked for: `from matching_spark import operations` costs
nothing, and `operations.match.match(...)` brings Spark. So the command line refuses wrong flags at
once.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from matching_spark.errors import UsageError

if TYPE_CHECKING:
    from matching_spark.operations import (
        batcher,
        browse,
        cluster,
        demo_service,
        describe,
        evaluate,
        forget,
        index,
        ingest,
        match,
        merge,
        merger,
        models,
        output,
        own_photos,
        posts,
        quantize,
        question,
        search,
        status,
        table,
        tour,
        unlabelled,
        verdicts,
    )

__all__ = [
    "batcher",
    "browse",
    "cluster",
    "demo_service",
    "describe",
    "evaluate",
    "forget",
    "index",
    "ingest",
    "match",
    "merge",
    "merger",
    "models",
    "output",
    "own_photos",
    "posts",
    "quantize",
    "question",
    "search",
    "status",
    "table",
    "tour",
    "unlabelled",
    "verdicts",
]

OF_SERVICE = ("sqlalchemy", "alembic", "cryptography")  # of the extra, what the journal needs


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name not in OF_SERVICE:
            raise
        raise UsageError(
            f"the service's journal needs {error.name}: pip install 'matching-spark[service]'"
        ) from None
