"""The daemons of a development cluster: their jars, configurations, commands and processes.

HDFS and YARN come from one jar of Maven Central beside pyspark's own jars, Spark's master and
workers from pyspark. Each daemon has a configuration and a log of its own.
"""

import hashlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pyspark

from matching_spark.errors import StorageError
from matching_spark.guard.owners import doubt, own_folder
from matching_spark.http_client import heeded
from matching_spark.progress import Progress
from matching_spark.spark.cluster_conf import DAEMONS, TMP
from matching_spark.spark.loopback import HOST

MAVEN = "https://repo1.maven.org/maven2"
HADOOP = {  # path -> sha256
    "org/apache/hadoop/hadoop-client-minicluster/3.4.2/hadoop-client-minicluster-3.4.2.jar": (
        "ae2406c544825b7734b8aad4f87eff60d9ec422284f0b16c2856032083b63c77"
    ),
}
# What YARN's daemons need as well: certificates for their proxies, XML from annotated classes.
YARN = {
    "org/bouncycastle/bcprov-jdk18on/1.78.1/bcprov-jdk18on-1.78.1.jar": (
        "add5915e6acfc6ab5836e1fd8a5e21c6488536a8c1f21f386eeb3bf280b702d7"
    ),
    "org/bouncycastle/bcpkix-jdk18on/1.78.1/bcpkix-jdk18on-1.78.1.jar": (
        "4b48ea084e5232b9d79ebca1887b9de037b124931807cd60710748c2aee08cc9"
    ),
    "org/bouncycastle/bcutil-jdk18on/1.78.1/bcutil-jdk18on-1.78.1.jar": (
        "d9fa56f97b0f761ce3bc8d9d74c5d7137a987bf5bd3abfe1003f9bafa45a1d2f"
    ),
    "javax/xml/bind/jaxb-api/2.2.11/jaxb-api-2.2.11.jar": (
        "273d82f8653b53ad9d00ce2b2febaef357e79a273560e796ff3fcfec765f8910"
    ),
    "com/sun/xml/bind/jaxb-impl/2.2.11/jaxb-impl-2.2.11.jar": (
        "f91793a96f185a2fc004c86a37086f060985854ce6b19935e03c4de51e3201d2"
    ),
    "com/sun/xml/bind/jaxb-core/2.2.11/jaxb-core-2.2.11.jar": (
        "b13da0c655a3d590a2a945553648c407e6347648c9f7a3f811b7b3a8a1974baa"
    ),
    "javax/activation/activation/1.1.1/activation-1.1.1.jar": (
        "ae475120e9fcd99b4b00b38329bd61cdc5eb754eee03fe66c01f50e137724f99"
    ),
}
START_S = 180  # ten at rest; many times that where other work has the cores
# Seven JVMs on one machine: a small heap, one thread to collect it, less compiling at the start.
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
TAIL_LINES = 5
YARN_PORTS = (
    *("address", "scheduler.address", "resource-tracker.address"),
    *("admin.address", "webapp.address"),
)
OPENS = (
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)


@dataclass(frozen=True)
class Process:
    """A daemon: `started` tells it from a later process of the same number."""

    name: str
    pid: int
    started: str
    log: str
    page: str | None = None
    command: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        return started(self.pid) == self.started


class Daemons:
    """Starts the daemons of one cluster. `ports` are names -> free ports, kept for a restart."""

    def __init__(
        self, folder: Path, java: str, jars: list[Path], ports: dict[str, int], replication: int
    ) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.hdfs = f"hdfs://{HOST}:{ports['namenode']}"
        self.ports = ports
        self._java = java
        self._home = Path(pyspark.__file__).parent
        # What their JVMs unpack, and leave behind where they are ended: it goes with the cluster.
        self._jvm = (*JVM, *OPENS, f"-Djava.io.tmpdir={folder / TMP}")
        self._jars = os.pathsep.join([*map(str, jars), str(self._home / "jars" / "*")])
        self._hdfs = {
            "dfs.replication": str(replication),
            "dfs.namenode.http-address": f"{HOST}:{ports['namenode page']}",
            "dfs.namenode.name.dir": (folder / "name").as_uri(),
            # A DataNode that dies is noticed in half a minute, not in ten.
            "dfs.heartbeat.interval": "1",
            "dfs.namenode.heartbeat.recheck-interval": "10000",
            "dfs.namenode.safemode.extension": "0",
            # On loopback all DataNodes have one address and one host name.
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            # With two DataNodes there is none to take a dead one's place in a pipeline.
            "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
            # A page that its owner looks at in a browser cannot write by HTTP.
            "dfs.webhdfs.rest-csrf.enabled": "true",
        }
        self._yarn = {
            "yarn.resourcemanager.hostname": HOST,
            **{
                f"yarn.resourcemanager.{name}": f"{HOST}:{ports[name]}"
                for name in YARN_PORTS
                if name in ports
            },
            # The capacity scheduler wants a file of queues; one user needs none.
            "yarn.resourcemanager.scheduler.class": (
                "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"
            ),
            "yarn.scheduler.minimum-allocation-mb": "256",
            # The JVM reserves far more address space than it uses.
            "yarn.nodemanager.vmem-check-enabled": "false",
            # A development machine's disk may be nearly full and is good all the same.
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
            "yarn.nodemanager.delete.debug-delay-sec": "0",
            # Spark submits by RPC; HTTP would take an application from anybody, also from a page
            # that its owner looks at in a browser.
            "yarn.webapp.enable-rest-app-submissions": "false",
            "yarn.resourcemanager.webapp.ui-actions.enabled": "false",
            "yarn.resourcemanager.webapp.rest-csrf.enabled": "true",
            "yarn.nodemanager.webapp.rest-csrf.enabled": "true",
        }
        self._conf("client", {}, {})

    def format(self) -> None:
        command = [*self._hadoop("client", "hdfs.server.namenode.NameNode"), "-format"]
        log = self.folder / "logs" / "format.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [*command, "-nonInteractive"], stdout=out, stderr=out, timeout=START_S, check=False
            )
        if done.returncode:
            raise StorageError(f"HDFS could not be formatted; {tail(log)}")

    def namenode(self) -> None:
        page = f"http://{HOST}:{self.ports['namenode page']}"
        self._start("namenode", self._hadoop("client", "hdfs.server.namenode.NameNode"), page)

    def datanode(self, i: int) -> None:
        name = f"datanode-{i}"
        own = {f"dfs.datanode.{a}": f"{HOST}:0" for a in ("address", "http.address", "ipc.address")}
        self._conf(name, own | {"dfs.datanode.data.dir": f"file://{self.folder / f'data-{i}'}"}, {})
        self._start(name, self._hadoop(name, "hdfs.server.datanode.DataNode"))

    def master(self) -> None:
        port, page = self.ports["master"], self.ports["master page"]
        command = self._spark("master.Master", "--port", str(port), "--webui-port", str(page))
        self._start("master", command, f"http://{HOST}:{page}")

    def worker(self, i: int, cores: int, memory: str, page: int) -> None:
        place = ("--cores", str(cores), "--memory", memory, "--webui-port", str(page))
        work = ("--work-dir", str(self.folder / "work"))
        master = f"spark://{HOST}:{self.ports['master']}"
        command = self._spark("worker.Worker", *place, *work, master)
        self._start(f"worker-{i}", command, f"http://{HOST}:{page}")

    def resourcemanager(self) -> None:
        command = self._hadoop("client", "yarn.server.resourcemanager.ResourceManager")
        self._start("resourcemanager", command, f"http://{HOST}:{self.ports['webapp.address']}")

    def nodemanager(self, i: int, cores: int, memory_mb: int, page: int) -> None:
        name = f"nodemanager-{i}"
        own = {
            "yarn.nodemanager.address": f"{HOST}:0",
            "yarn.nodemanager.localizer.address": f"{HOST}:0",
            "yarn.nodemanager.webapp.address": f"{HOST}:{page}",
            "yarn.nodemanager.resource.cpu-vcores": str(cores),
            "yarn.nodemanager.resource.memory-mb": str(memory_mb),
            "yarn.nodemanager.local-dirs": str(self.folder / "work" / name),
            "yarn.nodemanager.log-dirs": str(self.folder / "logs" / name),
        }
        self._conf(name, {}, own)
        command = self._hadoop(name, "yarn.server.nodemanager.NodeManager")
        self._start(name, command, f"http://{HOST}:{page}")

    def again(self, process: Process) -> None:
        """Start a process that has died, by the command that started it before."""
        self._start(process.name, list(process.command), process.page)

    def _conf(self, name: str, hdfs: dict[str, str], yarn: dict[str, str]) -> None:
        folder = self.folder / "conf" / name
        folder.mkdir(parents=True, exist_ok=True)
        write_xml(folder / "core-site.xml", {"fs.defaultFS": self.hdfs})
        write_xml(folder / "hdfs-site.xml", self._hdfs | hdfs)
        write_xml(folder / "yarn-site.xml", self._yarn | yarn)

    def _hadoop(self, conf: str, daemon: str) -> list[str]:
        path = f"{self.folder / 'conf' / conf}{os.pathsep}{self._jars}"
        return [self._java, *self._jvm, "-cp", path, f"org.apache.hadoop.{daemon}"]

    def _spark(self, daemon: str, *arguments: str) -> list[str]:
        path = f"{self.folder / 'conf' / 'client'}{os.pathsep}{self._home / 'jars' / '*'}"
        return [
            *(self._java, *self._jvm, "-cp", path, f"org.apache.spark.deploy.{daemon}"),
            *("--host", HOST, "--properties-file", str(self.folder / "conf" / DAEMONS), *arguments),
        ]

    def _start(self, name: str, command: list[str], page: str | None = None) -> None:
        log = self.folder / "logs" / f"{name}.log"
        core = next((self._home / "jars").glob("spark-core_*.jar"))
        environment = os.environ | {
            "JAVA_HOME": str(Path(self._java).resolve().parents[1]),  # YARN's containers ask
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
        self.processes.append(
            Process(name, process.pid, started(process.pid), str(log), page, tuple(command))
        )


def fetch_all(jars: dict[str, str], cache: Path, maven: str, progress: Progress) -> list[Path]:
    return [fetch(path, sha256, cache, maven, progress) for path, sha256 in jars.items()]


def fetch(path: str, sha256: str, cache: Path, maven: str, progress: Progress) -> Path:
    """A jar of a Maven repository, kept in `cache`. Raises StorageError for one that is damaged."""
    target = cache / "jars" / path.rpartition("/")[2]
    if target.exists() and not doubt(target.parent) and _sha256(target) == sha256:
        return target
    url = f"{maven.rstrip('/')}/{path}"
    progress.say(f"fetching {url} ...")
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        own_folder(target.parent)
    except OSError as error:
        raise StorageError(f"{target.parent} cannot be used ({error}); see cache.folder") from error
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        if (got := _sha256(part)) != sha256:
            raise StorageError(f"{url} has the checksum {got}, not {sha256}: it is not used")
        part.replace(target)
    except (OSError, urllib.error.URLError) as error:
        raise StorageError(
            f"{url} could not be fetched ({error}){heeded()}; a mirror is named by "
            "MATCHING_HADOOP__MAVEN"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def write_xml(path: Path, values: dict[str, str]) -> None:
    rows = "".join(
        f"  <property><name>{escape(k)}</name><value>{escape(v)}</value></property>\n"
        for k, v in values.items()
    )
    path.write_text(f"<configuration>\n{rows}</configuration>\n", encoding="utf-8")


def started(pid: int) -> str:
    """When a process was started, or '' when it is not (a zombie is not).

    Raises StorageError where there is no ps, as in slim images of containers.
    """
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise StorageError(
            "there is no ps on PATH, by which a cluster's processes are known: apt install procps"
        ) from None
    shown = done.stdout.split(maxsplit=1)
    return shown[1].strip() if len(shown) == 2 and not shown[0].startswith("Z") else ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tail(log: Path) -> str:
    """What a daemon said last, without Java's stacks: the cause stands above them."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if not line.lstrip().startswith(("at ", "... "))][-TAIL_LINES:]
    return f"the end of {log}:\n" + "\n".join(said)
