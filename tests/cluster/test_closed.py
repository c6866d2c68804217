"""A development cluster is its owner's alone: what it listens on, and what strangers get there."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from matching_spark.spark.cluster import Cluster
from matching_spark.spark.conf import project_conf_dir, read_conf
from tests.support.another_user import needs_root, tried
from tests.support.listening import listeners, ports
from tests.support.processes import LONG_S

pytestmark = pytest.mark.cluster
# A job that leaves a file behind when it runs.
JOB = """
import sys
from pathlib import Path
from pyspark import SparkConf, SparkContext
context = SparkContext(conf=SparkConf().set("spark.cores.max", "1"))
made = sys.argv[1]
context.parallelize([0], 1).foreach(lambda _: Path(made).touch())
"""


def test_the_master_takes_no_orders_by_http(cluster: Cluster) -> None:
    master = cluster.process("master")
    own = {urlsplit(url).port for url in (cluster.master, master.page)}
    assert ports(listeners([master.pid])) == own  # and 6066, or the next free one, is not there
    page = str(master.page)
    assert 'action="app/kill/"' not in urllib.request.urlopen(page).read().decode()


def test_the_secret_is_the_owners_alone(cluster: Cluster) -> None:
    conf = Path(cluster.folder) / "conf"
    secret = read_conf(conf / "daemons.conf")["spark.authenticate.secret"]
    assert (
        read_conf(Path(cluster.spark_conf) / "spark-defaults.conf")["spark.authenticate.secret"]
        == secret
    )
    assert len(secret) == 64
    holding = [f for f in conf.rglob("*") if f.is_file() and secret in f.read_text("utf-8")]
    assert len(holding) == 2
    assert {file.stat().st_mode & 0o777 for file in holding} == {0o600}
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert secret not in shown.stdout


@needs_root
def test_another_user_is_refused_by_every_daemon_of_spark(cluster: Cluster) -> None:
    daemons = [p for p in cluster.processes if p.name.startswith(("master", "worker"))]
    pages = {urlsplit(str(p.page)).port for p in daemons}
    found = ports(listeners(p.pid for p in daemons)) - pages
    assert len(found) == len(daemons)
    for answer in tried("/jars/any.jar", *map(str, found)).values():
        assert "Expected SaslMessage" in answer["call"]
        assert "Unauthenticated call" in answer["file"]


def test_who_does_not_know_the_secret_runs_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """By spark-submit, which gives up after a minute."""
    script = tmp_path / "job.py"
    script.write_text(JOB)
    submit = [str(Path(sys.executable).parent / "spark-submit"), "--master", cluster.master]
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}

    def submitted(made: Path, conf_dir: str, secret: str | None = None) -> tuple[int, str]:
        told = {"spark.authenticate": "true", "spark.authenticate.secret": secret} if secret else {}
        conf = [word for key, value in told.items() for word in ("--conf", f"{key}={value}")]
        try:
            done = subprocess.run(
                [*submit, *conf, str(script), str(made)],
                env=os.environ | python | {"SPARK_CONF_DIR": conf_dir},
                capture_output=True,
                timeout=LONG_S,
                check=False,
            )
        except subprocess.TimeoutExpired:  # and it was killed
            # Spark's driver gives up while the script begins its job: of a scheduler that stops
            # just then, the script waits for ever for an answer.
            return -signal.SIGKILL, ""
        return done.returncode, done.stdout[-4000:].decode(errors="replace")

    without, guessed, owned = (tmp_path / name for name in ("without", "guessed", "owned"))
    theirs = str(project_conf_dir())
    with ThreadPoolExecutor(2) as pool:
        strangers = [
            pool.submit(submitted, without, theirs),
            pool.submit(submitted, guessed, theirs, "a-guess"),
        ]
        assert 0 not in [each.result()[0] for each in strangers]
    assert not without.exists()
    assert not guessed.exists()
    code, said = submitted(owned, cluster.spark_conf)  # control: the owner's does
    assert code == 0, said
    assert owned.exists()
