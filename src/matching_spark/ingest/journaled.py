"""Posts of the service's journal as rows of the table, with the vectors that it has of them.

What it has none of, as of another model's, is taken from the table, and else embedded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark.domain.posts import checked
from matching_spark.domain.schema import COLUMNS
from matching_spark.embed.clip import ClipModel
from matching_spark.ingest import over
from matching_spark.ingest.rows import TEXT_KEY, assemble, photos_of, posts_of
from matching_spark.ingest.staging import Item, Staging
from matching_spark.journal.posts import StoredPost
from matching_spark.layout import kept_photo, text_key
from matching_spark.progress import Progress
from matching_spark.table.posts_table import PostsTable

JOB = "journal"  # of staging
# name -> (d,) float32, as journal.store.Vector has it
Vectors = Mapping[str, npt.NDArray[np.float32]]
_VECTORS = pa.schema([("key", pa.string()), ("uri", pa.string()), ("vector", pa.binary())])


@dataclass(frozen=True)
class Rows:
    """frame: schema.COLUMNS. embedded: photos and words. left_out: what could not be, and why."""

    frame: DataFrame
    embedded: int
    left_out: tuple[str, ...]


def rows_of(
    posts: Sequence[StoredPost],
    vectors: Vectors,
    table: PostsTable,
    model: Callable[[], ClipModel],
    progress: Progress,
) -> Rows:
    """The rows of posts, whose photos the warehouse keeps already.

    vectors: the journal's, of the table's model. model: loads it where something is to be embedded.
    A photo or words that cannot be are left out, and their post comes without. Raises ModelError
    where the model is not the table's.
    """
    texts = {each.post.post_id: each.post.text for each in posts if each.post.text}
    payloads = {
        f"photo:{sha}": kept_photo(table.photos, sha) for each in posts for sha in each.photos
    } | {text_key(text): text for text in texts.values()}
    own = [n for n in vectors if n.startswith("photo:") and n in payloads]
    bare = {f"photo:{sha}" for each in posts for sha in each.bare}
    known = {name: vectors[name] for name in own} | {
        text_key(text): vectors[f"text:{post_id}"]
        for post_id, text in texts.items()
        if f"text:{post_id}" in vectors
    }
    ours = table.session.createDataFrame(
        pa.Table.from_pylist(
            [
                {
                    "key": key,
                    "uri": payloads[key] if key.startswith("photo:") and key not in bare else None,
                    "vector": vector.astype("<f4").tobytes(),
                }
                for key, vector in known.items()
            ],
            _VECTORS,
        )
    )
    frames = [ours]
    lacking = payloads.keys() - known.keys()
    if lacking and table.snapshot is not None:
        held = _held(table, lacking, sorted(texts)).dropDuplicates(["key"]).persist()
        frames.append(held)
        lacking -= {row["key"] for row in held.select("key").collect()}
    failed: dict[str, tuple[str, str]] = {}
    if lacking:
        clip = model()
        table.check_model(clip.name)
        staging = Staging(table.session, table.uri, clip, JOB, progress)
        items = (Item(key, payloads[key]) for key in sorted(lacking))
        told, *_ = staging.embed_new("journal", items)
        failed = {key: told[key] for key in lacking & told.keys()}
        if (staged := staging.frame()) is not None:
            good = staged.where("reason IS NULL").select("key", "uri", "vector")
            frames.append(good.where(F.col("key").isin(sorted(lacking))).dropDuplicates(["key"]))
    more = ("source", "identifiers", "sequence", "updated_at")
    told_of = posts_of(table.session, [_row(each, failed) for each in posts], *more)
    rows = assemble(told_of, reduce(DataFrame.unionByName, frames), table.model)
    left = [
        f"{each.post.post_id}: {name}: {', '.join(failed[key])}"
        for each in posts
        for name, key in [
            *((f"photo {s}", f"photo:{s}") for s in each.photos),
            ("words", _key(each)),
        ]
        if key in failed
    ]
    return Rows(rows.select(*COLUMNS), len(lacking) - len(failed), tuple(left))


def _key(stored: StoredPost) -> str:
    return text_key(stored.post.text) if stored.post.text else ""


def _row(stored: StoredPost, failed: Mapping[str, object]) -> dict[str, object]:
    keys = dict.fromkeys(f"photo:{sha}" for sha in stored.photos)
    text = _key(stored)
    return over.row(checked(stored.post)) | {
        "source": stored.source,
        "identifiers": stored.post.identifiers,
        "sequence": stored.sequence,
        "updated_at": stored.updated_at,
        "keys": [key for key in keys if key not in failed],
        "text_key": text if text and text not in failed else None,
    }


def _held(table: PostsTable, lacking: set[str], post_ids: list[str]) -> DataFrame:
    """key, uri, vector of what the table has of those keys, words only of the posts themselves."""
    shas = {key.removeprefix("photo:") for key in lacking if key.startswith("photo:")}
    posts = table.frame().where(F.col("post_id").isin(post_ids) & F.col("text_vector").isNotNull())
    texts = posts.selectExpr(
        f"{TEXT_KEY} AS key", "CAST(NULL AS string) AS uri", "text_vector AS vector"
    )
    return photos_of(table, shas).unionByName(texts).where(F.col("key").isin(sorted(lacking)))
