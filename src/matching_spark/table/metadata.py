"""A table's metadata as Iceberg's Hadoop catalog lays it out, read without a JVM.

The metadata name every file by its whole place. So a table is one only where it was made: a copy
would read, and its maintenance remove, the files of the table that it was copied from.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from uuid import UUID

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import StaticTable
from pyiceberg.table.snapshots import Snapshot

from matching_spark import storage
from matching_spark.errors import StorageError
from matching_spark.table.iceberg_io import StorageFile, StorageFileIO

VERSION = re.compile(r"/v(\d+)\.metadata\.json$")
PACKED = re.compile(r"/v\d+(\.gz\.metadata\.json|\.metadata\.json\.gz)$")
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
    made = made_at(table)
    if not is_at(made, uri, name):
        unknown = "" if storage.is_local(made) else ", or that is a name for it unknown here"
        raise StorageError(
            f"{uri} was moved or copied from {storage.parent(made)}{unknown}: the metadata of its "
            f"{name} name the files there, so it is neither read nor written; `matching-spark "
            "adopt` makes it a table of its own, with the rows that it has now"
        )
    return table


def load_metadata(path: str, io: FileIO | None = None) -> StaticTable:
    """A table as one metadata file has it. io: how the files that it names are read.

    Raises StorageError naming the file when it cannot be read.
    """
    try:
        metadata = FromInputFile.table_metadata(StorageFile(path))
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
        io=io or StorageFileIO(),
        catalog=NoopCatalog("static-table"),
    )


def newest(uri: str, name: str) -> str | None:
    """The place of the newest metadata file, whatever it says; None when there is no table."""
    folder = storage.join(uri, name, "metadata")
    number = _hinted(folder)
    if number is None or not storage.exists(storage.join(folder, f"v{number}.metadata.json")):
        # A commit deletes the hint and renames a new one to its place: in between there is none.
        # A copy that was taken meanwhile has none, or one of a version that it lacks.
        number = _latest(folder)
    if number is None:
        return None
    # A writer that died between the commit and the hint leaves the hint behind the truth.
    while storage.exists(storage.join(folder, f"v{number + 1}.metadata.json")):
        number += 1
    return storage.join(folder, f"v{number}.metadata.json")


def made_at(table: StaticTable) -> str:
    """The place of a table as its metadata say it, in the spelling that its files' names have."""
    return storage.recorded(table.metadata.location.rstrip("/"))


def is_at(made: str, uri: str, name: str) -> bool:
    """Whether a table made at `made` is the table `name` of the warehouse at `uri`.

    Both folders are compared: a link to another warehouse's posts is not a warehouse.
    """
    return storage.same_place(made, storage.join(uri, name)) and storage.same_place(
        storage.parent(made), uri
    )


def version(table: StaticTable) -> tuple[str, UUID, int]:
    """What tells one state from another, also where a folder was replaced by a copy."""
    state = table.metadata
    return table.metadata_location, state.table_uuid, state.last_updated_ms


def tables(uri: str) -> list[str]:
    """The names of the tables that lie in a warehouse, posts last; none where there is none."""
    folders = storage.folders(uri) if storage.exists(uri) else []
    found = [name for name in folders if newest(uri, name) is not None]
    return sorted(found, key=lambda name: (name == "posts", name))


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


def _hinted(folder: str) -> int | None:
    """The version that the hint names, which is there or was; None without a hint."""
    try:
        hint = storage.read_bytes(storage.join(folder, "version-hint.text"))
    except FileNotFoundError:
        return None
    return int(hint) if hint.strip().isdigit() else None


def _latest(folder: str) -> int | None:
    """The highest version that is there; None where there is no table."""
    files = list(storage.walk(folder)) if storage.exists(folder) else []
    versions = [int(found[1]) for file in files if (found := VERSION.search(file))]
    if not versions and (packed := next(filter(PACKED.search, files), None)):
        raise StorageError(
            f"{packed} is compressed, which nothing here reads: set the table's "
            "write.metadata.compression-codec to none, and commit to it once"
        )
    return max(versions, default=None)
