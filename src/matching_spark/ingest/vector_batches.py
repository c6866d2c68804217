"""Checking a batch of rows of vectors made elsewhere: which are good, and why the others are not.

A row that cannot be taken is counted and listed with its reason.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark.domain.dates import FORMS, KST, LATEST, NO_DAY, OLDEST, parse_lost_on
from matching_spark.domain.facts import EPOCH
from matching_spark.domain.posts import (
    CONTROL,
    FREE_TEXT,
    KINDS,
    LEFT_OUT,
    MAX_ID,
    MAX_TEXT,
    NO_ADDRESS,
    STATUSES,
    Kind,
    clean,
    is_web_address,
    kind_of,
    parted,
    shortened,
    status_of,
)
from matching_spark.domain.schema import METADATA
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Seen
from matching_spark.errors import InputError
from matching_spark.ingest.vector_columns import as_text, is_bytes, is_text
from matching_spark.ingest.vector_files import Task, batches, open_file
from matching_spark.knn.similarity import unit
from matching_spark.shards.arrow import PHOTO, arrow_fields

FIRST_DAY, LAST_DAY = (OLDEST - EPOCH).days, (LATEST - EPOCH).days
FIRST = 1000  # rows: most of them tell the dimension
# Any bytes can be read as float32. But of a model's own numbers 3 in a million are so small beside
# the largest of their vector; of float64, float16, whole numbers of 8 and 16 bits and float32 with
# the other end first, read as float32, a fifth and more are (of vectors of 16 numbers and more).
TINY, MANY_TINY = 1e-6, 1 / 8
NO_FLOAT32 = "its bytes are no float32 numbers, the lesser byte first: write them so, or as a list"
MOST_MODELS = 5  # of a batch that are named: a second one is one too many

STAGED = pa.schema(arrow_fields(*METADATA, "photos", "text_vector", "model", "updated_at"))


@dataclass(frozen=True)
class ImportRules:
    """What rows are held against, and what is stored with them."""

    dimension: int
    kind: Kind | None
    stored_as: str
    now: datetime


@dataclass
class Staged:
    """What one task has done."""

    files: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0
    rejects: list[tuple[str, str, str]] = field(default_factory=list)  # of the last batch
    lists: list[str] = field(default_factory=list)  # files of those that are
    models: set[str] = field(default_factory=set)
    given: frozenset[str] = frozenset()  # the columns that its file has
    seen: Seen = field(default_factory=Seen)  # words of no list


def first_vector(source: str, tasks: Sequence[Task]) -> tuple[int, str]:
    """The dimension that most of the first vectors have, as one may be cut off; and the model that
    the first row of that dimension names, '' for none. Raises InputError if there are no vectors.
    """
    for task in tasks:
        file = open_file(task.uri)
        wanted = [name for name in ("vector", "model") if name in file.schema_arrow.names]
        for batch in batches(file, task, FIRST, wanted):
            lengths = _lengths(batch["vector"])
            if not lengths.any():
                continue
            sizes, counts = np.unique(lengths[lengths > 0], return_counts=True)
            size = int(sizes[counts.argmax()])
            if _is_other(batch["vector"], _matrix(batch["vector"], size)[0]).sum() * 2 > len(batch):
                raise InputError(f"{task.uri}: of most vectors, {NO_FLOAT32}")
            return size, _models(batch)[int(np.argmax(lengths == size))].as_py()
    raise InputError(f"{source} holds no vectors")


def checked(
    batch: pa.RecordBatch, fixed: dict[str, str], rules: ImportRules, staged: Staged
) -> pa.RecordBatch:
    """The rows that can be taken, as STAGED; the others are counted and listed in `staged`."""
    rows = _Rows(len(batch))
    columns = _metadata(batch, fixed, rules, rows, staged)
    staged.models |= {*pc.unique(_models(batch)).to_pylist()[:MOST_MODELS]}
    unit = _unit_vectors(batch["vector"], rules.dimension, rows)

    staged.rejected += len(rows.why)
    said = rows.unlinked | rows.why
    for row in sorted(said):
        staged.rejects.append((columns["post_id"][row].as_py() or "", *said[row]))
    count = len(unit)
    photos = pa.StructArray.from_arrays(
        [pa.nulls(count, pa.string()), _shas(unit), _binary(unit)], fields=list(PHOTO)
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    keep = pa.array(rows.good)
    return pa.RecordBatch.from_arrays(
        [
            *(columns[name].filter(keep) for name in METADATA),
            pa.ListArray.from_arrays(offsets, photos),
            pa.nulls(count, pa.binary()),
            pa.array([rules.stored_as] * count, pa.string()),
            pa.array([rules.now] * count, pa.timestamp("us", tz="UTC")),
        ],
        schema=STAGED,
    )


def _models(batch: pa.RecordBatch) -> pa.Array:
    """The model that each row names, '' where it names none."""
    return as_text(batch["model"] if "model" in batch.schema.names else pa.nulls(len(batch)))[0]


class _Rows:
    """Which rows of a batch are good, and the first reason against each of the others."""

    def __init__(self, count: int) -> None:
        self.good = np.ones(count, dtype=bool)
        self.why: dict[int, tuple[str, str]] = {}
        self.unlinked: dict[int, tuple[str, str]] = {}  # that go without their address

    def reject(self, mask: npt.ArrayLike, reason: str, detail: str) -> None:
        new = np.asarray(mask, dtype=bool) & self.good
        self.good[new] = False
        self.why.update(dict.fromkeys(np.flatnonzero(new).tolist(), (reason, detail)))


def _metadata(
    batch: pa.RecordBatch, fixed: dict[str, str], rules: ImportRules, rows: _Rows, staged: Staged
) -> dict[str, pa.Array]:
    """METADATA of every row; rows with values that cannot be taken are rejected."""

    def column(name: str) -> pa.Array:
        if name in fixed:
            return pa.array([fixed[name]] * len(batch))
        return batch[name] if name in batch.schema.names else pa.nulls(len(batch), pa.string())

    columns = {}
    for name in METADATA:
        if name == "happened_on":
            columns[name], unreadable = _dates(column(name))
            rows.reject(
                unreadable, "bad-date", f"the date cannot be read, or {NO_DAY}; write it as {FORMS}"
            )
        else:
            text, unreadable = as_text(column(name))
            rows.reject(unreadable, "bad-row", f"{name} is not UTF-8")
            columns[name] = text
    if pc.any(pc.match_substring(columns["category"], ">")).as_py():
        both = [columns[name].to_pylist() for name in ("category", "subcategory")]
        first, second = zip(*map(parted, *both), strict=True)
        columns |= {"category": pa.array(first), "subcategory": pa.array(second)}
        staged.given |= {"subcategory"}
    for name in METADATA:
        if name != "happened_on":
            columns[name] = _texts(columns[name], name, staged.seen)
    ids = columns["post_id"]
    rows.reject(pc.equal(ids, ""), "no-id", "post_id is missing")
    odd = pc.or_(pc.greater(pc.utf8_length(ids), MAX_ID), pc.match_substring_regex(ids, CONTROL))
    rows.reject(odd, "bad-id", f"post_id has over {MAX_ID} or control characters")
    links = columns["source_url"]
    odd_links = [u for u in pc.unique(links).to_pylist() if u and not is_web_address(u)]
    unlinked = pc.is_in(links, pa.array(odd_links, pa.string()))
    columns["source_url"] = pc.if_else(unlinked, "", links)
    detail = f"source_url {NO_ADDRESS}"
    rows.unlinked = dict.fromkeys(np.flatnonzero(unlinked).tolist(), ("bad-url", detail))
    columns["kind"] = _filled(columns["kind"], rules.kind or "")
    columns["status"] = _filled(columns["status"], "open")
    for name, choices in (
        ("kind", KINDS),
        ("category", ("", *CATEGORY.words)),
        ("status", STATUSES),
    ):
        known = np.asarray(pc.is_in(columns[name], pa.array(choices)))
        rows.reject(~known, f"bad-{name}", f"choose one of: {', '.join(choices)}")
    if rules.kind is not None:
        other = pc.not_equal(columns["kind"], rules.kind)
        rows.reject(other, "kind-differs", f"the row is not {rules.kind}, as all are said to be")
    return columns


def _unit_vectors(column: pa.Array, dimension: int, rows: _Rows) -> np.ndarray:
    """(g, dimension) little-endian float32 of unit length: the vectors of the g good rows.

    Rows are rejected whose vector has another dimension, no finite numbers or no direction.
    """
    numbers, lengths = _matrix(column, dimension)
    for length in np.unique(lengths[lengths != dimension]):
        detail = f"{length} numbers, not {dimension}"
        rows.reject(lengths == length, "wrong-dimension", detail)
    rows.reject(_is_other(column, numbers), "not-float32", NO_FLOAT32)
    finite = np.isfinite(numbers).all(axis=1)
    rows.reject(~finite, "not-finite", "the vector has NaN or infinity")
    numbers[~finite] = 0
    rows.reject(~numbers.any(axis=1), "zero-length", "the vector has no direction")
    return unit(numbers[rows.good]).astype("<f4")


# What a column's words are read by; what they do not know stays as it is.
_FIND: dict[str, Callable[[str], str | None]] = {
    "kind": kind_of,
    "status": status_of,
    "category": CATEGORY.find,
    "colour": COLOUR.find,
    "region": REGION.find,
}
_NOTED = {"colour": COLOUR, "region": REGION}  # a row is taken whatever it says of them


def _texts(column: pa.Array, name: str, seen: Seen) -> pa.Array:
    """The texts as those of other sources: clean, and in the domain's words."""
    find = _FIND.get(name)
    coded = pc.dictionary_encode(column)
    cleaned = list(map(clean, coded.dictionary.to_pylist()))
    words = [shortened(word) if name in FREE_TEXT else word[:MAX_TEXT] for word in cleaned]
    times = np.bincount(coded.indices, minlength=len(words)).tolist()
    for whole, word, many in zip(cleaned, words, times, strict=True):
        if len(whole) > MAX_TEXT:
            seen.note(LEFT_OUT, name, many)
        if word and name in _NOTED and not _NOTED[name].find(word):
            seen.note(_NOTED[name].name, word, many)
    taken = pa.array([(find and find(word)) or word for word in words], pa.string())
    return pc.take(taken, coded.indices)


def _filled(column: pa.Array, default: str) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), default, column)


def _lengths(column: pa.Array) -> np.ndarray:
    """How many numbers each vector has; bytes that are no whole float32 numbers have 0."""
    if pa.types.is_dictionary(column.type):
        of_each = pa.array(_lengths(column.dictionary), pa.int64())
        return np.asarray(pc.fill_null(pc.take(of_each, column.indices), 0))
    if not is_bytes(column.type):
        return np.asarray(pc.fill_null(pc.list_value_length(column), 0))
    sizes = np.asarray(pc.fill_null(pc.binary_length(column), 0))
    return np.where(sizes % 4, 0, sizes // 4)


def _matrix(column: pa.Array, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as (n, dimension) float64, and how many numbers each has; zeros if not dimension."""
    lengths = _lengths(column)
    rows = np.zeros((len(column), dimension), dtype=np.float64)
    fits = lengths == dimension
    if fits.any():
        these = column.filter(pa.array(fits))
        if pa.types.is_dictionary(these.type):
            these = pc.take(these.dictionary, these.indices)
        if is_bytes(these.type):
            these = pc.cast(these, pa.binary())
            start = np.frombuffer(these.buffers()[1], np.int32)[these.offset]
            count = len(these) * dimension
            flat = np.frombuffer(these.buffers()[2], "<f4", count, int(start))
        else:
            flat = these.flatten().to_numpy(zero_copy_only=False)  # a null is NaN
        with np.errstate(invalid="ignore"):  # a NaN that signals: bytes may be any
            rows[fits] = flat.reshape(-1, dimension)
    return rows, lengths


def _is_other(column: pa.Array, numbers: np.ndarray) -> np.ndarray:
    """(n,): whether the bytes of a vector are other numbers than float32. numbers: (n, d)."""
    if not is_text(column.type):
        return np.zeros(len(numbers), dtype=bool)
    sizes = np.abs(np.where(np.isfinite(numbers), numbers, 0))
    tiny = (sizes > 0) & (sizes < TINY * sizes.max(axis=1, keepdims=True))
    return np.asarray(tiny.mean(axis=1) >= MANY_TINY)


def _binary(rows: np.ndarray) -> pa.Array:
    """(n, d) float32 -> n values of its bytes."""
    n, d = rows.shape
    offsets = np.arange(n + 1, dtype=np.int32) * (4 * d)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))]
    return pa.Array.from_buffers(pa.binary(), n, buffers)


def _shas(rows: np.ndarray) -> pa.Array:
    return pa.array([hashlib.sha256(row.data).hexdigest() for row in rows], pa.string())


def _dates(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Dates, and which of them cannot be read, or are days on which nothing can have been lost, as
    when milliseconds were taken for microseconds."""
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        # Arrow counts it in UTC, whatever its zone.
        moment = pc.cast(column, pa.timestamp("us"), safe=False)  # nanoseconds are none of a day
        column = pc.add(moment, pa.scalar(KST, pa.duration("us")))
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        found = pc.cast(column, pa.date32())
        count = pc.cast(found, pa.int32())
        none = pc.or_(pc.less(count, FIRST_DAY), pc.greater(count, LAST_DAY))
        none = pc.fill_null(none, False)
        return pc.if_else(none, None, found), np.asarray(none)
    bad = np.zeros(len(column), dtype=bool)
    if is_text(column.type):
        column, bad = as_text(column)
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.date32()), bad
    days = []
    for i, value in enumerate(column.to_pylist()):
        try:
            days.append(parse_lost_on(value))
        except InputError:
            days.append(None)
            bad[i] = True
    return pa.array(days, pa.date32()), bad
