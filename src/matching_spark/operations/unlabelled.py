"""Weights of a table's own model from its own posts, without a label, held against re-takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Reported
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import KEPT_QUALITY, jpeg, open_photo, photo_file
from matching_spark.errors import InputError, PhotoError, StorageError
from matching_spark.evaluation.labelled import MAX_PAIRS, NOT_HERE, LabelledPairs, label
from matching_spark.evaluation.retakes import retake
from matching_spark.evaluation.unlabelled import learn_unlabelled, nearest
from matching_spark.operations.evaluate import check_kept
from matching_spark.operations.search import table_model
from matching_spark.operations.warehouse import reading
from matching_spark.progress import SILENT, Progress
from matching_spark.score.calibration import Calibration
from matching_spark.score.store import FILE, SELF, first, save, shipped
from matching_spark.shards.shard import Shard
from matching_spark.table.posts_table import PostsTable

RETAKES = 200  # photos that are taken again: quantiles of so many are off by a few hundredths
MIN_LISTS = 200  # lost posts: fewer teach too little
LISTS = 600  # that are wanted: if MAX_PAIRS does not hold so many whole ones, they are sampled
LOOKS = "image-image"
NAMED = 5  # of photos that do not open


@dataclass(frozen=True)
class Learnt(Reported):
    """learnt: as the calibration says it."""

    table: str
    written: str
    model: str
    learnt: dict[str, Any]


def calibrate_self(settings: Settings, progress: Progress = SILENT) -> Learnt:
    """Learn the weights of a table's model from its lost and found posts; keep them.

    Raises InputError where there are too few posts, or where what was taken for the same things
    looks less alike than different things do, or more than a photo taken again; as `check_kept`.
    """
    table = reading(settings)
    check_kept(table, "self")
    model = table_model(settings, table)
    lost, found = (
        list(table.shards(Filters(kind=kind, status=None))) for kind in ("lost", "found")
    )
    base = facts_of(table, model)
    pairs = _lists(lost, found, table, base, progress)
    learnt = {
        "from": "self",
        "facts": f"held to those of the calibration of {base.model}",
        "lost": len(pairs.lost_ids),
        "found": len(pairs.found_ids),
    }
    share = settings.similarity.share_here
    calibration = learn_unlabelled(pairs, table.model, learnt, base, share, progress)
    again = None if model is None else retaken(model, found, progress)
    calibration = checked(calibration, again)
    places = [storage.join(table.uri, name) for name in (SELF, FILE)]
    for place in places:
        save(calibration, place)
        progress.say(f"written: {place}")
    return Learnt(table.uri, places[-1], table.model, dict(calibration.learnt))


def facts_of(table: PostsTable, model: ClipModel | None) -> Calibration:
    """A calibration whose lines of facts a table may start from: its model's, else the shipped."""
    return first([], model, table.model) or shipped()


def checked(calibration: Calibration, again: Sequence[float] | None) -> Calibration:
    """The calibration, checked against re-takes. again: the cosines of photos and their re-takes.

    Raises InputError where what was taken for the same things cannot be it.
    """
    looks = calibration.learnt["cosines"].get(LOOKS)
    if looks is None:
        return calibration
    (_, middle, _), (_, alike, _) = looks["same"], looks["different"]
    if middle <= alike:
        raise InputError(
            f"half of what seems the same has photos of a cosine below {middle:.2f}, and of "
            f"different things one in twenty is above {alike:.2f}: the table does not tell who is "
            "whose. Label pairs (`decide`, then `calibrate decisions`), or take in posts that "
            "tell places and days"
        )
    if again is None:
        return calibration
    highest = float(np.quantile(again, 0.95))
    if middle >= highest:
        raise InputError(
            f"half of what seems the same has photos of a cosine above {middle:.2f}, and photos "
            f"taken again reach {highest:.2f}: these are one photo in two posts. Close what "
            "`duplicates` shows, or label pairs (`decide`, then `calibrate decisions`)"
        )
    retakes = [round(float(q), 4) for q in np.quantile(again, (0.1, 0.5, 0.95))]
    return replace(calibration, learnt={**calibration.learnt, "retakes": retakes})


def retaken(model: ClipModel, found: Sequence[Shard], progress: Progress) -> list[float] | None:
    """The cosines of up to RETAKES kept photos and their re-takes, each on another's ground; None
    where fewer than two photos are kept."""
    rng = np.random.default_rng(0)
    photos: list[Image.Image] = []
    broken: list[str] = []
    for shard, row in _with_photos(found, rng):
        if len(photos) == RETAKES:
            break
        place = shard.photo(row)
        if place is None:
            continue
        try:
            photos.append(open_photo(photo_file(place)))
        except (FileNotFoundError, StorageError):
            continue  # erased since, or kept on a host that is not this one
        except PhotoError as error:
            broken.append(str(error.of(place)))
    if broken:
        progress.say(
            f"{len(broken):,} kept photos are passed over, which do not open: "
            f"{'; '.join(broken[:NAMED])}: put them back as they were, or give their posts others"
        )
    if len(photos) < 2:
        progress.say("no photos are kept: what was learnt is not held against photos taken again")
        return None
    takes = []
    for i, photo in enumerate(photos):
        takes.append(jpeg(retake(photo, photos[i - 1], rng), KEPT_QUALITY))
        progress.count("taking photos again", i + 1, len(photos))
    own, others = model.embed_images(photos), model.embed_images(takes)
    return [float(x) for x in np.einsum("nd,nd->n", own, others)]


def _with_photos(found: Sequence[Shard], rng: np.random.Generator) -> list[tuple[Shard, int]]:
    """Posts that have a photo, in an order drawn by chance."""
    rows = [
        (shard, int(row))
        for shard in found
        for row in np.flatnonzero(shard.alive & (shard.photos.counts > 0))
    ]
    return [rows[i] for i in rng.permutation(len(rows))]


def _lists(
    lost: Sequence[Shard],
    found: Sequence[Shard],
    table: PostsTable,
    base: Calibration,
    progress: Progress,
) -> LabelledPairs:
    """As many lost posts as MAX_PAIRS holds, each with every found post. If that is fewer than
    LISTS: LISTS of them, each with the found posts that may be it and a sample of the others."""
    posts = sum(int(shard.alive.sum()) for shard in found)
    ids = [i for shard in lost for i in shard.ids(np.flatnonzero(shard.alive))]
    if not posts or len(ids) < MIN_LISTS:
        raise InputError(
            f"{table.uri} has {len(ids):,} lost and {posts:,} found posts; learning without "
            f"labels takes {MIN_LISTS} lost posts at least, and found ones: label pairs (`decide`, "
            "then `calibrate decisions`)"
        )
    whole = MAX_PAIRS // posts
    some = np.random.default_rng(0).permutation(len(ids))[: max(whole, LISTS)]
    truth = {ids[i]: {NOT_HERE: False} for i in some}
    if len(truth) <= whole:
        return label(lost, found, truth)
    progress.say(
        f"{posts:,} found posts are too many for whole lists: {len(truth):,} lost posts, each with "
        "the found ones that may be theirs and a sample of the others"
    )
    return label(lost, found, truth, kept=nearest(base))
