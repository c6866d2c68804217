"""The journal's file: whose it is, how SQLite is told to keep it, and its tables' revision."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from matching_spark.errors import StorageError, UsageError
from matching_spark.guard.owners import doubt, own_folder
from matching_spark.layout import JOURNAL_FILE

MIGRATIONS = "matching_spark.journal:migrations"  # a package's folder, as Alembic names it
BUSY_MS = 10_000  # for another process's transaction, which takes some milliseconds
_FILE = "file"  # of a connection's info: which one it has open
PRAGMAS = (
    f"busy_timeout = {BUSY_MS}",  # the first: the next one may have to wait
    "journal_mode = WAL",  # readers do not wait for the writer
    "synchronous = FULL",  # a commit returns when the disk has it
    "foreign_keys = ON",
    "secure_delete = ON",  # what is deleted is overwritten with zeros
)


def connect(folder: Path) -> Engine:
    """The journal of a folder, its tables this version's.

    Raises UsageError where there is none, StorageError where the folder or the file is another
    user's, the file is no journal, or empty, or a newer version wrote it.
    """
    path = folder / JOURNAL_FILE
    with _explained(folder):
        if not path.exists():
            raise UsageError(
                f"there is no journal in {folder}: set service.journal to the folder that it is "
                "in, or restore a backup there; a new one is begun by `matching-spark account add`",
                argument="service.journal",
            )
        own_folder(folder)
        if why := doubt(path):
            raise StorageError(f"{path}: {why}; set service.journal to a folder of your own")
        state = os.stat(path)
        if not state.st_size:  # SQLite would take it for a new one, and remove its log
            raise StorageError(
                f"{path} is empty, which no journal is: restore a backup of it, or remove it where "
                "nothing was ever written to it"
            )
        if state.st_mode & 0o077:
            os.chmod(path, 0o600)  # its log and index follow it: SQLite makes them alike
    engine = _engine(path)
    try:
        with writing(engine) as connection:
            upgrade(connection, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def create(folder: Path) -> None:
    """Make a journal in a folder that has none: it is there whole, or not at all.

    Raises StorageError where it cannot be made, or where the log of one that has gone is there.
    """
    path = folder / JOURNAL_FILE
    log, new = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}.new")
    with _explained(folder):
        own_folder(folder)
        with _locked(folder):
            if path.exists():
                return
            if log.exists():  # SQLite would play it into the new one
                raise StorageError(
                    f"{log} is of a journal whose {path.name} has gone: put that back, restore "
                    "a backup into an empty folder, or remove the log with what it has"
                )
            for left in folder.glob(f"{new.name}*"):  # by one that was killed
                left.unlink()
            engine = _engine(new)
            try:
                with writing(engine) as connection:
                    upgrade(connection, path, new=True)
                truncate_log(engine)
            finally:
                engine.dispose()
            os.rename(new, path)
            for each in path.parents:  # which may be new: there after a power cut too
                _sync(each)


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _check_same)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: one at a time, of all processes. Committed when it is left.

    Raises StorageError where SQLite cannot.
    """
    with _errors(engine), engine.connect() as plain:
        connection = plain.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state. Raises StorageError where SQLite cannot."""
    with _errors(engine), engine.connect() as connection, connection.begin():
        yield connection


def upgrade(connection: Connection, path: Path, *, new: bool = False) -> None:
    """Bring the tables to this version's revision, in the connection's transaction. new: there are
    none yet.

    Raises StorageError for a newer version's, and for what has not a journal's tables.
    """
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    now = MigrationContext.configure(connection).get_current_revision()
    if now == head:
        return
    if now is None and not new:
        has = "has other tables" if inspect(connection).get_table_names() else "has no tables"
        raise StorageError(
            f"{path} is no journal, it {has}: set service.journal to another, or restore a backup"
        )
    if now is not None and now not in {each.revision for each in script.walk_revisions()}:
        raise StorageError(
            f"{path} was written by a newer version of matching-spark: it has revision {now}, "
            f"this version knows up to {head}; install that one"
        )
    command.upgrade(config, "head")


def truncate_log(engine: Engine) -> None:
    """Bring everything into the database's file and cut its log to nothing.

    Raises StorageError where a reader held it for BUSY_MS.
    """
    with _errors(engine):
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            (busy, *_), *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.close()
        finally:
            raw.close()
    if busy:
        raise StorageError(
            f"{engine.url.database}-wal is being read, and may still have what was erased: end "
            "what reads it, and run this once more"
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"service.journal: {folder}: {error.strerror}; name a folder of your own on a disk of "
            "this machine"
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only one, of all processes, that makes a journal there."""
    with _opened(folder) as at:
        fcntl.flock(at, fcntl.LOCK_EX)
        yield


def _sync(folder: Path) -> None:
    # What this user may not read, this user has not made.
    with suppress(PermissionError), _opened(folder) as at:
        os.fsync(at)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield at
    finally:
        os.close(at)


def _configure(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _begin says, also of DDL
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StorageError(
            f"service.journal lies where SQLite cannot keep a log beside it (journal_mode {mode}): "
            "name a folder on a disk of this machine"
        )
    ((_, _, path),) = connection.execute("PRAGMA database_list").fetchall()
    record.info[_FILE] = _which(path)


def _begin(connection: Connection) -> None:
    """IMMEDIATE: who reads first and writes then would be refused after another's commit."""
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _check_same(connection: Connection) -> None:
    """Nothing is acknowledged that is written into a file which nobody opens again."""
    path = connection.engine.url.database
    if _which(str(path)) != connection.info[_FILE]:
        raise StorageError(
            f"{path} was removed or replaced while it was open: put it back, or restore a backup, "
            "and start this again"
        )


def _which(path: str) -> tuple[int, int] | None:
    """Device and inode; None where there is no file, or an empty one."""
    with suppress(FileNotFoundError):
        state = os.stat(path)
        return (state.st_dev, state.st_ino) if state.st_size else None
    return None


@contextmanager
def _errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        # Without the statement, whose parameters are what was written.
        why = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
        why = str(error) if isinstance(error, sqlite3.Error) else why  # of a raw connection
        raise StorageError(
            f"the journal {engine.url.database} cannot be used: {why}; see to its disk and to what "
            "else has it open, or restore a backup"
        ) from None
