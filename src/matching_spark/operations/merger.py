"""The merger: watches what the journal has and the table has not, and merges when that is due.

It knows no Spark: each merge is a process of its own, whose JVM ends with it. A merge that fails is
tried again after a while.
"""

import datetime as dt
import logging
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from matching_spark.config import Settings
from matching_spark.errors import MatchingError
from matching_spark.journal.posts import OF_POST
from matching_spark.journal.store import Journal
from matching_spark.operations.warehouse import there
from matching_spark.progress import SILENT, Progress
from matching_spark.table.mark import after, check_begun, mark

log = logging.getLogger(__name__)
LOOK_S = 2.0  # between two looks: some milliseconds of the journal and of the table's metadata
AGAIN_S = 30.0  # after a merge that failed
END_S = 20.0  # for a merge to end its commit when this is to end


@dataclass(frozen=True)
class Waiting:
    """What waits for a merge: how many events, and when the first of them was written."""

    events: int = 0
    since: dt.datetime | None = None

    def due(self, settings: Settings, now: dt.datetime) -> bool:
        """Whether too many wait, or the first one waits too long. One from the future counts as
        that too: the clock was set back, and nobody knows how far."""
        if self.since is None:
            return False
        age_s = (now - self.since).total_seconds()
        wanted = settings.service
        return self.events >= wanted.merge_events or not 0 <= age_s < wanted.merge_every_s


def journal_of(settings: Settings) -> Journal:
    """The journal of a service over the settings' table: made where there is none, unless the table
    has events of one. Raises as Journal.open_or_create, and StorageError as check_begun."""
    table = there(settings)
    if table is None or not mark(table.metadata):
        return Journal.open_or_create(settings)
    journal = Journal.open(settings)
    try:
        check_begun(table.metadata, journal)
    except BaseException:
        journal.close()
        raise
    return journal


def waiting(settings: Settings, journal: Journal) -> Waiting:
    """What waits now. No JVM. Before there is a table, only a post is a reason to make it."""
    table = there(settings)
    mark = 0 if table is None else after(table.metadata, journal)
    if table is None and not has_post(journal):
        return Waiting()
    records = journal.tail(mark, settings.service.merge_events)
    return Waiting(len(records), records[0].at) if records else Waiting()


def has_post(journal: Journal) -> bool:
    """Whether any event is of a post."""
    at = 0
    while records := journal.tail(at):
        if any(isinstance(each.event, OF_POST) for each in records):
            return True
        at = records[-1].sequence
    return False


def follow(
    settings: Settings,
    command: Sequence[str],
    progress: Progress = SILENT,
    look_s: float = LOOK_S,
    parent: int | None = None,
) -> None:
    """Run a command, which merges once, whenever a merge is due, until this process's parent ends
    or a signal ends it. parent: its process id, where the parent may have ended before this asks;
    None: the one that it has now. Raises as Journal.open.
    """
    parent = os.getppid() if parent is None else parent
    not_before = 0.0
    with closing(Journal.open(settings)) as journal:
        progress.say(f"merging {settings.service.journal} into {settings.table} when it is due")
        while os.getppid() == parent:
            try:
                due = waiting(settings, journal).due(settings, dt.datetime.now(dt.UTC))
            except MatchingError as error:  # HDFS may be away for a while
                log.warning("cannot tell whether a merge is due: %s", error)
                due, not_before = False, time.monotonic() + AGAIN_S
            if due and time.monotonic() >= not_before and not _merged(command, parent):
                not_before = time.monotonic() + AGAIN_S
            time.sleep(look_s)


def _merged(command: Sequence[str], parent: int) -> bool:
    """Whether the command ended well; it is ended when this is, and when the parent has."""
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while os.getppid() == parent:
            try:
                return started.wait(LOOK_S) == 0
            except subprocess.TimeoutExpired:
                continue
        return False
    finally:
        if started.poll() is None:
            started.terminate()  # its JVM ends its commit
            try:
                started.wait(END_S)
            except subprocess.TimeoutExpired:
                started.kill()
