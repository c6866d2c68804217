"""What people say of posts and pairs: a verdict, that something is over, what was posted twice."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.posts import STATUSES, Filters, Status, check
from matching_spark.errors import StorageError
from matching_spark.matching import decisions
from matching_spark.matching.decisions import Verdict
from matching_spark.matching.duplicates import Duplicate
from matching_spark.matching.duplicates import duplicates as find_duplicates
from matching_spark.matching.retention import expiring, today
from matching_spark.operations.warehouse import reading, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.cache import ShardCache
from matching_spark.table import erase as erasing
from matching_spark.table import traces
from matching_spark.table.erase import Erased
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

CLOSED_AT_ONCE = 2000  # ids in one UPDATE


@dataclass(frozen=True)
class Decided:
    """A verdict that was stored."""

    lost_id: str
    found_id: str
    verdict: Verdict
    by: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Closed:
    """How many posts changed their state, of how many that were asked for."""

    changed: int
    asked: int
    status: Status
    snapshot: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Duplicates:
    """The pairs whose photos' cosine is `threshold` or more, the most similar first."""

    threshold: float
    duplicates: tuple[Duplicate, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    settings: Settings,
    lost_id: str,
    found_id: str,
    verdict: Verdict,
    by: str,
    spark: "SparkSession | None" = None,
) -> Decided:
    """Store what `by` says of a pair. spark: a session that stays; None: one for this.

    Raises InputError when there is no such table, lost post or found post.
    """
    with writing(settings, spark=spark) as table:
        decisions.decide(table, lost_id, found_id, verdict, by)
    return Decided(lost_id, found_id, verdict, by)


def close(
    settings: Settings,
    post_ids: "Iterable[str]",
    status: Status,
    spark: "SparkSession | None" = None,
) -> Closed:
    """Give posts another state: from the next snapshot on only open ones are found.

    Raises InputError naming the ids that there are not, or for an unknown state.
    """
    check("status", status, STATUSES)
    with writing(settings, spark=spark) as table:
        return _close(table, post_ids, status)


def close_expired(settings: Settings, spark: "SparkSession | None" = None) -> Closed:
    """Close as expired the found posts that were kept longer than `holding.days`."""
    with writing(settings, spark=spark) as table:
        over = expiring(table, settings.holding.days, today())
        return _close(table, [each.post_id for each in over], "expired")


def _close(table: PostsTable, post_ids: "Iterable[str]", status: Status) -> Closed:
    asked = sorted(set(post_ids))
    parts = [asked[i : i + CLOSED_AT_ONCE] for i in range(0, len(asked), CLOSED_AT_ONCE)]
    changed = sum(table.set_status(part, status) for part in parts)
    return Closed(changed, len(asked), status, table.snapshot)


def erase(
    settings: Settings,
    post_ids: "Iterable[str]",
    proof: bool = False,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Erased:
    """Remove posts with everything that hangs on them, out of the table's whole history.

    proof: read every file of the warehouse and of this host's cache, and say what was looked at.
    Raises InputError naming the ids that there are not, StorageError naming what is left.
    """
    ids = frozenset(post_ids)
    erasing.find(reading(settings).uri, ids)  # no need of Spark to say that there is none
    cache = ShardCache.of(settings.cache)
    with writing(settings, progress, spark) as table:
        done, subject = erasing.erase(table, ids, progress)
        dead = done.data_files
        workers = table.session.sparkContext
        tasks = range(2 * workers.defaultParallelism)  # more than executors, so that each has one
        workers.parallelize(tasks, len(tasks)).map(lambda _: cache.forget(dead)).sum()
    cache.forget(dead)
    if not proof:
        return done
    progress.say("looking for traces in every file ...")
    places = [*storage.walk(done.table), *storage.walk(settings.cache.folder)]
    looked = traces.look(places, subject)
    if looked.found:
        left = "; ".join(f"{what} in {place}" for place, what in looked.found)
        raise StorageError(f"{', '.join(done.posts)} erased, but traces are left: {left}")
    return replace(done, proof=looked)


def duplicates(settings: Settings, where: Filters) -> Duplicates:
    """Open posts that seem to be of one thing, by `holding.duplicate_cosine`. No JVM."""
    threshold = settings.holding.duplicate_cosine
    return Duplicates(threshold, tuple(find_duplicates(reading(settings), threshold, where)))
