"""Nobody but this user of this machine reaches a Spark whose master is local.

tests/test_processes.py has what whole commands listen on.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from matching_spark.config import Settings
from matching_spark.errors import StorageError
from matching_spark.spark import environment, loopback
from matching_spark.spark.failures import of_start
from matching_spark.spark.wanted import master_of
from tests.support.another_user import needs_root, tried
from tests.support.full import full
from tests.support.listening import Listener, beyond_loopback, listeners, tree

# A session with a worker, held until stdin closes; under a umask that keeps nobody out.
HOLD = """
import json, os, sys
os.umask(0)
from matching_spark import Settings, start_session
spark = start_session(Settings(spark={"conf": json.loads(sys.argv[1])}))
spark.sparkContext.parallelize([0], 1).map(str).collect()
env = spark._jvm.org.apache.spark.SparkEnv.get()
ports = [env.rpcEnv().address().port(), env.blockManager().blockManagerId().port()]
jars = [jar.rpartition("/")[2] for jar in spark._jsc.sc().listJars().mkString(" ").split()]
print(json.dumps({"ports": ports, "jar": "/jars/" + jars[0]}), flush=True)
sys.stdin.read()
spark.stop()
"""


def test_the_kernels_lists_are_read_rightly() -> None:
    with socket.socket() as everywhere, socket.socket() as here:
        everywhere.bind(("0.0.0.0", 0))
        here.bind(("127.0.0.1", 0))
        for each in (everywhere, here):
            each.listen()
        seen = listeners([os.getpid()])
        beyond = Listener("tcp", "0.0.0.0", everywhere.getsockname()[1])
        assert beyond in beyond_loopback(seen)
        assert Listener("tcp", "127.0.0.1", here.getsockname()[1]) in seen - {beyond}
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mapped:
        mapped.bind(("::ffff:127.0.0.1", 0))
        port = mapped.getsockname()[1]
        (found,) = [each for each in listeners([os.getpid()]) if each.port == port]
        assert (found.protocol, found.on_loopback) == ("udp6", True)


@contextmanager
def held(**conf: str) -> Iterator[tuple[dict[str, Any], set[Listener]]]:
    command = [sys.executable, "-c", HOLD, json.dumps(conf | {"spark.master": "local[1]"})]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield json.loads(running.stdout.readline()), listeners(tree(running.pid))
        finally:
            running.communicate()


@needs_root
@pytest.mark.processes
def test_another_user_is_refused() -> None:
    with held() as (spark, seen):
        sockets = [each.address for each in seen if each.protocol == "unix" and each.address]
        assert len(sockets) >= 2  # the driver's and a daemon's of workers
        got = tried(spark["jar"], *map(str, spark["ports"]), *sockets)
    for port in map(str, spark["ports"]):
        assert "Expected SaslMessage" in got[port]["call"]
        assert "Unauthenticated call" in got[port]["file"]
    assert {got[path] for path in sockets} == {"PermissionError"}
    assert not any(Path(path).exists() for path in sockets)


@needs_root
@pytest.mark.processes
def test_control_what_another_user_gets_where_the_user_says_so() -> None:
    """--conf has the last word; and the question is one that an open driver answers."""
    with held(**{"spark.authenticate": "false"}) as (spark, _):
        rpc = str(spark["ports"][0])
        got = tried(spark["jar"], rpc)
    assert got[rpc]["file"] == "the file"
    assert "Sasl" not in got[rpc]["call"]


@pytest.mark.parametrize("master", ["local", "local[*]", "local[4,2]", "local-cluster[1,1,1024]"])
def test_what_a_user_says_stands(master: str) -> None:
    keys = loopback.private({"spark.master": master})
    assert keys["spark.driver.host"] == keys["spark.driver.bindAddress"] == "127.0.0.1"
    own = {"spark.master": master, "spark.driver.host": "10.0.0.7", "spark.authenticate": "false"}
    keys = loopback.private(own)
    assert keys["spark.driver.host"] == keys["spark.driver.bindAddress"] == "10.0.0.7"
    assert keys.get("spark.authenticate", "false") == "false"
    bound = loopback.private({"spark.master": master, "spark.driver.bindAddress": "0.0.0.0"})
    assert bound["spark.driver.bindAddress"] == "0.0.0.0"
    assert bound["spark.driver.host"] == "127.0.0.1"


@pytest.mark.parametrize("master", ["yarn", "spark://h:7077", "k8s://h", ""])
def test_a_cluster_keeps_its_drivers_address(master: str) -> None:
    """Executors must reach it; sockets without a secret only where the umask keeps others out."""
    sockets = "spark.python.unix.domain.socket"
    module = {"spark.python.daemon.module": "matching_spark.worker"}
    ours = module | {"spark.master": master, f"{sockets}.enabled": "true"}
    tcp = {f"{sockets}.enabled": "false"}
    before = os.umask(0o022)
    try:
        assert loopback.private(ours) == {f"{sockets}.dir": "/tmp"}
        assert loopback.private(ours | {"spark.python.daemon.module": "pyspark.daemon"}) == tcp
        os.umask(0o002)
        assert loopback.private(ours) == tcp
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("said", "master"),
    [
        ("--master local[2] pyspark-shell", "local[2]"),
        ("--driver-memory 2g --conf spark.master=yarn pyspark-shell", "yarn"),
        ("--conf spark.master=yarn --master=local pyspark-shell", "local"),
        ("pyspark-shell", None),
        ("", None),
    ],
)
def test_what_pyspark_is_told_by_its_own_variable(
    said: str, master: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", said)
    assert loopback.submitted().get("spark.master") == master


@pytest.mark.parametrize("said", ["--master", "--conf 'a=b", "--properties-file"])
def test_what_cannot_be_read_of_it_is_told(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is only asked for the master, and no JVM starts."""
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", said)
    with pytest.raises(StorageError, match="PYSPARK_SUBMIT_ARGS cannot be read: "):
        master_of(Settings())


def test_the_variable_is_for_the_start_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver of a cluster that is started later must have this host's own address."""
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    for other in (None, "10.0.0.7"):
        with loopback.jvm_at(other):
            assert "SPARK_LOCAL_IP" not in os.environ
    with loopback.jvm_at("127.0.0.1"):
        assert os.environ["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert "SPARK_LOCAL_IP" not in os.environ


def test_a_disk_without_room_for_what_is_there_for_a_while_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a container whose / is read-only: the first was a traceback, the others had another
    remedy or none."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    with full(), pytest.raises(StorageError, match=r"No usable temporary.*folder.*by TMPDIR"):
        environment.check_scratch()
    own = {"spark.python.unix.domain.socket.enabled": "true", "spark.master": "local"}
    with pytest.raises(StorageError, match=r"no socket can lie in /proc: .*domain\.socket\.dir"):
        loopback.private(own | {"spark.python.unix.domain.socket.dir": "/proc"})
    for why in ("/root/.ivy2.5.2/jars/a.jar -> /tmp/x: No space left on device", "Read-only file"):
        assert "-Djava.io.tmpdir=FOLDER says" in of_start(OSError(f"{why} system"), "")
