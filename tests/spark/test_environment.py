"""What a start of Spark would fail by is named before its JVM starts, or put right."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from matching_spark.config import Settings
from matching_spark.errors import StorageError, UsageError
from matching_spark.spark import environment
from matching_spark.spark.daemons import write_xml
from matching_spark.spark.session import start_context
from matching_spark.spark.wanted import master_of
from tests.support.commands import call
from tests.support.processes import LONG_S
from tests.support.servers import talking

SHELL = environment.SHELL


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', None),
        ('Picked up JAVA_TOOL_OPTIONS: -Da=b\nopenjdk version "21.0.8" 2025-07-15 LTS', None),
        ('openjdk version "25.0.3" 2026-04-21 LTS\n', "is Java 25, too new"),
        ('openjdk version "23" 2024-09-17\n', "is Java 23, too new"),
        ('openjdk version "11.0.13" 2021-10-19\n', "is Java 11, too old"),
        ('java version "1.8.0_402"\nJava(TM) SE Runtime Environment', "is Java 8, too old"),
        (
            'NOTE: Picked up JDK_JAVA_OPTIONS: -Da="version \\"9\\""\nError: -Xnope is none',
            "Error: -Xnope is none",
        ),
        ("Picked up JAVA_TOOL_OPTIONS: -Xnope\nUnrecognized option: -Xnope", "option: -Xnope"),
        ("", "it says nothing"),
    ],
)
def test_a_java_by_what_it_says_of_itself(said: str, fault: str | None) -> None:
    got = environment.java_fault(said)
    assert got is None if fault is None else fault in (got or "")


def test_a_java_home_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StorageError, match=rf"JAVA_HOME={tmp_path} is no Java.*Java 17 or 21"):
        environment.find_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StorageError, match="no java on PATH, and JAVA_HOME is not set"):
        environment.find_java()


def test_a_java_that_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system of the network that has gone: a search said "starting Spark ..." and
    stayed so."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexec sleep 1000\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(environment, "JAVA_S", 0.2)
    with pytest.raises(StorageError, match=f"JAVA_HOME={tmp_path} has not said in 0.2 s which"):
        environment.find_java()


def test_a_java_may_say_what_is_no_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    """It repeats its options, and its own words are in the encoding of its locale."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Duser.name=\udcb1\udce8")
    assert environment.find_java()


def test_what_is_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Spark of another version, arguments that lack their end, another Python."""
    own = str(Path(pyspark.__file__).parent)
    for home, wanted in ((str(tmp_path), own), (own, own), (None, own)):
        monkeypatch.delenv("SPARK_HOME", raising=False)
        if home is not None:
            monkeypatch.setenv("SPARK_HOME", home)
        for said, args in (("--master local[1]", "--master local[1] pyspark-shell"), ("", SHELL)):
            monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", said)
            environment.prepare()
            assert os.environ["SPARK_HOME"] == wanted
            assert os.environ["PYSPARK_SUBMIT_ARGS"].strip() == args
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--conf 'a=b")
    with pytest.raises(StorageError, match=r"PYSPARK_SUBMIT_ARGS cannot be read: No closing"):
        environment.prepare()
    monkeypatch.setenv("PYSPARK_DRIVER_PYTHON", "jupyter")
    for local, shipped, wanted in (
        (True, None, sys.executable),
        (True, "/its/python", "/its/python"),
        (False, None, "python3"),
    ):
        monkeypatch.setenv("PYSPARK_PYTHON", "python3")
        environment.use_python(local, shipped)
        assert os.environ["PYSPARK_PYTHON"] == wanted


def test_a_conf_folder_is_read_as_spark_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment of another encoding; and one that is not there, as after `cluster down`."""
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    comment = "# 우리 것\n".encode("cp949")
    (tmp_path / "spark-defaults.conf").write_bytes(comment + b"spark.master local[7]\n")
    assert master_of(Settings()) == "local[7]"
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "gone"))
    for asks in (master_of, start_context):
        with pytest.raises(UsageError, match=f"SPARK_CONF_DIR names {tmp_path}/gone, which is no"):
            asks(Settings())


def test_a_master_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for master in (
            f"spark://127.0.0.1:{port}",
            "spark://no-such-host.invalid:7077",
            "spark://",
        ):
            with pytest.raises(StorageError, match=rf"no Spark master answers at {master} "):
                environment.check_master(master)
    environment.check_master("yarn")
    with talking(lambda asking: asking.sendall(b"\0\0\0\0\0\0\0\x0d\x08")) as master:
        one = f"spark://no-such-host.invalid:7077,{master.removeprefix('http://')}"
        environment.check_master(one)


def test_who_is_no_master_is_told_before_spark_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that takes connections and says nothing, as of a process that hangs, one that hangs up
    at once, and a page's: after minutes a search failed by a NullPointerException."""
    monkeypatch.setattr(environment, "ANSWER_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        talking(lambda asking: asking.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as page,
        talking(lambda asking: None) as rude,
    ):
        silent = f"spark://127.0.0.1:{mute.getsockname()[1]}"
        hangs_up = rude.replace("http", "spark")
        environment.check_master(hangs_up, tls=True)
        for master, why in (
            (silent, "who listens there says nothing for 0.2 s"),
            (page.replace("http", "spark"), "it is a web page's address"),
            (hangs_up, "who listens there hangs up, as a master with spark.ssl.rpc.enabled does"),
        ):
            said = f"no Spark master answers at {master} ({why}): start it, or name another"
            with pytest.raises(StorageError, match=re.escape(said)):
                environment.check_master(master)


def test_a_resource_manager_that_is_not_there_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of two; Hadoop's client said nothing for a quarter of an hour."""
    yarn = {"spark.master": "yarn"}
    key = "yarn.resourcemanager"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        there = f"127.0.0.1:{taken.getsockname()[1]}"
        two = {f"{key}.address.a": "no-such-host.invalid:1", f"{key}.address.b": there}
        two |= {f"{key}.ha.enabled": "true", f"{key}.ha.rm-ids": "a, b"}
        for name, said in (("one", {f"{key}.address": there}), ("two", two)):
            (tmp_path / name).mkdir()
            write_xml(tmp_path / name / "yarn-site.xml", said)
            monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / name))
            with pytest.raises(StorageError, match=rf"no ResourceManager answers at .*{there} "):
                environment.check_yarn(yarn)
            environment.check_yarn({"spark.master": "local[2]"})
            environment.check_yarn(yarn | {f"spark.hadoop.{key}.address": "another:8032"})
        taken.listen()
        environment.check_yarn(yarn)
    for said in ({}, {f"{key}.address": "${env.RM}:8032"}):  # Hadoop knows where, we do not
        folder = tmp_path / f"{len(said)}"
        folder.mkdir()
        write_xml(folder / "yarn-site.xml", said)
        monkeypatch.setenv("HADOOP_CONF_DIR", str(folder))
        environment.check_yarn(yarn)


@pytest.mark.processes
def test_a_master_that_takes_no_application_is_told_of(stored: str, tmp_path: Path) -> None:
    """It says something, and hangs up: as one of another Spark, or with another secret."""
    with talking(lambda asking: asking.sendall(b"\0" * 9)) as address:
        master = address.replace("http", "spark")
        words = ("search", "--text", "지갑", "--runner", "spark", "--table", stored)
        done = call(*words, "--conf", f"spark.master={master}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{master} took no application; what its master and its page say tells" in done.stderr


@pytest.mark.processes
def test_what_people_have_in_their_environment(stored: str, tmp_path: Path) -> None:
    """Each of these alone kept Spark from its start, or every task of it from its."""
    common = {
        "PYSPARK_PYTHON": "/usr/bin/python3",
        "PYSPARK_DRIVER_PYTHON": "jupyter",
        "PYSPARK_DRIVER_PYTHON_OPTS": "notebook",
        "SPARK_HOME": "/opt/no-such-spark",
        "PYSPARK_SUBMIT_ARGS": "--master local[1]",
        "SPARK_REMOTE": "sc://localhost",
        "SPARK_API_MODE": "connect",
        "SPARK_CONNECT_MODE_ENABLED": "1",
    }
    words = ("search", "--text", "지갑", "--threshold", "-1", "--table", stored)
    done = call(*words, "--runner", "spark", cwd=tmp_path, **common)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runner"] == "spark"


# A job that waits for an answer of a Spark that ends meanwhile.
WAITS = """
import os, signal, sys, threading, time
from matching_spark.config import Settings
from matching_spark.spark import session
session.STARVED_S = 1
with session.context(Settings(spark={"master": "local[1]"})) as spark:
    waits = spark.parallelize([0], 1).map(lambda _: time.sleep(1000))
    waits._jrdd  # made before the end comes, however busy the machine is
    def end():
        time.sleep(3)
        spark._jsc.stop() if sys.argv[1] == "lost" else spark._gateway.proc.kill()
    if sys.argv[1] == "lost":  # to a scheduler that has just stopped
        spark._jsc.sc().dagScheduler().eventProcessLoop().stop()
    threading.Thread(target=end).start()
    waits.collect()
"""


@pytest.mark.processes
@pytest.mark.parametrize("how", ["lost", "killed"])
def test_nobody_waits_for_a_spark_that_has_ended(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITS, how], capture_output=True, text=True, timeout=LONG_S
    )
    assert "StorageError: Spark's JVM has ended in the middle of the work" in done.stderr


INTERRUPTED = """
import os, signal, time
from matching_spark.config import Settings
from matching_spark.main import heed_signals
from matching_spark.spark import session
heed_signals()
try:
    with session.context(Settings(spark={"master": "local[1]"})) as spark:
        spark._jsc.sc().stop()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.processes
def test_a_stop_that_meets_a_spark_that_has_ended_tells_no_traceback() -> None:
    """As where its master has not answered for a minute: there are no jobs to cancel."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=LONG_S
    )
    assert (done.stdout, done.stderr) == ("stopped\n", "")


@pytest.mark.parametrize("spoken", ["C", "POSIX", "xx_XX.UTF-8", "C.UTF-8"])
def test_java_spells_names_as_python_does(spoken: str) -> None:
    """Under any locale, also one that is not installed here."""
    asked = (
        "import os, subprocess, sys; from matching_spark.spark.environment import *; prepare(); "
        "said = subprocess.run([find_java(), '-XshowSettings:properties', '-version'], "
        "capture_output=True, text=True); print(said.stderr)"
    )
    env = os.environ | {"LC_ALL": spoken}
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, env=env)
    assert re.search(r"sun\.jnu\.encoding = UTF-8", done.stdout), done.stdout + done.stderr
