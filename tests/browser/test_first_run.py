"""The first run as somebody at a terminal has it: the demo's page, until Enter or Ctrl-C."""

import os
import pty
import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pyspark.sql import SparkSession

from matching_spark.config import load_settings
from matching_spark.operations.demo_service import drawn_once
from matching_spark.service.pages.words import say
from tests.support.chromium import watched
from tests.support.listening import tree
from tests.support.processes import LONG_S
from tests.support.served import COMMAND, URL

pytestmark = pytest.mark.browser
SIGN_IN = re.compile(r"sign in as (\S+) with (\S+)")


@dataclass
class Terminal:
    """A command at a terminal of its own."""

    pid: int
    ends: int
    said: str = ""

    def read(self) -> bool:
        """What it has said since; False once it has ended."""
        try:
            ready, _, _ = select.select([self.ends], [], [], 0.1)
            new = os.read(self.ends, 4096) if ready else None
        except OSError:  # as Linux tells that nobody has the terminal open any more
            return False
        self.said += (new or b"").decode("utf-8", "replace")
        return new != b""

    def until(self, pattern: re.Pattern[str]) -> re.Match[str]:
        deadline = time.monotonic() + 2 * LONG_S
        while time.monotonic() < deadline:
            alive = self.read()
            if found := pattern.search(self.said):
                return found
            assert alive, self.said
        raise AssertionError(f"{pattern.pattern}: not in {self.said}")

    def end(self, key: bytes) -> int:
        """Its exit code after a key."""
        os.write(self.ends, key)
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def at_a_terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    environment = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    pid, ends = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(COMMAND[0], [*COMMAND, *arguments], environment)
    yield Terminal(pid, ends)
    os.close(ends)


_UNWANTED = ("CI", "DISPLAY", "WAYLAND_DISPLAY")  # nobody's browser is opened by a test


@pytest.mark.parametrize("key", [b"\n", b"\x03"], ids=["enter", "ctrl-c"])
def test_serve_demo_is_a_page_to_try_until_a_key_ends_it(
    browser: Browser, spark: SparkSession, tmp_path: Path, lost_photo: Path, key: bytes
) -> None:
    drawn_once(load_settings()[0], 20, spark=spark)  # into the tests' cache
    with at_a_terminal(tmp_path, "serve", "--demo") as terminal:
        name, password = terminal.until(SIGN_IN).groups()
        url = URL.findall(terminal.said)[0]
        with watched(browser, url) as visit:
            visit.open("/")
            expect(visit.page.locator(".notice")).to_have_text(say("find.demo", "ko"))
            visit.page.set_input_files("#photo", lost_photo)
            visit.page.click("form.find button.primary")
            expect(visit.page.locator("#answer.found .sentence")).to_be_visible()
            visit.open("/office")
            visit.page.fill("#name", name)
            visit.page.fill("#password", password)
            visit.key("Enter")
            expect(visit.page.locator("h1")).to_contain_text(say("desk.title", "ko"))
            assert visit.wrong == []
        started = tree(terminal.pid)
        assert len(started) > 1  # the merger and what decodes photos
        assert terminal.end(key) == 0, terminal.said
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in terminal.said


def test_the_demo_ends_with_its_page_and_without_its_jvm(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, "demo", "--posts", "20") as terminal:
        terminal.until(SIGN_IN)
        assert (tmp_path / "demo-out" / "matches.json").is_file()
        names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in tree(terminal.pid)}
        assert "java" not in names
        assert terminal.end(b"\n") == 0, terminal.said
    assert "Traceback" not in terminal.said
