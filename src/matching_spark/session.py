"""The SparkSession: conf/spark-defaults.conf found and applied, stopped at the end."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.errors import StorageError

log = logging.getLogger(__name__)


def conf_dir() -> Path:
    """The folder of spark-defaults.conf: SPARK_CONF_DIR, else the one that came with the project."""
    if named := os.environ.get("SPARK_CONF_DIR"):
        return Path(named)
    packaged = Path(__file__).parent / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "conf"


def start_session(settings: Settings | None = None) -> SparkSession:
    """A SparkSession with conf/spark-defaults.conf and the settings' own Spark keys applied.

    Raises StorageError when Spark or its cluster cannot be started.
    """
    settings = settings or Settings()
    # Read when the JVM starts, so they must stand before. Workers need the driver's interpreter.
    os.environ["SPARK_CONF_DIR"] = str(conf_dir())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if settings.hadoop.conf_dir:
        os.environ["HADOOP_CONF_DIR"] = settings.hadoop.conf_dir
    builder = SparkSession.builder.appName(settings.spark.app_name)
    if settings.spark.master:
        builder = builder.master(settings.spark.master)
    for key, value in settings.spark.conf.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise StorageError(
            f"Spark could not be started ({error}); it needs Java 17 or later "
            "(`apt install openjdk-17-jre-headless`) and, the first time, the network for its "
            "packages"
        ) from error


@contextmanager
def session(settings: Settings) -> Iterator[SparkSession]:
    """A session that is stopped at the end, whatever the end is."""
    spark = start_session(settings)
    try:
        yield spark
    finally:
        log.debug("stopping Spark")
        spark.stop()
