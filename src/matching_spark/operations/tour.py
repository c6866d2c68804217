"""The tour of the demo: draw, ingest, search, show."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from pyspark.sql import SparkSession

from matching_spark.config import Settings
from matching_spark.demo.world import DRAWN, World, draw_world
from matching_spark.domain.posts import Filters, Post
from matching_spark.domain.results import SearchResult
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import photo_sha256
from matching_spark.filesystems.whole_files import write_file
from matching_spark.ingest.over import Rules
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.layout import read_photo
from matching_spark.operations.output import write_output
from matching_spark.operations.posts import merged_first
from matching_spark.operations.search import ask
from matching_spark.operations.warehouse import made, spark_of
from matching_spark.progress import SILENT, Progress
from matching_spark.search.query import Query
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.sources import read_posts
from matching_spark.table import side_tables
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
    world = drawn(folder, posts, seed, progress)
    model = ClipModel.of(settings.model)
    with spark_of(settings, "demo", progress, spark) as session:
        table = taken_in(settings, world, (), model, session, progress)
        engine = SimilarityEngine(table, "spark", model, cache=settings.cache)
        progress.say(
            f"searching for lost post {world.query_id} by its photo, words, place and day: "
            f"{world.query_photo}"
        )
        result = ask(engine, with_look_alikes(settings), Query(post_id=world.query_id), Filters())
    photo = world.query_photo.read_bytes()
    write_file(folder / "query.jpg", photo)
    written(result, folder, "matches", photo, settings)
    progress.say(
        f"written: {folder}/matches.json, {folder}/matches.html and the photo, {folder}/query.jpg"
    )
    return result


def drawn(folder: Path, posts: int, seed: int, progress: Progress) -> World:
    progress.say(f"drawing {posts} posts of lost and found things into {folder}/world ...")
    return draw_world(folder / "world", posts, seed, progress)


def taken_in(
    settings: Settings,
    world: World,
    own: Sequence[Post],
    model: ClipModel,
    spark: SparkSession,
    progress: Progress,
) -> PostsTable:
    """The settings' table with the world's posts and a person's own.

    The posts of another world that was drawn into the same folder before go, with all that was
    decided and told of them: the same ids are other things' now. What else is there stays.
    """
    table = made(settings, model, spark)
    if former := _of_another(table, world):
        merged_first(settings, progress, spark)  # what its journal still says is of them too
        table.refresh()
        side_tables.drop(table, former)  # first: a demo that was killed knows by its posts the rest
        table.delete(former)
        progress.say(
            f"{len(former)} posts of the world drawn before are taken out, with what was decided "
            "and told of them"
        )
    progress.say(f"embedding their photos with {model.name}, storing them in {table.uri} ...")
    stream = chain(read_posts(str(world.found)), read_posts(str(world.lost)), own)
    report = ingest_posts(stream, table, model, progress, rules=Rules(replace=True))
    progress.say(
        f"{report.accepted} posts accepted, {report.skipped} were there already, "
        f"{report.photos_per_second:.0f} photos a second"
    )
    return table


def _of_another(table: PostsTable, world: World) -> list[str]:
    """The drawn posts of the table, if they are of another world: if one of them is not in this
    world, or has other photos there."""
    if table.snapshot is None:
        return []
    now = {post_id: {photo_sha256(p.read_bytes()) for p in of} for post_id, of in world.photos()}
    rows = table.frame().select("post_id", "photos.sha256").collect()
    there = {post_id: set(shas) for post_id, shas in rows if DRAWN.fullmatch(post_id)}
    others = any(i not in now or not shas <= now[i] for i, shas in there.items())
    return sorted(there) if others else []


def with_look_alikes(settings: Settings) -> Settings:
    """Without a threshold of their own: the tour shows look-alikes too."""
    if settings.similarity.threshold is not None:
        return settings
    settings = settings.model_copy(deep=True)
    settings.similarity.threshold = 0.0
    return settings


def written(
    result: SearchResult, folder: Path, name: str, photo: bytes | None, settings: Settings
) -> None:
    """The result as NAME.json and NAME.html of the folder."""
    for ending in ("json", "html"):
        place = folder / f"{name}.{ending}"
        write_output(result, place, read_photo, photo, settings.similarity.language)
