"""Other clusters than ours: a packed environment, YARN, a nameservice of two NameNodes."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyspark
import pytest

from matching_spark import PostsTable, storage
from matching_spark.demo.world import World
from matching_spark.spark.cluster import Cluster, Size, down, up
from matching_spark.spark.daemons import write_xml
from tests.support.cluster import CACHE, COMMAND, client, run
from tests.support.listening import Listener, beyond_loopback, of, ports, watched

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
INGEST = """
import json, sys
from matching_spark import operations, start_session
from matching_spark.config import load_settings

def where(_):
    import sys
    import matching_spark, numpy, onnxruntime
    yield sys.prefix, matching_spark.__file__, numpy.__file__

settings, _ = load_settings()
spark = start_session(settings)
seen = spark.sparkContext.parallelize(range(2), 2).mapPartitions(where).collect()
report = operations.ingest.ingest(settings, operations.ingest.Source(sys.argv[1]), spark=spark)
print(json.dumps([seen, report.to_dict()]))
spark.stop()
"""


@pytest.fixture(scope="session")
def packed() -> Path:
    """The environment that `make environment` packs, without pyspark, which executors have."""
    subprocess.run(["make", "-s", "environment"], cwd=ROOT, check=True, capture_output=True)
    return ROOT / "dist" / "environment.tar.gz"


def shipped(packed: Path | str) -> dict[str, str]:
    """With one executor: each unpacks the environment."""
    return {
        "spark.archives": f"{packed}#environment",
        "spark.cores.max": "1",
        "spark.executor.instances": "1",
        "spark.pyspark.python": "./environment/bin/python",
        "spark.executor.memory": "512m",
        "spark.executor.memoryOverhead": "512m",
    }


def flags(conf: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for key, value in conf.items() for word in ("--conf", f"{key}={value}"))


def test_executors_without_the_project_get_it_packed(
    cluster: Cluster, world: World, packed: Path, tmp_path: Path
) -> None:
    """Their Python, and all that it imports, came in the archive; with it they embed photos."""
    env = os.environ | client(cluster)
    env |= {
        "MATCHING_SPARK__MASTER": cluster.master,
        "MATCHING_SPARK__CONF": json.dumps(shipped(packed)),
        "MATCHING_TABLE": f"{cluster.hdfs}/packed",
    }
    done = subprocess.run(
        [sys.executable, "-c", INGEST, str(world.lost)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen, report = json.loads(done.stdout)
    for prefix, *files in seen:
        assert not prefix.startswith(sys.prefix)
        assert all("/environment/lib/" in file and sys.prefix not in file for file in files)
    assert report["rejected"] == 0
    assert report["embedded"] > 0


def test_by_spark_submit(cluster: Cluster, world: World, packed: Path, tmp_path: Path) -> None:
    """As docs/cluster.md has it, with the cluster's profile; executors get the environment."""
    uri = f"{cluster.hdfs}/submitted"
    conf = {
        "spark.pyspark.python": "./environment/bin/python",
        "spark.pyspark.driver.python": sys.executable,
        "spark.executor.memory": "512m",
        "spark.executor.cores": "1",
        "spark.cores.max": "1",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g",
    }
    submit = [
        *(str(Path(sys.executable).parent / "spark-submit"), "--master", cluster.master),
        *("--properties-file", f"{cluster.spark_conf}/cluster.conf", "--load-spark-defaults"),
        *("--archives", f"{packed}#environment", *flags(conf)),
        str(ROOT / "src" / "matching_spark" / "main.py"),
    ]
    env = client(cluster)
    env["PYSPARK_DRIVER_PYTHON"] = sys.executable  # of the launcher; the key above is of the driver

    def call(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [*submit, *arguments, "--table", uri],
            env=os.environ | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # spark-submit puts what Python says on stderr into stdout.
        result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
        return result

    report = call("ingest", str(world.lost))
    assert (report["rejected"], report["accepted"]) == (0, report["embedded"])
    asked = ("search", "--image", str(world.query_photo), "--threshold", "-1", "--kind", "lost")
    submitted = call(*asked)
    alone = run(cluster, *asked, "--runner", "memory", table=uri)
    assert submitted["runner"] == "spark"
    assert submitted["results"] == alone["results"] != []


@pytest.fixture(scope="module")
def yarn(guarded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("deployments") / "yarn"
    try:
        yield up(folder, CACHE, Size("yarn"))
    finally:
        if Cluster.load(folder):
            down(folder, delete=True)
            assert not folder.exists()


@pytest.fixture(scope="module")
def by_yarn(packed: Path, yarn: Cluster) -> dict[str, str]:
    """What a job of a cluster says that has nothing of ours."""
    # What everybody may read, a NodeManager unpacks once, for all applications.
    kept = f"{yarn.hdfs}/apps/{packed.name}"
    storage.write_bytes(kept, packed.read_bytes())
    jars = Path(pyspark.__file__).parent / "jars"
    return shipped(kept) | {
        "spark.master": "yarn",
        "spark.yarn.jars": f"local:{jars}/*",
        "spark.yarn.am.memory": "512m",
    }


@pytest.fixture(scope="module")
def ingested(
    yarn: Cluster,
    by_yarn: dict[str, str],
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], set[Listener]]:
    """What an ingest by YARN reported, and all that listened meanwhile."""
    words = ("ingest", str(world.found), *flags(by_yarn), "--table", f"{yarn.hdfs}/lostfound")
    folder = tmp_path_factory.mktemp("by-yarn")
    out, seen = watched([*COMMAND, *words], os.environ | client(yarn), folder, *of(yarn))
    return json.loads(out), seen


def test_yarn(
    yarn: Cluster,
    by_yarn: dict[str, str],
    ingested: tuple[dict[str, Any], set[Listener]],
    world: World,
) -> None:
    assert (yarn.master, yarn.live_workers()) == ("yarn", 2)
    report, _ = ingested
    assert (report["rejected"], report["accepted"] > 0) == (0, True)
    uri = f"{yarn.hdfs}/lostfound"
    asked = ("--image", str(world.query_photo), "--threshold", "-1")
    searched = run(yarn, "search", *asked, *flags(by_yarn), table=uri)
    alone = run(yarn, "search", *asked, "--runner", "memory", table=uri)
    assert searched["results"] == alone["results"] != []
    assert searched["runner"] == "spark"


def test_a_nameservice_and_photos_on_hdfs(
    cluster: Cluster, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two NameNodes of a nameservice, of which the first does not answer."""
    conf = tmp_path / "conf"
    conf.mkdir()
    running = cluster.hdfs.removeprefix("hdfs://")
    site = ElementTree.parse(Path(cluster.hadoop_conf) / "hdfs-site.xml")
    known = {p.findtext("name", ""): p.findtext("value", "") for p in site.iter("property")}
    nameservice = {
        "dfs.nameservices": "lost",
        "dfs.ha.namenodes.lost": "nn1,nn2",
        "dfs.namenode.rpc-address.lost.nn1": "127.0.0.1:9",
        "dfs.namenode.rpc-address.lost.nn2": running,
        "dfs.client.failover.proxy.provider.lost": (
            "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
        ),
    }
    write_xml(conf / "hdfs-site.xml", known | nameservice)
    write_xml(conf / "core-site.xml", {"fs.defaultFS": "hdfs://lost"})
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    photos = sorted((world.folder / "photos").glob("*.jpg"))[:6]
    for photo in photos:
        storage.write_bytes(f"hdfs://lost/photos/{photo.name}", photo.read_bytes())
    uri = "hdfs://lost/by-nameservice"

    def call(command: str, *arguments: str) -> dict[str, Any]:
        return run(cluster, command, *arguments, table=uri, HADOOP_CONF_DIR=str(conf))

    report = call("ingest", "hdfs://lost/photos", "--kind", "found")
    assert (report["accepted"], report["embedded"]) == (len(photos), len(photos))
    query = f"hdfs://lost/photos/{photos[0].name}"
    on_spark = call("search", "--image", query, "--runner", "spark")
    assert on_spark["results"][0]["post_id"] == photos[0].name
    assert on_spark["results"][0]["photo"].startswith("hdfs://lost/")
    alone = call("search", "--image", query, "--runner", "memory")
    assert alone["results"] == on_spark["results"]
    shutil.copy(photos[0], tmp_path / "query.jpg")
    local = call("search", "--image", str(tmp_path / "query.jpg"), "--runner", "memory")
    assert local["results"] == on_spark["results"]
    assert PostsTable.open(uri).snapshot == on_spark["snapshot"]


def test_nothing_of_yarn_listens_beyond_loopback(
    yarn: Cluster, ingested: tuple[dict[str, Any], set[Listener]]
) -> None:
    _, seen = ingested
    assert len(ports(seen)) > len(yarn.processes)
    assert beyond_loopback(seen) == []


def test_yarn_and_hdfs_take_no_orders_of_a_browser(yarn: Cluster) -> None:
    """From a page of somebody else's: it can post, and cannot set the header that is asked for."""
    apps = f"{yarn.process('resourcemanager').page}/ws/v1/cluster/apps/new-application"
    files = f"{yarn.process('namenode').page}/webhdfs/v1/theirs?op=MKDIRS&user.name=root"

    def told(url: str, method: str, headers: dict[str, str]) -> int:
        request = urllib.request.Request(url, b"{}", headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    browser = {"User-Agent": "Mozilla/5.0", "Content-Type": "text/plain"}
    assert told(apps, "POST", browser) in (400, 403)
    assert told(files, "PUT", browser) == 400
    # Nor of anybody else: Spark submits by RPC.
    assert told(apps, "POST", {"Content-Type": "application/json"}) == 403
