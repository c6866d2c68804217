"""`guardian.py FOLDER`: ends what works in a folder of tests that have not come to their end.

Its stdin is a pipe that only the process of the tests holds and writes DONE into at its end. The
kernel closes it however that process ends: by Ctrl-C, by pytest-xdist, which waits 10 s for its
workers and then kills them, or by SIGKILL. Daemons are sessions of their own, which no signal to
the run reaches, and before the cluster is up no file lists them: they are known by their folder.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DONE = b"done"
TERM_S = 10  # to end by themselves, then they are ended


def working_in(folder: str) -> list[int]:
    """The processes whose command line names something in the folder, or that are in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            inside = f"{folder}/" in f"{command}\0{(process / 'cwd').readlink()}/"
        except OSError:  # it has ended since
            continue
        if inside and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def end(folder: str) -> None:
    deadline = time.monotonic() + TERM_S
    while left := working_in(folder):
        late = time.monotonic() > deadline
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            except ProcessLookupError:
                continue
        time.sleep(0.5)
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        if (place := line.split()[1]).startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", place], check=False)


if __name__ == "__main__":
    if sys.stdin.buffer.read() != DONE:
        end(sys.argv[1])
