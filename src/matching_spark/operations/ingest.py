"""Ingest: posts of any source, or vectors made elsewhere, taken into the settings' table."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.domain.posts import DESK, Kind, Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.ingest.report import Rejects, Report, check_rejects, default_rejects
from matching_spark.ingest.vector_import import ingest_vectors, vectors_of
from matching_spark.layout import JOURNAL_FILE
from matching_spark.operations.facts import check_key, note_key, with_facts
from matching_spark.operations.portal import API, PORTAL, Days, Portal
from matching_spark.operations.posts import merged_first
from matching_spark.operations.warehouse import made, model_of, spark_of, there
from matching_spark.progress import SILENT, Progress
from matching_spark.sources import begun, detect_format, named, read_posts
from matching_spark.sources.lost112_photos import with_photos
from matching_spark.storage import absolute, exists
from matching_spark.table.mark import mark


@dataclass(frozen=True)
class Source:
    """What is taken in. place: a folder of photos, a file, or `api`, the portal's
    where nothing of that name is there, or where the format is lost112.

    kind: of posts that do not say. format: one of sources.FORMATS; None: by what the place is.
    name: who gives the posts their ids, where several share a table; None: PORTAL or DESK.
    since, until: of the portal's API alone, both inclusive; None: the week up to today in Seoul.
    columns: heading -> field of schema.METADATA or photos, for headings of rows that are not known.
    """

    place: str
    kind: Kind | None = None
    format: str | None = None
    name: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def ingest(
    settings: Settings,
    source: Source,
    rejects: str | None = None,
    progress: Progress = SILENT,
    spark: SparkSession | None = None,
    *,
    replace: bool = False,
) -> Report:
    """Take a source into the table, which is made where there is none.

    rejects: the file that lists them; None: beside the table. replace: take a post too whose id
    the table has for what seems to be another thing (ingest_posts says when). spark: a session that
    stays; None: one is started and stopped. Raises UsageError where the arguments do not go
    together, InputError when the source cannot be read, ModelError when the table is of another
    model, StorageError when the table, Spark or the portal fails.
    """
    place = source.place
    portals = place == API and not exists(place)
    format = source.format or ("lost112" if portals else detect_format(place))
    named(source.columns, format)
    with_days = format == "lost112" and place == API
    if not with_days and (source.since or source.until):
        raise UsageError("days are asked of the portal's API only", argument="since")
    if not with_days and not exists(place):
        raise InputError(f"there is no {place}")
    if rejects is not None:
        check_rejects(rejects, place)
    listed = default_rejects(absolute(settings.table), place) if rejects is None else rejects
    seen = Seen()
    what = f"ingest {PurePath(place).name}"  # its name, not where a user keeps it
    rules = Rules(
        source.name or (PORTAL if format == "lost112" else DESK),
        replace,
        settings.model.photos_a_post,
    )
    portal = None
    if with_days:
        portal = Portal(settings, source.kind, Days.of(source.since, source.until), seen)
    with Rejects(listed) as out:
        if format == "parquet":
            vectors = vectors_of(place)  # what cannot be read is said before Spark starts
            with spark_of(settings, what, progress, spark) as session:
                _erased_first(settings, progress, session)
                uri, hadoop = settings.table, settings.hadoop
                report = ingest_vectors(
                    place, uri, session, source.kind, hadoop, progress, rules, out, vectors
                )
                seen.unknown.update(report.unknown)
        else:
            before = there(settings)
            clip = model_of(settings, before)  # no need of Spark to say that it is not the table's
            if before is not None:
                before.check_model(clip.name)
                check_key(before, settings)
            posts = _posts(settings, source, format, portal, seen)
            with spark_of(settings, what, progress, spark) as session:
                _erased_first(settings, progress, session)
                table = made(settings, clip, session)
                note_key(table, settings)
                job = absolute(place)
                report = ingest_posts(posts, table, clip, progress, job, rules, out)
                if portal is not None:
                    portal.close_unlisted(table, progress)
                    report = dataclasses.replace(report, snapshot=table.snapshot)
        for line in seen.lines():
            progress.say(line)
        unknown = dict(seen.unknown.most_common())
        return dataclasses.replace(report, unknown=unknown, rejects_file=out.publish())


def _posts(
    settings: Settings, source: Source, format: str, portal: Portal | None, seen: Seen
) -> Iterator[Post | Reject]:
    """What there is to take in, whose first post is read: what cannot be read is said before Spark
    starts."""
    if portal is not None:
        posts = portal.posts()
    else:
        posts = read_posts(source.place, format, source.kind, seen, source.columns)
    if format == "lost112":
        posts = with_photos(posts, absolute(settings.table), settings.lost112)
    return begun(with_facts(posts, settings, seen))


def _erased_first(settings: Settings, progress: Progress, spark: SparkSession) -> None:
    """What the service has erased is gone before a source brings its id again: by a merge that came
    after, that would be erased. Where a service has not begun yet there is nothing to merge."""
    journal, table = settings.service.journal, there(settings)
    serves = journal is not None and (Path(journal) / JOURNAL_FILE).exists()
    if serves or (table is not None and mark(table.metadata)):
        merged_first(settings, progress, spark)
