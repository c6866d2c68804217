"""Adopt: a table that was moved or copied becomes a table of its own, where it lies now.

Iceberg names every file by its whole place: in the metadata, the manifests and the rows of position
deletes. The current state is named anew, and one new metadata file makes that the table; no row is
read or written, but those of deletes. What came before (history, undo, the stamp of `match --new`)
ends: it is spread over files that a copy need not have.
"""

import io
import json
import os
import secrets
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import InputFile
from pyiceberg.manifest import (
    DATA_FILE_TYPE,
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestFile,
    write_manifest_list,
)
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.config import Hadoop
from matching_spark.domain.results import Reported
from matching_spark.errors import InputError, StorageError
from matching_spark.layout import CELLS, PHOTOS, cells_here
from matching_spark.progress import SILENT, Progress
from matching_spark.table.catalog import PROPERTY
from matching_spark.table.iceberg_io import ManifestWriter, NewFile, StorageFileIO
from matching_spark.table.mark import kept, merged
from matching_spark.table.metadata import (
    PLACES,
    UNREADABLE,
    entries,
    listed,
    load_metadata,
    made_at,
    named_files,
)
from matching_spark.table.versions import is_at, newest, tables
from matching_spark.table.writer_lock import writing

Json = dict[str, Any]  # metadata as they lie in their file, by the names of Iceberg's spec
FORMAT: Literal[2] = 2  # of Iceberg: what is written here
FILE_PATH = 2147483546  # the column of a position delete that names the data file; Iceberg's spec
FIELDS = {each.name: at for at, each in enumerate(DATA_FILE_TYPE[FORMAT].fields)}
CELLS_PROPERTY, HEAD_PROPERTY = PROPERTY + "cells", PROPERTY + "model-snapshot"
TOTALS = (  # of a snapshot's summary
    *("total-records", "total-data-files", "total-delete-files", "total-files-size"),
    *("total-position-deletes", "total-equality-deletes"),
)
POSTS = "posts"


@dataclass(frozen=True)
class Adopted(Reported):
    """What an adopt did. made_at: where it came from; the counts are of all its tables."""

    table: str
    made_at: str
    tables: list[str]
    data_files: int
    delete_files: int
    snapshot: str | None  # of the posts
    lacks: list[str]  # folders that did not come along


def adopt(uri: str, hadoop: Hadoop | None = None, progress: Progress = SILENT) -> Adopted:
    """Make every table of a warehouse that was moved or copied its own. No JVM.

    The posts come last, so that one that was stopped is refused until it is run again. Raises
    InputError where there is nothing to adopt, StorageError naming a file that is not here.
    """
    uri = storage.absolute(uri)
    if not tables(uri):
        raise InputError(f"there is no table at {uri}: hadoop.uri names the folder that was copied")
    with writing(uri, None, (hadoop or Hadoop()).lock_wait_s):
        foreign = [run for run in (_Adopt(uri, name) for name in tables(uri)) if not run.is_own()]
        if not foreign:
            raise InputError(f"{uri} holds no table that was moved or copied: nothing to adopt")
        for run in foreign:
            run.check_other()
        for run in foreign:
            progress.say(f"naming the files of {run.name} anew, made in {run.made} ...")
            run.prepare()
        for run in foreign:
            run.commit()
    lacks = list(dict.fromkeys(name for run in foreign for name in run.lacks))
    if not storage.exists(storage.join(uri, PHOTOS)):
        lacks.append(PHOTOS)
    return Adopted(
        uri,
        storage.parent(foreign[-1].made),
        tables=[run.name for run in foreign],
        data_files=sum(len(run.moved) for run in foreign),
        delete_files=sum(run.deletes for run in foreign),
        snapshot=next((run.snapshot for run in foreign if run.name == POSTS), None),
        lacks=lacks,
    )


class _Adopt:
    """One table. moved: the data files of its current state, as they were named -> as they are.

    here: the place that its files are named by from now on.
    """

    def __init__(self, uri: str, name: str) -> None:
        path = newest(uri, name)
        assert path is not None  # it is one of `tables`
        self.name = name
        self.path = path
        self.made = made_at(load_metadata(path))
        # Where it lies where it was made, a link to it gives it no other name.
        self.here = self.made if is_at(self.made, uri, name) else storage.join(uri, name)
        self.uri = storage.parent(self.here)
        self.table: StaticTable = load_metadata(path, _Moved(self))
        self.moved: dict[str, str] = {}
        self.deletes = 0
        self.lacks: list[str] = []
        self.snapshot: str | None = None
        self._totals = dict.fromkeys(TOTALS, 0)
        self._next = b""

    def is_own(self) -> bool:
        """Whether it lies where it was made, and all that it names lies there by that name."""
        return self.here == self.made and all(
            map(self.is_here, named_files(load_metadata(self.path)))
        )

    def check_other(self) -> None:
        """Raise InputError where the place it was made in is this one by a name unknown here.

        As a nameservice is without HADOOP_CONF_DIR: adopted, the table would be lost to the others.
        """
        if self.here == self.made:
            return
        name = f".probe-{uuid.uuid4().hex}"
        probe = storage.join(self.here, "metadata", name)
        storage.write_bytes(probe, b"")
        try:
            with suppress(StorageError):  # what cannot be reached is another place
                if storage.exists(storage.join(self.made, "metadata", name)):
                    raise InputError(
                        f"{self.uri} is {storage.parent(self.made)} by another name: open it by "
                        "that one, or let HADOOP_CONF_DIR say what that stands for"
                    )
        finally:
            storage.remove(probe)

    def is_here(self, place: str) -> bool:
        return storage.lies_in(place, self.here)

    def place(self, location: str) -> str:
        """Where a file lies now. Raises StorageError for one that lies in neither folder."""
        place = storage.recorded(location)
        if storage.lies_in(place, self.made):
            return self.here + place[len(self.made) :]
        if self.is_here(place):
            return place
        if storage.is_local(place) and storage.is_local(self.here):  # by way of a link
            inside = os.path.relpath(os.path.realpath(place), os.path.realpath(self.here))
            if not inside.startswith(".."):
                return storage.join(self.here, inside)
        raise StorageError(
            f"{self.uri} cannot be adopted: its {self.name} name {place}, which lies neither there "
            f"nor in {self.made}; nothing was changed"
        )

    def prepare(self) -> None:
        """Write the manifests of the current state, which nothing names yet."""
        try:
            self._prepare()
        except FileNotFoundError as error:
            raise StorageError(f"{error.filename or error} is not there: {self._torn}") from None
        except (OSError, *UNREADABLE, pa.ArrowException) as error:
            # OSError: of a page that is not what its checksum says.
            raise StorageError(f"its {self.name} cannot be read ({error}): {self._torn}") from error

    @property
    def _torn(self) -> str:
        made = storage.parent(self.made)
        return f"{self.uri} is no whole copy of {made}; copy it again, nothing was changed"

    def _prepare(self) -> None:
        state = json.loads(storage.read_bytes(self.path))
        if state["format-version"] != FORMAT:
            raise StorageError(
                f"{self.path} is of Iceberg's format {state['format-version']}, not {FORMAT}: it "
                "was changed by another engine and cannot be adopted"
            )
        number, snapshot = secrets.randbits(62), None
        if self.table.current_snapshot() is not None:
            manifests = self._manifest_list(number, state["last-sequence-number"] + 1)
            snapshot = {
                "snapshot-id": number,
                "sequence-number": state["last-sequence-number"] + 1,
                "timestamp-ms": _now_ms(state),
                "summary": {"operation": "replace"}
                | {name: str(total) for name, total in self._totals.items()},
                "manifest-list": manifests,
                "schema-id": state["current-schema-id"],
            }
            self.snapshot = str(number)
        self._next = json.dumps(self._renewed(state, snapshot), ensure_ascii=False).encode()

    def commit(self) -> None:
        """Make what was prepared the next version of the metadata."""
        version = int(self.path.rpartition("/v")[2].partition(".")[0]) + 1
        folder = storage.join(self.here, "metadata")
        try:
            storage.create(storage.join(folder, f"v{version}.metadata.json"), self._next)
        except FileExistsError:
            raise StorageError(
                f"{self.here} was changed meanwhile and is not adopted; run it again"
            ) from None
        storage.write_bytes(storage.join(folder, "version-hint.text"), str(version).encode())

    def _renewed(self, state: Json, snapshot: Json | None) -> Json:
        """The metadata with this place, and one snapshot or none."""
        made = storage.parent(self.made)
        properties = {
            key: self.uri + value[len(made) :] if value.startswith(f"{made}/") else value
            for key, value in state["properties"].items()
            if key != HEAD_PROPERTY
        }
        if CELLS_PROPERTY in properties:
            cells = cells_here(self.uri, properties[CELLS_PROPERTY])
            properties[CELLS_PROPERTY] = cells
            if not storage.exists(cells):  # an index can be had again, a search without it too
                del properties[CELLS_PROPERTY]
                self.lacks.append(CELLS)
        for key in PLACES:  # outside of the table it would write into another one's files
            if not self.is_here(properties.get(key, f"{self.here}/")):
                del properties[key]
        number, at = -1, _now_ms(state)
        snapshots, log, refs = [], [], {}
        if snapshot is not None:
            number, at = snapshot["snapshot-id"], snapshot["timestamp-ms"]
            properties |= kept(merged(self.table), number)
            snapshots, log = [snapshot], [{"snapshot-id": number, "timestamp-ms": at}]
            refs = {"main": {"snapshot-id": number, "type": "branch"}}
        return {k: v for k, v in state.items() if not k.endswith("statistics")} | {
            "table-uuid": str(uuid.uuid4()),
            "location": self.here,
            "last-sequence-number": state["last-sequence-number"] + (snapshot is not None),
            "properties": properties,
            "metadata-log": [],
            "current-snapshot-id": number,
            "snapshots": snapshots,
            "snapshot-log": log,
            "refs": refs,
            "last-updated-ms": at,
        }

    # -- manifests ---------------------------------------------------------------------------

    def _manifest_list(self, snapshot: int, sequence: int) -> str:
        """Write the current state's manifests with the files as they are named now."""
        current = self.table.current_snapshot()
        assert current is not None
        manifests = listed(self.table, current)
        # The data first: only what deletes say of those files matters.
        data = [m for m in manifests if m.content == ManifestContent.DATA]
        written = [self._manifest(m, snapshot, self._data_file) for m in data]
        deletes = [m for m in manifests if m.content == ManifestContent.DELETES]
        written += [self._manifest(m, snapshot, self._delete_file) for m in deletes]
        name = f"snap-{snapshot}-1-{uuid.uuid4()}.avro"
        file = NewFile(storage.join(self.here, "metadata", name))
        with write_manifest_list(FORMAT, file, snapshot, None, sequence, "deflate") as writer:
            writer.add_manifests([each for each in written if each is not None])
        return file.location

    def _manifest(
        self, manifest: ManifestFile, snapshot: int, renamed: Callable[[DataFile], DataFile | None]
    ) -> ManifestFile | None:
        """Its entries with other data files; None when none is left. Sequence numbers stay: by
        them a delete speaks of what was there before it."""
        there = entries(self.table, manifest)
        files = [renamed(entry.data_file) for entry in there]
        if not any(files):
            return None
        spec = self.table.specs()[manifest.partition_spec_id]
        out = NewFile(storage.join(self.here, "metadata", f"{uuid.uuid4()}-m0.avro"))
        writer = ManifestWriter(spec, self.table.schema(), out, snapshot, "deflate")
        writer.kind = manifest.content
        with writer:
            for entry, file in zip(there, files, strict=True):
                if file is not None:
                    entry.data_file = file
                    writer.existing(entry)
        return writer.to_manifest_file()

    def _data_file(self, file: DataFile) -> DataFile:
        place = self.place(file.file_path)
        self._check(place, file.file_size_in_bytes)
        self.moved[storage.recorded(file.file_path)] = place
        self._count(data_files=1, records=file.record_count, files_size=file.file_size_in_bytes)
        return _changed(file, file_path=place)

    def _delete_file(self, file: DataFile) -> DataFile | None:
        """The deletes with the data files' new names; None when they speak of none that is left."""
        place = self.place(file.file_path)
        self._check(place, file.file_size_in_bytes)
        if file.content != DataFileContent.POSITION_DELETES or place.endswith(".puffin"):
            raise StorageError(
                f"{place} has deletes of another engine: {self.uri} cannot be adopted; rewrite its "
                "data files there to fold them in, then copy it again"
            )
        with storage.open_input(place) as stream:
            rows = pq.ParquetFile(stream, page_checksum_verification=True).read(use_threads=False)
        at = rows.schema.get_field_index("file_path")
        # None: of a data file that is no more.
        named = [self.moved.get(storage.recorded(p)) for p in rows["file_path"].to_pylist()]
        renamed = pa.array(named, pa.string())
        rows = rows.set_column(at, rows.schema.field(at), renamed).filter(renamed.is_valid())
        if not len(rows):
            return None
        rows = rows.sort_by([("file_path", "ascending"), ("pos", "ascending")])
        sink = io.BytesIO()
        pq.write_table(rows, sink, write_page_checksum=True)
        new = storage.join(storage.parent(place), f"{uuid.uuid4()}-deletes.parquet")
        storage.write_bytes(new, sink.getvalue())
        self.deletes += 1
        size = len(sink.getvalue())
        self._count(delete_files=1, position_deletes=len(rows), files_size=size)
        lowest, highest = rows["file_path"][0].as_py(), rows["file_path"][-1].as_py()
        return _changed(
            file,
            file_path=new,
            record_count=len(rows),
            file_size_in_bytes=size,
            column_sizes=None,
            value_counts=None,
            null_value_counts=None,
            split_offsets=None,
            # Readers choose the deletes of a data file by these.
            lower_bounds={FILE_PATH: lowest.encode()},
            upper_bounds={FILE_PATH: highest.encode()},
        )

    def _count(self, **more: int) -> None:
        for name, number in more.items():
            self._totals["total-" + name.replace("_", "-")] += number

    def _check(self, place: str, size_bytes: int) -> None:
        """Raise StorageError for a file that the copy lacks."""
        there = storage.size_bytes(place) if storage.exists(place) else None
        if there != size_bytes:
            what = "is not there" if there is None else f"has {there:,} bytes of {size_bytes:,}"
            raise StorageError(f"{place} {what}: {self._torn}")


def _now_ms(state: Json) -> int:
    """The clock, but never before what the table was written at."""
    written: int = state["last-updated-ms"]
    return max(time.time_ns() // 1_000_000, written + 1)


def _changed(file: DataFile, **values: object) -> DataFile:
    for name, value in values.items():
        file[FIELDS[name]] = value
    return file


class _Moved(StorageFileIO):
    """Reads what a table names where it lies now."""

    def __init__(self, table: _Adopt) -> None:
        super().__init__()
        self._table = table

    def new_input(self, location: str) -> InputFile:
        return super().new_input(self._table.place(location))
