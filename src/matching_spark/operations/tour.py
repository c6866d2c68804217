"""The tour of `matching-spark demo`: draw, ingest, search, show."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from matching_spark.config import Settings
from matching_spark.demo.world import draw_world
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import SearchResult
from matching_spark.embed.clip import ClipModel
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.operations.output import write_output
from matching_spark.operations.search import ask
from matching_spark.similarity_engine import Query, SimilarityEngine
from matching_spark.sources import read_posts
from matching_spark.spark.session import session
from matching_spark.storage import read_bytes, write_file
from matching_spark.table.posts_table import PostsTable


def tour(
    settings: Settings,
    folder: Path,
    posts: int,
    seed: int,
    progress: Callable[[str, int, int], None],
    say: Callable[[str], None],
) -> SearchResult:
    """Everything into `folder`: world/, table/, query.jpg, matches.json and matches.html."""
    say(f"drawing {posts} posts of lost and found things into {folder}/world ...")
    world = draw_world(folder / "world", posts, seed, progress)
    model = ClipModel.of(settings.model)
    say("starting Spark ...")
    with session(settings) as spark:
        table = PostsTable.open_or_create(
            settings.table,
            spark,
            model=model.name,
            dimension=model.dimension,
            hadoop=settings.hadoop,
        )
        say(f"embedding their photos with {model.name}, storing them in {table.uri} ...")
        stream = chain(read_posts(str(world.found)), read_posts(str(world.lost)))
        report = ingest_posts(stream, table, model, progress)
        say(
            f"{report.accepted} posts accepted, {report.skipped} were there already, "
            f"{report.photos_per_second:.0f} photos a second"
        )
        engine = SimilarityEngine(table, "spark", model, cache=settings.cache)
        question = Query(post_id=world.query_id)
        say(
            f"searching for lost post {world.query_id} by its photo, words, place and day: "
            f"{world.query_photo}"
        )
        if settings.similarity.threshold is None:  # the tour shows look-alikes too
            settings = settings.model_copy(deep=True)
            settings.similarity.threshold = 0.0
        result = ask(engine, settings, question, Filters())
    photo = world.query_photo.read_bytes()
    write_file(folder / "query.jpg", photo)
    for name in ("matches.json", "matches.html"):
        write_output(result, folder / name, read_bytes, photo)
    say(f"written: {folder}/matches.json, {folder}/matches.html and the photo, {folder}/query.jpg")
    return result
