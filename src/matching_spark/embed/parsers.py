"""The parsers that a stranger's bytes may reach: which one a photo asks for, and what they raise.

They are called directly: Image.open would want global limits, warnings and registrations that other
users of Pillow in the same process would feel.
"""

import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image, ImageFile

from matching_spark.errors import PhotoError

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP", "TIFF")
# What parsers raise when they stumble over bytes. OSError, ValueError, RuntimeError, LookupError
# and ArithmeticError have many children; Warning is for applications that turn them into errors.
STUMBLES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    Warning,
    struct.error,
    zlib.error,
)
MAX_BRANDS_BYTES = 1024  # of a HEIF or AVIF; a photo names three to eight, of four bytes
# Of which Pillow has no parser, bare and in its container (ISO/IEC 18181-2).
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_AVIF, _HEIC = {b"avif", b"avis"}, {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
Opener = Callable[[IO[bytes], str], ImageFile.ImageFile]


def identify(data: bytes) -> tuple[str, Opener]:
    """The name and the parser of a format of the allow list, by the file's first bytes alone.

    Raises PhotoError not-a-photo or unsupported-format.
    """
    from pillow_heif import HeifImageFile, is_supported  # 60 ms, not for every command

    head = data[:16]
    if _is_avif(data):
        Image.init()
        return "AVIF", Image.OPEN["AVIF"][0]
    if is_supported(head.ljust(16, b"\0")):
        return "HEIF", HeifImageFile
    Image.init()
    known = [name for name, (_, accept) in list(Image.OPEN.items()) if _accepts(accept, head)]
    known += ["JPEG XL"] * head.startswith(_JPEG_XL)
    for name in known:
        if name in FORMATS:
            return name, Image.OPEN[name][0]
    if known:
        raise PhotoError("unsupported-format", f"{known[0]}; send one of {', '.join(FORMATS)}")
    raise PhotoError("not-a-photo", "these bytes are no picture")


def _is_avif(data: bytes) -> bool:
    """By its brands. The first may be a container's own, mif1, which HEIC have too."""
    if data[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(data[:4]), MAX_BRANDS_BYTES)
    first, *others = (data[at : at + 4] for at in (8, *range(16, min(length, len(data)), 4)))
    if first in _AVIF:
        return True
    return not _HEIC.intersection([first, *others]) and not _AVIF.isdisjoint(others)


def _accepts(accept: Callable[[bytes], bool | str] | None, head: bytes) -> bool:
    try:
        return accept is not None and bool(accept(head))
    except STUMBLES:  # some look beyond the end of a short head
        return False


# Pillow tells of every broken tag on stderr, by `warnings` and by its loggers: 13 MB for one photo.
# Both belong to the whole process, and `warnings.catch_warnings` would take them from other threads
# too: what is installed here looks at who is opening.
_opening = threading.local()
_LOGGERS = ("PIL.Image", "PIL.PngImagePlugin", "PIL.TiffImagePlugin")


class _Pillow:
    """In the place of a warnings filter's pattern of modules: Pillow's, where it is to be quiet."""

    def match(self, module: str) -> bool:
        return module.startswith("PIL.") and getattr(_opening, "quietly", False)


def _is_heard(record: logging.LogRecord) -> bool:
    return not getattr(_opening, "quietly", False)


_FILTER: tuple[Any, ...] = ("ignore", None, Warning, _Pillow(), 0)


@contextmanager
def quietly() -> Iterator[None]:
    """What Pillow warns and logs goes nowhere in this thread; others' is heard as ever."""
    # A list, whatever the stubs of the standard library say.
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    if not filters or filters[0] is not _FILTER:  # an application has set its own since
        filters.insert(0, _FILTER)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_heard)  # once: it is the same one
    _opening.quietly = True
    try:
        yield
    finally:
        _opening.quietly = False
