"""Staging: vectors that tasks have embedded and that no commit has taken in yet, keyed by content.

A task writes one small Parquet file, whole or not at all. What is staged is not embedded again, so
an ingest or a reembed that was cut off goes on where it stopped.
"""

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa
from PIL import Image

from matching_spark import storage
from matching_spark.embed.clip import ClipModel, Device, NoVectorError, worker_model
from matching_spark.embed.parsers import STUMBLES
from matching_spark.embed.photos import encode_photo, open_photo, photo_file, photo_sha256
from matching_spark.errors import PhotoError, StorageError
from matching_spark.knn.similarity import Float32
from matching_spark.layout import PHOTOS, STAGING, kept_photo
from matching_spark.progress import Progress
from matching_spark.shards.arrow import read_columns, write_parquet

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import DataFrame, SparkSession

PHOTOS_A_TASK = 64  # a staged file each: what a crash can cost in embedding
STAGED = pa.schema(
    [
        ("key", pa.string()),
        ("uri", pa.string()),
        ("vector", pa.binary()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
# What a tokenizer raises over words.
_WORDS = (ValueError, TypeError, LookupError, ArithmeticError, MemoryError)
FRESH_S = 12 * 3600  # a younger kept photo is not removed before its post can be committed
GONE = "went meanwhile: the same job, run beside this one, has ended; run this one again"
StagedRow = dict[str, str | bytes | None]  # by the names of STAGED
Failed = Mapping[str, tuple[str, str]]  # key -> reason and detail
T = TypeVar("T")


class Counter(Protocol):
    """What a task adds to, as Spark's accumulator; only the driver reads it."""

    def add(self, term: int) -> None: ...


@dataclass(frozen=True)
class Item:
    """Something to embed: a photo by its path, or words."""

    key: str  # photo:<sha256> or text:<sha256>
    payload: str


class Staging:
    """What one job stages beside a table; the same job run again finds it.

    job: what is embedded, as the source of an ingest. Two jobs at once do not share a folder:
    the one that is done first would clear what the other has yet to commit.
    """

    def __init__(
        self, spark: "SparkSession", table_uri: str, model: ClipModel, job: str, progress: Progress
    ) -> None:
        self.spark = spark
        self.model = model
        name = hashlib.sha256(f"{model.name} {job}".encode()).hexdigest()[:16]
        self.folder = storage.join(table_uri, STAGING, name)
        self._photos = storage.join(table_uri, PHOTOS)
        self._progress = progress
        self._places: dict[str, str] = {}  # of each key, its file
        self._failed: dict[str, tuple[str, str]] = {}
        self._read: set[str] = set()  # files

    def embed(self, what: str, items: "RDD[Item]", count: int) -> float:
        """Stage the vectors of `count` items, each key once; returns the seconds it took."""
        done = self.spark.sparkContext.accumulator(0)
        task = embedder(
            str(self.model.folder.resolve()),
            self.model.name,
            *(self.model.batch_size, self.model.device),
            self.folder,
            self._photos,
            done,
        )
        start = time.perf_counter()
        with ticking(self._progress, what, lambda: done.value, count):
            items.foreachPartition(task)
        return time.perf_counter() - start

    def embed_new(self, what: str, items: Iterable[Item]) -> tuple[Failed, int, float]:
        """Stage the vectors of the items that are not staged yet, each key once. Returns all that
        has failed so far, how many items were new, and the seconds it took."""
        failed, have = self.keys()
        todo = list({item.key: item for item in items if item.key not in have}.values())
        if not todo:
            return failed, 0, 0.0
        seconds = self.embed(what, parallel(self.spark, todo, PHOTOS_A_TASK), len(todo))
        return self.keys()[0], len(todo), seconds

    def keys(self) -> tuple[Failed, Container[str]]:
        """What has failed, and every key. The driver reads each file once.

        Raises StorageError if the same job, run elsewhere, cleared them meanwhile.
        """
        files = self._files()
        if not self._read.issubset(files):  # the same job, run beside this one, has cleared them
            for told in (self._places, self._failed, self._read):
                told.clear()
        for uri in files:
            if uri in self._read:
                continue
            for row in read_columns(uri, ["key", "reason", "detail"], GONE).to_pylist():
                self._places[row["key"]] = uri
                if row["reason"]:
                    self._failed[row["key"]] = (row["reason"], row["detail"])
            self._read.add(uri)
        return self._failed, self._places

    def frame(self, keys: Iterable[str] | None = None) -> "DataFrame | None":
        """STAGED as a DataFrame; None while nothing is staged. keys: read only the files that have
        some of these, as `self.keys` knows them; None: all files."""
        files = self._files()
        if keys is not None:
            wanted = {self._places[key] for key in keys if key in self._places}
            files = [uri for uri in files if uri in wanted]
        if not files:
            return None
        from matching_spark.spark.files import read_parquet  # pyspark is the driver's

        return read_parquet(self.spark, files)

    def clear(self) -> None:
        storage.remove(self.folder)

    def _files(self) -> list[str]:
        return [uri for uri in storage.walk(self.folder) if uri.endswith(".parquet")]


def parallel(spark: "SparkSession", items: Sequence[T], each: int) -> "RDD[T]":
    """Items for tasks, `each` of them a task, or fewer so that no core has none."""
    context = spark.sparkContext
    slices = max(-(-len(items) // each), min(len(items), context.defaultParallelism))
    return context.parallelize(items, slices)


def ahead(source: Iterable[T]) -> Iterator[T]:
    """The same items, each made by a thread of its own while the one before it is used."""
    items = ([item] for item in source)  # in a list: at the end there is none
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item[0]


def keep_still(photos: "RDD[tuple[str, str]]", kept: str) -> None:
    """Keep those photos again that are no longer kept: an erase of another post that had one may
    not have known of the post that has just been stored. photos: sha256, and where it came from."""

    def keep(photo: tuple[str, str]) -> None:
        sha, source = photo
        if not storage.exists(place := kept_photo(kept, sha)):
            _photo(source, place, sha)

    photos.foreach(keep)


@dataclass(frozen=True)
class _Batch:
    """photos[i] is the key and uri of pixels[i]; rows are the photos that were refused."""

    rows: list[StagedRow]
    photos: list[tuple[str, str]]
    pixels: list[Float32]
    texts: list[Item]


def embedder(
    folder: str, name: str, batch_size: int, device: Device, staging: str, kept: str, done: Counter
) -> Callable[[Iterable[Item]], None]:
    """The task: embed its items, keep the photos, stage the vectors in one file, atomically.

    folder, name: the model's; another model in that folder is refused.

    While the model runs on one batch, the next is read, decoded and scaled. Of a photo only what
    the tower wants stays in memory.
    """

    def embed(items: Iterable[Item]) -> None:
        todo = list(items)
        if not todo:
            return
        model = worker_model(folder, batch_size, device, name)
        # model.stride loads the tower of photos, which words alone do not need.
        step = model.stride if any(i.key.startswith("photo:") for i in todo) else batch_size
        batches = (todo[i : i + step] for i in range(0, len(todo), step))
        rows: list[StagedRow] = []
        for batch in ahead(_prepare(each, model, kept) for each in batches):
            rows += batch.rows
            if batch.photos:
                rows += _seen(batch.photos, batch.pixels, model)
            if batch.texts:
                rows += _worded(batch.texts, model)
        place = storage.join(staging, f"{uuid.uuid4().hex}.parquet")
        write_parquet(place, pa.Table.from_pylist(rows, STAGED))
        done.add(len(todo))

    return embed


def _prepare(items: list[Item], model: ClipModel, kept: str) -> _Batch:
    batch = _Batch([], [], [], [item for item in items if item.key.startswith("text:")])
    for item in items:
        if not item.key.startswith("photo:"):
            continue
        sha = item.key.removeprefix("photo:")
        uri = kept_photo(kept, sha)
        try:
            photo = _photo(item.payload, uri, sha)
            if photo is None:
                said = "it changed while it was read: ingest it again"
                batch.rows.append(_row(item.key, reason="unreadable", detail=said))
                continue
            pixels = model.pixels(photo)
        except PhotoError as error:
            batch.rows.append(_row(item.key, reason=error.reason, detail=str(error)))
            continue
        except FileNotFoundError:  # since it was listed
            batch.rows.append(_row(item.key, reason="missing", detail=f"no {item.payload}"))
            continue
        except StorageError:  # HDFS, not the photo: Spark tries the task again
            raise
        except (*STUMBLES, MemoryError) as error:  # whatever one photo does, the others go on
            batch.rows.append(_row(item.key, reason="unreadable", detail=repr(error)))
            continue
        batch.photos.append((item.key, uri))
        batch.pixels.append(pixels)
    return batch


def _seen(
    photos: Sequence[tuple[str, str]], pixels: Sequence[Float32], model: ClipModel
) -> list[StagedRow]:
    """The vectors of photos, or the reason why the model gives none."""
    try:
        vectors = model.embed_pixels(pixels)
    except NoVectorError as error:
        if len(photos) == 1:
            return [_row(photos[0][0], reason="unreadable", detail=str(error))]
        alone = zip(photos, pixels, strict=True)
        return [row for photo, seen in alone for row in _seen([photo], [seen], model)]
    return [_row(key, uri, v) for (key, uri), v in zip(photos, vectors, strict=True)]


def _worded(items: list[Item], model: ClipModel) -> list[StagedRow]:
    """The vectors of texts, or the reason why one cannot be embedded."""
    try:
        vectors = model.embed_texts([item.payload for item in items])
    except (*_WORDS, NoVectorError) as error:
        if len(items) == 1:
            return [_row(items[0].key, reason="unreadable-words", detail=repr(error))]
        return [row for item in items for row in _worded([item], model)]
    return [_row(item.key, vector=v) for item, v in zip(items, vectors, strict=True)]


def _photo(source: str, kept: str, sha: str) -> bytes | Image.Image | None:
    """A photo, which is kept first if it is not yet. None if it is no longer the one that was
    listed, by its sha256."""
    data = photo_file(source)
    if source != kept and photo_sha256(data) != sha:
        return None
    written = storage.written(kept)
    # An old photo may be an orphan that `compact` is about to remove: written again it stays. Where
    # nothing is to be written, the decoder may leave out what the tower does not see.
    if source == kept or (written is not None and time.time() - written <= FRESH_S):
        return data
    image = open_photo(data)
    storage.write_bytes(kept, encode_photo(image))
    return image


def _row(
    key: str,
    uri: str | None = None,
    vector: Float32 | None = None,
    reason: str | None = None,
    detail: str | None = None,
) -> StagedRow:
    raw = None if vector is None else vector.astype("<f4").tobytes()
    return {"key": key, "uri": uri, "vector": raw, "reason": reason, "detail": detail}


@contextmanager
def ticking(progress: Progress, what: str, done: Callable[[], int], total: int) -> Iterator[None]:
    """Report progress twice a second while a Spark job holds the main thread."""
    finished = threading.Event()

    def tick() -> None:
        while not finished.wait(0.5):
            progress.count(what, done(), total)

    thread = threading.Thread(target=tick, daemon=True)
    progress.count(what, 0, total)
    thread.start()
    try:
        yield
        progress.count(what, total, total)
    finally:
        finished.set()
        thread.join()
