"""The desk: one place where the service's posts are found, read and written; it knows no HTTP.

What is written is in the journal when a method returns, and found by the next search. What is read
is the table's snapshot with the journal's tail over it.
"""

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters, Post, Status, check_findable
from matching_spark.domain.results import SearchResult
from matching_spark.domain.schema import TOLD
from matching_spark.embed.clip import ClipModel
from matching_spark.errors import InputError, NotFoundError, StaleError
from matching_spark.journal.events import (
    Event,
    PairDecided,
    PostAdded,
    PostClosed,
    PostEdited,
    Verdict,
)
from matching_spark.journal.kept import Vector
from matching_spark.journal.posts import StoredPost
from matching_spark.journal.store import Journal
from matching_spark.operations.batcher import QueryBatcher
from matching_spark.operations.facts import told, with_changes, with_numbers
from matching_spark.operations.search import ask, understood
from matching_spark.operations.warehouse import there
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.query import Query
from matching_spark.search.request import Deadline, Request
from matching_spark.service.posts import again
from matching_spark.service.posts.rows import Rows
from matching_spark.service.posts.seen import Photos, Prepared, SeenPhoto
from matching_spark.service.posts.tail import Tail, Vectors
from matching_spark.service.public.levels import Levels
from matching_spark.service.public.rows import PublicRows
from matching_spark.shards.overlay import Overlay
from matching_spark.shards.shard import Shard
from matching_spark.similarity_engine import SimilarityEngine
from matching_spark.table.mark import after
from matching_spark.table.state import Snapshot, TableState
from matching_spark.table.unwritten import unwritten

Change = Callable[[StoredPost, list[Vector], int], StoredPost]  # as of the journal's event
Run = Callable[[Request, str | None], SearchOutcome]
FOUND = Filters(kind="found")
ASKED = ("category", "colour", "region", "place", "happened_on", "latitude", "longitude")
FRESH = ""  # names the shard of what the table has not
SOURCE = "service"  # who gives posts their ids here


class Desk:
    """Thread-safe; to be closed. Other processes may write the same journal, by a desk too."""

    def __init__(
        self, settings: Settings, journal: Journal, model: ClipModel, photos: Photos
    ) -> None:
        self.settings, self.journal, self.model, self.photos = settings, journal, model, photos
        table = there(settings)
        if table is None:
            table = unwritten(settings.table, model.name, model.dimension)
        table.check_model(model.name)
        self.table = table
        self.tail = Tail(journal, model.name, model.dimension, table.photos)
        self._marks: dict[str | None, int] = {}
        self._last = 0  # the mark that was taken last
        self._former = 0  # the mark of the state before: who began with it may read it still
        self.outdated = ""  # the model that the table has been given since
        self._turn = threading.Lock()  # of writes that rest on what they read
        self.engine = SimilarityEngine(
            table, "memory", model, cache=settings.cache, newer=self._newer
        )
        self.seen_by_all = PublicRows.of(Levels.of(settings.service), model)
        self.public = SimilarityEngine(
            table, "memory", model, cache=settings.cache, newer=self._newer, view=self.seen_by_all
        )
        self._encoding = ThreadPoolExecutor(1, "encoding")
        self._gather = QueryBatcher(self.engine), QueryBatcher(self.public)
        self.literal = settings.model_copy(deep=True)
        self.literal.similarity.understand = False
        self._take(table.state, after(table.metadata, journal))
        self.tail.begin(self.merged)

    def close(self) -> None:
        """End its threads; the journal stays open."""
        for each in self._gather:
            each.close()
        self._encoding.shutdown(cancel_futures=True)

    # -- reading ---------------------------------------------------------------------------------

    def see(self, photo: Prepared, keep: bool = True) -> SeenPhoto:
        """A photo as it is searched and kept. keep: it will be; of most that are searched by
        nothing is kept, so that these are not made ready for it."""
        (vector,) = self.model.embed_images([photo.image])
        encoded = self._encoding.submit(lambda: photo.kept if keep else photo.held)
        return SeenPhoto(photo.sha256, encoded, np.asarray(vector), held=not keep)

    def search(
        self, query: Query, where: Filters, top_k: int | None = None, until: Deadline | None = None
    ) -> SearchResult:
        """As operations.search.ask, of the table and the tail: all that the office may see."""
        settings = self.settings
        if top_k is not None:
            similar = settings.similarity.model_copy(update={"top_k": top_k})
            settings = settings.model_copy(update={"similarity": similar})
        run = _in_time(self._gather[0], until)
        return ask(self.engine, settings, query, where, run=run)

    def public_search(
        self, query: Query, understand: bool, until: Deadline | None = None
    ) -> tuple[Query, SearchResult]:
        """Found posts by what the public may see of them; the query with what was understood.

        understand: whether words are looked through for facts. With the question worth asking.
        """
        if understand:
            query = with_numbers(query, self.settings)
            query = understood(self.public, self.settings, query, FOUND)
        run = _in_time(self._gather[1], until)
        return query, ask(self.public, self.literal, query, FOUND, question=True, run=run)

    def post(self, post_id: str) -> StoredPost | None:
        """A post as it is now; None where there is none, or it was erased."""
        state = self.table.state
        change = self.tail.find(post_id, self._mark(state.snapshot))
        return Rows(state, self.engine.cache).find(post_id) if change is None else change.stored

    def known(self, post_id: str) -> StoredPost:
        """The same. Raises NotFoundError where there is none."""
        if (stored := self.post(post_id)) is None:
            raise NotFoundError(f"there is no post {post_id!r}")
        return stored

    def run_public(self, request: Request, snapshot: str | None) -> SearchOutcome:
        """As the public's engine, together with others who ask now."""
        return self._gather[1].run(request, snapshot)

    def query_of(self, post_id: str) -> Query:
        """All that is known of a lost post. Raises NotFoundError."""
        stored, vectors, _ = self._now(post_id)
        photo = f"photo:{stored.photos[0]}" if stored.photos else ""
        facts = {name: getattr(stored.post, name) for name in ASKED}
        facts["identifiers"] = stored.post.identifiers or ()
        return Query(vectors.get(photo), stored.post.text or None, **facts)

    def shards(self) -> dict[str, Shard]:
        """All that is there now, by the names of the table's files; FRESH: what it has not."""
        plan = self.table.plan()
        shards = self.engine.cache.load_all(plan.files, plan.space)
        if (newer := self._newer(plan)) is not None:
            shards = newer.over(plan.files, shards)
        return dict(zip([*(file.uri for file in plan.files), FRESH], shards, strict=False))

    def stamp(self) -> str:
        """Of all found things: another one after every change of any."""
        return f"{self.table.snapshot}:{self.tail.found_upto}"

    @property
    def merged(self) -> int:
        """The sequence of the last event that the table has."""
        return self._mark(self.table.snapshot)

    def refresh(self) -> None:
        """See what others have written: to the journal, and to the table, whose shards are loaded
        before it takes the place of the one before. Of another model it does not: `outdated`."""
        self.tail.refresh()
        table = there(self.settings)
        if table is None:
            return
        # A search that met what had ended may have seen the table first: it knows no mark of it.
        known = self.table.snapshot in self._marks
        if known and table.state.head.version == self.table.state.head.version:
            return
        self.outdated = "" if table.model == self.model.name else table.model
        if self.outdated:
            return
        plan = table.plan()
        self.engine.cache.load_all(plan.files, plan.space)
        mark, before = after(table.metadata, self.journal), self._last
        if mark < before:  # an undo, after which the tail has again what the table had
            self.tail.begin(mark)
        else:
            self.tail.trim(self._former)
        self._former = min(mark, before)
        self._take(table.state, mark)

    # -- writing ---------------------------------------------------------------------------------

    def add(self, post: Post, photos: Sequence[SeenPhoto], who: str, key: str | None) -> StoredPost:
        """Register a post, whose id the desk gives; it is kept and found when this returns.

        key: written again with it, the same post is answered, and nothing is written twice. Raises
        InputError for what cannot be kept or has nothing to find it by, NotFoundError for a key
        whose post was erased.
        """
        post_id = f"s-{again.name_of(who, key)}"
        post = told(replace(post, post_id=post_id), self.settings)
        shas = tuple(dict.fromkeys(each.sha256 for each in photos))
        check_findable(post, shas)
        seen = {each.sha256: each.vector for each in photos}
        vectors = [Vector(f"photo:{sha}", self.model.name, each) for sha, each in seen.items()]
        vectors += self._read(post)
        stored = StoredPost(post, SOURCE, 1, shas, dt.datetime.now(dt.UTC))
        event = PostAdded(post_id, post.kind, post.category, SOURCE)

        def keep(_: object = None) -> None:
            for each in photos:
                self.photos.keep(each)

        if self.journal.erased(f"post:{post_id}"):
            raise NotFoundError(f"post {post_id!r} was erased: it is not registered again")
        keep()  # once more when nobody can write: an erasure of another post may have taken them
        return self._write(event, stored, who, key, vectors, keep)

    def edit(
        self,
        post_id: str,
        changes: Mapping[str, Any],
        who: str,
        key: str | None,
        sequence: int | None = None,
    ) -> StoredPost:
        """Change fields of a post (schema.TOLD but its id, kind and status); the rest stays.

        sequence: of the post that who asks has seen; StaleError where it has changed since, unless
        it has become what is asked for (RFC 9110, 13.1.1). key: sent again with it, the post is
        answered as it was then, and nothing is written. Raises NotFoundError, and InputError for a
        field or value that cannot be, and for what is left with nothing to find it by.
        """
        fixed = {"post_id", "kind", "status"}
        if wrong := sorted(set(changes) - (set(TOLD) - fixed)):
            raise InputError(f"a post's {', '.join(wrong)} cannot be changed", argument=wrong[0])

        def change(was: StoredPost, vectors: list[Vector], upto: int) -> StoredPost:
            post = with_changes(was.post, changes, self.settings)
            changed = tuple(n for n in TOLD if getattr(post, n) != getattr(was.post, n))
            if not changed and (key is None or not changes):
                return was  # with a key it is kept: sent again it changes nothing either
            again.check_seen(was, sequence if changed else None)
            if post.text != was.post.text:
                check_findable(post, was.photos)
                vectors = [v for v in vectors if v.name.startswith("photo:")] + self._read(post)
            stored = replace(was, post=post, sequence=was.sequence + 1)
            event = PostEdited(post_id, changed or tuple(changes))
            return self._write(event, stored, who, key, vectors, upto=upto)

        return self._alone(post_id, changes, who, key, change)

    def set_status(self, post_id: str, status: Status, who: str, key: str | None) -> StoredPost:
        """Close a post, which is then found no more, or open it again.

        What is closed is opened before it is closed as something else: else StaleError. Raises as
        `edit`.
        """

        def change(was: StoredPost, vectors: list[Vector], upto: int) -> StoredPost:
            now = was.post.status
            if now == status and key is None:
                return was
            if now not in ("open", status) and status != "open":
                raise StaleError(f"post {post_id!r} is closed as {now}: open it again first")
            stored = replace(was, post=replace(was.post, status=status), sequence=was.sequence + 1)
            opened = PostEdited(post_id, ("status",))
            event = opened if status == "open" else PostClosed(post_id, status)
            return self._write(event, stored, who, key, vectors, upto=upto)

        return self._alone(post_id, {"status": status}, who, key, change)

    def forget(self, post_id: str, who: str, key: str | None) -> None:
        """Erase a post of the journal, with its photos that no other post of it has; the next merge
        erases it in the table. Raises NotFoundError."""
        subject, seen = f"post:{post_id}", self.tail.upto
        with self._turn:
            was = self.post(post_id)
            if was is None and not self.journal.erased(subject):
                raise NotFoundError(f"there is no post {post_id!r}")
            try:  # of one that was erased, to have its files looked after once more
                self.journal.forget(subject, who, key, seen if was else 0)
            finally:  # erased it may be also where its files have to be looked after once more
                self.tail.refresh()
                with self.journal.unwanted(was.photos if was else ()) as shas:
                    for sha in shas:
                        self.photos.forget(sha)

    def decide(
        self, lost_id: str, found_id: str, verdict: Verdict, who: str, key: str | None
    ) -> None:
        """Keep what somebody says of a pair. Raises NotFoundError, and InputError for a pair that
        is not of a lost and a found post."""
        seen = self.tail.upto
        for post_id, kind in ((lost_id, "lost"), (found_id, "found")):
            stored, name = self.post(post_id), f"{kind}_id"
            if stored is None:
                raise NotFoundError(f"there is no post {post_id!r}", argument=name)
            if stored.post.kind != kind:
                wrong = f"post {post_id!r} is {stored.post.kind}, not {kind}"
                raise InputError(wrong, argument=name)
        self.journal.append(PairDecided(lost_id, found_id, verdict), who, key, seen=seen)
        self.tail.refresh()

    # -- inside ----------------------------------------------------------------------------------

    def _write(
        self,
        event: Event,
        stored: StoredPost,
        who: str,
        key: str | None,
        vectors: Sequence[Vector],
        keep: again.Check | None = None,
        upto: int = 0,
    ) -> StoredPost:
        check = keep or again.unchanged(stored.post.post_id, upto)
        record = self.journal.append(event, who, key, stored.content(), vectors, check, upto)
        self.tail.refresh()
        return replace(stored, updated_at=record.at)

    def _alone(
        self, post_id: str, changes: Mapping[str, Any], who: str, key: str | None, change: Change
    ) -> StoredPost:
        """A change of a post as it is now, with its vectors: made anew where another process writes
        of it meanwhile, as `check` tells in the write's own transaction. Of a retry the answer."""
        while True:
            with self._turn, suppress(again.Overtaken):
                before = again.changed_by(self.journal, self.settings, post_id, changes, who, key)
                if before is not None:
                    return before
                self.tail.refresh()
                upto = self.tail.upto
                return change(*self._whole(post_id), upto)

    def _whole(self, post_id: str) -> tuple[StoredPost, list[Vector]]:
        """A post to be changed and its vectors, which the journal may not have yet."""
        stored, vectors, journalled = self._now(post_id)
        if journalled:
            return stored, []
        return stored, [Vector(name, self.model.name, each) for name, each in vectors.items()]

    def _now(self, post_id: str) -> tuple[StoredPost, Vectors, bool]:
        """A post, its vectors by their names, and whether it is the journal that has it so. Raises
        NotFoundError."""
        state = self.table.state
        change = self.tail.find(post_id, self._mark(state.snapshot))
        if change is None:
            stored, vectors = Rows(state, self.engine.cache).whole(post_id)
        else:
            stored = change.stored
            vectors = {} if stored is None else dict(self.tail.vectors(stored))
        if stored is None:
            raise NotFoundError(f"there is no post {post_id!r}")
        return stored, vectors, change is not None

    def _read(self, post: Post) -> list[Vector]:
        if not post.text:
            return []
        (vector,) = self.model.embed_texts([post.text])
        return [Vector(f"text:{post.post_id}", self.model.name, np.asarray(vector))]

    def _newer(self, snapshot: Snapshot) -> Overlay | None:
        return self.tail.over(self._mark(snapshot.id))

    def _mark(self, snapshot: str | None) -> int:
        return self._marks.get(snapshot, 0)

    def _take(self, state: TableState, mark: int) -> None:
        self._marks[state.snapshot] = self._last = mark
        self.table.state = state


def _in_time(gather: QueryBatcher, until: Deadline | None) -> Run:
    """The batcher's run, that gives what it has found when the time is over."""
    return lambda request, snapshot: gather.run(replace(request, until=until), snapshot)
