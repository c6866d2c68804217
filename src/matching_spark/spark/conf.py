"""Where Spark's own configuration files lie, and what they say."""

import os
import re
from pathlib import Path

from matching_spark.errors import UsageError


def conf_dir() -> Path:
    """Where spark-defaults.conf is: in SPARK_CONF_DIR, else in the project's own conf/."""
    if named := os.environ.get("SPARK_CONF_DIR"):
        return Path(named)
    return project_conf_dir()


def project_conf_dir() -> Path:
    """The project's own conf/: in the wheel, or in the checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def read_conf(file: Path) -> dict[str, str]:
    """The keys and values of a file as spark-defaults.conf is written."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    # As java.util.Properties has it: a space, = or : between them, ! for a comment too.
    said = [text for line in lines if (text := line.strip()) and text[0] not in "#!"]
    pairs = [re.split(r"\s*[=:\s]\s*", text, maxsplit=1) for text in said]
    return {key: value[0] if value else "" for key, *value in pairs}
