"""What lies where in a HEIF or AVIF: its boxes, and the items that its `meta` box names."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from matching_spark.errors import PhotoError

MAX_ITEMS = 4096  # a grid of 64 x 64 tiles
MAX_PIECES = 16_384  # of all items together; a photo has one of each


class Item(NamedTuple):
    """kind: of what it is coded in, as hvc1, or of what it says, as Exif; b'' where it is not told.
    pieces: (where it begins, its bytes) of each.
    """

    kind: bytes
    pieces: list[tuple[int, int]]


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """(kind, (where its content begins, where it ends)) of the boxes beside one another."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        after = at + length if length else end
        if after < at + head:
            return
        yield kind, (at + head, min(after, end))
        at = after


def items(data: bytes) -> Iterator[Item]:
    """Of the file's `meta` box; none where it has none, as what is cut off.

    Raises PhotoError truncated for a piece that the file lacks, which decoders leave out of a
    picture, too-complex for items or pieces without end, IndexError and struct.error where they
    cannot be followed.
    """
    start, end = dict(islice(boxes(data, 0, len(data)), MAX_ITEMS)).get(b"meta", (0, 0))
    inside = dict(islice(boxes(data, start + 4, end), MAX_ITEMS))
    if b"iloc" not in inside:
        return
    kinds = _kinds(data, *inside.get(b"iinf", (0, 0)))
    at, idat = inside[b"iloc"][0], inside.get(b"idat", (0, 0))[0]
    version, sizes, more = data[at], data[at + 4], data[at + 5]
    offset_size, length_size, base_size, index_size = sizes >> 4, sizes & 15, more >> 4, more & 15
    wide = 4 if version == 2 else 2
    at += 6

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(data):
            raise IndexError(at)
        at += size
        return int.from_bytes(data[at - size : at])

    pieces = 0
    for count in range(number(wide)):
        called = number(wide)
        in_idat = number(2) & 15 if version else 0
        number(2)
        base = number(base_size) + (idat if in_idat else 0)
        its = number(2)
        pieces += its
        if count == MAX_ITEMS or pieces > MAX_PIECES:
            raise PhotoError("too-complex", f"items of a HEIF or AVIF: more than {MAX_ITEMS:,}")
        item = Item(kinds.get(called, b""), [])
        for _ in range(its):
            number(index_size if version else 0)
            begin = base + number(offset_size)
            length = number(length_size) or len(data) - begin
            if not 0 <= begin <= begin + length <= len(data):
                raise PhotoError("truncated", "HEIF or AVIF of which a piece is missing")
            item.pieces.append((begin, length))
        yield item


def _kinds(data: bytes, at: int, end: int) -> dict[int, bytes]:
    """The kind of each item, by its number."""
    kinds: dict[int, bytes] = {}
    if not end:
        return kinds
    at += 8 if data[at] else 6  # its version, and how many there are in 4 bytes or 2
    for _, (begin, _) in islice(boxes(data, at, end), MAX_ITEMS):
        if (version := data[begin]) >= 2:
            wide = 4 if version == 3 else 2
            kind = begin + 4 + wide + 2
            kinds[int.from_bytes(data[begin + 4 : begin + 4 + wide])] = data[kind : kind + 4]
    return kinds
