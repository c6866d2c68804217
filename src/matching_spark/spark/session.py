"""Spark: conf/spark-defaults.conf found and applied, a session or a context, stopped at the end."""

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from matching_spark import storage, telemetry
from matching_spark.config import Hadoop, Settings
from matching_spark.errors import MatchingError, StorageError
from matching_spark.guard.redaction import RULE
from matching_spark.namenodes import heed_conf_dir
from matching_spark.spark import jvm, launch, loopback
from matching_spark.spark.conf import conf_dir, read_conf
from matching_spark.spark.interrupts import cancelling, held_back

log = logging.getLogger(__name__)
STARVED_S = 10
UMASK = "spark.hadoop.fs.permissions.umask-mode"
REDACTION = "spark.redaction.regex"  # what the UI and the event log do not show


def start_session(settings: Settings | None = None) -> SparkSession:
    """A SparkSession with conf/spark-defaults.conf and the settings' own Spark keys applied.

    With a local master nobody else can reach it (loopback.py). A process has one JVM with one
    address, so that after it no session of this process can use a cluster. Raises StorageError when
    Spark or its cluster cannot be started.
    """
    with _starting(settings or Settings()) as conf:
        spark = SparkSession.builder.config(map={**conf}).getOrCreate()
        spark.sparkContext.setLogLevel("ERROR")
        return spark


def start_context(settings: Settings | None = None) -> SparkContext:
    """As start_session, without Spark SQL, which a search has no use for: a second or two less."""
    with _starting(settings or Settings()) as conf:
        context = SparkContext.getOrCreate(SparkConf().setAll(list(conf.items())))
        context.setLogLevel("ERROR")
        return context


@contextmanager
def _starting(settings: Settings) -> Iterator[dict[str, str]]:
    """The keys that are not in conf/spark-defaults.conf; what fails within is a StorageError."""
    # The JVM reads the environment when it starts. Workers need the driver's interpreter.
    os.environ["SPARK_CONF_DIR"] = str(conf_dir())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if shipped := settings.spark.conf.get("spark.pyspark.python"):
        os.environ["PYSPARK_PYTHON"] = shipped  # Spark itself heeds the key in spark-submit alone
    conf = {"spark.app.name": settings.spark.app_name}
    if settings.spark.master:
        conf["spark.master"] = settings.spark.master
    profile = read_conf(conf_dir() / "cluster.conf") if settings.spark.profile == "cluster" else {}
    with _jvm_stderr() as said:
        try:
            conf = conf | profile | _hadoop(settings.hadoop) | settings.spark.conf
            whole = _defaults() | conf
            conf |= telemetry.of_executors() | loopback.private(whole)
            if storage.is_local(settings.table):  # the JVM heeds no umask of a process
                conf.setdefault(UMASK, whole.get(UMASK, f"{storage.closed_umask():03o}"))
            conf.setdefault(REDACTION, whole.get(REDACTION, RULE))
            with loopback.jvm_at((whole | conf).get("spark.driver.host")):
                launch.start(conf, settings.hadoop.maven)
                yield conf
        except MatchingError:  # it names its cause
            raise
        except Exception as error:
            raise StorageError(
                f"Spark could not be started: {error}\n{said()}\nIt needs Java 17 or later "
                "(`apt install openjdk-17-jre-headless`) and, the first time, the network for its "
                "packages"
            ) from error


def _defaults() -> dict[str, str]:
    """What every key is before a session's own are set: as Spark has read it, or is going to."""
    if jvm.has_started() or "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started it
        jvm.ensure_started()
        return dict(SparkConf().getAll())
    file = conf_dir() / "spark-defaults.conf"
    return (read_conf(file) if file.exists() else {}) | loopback.submitted()


def _hadoop(hadoop: Hadoop) -> dict[str, str]:
    """The keys that the settings of HDFS stand for."""
    keys = {}
    heed_conf_dir(hadoop.conf_dir)
    if hadoop.conf_dir:
        # Executors' Python reads HDFS itself, and finds a nameservice there.
        keys["spark.executorEnv.HADOOP_CONF_DIR"] = hadoop.conf_dir
    if hadoop.replication:
        keys["spark.hadoop.dfs.replication"] = str(hadoop.replication)
    if hadoop.block_bytes:
        keys["spark.hadoop.dfs.blocksize"] = str(hadoop.block_bytes)
    return keys


@contextmanager
def _jvm_stderr() -> Iterator[Callable[[], str]]:
    """Send what a JVM that starts says on stderr, a page of resolved packages, to a file.

    A process keeps the stderr that it was started with, so the JVM writes there from then on.
    Yields a function that gives the end of what it has said.
    """
    if log.isEnabledFor(logging.INFO):
        yield lambda: ""
        return
    sys.stderr.flush()
    ours = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)

        def said() -> str:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
            return file.read().decode(errors="replace").strip()

        try:
            yield said
        finally:
            os.dup2(ours, 2)
            os.close(ours)


@contextmanager
def session(settings: Settings) -> Iterator[SparkSession]:
    """A session that is stopped at the end, whatever the end is.

    A job that waits for executors is named in the log and goes on waiting: a queue may be long.
    """
    with _stopped():
        with held_back(None):
            spark = start_session(settings)
        with cancelling(spark.sparkContext), _watched(spark.sparkContext):
            yield spark


@contextmanager
def context(settings: Settings) -> Iterator[SparkContext]:
    """As `session`, of start_context."""
    with _stopped():
        with held_back(None):
            started = start_context(settings)
        with cancelling(started), _watched(started):
            yield started


@contextmanager
def _stopped() -> Iterator[None]:
    """At the end stop what was started of Spark, also where its start failed half-way."""
    try:
        yield
    finally:
        log.debug("stopping Spark")
        if session := SparkSession.getActiveSession():
            session.stop()
        if context := jvm.active_context():
            context.stop()


@contextmanager
def _watched(spark: SparkContext) -> Iterator[None]:
    """Say every STARVED_S seconds that a job waits and no executor has come, until one has."""
    over = threading.Event()

    def watch() -> None:
        waited = False
        while not over.wait(STARVED_S):
            try:
                jobs = spark.statusTracker().getActiveJobsIds()
                executors = jvm.executors(spark)
            except Py4JError:  # Spark has ended; whoever waits for the job is told
                return
            if executors:
                return
            if jobs and waited:
                log.warning(
                    "no executor has come yet from %s; each asks for %s of memory "
                    "(spark.executor.memory; on YARN spark.executor.memoryOverhead more) and %s "
                    "cores (spark.executor.cores): what no worker has free is waited for, Ctrl-C "
                    "ends it",
                    spark.master,
                    spark.getConf().get("spark.executor.memory", "1g"),
                    spark.getConf().get("spark.executor.cores", "all"),
                )
            waited = bool(jobs)

    if str(spark.master).startswith("local"):
        yield
        return
    watcher = threading.Thread(target=watch, name="executors", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
