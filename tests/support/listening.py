"""What a process and all it has started listen on, by the kernel's own lists."""

import ipaddress
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from matching_spark.spark.cluster import Cluster

PROC = Path("/proc")
# Of /proc/net: the state of a socket that waits for others, and the column of its inode.
LISTS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
ACCEPTS = "00010000"  # of /proc/net/unix


@dataclass(frozen=True)
class Listener:
    protocol: str
    address: str  # of an IP protocol; for "unix" the socket's path
    port: int | None = None

    @property
    def on_loopback(self) -> bool:
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return bool((mapped or address).is_loopback)


def tree(pid: int) -> set[int]:
    """The process and its descendants."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended since
            continue
    found, before = {pid}, 0
    while len(found) > before:
        before = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def listeners(pids: Iterable[int]) -> set[Listener]:
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    found = set()
    for protocol, waiting in LISTS.items():
        for line in (PROC / "net" / protocol).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == waiting and columns[9] in inodes:
                address, port = columns[1].split(":")
                found.add(Listener(protocol, _address(address), int(port, 16)))
    for line in (PROC / "net" / "unix").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == ACCEPTS and columns[6] in inodes:
            found.add(Listener("unix", columns[7] if len(columns) > 7 else ""))
    return found


def _inodes(pid: int) -> set[str]:
    links = []
    with suppress(OSError):  # the process has ended since
        for file in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):  # or has closed this one
                links.append(str(file.readlink()))
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _address(words: str) -> str:
    """As the kernel writes it: words of 32 bits, each in this machine's order."""
    data = bytes.fromhex(words)
    turned = b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
    return str(ipaddress.ip_address(turned))


def watched(
    command: list[str], env: dict[str, str], cwd: Path, *also: int
) -> tuple[str, set[Listener]]:
    """Run a command; its stdout, and all that it has listened on meanwhile, with what it started.

    also: other processes that are watched with what they start.
    """
    seen: set[Listener] = set()
    log = cwd / "stderr.txt"
    with (
        log.open("w") as errors,
        (cwd / "stdout.txt").open("w") as out,
        subprocess.Popen(command, env=env, cwd=cwd, stdout=out, stderr=errors) as process,
    ):
        while process.poll() is None:
            seen |= listeners(set().union(*map(tree, (process.pid, *also))))
            time.sleep(0.5)  # what listens does so for seconds
    assert process.returncode == 0, log.read_text()
    return (cwd / "stdout.txt").read_text(), seen


def beyond_loopback(seen: set[Listener]) -> list[Listener]:
    return [each for each in seen if each.protocol != "unix" and not each.on_loopback]


def of(cluster: Cluster) -> list[int]:
    """The processes of a development cluster."""
    return [process.pid for process in cluster.processes]


def ports(seen: set[Listener]) -> set[int]:
    """Where they listen, Unix sockets aside."""
    return {each.port for each in seen if each.port is not None}
