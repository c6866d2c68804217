"""Logging: one line an event on stderr or in a file, text or JSON, with the run's id, no secret."""

import json
import logging
import os
import sys
import unicodedata
import uuid

from matching_spark.config import Logging
from matching_spark.errors import UsageError
from matching_spark.guard.redaction import masked
from matching_spark.storage import closed_umask

QUIET = ("py4j", "pyspark", "pyiceberg", "PIL", "fsspec", "urllib3", "httpx", "httpcore")


def new_run_id() -> str:
    return uuid.uuid4().hex[:8]


def visible(text: str) -> str:
    """The text as it is shown to a person: what a terminal would obey (escapes, bells, changes of
    direction) by a sign or its code in place of itself. Lines stay lines; emoji stay whole.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


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
        return visible(masked(super().format(record)))


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
        return json.dumps(line, ensure_ascii=False)


def _not_py4j(record: logging.LogRecord) -> bool:
    """py4j writes a traceback of each error that it raises as well, as the root logger itself."""
    return record.module != "java_gateway"


def setup_logging(settings: Logging, run_id: str) -> None:
    """Set up the root logger; called again, it replaces what it did.

    Raises UsageError when the file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.file:
        try:
            flags = os.O_WRONLY | os.O_CREAT
            os.close(os.open(settings.file, flags, 0o666 & ~closed_umask()))
            handlers.append(logging.FileHandler(settings.file, encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"logging.file {settings.file}: {error.strerror}") from None
    formatter = _JsonLines(run_id) if settings.format == "json" else _Text(run_id)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=settings.level, handlers=handlers, force=True)
    logging.getLogger().addFilter(_not_py4j)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
