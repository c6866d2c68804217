"""A writer, a merger and the service killed at any moment: what was answered is there once, for
every reader. Half of the kills are of the journal and a merger in one Spark, by which most of them
meet a commit; half of the service as it runs, of whom a program asks.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import pytest

from matching_spark import PostsTable
from matching_spark.config import Settings
from matching_spark.errors import MatchingError
from matching_spark.journal.events import PairDecided
from matching_spark.journal.store import Journal
from matching_spark.layout import kept_photo
from matching_spark.matching import decisions
from matching_spark.operations.warehouse import there
from matching_spark.table import side_tables
from matching_spark.table.mark import after
from matching_spark.table.metadata import current_metadata
from tests.kills.processes import LOST, everything, prepare, settings_of
from tests.kills.served import Program, Server, served_settings, token_of
from tests.support.journaled import in_table, photo, read
from tests.support.processes import LONG_S, in_session, wait_until

pytestmark = pytest.mark.kills
KILLS = int(os.environ.get("KILLS", "20"))
SERVED = KILLS // 2
DIRECT = KILLS - SERVED
ROOT = Path(__file__).parents[2]
# Of the service: itself, its merger, and the JVM of a merge that is under way.
SERVED_VICTIMS = {
    "service": (True, False, False),
    "merger without its JVM": (False, True, False),
    "merger": (False, True, True),
    "both without the JVM": (True, True, False),
    "both": (True, True, True),
}
VICTIMS = ("writer", "merger", "both", "merger with its JVM", "all three")


class Party:
    """One of the two processes, which is started again after each kill, and all that it told."""

    def __init__(self, what: str, folder: Path, control: str) -> None:
        self.what, self.folder, self.control = what, folder, control
        self.told: list[list[str]] = []
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.kills.processes", self.what, str(self.folder)]
        self.process = subprocess.Popen(
            [*command, *([self.control] if self.control else [])],
            stdout=subprocess.PIPE,
            stderr=(self.folder / f"{self.what}.log").open("ab"),
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        self.told.append(["started"])
        self.reader = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self.reader.start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.told.append(line.split())

    def ready(self, words: int = 1) -> bool:
        """Whether it has told so much since it was started."""
        told = list(self.told)
        return len(told) - 1 - max(i for i, each in enumerate(told) if each == ["started"]) >= words

    def kill(self, jvm: bool = False) -> None:
        victims = [self.process.pid, *(in_session(self.process.pid, "java") if jvm else ())]
        for each in victims:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.process.wait()
        self.reader.join()


class Watch:
    """A reader that looks again and again, and knows what was answered before each look."""

    def __init__(self, settings: Settings, writer: Party) -> None:
        self.settings, self.writer = settings, writer
        self.journal = Journal.open_or_create(settings)
        self.looks = 0
        self.wrong: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5) and not self.wrong:
            try:
                self.wrong += self.look()
            except (MatchingError, FileNotFoundError) as error:
                # An erase ends the snapshot that is being read: whoever reads plans anew.
                if "gone" not in str(error) and not isinstance(error, FileNotFoundError):
                    self.wrong.append(f"a reader failed: {error}")
            self.looks += 1

    def look(self) -> list[str]:
        """What of all that was answered is not there, or twice."""
        told = list(self.writer.told)
        written = {words[1]: int(words[2]) for words in told if words[0] == "written"}
        decided = {words[1] for words in told if words[0] == "decided"}
        erased = {words[1] for words in told if words[0] == "erased"}
        table = there(self.settings)
        mark = 0 if table is None else after(table.metadata, self.journal)
        tail = self.journal.tail(mark, 10_000)
        rows = side_tables.read(self.settings.table, decisions.NAME)
        seen = self._seen()
        erasing = {words[1] for words in list(self.writer.told) if words[0] == "erasing"}
        wrong = [
            f"{post_id} was answered as of {sequence}, and is {seen.get(post_id)}"
            for post_id, sequence in written.items()
            if post_id not in erasing and int(seen.get(post_id, 0)) < sequence
        ]
        wrong += [f"{post_id} was erased, and is there" for post_id in erased & seen.keys()]
        ids = [row["event_id"] for row in rows]
        if len(set(ids)) < len(ids):
            wrong.append("a decision is there twice")
        late = {each.event_id for each in tail if isinstance(each.event, PairDecided)}
        of_erased = {words[1] for words in told if words[0] == "decided" and words[2] in erasing}
        wrong += [f"decision {i} is lost" for i in decided - set(ids) - late - of_erased]
        return wrong

    def _seen(self) -> dict[str, str]:
        if current_metadata(self.settings.table) is None:
            changes = everything(self.journal)
            return {i: c.stored.post.title for i, c in changes.items() if c.stored is not None}
        return read(self.settings, self.journal)


def ended(*parties: Party) -> list[str]:
    """What those said that have ended by themselves."""
    return [
        (each.folder / f"{each.what}.log").read_text("utf-8")[-2000:]
        for each in parties
        if each.process.poll() is not None
    ]


@contextmanager
def party(folder: Path, of_writer: str = "", of_merger: str = "") -> Iterator[tuple[Party, ...]]:
    settings = settings_of(folder)
    prepare(folder)
    Journal.open_or_create(settings).close()
    for colour in ("red", "green", "blue"):
        photo(settings, colour)
    started = [Party("write", folder, of_writer), Party("merge", folder, of_merger)]
    try:
        yield tuple(started)
    finally:
        for each in started:
            each.kill(jvm=True)


def test_nothing_that_was_answered_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}, {DIRECT} kills of a writer and a merger")
    chance = random.Random(seed)
    settings = settings_of(tmp_path)
    kills: dict[str, int] = {}
    with party(tmp_path) as (writer, merger):
        watch = Watch(settings, writer)
        for _ in range(DIRECT):
            wait_until(
                lambda: (
                    (writer.ready(5) and merger.ready(2)) or watch.wrong or ended(writer, merger)
                ),
                "two at work",
                2 * LONG_S,
            )
            assert not ended(writer, merger)
            time.sleep(chance.uniform(0, 2.5))
            victim = chance.choice(VICTIMS)
            kills[victim] = kills.get(victim, 0) + 1
            if victim in ("writer", "both", "all three"):
                writer.kill()
            if victim in ("merger", "both", "merger with its JVM", "all three"):
                merger.kill(jvm="JVM" in victim or "three" in victim)
            for each in (writer, merger):
                if each.process.poll() is not None:
                    each.start()
            assert not watch.wrong
        writer.kill()
        journal = watch.journal

        def merged() -> bool:
            table = PostsTable.of(settings)
            return after(table.metadata, journal) == journal.last()

        wait_until(merged, "the last merge")
        merger.kill(jvm=True)
        watch.end()
        assert not watch.wrong
        assert not watch.look()
    whole = {i: c.stored for i, c in everything(journal).items() if c.stored is not None}
    rows = in_table(settings.table)
    assert {i: (row["title"], row["status"]) for i, row in rows.items()} == {
        i: (stored.post.title, stored.post.status) for i, stored in whole.items()
    }
    folder = PostsTable.of(settings).photos
    for stored in whole.values():
        assert all(Path(kept_photo(folder, sha)).is_file() for sha in stored.photos)
    print(f"{kills}; {journal.last():,} events, {watch.looks:,} looks, {len(rows)} posts")
    assert watch.looks > DIRECT / 2
    assert LOST in rows
    journal.close()


@pytest.mark.parametrize(("of_writer", "of_merger"), [("uncommitted", ""), ("", "apart")])
def test_without_what_keeps_it_the_same_watch_sees_a_loss(
    tmp_path: Path, of_writer: str, of_merger: str
) -> None:
    """The journal's commit taken out; the mark taken out of the rows' commit."""
    with party(tmp_path, of_writer, of_merger) as (writer, _):
        watch = Watch(settings_of(tmp_path), writer)
        wait_until(lambda: watch.wrong, "a loss")
        watch.end()
        assert any("was answered as of" in each for each in watch.wrong)


@contextmanager
def asked(folder: Path, control: bool = False) -> Iterator[tuple[Server, Program]]:
    settings = served_settings(folder)
    token = token_of(settings)
    server = Server(settings, folder, control)
    try:
        wait_until(server.ready, "the service", 2 * LONG_S)
        program = Program(server, token)
        try:
            yield server, program
        finally:
            program.end()
    finally:
        server.clear()


def test_nothing_that_the_service_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}, {SERVED} kills of the service")
    chance = random.Random(seed)
    kills: dict[str, int] = {}
    # Each as often as the others, in any order.
    victims = list(islice(cycle(SERVED_VICTIMS), SERVED))
    chance.shuffle(victims)
    with asked(tmp_path) as (server, program):
        for _ in range(SERVED):
            wait_until(server.ready, "the service", 2 * LONG_S)
            looked = program.looks + 1
            wait_until(partial(program.has_looked, looked), "a look", 2 * LONG_S)
            if chance.random() < 0.5:  # a moment of a merge
                wait_until(server.merging, "a merge", 2 * LONG_S)
                time.sleep(chance.uniform(0, 12))
            victim = victims.pop()
            kills[victim] = kills.get(victim, 0) + 1
            service, merger, jvm = SERVED_VICTIMS[victim]
            server.kill(service, merger, jvm)
            if service:
                server.start()
            assert not program.wrong
        wait_until(server.ready, "the service", 2 * LONG_S)
        program.end()
        assert not program.wrong
        wait_until(lambda: server.waiting() == 0, "the last merge", 4 * LONG_S)
        assert server.end() == 0
        table = server.settings.table
        rows = in_table(table)
        assert {i: (row["title"], row["status"]) for i, row in rows.items()} == {
            program.lost_id: ("지갑", "open"),
            **{i: (each.title, each.status) for i, each in program.posts.items()},
        }
        said = side_tables.read(table, decisions.NAME)
        assert len({row["event_id"] for row in said}) == len(said)
        last = {row["found_id"]: row["verdict"] for row in sorted(said, key=lambda row: row["at"])}
        assert last == program.decided
    print(
        f"{kills}; {program.written:,} writes, {program.again:,} sent again, "
        f"{program.looks:,} looks, {len(rows)} posts"
    )
    assert program.again


def test_without_the_journals_commit_the_same_program_sees_a_loss(tmp_path: Path) -> None:
    with asked(tmp_path, control=True) as (_, program):
        wait_until(lambda: program.wrong, "a loss")
        assert "was answered as" in program.wrong[0] or "404" in program.wrong[0]
