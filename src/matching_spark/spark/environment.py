"""What Spark needs of the environment that it is started in: put right, or refused by its name.

Of most of it Spark itself says, after seconds, that a gateway process has exited.
"""

import locale
import logging
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import pyspark

from matching_spark.errors import StorageError
from matching_spark.filesystems.namenodes import resource_managers
from matching_spark.spark import loopback
from matching_spark.spark.conf import conf_dir

log = logging.getLogger(__name__)
# 17 is what Spark 4 is compiled for; from 23 on Java refuses Subject.getSubject, which Hadoop 3.4
# calls (JDK-8296244).
JAVA = range(17, 23)
GET_JAVA = "Java 17 or 21 is needed: apt install openjdk-17-jre-headless, or set JAVA_HOME to one"
JAVA_S = 120  # for a java to say which it is: half a second, but on a machine that does all else
SPARK = "4.1."  # what the Iceberg runtime of conf/spark-defaults.conf is built for
SHELL = "pyspark-shell"
CONNECT = ("SPARK_REMOTE", "SPARK_API_MODE", "SPARK_CONNECT_MODE_ENABLED")
YARN_KEYS = "spark.hadoop.yarn.resourcemanager."
CONNECT_S = 5  # for a master to take a connection
ANSWER_S = 20  # and to say a word on it; for an application Spark itself waits so long, three times
# To which every process of a Spark says something, with its secret or without: a frame of its
# transport, 13 bytes, that asks for a stream (6) of no name.
ASKED = struct.pack(">qbi", 13, 6, 0)


def check_spark() -> None:
    """Raise StorageError for a Spark that another has put before the project's own."""
    if not pyspark.__version__.startswith(SPARK):
        raise StorageError(
            f"Spark {SPARK}x is needed, and {Path(pyspark.__file__).parent} is "
            f"{pyspark.__version__}: unset PYTHONPATH and SPARK_HOME, and take the spark-submit "
            f"beside {sys.executable}"
        )


def check_scratch() -> None:
    """Raise StorageError where there is no folder for files of a while."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise StorageError(f"{error.strerror}: name a folder to write in by TMPDIR") from None


def be_classic() -> None:
    """Forget that another Spark is asked through Spark Connect: ours has a JVM of its own."""
    for name in CONNECT:
        if os.environ.pop(name, None) is not None:
            log.info("%s is not heeded: spark.master says where Spark is", name)


def prepare() -> None:
    """Make the environment one that a JVM of the Spark that is imported can be started in.

    Raises StorageError naming the variable, or what else is at fault.
    """
    if not (conf_dir() / "spark-env.sh").is_file():  # it may name another Java
        find_java()
    _check_user()
    spell_alike()
    home = os.environ.get("SPARK_HOME")
    if home is None or not _is_this_spark(Path(home)):
        if home is not None:
            log.info("SPARK_HOME=%s is not Spark %s: its own is used", home, pyspark.__version__)
        os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    said = os.environ.get(loopback.SUBMIT_ARGS)
    # What is said to be run, which Spark cannot do without.
    if said is not None and SHELL not in loopback.submit_words():
        os.environ[loopback.SUBMIT_ARGS] = f"{said} {SHELL}"


def use_python(local: bool, shipped: str | None) -> None:
    """Which Python runs Spark's workers: `shipped`, by spark.pyspark.python, has the last word.

    On this machine else this one, which has what they import; a cluster's may lie elsewhere.
    """
    if shipped:  # Spark itself heeds the key in spark-submit alone
        os.environ["PYSPARK_PYTHON"] = shipped
    elif local:
        os.environ["PYSPARK_PYTHON"] = sys.executable
    else:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable


def of_workers() -> dict[str, str]:
    """Spark's key by which workers import from no working folder where this process keeps its own
    from it (main.py): spark-submit's JVM was started before it did."""
    safe = "PYTHONSAFEPATH"
    return {f"spark.executorEnv.{safe}": os.environ[safe]} if safe in os.environ else {}


def find_java() -> str:
    """The java that Spark and a cluster's daemons are run by: JAVA_HOME's, else PATH's.

    Raises StorageError where there is none, or one that they cannot run on.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        raise StorageError(f"there is no java on PATH, and JAVA_HOME is not set. {GET_JAVA}")
    whose = f"JAVA_HOME={home}" if home else f"{java}, the first java on PATH,"
    try:
        asked = subprocess.run(
            [java, "-version"],
            capture_output=True,
            text=True,
            errors="backslashreplace",  # it repeats JAVA_TOOL_OPTIONS, whatever bytes those have
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=JAVA_S,
        )
    except OSError as error:
        raise StorageError(f"{whose} is no Java: {java}: {error.strerror}. {GET_JAVA}") from None
    except subprocess.TimeoutExpired:
        raise StorageError(f"{whose} has not said in {JAVA_S} s which it is. {GET_JAVA}") from None
    if fault := java_fault(asked.stderr + asked.stdout):
        raise StorageError(f"{whose} {fault}. {GET_JAVA}")
    return java


def java_fault(said: str) -> str | None:
    """What is wrong with a Java by what its -version says; None: Spark runs on it."""
    own = [line for line in said.splitlines() if "Picked up " not in line]  # JAVA_TOOL_OPTIONS: ...
    found = re.search(r'version "(?:1\.)?(\d+)', "\n".join(own))
    if found is None:
        variables = "JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS"
        return f"does not start: {own[0] if own else 'it says nothing'} (see {variables})"
    version = int(found[1])
    if version in JAVA:
        return None
    return f"is Java {version}, too {'old' if version < JAVA[0] else 'new'} for this Spark"


def check_master(master: str, tls: bool = False) -> None:
    """Raise StorageError where no master listens at spark://...: Spark itself tries for minutes,
    and then fails by whatever it has just come to. tls: spark.ssl.rpc.enabled, by which a master
    hangs up on what is asked here."""
    if not master.startswith("spark://"):
        return
    silence = partial(_silence_of, tls=tls)
    if said := _none_of(master.removeprefix("spark://").split(","), silence):
        raise StorageError(
            f"no Spark master answers at {master} ({said}): start it, or name another "
            "(spark.master)"
        )


def check_yarn(conf: Mapping[str, str]) -> None:
    """Raise StorageError where no ResourceManager of yarn-site.xml takes a connection: Hadoop tries
    for a quarter of an hour. conf: Spark's, which may name another."""
    if conf.get("spark.master") != "yarn" or any(k.startswith(YARN_KEYS) for k in conf):
        return
    if said := _none_of(managers := resource_managers(), lambda _: ""):
        raise StorageError(
            f"no ResourceManager answers at {', '.join(managers)} ({said}): start it, or name "
            "another in yarn-site.xml of HADOOP_CONF_DIR (hadoop.conf_dir)"
        )


def _none_of(addresses: Iterable[str], silence: Callable[[socket.socket], str]) -> str:
    """Why the last of these takes no connection, or has the silence that is asked of it; '' where
    one answers, or there is none."""
    said = ""
    for each in addresses:
        host, _, port = each.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as asked:
                said = silence(asked)
        except (OSError, ValueError, OverflowError) as error:
            said = str(error)
        if not said:
            return ""
    return said


def _silence_of(asked: socket.socket, tls: bool) -> str:
    """Why who listens there is no master of a Spark, '' where it may be one."""
    asked.settimeout(ANSWER_S)
    try:
        asked.sendall(ASKED)
        said = asked.recv(1 << 16)  # all of it, or the master logs that we hung up
    except TimeoutError:
        return f"who listens there says nothing for {ANSWER_S} s"
    except OSError:
        said = b""
    if not said and not tls:
        return "who listens there hangs up, as a master with spark.ssl.rpc.enabled does"
    return "it is a web page's address" if said.startswith(b"HTTP/") else ""


def spell_alike() -> None:
    """A JVM spells names of files by the locale, Python by UTF-8 also where that is C or not
    installed: under LC_ALL=C, as cron and containers have it, a JVM finds no folder of 한글."""
    if sys.getfilesystemencoding() == "utf-8" and locale.getencoding().casefold() != "utf-8":
        os.environ["LC_ALL"] = "C.UTF-8"


def _is_this_spark(home: Path) -> bool:
    return any((home / "jars").glob(f"spark-core_*-{pyspark.__version__}*.jar"))


def _check_user() -> None:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise StorageError(
            f"the user id {os.getuid()} has no name here, and Hadoop's log-in wants one: run this "
            "as a user that /etc/passwd has, or add a line to it: "
            f"me:x:{os.getuid()}:{os.getgid()}::/tmp:/bin/sh"
        ) from None
