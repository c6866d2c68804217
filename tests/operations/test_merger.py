"""When a merge is due, and the process that looks after it."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matching_spark import ClipModel
from matching_spark.config import Settings, environment_of
from matching_spark.domain.posts import Post
from matching_spark.journal.events import AccountMade
from matching_spark.journal.store import Journal
from matching_spark.operations import merger
from matching_spark.operations.merger import Waiting, follow, waiting
from tests.support.journaled import KEY, write
from tests.support.processes import wait_until

NOW = dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("events", "age_s", "due"),
    [
        *((0, None, False), (1, 599, False), (1, 600, True), (499, 1, False), (500, 0, True)),
        (1, -1, True),  # the clock was set back
    ],
)
def test_so_many_events_or_so_old_a_one(events: int, age_s: int | None, due: bool) -> None:
    since = None if age_s is None else NOW - dt.timedelta(seconds=age_s)
    assert Waiting(events, since).due(Settings(), NOW) == due


def test_without_a_table_a_post_is_waited_for(
    mine: Settings, journal: Journal, clip: ClipModel
) -> None:
    journal.append(AccountMade("account-" + "a" * 32), "system", content={"name": "kim"})
    assert waiting(mine, journal) == Waiting()
    write(journal, clip, Post("s-1", "found", title="지갑"))
    assert waiting(mine, journal) == Waiting(2, journal.tail()[0].at)
    mine.service.merge_events = 1
    assert waiting(mine, journal).events == 1  # enough to know


FOLLOW = """
import sys
from matching_spark.config import Settings
from matching_spark.operations.merger import follow
settings = Settings(table=sys.argv[1], service={"journal": sys.argv[2], "key": sys.argv[3],
    "merge_events": 1})
follow(settings, [sys.executable, "-c", f"open({sys.argv[4]!r}, 'a').write('x')"], look_s=0.05)
"""
PARENT = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); input()"


def test_it_merges_when_it_is_due_and_ends_with_who_started_it(
    mine: Settings, journal: Journal, tmp_path: Path, clip: ClipModel
) -> None:
    ran = tmp_path / "ran"
    own = [sys.executable, "-c", FOLLOW, mine.table, str(mine.service.journal), KEY, str(ran)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    follower = int(parent.stdout.readline())
    time.sleep(1)
    assert not ran.exists()
    write(journal, clip, Post("s-1", "found", title="지갑"))
    wait_until(ran.exists, "a merge")
    parent.kill()
    parent.communicate()
    wait_until(lambda: not running(follower), "the end of the merger")


@pytest.mark.parametrize(("again_s", "runs"), [(merger.AGAIN_S, 1), (0.0, 3)])
def test_a_merge_that_fails_is_tried_again_after_a_while(
    mine: Settings,
    journal: Journal,
    clip: ClipModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    again_s: float,
    runs: int,
) -> None:
    """Not at each look: where HDFS is away each try would start a JVM."""
    mine.service.merge_events = 1
    write(journal, clip, Post("s-1", "found", title="지갑"))
    looks, ran = iter(range(3)), tmp_path / "ran"

    def look(settings: Settings, of: Journal) -> Waiting:
        if next(looks, None) is None:
            raise KeyboardInterrupt
        return waiting(settings, of)

    monkeypatch.setattr(merger, "waiting", look)
    monkeypatch.setattr(merger, "AGAIN_S", again_s)
    with pytest.raises(KeyboardInterrupt):
        follow(mine, ["sh", "-c", f"echo >> '{ran}'; exit 1"], look_s=0)
    assert len(ran.read_text()) == runs


KILLED = """
import os, signal, sys
from matching_spark.config import Settings
from matching_spark.service import server
settings = Settings(table=sys.argv[1], service={"journal": sys.argv[2], "key": sys.argv[3]})
print(server._Merger(settings)._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("journal")
def test_nothing_is_merged_for_a_parent_that_has_ended(mine: Settings, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    gone = subprocess.Popen(["true"])
    gone.wait()
    follow(mine, ["touch", str(ran)], parent=gone.pid)
    assert not ran.exists()


@pytest.mark.usefixtures("journal")
@pytest.mark.long  # 5 s of processes that import the service and the command line
def test_the_services_merger_ends_where_the_service_was_killed_before_it_could_ask_who_that_is(
    mine: Settings,
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", KILLED, mine.table, str(mine.service.journal), KEY],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert told.returncode == -signal.SIGKILL
    merger = int(told.stdout)
    try:
        wait_until(lambda: not running(merger), "the end of the merger", 30)
    finally:
        if running(merger):
            os.kill(merger, signal.SIGKILL)


def running(pid: int) -> bool:
    """Whether it is, and no zombie that its new parent has yet to bury."""
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.usefixtures("journal")
def test_the_end_of_who_started_it_is_no_end_of_its_own(mine: Settings) -> None:
    """As of a service, which tells of its end itself: "run it again" was said there too."""
    words = ("merge", "--follow", f"--parent={os.getpid()}")
    with subprocess.Popen(
        [sys.executable, "-m", "matching_spark.main", *words],
        env=os.environ | environment_of(mine),
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stderr is not None
        assert "when it is due" in follower.stderr.readline()
        follower.terminate()
        assert (follower.stderr.read(), follower.wait()) == ("", 0)
