"""Spark's settings of a development cluster: for its daemons, and for what its owner runs on it.

Whoever may talk to a Spark master or an executor runs code as the cluster's owner, so they talk to
nobody who does not know the cluster's secret. It stands in files that only the owner may read, and
on no command line, which everybody may.
"""

import os
import secrets
import shutil
from pathlib import Path

from matching_spark.spark.conf import conf_dir, conf_dir_there, project_conf_dir, read_conf
from matching_spark.spark.loopback import HOST, SOCKETS

DAEMONS = "daemons.conf"
CLIENT = "spark"  # a folder: what SPARK_CONF_DIR names
TMP = "tmp"  # beside conf/: what the cluster's JVMs unpack
AUTHENTICATE = {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}
# Two ways to have code run or ended that ask for no secret: applications sent by HTTP, which Spark
# 4.1 takes unless told otherwise, and the links of the pages.
SHUT = AUTHENTICATE | {"spark.master.rest.enabled": "false", "spark.ui.killEnabled": "false"}

# Drivers are on this machine, as the daemons are.
CLIENTS = AUTHENTICATE | {"spark.driver.host": HOST, "spark.driver.bindAddress": HOST}
# What is started in a container of YARN has not the environment of what started it.
CONTAINERS = {f"spark.{who}.SPARK_LOCAL_IP": HOST for who in ("executorEnv", "yarn.appMasterEnv")}


def write(conf: Path, yarn: bool) -> Path:
    """Write both into the folder `conf`; returns the folder that the client's settings came from.

    Those are Spark's settings as they are here now, and the cluster's. YARN has no daemons of
    Spark, and there Spark draws a secret for each application.
    """
    target = conf / CLIENT
    # In the shell of an earlier `up`, SPARK_CONF_DIR is the folder that is about to be made anew.
    stale = conf_dir().resolve() == target
    source = project_conf_dir() if stale else conf_dir_there()
    secret = {} if yarn else {"spark.authenticate.secret": secrets.token_hex(32)}
    # An executor is ended, not asked to end; on YARN it has a folder of its container's. Sockets
    # stay in /tmp: their paths may have 107 bytes.
    unpacks = {
        "spark.executor.defaultJavaOptions": f'"-Djava.io.tmpdir={conf.parent / TMP}"',
        f"{SOCKETS}.dir": "/tmp",
    }
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    for file in source.iterdir():
        if file.is_file():
            _write(target / file.name, file.read_bytes())
    own = target / "spark-defaults.conf"
    before = own.read_bytes() if own.exists() else b""
    said = read_conf(own) if before else {}
    unpacks = {key: value for key, value in unpacks.items() if key not in said}
    keys = CLIENTS | (CONTAINERS if yarn else secret | unpacks)
    _write(own, before + b"\n# The cluster's; of a key's lines the last is taken.\n" + _lines(keys))
    if not yarn:
        _write(conf / DAEMONS, _lines(SHUT | secret))
    return source


def _lines(keys: dict[str, str]) -> bytes:
    return "".join(f"{key} {value}\n" for key, value in keys.items()).encode()


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
