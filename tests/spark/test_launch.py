"""How Spark's JVM starts: no secret on its command line or in its log; no jar that is another."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from matching_spark.errors import StorageError
from matching_spark.spark import launch
from matching_spark.spark.conf import project_conf_dir, read_conf
from tests.support.processes import LONG_S, in_session, wait_until
from tests.support.servers import Answer, Asked, serving

SHOW = """
import json, subprocess, sys
from matching_spark.config import Settings
from matching_spark.spark.session import session
settings = Settings(spark={"conf": json.load(sys.stdin)})
with session(settings) as spark:
    spark.range(1).count()
    seen = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout
    print(json.dumps({"ps": seen, **dict(spark.sparkContext.getConf().getAll())}))
"""
BEGIN = """
import json, sys
from matching_spark.config import Settings
from matching_spark.main import heed_signals
from matching_spark.spark.session import session
heed_signals()
settings = Settings(spark={"conf": json.load(sys.stdin)})
try:
    with session(settings):
        pass
except KeyboardInterrupt:
    sys.exit(130)
"""
SECRETS = {
    "spark.hadoop.fs.azure.account.key.x": "hunter2 =:#\\한글",
    "spark.of.mine": "https://u:hunter2@mirror/",
}


def run(conf: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    mine = conf | {"spark.master": "local[1]"}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        input=json.dumps(mine),
        env=os.environ | env,
        capture_output=True,
        text=True,
    )


@pytest.mark.processes
def test_a_secret_is_in_no_command_line_and_in_no_event_log(tmp_path: Path) -> None:
    own = tmp_path / "own.conf"
    own.write_text("spark.of.a.file 1\n")
    log = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{tmp_path}"}
    plain = {"spark.eventLog.compress": "false", "spark.eventLog.rolling.enabled": "false"}
    submit = f"--properties-file {own} pyspark-shell"
    done = run(SECRETS | log | plain, PYSPARK_SUBMIT_ARGS=submit)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    for key, value in SECRETS.items():
        assert got[key] == value
    assert got["spark.of.a.file"] == "1"
    assert got["spark.serializer"].endswith("KryoSerializer")  # spark-defaults.conf counts too
    assert "org.apache.spark.deploy.SparkSubmit" in got["ps"]
    assert "hunter2" not in got["ps"]
    (events,) = tmp_path.glob("local-*")
    text = events.read_text("utf-8")
    assert "spark.of.mine" in text
    assert "hunter2" not in text


@pytest.mark.processes
def test_a_jar_that_is_another_is_not_used(tmp_path: Path) -> None:
    """From a mirror, which hadoop.maven names: all of its jars are other ones."""
    asked: list[str] = []

    def answer(request: Asked) -> Answer:
        asked.append(request.path)
        if request.path.endswith(".jar"):
            return Answer(b"PK\x05\x06" + bytes(18))
        if not request.path.endswith(".pom"):
            return Answer(status=404)
        name, version = request.path.split("/")[-3:-1]
        return Answer(
            f"<project><modelVersion>4.0.0</modelVersion><groupId>org.apache.iceberg</groupId>"
            f"<artifactId>{name}</artifactId><version>{version}</version></project>".encode()
        )

    with serving(answer) as mirror:
        done = run({"spark.jars.ivy": str(tmp_path / "ivy")}, MATCHING_HADOOP__MAVEN=mirror)
    assert any(path.endswith(".jar") for path in asked), done.stderr
    assert done.returncode != 0
    assert "it is not used; remove it" in done.stderr


def test_what_a_fresh_start_fetches_has_a_checksum(tmp_path: Path) -> None:
    conf = read_conf(project_conf_dir() / "spark-defaults.conf")
    named = {
        f"{group}_{name}-{version}.jar"
        for group, name, version in (p.split(":") for p in conf["spark.jars.packages"].split(","))
    }
    assert named == set(launch.CHECKSUMS)
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"another")
    with pytest.raises(StorageError, match=r"a\.jar has the checksum"):
        launch.check(jar, "0" * 64)


@pytest.mark.processes
def test_a_start_that_waits_for_the_network_is_ended_at_once(tmp_path: Path) -> None:
    """A repository that takes connections and answers none, as behind a wall: Ctrl-C was heard when
    the start had ended, and it does not."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(LONG_S)
        maven = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-c", BEGIN],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"MATCHING_HADOOP__MAVEN": maven},
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            conf = {"spark.master": "local[1]", "spark.jars.ivy": str(tmp_path / "ivy")}
            process.stdin.write(json.dumps(conf))
            process.stdin.close()
            try:
                asked, _ = mute.accept()
                with asked:
                    process.send_signal(signal.SIGINT)
                    assert process.wait(LONG_S) == 130
                    wait_until(lambda: not in_session(process.pid, "java"), "the end of its JVM")
            finally:
                process.kill()


def test_a_launcher_that_ends_well_is_no_jvm_to_wait_for(tmp_path: Path) -> None:
    """As by a spark-env.sh that leaves the shell: pyspark waits for ever for its port."""
    (tmp_path / "spark-env.sh").write_text("exit 0\n")
    done = subprocess.run(
        [sys.executable, "-c", BEGIN],
        input=json.dumps({"spark.master": "local[1]"}),
        capture_output=True,
        text=True,
        env=os.environ | {"SPARK_CONF_DIR": str(tmp_path)},
        timeout=LONG_S,
    )
    assert "StorageError: Spark could not be started: " in done.stderr
