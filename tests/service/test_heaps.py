"""What malloc keeps for the service's threads: two heaps, and what was freed in them."""

import ctypes
import resource
import subprocess
import sys

import pytest

from matching_spark.service.heaps import ARENAS

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another libc than glibc"
)
THREADS = 12
SHARED = """
import sys
from matching_spark.service.heaps import share_heaps

if sys.argv[1:] == ["shared"]:
    share_heaps()
"""
# As many heaps as malloc tells of once so many threads have had something at one time.
HEAPS = f"""
import ctypes, threading

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
TIMES, PIECES = 20, 8
# The pages that a thread gets from the system, each time that it holds some megabytes for a while.
FAULTS = f"""
import resource, threading

def allocate():
    for _ in range({TIMES}):
        held = [bytearray(1 << 20) for _ in range({PIECES})]
        del held

thread = threading.Thread(target=allocate)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _said(program: str, *words: str) -> str:
    command = [sys.executable, "-c", SHARED + program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_threads_share_heaps() -> None:
    assert _said(HEAPS, "shared").count("<heap nr=") <= ARENAS
    assert _said(HEAPS).count("<heap nr=") > ARENAS  # control


def test_what_was_freed_is_had_again() -> None:
    pages = PIECES * (1 << 20) // resource.getpagesize()
    assert int(_said(FAULTS, "shared")) < 2 * pages
    assert int(_said(FAULTS)) > TIMES * pages / 2  # control
