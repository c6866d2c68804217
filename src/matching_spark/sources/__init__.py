"""Where posts come from: a folder of photos, CSV, JSONL, the portal LOST112.

Vectors in Parquet go by ingest itself.

A reader yields a Post for what can be taken and a Reject, with its reason, for what cannot.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from matching_spark import storage
from matching_spark.domain.posts import Kind, Post, Reject
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError, UsageError
from matching_spark.sources.folder import ENDINGS, read_folder
from matching_spark.sources.lost112 import read_lost112
from matching_spark.sources.tabular import read_csv, read_jsonl

FORMATS = ("folder", "csv", "jsonl", "lost112", "parquet")


def detect_format(source: str) -> str:
    """The format by what the source is. Raises InputError when that cannot be told."""
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    ending = PurePosixPath(source).suffix.lower().removeprefix(".")
    if storage.is_dir(source):
        files = list(storage.walk(source))
        parquet = [f for f in files if f.endswith(".parquet")]
        return (
            "parquet"
            if ending == "parquet" or (parquet and len(parquet) * 2 > len(files))
            else "folder"
        )
    ending = {"ndjson": "jsonl", "json": "jsonl", "tsv": "csv", "xml": "lost112"}.get(
        ending, ending
    )
    if ending in FORMATS:
        return ending
    if f".{ending}" in ENDINGS:
        raise InputError(
            f"{source} is one photo; a source of photos is the folder they lie in, a post each"
        )
    raise InputError(
        f"{source}: its format is not clear; name one of {', '.join(FORMATS)}", argument="format"
    )


def read_posts(
    source: str,
    format: str | None = None,
    kind: Kind | None = None,
    seen: Seen | None = None,
) -> Iterator[Post | Reject]:
    """The posts of a source; `kind` is for those that do not say, and required for a folder.

    seen: notes words and columns that the project does not know.

    Raises InputError when the source cannot be read at all, UsageError when the call is off.
    """
    format = format or detect_format(source)
    seen = Seen() if seen is None else seen
    if not storage.exists(source):
        raise InputError(f"there is no {source}")
    if format == "folder":
        if kind is None:
            raise UsageError(
                "a folder of photos does not say what it is: name its kind, lost or found",
                argument="kind",
            )
        return read_folder(source, kind)
    if format == "csv":
        return read_csv(source, kind, seen)
    if format == "jsonl":
        return read_jsonl(source, kind, seen)
    if format == "lost112":
        return read_lost112(source, kind, seen)
    raise UsageError(f"format {format!r} is not known here; choose one of: {', '.join(FORMATS)}")
