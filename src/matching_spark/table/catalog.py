"""A warehouse as a catalog of Spark SQL: made known to a session, and its posts table made."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.domain.schema import BY_VERSION, COLUMNS, numbered
from matching_spark.errors import InputError, StorageError
from matching_spark.spark.failures import spark_errors
from matching_spark.spark.jvm import Java, java_session, jvm
from matching_spark.table.writer_lock import writing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMAT_VERSION = max(BY_VERSION)  # of our own use of the table; a newer one is refused
PROPERTY = "matching-spark."
NUMBER = "[1-9][0-9]{0,8}"  # what of a property is one: a dimension, a version
MODEL_PLACE = "model-place"  # where whoever wrote the table first, or changed its model, had it
COMMAND = PROPERTY + "command"  # in a snapshot's summary: what wrote it
MATCHED = PROPERTY + "match"  # in one of the matches table: of which posts, by which rules
TELLING = f"spark.sql.iceberg.snapshot-property.{COMMAND}"  # a session's, for each that it makes
# The number of a version's first column in a table that was of one before it.
ADDED_AT = {2: "added-at", 3: "added-at-3"}


def quoted(text: str) -> str:
    """A literal of Spark SQL, where a statement takes no parameter."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    # Spark puts the value of a setting in place of ${its name}, also within a literal.
    escaped = escaped.replace("$", "\\u0024")
    return f"'{escaped}'"


def iceberg_table(spark: "SparkSession", name: str) -> Java:
    """Iceberg's own table. name: in Spark SQL."""
    named = jvm(spark).org.apache.iceberg.spark.Spark3Util
    return named.loadIcebergTable(java_session(spark), name)


def telling(spark: "SparkSession", change: Java) -> Java:
    """A commit by Iceberg's own calls, with what makes it, as SQL's have it by themselves."""
    said = spark.conf.get(TELLING, None)
    return change.set(COMMAND, said) if said else change


@contextmanager
def saying(spark: "SparkSession", key: str, value: str) -> Iterator[None]:
    """A key of the session has a value, of which a snapshot that is made meanwhile tells."""
    before = spark.conf.get(key, None)
    spark.conf.set(key, value)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, before)


def register(uri: str, spark: "SparkSession") -> str:
    """Make the warehouse known to Spark SQL as a catalog; returns the catalog's name."""
    name = "lf_" + hashlib.sha256(uri.encode()).hexdigest()[:8]
    key = f"spark.sql.catalog.{name}"
    if spark.conf.get(key, None) is None:
        try:
            jvm(spark).java.lang.Thread.currentThread().getContextClassLoader().loadClass(
                "org.apache.iceberg.spark.SparkCatalog"
            )
        except Exception:
            raise StorageError(
                "this Spark has no Iceberg: start it with SPARK_CONF_DIR at matching-spark's conf/ "
                "(`matching-spark config` says where), or with its spark.jars.packages"
            ) from None
        spark.conf.set(f"{key}.type", "hadoop")
        spark.conf.set(f"{key}.warehouse", uri)
        if storage.is_local(uri):
            # Its files are named without a scheme, which HADOOP_CONF_DIR would take for HDFS.
            spark.conf.set(f"{key}.hadoop.fs.defaultFS", "file:///")
        # A table kept from an earlier query does not know what other processes wrote since.
        spark.conf.set(f"{key}.cache-enabled", "false")
        spark.conf.set(key, "org.apache.iceberg.spark.SparkCatalog")
    return name


def create(uri: str, spark: "SparkSession", space: Mapping[str, str], hadoop: Hadoop) -> None:
    """Make the posts table of a warehouse, unless another process just has.

    space: model, dimension, and MODEL_PLACE where it is known. Raises InputError, before anything
    is made, for a dimension by which no table could be opened.
    """
    if not re.fullmatch(NUMBER, dimension := space["dimension"]):
        raise InputError(f"dimension {dimension} is none that vectors have", argument="dimension")
    catalog = register(uri, spark)
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    properties = {
        "format-version": "2",
        # Data files never change, so a shard once read stays valid; deletes are a mask.
        "write.delete.mode": "merge-on-read",
        "write.update.mode": "merge-on-read",
        "write.merge.mode": "merge-on-read",
        "write.delete.isolation-level": "serializable",
        "write.update.isolation-level": "serializable",
        "write.merge.isolation-level": "serializable",
        # Vectors do not compress, and native reading is twice as fast without zstd.
        "write.parquet.compression-codec": "uncompressed",
        "write.distribution-mode": "hash",
        "write.target-file-size-bytes": str(hadoop.target_file_bytes),
        "write.metadata.metrics.column.post_id": "full",
        "write.metadata.metrics.column.model": "full",
        "write.metadata.metrics.column.description": "none",
        "write.metadata.metrics.column.text_vector": "none",
        "write.metadata.metrics.column.photos.element.vector": "none",
        "write.metadata.delete-after-commit.enabled": "true",
        PROPERTY + "format-version": str(FORMAT_VERSION),
    } | {PROPERTY + name: value for name, value in space.items()}
    listed = ", ".join(f"{quoted(k)} = {quoted(v)}" for k, v in properties.items())
    with spark_errors(f"{uri} could not be made"), writing(uri, spark, hadoop.lock_wait_s):
        spark.sql(
            f"CREATE TABLE IF NOT EXISTS {catalog}.posts ({columns}) USING iceberg "
            f"PARTITIONED BY (kind, category) TBLPROPERTIES ({listed})"
        )


def add_columns(spark: "SparkSession", name: str, version: int) -> None:
    """Make a table of an earlier version one of this version, in one commit. name: the table's in
    Spark SQL.

    Who holds the warehouse's lock calls it, at a table that has just been read.
    """
    java = jvm(spark)
    iceberg, of_spark = java.org.apache.iceberg, java.org.apache.spark.sql.types.DataType
    with spark_errors(f"{name} could not be brought to format {FORMAT_VERSION}"):
        table = iceberg_table(spark, name)
        change = table.newTransaction()
        columns = change.updateSchema()
        new = {v: added for v, added in BY_VERSION.items() if v > version}
        kinds = {column: kind for added in new.values() for column, kind in added.items()}
        for column, kind in kinds.items():
            kind_of_it = iceberg.spark.SparkSchemaUtil.convert(of_spark.fromDDL(kind))
            columns.addColumn(column, kind_of_it)
        columns.commit()
        numbers = numbered(kinds, table.operations().current().lastColumnId() + 1)
        properties = change.updateProperties()
        properties.set(PROPERTY + "format-version", str(FORMAT_VERSION))
        for number, added in new.items():
            properties.set(PROPERTY + ADDED_AT[number], str(numbers[next(iter(added))]))
        properties.commit()
        change.commitTransaction()
