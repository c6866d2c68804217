"""A table's metadata as Iceberg's Hadoop catalog lays it out, read without a JVM.

The metadata name every file by its whole place. So a table is one only where it was made: a copy
would read, and its maintenance remove, the files of the table that it was copied from.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import chain

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.serializers import FromByteStream
from pyiceberg.table import StaticTable
from pyiceberg.table.snapshots import Snapshot

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.table.iceberg_io import StorageFileIO
from matching_spark.table.versions import check_place, newest

# What reading torn JSON or Avro raises, pydantic's own among them.
UNREADABLE = (
    *(ValidationError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    ArithmeticError,
)


def current_metadata(uri: str, name: str = "posts") -> StaticTable | None:
    """The newest metadata of the table `name` of a warehouse, or None when there is no table.

    Raises StorageError where they speak of a table in another place.
    """
    path = newest(uri, name)
    if path is None:
        return None
    table = load_metadata(path)
    check_place(made_at(table), uri, name)
    return table


def load_metadata(path: str, files: FileIO | None = None) -> StaticTable:
    """A table as one metadata file has it. files: how those that it names are read.

    Raises StorageError naming the file when it cannot be read.
    """
    return parsed(path, storage.read_bytes(path), files)


def parsed(path: str, data: bytes, files: FileIO | None = None) -> StaticTable:
    """The same of a metadata file whose bytes are at hand."""
    try:
        metadata = FromByteStream.table_metadata(io.BytesIO(data))
    except UNREADABLE as error:
        raise StorageError(
            f"{path} cannot be read ({type(error).__name__}): it is torn, or of another engine; "
            "restore it from a copy, or move it away for the version before it to count"
        ) from error
    # Not by StaticTable.from_metadata: it would import whatever class the table's properties name.
    return StaticTable(
        identifier=("static-table", path),
        metadata=metadata,
        metadata_location=path,
        io=files or StorageFileIO(),
        catalog=NoopCatalog("static-table"),
    )


def made_at(table: StaticTable) -> str:
    """The place of a table as its metadata say it, in the spelling that its files' names have."""
    return storage.recorded(table.metadata.location.rstrip("/"))


def live_files(metadata: StaticTable, snapshots: list[int]) -> Iterator[DataFile]:
    """The data and delete files of some snapshots, each manifest read once."""
    seen: set[str] = set()
    for number in snapshots:
        snapshot = metadata.snapshot_by_id(number)
        for manifest in snapshot.manifests(metadata.io) if snapshot is not None else ():
            if manifest.manifest_path not in seen:
                seen.add(manifest.manifest_path)
                for entry in manifest.fetch_manifest_entry(metadata.io):
                    yield entry.data_file


def named_files(
    metadata: StaticTable, snapshots: Sequence[Snapshot] | None = None
) -> Iterator[str]:
    """The place of every file that some snapshots of a table name, None: any; and of its metadata's
    log."""
    state = metadata.metadata
    snapshots = state.snapshots if snapshots is None else snapshots
    locations = [entry.metadata_file for entry in state.metadata_log]
    for snapshot in snapshots:
        manifests = snapshot.manifests(metadata.io)
        locations += [snapshot.manifest_list, *(m.manifest_path for m in manifests)]
    files = live_files(metadata, [s.snapshot_id for s in snapshots])
    return map(storage.recorded, chain(locations, (file.file_path for file in files)))
