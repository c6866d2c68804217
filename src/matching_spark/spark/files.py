"""Files as Spark reads them: the very files that were named, wherever Hadoop's default is."""

from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession

from matching_spark import storage

# Spark takes a path for a pattern, in which [1] or {a} of a folder's name mean something else and a
# colon beside them is refused. This key of its own (DataSource.GLOB_PATHS_KEY) says it is none.
LITERALLY = ("__globPaths__", "false")


def read_parquet(spark: SparkSession, places: Iterable[str]) -> DataFrame:
    """The rows of some Parquet files or folders."""
    return spark.read.option(*LITERALLY).parquet(*map(storage.for_spark, places))
