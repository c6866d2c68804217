"""Spark: conf/spark-defaults.conf found and applied, a session or a context, stopped at the end."""

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from matching_spark import storage, telemetry
from matching_spark.config import Hadoop, Settings
from matching_spark.errors import MatchingError, StorageError
from matching_spark.filesystems.namenodes import heed_conf_dir
from matching_spark.guard.owners import closed_umask
from matching_spark.guard.redaction import RULE
from matching_spark.spark import environment, jvm, launch, loopback
from matching_spark.spark.conf import conf_dir_there
from matching_spark.spark.failures import of_start
from matching_spark.spark.interrupts import cancelling, held_back
from matching_spark.spark.wanted import defaults, own_keys

log = logging.getLogger(__name__)
STARVED_S = 10
UMASK = "spark.hadoop.fs.permissions.umask-mode"
REDACTION = "spark.redaction.regex"  # what the UI and the event log do not show
ENDED = (Py4JNetworkError, ConnectionRefusedError)  # what calls of a JVM raise that has ended
SAID_BYTES = 20_000  # of what a JVM has said, to look for why it did not start


def start_session(settings: Settings | None = None) -> SparkSession:
    """A SparkSession with conf/spark-defaults.conf and the settings' own Spark keys applied.

    With a local master nobody else can reach it (loopback.py). A process has one JVM with one
    address, so that after it no session of this process can use a cluster. Raises StorageError when
    Spark or its cluster cannot be started.
    """
    with _starting(settings or Settings()) as conf:
        spark = SparkSession.builder.config(map={**conf}).getOrCreate()
        _begun(spark.sparkContext)
        return spark


def start_context(settings: Settings | None = None) -> SparkContext:
    """As start_session, without Spark SQL, which a search has no use for: a second or two less."""
    with _starting(settings or Settings()) as conf:
        context = SparkContext.getOrCreate(SparkConf().setAll(list(conf.items())))
        _begun(context)
        return context


def _begun(context: SparkContext) -> None:
    # Its master has sent it away, which its start does not say: it is going to stop, or has. No
    # master has given it an id where it has one of its own.
    is_unnamed = str(context.applicationId).startswith("spark-application-")
    if jvm.is_stopped(context) or is_unnamed:
        raise StorageError(of_start(StorageError(f"{context.master} took no application"), ""))
    context.setLogLevel("ERROR")


@contextmanager
def _starting(settings: Settings) -> Iterator[dict[str, str]]:
    """The keys that are not in conf/spark-defaults.conf; what fails within is a StorageError."""
    # The JVM reads the environment when it starts.
    os.environ["SPARK_CONF_DIR"] = str(conf_dir_there())
    environment.check_spark()
    environment.check_scratch()
    environment.be_classic()
    if not jvm.has_started():
        environment.prepare()
    with _jvm_output() as said:
        try:
            conf = own_keys(settings, _hadoop(settings.hadoop))
            whole = defaults_now() | conf
            master = whole.get("spark.master", "")
            environment.check_master(master, whole.get("spark.ssl.rpc.enabled") == "true")
            environment.check_yarn(whole)
            environment.use_python(loopback.is_local(master), whole.get("spark.pyspark.python"))
            conf |= telemetry.of_executors() | environment.of_workers() | loopback.private(whole)
            if storage.is_local(settings.table):  # the JVM heeds no umask of a process
                conf.setdefault(UMASK, whole.get(UMASK, f"{closed_umask():03o}"))
            conf.setdefault(REDACTION, whole.get(REDACTION, RULE))
            with loopback.jvm_at((whole | conf).get("spark.driver.host")):
                launch.start(conf, settings.hadoop.maven)
                if UMASK in conf and UMASK not in whole:
                    # Folders are written by what the JVM started with. A later session may be of a
                    # table on HDFS, which has an umask of its own.
                    jvm.forget_property(UMASK)
                yield conf
        except MatchingError:  # it names its cause
            raise
        except Exception as error:
            log.debug("Spark could not be started", exc_info=True)
            raise StorageError(f"Spark could not be started: {of_start(error, said())}") from error


def defaults_now() -> dict[str, str]:
    """What every key is before a session's own are set: as Spark has read it, or is going to."""
    if jvm.has_started():
        jvm.ensure_started()
        return dict(SparkConf().getAll())
    return defaults()


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


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@contextmanager
def _jvm_output() -> Iterator[Callable[[], str]]:
    """Send what a JVM that starts says, a page of resolved packages, to a file; none of it to
    stdout, which is the result's.

    A process keeps the stdout and stderr that it was started with, so the JVM writes there from
    then on. Yields a function that gives the end of what it has said.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as where a process is started with >&-
            stream.flush()
    ours = {number: os.dup(number) for number in (1, 2) if _is_open(number)}
    with tempfile.TemporaryFile() as file:

        def said() -> str:
            file.seek(max(0, os.fstat(file.fileno()).st_size - SAID_BYTES))
            return file.read().decode(errors="replace").strip()

        verbose = log.isEnabledFor(logging.INFO)
        for number in ours:
            os.dup2(ours[2] if verbose and 2 in ours else file.fileno(), number)
        try:
            yield said
        finally:
            for number, was in ours.items():
                os.dup2(was, number)
                os.close(was)


@contextmanager
def session(settings: Settings) -> Iterator[SparkSession]:
    """A session that is stopped at the end, whatever the end is.

    A job that waits for executors is named in the log and goes on waiting: a queue may be long.
    """
    with _stopped():
        with held_back(jvm.end_start):
            spark = start_session(settings)
        with cancelling(spark.sparkContext), _watched(spark.sparkContext):
            yield spark


@contextmanager
def context(settings: Settings) -> Iterator[SparkContext]:
    """As `session`, of start_context."""
    with _stopped():
        with held_back(jvm.end_start):
            started = start_context(settings)
        with cancelling(started), _watched(started):
            yield started


@contextmanager
def _stopped() -> Iterator[None]:
    """At the end stop what was started of Spark, also where its start failed half-way.

    Raises StorageError where the JVM ended before what is done within.
    """
    try:
        yield
    except ENDED as error:
        raise StorageError(
            "Spark's JVM has ended in the middle of the work (it may have been killed for its "
            "memory: spark.driver.memory); run it again"
        ) from error
    finally:
        log.debug("stopping Spark")
        with suppress(*ENDED):  # there is nothing left to stop
            if session := SparkSession.getActiveSession():
                session.stop()
            if context := jvm.active_context():
                context.stop()


@contextmanager
def _watched(spark: SparkContext) -> Iterator[None]:
    """Say every STARVED_S seconds that a job waits and no executor has come, until one has.

    And end the JVM where Spark itself has ended and somebody goes on waiting: a job that is handed
    to a scheduler which stops just then is lost, and nobody is told.
    """
    over = threading.Event()
    local = loopback.is_local(str(spark.master))

    def watch() -> None:
        come = local
        waited = False
        while not over.wait(STARVED_S):
            try:
                if jvm.is_stopped(spark):
                    if over.wait(STARVED_S):
                        return
                    log.error("Spark has ended; what still waits for it is told so")
                    jvm.end(spark)
                jobs = [] if come else spark.statusTracker().getActiveJobsIds()
                come = come or jvm.executors(spark) > 0
            except (Py4JError, *ENDED):  # its JVM has too; whoever waits for the job is told
                return
            if jobs and waited and not come:
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

    watcher = threading.Thread(target=watch, name="executors", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
