"""What Spark and its JVM raise, as the project's own errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from matching_spark.errors import StorageError

log = logging.getLogger(__name__)


def cause(error: BaseException) -> str:
    """The line that says what happened, out of a Java stack trace with a Python one in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("matching_spark.errors.")]
    if ours:
        return ours[-1].partition(": ")[2]
    caused = [i for i, line in enumerate(lines) if line.startswith("Caused by: ")]
    if caused:
        at = caused[-1]
        # A message that begins on a line of its own.
        told = lines[at : at + 2] if lines[at].endswith(":") else lines[at : at + 1]
        return " ".join(told).removeprefix("Caused by: ")
    told = [line for line in lines if not line.startswith("An error occurred while calling")]
    return told[0].lstrip(": ") if told else repr(error)


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
        raise StorageError(f"{what}: {cause(error)}") from error
