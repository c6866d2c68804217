"""A data file of the posts table as a shard: vectors beside metadata columns, deletes as a mask.

A data file never changes (the table is merge-on-read), so a shard read once stays valid; what was
deleted since is a mask on it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark import storage
from matching_spark.domain.facts import EPOCH, Facts
from matching_spark.domain.points import known
from matching_spark.domain.posts import Filters, Kind
from matching_spark.domain.schema import FILTERED, METADATA, POINT
from matching_spark.errors import StorageError
from matching_spark.knn.similarity import Float64, Index, Mask, VectorSet
from matching_spark.layout import photo_here
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.beside import Beside

IDENTIFIERS = "identifiers"  # in a shard's metadata one text, of hashes joined by spaces
NO_DAY = np.int32(-(1 << 31))
UNIT_WITHIN = 1e-5  # a squared length of 1: half of it is a quarter of MARGIN; float32 takes 1e-6
FILES_A_TASK_BYTES = 128 << 20  # small files share a task, whose start costs more than one of them


@dataclass(frozen=True)
class DataFile:
    """One immutable data file of a snapshot, and the delete files that may speak of it.

    photos: the folder of the warehouse's kept photos. ids: the least and the greatest post_id of
    its rows, deleted ones too; None where they are not known.
    """

    uri: str
    records: int
    size_bytes: int
    deletes: tuple[str, ...] = ()
    kind: str = ""
    category: str = ""
    photos: str = ""
    ids: tuple[str, str] | None = None

    def may_have(self, post_id: str) -> bool:
        """Whether a post may be one of its rows, by their least and greatest id."""
        return self.ids is None or self.ids[0] <= post_id <= self.ids[1]


def pack(
    files: Sequence[DataFile], least: int, task_bytes: int = FILES_A_TASK_BYTES
) -> list[list[DataFile]]:
    """Files into tasks of like size: at least so many, large ones alone, small ones together."""
    total = sum(file.size_bytes for file in files)
    count = min(len(files), max(least, -(-total // task_bytes)))
    tasks: list[list[DataFile]] = [[] for _ in range(count)]
    loads = [0] * count
    for file in sorted(files, key=lambda f: (-f.size_bytes, f.uri)):
        lightest = loads.index(min(loads))
        tasks[lightest].append(file)
        loads[lightest] += file.size_bytes
    return tasks


# Texts of posts as codes, by column.
_coded: Beside[dict[str, tuple[npt.NDArray[np.int32], list[str]]]] = Beside()


@dataclass(frozen=True)
class Shard:
    """A data file's posts, a row of metadata each, and their vectors.

    photo_uris: photo i of post p at photos.starts[p] + i. codes[name]: (n,) int32, a post's place
    in words[name], -1 for none. days: (n,) int32 since EPOCH, NO_DAY for none. points: (n, 2)
    float64 degrees, NaN for none. alive: not deleted. kept: the folder of the warehouse's photos.
    """

    metadata: pa.Table
    photo_uris: pa.Array
    photos: VectorSet
    texts: VectorSet
    codes: dict[str, npt.NDArray[np.int32]]
    words: dict[str, list[str]]
    days: npt.NDArray[np.int32]
    points: Float64
    alive: Mask
    kept: str = ""

    def __len__(self) -> int:
        return len(self.alive)

    def where(self, filters: Filters) -> Mask:
        """mask[p] = post p is alive and passes every filter; a missing value passes none."""
        mask = self.alive.copy()
        for name in FILTERED:
            wanted = getattr(filters, name)
            if wanted is None:
                continue
            if wanted not in self.words[name]:
                return np.zeros(len(self), dtype=bool)
            mask &= self.codes[name] == self.words[name].index(wanted)
        if filters.since is not None:
            mask &= self.dated() & (self.days >= (filters.since - EPOCH).days)
        if filters.until is not None:
            mask &= self.dated() & (self.days <= (filters.until - EPOCH).days)
        return mask

    def dated(self) -> Mask:
        """mask[p] = post p has a happened_on."""
        return np.asarray(self.days != NO_DAY)

    @cached_property
    def has(self) -> tuple[Mask, Mask]:
        """(n,) which posts have a photo, and which have words: worked out once, as long as the
        shard is held."""
        return self.photos.counts > 0, self.texts.counts > 0

    def comparable(self) -> Mask:
        """(n,) whether a post has a photo or words to compare."""
        return np.logical_or(*self.has)

    def nbytes(self) -> int:
        return self.photos.nbytes + self.texts.nbytes + int(self.metadata.nbytes)

    def is_post(self, post_id: str) -> Mask:
        return flags(pc.equal(self.metadata["post_id"], _text(post_id)))

    def rows_of(self, post_id: str) -> Index:
        """The rows of an id, alive or not, by binary search: for many lookups, one after the other,
        in a shard that is held."""
        ids, order = self._by_id

        def id_of(row: np.intp) -> str:
            return str(ids[row].as_py())

        # Arrow sorts by bytes of UTF-8, which is the order of Python's characters.
        begin = bisect_left(order, post_id, key=id_of)
        return order[begin : bisect_right(order, post_id, lo=begin, key=id_of)]

    @cached_property
    def _by_id(self) -> tuple[pa.Array, Index]:
        """The ids, and (n,) the rows in their order. Of 200,000 posts it takes 12 ms if their ids
        ascend, 70 if they are random; to compare one id with all of them takes 1."""
        ids = _one(self.metadata["post_id"])
        return ids, _ints(pc.sort_indices(ids)).astype(np.int64)

    def coded(self, name: str, posts: Index | None = None) -> tuple[np.ndarray, list[str]]:
        """codes (n,) int32 and words: words[codes[p]] is post p's value of a text column; of some
        posts codes (m,), in their order.
        """
        held = _coded.get(self.metadata)
        if held is None:
            held = _coded.keep(self.metadata, {})
        if name not in held:
            encoded = pc.dictionary_encode(pc.fill_null(_one(self.metadata[name]), _text("")))
            held[name] = _ints(encoded.indices), encoded.dictionary.to_pylist()
        codes, words = held[name]
        if posts is None:
            return codes, words
        told, own = np.unique(codes.take(posts), return_inverse=True)
        return own.astype(np.int32), [words[at] for at in told.tolist()]

    def ids(self, posts: Index) -> list[str]:
        found: list[str] = self.metadata["post_id"].take(_indices(posts)).to_pylist()
        return found

    def rows(self, posts: Index) -> list[dict[str, Any]]:
        """METADATA of some posts, looked up at once: text, but for the day; missing text is ''."""
        # A take costs 0.9 ms however few it takes.
        one = len(posts) == 1
        taken = self.metadata.slice(posts[0], 1) if one else self.metadata.take(_indices(posts))
        columns = [taken[name].to_pylist() for name in METADATA]
        words = [
            column if name == "happened_on" else [word or "" for word in column]
            for name, column in zip(METADATA, columns, strict=True)
        ]
        return [dict(zip(METADATA, row, strict=True)) for row in zip(*words, strict=True)]

    def facts(self, posts: Index, kind: Kind) -> list[Facts]:
        """What is known of some posts beside their vectors, looked up at once."""
        taken = self.metadata.take(_indices(posts))
        columns = {
            name: [word or "" for word in taken[name].to_pylist()]
            for name in ("category", "colour", "region", "place", IDENTIFIERS)
        }
        rows = zip(
            *columns.values(),
            taken["happened_on"].to_pylist(),
            map(tuple, self.points[posts].tolist()),
            strict=True,
        )
        return [
            Facts(category, colour, region, place, day, kind, known(point), numbers)
            for category, colour, region, place, numbers, day, point in rows
        ]

    def photo(self, post: int, place: int = 0) -> str | None:
        """The uri of a post's photo, where the photo was kept."""
        return photo_here(self.kept, self.photo_uris[int(self.photos.starts[post]) + place].as_py())

    def parts(self, row: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """A post's vectors: its first photo's, and its words'."""
        return self.photos.first(row), self.texts.first(row)

    def subset(self, posts: Index) -> "Shard":
        """Some of its posts as a shard of their own; photo_uris stay the whole shard's."""
        return replace(
            self,
            metadata=self.metadata.take(_indices(posts)),
            photos=self.photos.subset(posts),
            texts=self.texts.subset(posts),
            codes={name: codes[posts] for name, codes in self.codes.items()},
            days=self.days[posts],
            points=self.points[posts],
            alive=self.alive[posts],
        )


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


def flags(column: pa.ChunkedArray | pa.Array) -> Mask:
    """A boolean column as a mask; a null is False."""
    whole = _one(column) if isinstance(column, pa.ChunkedArray) else column
    flags: Mask = _ints(pc.cast(whole, pa.int8())) == 1
    there: Mask = _ints(pc.cast(whole.is_valid(), pa.int8())) == 1
    return flags & there


def _indices(at: Index) -> pa.Array:
    whole = np.ascontiguousarray(at, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(whole), [None, pa.py_buffer(whole)])


def read(file: DataFile, dimension: int) -> Shard:
    """Read a data file, all of its posts alive; `alive` knows the deletes.

    Raises StorageError naming it when it is gone, torn or of another shape, or has vectors that no
    cosine is of.
    """
    table = read_columns(file.uri, [*METADATA, IDENTIFIERS, *POINT, "photos", "text_vector"])
    if len(table) != file.records:
        raise StorageError(f"{file.uri} has {len(table)} posts, its table says {file.records}")
    shard = of_rows(table, dimension, file.uri)
    for part in (shard.photos, shard.texts):
        squares = np.vecdot(part.vectors, part.vectors)
        if not (np.abs(squares - 1) <= UNIT_WITHIN).all():  # one NaN would hide all the others
            raise StorageError(
                f"{file.uri} has vectors that are not of length 1, which nothing here writes: take "
                "back what another engine wrote with `matching-spark undo`"
            )
    return shard


def of_rows(table: pa.Table, dimension: int, where: str, kept: str = "") -> Shard:
    """Rows of the table as a shard, all of them alive. table: METADATA, photos and text_vector, and
    IDENTIFIERS and POINT or not. kept: the folder of the warehouse's photos. Raises StorageError
    that names `where` they are from.
    """
    photos = _one(table["photos"])
    offsets = _ints(photos.offsets).astype(np.int64)
    items = photos.values
    has_text = flags(table["text_vector"].is_valid())
    vectors = _vectors(items.field("vector"), dimension, where)
    texts = _vectors(_one(table["text_vector"].drop_null()), dimension, where)
    codes, words = {}, {}
    for name in FILTERED:
        coded = pc.dictionary_encode(_one(table[name]))
        words[name] = coded.dictionary.to_pylist()
        codes[name] = np.where(flags(coded.indices.is_valid()), _ints(coded.indices), -1)
    day = _one(table["happened_on"])
    return Shard(
        metadata=table.select(METADATA).append_column(IDENTIFIERS, _joined(table)),
        photo_uris=items.field("uri"),
        photos=VectorSet.of(vectors, np.diff(offsets)),
        texts=VectorSet.of(texts, has_text.astype(np.int64)),
        codes={name: code.astype(np.int32) for name, code in codes.items()},
        words=words,
        days=np.where(flags(day.is_valid()), _ints(pc.cast(day, pa.int32())), NO_DAY),
        points=_points(table),
        alive=np.ones(len(table), dtype=bool),
        kept=kept,
    )


def _joined(table: pa.Table) -> pa.Array:
    """The identifiers of every post as one text, null for none."""
    if IDENTIFIERS not in table.column_names:  # a data file of an earlier version
        return pa.nulls(len(table), pa.string())
    return pc.binary_join(_one(table[IDENTIFIERS]), _text(" "))


def _points(table: pa.Table) -> Float64:
    """(n, 2) as Shard has them."""
    out = np.full((len(table), 2), np.nan)
    if set(POINT) <= set(table.column_names):
        columns = [_one(table[name]) for name in POINT]
        both = np.logical_and.reduce([flags(column.is_valid()) for column in columns])
        for at, column in enumerate(columns if both.any() else ()):
            out[both, at] = _ints(column).view(np.float64)[both]
    return out


def load(file: DataFile, dimension: int) -> Shard:
    """A data file with its deletes as a mask, past the cache. Raises as `read` does."""
    return of_now(read(file, dimension), file)


def of_now(shard: Shard, file: DataFile) -> Shard:
    """A file's shard as a snapshot of a warehouse has it: what is deleted, where photos lie."""
    return replace(shard, alive=alive(file), kept=file.photos)


@lru_cache(maxsize=512)
def alive(file: DataFile) -> Mask:
    """mask[p] = post p of the file is not deleted. Delete files do not change either."""
    mask = np.ones(file.records, dtype=bool)
    for uri in file.deletes:
        deletes = read_columns(uri, ["file_path", "pos"])
        for spelt in storage.spellings(file.uri):
            mine = deletes.filter(pc.equal(deletes["file_path"], _text(spelt)))
            mask[_ints(_one(mine["pos"]))] = False
    mask.flags.writeable = False
    return mask


def places(posts: pa.Table, there: Mask) -> dict[str, set[str]]:
    """The names of places that posts have, and of each the regions, '' for none. there: which of
    the rows are posts still."""
    coded = [
        pc.dictionary_encode(pc.fill_null(_one(posts[n]), _text(""))) for n in ("place", "region")
    ]
    place, region = (_ints(each.indices).astype(np.int64) for each in coded)
    names, regions = (each.dictionary.to_pylist() for each in coded)
    out: dict[str, set[str]] = {}
    for pair in np.unique((place * len(regions) + region)[there]).tolist():
        at, of = divmod(pair, len(regions))
        out.setdefault(names[at], set()).add(regions[of])
    return out


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
