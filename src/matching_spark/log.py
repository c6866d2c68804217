"""Logging: one line an event on stderr or in a file, text or JSON, with the run's id, no secret."""

import json
import logging
import os
import re
import sys
import unicodedata
import uuid
from contextlib import suppress
from typing import TextIO

from matching_spark.config import Logging
from matching_spark.errors import UsageError
from matching_spark.guard.owners import closed_umask
from matching_spark.guard.redaction import masked

QUIET = ("pyspark", "pyiceberg", "PIL", "fsspec", "urllib3", "httpx", "httpcore")


def new_run_id() -> str:
    return uuid.uuid4().hex[:8]


def visible(text: str) -> str:
    """The text as it is shown to a person: what a terminal would obey (escapes, bells, changes of
    direction) by a sign or its code in place of itself. Lines stay lines; emoji stay whole.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


# Of what json.dumps leaves as it is: DEL and C1, which a terminal obeys as it does ESC, and what
# nobody sees or turns the direction, but for the joiners.
_OBEYED = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f]"
)


def visible_json(text: str) -> str:
    """JSON as it may be shown on a terminal: by its own escapes, so that it says the same."""
    return _OBEYED.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _shown(character: str) -> str:
    kept = "\n\u200c\u200d"  # joiners are parts of emoji, and of words of other scripts
    if character in kept or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    code = ord(character)
    if character == "\t":
        return " "
    return chr(0x2400 + code) if code < 0x20 else f"<U+{code:04X}>"


class _Text(logging.Formatter):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {run_id} %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # What goes on is set in: no line that a stranger's words begin looks like one of the log.
        return visible(masked(super().format(record))).replace("\n", "\n    ")


class _JsonLines(logging.Formatter):
    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "run": self._run_id,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = masked(self.formatException(record.exc_info))
        return visible_json(json.dumps(line, ensure_ascii=False))


def silence(stream: TextIO) -> None:
    """What is said there from now on goes nowhere, also what is left of it at the exit: nobody
    reads it any more, or its disk is full."""
    with suppress(OSError):  # it is no file of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _OnStderr(logging.StreamHandler[TextIO]):
    """What cannot be said there is not told in its place: there is nowhere to tell it."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            silence(self.stream)
        else:
            super().handleError(record)


class _InFile(logging.FileHandler):
    """What cannot be written is told once, and without what it was, which may be a secret."""

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")  # as names of files are
        self._told = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            why = f"logging.file {self.baseFilename} cannot be written: {error.strerror}"
            with suppress(OSError, ValueError):  # nor can this
                print(f"{visible(why)}; what is logged is not kept", file=sys.stderr, flush=True)


def _not_py4j(record: logging.LogRecord) -> bool:
    """Py4j also writes a traceback of each error that it raises, as the root logger itself too."""
    return record.module != "java_gateway"


def setup_logging(settings: Logging, run_id: str) -> None:
    """Set up the root logger; called again, it replaces what it did.

    Raises UsageError when the file cannot be written.
    """
    handlers: list[logging.Handler] = [_OnStderr(sys.stderr)]
    if settings.file:
        try:
            flags = os.O_WRONLY | os.O_CREAT
            os.close(os.open(settings.file, flags, 0o666 & ~closed_umask()))
            handlers.append(_InFile(settings.file))
        except OSError as error:
            raise UsageError(f"logging.file {settings.file}: {error.strerror}") from None
    formatter = _JsonLines(run_id) if settings.format == "json" else _Text(run_id)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=settings.level, handlers=handlers, force=True)
    logging.getLogger().addFilter(_not_py4j)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # as there
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
