"""Ingest: posts of a source become rows of the table, photos and words becoming vectors in tasks.

Two steps make it safe to run again: tasks stage vectors as Parquet keyed by content, then one MERGE
a chunk takes them in, whose commit is the acknowledgement. What was staged before a crash is not
embedded again; what the table holds is neither.
"""

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial, reduce
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from matching_spark import storage
from matching_spark.domain.points import point_of
from matching_spark.domain.posts import NO_ADDRESS, TEXTS, Post, Reject, checked, clean
from matching_spark.domain.schema import TOLD
from matching_spark.embed.clip import ClipModel
from matching_spark.embed.photos import MAX_BYTES, photo_file, photo_sha256
from matching_spark.errors import InputError, StorageError
from matching_spark.ingest import over
from matching_spark.ingest.report import Rejects, Report, Tally
from matching_spark.ingest.rows import assemble, photos_of, posts_of
from matching_spark.ingest.staging import Item, Staging, keep_still, parallel
from matching_spark.layout import kept_sha256, photo_column_here, text_key
from matching_spark.progress import SILENT, Progress
from matching_spark.spark.failures import spark_errors
from matching_spark.table.merging import WrittenMeanwhile
from matching_spark.table.posts_table import PostsTable

# Rejects of a part, whose post follows in the stream.
LEAVES_POST = frozenset(
    [
        *("remote-photo", "photo-not-fetched", "linked-photo", "bad-photo"),
        *("no-detail", "bad-point", "bad-identifier"),
    ]
)
CHUNK_POSTS = 10_000  # a commit each: bounds the driver's memory and what a crash can cost
CHUNK_CHARACTERS = 20_000_000  # of posts that say the most: 80 MB where one has an emoji


class _File(NamedTuple):
    sha: str
    place: str


_Why = tuple[str, str]  # reason and detail
_Changed = tuple[Post, tuple[str, ...]]  # with the sha256 of its photos


def ingest_posts(
    posts: Iterable[Post | Reject],
    table: PostsTable,
    model: ClipModel,
    progress: Progress = SILENT,
    job: str = "posts",
    rules: over.Rules = over.OWN,
    rejects: Rejects | None = None,
) -> Report:
    """Take posts into the table; rejects are counted and listed, the rest goes on.

    rejects: the list, which whoever hands it in publishes; None: the report's first are all.

    job: what a job cut off has embedded, the same job run again does not. An unchanged post is
    skipped; of a changed one, fields that its source does not have stay as they are. A post that
    was closed stays closed when its source still calls it open. A post is rejected whose id the
    table has from another source, for another kind, or with photos none of which it has: two things
    may have come to one id (IMG_0001.jpg); `rules.replace` takes it. Raises StorageError when the
    table or Spark fails; then it is simply run again.
    """
    table.check_model(model.name)
    tally = Tally(rejects=rejects or Rejects())
    staging = Staging(table.session, table.uri, model, job, progress)
    run = _Ingest(table, model, tally, staging, rules)
    start = time.perf_counter()
    for chunk in _chunks(_once(posts, tally, rules.photos)):
        with spark_errors(f"{job} could not be taken in; what was committed is stored"):
            run.chunk(chunk)
    run.staging.clear()
    done = tally.report(table, model.name, start)
    return dataclasses.replace(done, provider=model.provider, photos_per_second=run.rate)


def _once(posts: Iterable[Post | Reject], tally: Tally, photos: int) -> Iterator[Post]:
    """The posts, each id once, with so many photos; rejects of the source are noted on the way."""
    seen: dict[str, str] = {}
    for each in posts:
        if isinstance(each, Reject):
            tally.reject(each, each.reason not in LEAVES_POST)
            continue
        try:
            post = checked(each)
        except InputError as error:
            why = f"bad-{error.argument}", str(error)
            tally.reject(Reject(each.read_from, clean(each.post_id), *why))
            continue
        if (first := seen.get(post.post_id)) is not None:
            detail = f"{first or 'a post before it'} has this id too, and comes first"
            tally.reject(Reject(post.read_from, post.post_id, "duplicate-id", detail))
            continue
        seen[post.post_id] = post.read_from
        tally.placeholders += post.placeholders
        for why in _left_out(each, post, photos):
            tally.reject(Reject(post.read_from, post.post_id, *why), post=False)
        yield dataclasses.replace(post, photos=tuple(map(_place, post.photos[:photos])))


def _chunks(posts: Iterable[Post]) -> Iterator[list[Post]]:
    """The posts, CHUNK_POSTS together, or fewer that say CHUNK_CHARACTERS: of a workbook each row
    may be one long text again."""
    chunk: list[Post] = []
    size = 0
    for post in posts:
        chunk.append(post)
        size += sum(len(getattr(post, name)) for name in TEXTS) + sum(map(len, post.photos))
        if len(chunk) >= CHUNK_POSTS or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _left_out(given: Post, post: Post, photos: int) -> Iterator[_Why]:
    """What a post that is taken goes without."""
    if clean(given.source_url) and not post.source_url:
        yield "bad-url", f"{given.source_url[:99]!r} {NO_ADDRESS}"
    try:
        point_of(given.latitude, given.longitude)
    except InputError as error:
        yield "bad-point", str(error)
    if (more := len(post.photos) - photos) > 0:
        detail = f"{more:,} more than model.photos_a_post, from {post.photos[photos]} on"
        yield "too-many-photos", detail


def _place(photo: str) -> str:
    """Where a photo is for a task too, whose working folder is another one."""
    with suppress(StorageError):  # of no file system we know: the task rejects it by name
        return storage.absolute(photo)
    return photo


@dataclasses.dataclass
class _Ingest:
    """One run over the chunks of a source. embedding_s: how long photos were embedded."""

    table: PostsTable
    model: ClipModel
    tally: Tally
    staging: Staging
    rules: over.Rules
    embedding_s: float = 0.0

    @property
    def rate(self) -> float:
        """Photos embedded per second of the embedding stage."""
        return self.tally.embedded / self.embedding_s if self.embedding_s else 0.0

    def chunk(self, posts: Sequence[Post]) -> None:
        shas = self._embedded(posts)
        while posts:
            posts = self._taken(posts, shas)

    def _taken(self, posts: Sequence[Post], shas: dict[str, str]) -> list[Post]:
        """Take posts in, but for those that are rejected or unchanged. Where others wrote some of
        them meanwhile none is: those that are left are returned, to be looked at again, as they may
        be what the table has by now, or another thing than it has."""
        self.table.refresh()  # to fetch and embed a chunk took its time
        self.table.check_model(self.model.name)
        at, before = self.table.snapshot, self._existing([post.post_id for post in posts])
        settled = (self._settled(post, shas, before.get(post.post_id)) for post in posts)
        changed = self._worded([each for each in settled if each is not None])
        if not changed:
            return []
        ids = {post.post_id for post, _ in changed}

        def check() -> None:
            if self.table.snapshot != at:
                now = self._existing(sorted(ids))
                if any(row != before.get(post_id) for post_id, row in now.items()):
                    raise WrittenMeanwhile

        try:
            self._merge(changed, before.keys(), check)
        except WrittenMeanwhile:
            return [post for post in posts if post.post_id in ids]
        own = {sha for _, each in changed for sha in each}
        if places := {sha: path for path, sha in shas.items() if sha in own}:
            keep_still(parallel(self.table.session, [*places.items()], 256), self.table.photos)
        self.tally.accepted += len(changed)
        self.tally.updated += len(ids & before.keys())
        return []

    def _embedded(self, posts: Sequence[Post]) -> dict[str, str]:
        """Embed the posts' photos: path -> sha256. Of those that cannot be, each says why."""
        files, bad = self._hash(sorted({photo for post in posts for photo in post.photos}))
        places = {file.sha: file.place for file in files.values()}
        known = self._in_table(set(places))
        items = (Item(f"photo:{sha}", place) for sha, place in places.items())
        lacking = (item for item in items if item.key not in known)
        failed, count, seconds = self.staging.embed_new("photos", lacking)
        self.tally.embedded += count
        self.embedding_s += seconds
        keys = {path: f"photo:{file.sha}" for path, file in files.items()}
        bad |= {path: failed[key] for path, key in keys.items() if key in failed}
        for post in posts:
            for path in post.photos:
                if path in bad:
                    where = path if post.read_from in ("", path) else f"{post.read_from}: {path}"
                    self.tally.reject(Reject(where, post.post_id, *bad[path]), post=False)
        return {path: file.sha for path, file in files.items() if path not in bad}

    def _settled(
        self, post: Post, shas: dict[str, str], old: dict[str, Any] | None
    ) -> _Changed | None:
        """The row to write for a post; None where there is none, which is counted and said."""
        own = list(dict.fromkeys(shas[path] for path in post.photos if path in shas))
        clash = None if old is None else over.clash(old, post, own, self.rules)
        if clash is not None:
            self.tally.reject(Reject(post.read_from, post.post_id, "id-taken", clash))
            return None
        if old is not None:
            post, own = over.written(old, post, own)
        if old is not None and over.is_same(old, post, own):
            self.tally.skipped += 1
            return None
        if own or post.text:
            return post, tuple(own)
        if post.photos:  # each has said why it was not taken
            self.tally.rejected += 1
        else:
            detail = "neither a photo nor words"
            self.tally.reject(Reject(post.read_from, post.post_id, "nothing-to-find", detail))
        return None

    def _worded(self, changed: list[_Changed]) -> list[_Changed]:
        """Embed the posts' words; without those whose words cannot be, which are rejected."""
        texts = {post.text for post, _ in changed if post.text}
        items = (Item(text_key(text), text) for text in sorted(texts))
        failed, *_ = self.staging.embed_new("texts", items)
        for post, _ in changed:
            if (why := failed.get(text_key(post.text))) is not None:
                self.tally.reject(Reject(post.read_from, post.post_id, *why))
        return [each for each in changed if text_key(each[0].text) not in failed]

    # -- the tasks ---------------------------------------------------------------------------

    def _hash(self, paths: list[str]) -> tuple[dict[str, _File], dict[str, _Why]]:
        """Every photo that can be read, by its path; path -> (reason, detail) of the others."""
        if not paths:
            return {}, {}
        look = partial(_file, self.table.photos)
        told = parallel(self.table.session, paths, 256).map(look).collect()
        found = dict(zip(paths, told, strict=True))
        good = {path: file for path, file in found.items() if isinstance(file, _File)}
        return good, {path: why for path, why in found.items() if not isinstance(why, _File)}

    # -- the table ---------------------------------------------------------------------------

    def _in_table(self, shas: set[str]) -> set[str]:
        """The keys of those photos whose vectors the table holds."""
        if not shas or self.table.snapshot is None:
            return set()
        rows = photos_of(self.table, shas).select("key").distinct().collect()
        return {row["key"] for row in rows}

    def _existing(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """The rows of these posts as the table has them, photos by their sha256 in `shas`."""
        if not ids or self.table.snapshot is None:
            return {}
        wanted = self.table.session.createDataFrame(pa.table({"post_id": ids}))
        frame = self.table.frame().join(F.broadcast(wanted), "post_id")
        rows = frame.select(
            *TOLD, "source", "identifiers", F.col("photos.sha256").alias("shas")
        ).collect()
        return {row["post_id"]: row.asDict() for row in rows}

    def _merge(
        self, changed: list[_Changed], known: Collection[str], check: Callable[[], None]
    ) -> None:
        rows = [
            over.row(post)
            | {
                "identifiers": post.identifiers,
                "keys": [f"photo:{sha}" for sha in shas],
                "text_key": text_key(post.text) if post.text else None,
            }
            for post, shas in changed
        ]
        posts = posts_of(self.table.session, rows, "identifiers")
        posts = posts.withColumn("updated_at", F.current_timestamp())
        shas = {sha for _, own in changed for sha in own}
        vectors = self._vectors(shas, {text_key(post.text) for post, _ in changed if post.text})
        whole = assemble(posts, vectors, self.model.name).persist()
        try:
            self.table.upsert(whole, self.rules.source, known, check)
        finally:
            whole.unpersist()

    def _vectors(self, shas: set[str], texts: set[str]) -> DataFrame:
        """key, uri, vector of photos by their sha256, staged or the table's, and of staged texts by
        their keys; of others staged with them too."""
        frames = []
        if (staged := self.staging.frame({*texts, *map("photo:{}".format, shas)})) is not None:
            # What a copied folder has staged names the photos of the one that it was copied from.
            here = photo_column_here(self.table.photos, F.col("uri")).alias("uri")
            frames.append(staged.where("reason IS NULL").select("key", here, "vector"))
        if shas and self.table.snapshot is not None:
            frames.append(photos_of(self.table, shas))
        if not frames:
            raise StorageError(f"nothing is staged in {self.staging.folder}; ingest again")
        return reduce(DataFrame.unionByName, frames).dropDuplicates(["key"])


def _file(photos: str, path: str) -> _File | _Why:
    """A photo's sha256 and where it lies, or why it cannot be read.

    photos: the table's own, which an export names: each is what it was, by the hash it came with.
    """
    try:
        data = photo_file(path)
    except FileNotFoundError:
        return "missing", "there is no such file"
    except (StorageError, OSError) as error:
        return "unreadable", str(error)
    if len(data) > MAX_BYTES:
        return "too-many-bytes", f"more than {MAX_BYTES >> 20} MB"
    return _File(kept_sha256(photos, path) or photo_sha256(data), path)
