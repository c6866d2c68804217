"""A development cluster by the settings: started, looked at, stopped."""

from dataclasses import dataclass
from pathlib import Path

from matching_spark.config import Settings
from matching_spark.domain.results import Reported
from matching_spark.errors import InputError
from matching_spark.progress import SILENT, Progress
from matching_spark.spark import cluster
from matching_spark.spark.cluster import MANAGERS, Cluster, Size

__all__ = ["MANAGERS", "Size", "Stopped", "down", "status", "up"]


@dataclass(frozen=True)
class Stopped(Reported):
    """The names of the processes that were stopped; deleted: the cluster's data too."""

    stopped: tuple[str, ...]
    folder: str
    deleted: bool


def up(settings: Settings, folder: Path, size: Size, progress: Progress = SILENT) -> Cluster:
    """Start a cluster in a folder, or what has died of the one there.

    Raises UsageError when all of it runs, StorageError naming the log of what did not start.
    """
    return cluster.up(folder, Path(settings.cache.folder), size, settings.hadoop.maven, progress)


def status(folder: Path) -> Cluster:
    """The cluster of a folder. Raises InputError when there is none."""
    state = Cluster.load(folder.resolve())
    if state is None:
        raise InputError(f"there is no cluster in {folder}; `matching-spark cluster up` starts one")
    return state


def down(folder: Path, delete: bool = False) -> Stopped:
    """Stop the cluster of a folder; delete: its data and logs too. Raises InputError."""
    return Stopped(tuple(cluster.down(folder, delete)), str(folder), delete)
