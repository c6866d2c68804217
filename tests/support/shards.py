"""Posts as data files of a table, without Spark: drawn, split, some deleted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from matching_spark.domain.facts import Facts
from matching_spark.domain.schema import METADATA, POINT
from matching_spark.knn.similarity import unit
from matching_spark.shards.shard import DataFile
from tests.support import brute

DIMENSION = 8
PHOTO = pa.struct([("uri", pa.string()), ("sha256", pa.string()), ("vector", pa.binary())])


def write_file(path: Path, posts: list[brute.Plain], deleted: set[str]) -> DataFile:
    """Posts as a data file of the table, and their deletes as a position delete file."""
    rows = []
    for post in posts:
        photos = [
            {"uri": f"{post.post_id}/{i}", "sha256": "", "vector": v.astype("<f4").tobytes()}
            for i, v in enumerate(post.photos)
        ]
        text = None if post.text is None else post.text.astype("<f4").tobytes()
        told = {"post_id": post.post_id, "kind": "found", "status": "open", "happened_on": post.day}
        rows.append(dict.fromkeys(METADATA, "") | told | {"photos": photos, "text_vector": text})
    schema = pa.schema(
        [(n, pa.date32() if n == "happened_on" else pa.string()) for n in METADATA]
        + [("photos", pa.list_(PHOTO)), ("text_vector", pa.binary())]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    gone = [i for i, post in enumerate(posts) if post.post_id in deleted]
    deletes = path.with_suffix(".deletes")
    other = [str(path) + ".other"]  # a delete of another file must not be taken for ours
    pq.write_table(
        pa.table({"file_path": [str(path)] * len(gone) + other, "pos": [*gone, 0]}), deletes
    )
    return DataFile(str(path), len(posts), path.stat().st_size, (str(deletes),))


def with_facts(file: DataFile, facts: dict[str, Facts]) -> DataFile:
    """Write the posts' facts into a data file; a missing one as '' or, now and then, null."""
    table = pq.read_table(file.uri)
    rows = []
    for i, row in enumerate(table.to_pylist()):
        own = facts[row["post_id"]]
        for name in ("category", "colour", "region", "place"):
            row[name] = getattr(own, name) or (None if i % 2 and name != "category" else "")
        latitude, longitude = own.point or (None, None)
        more: dict[str, object] = {"latitude": latitude, "longitude": longitude}
        more |= {"identifiers": own.identifiers.split() or (None, [])[i % 2]}
        rows.append(row | {"happened_on": own.happened_on} | more)
    schema = table.schema
    for name in POINT:
        schema = schema.append(pa.field(name, pa.float64()))
    schema = schema.append(pa.field("identifiers", pa.list_(pa.string())))
    pq.write_table(pa.Table.from_pylist(rows, schema), file.uri)
    return replace(file, size_bytes=Path(file.uri).stat().st_size)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[brute.Plain], list[int], set[str]]:
    """Posts with 0 to 4 photos, many of them alike, a split into files, and deleted ids."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 40))
    pool = unit(rng.normal(size=(draw(st.integers(1, 12)), DIMENSION)))
    posts = []
    for i in rng.permutation(count):
        photos = pool[rng.integers(len(pool), size=draw(st.integers(0, 4)))]
        text = pool[rng.integers(len(pool))] if draw(st.booleans()) else None
        posts.append(brute.Plain(f"p{i:03d}", photos, text))
    splits = draw(st.lists(st.integers(0, count), max_size=4))
    deleted = {p.post_id for p in posts if rng.random() < 0.2}
    return posts, sorted(splits), deleted
