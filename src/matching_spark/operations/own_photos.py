"""The demo with a person's own pictures: found posts among the drawn ones, each looked for again
by another take of it and by its words.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image
from pyspark.sql import SparkSession

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.descriptions import Description
from matching_spark.domain.posts import Filters, Post, Reject, checked
from matching_spark.domain.results import Reported, SearchResult
from matching_spark.domain.vocabulary import Seen
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import KEPT_QUALITY, jpeg, open_photo, photo_file, plain
from matching_spark.errors import InputError
from matching_spark.evaluation.retakes import retake
from matching_spark.filesystems.whole_files import write_file
from matching_spark.operations.describe import describe_all
from matching_spark.operations.search import ask
from matching_spark.operations.tour import drawn, taken_in, with_look_alikes, written
from matching_spark.operations.warehouse import spark_of
from matching_spark.progress import SILENT, Progress
from matching_spark.search.query import Query
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.sources.folder import read_folder, told

SIGN = 4  # hex digits of a folder's whole path
MOST = 1_000  # pictures: each is embedded three times, and looked for twice


@dataclass(frozen=True)
class Own(Reported):
    """A picture as a found post. by_photo, by_words: its place among what was found for another
    take of it, and for the words that it was given; None: not there, or no words.
    """

    post_id: str
    photo: str
    description: Description
    by_photo: int | None
    by_words: int | None


@dataclass(frozen=True)
class OwnTour:
    """rejects: what of the folder is no post, and why. shown: the id of the picture that `photo`,
    and `words` where it has any, were asked of.
    """

    pictures: tuple[Own, ...]
    rejects: tuple[Reject, ...]
    shown: str
    photo: SearchResult
    words: SearchResult | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "pictures": [own.to_dict() for own in self.pictures],
            "rejects": [asdict(reject) for reject in self.rejects],
            "shown": self.shown,
            "photo": self.photo.to_dict(),
            "words": self.words and self.words.to_dict(),
        }


def tour(
    settings: Settings,
    photos: str,
    folder: Path,
    posts: int = 400,
    seed: int = 0,
    progress: Progress = SILENT,
    spark: SparkSession | None = None,
) -> OwnTour:
    """As the tour without pictures, its query another take of the one that is known best; what is
    found for its words goes into words.json and words.html.

    photos: a folder, with those in it, of which the first MOST pictures are taken; a post's id is
    the way to its picture. Raises InputError where there is none, ModelError for a model that has
    not learnt how sure it is of a name.
    """
    model = ClipModel.of(settings.model)
    known, rejects = _described(model, photos, progress)
    own = [_post(post, said) for post, said in known]
    world = drawn(folder, posts, seed, progress)
    ground = plain(Image.open(io.BytesIO(world.query_photo.read_bytes())))
    takes = [_again(post, ground, [seed, i]) for i, post in enumerate(own)]
    best = max(range(len(own)), key=lambda i: _sure(known[i][1]))
    settings = with_look_alikes(settings)

    def found(by: SimilarityEngine, i: int) -> tuple[SearchResult, SearchResult | None]:
        """For the other take of a picture, and for its words."""
        words, where = own[i].title, Filters(kind="found")
        by_photo = ask(by, settings, Query(image=takes[i]), where)
        return by_photo, ask(by, settings, Query(text=words), where) if words else None

    with spark_of(settings, "demo", progress, spark) as session:
        table = taken_in(settings, world, own, model, session, progress)
        here = SimilarityEngine(table, "memory", model, cache=settings.cache)
        pictures = []
        for i, (post, (_, said)) in enumerate(zip(own, known, strict=True)):
            places = [_place(post, result) for result in found(here, i)]
            pictures.append(Own(post.post_id, post.photos[0], said, *places))
            progress.count("looking for each again", i + 1, len(own))
        also = " and by its words" if own[best].title else ""
        progress.say(f"searching for {own[best].post_id} by another take of it{also}")
        spread = SimilarityEngine(table, "spark", model, cache=settings.cache)
        by_photo, by_words = found(spread, best)
    write_file(folder / "query.jpg", takes[best])
    written(by_photo, folder, "matches", takes[best], settings)
    progress.say(f"written: {folder}/query.jpg, {folder}/matches.json and {folder}/matches.html")
    if by_words is not None:
        written(by_words, folder, "words", None, settings)
        progress.say(f"written: {folder}/words.json and {folder}/words.html")
    return OwnTour(tuple(pictures), rejects, own[best].post_id, by_photo, by_words)


def _described(
    model: ClipModel, photos: str, progress: Progress
) -> tuple[list[tuple[Post, Description]], tuple[Reject, ...]]:
    """The folder's pictures that can be read, each with its words; and what is none."""
    if not storage.exists(photos) or not storage.is_dir(photos):
        raise InputError(f"{photos} is no folder of pictures", argument="photos")
    seen = Seen()
    posts: dict[str, Post] = {}
    others: list[Reject] = []
    for each in _named(photos, seen):
        if isinstance(each, Reject):
            others.append(each)
        elif len(posts) == MOST:
            progress.say(f"more than {MOST:,} pictures in {photos}: the first {MOST:,} are taken")
            break
        else:
            posts[each.photos[0]] = each
    progress.say(f"describing {len(posts):,} pictures of {photos} ...")
    done = describe_all(model, list(posts), progress)
    rejects = (*others, *done.rejects)
    for reject in rejects:
        progress.say(f"{reject.source} is left out: {reject.detail}")
    if not done.photos:
        raise InputError(f"{photos} has no picture that can be read", argument="photos")
    return [(posts[place], said) for place, said in done.photos], rejects


def _named(photos: str, seen: Seen) -> Iterator[Post | Reject]:
    """Ids begin with the folder's name and a sign of where it lies: what lies in another folder, of
    the same name too, is another picture.
    """
    place = storage.absolute(photos)
    sign = hashlib.sha256(os.fsencode(place)).hexdigest()[:SIGN]
    name = f"{told(PurePath(place).name)}-{sign}"
    for each in read_folder(photos, "found", seen):
        post_id = f"{name}/{each.post_id}"
        if isinstance(each, Reject):
            yield replace(each, post_id=post_id)
            continue
        try:
            yield checked(replace(each, post_id=post_id))  # by the id that it will have
        except InputError as error:
            yield Reject(each.photos[0], post_id, "bad-id", str(error))


def _post(post: Post, said: Description) -> Post:
    return replace(
        post,
        category=said.category.korean or "",
        colour=said.post_colour,
        title=said.title.korean or "",
    )


def _again(post: Post, ground: Image.Image, seed: Sequence[int]) -> bytes:
    """Another take of a post's picture, a JPEG; the same for the same seed."""
    photo = open_photo(photo_file(post.photos[0]))
    return jpeg(retake(photo, ground, np.random.default_rng(seed)), KEPT_QUALITY)


def _sure(said: Description) -> tuple[float, float]:
    """Which is known best, of those that have a title and of those that have none."""
    return said.title.confidence or 0.0, said.title.candidates[0].confidence


def _place(post: Post, result: SearchResult | None) -> int | None:
    found = () if result is None else result.matches
    return next((match.rank for match in found if match.post_id == post.post_id), None)
