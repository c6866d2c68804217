"""Stops by a signal: at any moment of the start, while Spark runs, and those that are ignored."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import LONG_S, in_session, wait_until

STOPS = ("SIGTERM", "SIGINT", "SIGHUP")
COMMAND = [sys.executable, "-m", "matching_spark.main"]


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_it_stops_spark_and_says_so(
    stored: str, tmp_path: Path, number: signal.Signals
) -> None:
    """Also by a terminal that is closed; nothing stays of what the start has written meanwhile."""
    process = subprocess.Popen(
        [*COMMAND, "search", "--table", stored, "--text", "지갑", "--runner", "spark"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )

    def is_started() -> bool:
        assert process.poll() is None
        return bool(in_session(process.pid, "java"))

    wait_until(is_started, "its JVM")
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode == 130, said
    assert "stopped" in said
    assert "Traceback" not in said
    wait_until(lambda: not in_session(process.pid, "java"), "the end of its JVM")
    assert not any(tmp_path.iterdir())


CALLED_BACK = """
import os, signal, time, weakref
from matching_spark.main import heed_signals

heed_signals()
thing = {1}.__class__()
def gone(_):
    os.kill(os.getpid(), signal.SIGNUMBER)
    time.sleep(0.1)
kept = weakref.ref(thing, gone)
try:
    del thing
    time.sleep(30)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("number", STOPS)
def test_a_stop_that_nothing_can_raise_comes_again(number: str) -> None:
    """In the callback of a weak reference, which Python's imports have too."""
    program = CALLED_BACK.replace("SIGNUMBER", number)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("stopped\n", "")


IMPORTED = """
import os, signal, sys

library = sys.argv.pop()
class Sends:
    def find_spec(self, name, *_):
        if name == library:
            os.kill(os.getpid(), signal.SIGNUMBER)

sys.meta_path.insert(0, Sends())
from matching_spark.main import run
run()
"""


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize(
    "library", ["typer", "matching_spark.config", "pydantic_core._pydantic_core"]
)
def test_a_stop_before_anything_has_begun_ends_it(number: str, library: str) -> None:
    """While a library is imported, of which some make an ImportError of it."""
    program = IMPORTED.replace("SIGNUMBER", number)
    done = subprocess.run(
        [sys.executable, "-c", program, library], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("number", STOPS)
def test_what_was_ignored_before_the_start_stays_so(number: str) -> None:
    """As nohup has SIGHUP, and a shell SIGINT of what a script runs beside itself."""
    before = f"import signal; signal.signal(signal.{number}, signal.SIG_IGN)"
    program = before + IMPORTED.replace("SIGNUMBER", number)
    done = subprocess.run(
        [sys.executable, "-c", program, "config", "typer"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
