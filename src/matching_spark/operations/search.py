"""One search as the settings have it: the question looked up or embedded, compared, answered."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matching_spark.config import Settings
from matching_spark.domain.posts import MAX_TEXT, Filters, Kind, seoul_today
from matching_spark.domain.results import SearchResult
from matching_spark.domain.schema import EXTERNAL
from matching_spark.errors import InputError, ModelError
from matching_spark.layout import read_photo
from matching_spark.operations.facts import check_key, placed, with_numbers
from matching_spark.operations.warehouse import model_of
from matching_spark.progress import SILENT, Progress
from matching_spark.score.posterior import Costs
from matching_spark.search.choice import Choice, chosen
from matching_spark.search.outcome import Asked, SearchOutcome
from matching_spark.search.query import Query, SearchOptions
from matching_spark.search.request import Request
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from matching_spark.embed.clip import ClipModel

log = logging.getLogger(__name__)
# Given a result with a question: the query with its answer, None if there is none.
Reply = Callable[[SearchResult, Query], Query | None]


def search(
    settings: Settings,
    query: Query,
    where: Filters,
    snapshot: str | None = None,
    progress: Progress = SILENT,
    identifiers: Sequence[str] = (),
    reply: Reply | None = None,
) -> SearchResult:
    """Answer a query by the settings' table, model and runner; Spark is stopped at the end.

    identifiers: numbers that the thing has, compared by their keyed hashes. reply: is handed every
    result that is in doubt and has a question worth asking; with its answer the query is asked
    again, until there is no question or no answer.
    """
    query = with_numbers(query, settings, identifiers)
    table = PostsTable.of(settings)
    model = _model(settings, table, query)
    wanted = settings.similarity
    # What is wrong with the query is told before Spark starts.
    looking = SimilarityEngine(table, "memory", model, cache=settings.cache)
    resident = True
    if query.text is not None:  # words are looked up where the search will run
        may = replace(where, kind=where.kind or "found")
        resident = chosen(settings, table.plan(may, snapshot).files).runner == "memory"
    asking = reply is not None
    query, asked, options = _read(looking, settings, query, where, snapshot, asking, resident)
    if query.identifiers and table.state.identifier_key is None:
        progress.say("no post has a number to compare: `ingest` with identifiers.key keeps them")
    if query.happened_on is not None and query.happened_on > seoul_today():
        said = f"{query.happened_on} is yet to come, by this machine's clock"
        progress.say(f"{said}: it counts against every post")
    if not asked.bare:
        looking.scoring(wanted.score, wanted.metric, wanted.threshold)
    choice = chosen(settings, table.plan(options.where, snapshot).files)
    with engine_of(settings, table, choice, model, progress) as engine:
        result = engine.answer([asked], options)[0]
        while reply is not None and result.question is not None:
            if (more := reply(result, query)) is None:
                break
            query = placed(more, settings)
            result = engine.answer(engine.ask([query], snapshot), options)[0]
        return replace(result, runner_why=choice.why)


@contextmanager
def engine_of(
    settings: Settings,
    table: PostsTable,
    choice: Choice,
    model: "ClipModel | None" = None,
    progress: Progress = SILENT,
    doing: str = "searching",
) -> Iterator[SimilarityEngine]:
    """An engine of the chosen runner; a Spark that it started is stopped at the end. doing: what it
    is for, as people are told."""
    runner, cache = choice.runner, settings.cache
    told = progress.say if settings.similarity.runner == "auto" else log.info
    if runner == "memory":
        told(f"{doing} {choice}")
        yield SimilarityEngine(table, runner, model, cache=cache)
        return
    # pyspark, which the memory runner does not need.
    from matching_spark.spark.jvm import has_started
    from matching_spark.spark.session import context

    if has_started():  # by spark-submit, which puts stderr's lines on stdout
        log.info("%s %s", doing, choice)
    else:
        told(f"{doing} {choice}")
        progress.say("starting Spark ...")
    with context(settings) as started:
        yield SimilarityEngine(table, runner, model, cache=cache, context=started)


def ask(
    engine: SimilarityEngine,
    settings: Settings,
    query: Query,
    where: Filters,
    snapshot: str | None = None,
    question: bool = False,
    run: Callable[[Request, str | None], SearchOutcome] | None = None,
) -> SearchResult:
    """Answer a query with an engine that is there already, by settings.similarity.

    Without a kind in `where`, found posts are looked for, or the other kind of the query's post.
    question: whether to find the one worth asking. run: in place of the engine's, as a
    QueryBatcher's.
    """
    query = with_numbers(query, settings)
    _, asked, options = _read(engine, settings, query, where, snapshot, question)
    return engine.answer([asked], options, run)[0]


def _read(
    engine: SimilarityEngine,
    settings: Settings,
    query: Query,
    where: Filters,
    snapshot: str | None,
    question: bool,
    resident: bool = True,
) -> tuple[Query, Asked, SearchOptions]:
    """A query, whose numbers are hashed, with what its words say and where its place lies; the same
    embedded; and how it is to be answered. resident: as `understood` has it."""
    if query.identifiers:
        check_key(engine.table, settings)
    query = placed(
        understood(engine, settings, query, where, snapshot, resident=resident), settings
    )
    asked = engine.ask([query], snapshot)[0]
    return query, asked, replace(_options(settings, asked, where, snapshot), ask=question)


def understood(
    engine: SimilarityEngine,
    settings: Settings,
    query: Query,
    where: Filters,
    snapshot: str | None = None,
    today: dt.date | None = None,
    resident: bool = True,
) -> Query:
    """The query with the facts that its words say and that neither it nor `where` has: as evidence,
    never as a filter. It stays as it is without words or weights for facts, or where the settings
    forbid it.

    today: None is the day in Seoul. resident: whether the search runs in this process: then its
    shards have the names of places, otherwise those columns are read.
    """
    wanted = settings.similarity
    if not wanted.understand or query.text is None:
        return query
    if engine.scoring(wanted.score, wanted.metric).calibration is None:
        return query
    where = replace(where, kind=where.kind or "found")
    names = engine.places(where, snapshot, resident)
    from matching_spark.domain.sentences.understood import understand  # lists, which words need

    facts = understand(query.text, today or seoul_today(), names).facts
    said = {
        name: getattr(facts, name)
        for name in facts.described()
        if not getattr(query, name) and getattr(where, name, None) is None
    }
    return replace(query, **said, understood=tuple(said))


def _options(
    settings: Settings, asked: Asked, where: Filters, snapshot: str | None
) -> SearchOptions:
    if where.kind is None:
        other: Kind = "lost" if asked.kind == "found" else "found"
        where = replace(where, kind=other)
    wanted = settings.similarity
    return SearchOptions(
        where,
        wanted.top_k,
        wanted.threshold,
        wanted.metric,
        None if asked.bare else wanted.score,
        wanted.language,
        wanted.nprobe,
        snapshot,
        wanted.share_here,
        Costs.of(wanted),
    )


def query_of(
    where: Filters,
    image: str | None = None,
    text: str | None = None,
    embedding: Path | None = None,
    post_id: str | None = None,
    *,
    place: str = "",
    happened_on: dt.date | None = None,
) -> Query:
    """A query with the facts of `where`, by which it need not be filtered as well. Its thing was
    lost, or found if lost posts are looked for. Raises InputError for words that are too many to be
    compared whole.
    """
    if text is not None and len(text) > MAX_TEXT:
        said = f"{len(text):,} characters of words are too many: ask by {MAX_TEXT:,} at most"
        raise InputError(said, argument="text")
    return Query(
        image,
        text,
        embedding,
        post_id,
        category=where.category or "",
        colour=where.colour or "",
        region=where.region or "",
        place=place,
        happened_on=happened_on,
        kind="found" if where.kind == "lost" else "lost",
    )


def photo_of(result: SearchResult) -> bytes | None:
    """The query's picture for a page, if it has one that can still be read."""
    from matching_spark.embed.photos import photo_file  # Pillow, which only a page needs
    from matching_spark.operations.pages import loaded  # as above

    if image := result.query.get("image"):
        return loaded(photo_file, image)
    return loaded(read_photo, result.query.get("photo"))


def _model(settings: Settings, table: PostsTable, query: Query) -> "ClipModel | None":
    """The table's model; None if only vectors are compared and the model is not at hand."""
    needed = query.image is not None or query.text is not None
    if table.model.startswith(EXTERNAL):
        if needed:
            raise ModelError(
                f"{table.uri} holds {table.model} vectors, made elsewhere: there is no model to "
                "embed a photo or words with; search by a vector or by a post"
            )
        return None
    if needed:
        model = model_of(settings, table)
        table.check_model(model.name)
        return model
    return table_model(settings, table)


def table_model(settings: Settings, table: PostsTable) -> "ClipModel | None":
    """The settings' model, whose card has the thresholds, if it is the table's; else None."""
    try:
        model = model_of(settings, table)
        table.check_model(model.name)
    except ModelError:
        return None
    return model
