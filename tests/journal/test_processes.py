"""Writers in processes of their own: nothing that was acknowledged is lost, doubled or moved."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from matching_spark.config import Settings
from matching_spark.journal.events import PostAdded
from matching_spark.journal.store import Journal, Record
from tests.journal.conftest import KEY

ROOT = Path(__file__).parents[2]


def start(settings: Settings, what: str, first: int, second: int) -> "subprocess.Popen[str]":
    """tests/support/journal_writers.py"""
    folder = str(settings.service.journal)
    command = [sys.executable, "-m", "tests.support.journal_writers", what, folder, KEY]
    return subprocess.Popen(
        [*command, str(first), str(second)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def answered(writers: "subprocess.Popen[str]") -> list[list[tuple[int, str]]]:
    said, _ = writers.communicate(timeout=120)
    assert writers.returncode == 0
    return [[(sequence, key) for sequence, key in one] for one in json.loads(said)]


def whole(journal: Journal) -> list[Record]:
    """Every record, whose sequences have no gap, and whose contents are all there."""
    tail = [record for at in range(0, journal.last(), 1000) for record in journal.tail(at, 1000)]
    assert [each.sequence for each in tail] == [*range(1, len(tail) + 1)]
    kept = journal.contents([each.event_id for each in tail])
    for each in tail:
        assert isinstance(each.event, PostAdded)
        assert kept[each.event_id] == {"title": each.event.post_id * 50}
    return tail


def test_two_processes_write_and_a_third_reads_on_without_a_gap(settings: Settings) -> None:
    journal = Journal.open_or_create(settings)
    writers = start(settings, "race", 2, 60)
    seen: list[Record] = []
    until = time.monotonic() + 60
    while len(seen) < 120 and time.monotonic() < until:
        seen += journal.tail(seen[-1].sequence if seen else 0, 7)
        time.sleep(0.001)
    told = answered(writers)
    assert seen == whole(journal)
    assert sorted(each for one in told for each in one) == [(r.sequence, r.key) for r in seen]
    for one in told:
        assert [sequence for sequence, _ in one] == sorted(sequence for sequence, _ in one)
    journal.close()


def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(settings: Settings) -> None:
    """At most one event of each that was killed was written and not yet answered."""
    told = answered(start(settings, "kill", 20, random.randrange(2**32)))
    journal = Journal.open_or_create(settings)
    there = [(record.sequence, record.key) for record in whole(journal)]
    acknowledged = [each for one in told for each in one]
    assert set(acknowledged) <= set(there)
    assert len(acknowledged) > 20  # the kills came while they wrote
    assert len(there) - len(acknowledged) <= 20
    assert len({key for _, key in there}) == len(there)
    journal.close()
