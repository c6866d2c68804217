"""Labelled pairs of drawn worlds, straight from their drawings: no table, no Spark.

A world is one seed's: the realistic one (demo.dealt), or the tidy one as `make demo` draws it.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from matching_spark import storage
from matching_spark.demo.dealt import Told, deal
from matching_spark.demo.draw import Size
from matching_spark.demo.embedded import processes, shards
from matching_spark.demo.world import LOST_SHARE, World, draw_world
from matching_spark.domain.posts import Post
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import UsageError
from matching_spark.evaluation.labelled import (
    MAX_PAIRS,
    LabelledPairs,
    Truth,
    join,
    label,
    read_truth,
)
from matching_spark.progress import SILENT, Progress
from matching_spark.shards.shard import Shard
from matching_spark.sources import read_posts

FOUND = 300  # found posts of a world
FIT_SEEDS = (101, 102, 103, 104, 105)
HELD_OUT_SEEDS = (106, 107)
LARGE = 10_000  # found posts: one world of so many is enough, and takes minutes

Sides = tuple[Sequence[Told], Sequence[Told], Truth]  # lost, found, and what is the same


@dataclass(frozen=True)
class Worlds:
    """Drawn worlds, one of each seed; no two share a thing.

    found, lost: posts of each; as many lost as found where `lost` is None. tidy: every lost thing
    is there, all that is told is true, and there is one lost post to three found ones. Raises
    UsageError for a number of lost posts that cannot be.
    """

    seeds: Sequence[int]
    found: int = FOUND
    lost: int | None = None
    tidy: bool = False

    def __post_init__(self) -> None:
        if self.tidy and self.lost is not None:
            raise UsageError("a tidy world has no troubles, and one lost post to three found ones")

    def pairs(self, model: ClipModel, progress: Progress = SILENT) -> LabelledPairs:
        """All pairs of all worlds at once, up to MAX_PAIRS: beyond, a sample of different ones."""
        each = MAX_PAIRS // len(self.seeds)
        return join(
            [
                label([lost], [found], truth, each)
                for lost, found, truth in self.drawn(model, progress)
            ]
        )

    def blocks(self, model: ClipModel, progress: Progress = SILENT) -> Iterator[LabelledPairs]:
        """All pairs, at most MAX_PAIRS at a time: some lost posts of a world, each with every found
        post of it. Lost posts of different worlds have different ids where the worlds are not tidy.
        """
        for lost, found, truth in self.drawn(model, progress):
            step = max(1, MAX_PAIRS // len(found))
            for start in range(0, len(lost), step):
                some = np.arange(start, min(start + step, len(lost)))
                yield label([lost.subset(some)], [found], truth)

    def drawn(
        self, model: ClipModel, progress: Progress = SILENT
    ) -> Iterator[tuple[Shard, Shard, Truth]]:
        """The lost posts, the found posts and the truth of one world after the other."""
        with tempfile.TemporaryDirectory() as place, processes() as pool:
            folder = Path(place)
            sides = self._tidy(folder, pool) if self.tidy else self._dealt()
            for number, (lost, found, truth) in enumerate(sides, 1):
                what = f"photos and words of world {number} of {len(self.seeds)}"
                counted = partial(progress.count, what)
                lost_posts, found_posts = shards(model, (lost, found), folder, pool, counted)
                yield lost_posts, found_posts, truth

    def _dealt(self) -> Iterator[Sides]:
        for seed in self.seeds:
            world = deal(seed, self.found, self.lost or self.found)
            yield world.lost, world.found, world.truth

    def _tidy(self, folder: Path, pool: ProcessPoolExecutor) -> Iterator[Sides]:
        posts = round(self.found / (1 - LOST_SHARE))
        jobs = [(folder / str(seed), posts, seed) for seed in self.seeds]
        for world in pool.map(_draw, jobs):
            yield _read(world)


# What `calibrate demo` learns from: 2,500 things that are there, of each 7,500 found ones.
FIT = Worlds(FIT_SEEDS, 1_500, 1_000)


def held_out(found: int = FOUND, tidy: bool = False) -> Worlds:
    """Worlds that nothing is fitted on, with as many lost posts as `pairs` holds whole."""
    seeds = HELD_OUT_SEEDS if found < LARGE else HELD_OUT_SEEDS[:1]
    if tidy:
        return Worlds(seeds, found, tidy=True)
    return Worlds(seeds, found, max(1, min(found, MAX_PAIRS // (len(seeds) * found))))


@dataclass(frozen=True)
class _Lying:
    """A photo of a world that was drawn into a folder."""

    uri: str

    def draw(self, size: Size) -> bytes:
        """As it is: of its own size."""
        return storage.read_bytes(self.uri)


def _draw(job: tuple[Path, int, int]) -> World:
    return draw_world(*job)


def _read(world: World) -> Sides:
    lost, found = (
        [
            Told(post, tuple(_Lying(uri) for uri in post.photos))
            for post in read_posts(str(file))
            if isinstance(post, Post)
        ]
        for file in (world.lost, world.found)
    )
    return lost, found, read_truth(str(world.truth))
