"""Files that no snapshot names: lists of rejects, staged rows, photos, cells. An erased post's go
too.

Another run may remove any of them at any time.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.layout import CELLS, FETCHED, REJECTS, STAGING, kept_photo
from matching_spark.shards.arrow import read_columns, write_parquet
from matching_spark.shards.ivf_index import load_cells, save_cells
from matching_spark.table.posts_table import PostsTable

T = TypeVar("T")
SAME = 1 - 1e-5  # the cosine of two vectors that are one, in float32


def drop_rejects(table: PostsTable, ids: Collection[str]) -> int:
    """Take these posts out of the lists of rejects; returns how many lines went."""
    gone = 0
    with table.writing():  # else one run writes back what another has taken out
        for place in _files(storage.join(table.uri, REJECTS), ".jsonl"):
            gone += still(partial(_drop_rejects, ids), place) or 0
    return gone


def _drop_rejects(ids: Collection[str], place: str) -> int:
    """Line by line: it may list ten million."""
    gone = 0
    with storage.open_input(place) as lines, storage.scratch(place) as others:
        for line in lines:
            if _id_of(line) in ids:
                gone += 1
            else:
                others.write(line)
        left = others.tell()
        if gone and left:
            storage.write_from(place, others)
    if gone and not left:
        storage.remove(place)
    return gone


def drop_staged(table: PostsTable, gone: Mapping[str, Iterable[str]]) -> int:
    """Take out what jobs have embedded and not committed; returns how many rows went.

    gone: values of `key` and of `post_id`. A job that goes on embeds it again.
    """
    rows = 0
    with table.writing():
        for place in _files(storage.join(table.uri, STAGING), ".parquet"):
            rows += _drop_staged(place, gone)
    return rows


def _drop_staged(place: str, gone: Mapping[str, Iterable[str]]) -> int:
    try:
        rows = still(lambda place: read_columns(place, None), place)
    except StorageError:  # torn by a killed writer: nobody can tell what is in it
        storage.remove(place)
        return 0
    if rows is None:
        return 0
    keep = pa.array([True] * len(rows))
    for name in (name for name in gone if name in rows.column_names):
        keep = pc.and_(keep, pc.invert(pc.is_in(rows[name], pa.array(sorted(gone[name])))))
    others = rows.filter(keep)
    if not len(others):
        storage.remove(place)
    elif len(others) < len(rows):
        write_parquet(place, others)
    return len(rows) - len(others)


def drop_photos(table: PostsTable, hashes: Collection[str]) -> int:
    """Remove the kept and the fetched photos of these sha256, half written ones too; returns how
    many files went."""
    places = [kept_photo(table.photos, sha) for sha in sorted(hashes)]
    for place in tuple(places):
        beside = _files(storage.parent(place), storage.HALF)
        places += [each for each in beside if each.startswith(f"{place}.")]
    for place in _files(storage.join(table.uri, FETCHED), ""):
        data = still(storage.read_bytes, place)
        if data is not None and hashlib.sha256(data).hexdigest() in hashes:
            places.append(place)
    there = sum(map(storage.exists, places))
    for place in places:
        storage.remove(place)
    return there


def drop_cells(table: PostsTable, vectors: Collection[bytes]) -> None:
    """Take out of the table's cells the centroids that are some of these vectors, float32 bytes of
    any dimension, as that of a cell with one is; and remove the files of former cells.

    Of the cells of another model, which no search uses, nobody can tell whose vector one is: all
    go."""
    folder, current = storage.join(table.uri, CELLS), table.space.cells
    with table.writing():
        if vectors and current is not None and storage.exists(current):
            cells = load_cells(current)
            d = cells.photos.shape[1]
            alike = b"".join(each for each in vectors if len(each) == 4 * d)
            mine, known = np.frombuffer(alike, "<f4").reshape(-1, d), cells.model == table.model
            parts = {
                name: of[known & ~(of @ mine.T > SAME).any(axis=1)]
                for name, of in (("photos", cells.photos), ("texts", cells.texts))
            }
            if any(len(of) < len(getattr(cells, name)) for name, of in parts.items()):
                current = save_cells(replace(cells, **parts), folder)
                table.set_cells(current)
        for place in _files(folder, ".cells"):
            if place != current:
                storage.remove(place)


def still(read: Callable[[str], T], place: str) -> T | None:
    """What is read of a file; None where it was removed since it was listed."""
    try:
        return read(place)
    except (StorageError, FileNotFoundError):
        if storage.exists(place):
            raise
        return None


def _id_of(line: bytes) -> object:
    """The post of a reject; None for a line that somebody else wrote."""
    try:
        return json.loads(line)["post_id"]
    except (ValueError, LookupError, TypeError):
        return None


def _files(folder: str, ending: str) -> list[str]:
    return [place for place in storage.walk(folder) if place.endswith(ending)]
