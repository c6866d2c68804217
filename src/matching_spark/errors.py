"""One tree of errors; each knows its exit code.

MatchingError                 1
├── UsageError                2   the command or an argument is wrong
├── InputError                3   a source, a query or a post cannot be read
│   └── PhotoError            3   one photo: `reason` is its short, countable name
├── StorageError              4   a file system, the table or the cluster cannot be reached
├── RemoteError               4   the portal's API or a webhook cannot be reached
└── ModelError                5   another model than the table's, or none
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class MatchingError(Exception):
    """What this project raises on purpose; the message says what to do next."""

    exit_code = 1


class UsageError(MatchingError):
    exit_code = 2


class InputError(MatchingError):
    exit_code = 3


class PhotoError(InputError):
    """A photo that cannot be used. `reason` is one of `photos.REASONS`, for counting."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[str, str]]:
        return PhotoError, (self.reason, str(self).partition(": ")[2])


class StorageError(MatchingError):
    exit_code = 4


class RemoteError(MatchingError):
    exit_code = 4


class ModelError(MatchingError):
    exit_code = 5


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
    from py4j.protocol import Py4JError  # half a second for those who use no Spark
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        log.debug("%s", what, exc_info=True)
        raise StorageError(f"{what}: {cause(error)}") from error
