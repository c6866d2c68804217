"""Spark's JVM through py4j. Its names in pyspark are private: they stand here and nowhere else.

What the JVM gives is Any: py4j looks a class or a method up when it is called.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession


def jvm(spark: "SparkSession") -> Any:
    """The JVM of a session: its packages and classes are attributes of it."""
    return spark._jvm


def java_session(spark: "SparkSession") -> Any:
    """The session as the JVM itself knows it."""
    return spark._jsparkSession


def executors(spark: "SparkContext") -> int:
    """How many have come. Raises Py4JError once Spark has ended."""
    return int(spark._jsc.sc().getExecutorMemoryStatus().size()) - 1  # the driver is one of them


def has_started() -> bool:
    """Whether this process has a JVM already."""
    from pyspark import SparkContext

    return SparkContext._gateway is not None


def ensure_started() -> None:
    """Start this process's JVM, or take the one that spark-submit has started."""
    from pyspark import SparkContext

    SparkContext._ensure_initialized()


def active_context() -> "SparkContext | None":
    """The context of this process, also one that has not come up whole."""
    from pyspark import SparkContext

    return SparkContext._active_spark_context
