"""What Spark is started with, as far as settings and files say: known without starting it."""

import os
from collections.abc import Mapping

from matching_spark.config import Settings
from matching_spark.spark import loopback
from matching_spark.spark.conf import conf_dir, conf_dir_there, read_conf

MASTER = "spark.master"


def own_keys(settings: Settings, hadoop: Mapping[str, str] | None = None) -> dict[str, str]:
    """The keys that settings say over spark-defaults.conf. hadoop: those of settings of HDFS."""
    conf = {"spark.app.name": settings.spark.app_name}
    if settings.spark.master:
        conf[MASTER] = settings.spark.master
    profile = read_conf(conf_dir() / "cluster.conf") if settings.spark.profile == "cluster" else {}
    return conf | profile | dict(hadoop or {}) | settings.spark.conf


def defaults() -> dict[str, str]:
    """What every key is before a session's own are set, for a JVM that is going to be started."""
    file = conf_dir_there() / "spark-defaults.conf"
    return (read_conf(file) if file.exists() else {}) | loopback.submitted()


def master_of(settings: Settings) -> str:
    """The master that a session of these settings has. Raises UsageError for an unreadable file."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit, whose JVM alone knows what it was told
        from matching_spark.spark.session import defaults_now  # pyspark, half a second

        return (defaults_now() | own_keys(settings))[MASTER]
    return (defaults() | own_keys(settings)).get(MASTER, "local[*]")  # as Spark has it
