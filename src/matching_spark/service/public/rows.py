"""The rows that the public searches: the table's, as far as the public may know them.

A stranger who may ask as often as they like learns from the order of the answers whatever decides
it. So nothing decides it that is not shown, but for photo and words of what is not sensitive: of a
sensitive post the vector of its category's word stands in for its own, which are gone; a place is a
district, a day the last of its week (the first would be before the loss of many a true pair). A
post that is lost or closed is not there at all.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matching_spark.domain.districts import district
from matching_spark.domain.facts import EPOCH
from matching_spark.domain.posts import Filters
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.embed.clip import ClipModel
from matching_spark.knn.similarity import Float32, Index, Mask, VectorSet
from matching_spark.service.public.levels import Level, Levels, without_place
from matching_spark.shards.beside import Beside
from matching_spark.shards.shard import IDENTIFIERS, Shard

OPEN = Filters(kind="found", status="open")  # what the public may find
UNSORTED = "물건"  # what has no category is searched by this word
OFFICE = ("kept_at", "kept_phone", "source_url")  # no search compares them, and none gives them
WORDS = ("subcategory", "title", "description", IDENTIFIERS)
_LAST_DAY = (dt.date.max - EPOCH).days
_THURSDAY = 3  # of day 0, the first of 1970, with Monday as 0


class PublicRows:
    """`public_shard` of each shard, kept as long as the shard is: the view of the public's
    SimilarityEngine.
    """

    def __init__(self, levels: Levels, said: Mapping[str, Float32]) -> None:
        """said: the (d,) unit vector of every sensitive category's word, and of UNSORTED."""
        self._levels, self._said = levels, dict(said)
        self._made: Beside[Shard] = Beside()

    @classmethod
    def of(cls, levels: Levels, model: ClipModel) -> "PublicRows":
        words = [word for word in CATEGORIES if levels.level(word) is Level.SENSITIVE]
        words.append(UNSORTED)
        return cls(levels, dict(zip(words, model.embed_texts(words), strict=True)))

    def __call__(self, shard: Shard) -> Shard:
        held = self._made.get(shard.metadata)
        if held is None:
            made = public_shard(shard, self._levels, self._said)
            held = self._made.keep(shard.metadata, made)
        return replace(held, alive=shard.alive & held.alive, kept=shard.kept)


def public_shard(shard: Shard, levels: Levels, said: Mapping[str, Float32]) -> Shard:
    """A shard as the public searches it; alive: which posts are found ones and open. What it has of
    vectors is shared with the shard, where all of them or none are withheld."""
    codes, words = shard.codes["category"], shard.words["category"]
    level = np.array([*map(levels.level, words), Level.SENSITIVE])[codes]  # -1, none: the last
    hidden, coarse = level == Level.SENSITIVE, level < Level.OPEN
    names = [word if word in said else UNSORTED for word in [*words, UNSORTED]]
    vectors = np.stack([said[name] for name in names])[codes[hidden]]
    day = shard.days + 6 - (shard.days + _THURSDAY) % 7
    days = np.where(coarse & shard.dated(), np.minimum(day, _LAST_DAY), shard.days)
    keeps = np.repeat(~hidden, shard.photos.counts)
    return replace(
        shard,
        metadata=_told(shard, hidden, coarse, days),
        photo_uris=shard.photo_uris if keeps.all() else shard.photo_uris.filter(_flags(keeps)),
        photos=_with(shard.photos, hidden, vectors[:0]),
        texts=_with(shard.texts, hidden, vectors),
        days=days,
        points=np.where(coarse[:, None], np.nan, shard.points),
        alive=replace(shard, alive=np.ones(len(shard), bool)).where(OPEN),
    )


def _with(part: VectorSet, posts: Mask, vectors: Float32) -> VectorSet:
    """A part with these vectors, one each or none, in place of what some posts have."""
    if not posts.any():
        return part
    counts = np.where(posts, 1 if len(vectors) else 0, part.counts)
    if posts.all():
        return _as_coded(part, VectorSet.of(np.ascontiguousarray(vectors), counts))
    out = np.empty((int(counts.sum()), part.vectors.shape[1]), np.float32)
    owners = np.repeat(posts, counts)
    out[owners] = vectors
    out[~owners] = part.vectors[part.rows[np.repeat(~posts, part.counts)]]
    return _as_coded(part, VectorSet.of(out, counts))


def _as_coded(part: VectorSet, own: VectorSet) -> VectorSet:
    return own if part.codes is None else own.coded()


def _told(shard: Shard, hidden: Mask, coarse: Mask, days: Index) -> pa.Table:
    """The metadata without what is not told, of lost posts and of the words of hidden ones."""
    lost, every = _is(shard, "kind", "lost"), np.ones(len(shard), bool)
    table = shard.metadata
    for name in OFFICE:
        table = _set(table, name, every, pa.nulls(1, table[name].type)[0])
    for name in WORDS:
        table = _set(table, name, hidden | lost, pa.nulls(1, table[name].type)[0])
    # Before the place is a district, by which nobody could tell its words any more.
    valuable = coarse & ~hidden & ~lost
    table = _set(table, "title", valuable, _titles(shard, valuable))
    table = _set(table, "place", coarse, _districts(shard, coarse))
    table = _set(table, "place", lost, pa.nulls(1, table["place"].type)[0])
    dates = pa.Array.from_buffers(
        pa.date32(), len(days), [None, pa.py_buffer(np.ascontiguousarray(days, "<i4"))]
    )
    return _set(table, "happened_on", coarse & shard.dated(), dates)


def _set(table: pa.Table, name: str, where: Mask, values: pa.Array | pa.Scalar) -> pa.Table:
    column = pc.if_else(_flags(where), values, table[name])
    return table.set_column(table.column_names.index(name), name, column)


def _districts(shard: Shard, posts: Mask) -> pa.Array:
    """(n,) the districts of some posts, '' of the others."""
    at = np.flatnonzero(posts)
    (place, names), (region, regions) = (shard.coded(each, at) for each in ("place", "region"))
    pairs, inverse = np.unique(
        place.astype(np.int64) * max(1, len(regions)) + region, return_inverse=True
    )
    each = [divmod(pair, len(regions)) for pair in pairs.tolist()]
    out = np.zeros(len(shard), np.int64)
    out[at] = 1 + inverse
    found = _strings(["", *(district(names[p], regions[r]) for p, r in each)])
    return found.take(pa.Array.from_buffers(pa.int64(), len(out), [None, pa.py_buffer(out)]))


def _titles(shard: Shard, posts: Mask) -> pa.Array:
    """(n,) the titles of some posts without their places' words, '' of the others."""
    at = np.flatnonzero(posts)
    (title, titles), (place, places) = (shard.coded(name, at) for name in ("title", "place"))
    out = [""] * len(shard)
    for row, t, p in zip(at.tolist(), title.tolist(), place.tolist(), strict=True):
        out[row] = without_place(titles[t], places[p])
    return _strings(out)


def _is(shard: Shard, name: str, word: str) -> Mask:
    words = shard.words[name]
    at = words.index(word) if word in words else len(words)
    return np.asarray(shard.codes[name] == at)


def _flags(mask: Mask) -> pa.Array:
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits])


def _strings(words: Sequence[str]) -> pa.Array:
    """As shards.shard makes them: pa.array would import pandas."""
    raws = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, raws)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(raws), pa.py_buffer(ends), pa.py_buffer(b"".join(raws)))
