"""Where posts come from: a folder of photos, CSV, Excel, JSONL, the portal LOST112.

Vectors in Parquet go by ingest itself.

A reader yields a Post for what can be taken and a Reject, with its reason, for what cannot.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import PurePosixPath

from matching_spark import storage
from matching_spark.domain.posts import Kind, Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.sources.folder import ENDINGS as PHOTOS
from matching_spark.sources.folder import read_folder
from matching_spark.sources.headings import own_columns
from matching_spark.sources.lost112 import read_lost112
from matching_spark.sources.tabular import Sheet, read_csv, read_jsonl, read_xlsx

FORMATS = ("folder", "csv", "xlsx", "jsonl", "lost112", "parquet")
TABULAR = {"csv": read_csv, "xlsx": read_xlsx, "jsonl": read_jsonl}
READ_AS = {  # of what is read as another format; what a workbook of Excel truly is, its reader says
    "ndjson": "jsonl",
    "json": "jsonl",
    "tsv": "csv",
    "xml": "lost112",
    **dict.fromkeys(("xls", "xlsm", "xlsb", "ods"), "xlsx"),
}


def detect_format(source: str) -> str:
    """The format by what the source is. Raises InputError when that cannot be told."""
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    ending = ending_of(source)
    if storage.is_dir(source):
        files = list(storage.walk(source))
        parquet = [f for f in files if f.endswith(".parquet")]
        of_vectors = ending == "parquet" or len(parquet) * 2 > len(files)
        return "parquet" if of_vectors else "folder"
    if ending in FORMATS:
        return ending
    if f".{ending}" in PHOTOS:
        raise InputError(f"{source} is one photo: ingest the folder that it lies in")
    raise InputError(
        f"{source}: its format is not clear; name one of {', '.join(FORMATS)}", argument="format"
    )


def ending_of(source: str) -> str:
    """The format that its name ends with, or the ending itself."""
    ending = PurePosixPath(source).suffix.lower().removeprefix(".")
    return READ_AS.get(ending, ending)


def check_readable(source: str) -> None:
    """Raises InputError where nothing is there, or what cannot be read twice."""
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    if not storage.is_dir(source) and not storage.is_regular(source):
        raise InputError(f"{source} is a pipe or a device: write it to a file first")


def check_file(source: str, what: str) -> None:
    """Raises InputError for a folder, too. what: that is to be named in its place."""
    check_readable(source)
    if storage.is_dir(source):
        raise InputError(f"{source} is a folder: name the {what} in it")


def named(columns: Mapping[str, str] | None, format: str) -> dict[str, str]:
    """The columns that somebody names, checked. Raises UsageError."""
    if columns and format not in TABULAR:
        raise UsageError(f"columns are named of {', '.join(TABULAR)} only", argument="column")
    return own_columns(columns or {})


def begun(posts: Iterator[Post | Reject]) -> Iterator[Post | Reject]:
    """The posts, the first of which is read: what cannot be read is said before Spark starts."""
    first = list(islice(posts, 1))
    return chain(first, posts)


def read_posts(
    source: str,
    format: str | None = None,
    kind: Kind | None = None,
    seen: Seen | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Post | Reject]:
    """The posts of a source; `kind` is for those that do not say, and required for a folder.

    seen: notes words and columns that the project does not know. columns: heading -> field, for
    headings of rows that are not known.

    Raises InputError when the source cannot be read at all, UsageError when the call is off.
    """
    format = format or detect_format(source)
    own = named(columns, format)
    seen = Seen() if seen is None else seen
    check_readable(source)
    if format in TABULAR:
        return TABULAR[format](Sheet(source, kind, seen, own))
    if format == "folder":
        if kind is None:
            raise UsageError(
                "a folder of photos does not say what it is: name its kind, lost or found",
                argument="kind",
            )
        return read_folder(source, kind, seen)
    if format == "lost112":
        return read_lost112(source, kind, seen)
    raise UsageError(f"format {format!r} is not known here; choose one of: {', '.join(FORMATS)}")
