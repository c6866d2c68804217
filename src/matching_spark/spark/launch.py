"""Spark's JVM is started: its settings in a file, not on a command line; its jars by checksum."""

import hashlib
import os
import shlex
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from matching_spark.errors import StorageError
from matching_spark.spark import jvm, loopback
from matching_spark.spark.environment import SHELL

JARS = ("spark.jars", "spark.yarn.dist.jars")  # where spark-submit names them; the latter YARN's
# Of what spark-defaults.conf names, as Maven Central has it; by the name that Spark gives a package
# that it has resolved. What somebody names in its place is theirs to check.
CHECKSUMS = {
    "org.apache.iceberg_iceberg-spark-runtime-4.1_2.13-1.12.0.jar": (
        "3123c3798af642dd537230923548e013ef41cc28b6626e5225808cf5670a0f82"
    ),
}


def start(conf: Mapping[str, str], maven: str) -> None:
    """Start this process's JVM with these keys, or take the one that is there, and check its jars.

    maven: the repository that packages come from; DEFAULT_ARTIFACT_REPOSITORY, Spark's own word,
    goes before it. Raises StorageError for a jar that is not the one that it should be; no class of
    it has been loaded then.
    """
    if not jvm.has_started():
        _by_file({**loopback.submitted(), **conf}, maven)
    jvm.ensure_started()
    for place in ",".join(map(jvm.property_of, JARS)).split(","):
        path = Path(unquote(urlsplit(place).path))
        if (expected := CHECKSUMS.get(path.name)) and path.is_file():
            check(path, expected)


def _by_file(conf: Mapping[str, str], maven: str) -> None:
    """Pyspark's own way is --conf KEY=VALUE, which everybody on this machine may read in `ps`."""
    before = dict(os.environ)
    words = shlex.split(before.get(loopback.SUBMIT_ARGS, SHELL))
    at = words.index(SHELL) if SHELL in words else len(words)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as file:  # 0600
        file.writelines(f"{_escaped(key)}={_escaped(value)}\n" for key, value in conf.items())
        file.flush()
        words[at:at] = ["--properties-file", file.name, "--load-spark-defaults"]  # the last counts
        os.environ[loopback.SUBMIT_ARGS] = shlex.join(words)
        os.environ.setdefault("DEFAULT_ARTIFACT_REPOSITORY", maven)
        try:
            jvm.ensure_started()
        finally:  # processes started later are told nothing by this one's settings
            for name in (loopback.SUBMIT_ARGS, "DEFAULT_ARTIFACT_REPOSITORY"):
                del os.environ[name]
                if name in before:
                    os.environ[name] = before[name]


def _escaped(text: str) -> str:
    """As java.util.Properties reads it."""
    signs = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    return "".join(f"\\{c}" if c in " =:#!" else signs.get(c, c) for c in text)


@cache
def check(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != expected:
        raise StorageError(
            f"{path} has the checksum {got}, not {expected}: it is not used; remove it and what "
            "lies below cache/ beside its folder, and run it again to fetch it anew"
        )
