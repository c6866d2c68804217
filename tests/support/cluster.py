"""What the tests of a cluster do on it: commands of their own, vectors to import, what is held."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from platformdirs import user_cache_dir
from pyspark.sql import SparkSession

from matching_spark import PostsTable, Settings, SimilarityEngine, start_session
from matching_spark.config import Cache, Hadoop, Spark
from matching_spark.ingest.vector_import import ingest_vectors
from matching_spark.knn.similarity import unit
from matching_spark.search.request import QueryItem
from matching_spark.spark.cluster import Cluster
from tests.support import brute
from tests.support.found import hits_of

CACHE = Path(user_cache_dir("matching-spark"))  # jars of 100 MB, which are held to checksums
COMMAND = (sys.executable, "-m", "matching_spark.main")
DIMENSION = 32
Posts = dict[str, np.ndarray]
CLUSTER_CONF = {  # over the cluster's profile: its workers are small
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.sql.shuffle.partitions": "2",
    "spark.executor.memoryOverhead": "512m",
    "spark.driver.memory": "1g",
}


@dataclass(frozen=True)
class Disk:
    """A tmpfs whose size can be changed while it is used; it takes what is written, no more."""

    path: Path

    def mount(self) -> bool:
        self.path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def resize(self, megabytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(self.path)], check=True)

    def fill(self) -> None:
        """No room is left but for the rest of a MB."""
        stat = os.statvfs(self.path)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        self.resize((used >> 20) + 1)

    def free(self) -> None:
        self.resize(4096)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)


def client(cluster: Cluster) -> dict[str, str]:
    """What `cluster up` says to export."""
    return {"SPARK_CONF_DIR": cluster.spark_conf, "HADOOP_CONF_DIR": cluster.hadoop_conf}


@contextmanager
def driving(cluster: Cluster) -> Iterator[SparkSession]:
    """This process as a driver of the cluster, which holds all its workers' cores meanwhile."""
    if other := SparkSession.getActiveSession():
        other.stop()
    settings = Settings(
        spark=Spark(conf=CLUSTER_CONF | {"spark.master": cluster.master}, profile="cluster"),
        hadoop=Hadoop(conf_dir=cluster.hadoop_conf),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", cluster.spark_conf)
        spark = start_session(settings)
        try:
            assert spark.sparkContext.master == cluster.master
            yield spark
        finally:
            spark.stop()


def run(
    cluster: Cluster,
    command: str,
    *arguments: str,
    table: str,
    code: int = 0,
    master: str | None = None,
    **env: str,
) -> dict[str, Any]:
    """A command of its own process on the cluster; its JSON, or its error."""
    where: tuple[str, ...] = ("--table", table)
    if command != "status":
        where = (*where, "--conf", f"spark.master={master or cluster.master}")
    environment = os.environ | client(cluster) | env
    done = subprocess.run(
        [*COMMAND, command, *arguments, *where],
        capture_output=True,
        text=True,
        timeout=580,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else {"error": done.stderr}


def vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    rows: np.ndarray = unit(np.random.default_rng(seed).normal(size=(count, dimension)))
    return rows


def write(path: Path, posts: dict[str, np.ndarray], row_group: int = 1000) -> str:
    """Posts (id -> vector) as a Parquet file to import."""
    rows = pa.array([row.astype("<f4").tobytes() for row in posts.values()], pa.binary())
    table = pa.table({"post_id": list(posts), "vector": rows})
    pq.write_table(table, path, row_group_size=row_group)
    return str(path)


def held(uri: str) -> dict[str, np.ndarray]:
    """Every live post of a table and its vector. Fails for a post that is there twice."""
    out: dict[str, np.ndarray] = {}
    for shard in PostsTable.open(uri).shards():
        rows = np.flatnonzero(shard.alive)
        for row in rows:
            post_id = shard.metadata["post_id"][int(row)].as_py()
            assert post_id not in out, f"{post_id} is there twice"
            vector, _ = shard.parts(int(row))
            assert vector is not None
            out[post_id] = vector
    return out


def assert_holds(uri: str, posts: dict[str, np.ndarray], spark: SparkSession | None = None) -> None:
    """The table holds these posts, each once, and both runners give brute force's answer."""
    there = held(uri)
    assert set(there) == set(posts)
    ids = sorted(posts)
    np.testing.assert_allclose([there[i] for i in ids], [posts[i] for i in ids], atol=1e-6)
    plain = [brute.Plain(i, posts[i][None], None) for i in ids]
    query = vectors(1, seed=99, dimension=len(posts[ids[0]]))[0]
    want = brute.search(plain, QueryItem(image=query), 10, None)
    runners = (("memory", None), ("spark", spark)) if spark else (("memory", None),)
    for runner, driver in runners:
        engine = SimilarityEngine(PostsTable.open(uri, driver, Hadoop()), runner, cache=Cache())  # type: ignore[arg-type]
        got = hits_of(engine, query, 10)[0]
        assert [m.post_id for m in got] == [i for i, _ in want]
        np.testing.assert_allclose([m.score for m in got], [s for _, s in want], atol=1e-6)


def posts(count: int, seed: int = 0) -> Posts:
    rows = vectors(count, seed)
    return {f"p{i:06d}": rows[i] for i in range(count)}


def take(uri: str, source: str, spark: SparkSession, **options: Any) -> int:
    hadoop = options.pop("hadoop", Hadoop())
    report = ingest_vectors(source, uri, spark, "found", hadoop, **options)
    assert report.rejected == 0
    return report.accepted
