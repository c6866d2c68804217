"""The journal's file: whose it is, how SQLite is told to keep it, and its tables' revision."""

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

from matching_spark.errors import StorageError, UsageError
from matching_spark.guard.owners import doubt, own_folder

FILE = "journal.sqlite"
MIGRATIONS = "matching_spark.journal:migrations"  # a package's folder, as Alembic names it
BUSY_MS = 10_000  # for another process's transaction, which takes some milliseconds
PRAGMAS = (
    f"busy_timeout = {BUSY_MS}",  # the first: the next one may have to wait
    "journal_mode = WAL",  # readers do not wait for the writer
    "synchronous = FULL",  # a commit returns when the disk has it
    "foreign_keys = ON",
    "secure_delete = ON",  # what is deleted is overwritten with zeros
)


def connect(folder: Path) -> Engine:
    """The journal of a folder, which is made where there is none, its tables this version's.

    Raises StorageError where the folder or the file is another user's, the file is no journal, or
    a newer version wrote it.
    """
    path = folder / FILE
    _own(path)
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with writing(engine) as connection:
            upgrade(connection, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def check_there(folder: Path) -> None:
    """Raise UsageError where a folder has no journal: for what a new, empty one cannot be meant."""
    if not (folder / FILE).exists():
        raise UsageError(
            f"there is no journal in {folder}: set service.journal to the folder that it is in",
            argument="service.journal",
        )


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


def upgrade(connection: Connection, path: Path) -> None:
    """Bring the tables to this version's revision, in the connection's transaction.

    Raises StorageError for a newer version's, and for tables that are no journal's.
    """
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    now = MigrationContext.configure(connection).get_current_revision()
    if now == head:
        return
    if now is None and inspect(connection).get_table_names():
        raise StorageError(f"{path} is no journal, but has tables: set service.journal to another")
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


def _own(path: Path) -> None:
    try:
        own_folder(path.parent)
        # Not opened where it is there: closing it would give up the locks that this process has.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            for folder in path.parents:  # which may be new: there after a power cut too
                _sync(folder)
        if why := doubt(path):
            raise StorageError(f"{path}: {why}; set service.journal to a folder of your own")
        if os.stat(path).st_mode & 0o077:
            os.chmod(path, 0o600)  # its log and index follow it: SQLite makes them alike
    except OSError as error:
        raise StorageError(
            f"service.journal: {path.parent}: {error.strerror}; name a folder of your own on a "
            "disk of this machine"
        ) from error


def _sync(folder: Path) -> None:
    with suppress(PermissionError):  # what this user may not read, this user has not made
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _configure(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin says, also of DDL
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StorageError(
            f"service.journal lies where SQLite cannot keep a log beside it (journal_mode {mode}): "
            "name a folder on a disk of this machine"
        )


def _begin(connection: Connection) -> None:
    """IMMEDIATE: who reads first and writes then would be refused after another's commit."""
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


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
