"""What people say of posts: a correction, that something is over, what was posted twice."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from matching_spark import operations, storage
from matching_spark.config import Settings
from matching_spark.domain.dates import parse_lost_on
from matching_spark.domain.posts import (
    DESK,
    NO_ADDRESS,
    STATUSES,
    Filters,
    Post,
    Status,
    check,
    check_there,
    is_web_address,
    seoul_today,
)
from matching_spark.domain.results import Reported
from matching_spark.domain.schema import TOLD
from matching_spark.domain.vocabulary import OF_FACTS, Seen, word_of_post
from matching_spark.errors import InputError, StorageError, UsageError
from matching_spark.layout import forget_thumbnails
from matching_spark.matching.duplicates import Duplicate
from matching_spark.matching.duplicates import duplicates as find_duplicates
from matching_spark.matching.retention import expiring
from matching_spark.operations.browse import show
from matching_spark.operations.facts import note_key, with_facts
from matching_spark.operations.warehouse import model_of, reading, there, writing
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.cache import ShardCache
from matching_spark.spark.jvm import executors
from matching_spark.table import erase as erasing
from matching_spark.table import traces
from matching_spark.table.erase import Erased
from matching_spark.table.kept_plans import KeptPlans
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from pyspark.sql import SparkSession

NAMED = 10  # files with a trace


@dataclass(frozen=True)
class Edited(Reported):
    """What became of a post: field -> what it was, what it is. sequence: of its changes."""

    post_id: str
    changed: dict[str, tuple[Any, Any]]
    sequence: int


@dataclass(frozen=True)
class Closed(Reported):
    """How many posts changed their state, of how many that were asked for."""

    changed: int
    asked: int
    status: Status
    snapshot: str | None


@dataclass(frozen=True)
class Duplicates(Reported):
    """The pairs whose photos' cosine is `threshold` or more, the most similar first. left_out: how
    many more there are than are shown."""

    threshold: float
    duplicates: tuple[Duplicate, ...]
    left_out: int = 0


def edit(
    settings: Settings,
    post_id: str,
    changes: "Mapping[str, str | dt.date | None]",
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Edited:
    """Change fields of a post (schema.TOLD but its id, kind and status); the rest stays.

    An empty text clears. Words are embedded anew where the title or description changed. Raises
    InputError when there is no such post, or it cannot be what is asked, UsageError for an address
    that is none.
    """
    merged_first(settings, progress, spark)
    was = show(settings, post_id).post
    values = dict(changes)
    for name in OF_FACTS:
        if isinstance(said := values.get(name), str):
            values[name] = word_of_post(name, said)
    if isinstance(day := values.get("happened_on"), str):
        values["happened_on"] = parse_lost_on(day)
    url = values.get("source_url")
    if isinstance(url, str) and url and not is_web_address(url):
        raise UsageError(f"{url!r} {NO_ADDRESS}", argument="source_url")
    # Each of its name's type, as edits have them.
    post = Post(post_id, was["kind"], given=frozenset(values), **values)  # type: ignore[arg-type]
    from matching_spark.ingest.over import Rules  # pyspark, which who only reads does not load
    from matching_spark.ingest.pipeline import ingest_posts

    with writing(settings, "edit", progress, spark) as table:
        model = model_of(settings, table)
        note_key(table, settings)
        told = with_facts([post], settings, Seen())
        report = ingest_posts(told, table, model, rules=Rules(was["source"] or DESK))
    if report.rejects:
        raise InputError(f"post {post_id!r} stays as it is: {report.rejects[0].detail}")
    now = show(settings, post_id).post
    changed = {name: (was[name], now[name]) for name in TOLD if was[name] != now[name]}
    return Edited(post_id, changed, now["sequence"])


def close(
    settings: Settings,
    post_ids: "Iterable[str]",
    status: Status,
    progress: Progress = SILENT,
    spark: "SparkSession | None" = None,
) -> Closed:
    """Give posts another state. From the next snapshot on only open ones are found.

    Raises InputError naming the ids that there are not, or for an unknown state.
    """
    check("status", status, STATUSES)
    merged_first(settings, progress, spark)
    asked, table = frozenset(post_ids), reading(settings)
    check_there(asked, table.kinds(asked), table.uri)  # no need of Spark to say so
    with writing(settings, f"close --as {status}", progress, spark) as table:
        return closed(table, asked, status)


def close_expired(
    settings: Settings, progress: Progress = SILENT, spark: "SparkSession | None" = None
) -> Closed:
    """Close as expired the found posts that were kept longer than `holding.days`, but for those
    that somebody else closes meanwhile."""
    merged_first(settings, progress, spark)
    with writing(settings, "close --expired", progress, spark) as table:
        over = expiring(table, settings.holding.days, seoul_today())
        return closed(table, (each.post_id for each in over), "expired", was="open")


def merged_first(
    settings: Settings, progress: Progress, spark: "SparkSession | None" = None
) -> None:
    """Merge the journal, if there is one: a person changes posts as the service shows them."""
    if settings.service.journal is not None:
        operations.merge.merge(settings, progress, spark)


def closed(
    table: PostsTable, post_ids: "Iterable[str]", status: Status, was: Status | None = None
) -> Closed:
    """As `close`, of a table with Spark. was: as PostsTable.set_status has it."""
    asked = set(post_ids)
    changed = table.set_status(asked, status, was)
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
    where = storage.absolute(settings.table)
    before = there(settings) if settings.service.journal else reading(settings)
    known = erasing.known(before.uri, ids) if before is not None else frozenset()
    photos, texts = frozenset[str](), frozenset[str]()  # that the journal had, of these alone
    if settings.service.journal is not None:
        forgotten = operations.forget.forget(settings, ids, known)
        photos, texts = forgotten.photos, forgotten.texts
    else:
        check_there(ids, known, where)
    done = Erased(where)
    subject = traces.Subject(ids, photos)
    if known or (proof and before is not None):  # else the journal alone had them
        with writing(settings, "erase", progress, spark) as table:
            if known:
                done, had = erase_rows(settings, known, table, progress)
                photos, texts = photos | had.photos, texts | had.words
                # The table has heard of it: an ingest may bring a post of the id from now on.
                merged_first(settings, progress, table.session)
            if proof:  # also of what was not merged: a killed merge may have left its photo
                table.refresh()
                subject = traces.betraying(table, ids, photos, texts)
    done = replace(done, posts=tuple(sorted(ids)))
    if not proof:
        return done
    progress.say("looking for traces in every file ...")
    places = [*storage.walk(done.table), *storage.walk(settings.cache.folder)]
    looked = traces.look(places, subject)
    if looked.found:
        left = "; ".join(f"{what} in {place}" for place, what in looked.found[:NAMED])
        more = f", and {len(looked.found) - NAMED} more" if len(looked.found) > NAMED else ""
        raise StorageError(f"{', '.join(done.posts)} erased, but traces are left: {left}{more}")
    return replace(done, proof=looked)


def erase_rows(
    settings: Settings, ids: frozenset[str], table: PostsTable, progress: Progress = SILENT
) -> tuple[Erased, traces.Subject]:
    """Remove from the warehouse, and from the caches, all that they have of posts."""
    cache = ShardCache.of(settings.cache)
    workers = table.session.sparkContext

    def drop(dead: frozenset[str], subject: traces.Subject) -> None:
        if executors(workers):  # a local master has none: its cache is this host's
            tasks = range(2 * workers.defaultParallelism)  # more than they are: each has one
            each = workers.parallelize(tasks, len(tasks))
            each.map(lambda _: forget(cache, dead, subject)).sum()
        forget(cache, dead, subject)
        KeptPlans.of(settings.cache).clear()  # they name the least and greatest id of each file
        for sha in subject.photos:
            forget_thumbnails(settings.cache.folder, sha)

    done, subject = erasing.erase(table, ids, progress, drop)
    if done.left:
        raise StorageError(
            f"{', '.join(done.posts)} erased, but {', '.join(done.left)} have them too: files that "
            "no snapshot names, and a writer may be about to; `compact` removes them when they are "
            "a day old"
        )
    return done, subject


def forget(cache: ShardCache, files: "Iterable[str]", subject: traces.Subject) -> int:
    """Drop what a host's cache has of posts: the shards of their files, and any other shard with a
    trace, such as one of a file that a compact on another host has removed.
    """
    cache.forget(files)
    return cache.drop(lambda place: traces.holds(place, subject))


def duplicates(settings: Settings, where: Filters) -> Duplicates:
    """Open posts that seem to be of one thing, by `holding.duplicate_cosine`. No JVM."""
    threshold = settings.holding.duplicate_cosine
    found, total = find_duplicates(reading(settings), threshold, where)
    return Duplicates(threshold, tuple(found), total - len(found))
