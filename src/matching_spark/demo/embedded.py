"""Posts of drawn worlds as shards: drawn, embedded and forgotten, in processes of their own."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from matching_spark.demo.dealt import Shooting, Told
from matching_spark.demo.draw import SMALL
from matching_spark.domain.identifiers import Seal
from matching_spark.domain.schema import METADATA, POINT
from matching_spark.embed.clip import CPU, ClipModel, Device, worker_model
from matching_spark.knn.similarity import Float32
from matching_spark.shards.arrow import arrow_fields, write_parquet
from matching_spark.shards.shard import DataFile, Shard, load

AT_ONCE = 64  # photos or texts of a job: a second or two
FEW = 128  # so many are done here before the processes have started
# With a process on every core, a CPU's tower is fastest by single photos: 9 ms each, 13 by eights,
# 30 by 64, whose activations leave the core's own cache.
CPU_BATCH = 1
SEAL = Seal("of the numbers of drawn things, which are no secret")


@dataclass(frozen=True)
class _Tower:
    """The model, as a process of the pool loads it."""

    folder: str
    batch_size: int
    device: Device

    @classmethod
    def of(cls, model: ClipModel) -> "_Tower":
        batch_size = CPU_BATCH if model.provider == CPU else model.batch_size
        return cls(str(model.folder), batch_size, model.device)

    def images(self, shots: Sequence[Shooting]) -> Float32:
        return self._model().embed_images([shot.draw(SMALL) for shot in shots])

    def texts(self, texts: Sequence[str]) -> Float32:
        return self._model().embed_texts(texts)

    def _model(self) -> ClipModel:
        return worker_model(self.folder, self.batch_size, self.device)


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """One for each core. What is not begun when the caller gives up never is."""
    # Spawned: a forked child would inherit ONNX Runtime's threads without their locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(os.cpu_count() or 1, context, _begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Ctrl-C reaches every process of a terminal: the one that asked for the work ends it. If that
    one is killed, nobody does: each waits for its next job on a pipe that it holds open itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def shards(
    model: ClipModel,
    sides: Sequence[Sequence[Told]],
    folder: Path,
    pool: ProcessPoolExecutor,
    counted: Callable[[int, int], None],
) -> list[Shard]:
    """Each side's posts as a data file of the table holds them. counted: done, of all to embed.

    A photo or a text of several posts is embedded once. folder: for files that may go afterwards.
    Raises StorageError where it has no room.
    """
    every = [told for side in sides for told in side]
    shots = list(dict.fromkeys(shot for told in every for shot in told.shots))
    texts = list(dict.fromkeys(told.post.text for told in every if told.post.text))
    total = len(shots) + len(texts)
    tower = _Tower.of(model)
    images = _embedded(pool, tower.images, shots, lambda done: counted(done, total))
    words = _embedded(pool, tower.texts, texts, lambda done: counted(len(shots) + done, total))
    return [
        _shard(model.dimension, folder / f"{number}.parquet", side, images, words)
        for number, side in enumerate(sides)
    ]


def _embedded(
    pool: ProcessPoolExecutor,
    tower: Callable[[Sequence[Any]], Float32],
    what: Sequence[Any],
    counted: Callable[[int], None],
) -> dict[Any, bytes]:
    """The vectors of photos or texts, as the table stores them."""
    jobs = [what[start : start + AT_ONCE] for start in range(0, len(what), AT_ONCE)]
    done: Iterable[Float32] = map(tower, jobs) if len(what) <= FEW else pool.map(tower, jobs)
    out: dict[Any, bytes] = {}
    for job, vectors in zip(jobs, done, strict=True):
        out |= {each: row.tobytes() for each, row in zip(job, vectors.astype("<f4"), strict=True)}
        counted(len(out))
    return out


def _shard(
    dimension: int,
    file: Path,
    side: Sequence[Told],
    images: Mapping[Shooting, bytes],
    words: Mapping[str, bytes],
) -> Shard:
    rows = [
        {name: getattr(told.post, name) for name in METADATA}
        | {
            "photos": [
                {"uri": f"photos/{told.post.post_id}-{i}.jpg", "vector": images[shot]}
                for i, shot in enumerate(told.shots)
            ],
            "text_vector": words.get(told.post.text),
            "identifiers": [h for number in told.post.numbers for h in SEAL.of_number(number)],
            **{name: getattr(told.post, name) for name in POINT},
        }
        for told in side
    ]
    schema = pa.schema(arrow_fields(*METADATA, "photos", "text_vector", "identifiers", *POINT))
    write_parquet(str(file), pa.Table.from_pylist(rows, schema))
    return load(DataFile(str(file), len(rows), file.stat().st_size), dimension)
