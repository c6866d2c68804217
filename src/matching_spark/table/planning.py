"""Plans and checks of a table's metadata by pyiceberg, whose import takes half a second: who finds
what is kept (kept_plans) imports none of this.
"""

from typing import Any, cast

from pyiceberg.expressions import And, BooleanExpression, EqualTo
from pyiceberg.expressions.literals import literal
from pyiceberg.manifest import DataFile as IcebergFile
from pyiceberg.manifest import FileFormat
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import StaticTable

from matching_spark import storage
from matching_spark.domain.schema import BY_VERSION, COLUMNS, FIRST, numbered
from matching_spark.errors import ModelError, StorageError
from matching_spark.shards.arrow import read_columns
from matching_spark.shards.shard import DataFile
from matching_spark.table.catalog import ADDED_AT, FORMAT_VERSION, PROPERTY
from matching_spark.table.kept_plans import Head
from matching_spark.table.metadata import PLACES, check_log, made_at, planned_files
from matching_spark.table.state import TableState


def head_of(metadata: StaticTable, digest: str) -> Head:
    """What a table says of itself. digest: of the file of its metadata."""
    ours = {k: v for k, v in metadata.properties.items() if k.startswith(PROPERTY)}
    place = metadata.metadata_location
    return Head(place, digest, made_at(metadata), ours, tuple(_askable(metadata)))


def _askable(metadata: StaticTable) -> list[str]:
    """The snapshots that can be asked, the newest first: those of the table's present model."""
    known = {s.snapshot_id: s for s in metadata.snapshots()}
    first = metadata.properties.get(PROPERTY + "model-snapshot")
    at = metadata.current_snapshot()
    out: list[str] = []
    while at is not None:
        out.append(str(at.snapshot_id))
        if out[-1] == first or at.parent_snapshot_id is None:
            break
        at = known.get(at.parent_snapshot_id)  # None: it has expired
    return out


def planned(
    state: TableState, snapshot: str, kind: str | None, category: str | None
) -> tuple[DataFile, ...]:
    """The data files of a snapshot that may hold posts of a kind and category, None: of any; by
    their places.

    Raises StorageError for what cannot be read, and for deletes of another engine.
    """
    conditions = {"kind": kind, "category": category}
    terms = [_equal(name, value) for name, value in conditions.items() if value]
    options: dict[str, Any] = {}
    if terms:
        options["row_filter"] = And(*terms) if len(terms) > 1 else terms[0]
    at = state.metadata.snapshot_by_id(int(snapshot))
    if at is None:
        raise StorageError(f"{state.uri} has no snapshot {snapshot} any more")
    what = f"{state.uri} at snapshot {snapshot}"
    tasks = planned_files(state.metadata, at, what, **options)
    files = (_file(state, task.file, task.delete_files) for task in tasks)
    return tuple(sorted(files, key=lambda file: file.uri))


def check_layout(state: TableState) -> None:
    """Raise StorageError where a newer version wrote it, or another engine changed what reading and
    writing rest on.

    Iceberg knows a column by its number, and a data file read natively knows it by its name: for a
    column that was renamed, or dropped and added again, the files would give the old values.
    """
    uri, metadata = state.uri, state.metadata
    check_log(metadata)
    written = state.number("format-version")
    if written > FORMAT_VERSION:
        raise StorageError(
            f"{uri} was written by a newer matching-spark (format {written}, this one knows "
            f"{FORMAT_VERSION}); upgrade with `pip install -U matching-spark`"
        )
    numbers = {f.name: f.field_id for f in metadata.schema().fields}
    ours: dict[str, int | None] = {name: i for i, name in enumerate(FIRST, 1)}
    for version, columns in BY_VERSION.items():
        if written < version:
            ours |= dict.fromkeys(columns)  # not there: another engine's would be in the way
        else:
            ours |= _numbers(state, version)
    changed = [name for name, number in ours.items() if numbers.get(name) != number]
    if changed:
        raise StorageError(
            f"{uri} had columns changed by another engine ({', '.join(changed)} dropped, "
            "renamed or added again): nothing is read or written until they are renamed back, "
            "or the table is rolled back to before it"
        )
    parted(metadata.spec(), f"{uri} will have new files that are")
    for key in PLACES:
        place = metadata.properties.get(key)
        if place is not None and not storage.lies_in(storage.recorded(place), made_at(metadata)):
            raise StorageError(
                f"{uri} would have its new files in {place}, outside of it, where they are not "
                f"read: unset the table's {key}"
            )
    written_as = metadata.properties.get("write.format.default", "parquet")
    if written_as != "parquet":
        raise StorageError(
            f"{uri} is written as {written_as}, which nothing here reads: set its "
            "write.format.default to parquet"
        )


def _numbers(state: TableState, version: int) -> dict[str, int]:
    """The numbers of a later version's columns. A table that was made with them numbers them by
    their place, before what lies in lists; one that got them later, in the order of adding."""
    columns = BY_VERSION[version]
    brought = state.head.properties.get(PROPERTY + ADDED_AT[version])
    if brought is None:
        return {name: i for i, name in enumerate(COLUMNS, 1) if name in columns}
    return numbered(columns, int(brought))


def parted(spec: PartitionSpec, what: str) -> tuple[int, int]:
    """Where kind and category stand in a spec's values."""
    at = {f.source_id: i for i, f in enumerate(spec.fields) if str(f.transform) == "identity"}
    kind, category = (list(FIRST).index(name) + 1 for name in ("kind", "category"))
    if not {kind, category} <= at.keys():
        raise StorageError(
            f"{what} not partitioned by kind and category, but by "
            f"{', '.join(f.name for f in spec.fields) or 'nothing'}: another engine changed "
            "the table's partitioning; change it back, and rewrite the data files since then"
        )
    return at[kind], at[category]


def _file(state: TableState, file: IcebergFile, deletes: set[IcebergFile]) -> DataFile:
    if file.file_format != FileFormat.PARQUET:
        raise StorageError(
            f"{file.file_path} is {file.file_format.name}, not Parquet: set the table's "
            "write.format.default to parquet, and rewrite its data files"
        )
    _check_model(state, file)
    uris = tuple(sorted(storage.recorded(d.file_path) for d in deletes))
    if any(uri.endswith(".puffin") for uri in uris):
        raise StorageError(
            f"{state.uri} has deletion vectors (format v3, which another engine made of it); "
            "`matching-spark compact` folds them in"
        )
    spec = state.metadata.specs()[file.spec_id]
    kind, category = parted(spec, f"{file.file_path} is")
    least, greatest = _bounds(state.metadata, file, "post_id")
    return DataFile(
        storage.recorded(file.file_path),
        file.record_count,
        file.file_size_in_bytes,
        uris,
        str(file.partition[kind]),
        str(file.partition[category]),
        state.photos,
        None if least is None or greatest is None else (least, greatest),
    )


def _bounds(metadata: StaticTable, file: IcebergFile, column: str) -> tuple[str | None, str | None]:
    """The least and the greatest value of a text column in a file, by the file's own statistics;
    None where they do not say.

    Statistics that were cut off still bound the values: the lower one is less, the upper one
    greater than all of them. Texts compare as their UTF-8 does.
    """
    number = metadata.schema().find_field(column).field_id
    bounds = [(each or {}).get(number) for each in (file.lower_bounds, file.upper_bounds)]
    try:
        least, greatest = (None if each is None else each.decode() for each in bounds)
    except UnicodeDecodeError:
        return None, None
    return least, greatest


def _check_model(state: TableState, file: IcebergFile) -> None:
    """Raise ModelError when the file's own statistics say that it is of another model."""
    model = state.space.model
    if _bounds(state.metadata, file, "model") == (model, model):
        return
    # Another engine may have written no statistics, or shorter ones, which tell no model.
    column = read_columns(storage.recorded(file.file_path), ["model"])["model"]
    held = set(column.unique().to_pylist())
    if held != {model}:
        raise ModelError(
            f"{file.file_path} holds vectors of {', '.join(sorted(held))}, the table is of "
            f"{model}: it was written while the model changed; reembed the table with "
            f"{model.partition('@')[0]}"
        )


def _equal(column: str, value: str) -> BooleanExpression:
    equal: Any = EqualTo  # its constructor is typed as pydantic's, not as it is called
    return cast(BooleanExpression, equal(column, literal(value)))
