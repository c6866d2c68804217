"""The process that forks one for each photo of a stranger; photos.decoder alone starts it.

It imports what decoding needs and waits. It never touches a photo: a fork of it does, which may
open no file and no socket, and is gone when the photo is decoded, or when its time is over. What a
photo makes of its decoder ends with it: the next one is decoded by a process that never saw it.
"""

import ctypes
import gc
import io
import os
import resource
import select
import signal
import socket
import struct
import sys

from PIL import Image, ImageCms

from matching_spark.embed.memory import MAX_MEMORY
from matching_spark.embed.photos import KEPT_SHORT_SIDE, MAX_RATIO, REASONS, open_photo
from matching_spark.errors import PhotoError

# What the decoding process tells: a kind and two numbers, then the pixels or the words.
HEAD = struct.Struct("<4sII")
PIXELS, REFUSED = b"RGB8", b"NONE"  # width and height; which of REASONS and how many bytes of words
# Of an opened photo: its shorter side is below twice KEPT_SHORT_SIDE, or its longer one below
# twice KEPT_SIDE, which is fewer.
MAX_PIXELS = (2 * KEPT_SHORT_SIDE) ** 2 * MAX_RATIO
MAX_WORDS = 2000  # bytes
STRIP = 32  # rows that are written at once: a copy of all of them would be new memory once more
# What the parent is told of the process: it ended by itself, it died, it took too long.
READY, ENDED, DIED, SLOW = b"R", b"E", b"D", b"S"
# Above the process at rest, of its addresses: what open_photo may take, the result once more as
# bytes, and what allocators reserve for decoders' threads without using it.
MEMORY = MAX_MEMORY + 3 * MAX_PIXELS + (256 << 20)
_ORIENTATION, _DESCRIPTION = 0x0112, 0x010E  # of EXIF
_LIBC = ctypes.CDLL(None)
_PDEATHSIG, _NO_NEW_PRIVS, _DUMPABLE = 1, 38, 4  # of prctl(2)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    seconds = float(sys.argv[2])
    memory = int(sys.argv[3])
    _warm()
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory ends it is a decoder that goes, not the service
    with open("/proc/self/statm") as pages:
        at_rest = int(pages.read().split()[0]) * resource.getpagesize()
    gc.freeze()
    control.send(READY)
    while True:
        told, files, *_ = socket.recv_fds(control, 1, 2)
        if not told:  # the service has ended, however it did
            return
        pid = os.fork()
        if not pid:
            try:
                control.close()  # it has no say but in its own file
                confine(at_rest + memory)
                _decode(*files)
            finally:
                os._exit(1)  # past whatever the photo has left on the stack
        for each in files:
            os.close(each)
        control.send(_wait(pid, control, seconds))


def _wait(pid: int, control: socket.socket, seconds: float) -> bytes:
    process = os.pidfd_open(pid)
    both = select.poll()
    both.register(process, select.POLLIN)
    both.register(control, select.POLLIN)  # nothing is sent meanwhile: that is its end
    events = dict(both.poll(seconds * 1000))
    os.close(process)
    if process not in events:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if process not in events:
        return SLOW
    return DIED if status else ENDED


def confine(addresses: int) -> None:
    """Take from this process what a decoder does not need: files, sockets, memory above so many
    bytes of addresses. Irrevocably, but for one of root's, which it should not be.
    """
    _LIBC.prctl(_PDEATHSIG, signal.SIGKILL)  # it ends with who forked it
    _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    _LIBC.prctl(_DUMPABLE, 0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # libraries tell of every bad byte
    limits = {
        resource.RLIMIT_AS: addresses,
        resource.RLIMIT_FSIZE: HEAD.size + 3 * MAX_PIXELS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 0,  # no file, no socket is opened any more; those open stay
    }
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))


def _decode(photo: int, out: int) -> None:
    """Write what a photo is to `out` and end the process."""
    try:
        image = open_photo(_read(photo))
        _write(out, HEAD.pack(PIXELS, *image.size))
        for top in range(0, image.height, STRIP):
            strip = (0, top, image.width, min(top + STRIP, image.height))
            _write(out, image.crop(strip).tobytes())
    except PhotoError as error:
        _refuse(out, error.reason, str(error).partition(": ")[2])
    except MemoryError:
        _refuse(out, "too-many-pixels", "it takes more memory than a photo may")
    os._exit(0)


def _read(photo: int) -> bytes:
    with io.FileIO(photo, closefd=False) as file:
        file.seek(0)
        return file.readall()


def _refuse(out: int, reason: str, words: str) -> None:
    told = words.encode(errors="replace")[:MAX_WORDS]
    os.ftruncate(out, 0)
    os.lseek(out, 0, os.SEEK_SET)
    _write(out, HEAD.pack(REFUSED, REASONS.index(reason), len(told)) + told)


def _write(out: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(out, left) :]


def _warm() -> None:
    """Whatever is imported late is imported here, before no file can be opened any more."""
    import pillow_heif  # noqa: F401  (as embed.parsers does for the first photo)

    exif = Image.Exif()
    exif[_ORIENTATION], exif[_DESCRIPTION] = 6, "warm"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for kind, mode in (("JPEG", "CMYK"), ("PNG", "I;16"), ("WEBP", "RGBA"), ("TIFF", "LAB")):
        out = io.BytesIO()
        Image.new(mode, (16, 16)).save(out, kind, exif=exif, icc_profile=profile)
        open_photo(out.getvalue())


if __name__ == "__main__":
    main()
