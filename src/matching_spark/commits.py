"""Commits that another writer may overtake: which failures mean that, and the one loop of tries."""

import random
import time
from collections.abc import Callable

from matching_spark.config import Hadoop
from matching_spark.errors import StorageError

LONGEST = 6  # the doublings of a wait: 22 s by the default, then it grows no more
# Another writer was first, or an undo took away what this one had read; in Iceberg's words.
CONFLICTS = ("ValidationException", "CommitFailed", "is not an ancestor of")


class Overtaken(StorageError):
    """Writers overtook a step that tells so by its result."""


def retry(step: Callable[[], object], hadoop: Hadoop) -> None:
    """Run a step, again with jittered and growing waits while others overtake it.

    Raises what the step raised: at once what is no conflict, a conflict after
    `hadoop.commit_retries` more tries.
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
    """Whether it failed only since somebody else wrote meanwhile: worth another try."""
    return isinstance(error, Overtaken) or any(word in str(error) for word in CONFLICTS)
