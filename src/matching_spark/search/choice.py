"""Which runner searches where none is named: Spark on a cluster, or for what this host cannot hold;
else this process, which starts no JVM.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from matching_spark.config import Settings
from matching_spark.search.runners import RunnerName
from matching_spark.shards.shard import DataFile
from matching_spark.spark.loopback import is_local
from matching_spark.spark.wanted import master_of


@dataclass(frozen=True)
class Choice:
    """A runner, and why it is the one."""

    runner: RunnerName
    why: str

    def __str__(self) -> str:
        where = "by Spark" if self.runner == "spark" else "in this process"
        return f"{where}: {self.why}"


def chosen(settings: Settings, files: Iterable[DataFile], master: str | None = None) -> Choice:
    """The runner for what lies in data files: `similarity.runner`, or by the rule above. master: of
    the session that there is; None: of the one that the settings would start.

    Their sizes stand for those of their shards: most of both is vectors, which are not compressed.
    """
    named = settings.similarity.runner
    if named != "auto":
        return Choice(named, f"similarity.runner is {named}")
    master = master_of(settings) if master is None else master
    if not is_local(master):
        return Choice("spark", f"spark.master is {master}")
    held, most = sum(file.size_bytes for file in files), settings.cache.max_bytes
    few = "less than 1" if held < 5e5 else f"{held / 1e6:,.0f}"
    sizes = f"{few} MB to search, and cache.max_bytes is {most / 1e6:,.0f} MB"
    if held > most:
        return Choice("spark", sizes)
    return Choice("memory", f"spark.master is {master}, {sizes}")
