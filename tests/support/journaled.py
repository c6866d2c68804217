"""Posts written through the service's journal, as its desk writes them."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from matching_spark import ClipModel, PostsTable
from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.embed.photos import photo_sha256
from matching_spark.journal.events import PostAdded, PostClosed, PostEdited
from matching_spark.journal.kept import Vector
from matching_spark.journal.posts import StoredPost, folded
from matching_spark.journal.store import Journal, Record
from matching_spark.layout import uploads
from matching_spark.table.mark import after
from tests.support.photo_bytes import saved

KEY = "a key that only these tests have."


def with_journal(settings: Settings, folder: Path) -> Settings:
    """The settings with a table and a journal in a folder."""
    made = settings.model_copy(deep=True)
    made.table = str(folder / "table")
    made.cache.folder = str(folder / "cache")
    made.service.journal, made.service.key = str(folder / "journal"), KEY
    return made


def photo(settings: Settings, colour: str) -> str:
    """A photo in the service's folder; returns its sha256."""
    data = saved(Image.new("RGB", (64, 64), colour), "JPEG")
    sha = photo_sha256(data)
    folder = uploads(str(settings.service.journal))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{sha}.jpg").write_bytes(data)
    return sha


def write(
    journal: Journal,
    clip: ClipModel,
    post: Post,
    sequence: int = 1,
    photos: Iterable[str] = (),
    what: str = "add",
    key: str | None = None,
) -> Record:
    """An event of a post, to `add`, `edit` or `close` it, with its words' vector."""
    content = StoredPost(post, "service", sequence, tuple(photos), dt.datetime.now(dt.UTC))
    vectors = []
    if what != "close" and post.text:
        words = clip.embed_texts([post.text])[0]
        vectors = [Vector(f"text:{post.post_id}", clip.name, words)]
    event: PostAdded | PostEdited | PostClosed
    if what == "add":
        event = PostAdded(post.post_id, post.kind, post.category, "service")
    elif what == "edit":
        event = PostEdited(post.post_id, ("title",))
    else:
        event = PostClosed(post.post_id, post.status)
    return journal.append(event, "system", key, content.content(), vectors)


def in_table(uri: str) -> dict[str, dict[str, object]]:
    """Every row of the table as it is now."""
    out: dict[str, dict[str, object]] = {}
    for shard in PostsTable.open(uri).shards():
        for row in shard.rows(np.flatnonzero(shard.alive)):
            assert row["post_id"] not in out
            out[row["post_id"]] = row
    return out


def read(settings: Settings, journal: Journal) -> dict[str, str]:
    """What a reader has of every post, its title: the table, and the journal's tail over it."""
    table = PostsTable.of(settings)
    out = {i: str(row["title"]) for i, row in in_table(settings.table).items()}
    records = journal.tail(after(table.metadata, journal), 10_000)
    sealed = [each.event_id for each in records if each.sealed]
    for post_id, change in folded(records, journal.contents(sealed) if sealed else {}).items():
        if change.stored is None:
            out.pop(post_id, None)
        else:
            out[post_id] = change.stored.post.title
    return out
