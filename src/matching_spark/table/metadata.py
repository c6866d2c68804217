"""A table's metadata as Iceberg's Hadoop catalog lays it out, read without a JVM.

The metadata name every file by its whole place. So a table is one only where it was made: a copy
would read, and its maintenance remove, the files of the table that it was copied from.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
from pyiceberg.serializers import FromByteStream
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.table.iceberg_io import StorageFileIO
from matching_spark.table.versions import check_place, newest

# What reading torn JSON or Avro raises, pydantic's own among them; SystemError: of compiled code.
UNREADABLE = (
    *(ValidationError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    *(ArithmeticError, AssertionError, RuntimeError, SystemError, struct.error, zlib.error),
)

PLACES = ("write.data.path", "write.metadata.path", "write.object-storage.path")
AVRO_MARK = 16  # bytes behind the head of an Avro file and each of its blocks, the same ones


def current_metadata(uri: str, name: str = "posts") -> StaticTable | None:
    """The newest metadata of the table `name` of a warehouse, or None when there is no table.

    Raises StorageError where they speak of a table in another place.
    """
    path = newest(uri, name)
    if path is None:
        return None
    table = load_metadata(path)
    check_place(made_at(table), uri, name)
    check_log(table)
    return table


def check_log(table: StaticTable) -> None:
    """Raise StorageError if the log of a table's metadata names files outside of it: with the next
    commit Iceberg removes the oldest ones, whatever they are."""
    log = table.metadata.metadata_log
    check_within(table, (storage.recorded(each.metadata_file) for each in log))


def check_within(table: StaticTable, places: Iterable[str]) -> None:
    """Raise StorageError for the first place that does not lie in a table."""
    made = made_at(table)
    for place in places:
        if not storage.lies_in(place, made):
            raise StorageError(
                f"{made} names {place}, which does not lie there: it is another's, and could be "
                "removed with what the table needs no more; `matching-spark adopt` names its files "
                "anew, where they came along"
            )


def check_files(table: StaticTable, snapshots: Iterable[int]) -> None:
    """Raise StorageError if some snapshots name a file outside of the table: Spark reads whatever
    they name."""
    files = live_files(table, [*snapshots])
    check_within(table, (storage.recorded(each.file_path) for each in files))


def check_current(uri: str, name: str) -> None:
    """The same of a table of a warehouse as it is now. Raises as `current_metadata`, too."""
    table = current_metadata(uri, name)
    if table is not None and (now := table.current_snapshot()) is not None:
        check_files(table, [now.snapshot_id])


def load_metadata(path: str, files: FileIO | None = None) -> StaticTable:
    """A table as one metadata file has it. files: how those that it names are read.

    Raises StorageError naming the file when it cannot be read.
    """
    return parsed(path, storage.read_bytes(path), files)


def parsed(path: str, data: bytes, files: FileIO | None = None) -> StaticTable:
    """The same of a metadata file whose bytes are at hand."""
    try:
        metadata = FromByteStream.table_metadata(io.BytesIO(data))
        _check_line({s.snapshot_id: s.parent_snapshot_id for s in metadata.snapshots})
    except UNREADABLE as error:
        raise StorageError(
            f"{path} cannot be read ({type(error).__name__}): it is torn, or of another engine; "
            "restore it from a copy, or move it away for the version before it to count"
        ) from error
    return table_of(metadata, path, files)


def table_of(metadata: TableMetadata, path: str, files: FileIO | None = None) -> StaticTable:
    """The same of metadata that were read, or that no file has yet: then the path is ''."""
    # Not by StaticTable.from_metadata: it would import whatever class the table's properties name.
    return StaticTable(
        identifier=("static-table", path),
        metadata=metadata,
        metadata_location=path,
        io=files or StorageFileIO(),
        catalog=NoopCatalog("static-table"),
    )


def _check_line(parents: Mapping[int, int | None]) -> None:
    """Raise ValueError where a snapshot comes after itself: whoever follows it would never end."""
    ends: set[int] = set()
    for first in parents:
        line: dict[int, None] = {}
        at: int | None = first
        while at is not None and at not in ends:
            if at in line:
                raise ValueError(f"the snapshot {at} comes after itself")
            line[at] = None
            at = parents.get(at)
        ends |= line.keys()


def made_at(table: StaticTable) -> str:
    """The place of a table as its metadata say it, in the spelling that its files' names have."""
    return storage.recorded(table.metadata.location.rstrip("/"))


@contextmanager
def reading(what: str) -> Iterator[None]:
    """What reading lists of files raises becomes a StorageError that names `what` they are of."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(f"a file that {what} names has gone: {error}") from error
    except UNREADABLE as error:
        said = str(error) or type(error).__name__
        if "equality deletes" in said:  # as Flink writes them
            said += (
                "; have the engine that wrote them rewrite its data files, or take them back with "
                "`matching-spark undo`"
            )
        raise StorageError(f"{what} cannot be read: {said}") from error


def listed(metadata: StaticTable, snapshot: Snapshot) -> list[ManifestFile]:
    """The manifests of a snapshot, whose list is read as a whole or raises what `reading` knows.

    pyiceberg takes the end of a list that was cut off for the end of its entries. A whole list that
    has entries ends with the same bytes as its head.
    """
    with metadata.io.new_input(snapshot.manifest_list).open() as stream:
        raw = stream.read()
    said = snapshot.summary and snapshot.summary["total-data-files"]
    if int(said or 0) and raw[-AVRO_MARK:] not in raw[:-AVRO_MARK]:
        raise ValueError(f"{snapshot.manifest_list}, which names its {said} data files, is torn")
    return snapshot.manifests(metadata.io)


def entries(metadata: StaticTable, manifest: ManifestFile) -> list[ManifestEntry]:
    """What a manifest names, read as a whole or as `listed`."""
    check_whole(metadata, manifest)
    return manifest.fetch_manifest_entry(metadata.io)


def check_whole(metadata: StaticTable, manifest: ManifestFile) -> None:
    """Raise ValueError if a manifest is not as long as the list of manifests says: of one that was
    cut off pyiceberg reads fewer files."""
    length = len(metadata.io.new_input(manifest.manifest_path))
    if length != manifest.manifest_length:
        raise ValueError(
            f"{manifest.manifest_path} has {length:,} bytes, and {manifest.manifest_length:,} when "
            "it was written: it is torn"
        )


def planned_files(
    metadata: StaticTable, snapshot: Snapshot, what: str, **options: Any
) -> list[FileScanTask]:
    """The data files of a snapshot with their deletes; options: of pyiceberg's scan. Raises
    StorageError, which names `what` it is of, where a list of them cannot be read as a whole, and
    for a file that does not lie in the table."""
    with reading(what):
        for manifest in listed(metadata, snapshot):
            check_whole(metadata, manifest)
        tasks = [*metadata.scan(snapshot_id=snapshot.snapshot_id, **options).plan_files()]
    files = (each for task in tasks for each in (task.file, *task.delete_files))
    check_within(metadata, (storage.recorded(each.file_path) for each in files))
    return tasks


def live_files(metadata: StaticTable, snapshots: list[int]) -> Iterator[DataFile]:
    """The data and delete files of some snapshots, each manifest read once. Raises StorageError."""
    seen: set[str] = set()
    for snapshot in map(metadata.snapshot_by_id, snapshots):
        with reading(made_at(metadata)):
            for manifest in listed(metadata, snapshot) if snapshot is not None else ():
                if manifest.manifest_path not in seen:
                    seen.add(manifest.manifest_path)
                    yield from (each.data_file for each in entries(metadata, manifest))


def named_files(
    metadata: StaticTable, snapshots: Sequence[Snapshot] | None = None
) -> Iterator[str]:
    """The place of every file that some snapshots of a table name, None: any; and of its metadata's
    log."""
    state = metadata.metadata
    snapshots = state.snapshots if snapshots is None else snapshots
    locations = [entry.metadata_file for entry in state.metadata_log]
    for snapshot in snapshots:
        with reading(made_at(metadata)):
            manifests = listed(metadata, snapshot)
        locations += [snapshot.manifest_list, *(m.manifest_path for m in manifests)]
    files = live_files(metadata, [s.snapshot_id for s in snapshots])
    return map(storage.recorded, chain(locations, (file.file_path for file in files)))
