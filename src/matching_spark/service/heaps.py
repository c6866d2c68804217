"""What malloc keeps of the memory that the service's threads have freed: of glibc alone.

It gives each thread a heap, up to eight a core, and each keeps what its thread freed: so threads
share two. And it gives large pieces back to the system at once: a block of searches, whose arrays
are some hundred kilobytes each, got the same 12,000 pages anew each time, a tenth of its time. So
pieces stay with the process, up to what is said here for each heap.
"""

import ctypes
from contextlib import suppress

ARENAS = 2
MAPPED_FROM = 32 << 20  # bytes of a piece that is the system's; the most that there can be
FREE_FROM = 64 << 20  # bytes at a heap's end that are given back
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def share_heaps() -> None:
    """Of all threads that are started from now on."""
    with suppress(AttributeError):  # another libc has no such thing
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)
        mallopt(M_TRIM_THRESHOLD, FREE_FROM)
