"""The journal itself: append, read what came after, forget."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from matching_spark.config import Settings
from matching_spark.errors import InputError, StorageError, UsageError
from matching_spark.journal import database, kept, rekey
from matching_spark.journal.events import (
    Event,
    PairDecided,
    SubjectForgotten,
    canonical,
    decode,
    encode,
    named,
    opaque,
)
from matching_spark.journal.kept import Vector, printable, some
from matching_spark.journal.sealing import Sealer
from matching_spark.journal.subjects import is_forgotten
from matching_spark.journal.tables import contents, events, forgotten, stamp, vector_subjects
from matching_spark.setting_groups import READ_AT_ONCE

Content = Mapping[str, Any]  # what JSON has
MAX_CONTENT = 256 << 10  # bytes of its JSON: a post's texts have 20,000 characters each
MAX_VECTORS = 64  # of one event: 20 photos a post, and its text
MAX_READ = READ_AT_ONCE  # records of one `tail`, and names of one `vectors`


@dataclass(frozen=True)
class Record:
    """An event as it was written. sequence: from 1, without gaps; at: UTC; sealed: whether it had
    a content, which `Journal.contents` gives unless it was forgotten.
    """

    sequence: int
    event_id: str
    at: dt.datetime
    who: str
    key: str | None
    event: Event
    sealed: bool


class Journal:
    """The events of a folder, for one process's threads; other processes may have it open too.

    A process that forks opens it after the fork: SQLite's connections do not survive one.
    """

    def __init__(self, engine: Engine, sealer: Sealer, now: Callable[[], dt.datetime]) -> None:
        """now: the time with its zone, of all that is written here."""
        self._engine, self._sealer, self.now = engine, sealer, now
        self._turn = threading.Lock()  # SQLite's own wait is by naps, and not fair
        self._known = b""  # what tells the key that it was opened with

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], dt.datetime] | None = None) -> "Journal":
        """The journal that service.journal names.

        clock: the time with its zone; by default the machine's. Raises UsageError where a setting
        is missing, there is no journal (a mistyped folder is no new one), or service.key is not the
        one that it is sealed by, StorageError where it cannot be used (database.connect).
        """
        folder, sealer = rekey.place_and_sealer(settings)
        engine = database.connect(folder)
        journal = cls(engine, sealer, clock or (lambda: dt.datetime.now(dt.UTC)))
        try:
            with journal.writing() as to:
                journal._known = rekey.known(to, sealer, engine.url.database)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def open_or_create(
        cls, settings: Settings, clock: Callable[[], dt.datetime] | None = None
    ) -> "Journal":
        """As `open`; made where there is none: for who begins a service. Raises as it, and as
        database.create."""
        database.create(rekey.place_and_sealer(settings)[0])
        return cls.open(settings, clock)

    def close(self) -> None:
        self._engine.dispose()

    def append(
        self,
        event: Event,
        who: str,
        key: str | None = None,
        content: Content | None = None,
        vectors: Sequence[Vector] = (),
        check: Callable[[Connection], None] | None = None,
        seen: int = 0,
    ) -> Record:
        """Write an event; it is on the disk when this returns.

        who: the id of an account, of a private link, or `system`. key: of idempotency, who's own:
        written again with it, the same event is answered as it was at first, and nothing is
        written. content: what is personal in it, sealed until its subject is forgotten. Vectors
        belong to the event's subject; the newest of a name stands. check: is called in the same
        transaction before anything is written, unless it is repeated; what it raises refuses it.
        seen: the last event that was known when what is named was seen to be there: what was erased
        up to it, an ingest has brought again since.

        Raises InputError for a key that was used for something else, for what is too large or has
        no JSON, and for what names a post or an account that was forgotten; StorageError where it
        could not be written.
        """
        if isinstance(event, SubjectForgotten):
            raise UsageError("a subject is forgotten by Journal.forget, which erases as well")
        if isinstance(event, PairDecided) and content is not None:
            raise InputError("a decision has no content: it would be nobody's to erase")
        _check_writer(who, key)
        _check_vectors(event, vectors)
        body, plain = encode(event), None
        if content is not None:
            plain = canonical(dict(content)).encode()
            if len(plain) > MAX_CONTENT:
                raise InputError(f"the content has {len(plain)} bytes: {MAX_CONTENT} at most")
        with self.writing() as to:
            if before := self._before(to, who, key, body, plain):
                return before
            if check is not None:
                check(to)
            subject = event.subject
            gone = select(forgotten.c.subject).where(forgotten.c.subject.in_(named(event)))
            if erased := to.scalar(gone.where(forgotten.c.sequence > seen)):
                raise InputError(f"{erased} was erased: nothing is written of it any more")
            record = self._insert(to, event, body, who, key, plain is not None)
            if plain is not None and subject:
                rekey.check_known(to, self._known)
                sealed = self._sealer.seal(plain, subject, record.event_id)
                row = {"event_id": record.event_id, "subject": subject, "sealed": sealed}
                to.execute(insert(contents).values(row))
            for each in vectors:
                kept.keep(to, each, str(subject))
        return record

    def forget(self, subject: str, who: str, key: str | None = None, seen: int = 0) -> Record:
        """Erase every content and vector of a subject (post:ID or account:ID), and write that.

        What was erased is in no file of the journal when this returns. A subject that was forgotten
        is not again: the answer is the first one's, but the files are looked after once more. Of
        one that came again (`seen` as `append` has it) it is.

        Also of a post that the table alone has: else who has read it there might yet write of it.

        Raises StorageError where a reader holds old pages for too long: nobody reads the content
        any more, but its bytes may be there: once more.
        """
        event = SubjectForgotten(subject)
        _check_writer(who, key)
        with self.writing() as to:
            record = self._forgotten(to, subject)
            if record is None or record.sequence <= seen or kept.holds(to, subject):
                record = self._before(to, who, key, encode(event), None)
            if record is None:
                record = self._forget(to, event, who, key)
        database.truncate_log(self._engine)
        return record

    def tail(self, after: int = 0, limit: int = 500) -> list[Record]:
        """The first `limit` records whose sequence is greater than `after`, in its order.

        What is read once never changes, and nothing appears later before it. Raises StorageError
        for an event that this version does not know.
        """
        found = select(events).where(events.c.sequence > after).order_by(events.c.sequence)
        with self.reading() as of:
            return [_record(row) for row in of.execute(found.limit(_count(limit)))]

    def history(self, subject: str) -> list[Record]:
        """The events of a subject (post:ID, account:ID) that have a content, in their order; none
        of one that was forgotten."""
        found = select(events).join(contents).where(contents.c.subject == subject)
        with self.reading() as of:
            return [_record(row) for row in of.execute(found.order_by(events.c.sequence))]

    def written(self, who: str, key: str) -> Record | None:
        """The event that who wrote with an idempotency key; None where the key is new."""
        with self.reading() as of:
            row = of.execute(_of_key(who, key)).first()
        return None if row is None else _record(row)

    def last(self) -> int:
        """The greatest sequence; 0 of an empty journal."""
        with self.reading() as of:
            return of.scalar(select(func.max(events.c.sequence))) or 0

    def known(self, subjects: Iterable[str]) -> set[str]:
        """Those of the subjects (post:ID, account:ID) that have a content or a vector, or had one
        until they were forgotten."""
        with database.reading(self._engine) as of:
            return {
                subject
                for part in some(set(subjects))
                for column in (contents.c.subject, vector_subjects.c.subject, forgotten.c.subject)
                for subject in of.scalars(select(column).where(column.in_(part)))
            }

    def vector_names(self, subject: str) -> set[str]:
        """What vectors a subject has, of any model."""
        with self.reading() as of:
            return kept.names(of, subject)

    @contextmanager
    def unwanted(self, shas: Collection[str]) -> Iterator[set[str]]:
        """Those of the photos, by their sha256, that no post has. Until it is left nobody writes
        one that has them: what is removed then is removed from nobody."""
        with self.writing() as to:
            names = kept.there(to, {f"photo:{sha}" for sha in shas})
            yield {sha for sha in shas if f"photo:{sha}" not in names}

    def contents(self, event_ids: Collection[str]) -> dict[str, Content]:
        """The contents of events, those that there still are. Raises StorageError for a changed
        one."""
        _count(len(event_ids) or 1)
        with self.reading() as of:
            return {
                row.event_id: json.loads(self._open(row.sealed, row.subject, row.event_id))
                for part in some(event_ids)
                for row in of.execute(select(contents).where(contents.c.event_id.in_(part)))
            }

    def vectors(self, names: Collection[str], model: str) -> dict[str, npt.NDArray[np.float32]]:
        """name -> its (d,) float32 vector of a model, of those names that have one."""
        _count(len(names) or 1)
        with self.reading() as of:
            return kept.read(of, names, model)

    def accounts(self, of: Connection | None = None) -> list[tuple[Record, Content]]:
        """Every account that was made and not forgotten, with its content, in their order.

        of: the transaction to read in; by default one of its own.
        """
        if of is None:
            with self.reading() as of:
                return self.accounts(of)
        # By the index of subjects, in which `;` comes after `:`.
        mine = contents.c.subject.between("account:", "account;")
        found = select(events, contents.c.subject, contents.c.sealed.label("content"))
        found = found.join(contents).where(mine).order_by(events.c.sequence)
        return [
            (_record(row), json.loads(self._open(row.content, row.subject, row.event_id)))
            for row in of.execute(found)
        ]

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, also to the tables that are no events: `database.writing`."""
        with self._turn, database.writing(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state: `database.reading`."""
        with database.reading(self._engine) as connection:
            yield connection

    def _open(self, sealed: bytes, subject: str, event_id: str) -> bytes:
        return self._sealer.open(sealed, subject, event_id)

    def _before(
        self, of: Connection, who: str, key: str | None, body: str, plain: bytes | None
    ) -> Record | None:
        """The answer that who's key had; None where it is new."""
        if key is None:
            return None
        row = of.execute(_of_key(who, key)).first()
        if row is None:
            return None
        kept = of.execute(select(contents).where(contents.c.event_id == row.event_id)).first()
        same = row.body == body and row.sealed == (plain is not None)
        if same and kept is not None:  # of a forgotten one there is nothing to compare
            same = self._open(kept.sealed, kept.subject, kept.event_id) == plain
        if not same:
            raise used(key)
        return _record(row)

    def _insert(
        self, to: Connection, event: Event, body: str, who: str, key: str | None, sealed: bool
    ) -> Record:
        event_id, at = uuid4().hex, self.now().astimezone(dt.UTC)
        row = {"event_id": event_id, "at": stamp(at), "who": who}
        new = insert(events).values(**row, key=key, body=body, sealed=sealed)
        sequence = to.execute(new.returning(events.c.sequence)).scalar_one()
        return Record(sequence, event_id, at, who, key, event, sealed)

    def erased(self, subject: str) -> bool:
        """Whether a subject was forgotten."""
        with self.reading() as of:
            return is_forgotten(subject, of)

    def _forgotten(self, of: Connection, subject: str) -> Record | None:
        found = select(events).join(forgotten).where(forgotten.c.subject == subject)
        row = of.execute(found).first()
        return _record(row) if row else None

    def _forget(self, to: Connection, event: SubjectForgotten, who: str, key: str | None) -> Record:
        subject = event.subject
        names = kept.names(to, subject)
        to.execute(delete(contents).where(contents.c.subject == subject))
        kept.drop(to, subject, names)
        record = self._insert(to, event, encode(event), who, key, sealed=False)
        row = {"subject": subject, "sequence": record.sequence}
        last = upsert(forgotten).values(row)
        to.execute(last.on_conflict_do_update(index_elements=["subject"], set_=row))
        return record


def used(key: str) -> InputError:
    """The error of an idempotency key that comes again with something else."""
    return InputError(
        f"the idempotency key {key!r} was used for another write: take a new key", argument="key"
    )


def _of_key(who: str, key: str) -> Select[Any]:
    return select(events).where(events.c.who == who, events.c.key == key)


def _record(row: Row[Any]) -> Record:
    try:
        at = dt.datetime.fromisoformat(row.at)
    except (TypeError, ValueError):
        raise StorageError(
            f"event {row.sequence} of the journal has no time: it was changed; restore a backup"
        ) from None
    event = decode(row.body)
    return Record(row.sequence, row.event_id, at, row.who, row.key, event, row.sealed)


def _check_writer(who: str, key: str | None) -> None:
    opaque("who", who)
    if key is not None:
        printable("key", key)


def _check_vectors(event: Event, given: Sequence[Vector]) -> None:
    if len(given) > MAX_VECTORS:
        raise InputError(f"{len(given)} vectors of one event: {MAX_VECTORS} at most")
    post_id = getattr(event, "post_id", None)
    for each in given:
        if post_id is None or (each.name.startswith("text:") and each.name != f"text:{post_id}"):
            raise InputError(f"vector {each.name} is not of the post that {event.tag} is of")


def _count(limit: int) -> int:
    if not 1 <= limit <= MAX_READ:
        raise UsageError(f"{limit} at once: 1 to {MAX_READ} are read")
    return limit
