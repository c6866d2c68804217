"""Who may reach Spark: with a local master nobody but this user of this machine.

Spark's own defaults let the driver listen on the host's address in the network, ask for no secret
there, and leave it to the umask who may hand code to a Python worker.
"""

import argparse
import atexit
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from matching_spark.errors import StorageError
from matching_spark.guard.owners import umask
from matching_spark.spark.conf import read_conf

HOST = "127.0.0.1"
SUBMIT_ARGS = "PYSPARK_SUBMIT_ARGS"
SOCKETS = "spark.python.unix.domain.socket"
# For these Spark itself draws a secret for each session.
DRAWS_A_SECRET = re.compile(r"local(\[.*\])?")


def is_local(master: str) -> bool:
    """local, local[*], local[2,4], local-cluster[2,1,1024]: all of it on this machine."""
    return master.startswith("local")


def private(conf: Mapping[str, str]) -> dict[str, str]:
    """The keys that close a session to others, for the keys it is started with.

    What `conf` says itself of the driver's address, or of authentication, is kept.
    """
    master = conf.get("spark.master", "")
    if not is_local(master):
        return _sockets(conf, local=False)
    host = conf.get("spark.driver.host", HOST)
    keys = {"spark.driver.host": host, "spark.driver.bindAddress": host}
    if DRAWS_A_SECRET.fullmatch(master):
        keys["spark.authenticate"] = "true"
    said = {key: conf[key] for key in keys if key in conf}
    return keys | said | _sockets(conf, local=True)


def _sockets(conf: Mapping[str, str], local: bool) -> dict[str, str]:
    """The keys of the sockets between Python and the JVM: Unix ones ask for no secret.

    matching_spark.worker and a local session have Unix sockets in a folder that only their user may
    enter. On a cluster, whose hosts have no such folder, the umask must keep others out, or it is
    TCP, which asks for a secret.
    """
    if conf.get(f"{SOCKETS}.enabled") != "true":
        return {}
    # Not Spark's own choice: the path may have 107 bytes, a YARN container's folder has more.
    parent = conf.get(f"{SOCKETS}.dir", "/tmp")
    if local:
        return {f"{SOCKETS}.dir": _own_folder(parent)}
    ours = conf.get("spark.python.daemon.module") == "matching_spark.worker"
    if ours and umask() & 0o022 == 0o022:
        return {f"{SOCKETS}.dir": parent}
    return {f"{SOCKETS}.enabled": "false"}


@cache
def _own_folder(parent: str) -> str:
    """A folder that only this user may enter: one for the whole process, as its JVM is one."""
    try:
        folder = tempfile.mkdtemp(prefix="spark-", dir=parent)
    except OSError as error:
        raise StorageError(
            f"no socket can lie in {parent}: {error.strerror}; name a folder to write in, whose "
            f"path is short, by {SOCKETS}.dir"
        ) from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def submit_words() -> list[str]:
    """The words of PYSPARK_SUBMIT_ARGS. Raises StorageError for a quote that is left open."""
    try:
        return shlex.split(os.environ.get(SUBMIT_ARGS, ""))
    except ValueError as error:
        raise StorageError(f"{SUBMIT_ARGS} cannot be read: {error}") from None


def submitted() -> dict[str, str]:
    """What PYSPARK_SUBMIT_ARGS says to the JVM that pyspark starts. Raises StorageError."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, exit_on_error=False)
    parser.add_argument("--master")
    parser.add_argument("--properties-file")
    parser.add_argument("--conf", "-c", action="append", default=[])
    try:
        known, _ = parser.parse_known_args(submit_words())
    except argparse.ArgumentError as error:
        raise StorageError(f"{SUBMIT_ARGS} cannot be read: {error}") from None
    said = {key: value for key, _, value in (pair.partition("=") for pair in known.conf)}
    filed = read_conf(Path(known.properties_file)) if known.properties_file else {}
    return filed | said | ({"spark.master": known.master} if known.master else {})


@contextmanager
def jvm_at(host: str | None) -> Iterator[None]:
    """A JVM that is started within, whose driver is at HOST, takes this for the host's address.

    Its pages listen there too, where they are turned on, and a host whose name does not resolve
    has one. Only within: processes started later may be drivers that others must reach.
    """
    if host != HOST or "SPARK_LOCAL_IP" in os.environ:
        yield
        return
    os.environ["SPARK_LOCAL_IP"] = HOST
    try:
        yield
    finally:
        del os.environ["SPARK_LOCAL_IP"]
