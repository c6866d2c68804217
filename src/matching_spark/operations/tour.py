"""The tour of the demo: draw, ingest, search, show."""

from itertools import chain
from pathlib import Path

from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.demo.world import World, draw_world
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import SearchResult
from matching_spark.embed.clip import ClipModel
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.layout import read_photo
from matching_spark.operations.output import write_output
from matching_spark.operations.search import ask
from matching_spark.operations.warehouse import made, spark_of
from matching_spark.progress import SILENT, Progress
from matching_spark.search.query import Query
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.sources import read_posts
from matching_spark.storage import write_file
from matching_spark.table.posts_table import PostsTable


def tour(
    settings: Settings,
    folder: Path,
    posts: int = 400,
    seed: int = 0,
    progress: Progress = SILENT,
    spark: SparkSession | None = None,
) -> SearchResult:
    """Everything into `folder`: world/, query.jpg, matches.json, matches.html; posts into the
    settings' table.

    posts: how many are drawn, of lost and found things. spark: a session that stays; None: one for
    this.
    """
    progress.say(f"drawing {posts} posts of lost and found things into {folder}/world ...")
    world = draw_world(folder / "world", posts, seed, progress)
    model = ClipModel.of(settings.model)
    with spark_of(settings, "demo", progress, spark) as session:
        table = _taken_in(settings, world, model, session, progress)
        engine = SimilarityEngine(table, "spark", model, cache=settings.cache)
        progress.say(
            f"searching for lost post {world.query_id} by its photo, words, place and day: "
            f"{world.query_photo}"
        )
        if settings.similarity.threshold is None:  # the tour shows look-alikes too
            settings = settings.model_copy(deep=True)
            settings.similarity.threshold = 0.0
        result = ask(engine, settings, Query(post_id=world.query_id), Filters())
    photo = world.query_photo.read_bytes()
    write_file(folder / "query.jpg", photo)
    for name in ("matches.json", "matches.html"):
        write_output(result, folder / name, read_photo, photo, settings.similarity.language)
    progress.say(
        f"written: {folder}/matches.json, {folder}/matches.html and the photo, {folder}/query.jpg"
    )
    return result


def _taken_in(
    settings: Settings, world: World, model: ClipModel, spark: SparkSession, progress: Progress
) -> PostsTable:
    """The settings' table with the world's posts."""
    table = made(settings, model, spark)
    progress.say(f"embedding their photos with {model.name}, storing them in {table.uri} ...")
    stream = chain(read_posts(str(world.found)), read_posts(str(world.lost)))
    report = ingest_posts(stream, table, model, progress)
    progress.say(
        f"{report.accepted} posts accepted, {report.skipped} were there already, "
        f"{report.photos_per_second:.0f} photos a second"
    )
    return table
