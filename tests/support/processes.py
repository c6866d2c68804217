"""Processes as the kernel lists them, and waiting for what they do."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LONG_S = 120  # never measured: only what will not come at all is given up so


def wait_until(ready: Callable[[], object], what: str, seconds: float = LONG_S) -> None:
    """Wait for what comes in a moment on a machine at rest."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(0.02)


def in_session(leader: int, name: str = "") -> list[int]:
    """The processes of a session that have not ended, or those of that name."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended since
            comm, state = (each / "comm").read_text().strip(), (each / "stat").read_text()
            alive = state.rpartition(")")[2].split()[0] != "Z"
            if alive and os.getsid(int(each.name)) == leader and name in comm:
                found.append(int(each.name))
    return found
