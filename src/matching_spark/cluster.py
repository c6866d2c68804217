"""A development cluster without Docker: HDFS and Spark standalone as processes on loopback.

The daemons of HDFS come from one jar of Maven Central beside pyspark's own jars, those of Spark
from pyspark. Ports are free ones; data, logs and the list of processes lie in one folder.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyspark

from matching_spark.errors import InputError, StorageError, UsageError

MAVEN = "https://repo1.maven.org/maven2"
JAR = "org/apache/hadoop/hadoop-client-minicluster/3.4.2/hadoop-client-minicluster-3.4.2.jar"
JAR_SHA256 = "ae2406c544825b7734b8aad4f87eff60d9ec422284f0b16c2856032083b63c77"
HOST = "127.0.0.1"
STATE = "cluster.json"
START_S, STOP_S = 90, 15
HEAP = "-Xmx384m"


@dataclass(frozen=True)
class Process:
    """A daemon: `started` tells it from a later process of the same number."""

    name: str
    pid: int
    started: str
    log: str
    page: str | None = None

    @property
    def alive(self) -> bool:
        return _started(self.pid) == self.started


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
        """The cluster of a folder; None when none was started, or it was stopped."""
        path = folder / STATE
        if not path.exists():
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"processes": tuple(Process(**p) for p in values["processes"])})

    def save(self) -> None:
        part = Path(self.folder) / f"{STATE}.part"
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        part.replace(Path(self.folder) / STATE)

    def process(self, name: str) -> Process:
        return next(p for p in self.processes if p.name == name)

    def to_dict(self) -> dict[str, Any]:
        values = asdict(self)
        for each, process in zip(values["processes"], self.processes, strict=True):
            each["alive"] = process.alive
        return values | {"live_datanodes": self.live_datanodes()}

    def live_datanodes(self) -> int | None:
        """As the NameNode counts them; None while it does not answer."""
        state = _jmx(self.process("namenode").page, "FSNamesystemState")
        return None if state is None else int(state["NumLiveDataNodes"])


def up(
    folder: Path,
    cache: Path,
    *,
    datanodes: int = 2,
    workers: int = 2,
    worker_cores: int = 1,
    worker_memory: str = "2g",
    maven: str = MAVEN,
    progress: Callable[[str], None] = lambda what: None,
) -> Cluster:
    """Start a cluster whose data lie in `folder`; what lay there before is there again.

    Raises UsageError when one runs there already, StorageError naming the log of what did not
    start; then everything started is stopped again.
    """
    folder = folder.resolve()
    if (running := Cluster.load(folder)) and any(p.alive for p in running.processes):
        raise UsageError(
            f"a cluster runs in {folder} already; `matching-spark cluster status` shows it, "
            "`matching-spark cluster down` stops it"
        )
    java = _java()
    jar = fetch(JAR, JAR_SHA256, cache, maven, progress)
    for name in ("conf", "logs", "name", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rpc, page, port, spark_page = _free_ports(4)
    start = _Starter(folder, java, jar, rpc, page, min(2, datanodes))
    try:
        if not (folder / "name" / "current").exists():
            progress("formatting HDFS")
            start.format()
        progress("starting the NameNode and DataNodes")
        start.namenode()
        for i in range(datanodes):
            start.datanode(i)
        progress("starting the Spark master and workers")
        start.master(port, spark_page)
        _wait(start, "the Spark master", lambda: _answers(port))
        for i in range(workers):
            start.worker(i, port, worker_cores, worker_memory)
        cluster = start.cluster(port)
        _wait(start, f"{datanodes} DataNodes", lambda: _hdfs_ready(cluster, datanodes))
        url = f"http://{HOST}:{spark_page}/json/"
        _wait(start, f"{workers} Spark workers", lambda: _alive_workers(url) == workers)
    except BaseException:
        _stop(start.processes)
        raise
    cluster.save()
    return cluster


def down(folder: Path, delete: bool = False) -> list[str]:
    """Stop the cluster of a folder; returns the names of what was stopped.

    delete: its data too. Raises InputError when there is none.
    """
    folder = folder.resolve()
    cluster = Cluster.load(folder)
    if cluster is None:
        raise InputError(f"there is no cluster in {folder}; `matching-spark cluster up` starts one")
    stopped = [p.name for p in cluster.processes if p.alive]
    _stop(cluster.processes)
    (folder / STATE).unlink()
    shutil.rmtree(folder / "work", ignore_errors=True)
    shutil.rmtree(folder / "conf", ignore_errors=True)
    if delete:
        for name in ("name", "logs", *(p.name for p in folder.glob("data-*"))):
            shutil.rmtree(folder / name, ignore_errors=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    return stopped


def fetch(path: str, sha256: str, cache: Path, maven: str, progress: Callable[[str], None]) -> Path:
    """A jar of a Maven repository, kept in `cache`. Raises StorageError for one that is damaged."""
    target = cache / "jars" / path.rpartition("/")[2]
    if target.exists() and _sha256(target) == sha256:
        return target
    url = f"{maven.rstrip('/')}/{path}"
    progress(f"fetching {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        if (got := _sha256(part)) != sha256:
            raise StorageError(f"{url} has the checksum {got}, not {sha256}: it is not used")
        part.replace(target)
    except (OSError, urllib.error.URLError) as error:
        raise StorageError(
            f"{url} could not be fetched ({error}); a mirror is named by MATCHING_HADOOP__MAVEN"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


class _Starter:
    """Starts the daemons of one cluster, each with a configuration and a log of its own."""

    def __init__(
        self, folder: Path, java: str, jar: Path, rpc: int, page: int, replication: int
    ) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self._java = java
        self._home = Path(pyspark.__file__).parent
        self._jars = f"{jar}{os.pathsep}{self._home / 'jars' / '*'}"
        self._hdfs = f"hdfs://{HOST}:{rpc}"
        self._page = f"http://{HOST}:{page}"
        self._common = {
            "dfs.replication": str(replication),
            "dfs.namenode.http-address": f"{HOST}:{page}",
            "dfs.namenode.name.dir": f"file://{folder / 'name'}",
            # A DataNode that dies is noticed in half a minute, not in ten.
            "dfs.heartbeat.interval": "1",
            "dfs.namenode.heartbeat.recheck-interval": "10000",
            "dfs.namenode.safemode.extension": "0",
            # On loopback all DataNodes have one address and one host name.
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            # With two DataNodes there is none to take a dead one's place in a pipeline.
            "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
        }
        self._conf("client", {})

    def format(self) -> None:
        command = [*self._hadoop("client", "namenode.NameNode"), "-format", "-nonInteractive"]
        log = self.folder / "logs" / "format.log"
        with log.open("wb") as out:
            done = subprocess.run(command, stdout=out, stderr=out, timeout=START_S, check=False)
        if done.returncode:
            raise StorageError(f"HDFS could not be formatted; {_tail(log)}")

    def namenode(self) -> None:
        self._start("namenode", self._hadoop("client", "namenode.NameNode"), page=self._page)

    def datanode(self, i: int) -> None:
        name = f"datanode-{i}"
        own = {f"dfs.datanode.{a}": f"{HOST}:0" for a in ("address", "http.address", "ipc.address")}
        self._conf(name, own | {"dfs.datanode.data.dir": f"file://{self.folder / f'data-{i}'}"})
        self._start(name, self._hadoop(name, "datanode.DataNode"))

    def master(self, port: int, page: int) -> None:
        command = self._spark("master.Master", "--port", str(port), "--webui-port", str(page))
        self._start("master", command, page=f"http://{HOST}:{page}")

    def worker(self, i: int, port: int, cores: int, memory: str) -> None:
        place = ("--cores", str(cores), "--memory", memory, "--webui-port", "0")
        work = ("--work-dir", str(self.folder / "work"))
        self._start(
            f"worker-{i}",
            self._spark("worker.Worker", *place, *work, f"spark://{HOST}:{port}"),
        )

    def cluster(self, port: int) -> Cluster:
        return Cluster(
            str(self.folder),
            self._hdfs,
            f"spark://{HOST}:{port}",
            str(self.folder / "conf" / "client"),
            tuple(self.processes),
        )

    def _conf(self, name: str, own: dict[str, str]) -> None:
        folder = self.folder / "conf" / name
        folder.mkdir(parents=True, exist_ok=True)
        _write_xml(folder / "core-site.xml", {"fs.defaultFS": self._hdfs})
        _write_xml(folder / "hdfs-site.xml", self._common | own)

    def _hadoop(self, conf: str, daemon: str) -> list[str]:
        path = f"{self.folder / 'conf' / conf}{os.pathsep}{self._jars}"
        return [self._java, HEAP, "-cp", path, f"org.apache.hadoop.hdfs.server.{daemon}"]

    def _spark(self, daemon: str, *arguments: str) -> list[str]:
        path = f"{self.folder / 'conf' / 'client'}{os.pathsep}{self._home / 'jars' / '*'}"
        opens = "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"
        return [
            *(self._java, HEAP, opens, "-cp", path, f"org.apache.spark.deploy.{daemon}"),
            *("--host", HOST, *arguments),
        ]

    def _start(self, name: str, command: list[str], page: str | None = None) -> None:
        log = self.folder / "logs" / f"{name}.log"
        core = next((self._home / "jars").glob("spark-core_*.jar"))
        environment = os.environ | {
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": HOST,
            # A worker that starts an executor looks for it, or for a folder of Spark's own build.
            "SPARK_SCALA_VERSION": core.name.split("_")[1].split("-")[0],
        }
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=environment,
                start_new_session=True,  # Ctrl-C of the terminal is not for them
            )
        self.processes.append(Process(name, process.pid, _started(process.pid), str(log), page))


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        raise StorageError(
            "there is no Java: install one (apt install openjdk-17-jre-headless), or set JAVA_HOME"
        )
    return java


def _write_xml(path: Path, values: dict[str, str]) -> None:
    rows = "".join(
        f"  <property><name>{escape(k)}</name><value>{escape(v)}</value></property>\n"
        for k, v in values.items()
    )
    path.write_text(f"<configuration>\n{rows}</configuration>\n", encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _get(url: str) -> Any | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _jmx(page: str | None, bean: str) -> dict[str, Any] | None:
    found = _get(f"{page}/jmx?qry=Hadoop:service=NameNode,name={bean}")
    return found["beans"][0] if found and found["beans"] else None


def _hdfs_ready(cluster: Cluster, datanodes: int) -> bool:
    info = _jmx(cluster.process("namenode").page, "NameNodeInfo")
    return bool(info and not info["Safemode"] and cluster.live_datanodes() == datanodes)


def _alive_workers(url: str) -> int:
    state = _get(url)
    return sum(w["state"] == "ALIVE" for w in state["workers"]) if state else 0


def _wait(start: _Starter, what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        for process in start.processes:
            if not process.alive:
                raise StorageError(f"{process.name} did not start; {_tail(Path(process.log))}")
        if time.monotonic() > deadline:
            raise StorageError(
                f"{what} did not come up within {START_S} s; the logs are in {start.folder}/logs"
            )
        time.sleep(0.2)


def _started(pid: int) -> str:
    """When a process was started, or '' when it is not (a zombie is not)."""
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return shown[1].strip() if len(shown) == 2 and not shown[0].startswith("Z") else ""


def _stop(processes: tuple[Process, ...] | list[Process]) -> None:
    """Ask each to end, the last started first; end what has not after STOP_S."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        left = [p for p in reversed(processes) if p.alive]
        for process in left:
            os.kill(process.pid, sign)
        deadline = time.monotonic() + STOP_S
        while any(p.alive for p in left) and time.monotonic() < deadline:
            time.sleep(0.1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    return f"the end of {log}:\n" + "\n".join(lines)
