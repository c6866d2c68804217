"""Labelled pairs of the demo's world, straight from its drawings: no table, no Spark."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from matching_spark import storage
from matching_spark.demo.world import World, draw_world
from matching_spark.domain.posts import Post
from matching_spark.domain.schema import METADATA
from matching_spark.embed.clip import ClipModel
from matching_spark.evaluation.labelled import LabelledPairs, join, label, read_truth
from matching_spark.shards.shard import DataFile, Shard, load
from matching_spark.sources import read_posts

POSTS = 400  # a world: as `demo` draws it, so that a probability is one of 300 found posts
FIT_SEEDS = (101, 102, 103, 104, 105)
HELD_OUT_SEEDS = (106, 107)


def drawn_pairs(
    model: ClipModel,
    seeds: Sequence[int],
    posts: int = POSTS,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> LabelledPairs:
    """The pairs of worlds of these seeds; every world's lost posts meet its own found ones."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(Path(folder) / str(seed), posts, seed) for seed in seeds]
        # Spawned: a forked child would inherit ONNX Runtime's threads without their locks.
        context = multiprocessing.get_context("spawn")
        workers = min(len(jobs), os.cpu_count() or 1)
        parts = []
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for done, world in enumerate(pool.map(_draw, jobs), 1):
                parts.append(world_pairs(model, world))
                progress("worlds", done, len(jobs))
    return join(parts)


def _draw(job: tuple[Path, int, int]) -> World:
    return draw_world(*job)


def world_pairs(model: ClipModel, world: World) -> LabelledPairs:
    """The labelled pairs of one drawn world."""
    lost, found = (_shard(model, file) for file in (world.lost, world.found))
    return label([lost], [found], read_truth(str(world.truth)))


def _shard(model: ClipModel, file: Path) -> Shard:
    """The posts of a file, embedded, as a data file of the table holds them."""
    posts = [post for post in read_posts(str(file)) if isinstance(post, Post)]
    photos = [photo for post in posts for photo in post.photos]
    images = model.embed_images([storage.read_bytes(photo) for photo in photos])
    of_photo = dict(zip(photos, images, strict=True))
    of_text = model.embed_texts([post.text for post in posts])
    rows = [
        {name: getattr(post, name) for name in METADATA}
        | {
            "photos": [
                {"uri": p, "vector": of_photo[p].astype("<f4").tobytes()} for p in post.photos
            ],
            "text_vector": vector.astype("<f4").tobytes() if post.text else None,
        }
        for post, vector in zip(posts, of_text, strict=True)
    ]
    schema = pa.schema(
        [(name, pa.date32() if name == "happened_on" else pa.string()) for name in METADATA]
        + [
            ("photos", pa.list_(pa.struct([("uri", pa.string()), ("vector", pa.binary())]))),
            ("text_vector", pa.binary()),
        ]
    )
    stored = file.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema), stored)
    data = DataFile(str(stored), len(rows), stored.stat().st_size)
    return load(data, model.dimension)
