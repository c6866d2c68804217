"""Where Spark's own configuration files lie, and what they say."""

import os
import re
from pathlib import Path

from matching_spark.errors import UsageError

COMMENT = re.compile(r"^[ \t\f]*[#!].*$", re.M)
GOES_ON = re.compile(r"((?<!\\)(?:\\\\)*)\\\n[ \t\f]*")
PAIR = re.compile(r"((?:\\.|[^\\=:\s])+)(?:\s*[=:]\s*|\s+|$)(.*)")
SIGNS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def conf_dir() -> Path:
    """Where spark-defaults.conf is: in SPARK_CONF_DIR, else in the project's own conf/."""
    if named := os.environ.get("SPARK_CONF_DIR"):
        return Path(named)
    return project_conf_dir()


def conf_dir_there() -> Path:
    """conf_dir, which is to be read. Raises UsageError where there is none, as in the shell of a
    cluster that is down: Spark would start without a word of it, and without Iceberg."""
    folder = conf_dir()
    if not folder.is_dir():
        raise UsageError(
            f"SPARK_CONF_DIR names {folder}, which is no folder: name one, or unset it, so that "
            f"{project_conf_dir()} is taken"
        )
    return folder


def project_conf_dir() -> Path:
    """The project's own conf/: in the wheel, or in the checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def read_conf(file: Path) -> dict[str, str]:
    """The keys and values of a file as spark-defaults.conf is written."""
    try:
        text = file.read_text("utf-8", "replace")  # as Spark: a comment may be of any encoding
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    # As java.util.Properties has it: a space, = or : between them, ! for a comment too; an odd
    # backslash at its end lets a line go on, elsewhere it stands before a sign.
    said = [line.strip() for line in GOES_ON.sub(r"\1", COMMENT.sub("", text)).splitlines()]
    pairs = [found.groups() for line in said if line and (found := PAIR.fullmatch(line))]
    return {_plain(key): _plain(value) for key, value in pairs}


def _plain(text: str) -> str:
    def sign(found: re.Match[str]) -> str:
        told = found[1]
        return chr(int(told[1:], 16)) if len(told) > 1 else SIGNS.get(told, told)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|.)", sign, text)
