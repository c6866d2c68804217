"""A writer and a merger of one journal, to be killed:
`python -m tests.kills.processes WHAT FOLDER [CONTROL]`.

write: posts, edits, closings, decisions and, seldom, erasures for ever; what was answered is told
on stdout after it. merge: again and again in one Spark; each mark is told. CONTROL: `uncommitted`
answers writes whose transaction is taken back, `apart` commits the mark before the rows.
"""

import datetime as dt
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame
from sqlalchemy import Connection, Engine

from matching_spark import start_session
from matching_spark.config import Settings
from matching_spark.domain.posts import Post
from matching_spark.embed.clip import ClipModel
from matching_spark.journal import database
from matching_spark.journal.events import PairDecided, PostAdded, PostClosed, PostEdited
from matching_spark.journal.kept import Vector
from matching_spark.journal.posts import Change, StoredPost, folded
from matching_spark.journal.store import Journal
from matching_spark.layout import uploads
from matching_spark.operations import merge as operation
from matching_spark.table import merging
from matching_spark.table.mark import Mark
from matching_spark.table.posts_table import PostsTable
from tests.support.journaled import with_journal

POSTS = 60
PAUSE_S = 0.05  # between two writes: a merge has dozens of events
ERASED = 0.0005  # of the writes: an erase takes as long as many merges
APART_S = 1.0  # between the mark and the rows, where they are apart
LOST = "l-0"  # of every decision


def settings_of(folder: Path) -> Settings:
    conf = {
        "spark.master": "local[1]",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",  # as the other tests: seconds of each start
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    return with_journal(Settings(spark={"conf": conf}), folder)  # type: ignore[arg-type]


def everything(journal: Journal) -> dict[str, Change]:
    """Every post of a journal as its last event left it."""
    changes: dict[str, Change] = {}
    at = 0
    while records := journal.tail(at, 1000):
        sealed = [each.event_id for each in records if each.sealed]
        changes = folded(records, journal.contents(sealed) if sealed else {}, changes)
        at = records[-1].sequence
    return changes


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(folder: Path) -> None:
    settings = settings_of(folder)
    journal = Journal.open_or_create(settings)
    model = (folder / "model").read_text()
    photos = sorted(path.stem for path in uploads(str(settings.service.journal)).glob("*.jpg"))
    chance = random.Random()
    posts = {i: each.stored for i, each in everything(journal).items()}
    if LOST not in posts:
        _write(journal, Post(LOST, "lost", title="1"), 1, (), model)
    tell("ready")
    while True:
        time.sleep(PAUSE_S)
        post_id = f"s-{chance.randrange(POSTS)}"
        was = posts.get(post_id)
        if post_id in posts and was is None:
            continue  # it was erased
        if was is not None and chance.random() < 0.1:
            told = journal.append(PairDecided(LOST, post_id, "confirmed"), "system")
            tell("decided", told.event_id, post_id)
        elif was is not None and chance.random() < ERASED:
            tell("erasing", post_id)
            journal.forget(f"post:{post_id}", "system")
            posts[post_id] = None
            tell("erased", post_id)
        else:
            sequence = 1 if was is None else was.sequence + 1
            status = "claimed" if was is not None and chance.random() < 0.1 else "open"
            post = Post(post_id, "found", "지갑", title=str(sequence), status=status)  # type: ignore[arg-type]
            posts[post_id] = _write(journal, post, sequence, (chance.choice(photos),), model)
            tell("written", post_id, sequence)


def _write(
    journal: Journal, post: Post, sequence: int, photos: tuple[str, ...], model: str
) -> StoredPost:
    name, dimension = model.split()
    noise = np.random.default_rng().normal(size=(1 + len(photos), int(dimension)))
    unit = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    names = [f"text:{post.post_id}", *(f"photo:{sha}" for sha in photos)]
    vectors = [Vector(each, name, row) for each, row in zip(names, unit, strict=True)]
    stored = StoredPost(post, "service", sequence, photos, dt.datetime.now(dt.UTC))
    event: PostAdded | PostClosed | PostEdited = PostEdited(post.post_id, ("title",))
    if sequence == 1:
        event = PostAdded(post.post_id, post.kind, post.category, "service")
    elif post.status != "open":
        event = PostClosed(post.post_id, post.status)
    journal.append(event, "system", None, stored.content(), vectors)
    return stored


def merge_on(folder: Path) -> None:
    settings = settings_of(folder)
    spark = start_session(settings)
    tell("ready")
    while True:
        done = operation.merge(settings, spark=spark)
        tell("merged", done.mark, done.events)
        time.sleep(0.2)


def uncommitted() -> None:
    """The journal's commit taken out."""

    @contextmanager
    def writing(engine: Engine) -> Iterator[Connection]:
        with engine.connect().execution_options(writes=True) as connection:
            connection.begin()
            yield connection
            connection.rollback()

    database.writing = writing


def apart() -> None:
    """The mark taken out of the rows' commit: it comes in one of its own, before them."""
    take_in = merging.take_in

    def first(
        table: PostsTable, posts: DataFrame | None, before: Mark, since: int, upto: Mark
    ) -> None:
        take_in(table, None, before, since, upto)
        time.sleep(APART_S)
        take_in(table, posts, upto, since, upto)

    patch = pytest.MonkeyPatch()  # which raises for a name that is not there
    patch.setattr(merging, "saying", lambda *_: nullcontext())
    patch.setattr(operation, "take_in", first)


def main() -> None:
    what, folder, *control = sys.argv[1:]
    for each in control:
        {"uncommitted": uncommitted, "apart": apart}[each]()
    {"write": write, "merge": merge_on}[what](Path(folder))


def prepare(folder: Path) -> None:
    """What both need to know: the model's name and dimension."""
    clip = ClipModel.load()
    (folder / "model").write_text(f"{clip.name} {clip.dimension}")


if __name__ == "__main__":
    main()
