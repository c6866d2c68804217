"""Spark's JVM through py4j. Its names in pyspark are private: they stand here and nowhere else."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

# An object, a class or a package of the JVM: py4j looks a name in it up when it is called.
Java = Any


def jvm(spark: "SparkSession") -> Java:
    """The JVM of a session: its packages and classes are attributes of it."""
    return spark._jvm


def java_session(spark: "SparkSession") -> Java:
    """The session as the JVM itself knows it."""
    return spark._jsparkSession


def executors(spark: "SparkContext") -> int:
    """How many have come. Raises Py4JError once Spark has ended."""
    return int(spark._jsc.sc().getExecutorMemoryStatus().size()) - 1  # the driver is one of them


def has_started() -> bool:
    """Whether this process has a JVM already."""
    from pyspark import SparkContext  # half a second for those who use no Spark

    return SparkContext._gateway is not None


def ensure_started() -> None:
    """Start this process's JVM, or take the one that spark-submit has started."""
    from pyspark import SparkContext  # half a second for those who use no Spark

    SparkContext._ensure_initialized()


def property_of(name: str) -> str:
    """A system property of the JVM, as which Spark keeps its launcher's keys; '' for none."""
    from pyspark import SparkContext  # half a second for those who use no Spark

    return SparkContext.getSystemProperty(name) or ""


def active_context() -> "SparkContext | None":
    """The context of this process, also one that has not come up whole."""
    from pyspark import SparkContext  # half a second for those who use no Spark

    return SparkContext._active_spark_context
