"""The door to a warehouse: its table by the settings, to read, or with Spark to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.embed import hub
from matching_spark.errors import InputError, ModelError
from matching_spark.progress import Progress
from matching_spark.table.catalog import TELLING, saying
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from matching_spark.embed.clip import ClipModel


def reading(settings: Settings) -> PostsTable:
    """The table, without a JVM. Raises InputError when there is none."""
    return PostsTable.of(settings)


def there(settings: Settings) -> PostsTable | None:
    """The table, without a JVM; None where there is none yet."""
    try:
        return reading(settings)
    except InputError:
        return None


def made(settings: Settings, model: "ClipModel", spark: "SparkSession") -> PostsTable:
    """The table, made where there is none. Raises ModelError for another model's."""
    return PostsTable.open_or_create(
        settings.table,
        spark,
        model=model.name,
        dimension=model.dimension,
        hadoop=settings.hadoop,
        place=model.place,
    )


def model_of(settings: Settings, table: PostsTable | None) -> "ClipModel":
    """The model that the settings name, or if they name none, the one the table was made with.

    Raises ModelError when it cannot be loaded. `check_model` tells whether it is the table's.
    """
    from matching_spark.embed.clip import ClipModel  # what reads a table needs no model

    wanted = settings.model
    place = None if table is None else table.model_place
    if place is None or "name" in wanted.model_fields_set:
        return ClipModel.of(wanted)
    if not (hub.SHIPPED / place).is_dir():  # an absolute place stays itself; nothing is fetched
        raise ModelError(
            f"{settings.table} was made with the model of {place}, which is not here: name its "
            "folder (model.name)"
        )
    return ClipModel.of(wanted.model_copy(update={"name": place}))


@contextmanager
def spark_of(
    settings: Settings, what: str, progress: Progress, spark: "SparkSession | None" = None
) -> Iterator["SparkSession"]:
    """A session: `spark`, which stays, or if that is None one that is started, and stopped at the
    end.

    what: what is done with it; every commit that it makes says so. Raises StorageError, before
    Spark starts, for a warehouse that this user may not write to.
    """
    if spark is not None:
        with saying(spark, TELLING, what):
            yield spark
        return
    storage.check_writable(settings.table)
    # Half a second for those who only read.
    from matching_spark.spark.jvm import has_started
    from matching_spark.spark.session import session

    if not has_started():  # by spark-submit, which puts stderr's lines on stdout
        progress.say("starting Spark ...")
    with session(settings) as started, saying(started, TELLING, what):
        yield started


@contextmanager
def writing(
    settings: Settings, what: str, progress: Progress, spark: "SparkSession | None" = None
) -> Iterator[PostsTable]:
    """The table with Spark, as `spark_of` has it. Raises InputError when there is none."""
    reading(settings)  # no need of Spark to say that there is none
    with spark_of(settings, what, progress, spark) as session:
        yield PostsTable.of(settings, session)
