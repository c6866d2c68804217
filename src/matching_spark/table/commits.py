"""Commits that another writer may overtake: which failures mean that, and the one loop of tries."""

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from matching_spark.config import Hadoop
from matching_spark.errors import StorageError
from matching_spark.spark.failures import CLOCKS
from matching_spark.spark.jvm import Java, jvm
from matching_spark.table.catalog import iceberg_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LONGEST = 6  # how often a wait is doubled: up to 22 s by the default
# Another writer was first, or an undo took away what this one had read; in Iceberg's words.
CONFLICTS = (
    *("ValidationException", "CommitFailed", "is not an ancestor of"),
    "rewrite commits failed",  # those of a rewrite's threads overtake each other, too
)


class Overtaken(StorageError):
    """Writers overtook a step; its result says so, Iceberg raised nothing."""


def retry(step: Callable[[], object], hadoop: Hadoop) -> None:
    """Run a step; while others overtake it, try again after jittered and growing waits.

    Raises what the step raised: a conflict after `hadoop.commit_retries` more tries, anything else
    at once.
    """
    for attempt in range(hadoop.commit_retries):
        try:
            step()
            return
        except Exception as error:
            if not overtaken(error):
                raise
        wait_s = hadoop.commit_wait_s * 2 ** min(attempt, LONGEST)
        time.sleep(random.uniform(0.6, 1.4) * wait_s)
    step()


def overtaken(error: Exception) -> bool:
    """Whether it failed only because somebody else wrote meanwhile, and is worth another try."""
    if isinstance(error, Overtaken):
        return True
    said = str(error)
    return any(word in said for word in CONFLICTS) and not CLOCKS.search(said)


def swap(
    spark: "SparkSession", name: str, base: str | None, change: Callable[[Java, Java], Java]
) -> bool:
    """Commit a change of a table's metadata itself, as PostsTable.swap has it, once.

    name: the table's in Spark SQL. Returns False when anybody wrote since snapshot `base`, or ended
    a snapshot that the change names.
    """
    from py4j.protocol import Py4JJavaError  # of Spark, which those who read only do not load

    operations = iceberg_table(spark, name).operations()
    now = operations.refresh()
    current = now.currentSnapshot()
    if (None if current is None else str(current.snapshotId())) != base:
        return False
    try:
        built = change(now, jvm(spark).org.apache.iceberg.TableMetadata.buildFrom(now))
        # Fails when anybody has committed since `now` was read, and is not retried.
        operations.commit(now, built.build())
    except Py4JJavaError as error:
        if any(word in str(error) for word in ("CommitFailedException", "unknown snapshot")):
            return False
        raise StorageError(f"{name} could not be written: {error}") from error
    return True
