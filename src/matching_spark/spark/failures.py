"""What Spark and its JVM raise, as the project's own errors."""

import datetime as dt
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matching_spark.errors import StorageError
from matching_spark.spark.jvm import is_stopped

if TYPE_CHECKING:
    from pyspark import SparkContext

log = logging.getLogger(__name__)


# What a Spark that does not start says, and what to do about it.
REMEDIES = {
    "cpus per task": "ask for fewer (spark.task.cpus), or give a task more of them (spark.master: "
    "local[2], or spark.executor.cores)",
    "unresolved dependency": "the first start fetches spark.jars.packages: it wants the network, "
    "its proxy in JAVA_TOOL_OPTIONS (-Dhttps.proxyHost=... -Dhttps.proxyPort=...), or a mirror in "
    "spark.jars.ivySettings",
    "took no application|masters are unresponsive": "what its master and its page say tells why; "
    "spark.authenticate.secret must be the cluster's",
    "Master must|Could not parse Master|run locally with": "spark.master is local[*], "
    "spark://HOST:PORT or yarn",
    "No space left|quota exceeded|Read-only file system": "files of a while lie in /tmp, or where "
    "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=FOLDER says, jars in spark.jars.ivy",
    "HADOOP_CONF_DIR": "the setting hadoop.conf_dir is the same",
    r"basedir must be absolute|/\.ivy2": "the home of this user, as Java sees it (by /etc/passwd, "
    "not HOME), is no folder to write in: give spark.jars.ivy one",
    "any local dir": "spark.local.dir, or SPARK_LOCAL_DIRS, names no folder to write in",
    r"Too many open files|Error loading java\.security": "let more files be open (ulimit -n, and "
    "-Hn; LimitNOFILE of systemd): Spark alone has some hundreds of jars",
    "heap|memory|Could not (reserve|allocate)": "see spark.driver.memory",
    "Unrecognized .*option": "see JAVA_TOOL_OPTIONS and spark.driver.extraJavaOptions",
    "Module .* not found": "this Java is cut down; a whole Java 17 or 21 is needed",
    "Subject is not supported|UnsupportedClassVersion|bin/java: No such|JAVA_HOME": "Java 17 or 21 "
    "is needed; conf/spark-env.sh and JAVA_HOME say which it is",
}
# What a statement of ours tells by F.raise_error, in Spark's own frame.
RAISED = re.compile(r"\[USER_RAISED_EXCEPTION\] (.+) SQLSTATE: \w+")
ENDED = "the Spark session has ended: start another one, and open the table with that"
OTHER_PYTHON = "Error from python worker:"
# Iceberg takes no commit whose time is a minute before the last one's.
CLOCKS = re.compile("Expected sorted snapshot log entries|Invalid (update|snapshot) timestamp")
TELLING = re.compile(r"(?i)exception|error|invalid|unrecogni|no such|cannot|could not|insufficient")
HUNG_UP = re.compile("Connection refused|Error while (sending|receiving)|Java side is empty")
GOES_ON = "Error occurred during initialization of"  # the next line says which


def cause(error: object) -> str:
    """The line that says what happened, out of a Java stack trace with a Python one in it."""
    if raised := RAISED.search(str(error)):
        return raised[1]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [
        line for line in lines if line.startswith(("matching_spark.errors.", "pyspark.errors."))
    ]
    if ours:
        return ours[-1].partition(": ")[2]
    caused = [i for i, line in enumerate(lines) if line.startswith("Caused by: ")]
    first = [i for i, line in enumerate(lines) if not line.startswith("An error occurred while")]
    if not first:
        return repr(error)
    at = caused[-1] if caused else first[0]
    told = [lines[at]]
    for line in lines[at + 1 :]:
        if not told[-1].endswith(":"):  # a message that begins on a line of its own
            break
        told.append(line)
    if OTHER_PYTHON in told:
        told.append(
            "(PYSPARK_PYTHON and spark.pyspark.python must name one that has matching-spark)"
        )
    return " ".join(told).removeprefix("Caused by: ").lstrip(": ")


def of_start(error: Exception, said: str) -> str:
    """Why Spark did not start, and what to do about it.

    said: what its JVM wrote, where the error knows no more than that it has gone.
    """
    why = cause(error)
    if "JAVA_GATEWAY_EXITED" in why:
        lines = [line.strip() for line in said.splitlines() if TELLING.search(line)]
        thrown = [line for line in lines if "Exception" in line]
        others = [line for line in lines if not line.startswith(GOES_ON)]
        why = next(iter(thrown + others + lines), why).removeprefix('Exception in thread "main" ')
    logged = re.findall(" ERROR (.+)", said)[::-1]  # what it has said last first
    told = [*logged, why] if HUNG_UP.search(why) else [why, *logged]
    for each in told:  # what is known is the cause of what is not
        for words, do in REMEDIES.items():
            if re.search(words, each):
                return f"{each.rstrip('.')}; {do}"
    return f"{told[0].rstrip('.')}; -v shows all that its JVM said"


@contextmanager
def spark_errors(what: str) -> Iterator[None]:
    """What Spark or its JVM raises becomes a StorageError: `what`, and the line that says why."""
    # Half a second for those who use no Spark.
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        log.debug("%s", what, exc_info=True)
        raise StorageError(f"{what}: {cause(error)}{_of_clocks(str(error))}") from error


def check_running(context: "SparkContext") -> None:
    """Raise StorageError where it has ended."""
    with spark_errors(ENDED):
        if is_stopped(context):
            raise StorageError(ENDED)


def _of_clocks(said: str) -> str:
    if not CLOCKS.search(said):
        return ""
    now = dt.datetime.now().astimezone().isoformat(" ", "seconds")
    return (
        f"; it was last written by a clock that is ahead of this host's, which says {now}: set "
        "the clocks of all that write to it; what was written ahead of time has to be waited for"
    )
