"""Which file of metadata is a table's newest, and whose it is: known without reading Iceberg."""

import re

from matching_spark import storage
from matching_spark.errors import StorageError

VERSION = re.compile(r"/v(\d+)\.metadata\.json$")
PACKED = re.compile(r"/v\d+(\.gz\.metadata\.json|\.metadata\.json\.gz)$")


def newest(uri: str, name: str) -> str | None:
    """The place of the newest metadata file, which is not read; None when there is no table."""
    folder = storage.join(uri, name, "metadata")
    number = _hinted(folder)
    if number is None or not storage.exists(storage.join(folder, f"v{number}.metadata.json")):
        # A commit deletes the hint and renames a new one into its place: in between there is none.
        # A copy taken at that moment has no hint, or one of a version that it lacks.
        number = _latest(folder)
    if number is None:
        return None
    # A writer that died between the commit and the hint leaves the hint behind the truth.
    while storage.exists(storage.join(folder, f"v{number + 1}.metadata.json")):
        number += 1
    return storage.join(folder, f"v{number}.metadata.json")


def is_at(made: str, uri: str, name: str) -> bool:
    """Whether a table made at `made` is the table `name` of the warehouse at `uri`.

    Both folders are compared: a link to another warehouse's posts is not a warehouse.
    """
    return storage.same_place(made, storage.join(uri, name)) and storage.same_place(
        storage.parent(made), uri
    )


def check_place(made: str, uri: str, name: str) -> None:
    """Raise StorageError if a table in `uri` was made at another place: its metadata name the files
    there."""
    if not is_at(made, uri, name):
        unknown = "" if storage.is_local(made) else ", or that is a name for it unknown here"
        raise StorageError(
            f"{uri} was moved or copied from {storage.parent(made)}{unknown}: the metadata of its "
            f"{name} name the files there, so it is neither read nor written; `matching-spark "
            "adopt` makes it a table of its own, with the rows that it has now"
        )


def tables(uri: str) -> list[str]:
    """The names of the tables that lie in a warehouse, posts last; none where there is none."""
    found = [name for name in storage.folders(uri) if newest(uri, name) is not None]
    return sorted(found, key=lambda name: (name == "posts", name))


def _hinted(folder: str) -> int | None:
    """The version that the hint names, which is there or was; None without a hint."""
    try:
        hint = storage.read_bytes(storage.join(folder, "version-hint.text"))
    except FileNotFoundError:
        return None
    number = hint.strip()
    return int(number) if number.isdigit() and len(number) < 19 else None


def _latest(folder: str) -> int | None:
    """The highest version that is there; None where there is no table."""
    files = list(storage.walk(folder))
    versions = [int(found[1]) for file in files if (found := VERSION.search(file))]
    if not versions and (packed := next(filter(PACKED.search, files), None)):
        raise StorageError(
            f"{packed} is compressed, which nothing here reads: set the table's "
            "write.metadata.compression-codec to none, and commit to it once"
        )
    return max(versions, default=None)
