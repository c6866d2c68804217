"""A table's metadata as Iceberg's Hadoop catalog lays it out, read without a JVM."""

import re
from dataclasses import dataclass

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.errors import MatchingError

VERSION = re.compile(r"/v(\d+)\.metadata\.json$")


def current_metadata(uri: str, name: str = "posts") -> StaticTable | None:
    """The newest metadata of the Hadoop catalog's table, or None when there is no table."""
    folder = storage.join(uri, name, "metadata")
    version = _hinted(folder)
    if version is None:
        return None
    # A writer that died between the commit and the hint leaves the hint behind the truth.
    while storage.exists(storage.join(folder, f"v{version + 1}.metadata.json")):
        version += 1
    return StaticTable.from_metadata(
        storage.join(folder, f"v{version}.metadata.json"),
        {"py-io-impl": f"{StorageFileIO.__module__}.{StorageFileIO.__qualname__}"},
    )


def _hinted(folder: str) -> int | None:
    """A version that is there or was; None where there is no table."""
    try:
        return int(storage.read_bytes(storage.join(folder, "version-hint.text")))
    except FileNotFoundError:
        # A commit deletes the hint and renames a new one to its place: in between there is none.
        if not storage.exists(folder):
            return None
        names = map(VERSION.search, storage.walk(folder))
        return max((int(name[1]) for name in names if name), default=None)


@dataclass
class _StorageFile(InputFile):
    """A file that pyiceberg reads, through storage.py."""

    _location: str

    @property
    def location(self) -> str:
        return self._location

    def __len__(self) -> int:
        return storage.size_bytes(self._location)

    def exists(self) -> bool:
        return storage.exists(self._location)

    def open(self, seekable: bool = True) -> InputStream:
        return storage.open_input(self._location)


class StorageFileIO(FileIO):
    """pyiceberg's reading through storage.py; writing is Spark's."""

    def new_input(self, location: str) -> InputFile:
        return _StorageFile(location)

    def new_output(self, location: str) -> OutputFile:
        raise MatchingError(f"{location}: the table is written by Spark only")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise MatchingError(f"{location}: the table is written by Spark only")
