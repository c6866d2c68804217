"""Merge: what the service's journal has and the table has not, taken into the table.

The rows of a batch of events and the mark of its last event are one commit. All else that the batch
does, with photos, decisions and erased posts, is done before that commit and changes nothing when
it is done twice. So a merge that is killed at any moment is simply run again.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from matching_spark import storage
from matching_spark.config import Settings
from matching_spark.domain.results import Reported
from matching_spark.errors import StorageError
from matching_spark.filesystems.whole_files import try_lock
from matching_spark.ingest.journaled import JOB, Rows, Vectors, rows_of
from matching_spark.ingest.staging import FRESH_S, Staging
from matching_spark.journal.events import PairDecided
from matching_spark.journal.posts import OF_POST, StoredPost, erased, folded
from matching_spark.journal.store import Journal, Record
from matching_spark.layout import kept_photo, uploads
from matching_spark.matching import decisions
from matching_spark.operations.facts import note_key
from matching_spark.operations.forget import drop_photos
from matching_spark.operations.merger import has_post
from matching_spark.operations.posts import erase_rows
from matching_spark.operations.warehouse import made, model_of, spark_of, there
from matching_spark.progress import SILENT, Progress
from matching_spark.spark.failures import spark_errors
from matching_spark.table import erase as erasing
from matching_spark.table.mark import Mark, after, check_begun, merged
from matching_spark.table.merging import Rewound, take_in
from matching_spark.table.posts_table import PostsTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from matching_spark.embed.clip import ClipModel

LOCK = "merger.lock"  # in the journal's folder
BATCH = 1000  # events of one commit: with 256 KiB each they fit into memory
NAMES = 5000  # vectors read at once
POLL_S = 0.2
YOUNG_S = 3600.0  # a younger photo of the service may be of a post that is just being written


@dataclass(frozen=True)
class Merged(Reported):
    """What a merge did. mark: the sequence of the last event that the table has now. embedded:
    photos and words that the journal had no vector of the table's model for. left_out: photos and
    words that could not be had or embedded; their posts were taken in without.
    """

    table: str
    mark: int
    events: int = 0
    posts: int = 0
    erased: int = 0
    decisions: int = 0
    photos: int = 0
    embedded: int = 0
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    snapshot: str | None = None


def merge(
    settings: Settings, progress: Progress = SILENT, spark: "SparkSession | None" = None
) -> Merged:
    """Take in every event that the journal has now and the table has not.

    The table is made with the first post. spark: a session that stays; None: one is started where
    there is something to merge. Raises UsageError where the settings name no journal or not its
    key, StorageError where the journal, the table or Spark fails, or another merge does not end
    within `hadoop.lock_wait_s`: then it is simply run again.
    """
    start = time.perf_counter()
    with closing(Journal.open(settings)) as journal, _alone(settings):
        table = there(settings)
        if table is not None:
            check_begun(table.metadata, journal)
        since = 0 if table is None else after(table.metadata, journal)
        if journal.last() <= since or (table is None and not has_post(journal)):
            snapshot = None if table is None else table.snapshot
            return Merged(storage.absolute(settings.table), since, snapshot=snapshot)
        with spark_of(settings, "merge", progress, spark) as session:
            if table is None:
                table = made(settings, model_of(settings, None), session)
            else:
                table = PostsTable.of(settings, session)
            run = _Merge(settings, journal, table, progress)
            run.all()
    return Merged(
        table.uri,
        run.since,
        left_out=tuple(run.left_out),
        seconds=time.perf_counter() - start,
        snapshot=table.snapshot,
        **run.counts,
    )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Be the journal's only merger. The kernel unlocks for one that was killed."""
    path = _folder(settings).with_name(LOCK)
    until = time.monotonic() + settings.hadoop.lock_wait_s
    with open(path, "w", opener=partial(os.open, mode=0o600)) as file:
        while not try_lock(file):
            if time.monotonic() > until:
                raise StorageError(
                    f"{path} has been held by another merge for more than "
                    f"{settings.hadoop.lock_wait_s:g} s; run it again when that has ended, or "
                    "wait longer by hadoop.lock_wait_s"
                )
            time.sleep(POLL_S)
        yield


def _folder(settings: Settings) -> Path:
    assert settings.service.journal is not None  # else there was no journal to be opened
    return uploads(settings.service.journal)


class _Merge:
    """One run over the journal, batch by batch."""

    def __init__(
        self, settings: Settings, journal: Journal, table: PostsTable, progress: Progress
    ) -> None:
        self.settings, self.journal, self.table = settings, journal, table
        self.progress = progress
        self.since = 0
        self.counts: Counter[str] = Counter()  # of Merged
        self.left_out: list[str] = []
        self._model: ClipModel | None = None
        self._scanned = 0
        self._newest: dict[str, int] = {}  # post -> its last event, of those that were scanned

    def all(self) -> None:
        """Go on until the table has what the journal had at the start: what others write meanwhile
        would never end."""
        last = self.journal.last()
        while True:
            self.table.refresh()
            self.since = after(self.table.metadata, self.journal)
            if self.since >= last:
                break
            records = self.journal.tail(self.since, BATCH)
            self.progress.say(f"merging {len(records):,} events after {self.since:,} ...")
            try:
                with spark_errors(f"{self.table.uri}: a part is merged, the rest is not"):
                    self.batch(records)
            except Rewound:  # by an undo, or a merger that was killed and whose JVM has gone on
                self.progress.say("the table was changed meanwhile, going on from there ...")
        if self._model is not None:
            self._staging().clear()
        self._sweep()

    def batch(self, records: Sequence[Record]) -> None:
        before = merged(self.table.metadata)
        sealed = [r.event_id for r in records if r.sealed and isinstance(r.event, OF_POST)]
        changes = folded(records, self.journal.contents(sealed) if sealed else {})
        gone = erased(records)  # posts that came again since are among them
        posts = [each.stored for each in changes.values() if each.stored is not None]
        done: Counter[str] = Counter(events=len(records), posts=len(posts))
        done["erased"] = self._erased(frozenset(gone))
        done["decisions"] = self._decided(records, gone)
        shas = {sha for each in posts for sha in each.photos}
        done["photos"] = sum(map(self._keep, shas))
        rows = self._rows(posts, records[-1].sequence) if posts else None
        last = Mark(records[-1].sequence, records[-1].event_id)
        frame = None if rows is None else rows.frame.persist()
        try:
            take_in(self.table, frame, before, self.since, last)
        finally:
            if frame is not None:
                frame.unpersist()
        # An erase of other posts may have taken photos before the rows named them.
        done["photos"] += sum(map(self._keep, shas))
        if rows is not None:
            done["embedded"] = rows.embedded
            self.left_out += rows.left_out
        self.counts.update(done)

    def _erased(self, gone: frozenset[str]) -> int:
        """Erase those forgotten posts of which the warehouse still has something."""
        known = erasing.known(self.table.uri, gone) if gone else gone
        if known:
            erase_rows(self.settings, known, self.table, self.progress)
            self.table.refresh()
        return len(known)

    def _decided(self, records: Sequence[Record], gone: Mapping[str, int]) -> int:
        told = [
            decisions.Told(
                *(each.event.lost_id, each.event.found_id, each.event.verdict),
                *(each.who, each.at, each.event_id),
            )
            for each in records
            if isinstance(each.event, PairDecided)
            and each.sequence
            > max(gone.get(i, 0) for i in (each.event.lost_id, each.event.found_id))
        ]
        return decisions.take_in(self.table, told) if told else 0

    def _keep(self, sha: str) -> bool:
        """Copy a photo of the service to the warehouse; whether it had to be.

        An old one may be an orphan that `compact` is about to remove: written again it stays.
        """
        place = kept_photo(self.table.photos, sha)
        written = storage.written(place)
        if written is not None and time.time() - written <= FRESH_S:
            return False
        try:
            data = (_folder(self.settings) / f"{sha}.jpg").read_bytes()
        except FileNotFoundError:  # of a post that came another way, whose photo is there
            return False
        storage.write_bytes(place, data)
        return True

    def _sweep(self) -> None:
        """Remove photos of the service that no post of the journal has, as when the service was
        killed while it forgot one; and half-written files.
        """
        folder, before, old = _folder(self.settings), time.time() - YOUNG_S, []
        for place, written in storage.walk_times(str(folder)):
            if written < before and place.endswith(storage.HALF):
                storage.remove(place)
            elif written < before and place.endswith(".jpg"):
                old.append(Path(place).stem)
        drop_photos(self.settings, self.journal, old)

    def _rows(self, posts: Sequence[StoredPost], upto: int) -> Rows:
        if any(each.post.identifiers for each in posts):
            note_key(self.table, self.settings)
        return rows_of(posts, self._vectors(posts, upto), self.table, self._clip, self.progress)

    def _vectors(self, posts: Sequence[StoredPost], upto: int) -> Vectors:
        """The vectors that the journal has, of the table's model. The vector of a post's words is
        left out if an event after `upto` has changed them.
        """
        names = [f"photo:{sha}" for each in posts for sha in each.photos]
        names += [f"text:{each.post.post_id}" for each in posts]
        found: dict[str, npt.NDArray[np.float32]] = {}
        for at in range(0, len(names), NAMES):
            found |= self.journal.vectors(names[at : at + NAMES], self.table.model)
        while records := self.journal.tail(self._scanned, NAMES):  # after the vectors were read
            for each in records:
                if isinstance(each.event, OF_POST):
                    self._newest[each.event.post_id] = each.sequence
            self._scanned = records[-1].sequence
        late = {f"text:{i}" for i, newest in self._newest.items() if newest > upto}
        size = self.table.dimension
        return {n: v for n, v in found.items() if n not in late and v.size == size}

    def _clip(self) -> "ClipModel":
        if self._model is None:
            self._model = model_of(self.settings, self.table)
        return self._model

    def _staging(self) -> Staging:
        return Staging(self.table.session, self.table.uri, self._clip(), JOB, self.progress)
