"""Spark's JVM through py4j. Its names in pyspark are private: they stand here and nowhere else."""

import os
import subprocess
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

# An object, a class or a package of the JVM: py4j looks a name in it up when it is called.
Java = Any


def jvm(spark: "SparkSession") -> Java:
    """The JVM of a session: its packages and classes are attributes of it."""
    return spark._jvm


def java_session(spark: "SparkSession") -> Java:
    """The session as the JVM itself knows it, from now on this thread's active one: Iceberg looks
    a catalog up in the settings of that, and another may have been made since."""
    made = spark._jsparkSession
    jvm(spark).org.apache.spark.sql.classic.SparkSession.setActiveSession(made)
    return made


def executors(spark: "SparkContext") -> int:
    """How many have come. Raises Py4JError once Spark has ended."""
    return int(spark._jsc.sc().getExecutorMemoryStatus().size()) - 1  # the driver is one of them


def is_stopped(spark: "SparkContext") -> bool:
    """Whether it has ended, by whomever. Raises Py4JError where its JVM has too."""
    return spark._jsc is None or bool(spark._jsc.sc().isStopped())


def _context() -> "type[SparkContext]":
    """pyspark's own."""
    from pyspark import SparkContext  # half a second for those who use no Spark

    return SparkContext


def has_started() -> bool:
    """Whether this process has a JVM already, or spark-submit has started it one."""
    return _context()._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ


def end(spark: "SparkContext") -> None:
    """End the JVM: whoever waits for an answer of it is told. Raises Py4JError, as they do."""
    java: Java = spark._jvm
    java.java.lang.System.exit(1)


def shut_down() -> None:
    """End the JVM that this process has started, for its memory; a later session starts another."""
    context = _context()
    gateway: Java = context._gateway
    process = getattr(gateway, "proc", None)
    if process is None:  # none was started, or by spark-submit
        return
    context._gateway = context._jvm = None
    gateway.shutdown()
    process.stdin.close()  # at whose end it ends
    process.wait()


class _Process(subprocess.Popen[bytes]):
    """A JVM's, known from its first moment on: pyspark tells of it when it has answered."""

    all_of_them: ClassVar[list["_Process"]] = []

    def __init__(self, *how: Any, **more: Any) -> None:
        super().__init__(*how, **more)
        self.all_of_them.append(self)

    def poll(self) -> int | None:
        """1 for 0: pyspark takes that for a JVM that is yet to answer, and waits for ever."""
        return 1 if super().poll() == 0 else self.returncode


def ensure_started() -> None:
    """Start this process's JVM, or take the one that spark-submit has started."""
    from pyspark import java_gateway  # half a second for those who use no Spark

    starts: Java = java_gateway
    starts.Popen = _Process
    try:
        _context()._ensure_initialized()
    finally:
        starts.Popen = subprocess.Popen


def end_start() -> None:
    """End the JVM of this process, which an interrupt has met while Spark starts: it may wait for
    the network, or for a cluster, for ever. Raises KeyboardInterrupt where none runs yet."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit's own, which answers
        return
    running = [each for each in _Process.all_of_them if each.poll() is None]
    for each in running:
        each.terminate()
    if not running:
        raise KeyboardInterrupt


def property_of(name: str) -> str:
    """A system property of the JVM, as which Spark keeps its launcher's keys; '' for none."""
    return _context().getSystemProperty(name) or ""


def forget_property(name: str) -> None:
    """Take a key from what later sessions of this JVM begin with."""
    java: Java = _context()._jvm
    java.java.lang.System.clearProperty(name)


def active_context() -> "SparkContext | None":
    """The context of this process, also one that has not come up whole."""
    return _context()._active_spark_context
