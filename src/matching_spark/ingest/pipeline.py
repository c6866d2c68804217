"""Ingest: posts of a source become rows of the table, photos and words becoming vectors in tasks.

Two steps make it safe to run again: tasks stage vectors as Parquet keyed by content, then one MERGE
a chunk takes them in, whose commit is the acknowledgement. What was staged before a crash is not
embedded again; what the table holds is neither.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.domain.posts import Post, Reject
from matching_spark.domain.schema import COLUMNS, METADATA
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import MAX_BYTES, photo_sha256
from matching_spark.errors import StorageError
from matching_spark.ingest.staging import PHOTOS_A_TASK, Item, Staging
from matching_spark.layout import photo_column_here
from matching_spark.progress import SILENT, Progress
from matching_spark.spark.failures import spark_errors
from matching_spark.table.posts_table import PostsTable

# Rejects of a part, whose post follows in the stream.
LEAVES_POST = frozenset(["remote-photo", "photo-not-fetched", "no-detail"])
CHUNK_POSTS = 10_000  # a commit each: bounds the driver's memory and what a crash can cost


@dataclass(frozen=True)
class Report:
    """What an ingest did. accepted, rejected, skipped count posts; embedded counts photos."""

    table: str
    model: str
    provider: str | None = None  # what ONNX Runtime ran the towers on
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    placeholders: int = 0
    embedded: int = 0
    seconds: float = 0.0
    photos_per_second: float = 0.0
    snapshot: str | None = None
    unknown: dict[str, int] = field(default_factory=dict)  # words that were kept as they are
    rejects_file: str | None = None
    rejects: tuple[Reject, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Tally:
    """What an ingest has counted so far; its report is made of it at the end."""

    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    placeholders: int = 0
    embedded: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def report(self, table: PostsTable, model: str, start: float) -> Report:
        """start: of the ingest, by time.perf_counter()."""
        return Report(
            table=table.uri,
            model=model,
            accepted=self.accepted,
            rejected=self.rejected,
            skipped=self.skipped,
            placeholders=self.placeholders,
            embedded=self.embedded,
            seconds=time.perf_counter() - start,
            snapshot=table.snapshot,
            rejects=tuple(self.rejects),
        )


def ingest_posts(
    posts: Iterable[Post | Reject],
    table: PostsTable,
    model: ClipModel,
    progress: Progress = SILENT,
    source: str = "posts",
) -> Report:
    """Take posts into the table; rejects are counted and listed, the rest goes on.

    source: names the job; what a job cut off has embedded, the same job run again does not. An
    unchanged post is skipped. A post that was closed stays closed when its source still calls it
    open. Raises StorageError when the table or Spark fails; then it is simply run again.
    """
    table.check_model(model.name)
    tally = Tally()
    run = _Ingest(table, model, tally, source, progress)
    start = time.perf_counter()
    stream = _once(posts, tally)
    while chunk := list(islice(stream, CHUNK_POSTS)):
        with spark_errors(f"{source} could not be taken in; what was committed is stored"):
            run.chunk(chunk)
    run.staging.clear()
    done = tally.report(table, model.name, start)
    return replace(done, provider=model.provider, photos_per_second=run.rate)


def write_rejects(report: Report, path: str) -> Report:
    """One JSON line a reject: source, post_id, reason, detail. Nothing to say removes the file.

    Returns the report with the file's place in it.
    """
    lines = [json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in report.rejects]
    if lines:
        storage.write_bytes(path, "".join(lines).encode())
        return replace(report, rejects_file=path)
    storage.remove(path)
    return replace(report, rejects_file=None)


def _once(posts: Iterable[Post | Reject], tally: Tally) -> Iterator[Post]:
    """The posts, each id once; rejects of the source are noted on the way."""
    seen: set[str] = set()
    for post in posts:
        if isinstance(post, Reject):
            tally.rejects.append(post)
            tally.rejected += post.reason not in LEAVES_POST
        elif post.post_id in seen:
            tally.rejects.append(Reject(post.source, post.post_id, "duplicate-id"))
            tally.rejected += 1
        else:
            seen.add(post.post_id)
            tally.placeholders += post.placeholders
            yield replace(post, photos=tuple(map(_place, post.photos)))


def _place(photo: str) -> str:
    """Where a photo is for a task too, whose working folder is another one."""
    with suppress(StorageError):  # of no file system we know: the task rejects it by name
        return storage.absolute(photo)
    return photo


class _Ingest:
    """One run over the chunks of a source."""

    def __init__(
        self,
        table: PostsTable,
        model: ClipModel,
        tally: Tally,
        source: str,
        progress: Progress,
    ) -> None:
        self.spark = table.session
        self.table = table
        self.model = model
        self.tally = tally
        self.staging = Staging(self.spark, table.uri, model, source, progress)
        self._embedding_s = 0.0

    @property
    def rate(self) -> float:
        """Photos embedded per second of the embedding stage."""
        return self.tally.embedded / self._embedding_s if self._embedding_s else 0.0

    def chunk(self, posts: Sequence[Post]) -> None:
        shas, bad = self._hash(sorted({photo for post in posts for photo in post.photos}))
        photos = [Item(f"photo:{sha}", path) for path, sha in shas.items()]
        staged = self._embed("photos", photos, known=self._in_table(set(shas.values())))
        bad |= {
            path: staged[f"photo:{sha}"] for path, sha in shas.items() if f"photo:{sha}" in staged
        }
        rows = []
        for post in posts:
            self.tally.rejects += [
                Reject(path, post.post_id, *bad[path]) for path in post.photos if path in bad
            ]
            kept = [shas[path] for path in post.photos if path not in bad]
            if kept or post.text:
                rows.append((post, tuple(dict.fromkeys(kept))))
            else:
                self.tally.rejected += 1
        self.table.refresh()  # to fetch and embed a chunk took its time
        self.table.check_model(self.model.name)
        before = self._existing([post.post_id for post, _ in rows])
        changed = []
        for post, kept_shas in rows:
            old = before.get(post.post_id)
            if old and post.status == "open":
                post = replace(post, status=old["status"])
            if old == _row(post) | {"shas": list(kept_shas)}:
                self.tally.skipped += 1
            else:
                changed.append((post, kept_shas))
        if changed:
            texts = {post.text for post, _ in changed if post.text}
            self._embed("texts", [Item(_text_key(t), t) for t in sorted(texts)], known=set())
            self._merge(changed)
        self.tally.accepted += len(changed)

    # -- the tasks ---------------------------------------------------------------------------

    def _hash(self, paths: list[str]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
        """The sha256 of every photo that can be read; path -> (reason, detail) of the others."""
        if not paths:
            return {}, {}
        hashed = self._parallel(paths, 256).map(_hash_photo).collect()
        good = {path: sha for path, sha, why in hashed if why is None}
        return good, {path: why for path, sha, why in hashed if why is not None}

    def _embed(self, what: str, items: list[Item], known: set[str]) -> dict[str, tuple[str, str]]:
        """Stage the vectors of all items that are neither known nor staged.

        Returns key -> (reason, detail) of the items that could not be embedded.
        """
        failed, have = self.staging.keys()
        todo = list({item.key: item for item in items if item.key not in known | have}.values())
        if todo:
            seconds = self.staging.embed(what, self._parallel(todo, PHOTOS_A_TASK), len(todo))
            if what == "photos":
                self.tally.embedded += len(todo)
                self._embedding_s += seconds
            failed, _ = self.staging.keys()
        return failed

    def _parallel(self, items: Sequence[Any], each: int) -> Any:
        context = self.spark.sparkContext
        slices = max(-(-len(items) // each), min(len(items), context.defaultParallelism))
        return context.parallelize(items, slices)

    # -- the table ---------------------------------------------------------------------------

    def _in_table(self, shas: set[str]) -> set[str]:
        """The keys of those photos whose vectors the table holds."""
        if not shas or self.table.snapshot is None:
            return set()
        rows = self._table_photos(shas).select("key").distinct().collect()
        return {row["key"] for row in rows}

    def _table_photos(self, shas: set[str]) -> DataFrame:
        wanted = self.spark.createDataFrame(pa.table({"sha": sorted(shas)}))
        held = self.table.frame().select(F.explode("photos").alias("p"))
        return held.join(F.broadcast(wanted), F.col("p.sha256") == F.col("sha")).select(
            F.concat(F.lit("photo:"), "sha").alias("key"),
            photo_column_here(self.table.photos, F.col("p.uri")).alias("uri"),
            "p.vector",
        )

    def _existing(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """The rows of these posts as the table has them, photos by their sha256 in `shas`."""
        if not ids or self.table.snapshot is None:
            return {}
        wanted = self.spark.createDataFrame(pa.table({"post_id": ids}))
        frame = self.table.frame().join(F.broadcast(wanted), "post_id")
        rows = frame.select(*METADATA, F.col("photos.sha256").alias("shas")).collect()
        return {row["post_id"]: row.asDict() for row in rows}

    def _merge(self, changed: list[tuple[Post, tuple[str, ...]]]) -> None:
        columns = [
            _row(post)
            | {
                "keys": [f"photo:{sha}" for sha in shas],
                "text_key": _text_key(post.text) if post.text else None,
            }
            for post, shas in changed
        ]
        schema = pa.schema(
            [(name, pa.date32() if name == "happened_on" else pa.string()) for name in METADATA]
            + [("keys", pa.list_(pa.string())), ("text_key", pa.string())]
        )
        posts = self.spark.createDataFrame(pa.Table.from_pylist(columns, schema)).withColumn(
            "updated_at", F.current_timestamp()
        )
        vectors = self._vectors({sha for _, shas in changed for sha in shas})
        whole = assemble(posts, vectors, self.model.name).persist()
        try:
            self.table.upsert(whole)
        finally:
            whole.unpersist()

    def _vectors(self, shas: set[str]) -> DataFrame:
        """key, uri, vector of everything staged and of the table's photos among `shas`."""
        frames = []
        if (staged := self.staging.frame()) is not None:
            # What a copied folder has staged names the photos of the one that it was copied from.
            here = photo_column_here(self.table.photos, F.col("uri")).alias("uri")
            frames.append(staged.where("reason IS NULL").select("key", here, "vector"))
        if shas and self.table.snapshot is not None:
            frames.append(self._table_photos(shas))
        if not frames:
            raise StorageError(f"nothing is staged in {self.staging.folder}; ingest again")
        both = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
        return both.dropDuplicates(["key"])


def assemble(posts: DataFrame, vectors: DataFrame, model: str) -> DataFrame:
    """Rows of the table: posts with the vectors of their keys.

    posts: METADATA, updated_at, keys, text_key. vectors: key, uri, vector, each key once. The write
    fails, naming the post, where a vector is missing.
    """
    each = posts.select("post_id", F.posexplode("keys").alias("pos", "key"))
    photo = F.struct("pos", "uri", F.substring_index("key", ":", -1).alias("sha256"), "vector")
    photos = (
        each.join(vectors, "key")
        .groupBy("post_id")
        .agg(F.array_sort(F.collect_list(photo)).alias("photos"))
    )
    texts = vectors.select(F.col("key").alias("text_key"), F.col("vector").alias("text_vector"))
    whole = (
        posts.join(photos, "post_id", "left")
        .join(texts, "text_key", "left")
        .withColumn("photos", F.expr("coalesce(photos, array())"))
    )
    lacks = "size(photos) != size(keys) OR (text_key IS NOT NULL AND text_vector IS NULL)"
    checked = F.when(
        F.expr(lacks),
        F.raise_error(F.concat(F.lit("a staged vector has gone, run it again: post "), "post_id")),
    ).otherwise(F.col("post_id"))
    bare = (
        "transform(photos, p -> named_struct('uri', p.uri, 'sha256', p.sha256, 'vector', p.vector))"
    )
    return (
        whole.withColumn("post_id", checked)
        .withColumn("photos", F.expr(bare))
        .withColumn("model", F.lit(model))
        .select(*COLUMNS)
    )


def _row(post: Post) -> dict[str, Any]:
    return {name: getattr(post, name) for name in METADATA}


def _text_key(text: str) -> str:
    return "text:" + hashlib.sha256(text.encode()).hexdigest()


def _hash_photo(path: str) -> tuple[str, str, tuple[str, str] | None]:
    try:
        data = storage.read_bytes(path, MAX_BYTES + 1)
    except FileNotFoundError:
        return path, "", ("missing", "there is no such file")
    except (StorageError, IsADirectoryError) as error:
        return path, "", ("unreadable", str(error))
    if len(data) > MAX_BYTES:
        return path, "", ("too-many-bytes", f"more than {MAX_BYTES >> 20} MB")
    return path, photo_sha256(data), None


def default_rejects(table_uri: str, source: str) -> str:
    """Beside the table, named after the source."""
    return storage.join(table_uri, "rejects", Path(source).stem + ".jsonl")
