"""Photos of strangers are decoded in processes of their own: bytes go in, upright pixels come out.

Nothing else comes out: what such a process sends is taken by its size, as pixels or as words.
"""

import io
import os
import queue
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from PIL import Image

from matching_spark.config import Settings
from matching_spark.embed.photos import REASONS, check_bytes, photo_sha256
from matching_spark.errors import PhotoError, StorageError
from matching_spark.service.photos import decoder_process as process
from matching_spark.service.posts.seen import Prepared

START_S = 60  # to import what decoding needs; 0.5 s where nothing else runs
GRACE_S = 5  # after a photo's own time: to kill its process, and to say so
# Of the service's environment; beside them a decoder is given nothing, least of all service.key.
_PASSED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
_OWN = {
    "OPENBLAS_NUM_THREADS": "1",  # a process with threads must not fork
    "MALLOC_ARENA_MAX": "2",  # a thread's own reserves 64 MB of addresses, which are counted
    # Huge pages: a new process meets each page for the first time, 18 ms for 12 megapixels.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
_SLOW = "it takes more than {:g} s to open: save it again as a JPEG, or send another photo"
_DIED = "its decoder broke over it: save it again as a JPEG, or send another photo"


class Decoders:
    """Processes that are started here and end with this one, however it ends; for all threads; to
    be closed.

    count: photos decoded at once; seconds: that one may take, of the clock; memory: bytes that its
    process may have above what it has at rest.
    """

    def __init__(self, count: int = 2, seconds: float = 10, memory: int = process.MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._idle: queue.LifoQueue[_Decoder] = queue.LifoQueue()
        # In the order in which photos came: of threads that wait for a queue the last may be first.
        self._threads = ThreadPoolExecutor(count, "decoding")
        self._all: set[_Decoder] = set()
        self._closed = False
        self._turn = threading.Lock()
        for _ in range(count):
            self._idle.put(self._begun())

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.service.decoders, settings.service.decode_s)

    def prepare(self, data: bytes) -> Prepared:
        """Decode a photo, when one of the processes is free for it.

        Raises PhotoError as open_photo does; `too-complex` also for a photo that takes too long or
        breaks its process, which is then another one for the next photo. Raises StorageError after
        `close`, and where the processes cannot be started.
        """
        check_bytes(data)
        with self._turn:
            self._check_open()
            asked = self._threads.submit(self._prepared, data)
        return asked.result()

    def _prepared(self, data: bytes) -> Prepared:
        """One of as many threads as there are processes: one of them is free."""
        decoder = self._idle.get()
        try:
            for _ in range(2):  # a process may have been ended by who runs the machine
                try:
                    return Prepared(photo_sha256(data), decoder.decode(data))
                except (OSError, EOFError, StorageError) as error:
                    lost: Exception = error
                    self._end(decoder)
                    decoder = self._begun()
            raise lost if isinstance(lost, StorageError) else PhotoError("too-complex", _DIED)
        finally:
            self._idle.put(decoder)

    def wait(self) -> None:
        """Return when every process is ready. Raises StorageError where one cannot be started."""
        for each in list(self._all):
            each.wait()

    def close(self) -> None:
        """End the processes, and the photos that they have in work."""
        with self._turn:
            self._closed = True
        for each in list(self._all):
            self._end(each)
        self._threads.shutdown()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the service is ending: send the photo again in a moment")

    def _begun(self) -> "_Decoder":
        with self._turn:
            self._check_open()
            try:
                decoder = _Decoder(self._seconds, self._memory)
            except OSError as error:
                raise StorageError(
                    f"no process to decode photos can be started: {error}"
                ) from error
            self._all.add(decoder)
            return decoder

    def _end(self, decoder: "_Decoder") -> None:
        decoder.end()
        with self._turn:
            self._all.discard(decoder)


class _Decoder:
    """One process, and its end of the line to it."""

    def __init__(self, seconds: float, memory: int) -> None:
        self._seconds = seconds
        self._starting, self._started = threading.Lock(), False
        self.control, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        with theirs:
            at = theirs.fileno()
            told = [str(each) for each in (at, seconds, memory)]
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", process.__name__, *told],
                env=environment | _OWN | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=[at],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the service, which ends them at its end
            )

    def wait(self) -> None:
        """Raises StorageError where it does not start."""
        with self._starting:
            if self._started:
                return
            try:
                self._answer(START_S)
            except (OSError, EOFError) as error:
                raise StorageError(
                    f"no photo can be decoded: `{sys.executable} -m {process.__name__}` does not "
                    f"start ({error}); what it has written on stderr says why"
                ) from error
            self._started = True

    def decode(self, data: bytes) -> Image.Image:
        """Raises PhotoError, StorageError as `wait`, and OSError or EOFError where the process is
        no more."""
        self.wait()
        with _scratch() as photo, _scratch() as out:
            photo.write(data)
            socket.send_fds(self.control, [b"P"], [photo.fileno(), out.fileno()])
            how = self._answer(self._seconds + GRACE_S)
            if how == process.SLOW:
                raise PhotoError("too-complex", _SLOW.format(self._seconds))
            if how == process.ENDED and (image := taken(out.fileno())):
                return image
            raise PhotoError("too-complex", _DIED)

    def end(self) -> None:
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # wakes who waits for an answer
        self.process.kill()  # its photo's process goes with it
        self.process.wait()
        self.control.close()

    def _answer(self, seconds: float) -> bytes:
        self.control.settimeout(seconds)
        told = self.control.recv(1)
        if not told:
            raise EOFError("it has ended")
        return told


def _scratch() -> io.FileIO:
    """A file in memory that no folder names."""
    return io.FileIO(os.memfd_create("photo", os.MFD_CLOEXEC), "r+")


def taken(out: int) -> Image.Image | None:
    """What a decoding process has written; None where it is nothing that it should have.

    Raises PhotoError where it is a refusal. The process is gone, yet its word is a stranger's.
    """
    size = os.fstat(out).st_size
    if not process.HEAD.size <= size <= process.HEAD.size + 3 * process.MAX_PIXELS:
        return None
    data = memoryview(os.pread(out, size, 0))
    kind, first, second = process.HEAD.unpack_from(data)
    body = data[process.HEAD.size :]
    if kind == process.PIXELS and first * second > 0 and len(body) == 3 * first * second:
        return Image.frombytes("RGB", (first, second), body)
    if kind == process.REFUSED and first < len(REASONS) and second == len(body):
        words = bytes(body[: process.MAX_WORDS]).decode(errors="replace")
        raise PhotoError(REASONS[first], "".join(c if c.isprintable() else " " for c in words))
    return None
