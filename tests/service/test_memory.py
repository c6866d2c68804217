"""What malloc keeps for the service's threads: not a heap for each."""

import ctypes
import subprocess
import sys

import pytest

from matching_spark.service.server import ARENAS

THREADS = 12
# As many heaps as malloc tells of once so many threads have had something at one time.
ALLOCATING = f"""
import ctypes, sys, threading
from matching_spark.service.server import share_arenas

if sys.argv[1:] == ["shared"]:
    share_arenas()
together = threading.Barrier({THREADS})

def allocate():
    together.wait()
    held = [bytearray(5000) for _ in range(100)]
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range({THREADS})]
for each in threads:
    each.start()
for each in threads:
    each.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another libc than glibc")
def test_threads_share_what_malloc_keeps() -> None:
    def heaps(*words: str) -> int:
        command = [sys.executable, "-c", ALLOCATING, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count(
            "<heap nr="
        )

    assert heaps("shared") <= ARENAS
    assert heaps() > ARENAS  # control
