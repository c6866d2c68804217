"""What is in a table, to look at and to take out: one post, some of them, what happened to all."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matching_spark.config import Settings
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Reported
from matching_spark.domain.schema import ADDED, METADATA, TOLD
from matching_spark.domain.sheets import to_csv
from matching_spark.errors import InputError, UsageError
from matching_spark.filesystems.whole_files import check_file, write_file
from matching_spark.layout import photo_here
from matching_spark.matching.decisions import NAME as DECISIONS
from matching_spark.operations.warehouse import reading
from matching_spark.shards.arrow import read_posts
from matching_spark.sources.tabular import photo_cell
from matching_spark.table import history as past
from matching_spark.table import side_tables
from matching_spark.table.history import Commit

SHOWN = (*METADATA, "updated_at", *ADDED)
FORMATS = (".csv", ".jsonl")


@dataclass(frozen=True)
class Shown:
    """A post as the table has it, its photos' places, and what was decided of it."""

    post: dict[str, Any]
    photos: tuple[str | None, ...]
    decisions: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        return self.post | {"photos": list(self.photos), "decisions": list(self.decisions)}


@dataclass(frozen=True)
class Listed(Reported):
    """Posts, the latest day first: the first of `total`."""

    table: str
    snapshot: str | None
    total: int
    posts: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Exported(Reported):
    """How many posts stand in a file."""

    table: str
    output: str
    posts: int


@dataclass(frozen=True)
class History(Reported):
    """The commits of a table that there still are, the newest first."""

    table: str
    commits: tuple[Commit, ...]


def show(settings: Settings, post_id: str) -> Shown:
    """A post. Raises InputError when there is none. No JVM."""
    table = reading(settings)
    file, row = table.locate(post_id)
    found = read_posts(file.uri, (*SHOWN, "photos")).slice(row, 1).to_pylist()[0]
    photos = tuple(photo_here(table.photos, each["uri"]) for each in found.pop("photos") or ())
    said = side_tables.read(table.uri, DECISIONS)
    decisions = [each for each in said if post_id in (each["lost_id"], each["found_id"])]
    return Shown(found, photos, tuple(sorted(decisions, key=lambda each: each["at"])))


def list_posts(settings: Settings, where: Filters, limit: int | None = None) -> Listed:
    """The posts that the filters let through, at most `limit` of them. No JVM."""
    table = reading(settings)
    found = [row for rows in table.state.rows(SHOWN, where) for row in rows.to_pylist()]
    oldest = dt.date.min
    found.sort(key=lambda row: row["post_id"])
    found.sort(key=lambda row: row["happened_on"] or oldest, reverse=True)
    return Listed(table.uri, table.snapshot, len(found), tuple(found[:limit]))


def export(settings: Settings, where: Filters, output: Path) -> Exported:
    """Write posts as `ingest` takes them, by the ending of the file's name. No JVM.

    A photo is named by where it is kept; one of another table that takes them in is its own copy.
    Identifiers are the hashes, which only a table of the same key takes in. Raises UsageError for a
    sheet where the photos' places cannot stand in one cell.
    """
    ending = check_file(output, FORMATS)
    table = reading(settings)
    columns = (*TOLD, "identifiers", "photos")
    rows: list[dict[str, Any]] = []
    for some in table.state.rows(columns, where):
        for row in some.to_pylist():
            photos = (photo_here(table.photos, each["uri"]) for each in row["photos"] or ())
            rows.append(row | {"photos": [place for place in photos if place is not None]})
    rows.sort(key=lambda row: row["post_id"])
    if ending == ".csv":
        write_file(output, to_csv(columns, map(_cells, rows)))
    else:
        lines = (json.dumps(row, ensure_ascii=False, default=str) for row in rows)
        write_file(output, "".join(f"{line}\n" for line in lines).encode())
    return Exported(table.uri, str(output), len(rows))


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a sheet."""
    try:
        photos = photo_cell(row["photos"])
    except InputError as error:
        raise UsageError(f"post {row['post_id']!r}: {error}: export F.jsonl") from None
    return row | {"identifiers": "; ".join(row["identifiers"] or ()), "photos": photos}


def history(settings: Settings) -> History:
    """What was committed to the table, and what `undo` can go back to. No JVM."""
    table = reading(settings)
    return History(table.uri, tuple(past.commits(table)))
