"""Which NameNodes an hdfs:// authority stands for, and which ResourceManagers there are, from
Hadoop's own configuration files."""

import os
import socket
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree  # of the operator's own files, as Hadoop itself trusts them

from matching_spark.errors import StorageError

PORT = 8020  # Hadoop's default of a NameNode's RPC port
CONNECT_S = 5
ANSWER_S = 30  # a NameNode that collects garbage says nothing for some seconds

Address = tuple[str, int]


def heed_conf_dir(folder: str | None) -> None:
    """Let this process and its children find Hadoop's configuration there; None changes nothing.

    The one place that writes HADOOP_CONF_DIR. It has to be the environment: the HDFS client, the
    JVM and this module read it there. Called before any of them looks: where the command line has
    its settings, and where Spark is started by settings.
    """
    if folder:
        os.environ["HADOOP_CONF_DIR"] = folder


def same_authority(one: str, other: str) -> bool:
    """Whether two authorities ('': Hadoop's default one) name a NameNode in common.

    Compared after the default port and the nameservice, by names first and then by what the names
    resolve to.
    """
    if one == other:
        return True
    here, there = _namenodes(one), _namenodes(other)
    return bool(here & there) or bool(_resolved(here) & _resolved(there))


def _namenodes(authority: str) -> frozenset[Address]:
    return frozenset(_by_name(authority)[1].values())


def _by_name(authority: str) -> tuple[str, dict[str, Address]]:
    """The authority, Hadoop's default one for '', and its NameNodes by their names in a
    nameservice; one alone has none."""
    conf = _conf(os.environ.get("HADOOP_CONF_DIR"))
    if not authority:
        scheme, _, rest = conf.get("fs.defaultFS", "").partition("://")
        authority = rest.partition("/")[0] if scheme == "hdfs" else ""
    names = [n.strip() for n in conf.get(f"dfs.ha.namenodes.{authority}", "").split(",")]
    found = {n: conf.get(f"dfs.namenode.rpc-address.{authority}.{n}", "") for n in names}
    addresses = {name: _address(each) for name, each in found.items() if each}
    return authority, addresses or ({"": _address(authority)} if authority else {})


def heard(authority: str) -> dict[str, str]:
    """Hadoop's key that leaves out the NameNodes of a nameservice that say nothing: hdfs-native
    waits for them for ever, and hears no Ctrl-C meanwhile. Raises TimeoutError where none does.

    One that nobody answers for at all is left in: hdfs-native says so itself.
    """
    authority, every = _by_name(authority)
    live = [name for name, address in every.items() if _says_something(address)]
    if every and not live:
        where = ", ".join(f"{host}:{port}" for host, port in every.values())
        raise TimeoutError(
            f"who listens at {where} says nothing for {ANSWER_S} s: start the NameNode again, or "
            "name where one listens"
        )
    return {} if len(live) == len(every) else {f"dfs.ha.namenodes.{authority}": ",".join(live)}


def resource_managers() -> list[str]:
    """HOST:PORT of each that yarn-site.xml names by its letters: Hadoop fills in variables."""
    conf = _conf(os.environ.get("YARN_CONF_DIR")) | _conf(os.environ.get("HADOOP_CONF_DIR"))
    key = "yarn.resourcemanager"
    ids = conf.get(f"{key}.ha.rm-ids", "") if conf.get(f"{key}.ha.enabled") == "true" else ""
    ends = [f".{each.strip()}" for each in ids.split(",") if each.strip()] or [""]
    hosts = {end: conf.get(f"{key}.hostname{end}") for end in ends}
    named = [conf.get(f"{key}.address{e}") or (hosts[e] and f"{hosts[e]}:8032") for e in ends]
    return [each for each in named if each and "$" not in each]


def _says_something(address: Address) -> bool:
    """Whether who listens there does, as every server of Hadoop's; also where nobody listens."""
    host, port = address
    try:
        with socket.create_connection((host.strip("[]"), port), CONNECT_S) as asked:
            asked.settimeout(ANSWER_S)
            asked.sendall(b"GET / HTTP/1.0\r\n\r\n")  # it says that it has no pages
            asked.recv(1 << 16)
    except TimeoutError:
        return False
    except (OSError, UnicodeError):
        pass
    return True


def host_and_port(authority: str) -> tuple[str, int | None]:
    """The two of an authority; a nameservice has no port."""
    authority = authority.rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if colon and (not port or port.isdecimal()):
        return host, int(port) if port else None
    return authority, None


def _address(authority: str) -> Address:
    host, port = host_and_port(authority)
    return host.lower(), port or PORT


def _resolved(addresses: frozenset[Address]) -> set[Address]:
    found: set[Address] = set()
    for host, port in addresses:
        try:
            infos = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a name that is not known here stands for itself alone
            continue
        found |= {(str(info[4][0]), port) for info in infos}
    return found


@lru_cache(maxsize=8)
def _conf(folder: str | None) -> dict[str, str]:
    """What the files of a HADOOP_CONF_DIR say, read once a process, as Hadoop does.

    A file that is not there says nothing.
    """
    values: dict[str, str] = {}
    for name in ("core-site.xml", "hdfs-site.xml", "yarn-site.xml"):
        path = Path(folder or ".") / name
        if folder is None or not path.is_file():
            continue
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            raise StorageError(f"{path} is no configuration of Hadoop's: {error}") from None
        for each in root.iter("property"):
            key, value = each.findtext("name"), each.findtext("value")
            if key:
                values[key.strip()] = (value or "").strip()
    return values
