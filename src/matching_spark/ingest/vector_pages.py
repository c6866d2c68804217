"""The pages of Parquet's columns by their heads alone: what to read them sets aside.

A file of a few kilobytes may unpack to anything. Its footer says how much, but nothing holds it to
that; what the head of a page says is what Arrow sets aside. A head is Thrift's compact protocol
(parquet.thrift, PageHeader).
"""

import io
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matching_spark.errors import InputError

MAX_FOOTER = 4 << 20  # bytes: 1,000 row groups of 20 columns; three of them may take 600 in memory
BATCH_BYTES = 32 << 20  # of rows that are read together; checked, they take ten times as many
MAX_PAGES = 256 << 20  # bytes of a page of each column, unpacked, and of their dictionaries
MAX_NUMBERS = 256 << 20  # bytes of the numbers of vectors, where they are packed ...
PACKED = 100  # ... to less than one of so many: vectors hardly are at all
ANEW = "write it anew, with smaller row groups"  # which neither pages nor dictionaries exceed
MAX_HEAD = 16 << 20  # bytes, as of Arrow: it may tell the least and the greatest value
ENTRY = 48  # bytes of a dictionary's entry beside its text: where it lies, and its hash
NUMBER = 8  # bytes at most
TEXT, FIXED = "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"  # types: of any length, and of one
INDEX, DICTIONARY, SECOND = 1, 2, 3  # kinds of pages; a page of data is 0, or SECOND
CODED = (2, 8)  # encodings: by numbers in the dictionary
DELTA_BYTE_ARRAY = 7  # an encoding: each value begins with a part of the one before it
BYTES, TRUE, FALSE, BYTE, DOUBLE, STRUCT = 8, 1, 2, 3, 7, 12  # types of Thrift
WHOLE = (4, 5, 6)  # numbers, of 16, 32 and 64 bits


@dataclass(frozen=True)
class Manner:
    """How a row group is read. rows: at once. coded: the columns that are read as a dictionary and
    numbers in it."""

    rows: int
    coded: tuple[str, ...]


@dataclass
class _Pages:
    """Those of a column of a row group. coded: of its values, those that are numbers in the
    dictionary. In bytes, unpacked: all pages, the largest, the dictionary as it is held, and what
    a value may have, or has on average in the page where that is most."""

    values: int = 0
    coded: int = 0
    whole: int = 0
    largest: int = 0
    dictionary: int = 0
    longest: int = 0


@dataclass
class _Struct:
    numbers: dict[int, int] = field(default_factory=dict)  # of 32 bits
    structs: dict[int, "_Struct"] = field(default_factory=dict)


def opened(
    stream: IO[bytes], metadata: pq.FileMetaData | None = None, coded: Collection[str] = ()
) -> pq.ParquetFile:
    """Pages are read as they are wanted, not a column of a row group at once."""
    return pq.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=coded,
        buffer_size=1 << 20,
        pre_buffer=False,
        page_checksum_verification=True,
    )


def check_footer(uri: str, stream: IO[bytes]) -> None:
    """Raise InputError for a file whose footer says more than memory has room for."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    length = int.from_bytes(stream.read(8)[:4], "little")
    stream.seek(0)
    if MAX_FOOTER < length < size:  # else it is none, as Arrow says
        raise InputError(
            f"{uri}: its footer has {length >> 20:,} MB, and {MAX_FOOTER >> 20} MB can be read: "
            "write it anew, with larger row groups, or as several files"
        )


def manner_of(
    uri: str, stream: IO[bytes], metadata: pq.FileMetaData, number: int, names: Collection[str]
) -> Manner:
    """How to read the columns of these names of a row group: BATCH_BYTES at once, or a row.

    A text that thousands of rows share is read once, where the dictionary is all that a column has:
    to one that goes on without, Arrow adds each text and keeps them all. Raises InputError where
    the pages do not go into memory, or vectors unpack to what none come to; ValueError for what is
    no page's head.
    """
    file = opened(stream, metadata)
    _check_columns(stream, metadata, number, names)
    group = metadata.row_group(number)
    at_once = a_row = 0
    by_number = []
    for i, path in _leaves(file, names):
        leaf, chunk = file.schema.column(i), group.column(i)
        pages = _pages(stream, chunk)
        at_once += pages.largest + pages.dictionary
        width = leaf.length if leaf.physical_type == FIXED else NUMBER
        if leaf.max_repetition_level:
            # One of a length that all have takes it where there is none, too.
            kind = file.schema_arrow.field(path.partition(".")[0]).type
            fixed = kind.list_size if pa.types.is_fixed_size_list(kind) else 0
            _check_numbers(uri, width * max(fixed, pages.values - group.num_rows), chunk)
            a_row += width * max(fixed, -(-pages.values // max(group.num_rows, 1)))
            continue
        a_row += max(width, pages.longest)
        if leaf.physical_type != TEXT or not pages.coded:
            pass
        elif pages.coded == pages.values:
            by_number.append(path)
        elif pa.types.is_dictionary(file.schema_arrow.field(path).type):  # as Arrow wrote it
            at_once += pages.whole
        else:
            a_row += _longest(opened(stream, metadata, [path]), number, path)
    if at_once > MAX_PAGES:
        raise InputError(
            f"{uri}: its pages unpack to {at_once >> 20:,} MB at once, and {MAX_PAGES >> 20} MB "
            f"can be read: {ANEW}"
        )
    return Manner(max(1, BATCH_BYTES // max(a_row, 1)), tuple(by_number))


class _Stopped(Exception):
    """Arrow asks for a page."""


class _NoPages(io.BytesIO):
    """A file of so many bytes of which none is read."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = self._at = size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        raise _Stopped


def _check_columns(
    stream: IO[bytes], metadata: pq.FileMetaData, number: int, names: Collection[str]
) -> None:
    """Raise what Arrow says of a footer that contradicts itself, as it makes ready to read a row
    group: where it is asked for a column by itself, that is the end of the process."""
    bare = opened(_NoPages(stream.seek(0, os.SEEK_END)), metadata)
    with suppress(_Stopped):
        next(bare.iter_batches(1, [number], list(names), use_threads=False), None)


def _leaves(file: pq.ParquetFile, names: Collection[str]) -> list[tuple[int, str]]:
    """The columns that are read for these names, by number and path: also the parts of lists."""
    paths = [file.schema.column(i).path for i in range(len(file.schema))]
    return [(i, path) for i, path in enumerate(paths) if path.partition(".")[0] in names]


def _check_numbers(uri: str, size: int, chunk: pq.ColumnChunkMetaData) -> None:
    """A row may have all of them."""
    if size > max(MAX_NUMBERS, PACKED * chunk.total_compressed_size):
        raise InputError(
            f"{uri}: its vectors unpack to {size >> 20:,} MB, over {PACKED} times what they have "
            f"there, as no vectors do: {ANEW}"
        )


def _longest(file: pq.ParquetFile, number: int, name: str) -> int:
    """The bytes of the longest text of a column's dictionary in a row group."""
    first = next(file.iter_batches(1, [number], [name], use_threads=False))
    longest: int | None = pc.max(pc.binary_length(first.column(0).dictionary)).as_py()
    return longest or 0


def _pages(stream: IO[bytes], chunk: pq.ColumnChunkMetaData) -> _Pages:
    """Read as far as Arrow does: until there are as many values as the footer says."""
    offsets = (chunk.data_page_offset, chunk.dictionary_page_offset)
    at = min((offset for offset in offsets if offset), default=0)
    end = at + chunk.total_compressed_size
    pages = _Pages()
    while pages.values < chunk.num_values and at < end:
        head, length = _head(stream, at)
        try:
            _count(pages, head)
            at += length + head.numbers[3]
        except LookupError:
            raise ValueError("the head of a page lacks a number") from None
    return pages


def _count(pages: _Pages, head: _Struct) -> None:
    """Count a page. Raises LookupError where its head does not tell it, ValueError for what is
    less than nothing."""
    kind, unpacked, packed = (head.numbers[i] for i in (1, 2, 3))
    told = {} if kind == INDEX else head.structs[{DICTIONARY: 7, SECOND: 8}.get(kind, 5)].numbers
    values = told.get(1, 0)
    if min(unpacked, packed, values) < 0:
        raise ValueError("the head of a page tells of less than nothing")
    if kind == INDEX:
        return
    if kind == DICTIONARY:
        pages.dictionary = max(pages.dictionary, unpacked + ENTRY * values)
        return
    encoding = told[4 if kind == SECOND else 2]
    pages.values += values
    pages.coded += values * (encoding in CODED)
    pages.whole += unpacked
    pages.largest = max(pages.largest, unpacked)
    many = 1 if encoding == DELTA_BYTE_ARRAY else max(values, 1)
    pages.longest = max(pages.longest, -(-unpacked // many))


def _head(stream: IO[bytes], at: int) -> tuple[_Struct, int]:
    """The head of the page that begins there, and its length in bytes."""
    size = 1 << 10
    while True:
        stream.seek(at)
        data = stream.read(size)
        try:
            return _struct(data, 0, 0)
        except IndexError:
            if len(data) < size or size >= MAX_HEAD:
                raise ValueError("the head of a page does not end") from None
            size <<= 7


def _struct(data: bytes, at: int, depth: int) -> tuple[_Struct, int]:
    """A struct, and where it ends. Raises IndexError where the data does, ValueError for what no
    head has."""
    if depth > 4:
        raise ValueError("the head of a page is nested")
    told, number = _Struct(), 0
    while head := data[at]:
        at += 1
        kind, step = head & 15, head >> 4
        if step:
            number += step
        else:
            number, at = _number(data, at)
        if kind in WHOLE:
            value, at = _number(data, at)
            if kind == 5:
                told.numbers[number] = value
        elif kind == STRUCT:
            told.structs[number], at = _struct(data, at, depth + 1)
        elif kind == BYTES:
            length, at = _varint(data, at)
            at += length
        elif kind in (TRUE, FALSE, BYTE, DOUBLE):
            at += {BYTE: 1, DOUBLE: 8}.get(kind, 0)
        else:
            raise ValueError("the head of a page has a list")
    return told, at + 1


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of 32 bits, of more its last ones, as Thrift has it."""
    value, at = _varint(data, at)
    value &= 0xFFFFFFFF
    return value >> 1 ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("the head of a page has a number of over 64 bits")
