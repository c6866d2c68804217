"""What an operator does to a table now and then: compact, undo, adopt, warm, another model."""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching_spark.config import Settings
from matching_spark.domain.results import Reported
from matching_spark.domain.vocabulary import CATEGORY
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import InputError, UsageError
from matching_spark.operations.search import engine_of
from matching_spark.operations.warehouse import reading, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.search.choice import chosen
from matching_spark.shards.cache import ShardCache
from matching_spark.table import adopt as adopting
from matching_spark.table import compact as compacting
from matching_spark.table import history
from matching_spark.table import undo as undoing
from matching_spark.table.adopt import Adopted
from matching_spark.table.compact import Compacted
from matching_spark.table.undo import Undone

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from matching_spark.ingest.reembed import Reembedded


@dataclass(frozen=True)
class Warmed(Reported):
    """How many shards the caches hold now that they were asked to, and how long it took; whose
    caches, by the runner, and why its.
    """

    table: str
    shards: int
    seconds: float
    runner: str
    runner_why: str


def compact(
    settings: Settings, progress: Progress = SILENT, spark: "SparkSession | None" = None
) -> Compacted:
    """Rewrite small files, fold deletes in, expire old snapshots, remove what none names.

    spark: a session that stays; None: one for this. What this host's cache holds of files that are
    no more is dropped. Raises InputError when there is no table, StorageError when writers overtake
    it again and again.
    """
    before = compacting.data_files(reading(settings))
    with writing(settings, "compact", progress, spark) as table:
        report = compacting.compact(table, progress)
        table.refresh()
        dead = before - compacting.data_files(table)
    ShardCache.of(settings.cache).forget(dead)
    return report


def undo(
    settings: Settings,
    snapshot: str | None = None,
    before: dt.datetime | None = None,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Undone:
    """Take back everything that was written after `snapshot`, or since the moment `before`, in one
    commit.

    Raises UsageError where not one of the two is given, InputError, naming those that there are,
    for a snapshot that is not, and for a moment whose state has ended.
    """
    if (snapshot is None) == (before is None):
        raise UsageError("undo goes back to a snapshot, or to before a moment", argument="before")
    table = reading(settings)
    if before is not None:
        snapshot = history.before(table, before)
    if snapshot is None:
        raise InputError(
            f"{table.uri} has no state of before {before} any more; `matching-spark history` lists "
            "those that there are"
        )
    undoing.check_undo(table, snapshot)  # before six seconds of Spark
    with writing(settings, "undo", progress, spark) as table:
        return undoing.undo(table, snapshot)


def adopt(settings: Settings, progress: Progress = SILENT) -> Adopted:
    """Make a table that was moved or copied one of its own. No JVM.

    Raises InputError where there is nothing to adopt, StorageError naming a file that is not here.
    """
    return adopting.adopt(settings.table, settings.hadoop, progress)


def warm(settings: Settings, categories: Sequence[str] = (), progress: Progress = SILENT) -> Warmed:
    """Load shards into the caches of the settings' runner ahead of the first search.

    categories: none: those of `cache.preload`, and where it is empty all; words as Filters takes
    them. Raises InputError for one that is no category.
    """
    start = time.perf_counter()
    table = reading(settings)
    try:  # before seconds of Spark
        wanted = [*filter(None, map(CATEGORY.check, categories or settings.cache.preload))]
    except InputError as error:
        raise InputError(error, argument=None if categories else "cache.preload") from None
    choice = chosen(settings, table.plan().of(wanted))
    of = engine_of(settings, table, choice, progress=progress, doing="loading shards")
    with of as engine:
        shards = engine.warm(wanted)
    return Warmed(table.uri, shards, time.perf_counter() - start, choice.runner, choice.why)


def reembed(
    settings: Settings, progress: Progress = SILENT, spark: "SparkSession | None" = None
) -> "Reembedded":
    """Give the table vectors of the settings' model; searches go on with the old until it switches.

    Raises ModelError for a table of vectors made elsewhere, StorageError as ingest.reembed does.
    """
    # pyspark at its top: half a second for `adopt` and `warm`, which need none.
    from matching_spark.ingest.reembed import check as check_reembed
    from matching_spark.ingest.reembed import reembed as change

    check_reembed(reading(settings))  # before seconds of Spark
    clip = ClipModel.of(settings.model)
    with writing(settings, "reembed", progress, spark) as table:
        return change(table, clip, progress)
