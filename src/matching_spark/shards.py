"""A data file of the posts table as a shard: vectors beside metadata columns, deletes as a mask.

A data file never changes (the table is merge-on-read), so a shard read once stays valid; what was
deleted since is a mask on it.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.posts import Filters
from matching_spark.similarity import Grouped, Mask

METADATA = (
    "post_id",
    "kind",
    "category",
    "subcategory",
    "title",
    "description",
    "colour",
    "place",
    "region",
    "happened_on",
    "status",
    "kept_at",
    "kept_phone",
    "source_url",
)
EPOCH = date(1970, 1, 1)  # what Arrow's days count from


@dataclass(frozen=True)
class DataFile:
    """One immutable data file of a snapshot, and the delete files that may speak of it."""

    uri: str
    records: int
    size_bytes: int
    deletes: tuple[str, ...] = ()
    kind: str = ""
    category: str = ""


@dataclass(frozen=True)
class Shard:
    """metadata: one row a post. photos, texts: vectors by row of metadata. alive: not deleted."""

    metadata: pa.Table
    photo_uris: pa.Array
    photos: Grouped
    texts: Grouped
    alive: Mask

    def __len__(self) -> int:
        return len(self.alive)

    def where(self, filters: Filters) -> Mask:
        """mask[p] = post p is alive and passes every filter; a missing value passes none."""
        mask = self.alive.copy()
        for name in ("kind", "category", "colour", "region", "status"):
            wanted = getattr(filters, name)
            if wanted is not None:
                mask &= _flags(pc.equal(self.metadata[name], _text(wanted)))
        if filters.since is not None or filters.until is not None:
            day = self.metadata["happened_on"]
            mask &= _flags(day.is_valid())
            if filters.since is not None:
                mask &= self.days() >= (filters.since - EPOCH).days
            if filters.until is not None:
                mask &= self.days() <= (filters.until - EPOCH).days
        return mask

    def days(self) -> np.ndarray:
        """(n,) int32, happened_on in days since EPOCH; what a missing one holds means nothing."""
        return _ints(pc.cast(_one(self.metadata["happened_on"]), pa.int32()))

    def dated(self) -> Mask:
        """mask[p] = post p has a happened_on."""
        return _flags(self.metadata["happened_on"].is_valid())

    def is_post(self, post_id: str) -> Mask:
        return _flags(pc.equal(self.metadata["post_id"], _text(post_id)))

    def coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        """codes (n,) int32 and words: words[codes[p]] is post p's value of a text column."""
        filled = pc.fill_null(_one(self.metadata[name]), _text(""))
        encoded = pc.dictionary_encode(filled)
        return _ints(encoded.indices), encoded.dictionary.to_pylist()

    def parts(self, row: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """A post's vectors: its first photo's, and its words'."""
        image = text = None
        at = np.searchsorted(self.photos.posts, row)
        if at < len(self.photos.posts) and self.photos.posts[at] == row:
            image = self.photos.vectors[int(self.photos.starts[at])]
        at = np.searchsorted(self.texts.posts, row)
        if at < len(self.texts.posts) and self.texts.posts[at] == row:
            text = self.texts.vectors[at]
        return image, text

    def query(self, row: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """A post's vectors to search by: its first photo's, else its words'."""
        image, text = self.parts(row)
        return (image, None) if image is not None else (None, text)


# pa.scalar, pa.array and np.asarray of an Arrow array each import pandas, which costs a cold search
# a second; these do not.


def _text(value: str) -> pa.Scalar:
    raw = value.encode()
    ends = pa.py_buffer(np.array([0, len(raw)], dtype=np.int32))
    return pa.StringArray.from_buffers(1, ends, pa.py_buffer(raw))[0]


def _ints(column: pa.Array) -> np.ndarray:
    """The column's values, without a copy; what a null holds means nothing."""
    width = column.type.bit_width // 8
    if not len(column):
        return np.empty(0, f"i{width}")
    return np.frombuffer(column.buffers()[1], f"i{width}", len(column), column.offset * width)


def _flags(column: pa.ChunkedArray | pa.Array) -> Mask:
    """A boolean column as a mask; a null is False."""
    whole = _one(column) if isinstance(column, pa.ChunkedArray) else column
    flags: Mask = _ints(pc.cast(whole, pa.int8())) == 1
    there: Mask = _ints(pc.cast(whole.is_valid(), pa.int8())) == 1
    return flags & there


def load(file: DataFile, dimension: int) -> Shard:
    """Read a data file. Raises StorageError naming it when it is gone, torn or of another shape."""
    table = _read(file.uri, [*METADATA, "photos", "text_vector"])
    if len(table) != file.records:
        raise StorageError(f"{file.uri} has {len(table)} posts, its table says {file.records}")
    photos = _one(table["photos"])
    offsets = _ints(photos.offsets).astype(np.int64)
    items = photos.values
    has_text = _flags(table["text_vector"].is_valid())
    alive = np.ones(len(table), dtype=bool)
    for uri in file.deletes:
        deletes = _read(uri, ["file_path", "pos"])
        mine = deletes.filter(pc.equal(deletes["file_path"], _text(file.uri)))
        alive[_ints(_one(mine["pos"]))] = False
    counts = np.diff(offsets)
    posts = np.flatnonzero(counts)
    vectors = _vectors(items.field("vector"), dimension, file.uri)
    texts = _vectors(_one(table["text_vector"].drop_null()), dimension, file.uri)
    return Shard(
        metadata=table.select(METADATA),
        photo_uris=items.field("uri"),
        photos=Grouped(vectors, posts, np.append(offsets[posts], offsets[-1])),
        texts=Grouped(texts, np.flatnonzero(has_text), np.arange(len(texts) + 1)),
        alive=alive,
    )


def _read(uri: str, columns: list[str]) -> pa.Table:
    try:
        with storage.open_input(uri) as stream:
            # read_table would import pandas first (1 s), and read with threads beside the task's.
            return pq.ParquetFile(stream).read(columns=columns, use_threads=False)
    except FileNotFoundError:
        raise StorageError(
            f"{uri} is named by the table but is not there; restore it, or `undo` to a snapshot "
            "that does not need it"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{uri} cannot be read: {error}") from error


def _one(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array whose offsets begin at its own start."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _vectors(column: pa.Array, dimension: int, uri: str) -> np.ndarray:
    """Little-endian float32 bytes -> (n, dimension) float32, without a copy."""
    width = 4 * dimension
    lengths = _ints(pc.binary_length(column))
    if column.null_count or (lengths != width).any():
        raise StorageError(f"{uri} has vectors that are not {dimension} float32 numbers")
    if not len(column):
        return np.empty((0, dimension), dtype=np.float32)
    start = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset]
    flat = np.frombuffer(
        column.buffers()[2], dtype="<f4", count=len(column) * dimension, offset=int(start)
    )
    return flat.reshape(len(column), dimension)
