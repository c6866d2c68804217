"""The journal's file: whose it is, which version's, and what SQLite is told."""

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, select

from matching_spark.config import Settings
from matching_spark.errors import StorageError, UsageError
from matching_spark.journal import database, migrations
from matching_spark.journal.events import PostAdded
from matching_spark.journal.store import Journal
from matching_spark.journal.tables import metadata, sessions
from matching_spark.layout import JOURNAL_FILE
from tests.journal.test_store import ADDED, PRIVATE, WHO, file
from tests.support.another_user import needs_root
from tests.support.full import full


def test_the_migrations_make_the_tables_that_the_code_reads(settings: Settings) -> None:
    database.create(file(settings).parent)
    engine = database.connect(file(settings).parent)
    with database.reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_it_is_made_whole_and_what_it_has_stays(settings: Settings) -> None:
    path = file(settings)
    with pytest.raises(UsageError, match=f"there is no journal in {path.parent}: .* account add"):
        Journal.open(settings)
    assert not path.parent.exists()
    path.parent.mkdir(mode=0o700)
    half = path.with_name("journal.sqlite.new")
    half.write_bytes(b"half")  # of a process that was killed while it made it
    journal = Journal.open_or_create(settings)
    assert not half.exists()
    record = journal.append(ADDED, WHO, content=PRIVATE)
    journal.close()
    assert [*path.parent.iterdir()] == [path]
    for opens in (Journal.open, Journal.open_or_create):
        again = opens(settings)
        assert again.tail() == [record]
        assert again.contents([record.event_id]) == {record.event_id: PRIVATE}
        again.close()


def test_a_new_one_is_there_after_a_power_cut(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the folders that were made for it, each of which is written in the one above."""
    folder, did = tmp_path / "new" / "deeper", list[int]()
    sync, rename = os.fsync, os.rename

    def synced(at: int) -> None:
        did.append(os.fstat(at).st_ino)
        sync(at)

    def renamed(one: Path, other: Path) -> None:
        did.clear()
        rename(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    database.create(folder)
    assert {each.stat().st_ino for each in (folder, folder.parent, tmp_path)} <= {*did}


def test_of_two_that_make_one_at_once_one_makes_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second removes, as left behind, what the first is making."""
    folder, upgrade, made = file(settings).parent, database.upgrade, list[bool]()
    second = threading.Thread(target=database.create, args=(folder,))

    def meanwhile(connection: Connection, path: Path, *, new: bool = False) -> None:
        made.append(new)
        if not second.ident:
            second.start()
            second.join(0.1)
        upgrade(connection, path, new=new)

    monkeypatch.setattr(database, "upgrade", meanwhile)
    database.create(folder)
    second.join()
    assert made == [True]
    Journal.open(settings).close()


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (lambda path: os.truncate(path, 0), "is empty, which no journal is: restore a backup"),
        (lambda path: _without_tables(path), "is no journal, it has no tables"),
        (lambda path: os.truncate(path, 8192), "malformed; .* restore a backup"),
        (lambda path: path.unlink(), "-wal is of a journal whose journal.sqlite has gone: put"),
    ],
)
def test_one_that_was_lost_is_no_new_one(
    settings: Settings, tmp_path: Path, lost: Callable[[Path], object], says: str
) -> None:
    """Its events would be numbered from 1 again, its accounts and erasures be known to nobody; and
    its log is not played into another file."""
    journal, path = Journal.open_or_create(settings), file(settings)
    journal.append(ADDED, WHO, content=PRIVATE)
    shutil.copytree(path.parent, tmp_path / "killed")  # as by kill -9: the log has the event
    journal.close()
    settings.service.journal = str(tmp_path / "killed")
    path, log = file(settings), file(settings).with_name("journal.sqlite-wal")
    before = log.read_bytes()
    assert before
    lost(path)
    if path.exists():
        with pytest.raises(StorageError, match=says):
            Journal.open(settings)
    with pytest.raises(StorageError, match=says):
        Journal.open_or_create(settings)
    if not path.exists() or not path.stat().st_size:
        assert log.read_bytes() == before


def _without_tables(path: Path) -> None:
    path.with_name("journal.sqlite-wal").unlink()
    path.unlink()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
    raw.close()


@pytest.mark.parametrize("by", ["nothing", "a backup", "an empty file"])
def test_nothing_is_acknowledged_that_nobody_reads_again(
    journal: Journal, settings: Settings, tmp_path: Path, by: str
) -> None:
    """Somebody moves the file away while a service has it open, or puts another in its place."""
    path = file(settings)
    record = journal.append(ADDED, WHO, content=PRIVATE)
    path.rename(tmp_path / "moved")
    if by == "a backup":
        shutil.copy(tmp_path / "moved", path)
    elif by == "an empty file":
        path.touch()
    for act in (lambda: journal.append(ADDED, WHO, content=PRIVATE), journal.last):
        with pytest.raises(StorageError, match="was removed or replaced while it was open: put"):
            act()
    (tmp_path / "moved").replace(path)
    assert journal.tail() == [record]


# Of this version.
HEAD = ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0099", "{head}"


def upgrade() -> None:
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("device", sa.Text, server_default="desk"))
"""


def test_an_older_journal_is_brought_up_to_date_and_then_refused_by_the_older_version(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open_or_create(settings)
    record = journal.append(ADDED, WHO, content=PRIVATE)
    journal.close()
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, folder)
    (folder / "versions" / "next.py").write_text(NEXT.format(head=HEAD))
    with monkeypatch.context() as newer:
        newer.setattr(database, "MIGRATIONS", str(folder))
        journal = Journal.open_or_create(settings)
        assert journal.tail() == [record]
        assert journal.contents([record.event_id]) == {record.event_id: PRIVATE}
        assert journal.append(ADDED, WHO).sequence == 2
        journal.close()
    with sqlite3.connect(file(settings)) as raw:
        assert raw.execute("SELECT DISTINCT device FROM events").fetchall() == [("desk",)]
    raw.close()
    with pytest.raises(StorageError, match="revision 0099"):
        Journal.open_or_create(settings)


def test_the_first_versions_journal_is_brought_up_to_date(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade
    with monkeypatch.context() as first:
        first.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
        journal = Journal.open_or_create(settings)
    record = journal.append(ADDED, WHO, content=PRIVATE)
    journal.close()
    journal = Journal.open_or_create(settings)
    assert journal.tail() == [record]
    assert journal.contents([record.event_id]) == {record.event_id: PRIVATE}
    with journal.reading() as of:
        assert of.execute(select(sessions)).all() == []
    journal.close()


def test_a_migration_that_fails_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def fails(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise RuntimeError("the power went")

    monkeypatch.setattr(command, "upgrade", fails)
    with pytest.raises(RuntimeError, match="the power went"):
        Journal.open_or_create(settings)
    monkeypatch.undo()
    assert not file(settings).exists()
    Journal.open_or_create(settings).close()


def test_a_newer_versions_journal_is_refused_by_its_name(settings: Settings) -> None:
    Journal.open_or_create(settings).close()
    with sqlite3.connect(file(settings)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(StorageError, match=rf"newer version.*revision 0099.*up to {HEAD}; install"):
        Journal.open_or_create(settings)
    raw.close()


def test_what_is_no_journal_is_left_alone(settings: Settings) -> None:
    path = file(settings)
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.close()
    with pytest.raises(StorageError, match="is no journal, it has other tables"):
        Journal.open_or_create(settings)
    path.write_bytes(b"a letter " * 999)
    with pytest.raises(StorageError, match=r"journal.sqlite cannot be used: .*not a database"):
        Journal.open_or_create(settings)
    assert path.read_bytes() == b"a letter " * 999


def test_nobody_else_reads_it(settings: Settings) -> None:
    path, before = file(settings), os.umask(0)
    try:
        path.parent.mkdir(mode=0o755)
        journal = Journal.open_or_create(settings)
        journal.append(ADDED, WHO, content=PRIVATE)
        modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert (stat.S_IMODE(path.parent.stat().st_mode), modes) == (0o700, {0o600})
        assert len([*path.parent.iterdir()]) == 3  # and its log, and the log's index
        journal.close()
        path.chmod(0o644)
        Journal.open_or_create(settings).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_where_another_may_write_it_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = file(settings)
    path.parent.mkdir(mode=0o700)
    path.touch()
    path.chmod(0o666)
    with pytest.raises(StorageError, match=r"everybody may write to it; set service.journal"):
        Journal.open_or_create(settings)
    path.parent.chmod(0o777)
    with pytest.raises(StorageError, match=r"service.journal: .*everybody may write to it"):
        Journal.open_or_create(settings)
    settings.service.journal = str(tmp_path / "afile")
    (tmp_path / "afile").touch()
    with pytest.raises(StorageError, match=r"service.journal: .*name a folder"):
        Journal.open_or_create(settings)


@needs_root
def test_another_users_is_refused(settings: Settings) -> None:
    Journal.open_or_create(settings).close()
    os.chown(file(settings), 65534, -1)
    with pytest.raises(StorageError, match=r"it belongs to .*; set service.journal"):
        Journal.open_or_create(settings)


def test_without_its_settings_it_does_not_open() -> None:
    settings = Settings()
    with pytest.raises(UsageError, match=r"service.journal is not set: name a folder"):
        Journal.open_or_create(settings)
    settings.service.journal = "/nowhere"
    with pytest.raises(UsageError, match=r"service.key is not set: make one by `openssl"):
        Journal.open_or_create(settings)
    settings.service.key = "short"
    with pytest.raises(UsageError, match="fewer than 32"):
        Journal.open_or_create(settings)


def test_every_connection_is_told_how_to_keep(settings: Settings) -> None:
    journal = Journal.open_or_create(settings)
    engine = database.connect(file(settings).parent)
    told = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    with database.reading(engine) as one, database.reading(engine) as other:
        for connection in (one, other):
            for name, value in (told | {"busy_timeout": database.BUSY_MS}).items():
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
    engine.dispose()
    journal.close()


def test_a_reader_that_stays_is_said_and_erasing_once_more_goes_on(
    journal: Journal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = journal.append(PostAdded("L1", "lost", "", ""), WHO, content=PRIVATE)
    raw = sqlite3.connect(file(settings), isolation_level=None)
    raw.execute("BEGIN")
    assert raw.execute("SELECT count(*) FROM events").fetchone() == (1,)
    quick = database.PRAGMAS[1:]
    monkeypatch.setattr(database, "PRAGMAS", ("busy_timeout = 50", *quick))
    hasty = Journal.open_or_create(settings)
    with pytest.raises(StorageError, match="may still have what was erased: end"):
        hasty.forget("post:L1", WHO)
    assert hasty.contents([record.event_id]) == {}
    raw.close()
    erased = hasty.forget("post:L1", WHO)
    assert erased.sequence == hasty.last() == 2
    assert file(settings).with_name("journal.sqlite-wal").stat().st_size == 0
    hasty.close()


def test_a_writer_that_stays_is_said(
    journal: Journal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = database.PRAGMAS[1:]
    monkeypatch.setattr(database, "PRAGMAS", ("busy_timeout = 50", *quick))
    hasty = Journal.open_or_create(settings)
    raw = sqlite3.connect(file(settings), isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"cannot be used: database is locked; see to its disk"):
        hasty.append(ADDED, WHO, content=PRIVATE)
    raw.close()
    assert hasty.append(ADDED, WHO).sequence == 1
    hasty.close()


def test_a_full_disk_is_said_where_the_log_is_emptied(journal: Journal, settings: Settings) -> None:
    record = journal.append(ADDED, WHO, content=PRIVATE)
    with full(), pytest.raises(StorageError, match=r"cannot be used: .*; see to its disk"):
        database.truncate_log(create_engine(f"sqlite:///{file(settings)}"))
    assert journal.tail() == [record]
    journal.forget(f"post:{ADDED.post_id}", WHO)  # once there is room again


def test_a_backup_by_sqlite_is_a_journal(journal: Journal, settings: Settings) -> None:
    record = journal.append(ADDED, WHO, content=PRIVATE)
    source, folder = sqlite3.connect(file(settings)), file(settings).parent.with_name("copy")
    folder.mkdir(mode=0o700)
    target = sqlite3.connect(folder / JOURNAL_FILE)
    source.backup(target)
    source.close()
    target.close()
    settings.service.journal = str(folder)
    copy = Journal.open_or_create(settings)
    assert copy.tail() == [record]
    assert copy.contents([record.event_id]) == {record.event_id: PRIVATE}
    copy.close()
