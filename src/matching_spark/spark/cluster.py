"""A development cluster without Docker: HDFS and Spark, or YARN, as processes on loopback.

Spark talks only to who knows the cluster's secret. HDFS and YARN believe the name of a user that a
client gives: against that only Kerberos helps, which is not here.

Ports are free ones, and stay the same while the data are kept; data, logs and the list of processes
lie in one folder.
"""

import json
import os
import re
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from matching_spark.errors import InputError, StorageError, UsageError
from matching_spark.filesystems.whole_files import put_file
from matching_spark.guard.owners import doubt
from matching_spark.progress import SILENT, Progress
from matching_spark.spark import cluster_conf
from matching_spark.spark.daemons import (
    HADOOP,
    MAVEN,
    START_S,
    YARN,
    YARN_PORTS,
    Daemons,
    Process,
    fetch_all,
    started,
    tail,
)
from matching_spark.spark.environment import find_java, spell_alike
from matching_spark.spark.loopback import HOST
from matching_spark.spark.ports import answers, free_ports, hold

Manager = Literal["standalone", "yarn"]
MANAGERS: tuple[Manager, ...] = get_args(Manager)
STATE = "cluster.json"
PORTS = "ports.json"  # kept with the data: the NameNode's stands in the names of a table's files
STOP_S = 15
MEANT = ':*,%$"\\\n'  # in class paths; in lists of folders, URIs and values; in options


@dataclass(frozen=True)
class Size:
    """What a cluster is made of. worker_memory: as Spark writes it, 2g."""

    manager: Manager = "standalone"
    datanodes: int = 2
    workers: int = 2
    worker_cores: int = 1
    worker_memory: str = "2g"


USUAL = Size()


@dataclass(frozen=True)
class Cluster:
    """What `up` has started, as cluster.json keeps it."""

    folder: str
    hdfs: str
    master: str
    hadoop_conf: str
    processes: tuple[Process, ...]

    @classmethod
    def load(cls, folder: Path) -> "Cluster | None":
        """The cluster of a folder; None when none was started, or it was stopped.

        Raises StorageError where another user can have written it: `up` runs the commands that
        stand there, `down` ends the processes, and a new one's secret is written there.
        """
        path = folder / STATE
        for each in (folder, path):
            if each.exists() and (why := doubt(each)):
                raise StorageError(
                    f"{each} is not heeded: {why}, and what a cluster's folder says is run as you; "
                    "name a folder of your own",
                    argument="folder",
                )
        if not path.exists():
            return None
        values = _kept(path)
        try:
            return cls(**values | {"processes": tuple(Process(**p) for p in values["processes"])})
        except (KeyError, TypeError):
            raise _torn(path) from None

    @property
    def spark_conf(self) -> str:
        """What SPARK_CONF_DIR must name for a client: the cluster's secret is there."""
        return str(Path(self.folder) / "conf" / cluster_conf.CLIENT)

    def save(self) -> None:
        _keep(Path(self.folder) / STATE, asdict(self))

    def process(self, name: str) -> Process:
        return next(p for p in self.processes if p.name == name)

    def to_dict(self) -> dict[str, object]:
        values = asdict(self)
        for each, process in zip(values["processes"], self.processes, strict=True):
            each["alive"] = process.alive
        live = {"live_datanodes": self.live_datanodes(), "live_workers": self.live_workers()}
        return values | live | {"spark_conf": self.spark_conf}

    def live_datanodes(self) -> int | None:
        """That the NameNode counts and that answer: it counts one that has died for half a minute.

        None while the NameNode does not answer.
        """
        info = _jmx(self.process("namenode").page, "NameNodeInfo")
        if info is None:
            return None
        nodes = json.loads(info["LiveNodes"]).values()
        return sum(answers(int(node["xferaddr"].rpartition(":")[2])) for node in nodes)

    def live_workers(self) -> int | None:
        """Spark's workers that their master counts and that answer, or YARN's NodeManagers as the
        ResourceManager counts them: for ten minutes after one has died.

        None while the master does not answer.
        """
        if self.master == "yarn":
            state = _get(f"{self.process('resourcemanager').page}/ws/v1/cluster/metrics")
            # The distribution wraps them in clusterMetrics, this jar's shaded Jersey does not.
            metrics = (state or {}).get("clusterMetrics", state or {})
            active: int | None = metrics.get("activeNodes")
            return active
        state = _get(f"{self.process('master').page}/json/")
        if state is None:
            return None
        alive = [w for w in state["workers"] if w["state"] == "ALIVE"]
        return sum(answers(w["port"]) for w in alive)


def up(
    folder: Path, cache: Path, size: Size = USUAL, maven: str = MAVEN, progress: Progress = SILENT
) -> Cluster:
    """Start a cluster whose data lie in `folder`; what lay there before is there again.

    Of a cluster that runs there already, what has died is started again. Raises UsageError when
    all of it runs, for a memory that is none and for a folder whose name has one of MEANT;
    StorageError naming the log of what did not start: then everything started is stopped again.
    """
    folder = folder.resolve()
    if meant := sorted({*str(folder)} & {*MEANT}):
        raise UsageError(
            f"{folder} has {' '.join(map(repr, meant))} in its name, which Java or Hadoop take for "
            "more than a letter: name another",
            argument="folder",
        )
    megabytes = _megabytes(size.worker_memory)
    running = Cluster.load(folder)
    alive = tuple(p for p in running.processes if p.alive) if running else ()
    if running and len(alive) == len(running.processes):
        raise UsageError(
            f"a cluster runs in {folder} already; `matching-spark cluster status` shows it, "
            "`matching-spark cluster down` stops it"
        )
    java = find_java()
    spell_alike()
    started(os.getpid())  # what cannot be known again is not started
    yarn = size.manager == "yarn" if not alive else running is not None and running.master == "yarn"
    jars = fetch_all(HADOOP | (YARN if yarn else {}), cache, maven, progress)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("conf", "logs", "name", "work", cluster_conf.TMP):
            (folder / name).mkdir(exist_ok=True)
            (folder / name).chmod(0o700)  # earlier versions left them open
    except OSError as error:
        why = f"{folder} cannot be written to: {error.strerror}; name another"
        raise StorageError(why, argument="folder") from None
    with ExitStack() as held:
        ports = _ports(folder, held, free=not alive)
        start = Daemons(folder, java, jars, ports, min(2, size.datanodes))
        master = "yarn" if yarn else f"spark://{HOST}:{ports['master']}"
        try:
            if running is not None and alive:
                for process in running.processes:
                    if process not in alive:
                        progress.say(f"starting {process.name} again ...")
                        start.again(process)
                again = {p.name: p for p in start.processes}
                all_of_it = tuple(again.get(p.name, p) for p in running.processes)
            else:
                pages = free_ports(size.workers, held)
                _start(start, yarn, size, pages, megabytes, progress)
                all_of_it = tuple(start.processes)
            cluster = Cluster(
                str(folder), start.hdfs, master, str(folder / "conf" / "client"), all_of_it
            )
            nodes = [p for p in all_of_it if p.name.startswith("datanode")]
            hands = [p for p in all_of_it if p.name.startswith(("worker", "nodemanager"))]
            _wait(start, f"{len(nodes)} DataNodes", lambda: _hdfs_ready(cluster, len(nodes)))
            _wait(start, f"{len(hands)} workers", lambda: cluster.live_workers() == len(hands))
        except BaseException:
            _stop(start.processes)
            raise
    cluster.save()
    return cluster


def _start(
    start: Daemons, yarn: bool, size: Size, pages: list[int], megabytes: int, progress: Progress
) -> None:
    if not (start.folder / "name" / "current").exists():
        progress.say("formatting HDFS ...")
        start.format()
    source = cluster_conf.write(start.folder / "conf", yarn)
    progress.say(f"writing Spark's settings for its clients, those of {source} and a secret ...")
    progress.say("starting the NameNode and DataNodes ...")
    start.namenode()
    for i in range(size.datanodes):
        start.datanode(i)
    if yarn:
        progress.say("starting the ResourceManager and NodeManagers ...")
        start.resourcemanager()
        for i, page in enumerate(pages):
            start.nodemanager(i, size.worker_cores, megabytes, page)
        return
    progress.say("starting the Spark master and workers ...")
    start.master()
    # A worker that does not find its master waits for 5 s before it tries again.
    _wait(start, "the Spark master", lambda: answers(start.ports["master"]))
    for i, page in enumerate(pages):
        start.worker(i, size.worker_cores, f"{megabytes}m", page)


def down(folder: Path, delete: bool = False) -> list[str]:
    """Stop the cluster of a folder; returns the names of what was stopped.

    delete: its data too, also of one that was stopped before. Raises InputError when there is none,
    StorageError when something listens on the ports of one that nobody has said to be up.
    """
    folder = folder.resolve()
    cluster = Cluster.load(folder)
    if cluster is None:  # or it was stopped before
        if not (delete and (folder / PORTS).exists()):
            raise InputError(
                f"there is no cluster in {folder}; `matching-spark cluster up` starts one"
            )
        with ExitStack() as held:  # what listens there is one that is just being started
            _ports(folder, held, free=True)
    processes = cluster.processes if cluster else ()
    stopped = [p.name for p in processes if p.alive]
    _stop(processes)
    (folder / STATE).unlink(missing_ok=True)
    for name in ("work", "conf", cluster_conf.TMP):
        shutil.rmtree(folder / name, ignore_errors=True)
    if delete:
        (folder / PORTS).unlink(missing_ok=True)
        for name in ("name", "logs", *(p.name for p in folder.glob("data-*"))):
            shutil.rmtree(folder / name, ignore_errors=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    return stopped


def _ports(folder: Path, held: ExitStack, free: bool) -> dict[str, int]:
    """The ports of a cluster: those it had before, or new ones. free: they should be, and are held.

    Raises StorageError when one was taken since.
    """
    names = ("namenode", "namenode page", "master", "master page", *YARN_PORTS)
    path = folder / PORTS
    if not path.exists():
        _keep(path, dict(zip(names, free_ports(len(names), held), strict=True)))
    ports: dict[str, int] = _kept(path)
    taken = [f"{n} {p}" for n, p in ports.items() if free and not hold(p, held)]
    if taken:
        raise StorageError(
            f"{folder} had ports that something else listens on now: {', '.join(taken)}; the "
            "tables there name the NameNode's, so end what listens or use another folder",
            argument="folder",
        )
    return ports


def _keep(path: Path, values: dict[str, Any]) -> None:
    """Its owner's alone."""
    put_file(path, f"{json.dumps(values, indent=2)}\n".encode(), 0o600)


def _kept(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise _torn(path) from None
    if not isinstance(values, dict):
        raise _torn(path)
    return values


def _torn(path: Path) -> StorageError:
    return StorageError(
        f"{path} is not as `cluster up` wrote it: put a copy back; without one end what runs of "
        f"the cluster, whose command lines name {path.parent}, and remove that folder with its data"
    )


def _megabytes(memory: str) -> int:
    """2g, 512m as Spark writes it."""
    found = re.fullmatch(r"([1-9]\d*)([mg])b?", memory.lower())
    if not found:
        raise UsageError(
            f"a worker's memory of {memory}: write it as 2g or 512m", argument="worker_memory"
        )
    return int(found[1]) * (1024 if found[2] == "g" else 1)


def _get(url: str) -> Any | None:  # a daemon's JSON, of which each caller knows what it reads
    try:
        # Of this machine, which a proxy of the environment (http_proxy) does not know.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _jmx(page: str | None, bean: str) -> dict[str, Any] | None:
    found = _get(f"{page}/jmx?qry=Hadoop:service=NameNode,name={bean}")
    return found["beans"][0] if found and found["beans"] else None


def _hdfs_ready(cluster: Cluster, datanodes: int) -> bool:
    info = _jmx(cluster.process("namenode").page, "NameNodeInfo")
    return bool(info and not info["Safemode"] and cluster.live_datanodes() == datanodes)


def _wait(start: Daemons, what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        for process in start.processes:
            if not process.alive:
                raise StorageError(f"{process.name} did not start; {tail(Path(process.log))}")
        if time.monotonic() > deadline:
            raise StorageError(
                f"{what} did not come up within {START_S} s; the logs are in {start.folder}/logs"
            )
        time.sleep(0.2)


def _stop(processes: tuple[Process, ...] | list[Process]) -> None:
    """Ask each to end, and after STOP_S end it: the last started first, since it takes its leave of
    those before it, and a NodeManager whose ResourceManager is gone waits for it."""
    for process in reversed(processes):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.alive:
                with suppress(ProcessLookupError):  # it ended by itself since
                    os.kill(process.pid, sign)
            deadline = time.monotonic() + STOP_S
            while process.alive and time.monotonic() < deadline:
                time.sleep(0.1)
