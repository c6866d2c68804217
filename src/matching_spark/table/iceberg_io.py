"""pyiceberg's way to files, through storage.py: a table on HDFS is read as one in a folder."""

import io

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.manifest import ManifestContent, ManifestWriterV2

from matching_spark import storage
from matching_spark.errors import MatchingError


class StorageFile(InputFile):
    """A file that pyiceberg reads."""

    def __len__(self) -> int:
        return storage.size_bytes(self.location)

    def exists(self) -> bool:
        return storage.exists(self.location)

    def open(self, seekable: bool = True) -> InputStream:
        return storage.open_input(self.location)


class StorageFileIO(FileIO):
    """pyiceberg's reading; the table is written by Spark."""

    def new_input(self, location: str) -> InputFile:
        return StorageFile(storage.recorded(location))

    def new_output(self, location: str) -> OutputFile:
        raise MatchingError(f"{location}: the table is written by Spark only")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise MatchingError(f"{location}: the table is written by Spark only")


class NewFile(OutputFile):
    """A small file that pyiceberg writes, through storage.py: there, whole, once it is closed."""

    def __len__(self) -> int:
        return storage.size_bytes(self.location)

    def exists(self) -> bool:
        return storage.exists(self.location)

    def to_input_file(self) -> InputFile:
        return StorageFileIO().new_input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        return _NewStream(self.location)


class _NewStream(io.BytesIO):
    """What is stored when it is closed."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self._location = location

    def close(self) -> None:
        if not self.closed:
            storage.write_bytes(self._location, self.getvalue())
        super().close()


class ManifestWriter(ManifestWriterV2):
    """pyiceberg's writer of manifests, which knows those of data only."""

    kind = ManifestContent.DATA

    def content(self) -> ManifestContent:
        return self.kind

    @property
    def _meta(self) -> dict[str, str]:
        named = "deletes" if self.kind == ManifestContent.DELETES else "data"
        return {**super()._meta, "content": named}
