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
    from matching_spark.operations import batcher as batcher
    from matching_spark.operations import browse as browse
    from matching_spark.operations import cluster as cluster
    from matching_spark.operations import demo_service as demo_service
    from matching_spark.operations import describe as describe
    from matching_spark.operations import evaluate as evaluate
    from matching_spark.operations import forget as forget
    from matching_spark.operations import index as index
    from matching_spark.operations import ingest as ingest
    from matching_spark.operations import match as match
    from matching_spark.operations import merge as merge
    from matching_spark.operations import merger as merger
    from matching_spark.operations import models as models
    from matching_spark.operations import output as output
    from matching_spark.operations import own_photos as own_photos
    from matching_spark.operations import posts as posts
    from matching_spark.operations import quantize as quantize
    from matching_spark.operations import question as question
    from matching_spark.operations import search as search
    from matching_spark.operations import status as status
    from matching_spark.operations import table as table
    from matching_spark.operations import tour as tour
    from matching_spark.operations import unlabelled as unlabelled
    from matching_spark.operations import verdicts as verdicts

OF_SERVICE = ("sqlalchemy", "alembic", "cryptography")  # of the extra, what the journal needs


def __getattr__(name: str) -> ModuleType:
    place = f"{__name__}.{name}"
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name == place:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        if error.name not in OF_SERVICE:
            raise
        raise UsageError(
            f"the service's journal needs {error.name}: pip install 'matching-spark[service]'"
        ) from None
