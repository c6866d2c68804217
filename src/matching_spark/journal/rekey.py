"""Another service.key: which key the journal is sealed by, and all of it sealed anew by a new one.

A row of key_check opens by the key that is written with. While the journal is sealed anew a second
one opens by the key before. So every process that opens the journal meanwhile has both keys, or is
refused; one that has it open with the former key alone writes no content any more.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Row, delete, insert, select, update

from matching_spark.config import Settings
from matching_spark.errors import StorageError, UsageError
from matching_spark.journal import database
from matching_spark.journal.sealing import FORMER_KEY, KEY, Sealer
from matching_spark.journal.tables import contents, key_check
from matching_spark.progress import SILENT, Progress

NOW, FORMER = 1, 2  # rows of key_check
AT_ONCE = 100  # contents of a transaction, of 256 KiB at most each: others write in between
_CHECK = b"matching-spark"
_WHERE = "key_check"


def place_and_sealer(settings: Settings) -> tuple[Path, Sealer]:
    """The journal's folder, and what seals it. Raises UsageError where a setting is missing."""
    wanted = settings.service
    if wanted.journal is None:
        raise UsageError(
            "service.journal is not set: name a folder on a disk of this machine, in which "
            "the journal is kept",
            argument="service.journal",
        )
    if wanted.key is None:
        raise UsageError(
            "service.key is not set: make one by `openssl rand -base64 32`, keep a copy apart "
            "from the journal's, and set it as MATCHING_SERVICE__KEY",
            argument=KEY,
        )
    return Path(wanted.journal).absolute(), Sealer.of(wanted.key, wanted.former_key)


def known(to: Connection, sealer: Sealer, place: str | None) -> bytes:
    """What tells the key that is written with; made in a new journal. place: the journal's file.

    Raises UsageError where it is not the sealer's, or the journal is being sealed anew and its
    former key is not the sealer's former one, StorageError where the journal tells no more.
    """
    rows = _rows(to)
    if NOW not in rows:
        if rows or to.scalar(select(contents.c.event_id).limit(1)) is not None:
            raise StorageError(f"{place} has lost what tells its key: take its copy from a backup")
        rows[NOW] = sealer.seal(_CHECK, _WHERE)
        to.execute(insert(key_check).values(id=NOW, sealed=rows[NOW]))
    is_own = sealer.opens(rows[NOW], _WHERE)
    if FORMER in rows and not (is_own and _opens(sealer.former, rows[FORMER])):
        raise UsageError(
            f"{place} is being sealed by another key: set {KEY} to the new one and {FORMER_KEY} to "
            "the one before, and run `matching-spark rekey` until it ends",
            argument=FORMER_KEY if is_own else KEY,
        )
    if _opens(sealer.former, rows[NOW]):
        raise UsageError(
            f"{place} is sealed by {FORMER_KEY} still: run `matching-spark rekey`, which seals it "
            f"by {KEY}",
            argument=KEY,
        )
    if not is_own:
        raise UsageError(
            f"{KEY} is not the key that {place} was made with: set that one", argument=KEY
        )
    return rows[NOW]


def check_known(of: Connection, before: bytes) -> None:
    """Raise StorageError where another key is written with than when the journal was opened."""
    if of.scalar(select(key_check.c.sealed).where(key_check.c.id == NOW)) != before:
        raise StorageError(
            f"the journal is sealed by another key now: start this again with that as {KEY}"
        )


def rekey(settings: Settings, progress: Progress = SILENT) -> int:
    """Seal by service.key all that service.former_key has sealed; gives how many contents.

    Others may read and write meanwhile, with both keys. Cut off at any moment it is run again, and
    goes on. What the former key had sealed is in no file of the journal when this returns. Raises
    UsageError where there is no journal, or it is of neither key, StorageError where it cannot be
    used.
    """
    folder, sealer = place_and_sealer(settings)
    engine = database.connect(folder)
    done, at = 0, ""
    try:
        with database.writing(engine) as to:
            _begin(to, sealer)
            known(to, sealer, engine.url.database)
        while True:
            with database.writing(engine) as to:
                some = select(contents).where(contents.c.event_id > at)
                rows = to.execute(some.order_by(contents.c.event_id).limit(AT_ONCE)).all()
                if not rows:  # and what was written meanwhile, the new key has sealed
                    to.execute(delete(key_check).where(key_check.c.id == FORMER))
                    break
                done += _sealed_anew(to, rows, sealer)
                at = rows[-1].event_id
            progress.say(f"{done:,} contents are sealed by the new key ...")
        database.truncate_log(engine)
    finally:
        engine.dispose()
    return done


def _begin(to: Connection, sealer: Sealer) -> None:
    """From now on it is written with the new key, unless it is so already."""
    rows = _rows(to)
    if FORMER not in rows and NOW in rows and _opens(sealer.former, rows[NOW]):
        to.execute(insert(key_check).values(id=FORMER, sealed=rows[NOW]))
        sealed = sealer.seal(_CHECK, _WHERE)
        to.execute(update(key_check).where(key_check.c.id == NOW).values(sealed=sealed))


def _sealed_anew(
    to: Connection, rows: Sequence[Row[tuple[str, str, bytes]]], sealer: Sealer
) -> int:
    done = 0
    for row in rows:
        where = (row.subject, row.event_id)
        if not sealer.opens(row.sealed, *where):
            sealed = sealer.seal(sealer.open(row.sealed, *where), *where)
            mine = contents.c.event_id == row.event_id
            to.execute(update(contents).where(mine).values(sealed=sealed))
            done += 1
    return done


def _rows(of: Connection) -> dict[int, bytes]:
    return {row.id: row.sealed for row in of.execute(select(key_check))}


def _opens(sealer: Sealer | None, sealed: bytes) -> bool:
    return sealer is not None and sealer.opens(sealed, _WHERE)
