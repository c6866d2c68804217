"""The form of a cached shard's file: a checked header, then arrays that are mapped into memory."""

import hashlib
import json
import logging
import mmap
import os
import struct
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import IO, TypedDict

import numpy as np
import pyarrow as pa

from matching_spark.knn.similarity import VectorSet
from matching_spark.shards.shard import Shard

log = logging.getLogger(__name__)

MAGIC = b"matching-spark shard 6\n\0"  # with the format's version
HEAD = struct.Struct(f"<{len(MAGIC)}sQ32s")  # magic, length of the JSON header, its SHA-256
FIELDS = [field.name for field in fields(VectorSet)]  # an array each, where there is one
ALIGN = 64  # of every array in the file
SUM_WORDS = 1 << 14  # 128 kB: one number of the checksum


class Listed(TypedDict):
    """An array of an entry. offset: bytes from the header's `start`."""

    name: str
    dtype: str
    shape: Sequence[int]
    offset: int
    sum: str


class Header(TypedDict):
    """The JSON of an entry. start: where its arrays begin; size: of the whole file, in bytes."""

    name: str
    words: dict[str, list[str]]
    arrays: list[Listed]
    start: int
    size: int


def parts(name: str, shard: Shard) -> tuple[Header, list[np.ndarray]]:
    """The header and the arrays of an entry, in the order in which they are written."""
    named: dict[str, np.ndarray] = {"days": shard.days, "points": shard.points}
    named |= {f"codes.{key}": code for key, code in shard.codes.items()}
    for key, part in (("photos", shard.photos), ("texts", shard.texts)):
        for field in FIELDS:
            if (value := getattr(part, field)) is not None:
                named[f"{key}.{field}"] = value
    uris = pa.table([shard.photo_uris], names=["uri"])
    for key, table in (("metadata", shard.metadata), ("uris", uris)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        named[key] = np.frombuffer(sink.getvalue(), np.uint8)
    arrays = {key: np.ascontiguousarray(value) for key, value in named.items()}
    listed: list[Listed] = []
    at = 0
    for key, array in arrays.items():
        listed.append(
            {
                "name": key,
                "dtype": array.dtype.str,
                "shape": array.shape,
                "offset": at,
                "sum": _sum(array),
            }
        )
        at += -(-array.nbytes // ALIGN) * ALIGN
    header: Header = {"name": name, "words": shard.words, "arrays": listed, "start": 0, "size": 0}
    room = len(json.dumps(header)) + HEAD.size + 40  # the two numbers will be longer
    header["start"] = -(-room // ALIGN) * ALIGN
    header["size"] = header["start"] + at
    return header, list(arrays.values())


def write(stream: IO[bytes], header: Header, arrays: Sequence[np.ndarray]) -> None:
    """Write what `parts` gave."""
    text = json.dumps(header).encode()
    stream.write(HEAD.pack(MAGIC, len(text), hashlib.sha256(text).digest()))
    stream.write(text)
    for offset, array in zip((each["offset"] for each in header["arrays"]), arrays, strict=True):
        stream.seek(header["start"] + offset)
        stream.write(array.reshape(-1).view(np.uint8).data)


def _sum(array: np.ndarray) -> str:
    """A checksum as fast as memory: the sums of its stretches of 64-bit words, hashed."""
    raw = array.reshape(-1).view(np.uint8)
    whole = raw.nbytes // (8 * SUM_WORDS) * SUM_WORDS
    words = raw[: whole * 8].view(np.uint64).reshape(-1, SUM_WORDS)
    digest = hashlib.sha256(words.sum(axis=1).tobytes())
    digest.update(raw[whole * 8 :].tobytes())
    return digest.hexdigest()


def mapped(path: Path, name: str) -> Shard | None:
    """The entry mapped into memory, or None when there is none that can be trusted."""
    try:
        # A link is another's work: ours are files.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
            raw = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        log.warning("%s cannot be read and is made anew: %s", path, error)
        return None
    problem = "it is torn, or of another version"
    try:
        magic, length, digest = HEAD.unpack_from(raw)
        text = raw[HEAD.size : HEAD.size + length]
        if magic == MAGIC and hashlib.sha256(text).digest() == digest:
            header: Header = json.loads(text)
            if header["name"] != name:
                problem = "it is another file's"
            elif header["size"] == len(raw):
                arrays = {a["name"]: _array(raw, header["start"], a) for a in header["arrays"]}
                if all(_sum(arrays[a["name"]]) == a["sum"] for a in header["arrays"]):
                    return _shard(header, arrays)
    except struct.error:
        pass
    log.warning("%s is no cached shard and is made anew: %s", path, problem)
    return None


def rest(shard: Shard) -> None:
    """Let go of the memory that an entry takes until it is read again."""
    for part in (shard.photos, shard.texts):  # of a view one may be its own
        held: object = part.vectors.base
        while isinstance(held, np.ndarray):
            held = held.base
        if isinstance(held, memoryview) and isinstance(held.obj, mmap.mmap):
            held.obj.madvise(mmap.MADV_DONTNEED)


def _array(raw: mmap.mmap, start: int, listed: Listed) -> np.ndarray:
    shape = tuple(listed["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    flat = np.frombuffer(raw, np.dtype(listed["dtype"]), count, start + listed["offset"])
    return flat.reshape(shape)


def _shard(header: Header, arrays: dict[str, np.ndarray]) -> Shard:
    def part(key: str) -> VectorSet:
        return VectorSet(**{f: arrays[f"{key}.{f}"] for f in FIELDS if f"{key}.{f}" in arrays})

    def table(key: str) -> pa.Table:
        return pa.ipc.open_file(pa.py_buffer(arrays[key])).read_all()

    uris = table("uris")["uri"]
    return Shard(
        metadata=table("metadata"),
        photo_uris=uris.chunk(0) if uris.num_chunks else pa.nulls(0, uris.type),
        photos=part("photos"),
        texts=part("texts"),
        codes={key: arrays[f"codes.{key}"] for key in header["words"]},
        words=header["words"],
        days=arrays["days"],
        points=arrays["points"],
        alive=np.ones(len(arrays["days"]), dtype=bool),
    )
