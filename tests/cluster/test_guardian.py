"""The daemons of a run of tests end with it, however it ends: what its guardian does."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import guardian
from tests.support.processes import LONG_S, wait_until

# As the fixture `guarded` does, with a daemon that is a session of its own.
RUN = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background has none
folder = sys.argv[1]
command = [sys.executable, {guardian.__file__!r}, folder]
guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
daemon = subprocess.Popen(
    ["sleep", "600"], cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL
)
print(daemon.pid, flush=True)
if sys.argv[2] == "to the end":
    guard.communicate({guardian.DONE!r})
else:
    time.sleep(600)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_ends_with_the_run(tmp_path: Path, sign: signal.Signals) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path), "until it is ended"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        daemon = int(run.stdout.readline())
        assert daemon in guardian.working_in(str(tmp_path))
        run.send_signal(sign)
    wait_until(lambda: not guardian.working_in(str(tmp_path)), "the end of the daemon")


def test_a_run_that_comes_to_its_end_ends_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path), "to the end"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LONG_S, check=True)
    assert guardian.working_in(str(tmp_path)) == [int(done.stdout)]
    subprocess.run(["kill", done.stdout.strip()], check=True)
