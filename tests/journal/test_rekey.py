"""Another key: in the end all opens by it, whatever cut it off, and nothing by the former one."""

import datetime as dt
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from matching_spark.config import Settings
from matching_spark.errors import StorageError, UsageError
from matching_spark.journal import rekey as module
from matching_spark.journal.database import create
from matching_spark.journal.events import PostAdded
from matching_spark.journal.rekey import rekey
from matching_spark.journal.sealing import Sealer
from matching_spark.journal.store import Journal
from matching_spark.operations.forget import forget
from tests.journal.conftest import KEY
from tests.journal.test_store import files
from tests.support.processes import LONG_S

NEW = "another key, as long as the first one"
WHO = "system"
ROOT = Path(__file__).parents[2]


def keyed(settings: Settings, key: str, former: str | None = None) -> Settings:
    made = settings.model_copy(deep=True)
    made.service.key, made.service.former_key = key, former
    return made


def write(journal: Journal, first: int, count: int) -> None:
    for n in range(first, first + count):
        event = PostAdded(f"F{n}", "found", "", "desk")
        journal.append(event, WHO, f"key-{n}", {"title": f"thing {n}"})


def read(journal: Journal) -> list[str]:
    """The contents of all, in their order."""
    ids = [each.event_id for each in journal.tail(limit=10_000)]
    there = journal.contents(ids)
    return [there[each]["title"] for each in ids]


def sealed(settings: Settings) -> list[tuple[bytes, str, str]]:
    place = Path(str(settings.service.journal)) / "journal.sqlite"
    with sqlite3.connect(place) as raw:
        return raw.execute("SELECT sealed, subject, event_id FROM contents").fetchall()


class CutOff:
    """Ends what tells it anything: after the first rows."""

    def say(self, text: str) -> None:
        raise KeyboardInterrupt

    def count(self, what: str, done: int, total: int) -> None:
        pass


def test_while_it_is_sealed_anew_it_takes_both_keys_and_then_the_new_one(
    settings: Settings, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(journal, 0, 10)
    both = keyed(settings, NEW, KEY)
    with pytest.raises(UsageError, match="run `matching-spark rekey`"):
        Journal.open(both)  # it begins by the command, not by a setting

    monkeypatch.setattr(module, "AT_ONCE", 3)
    with pytest.raises(KeyboardInterrupt):
        rekey(both, CutOff())
    for keys in ((KEY, None), (NEW, None), (KEY, NEW), (NEW, "k" * 32)):
        with pytest.raises(UsageError, match="is being sealed by another key"):
            Journal.open_or_create(keyed(settings, *keys))
    with pytest.raises(StorageError, match="sealed by another key now"):
        write(journal, 10, 1)  # it was open before, and would seal by the former key
    with pytest.raises(StorageError, match="does not open"):
        read(journal)

    meanwhile = Journal.open_or_create(both)
    write(meanwhile, 10, 10)
    write(meanwhile, 0, 10)  # sent again
    assert read(meanwhile) == [f"thing {n}" for n in range(20)]
    assert rekey(both) == 7
    assert read(meanwhile) == [f"thing {n}" for n in range(20)]
    write(meanwhile, 20, 1)
    meanwhile.close()

    own, former = Sealer(NEW), Sealer(KEY)
    assert all(own.opens(each, *where) for each, *where in sealed(settings))
    assert not any(former.opens(each, *where) for each, *where in sealed(settings))
    for keys in ((NEW, None), (NEW, KEY)):
        again = Journal.open_or_create(keyed(settings, *keys))
        assert read(again) == [f"thing {n}" for n in range(21)]
        again.close()
        assert rekey(keyed(settings, *keys)) == 0
    with pytest.raises(UsageError, match="not the key that"):
        Journal.open_or_create(settings)
    with pytest.raises(UsageError, match="leave it away"):
        rekey(keyed(settings, NEW, NEW))
    with pytest.raises(UsageError, match="not the key that"):
        rekey(keyed(settings, "k" * 32, KEY))


def test_what_the_former_key_has_sealed_is_in_no_file_that_another_has_open(
    settings: Settings, journal: Journal
) -> None:
    """As by a backup's reader: whoever finds the former key, and an old page, would read it."""
    write(journal, 0, 10)
    before = [each for each, *_ in sealed(settings)]
    assert all(any(each in text for text in files(settings)) for each in before)
    assert rekey(keyed(settings, NEW, KEY)) == 10
    assert not any(each in text for each in before for text in files(settings))


@pytest.mark.parametrize("damage", ["UPDATE key_check SET id = 7", "DELETE FROM key_check"])
def test_a_journal_that_has_lost_what_tells_its_key_takes_no_other(
    settings: Settings, journal: Journal, damage: str
) -> None:
    """What was sealed would open no more, and what came after it by nobody's key but that one."""
    write(journal, 0, 1)
    journal.close()
    with sqlite3.connect(Path(str(settings.service.journal)) / "journal.sqlite") as raw:
        raw.execute(damage)
    for wanted in (settings, keyed(settings, NEW)):
        with pytest.raises(StorageError, match="has lost what tells its key"):
            Journal.open_or_create(wanted)
        with pytest.raises(StorageError, match="has lost what tells its key"):
            rekey(wanted)


KILLED = """
import os, random, signal, sys, time
from matching_spark.config import Settings
from matching_spark.journal import rekey as module
folder, key, former = sys.argv[1:]
settings = Settings(service={"journal": folder, "key": key, "former_key": former})
module.AT_ONCE = 5
status, kills, longest_s = -1, 0, 0.0
while status:
    began, child = time.monotonic(), os.fork()
    if not child:
        module.rekey(settings)
        os._exit(0)
    longest_s += 0.01  # so that one comes to the end
    time.sleep(random.uniform(0, longest_s))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    kills += status == signal.SIGKILL
    print(kills, flush=True)
"""


def test_killed_at_any_moment_it_goes_on_where_it_was(settings: Settings) -> None:
    start = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    journal = Journal.open_or_create(settings, clock=lambda: start)
    write(journal, 0, 200)
    journal.close()
    told = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.service.journal), NEW, KEY],
        check=True,
        capture_output=True,
        text=True,
        timeout=LONG_S,
        cwd=ROOT,
    ).stdout
    assert int(told.split()[-1]) > 0
    again = Journal.open_or_create(keyed(settings, NEW))
    assert read(again) == [f"thing {n}" for n in range(200)]
    assert {each.at for each in again.tail(limit=1000)} == {start}
    again.close()
    assert all(Sealer(NEW).opens(each, *where) for each, *where in sealed(settings))


def test_one_that_nobody_has_opened_yet_is_of_the_new_key(settings: Settings) -> None:
    """As of a service that was killed while it began."""
    both = keyed(settings, NEW, KEY)
    create(Path(str(settings.service.journal)))
    assert rekey(both) == 0
    Journal.open(keyed(settings, NEW)).close()


def test_where_there_is_no_journal_none_is_made(settings: Settings, tmp_path: Path) -> None:
    """A mistyped folder: nothing would be sealed by the former key, nothing erased."""
    settings.table = str(tmp_path / "t")
    settings.service.former_key, folder = "f" * 40, tmp_path / "journal"
    says, ids = f"there is no journal in {folder}: set service", frozenset(["F1"])
    with pytest.raises(UsageError, match=says):
        rekey(settings)
    with pytest.raises(UsageError, match=says):
        forget(settings, ids, ids)
    assert not folder.exists()
