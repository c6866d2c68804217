"""conf/spark-defaults.conf in force; a user's own wins. tests/package has it from a wheel."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from matching_spark.config import Hadoop, Settings, Spark
from matching_spark.spark.conf import conf_dir, read_conf
from matching_spark.spark.jvm import jvm
from matching_spark.spark.session import _hadoop  # what settings of HDFS are to Spark
from matching_spark.spark.wanted import own_keys

ROOT = Path(__file__).parents[2]
SHOW = """
import json, sys
from matching_spark.spark.conf import conf_dir
from matching_spark.spark.session import session
from matching_spark.config import Settings
with session(Settings()) as spark:
    print(json.dumps({"dir": str(conf_dir()), **dict(spark.sparkContext.getConf().getAll())}))
"""


def session_of(**env: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k != "SPARK_CONF_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=clean | env, cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    got: dict[str, str] = json.loads(done.stdout)
    return got


def test_settings_are_keys_of_spark() -> None:
    told = Settings(
        spark=Spark(app_name="desk"), hadoop=Hadoop(replication=2, block_bytes=256 << 20)
    )
    keys = own_keys(told, _hadoop(told.hadoop))
    assert keys["spark.app.name"] == "desk"
    assert keys["spark.hadoop.dfs.replication"] == "2"
    assert keys["spark.hadoop.dfs.blocksize"] == str(256 << 20)


def test_the_five_groups_are_there_each_line_with_its_reason() -> None:
    text = (ROOT / "conf" / "spark-defaults.conf").read_text("utf-8")
    for group in ("Memory and cores", "Shuffle", "Serialisation", "SQL", "Event log"):
        assert f"# --- {group}" in text


def test_the_session_has_what_the_file_says(spark: SparkSession) -> None:
    """All but what the tests' own session sets over it, and what only a launcher reads."""
    held = dict(spark.sparkContext.getConf().getAll())
    own = {"spark.master", "spark.sql.shuffle.partitions"}
    for key, value in read_conf(conf_dir() / "spark-defaults.conf").items():
        if key not in own:
            assert held[key] == value, key


# Where Spark declares its keys; an object's are known once it is loaded.
DECLARED = (
    *(f"internal.config.{name}$" for name in ("package", "Network", "Python", "UI", "Kryo")),
    *("sql.internal.SQLConf$", "sql.internal.StaticSQLConf$"),
)


@pytest.mark.parametrize("name", ["spark-defaults.conf", "cluster.conf"])
def test_every_key_is_one_that_this_spark_knows(name: str, spark: SparkSession) -> None:
    java = jvm(spark)
    loader = java.java.lang.Thread.currentThread().getContextClassLoader()
    for declared in DECLARED:
        java.java.lang.Class.forName(f"org.apache.spark.{declared}", True, loader)
    find = java.org.apache.spark.internal.config.ConfigEntry.findEntry
    assert find("spark.no.such.key") is None
    by_python = (Path(pyspark.__file__).parent / "core" / "rdd.py").read_text("utf-8")
    for key in set(read_conf(conf_dir() / name)) - {"spark.master"}:  # SparkContext's own word
        assert find(key) is not None or f'"{key}"' in by_python, key


@pytest.mark.processes
def test_a_users_own_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.master local[1]\nspark.ui.enabled false\nspark.sql.shuffle.partitions 3\n"
    )
    got = session_of(SPARK_CONF_DIR=str(tmp_path))
    assert got["dir"] == str(tmp_path)
    assert got["spark.sql.shuffle.partitions"] == "3"
    assert "spark.serializer" not in got


def test_the_file_is_read_as_spark_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "spark-defaults.conf"
    file.write_text(
        "a.b  c d\ne=f=g\nh : i\n  # no\n! no\n\n j\tk \nl\nm n \\\n   o\np \\\\=\\u0041\\:\n"
    )
    read = {"a.b": "c d", "e": "f=g", "h": "i", "j": "k", "l": "", "m": "n o", "p": "\\=A:"}
    assert read_conf(file) == read
