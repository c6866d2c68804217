"""The ways out of a search's result: JSON, CSV, a page."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from matching_spark.domain import sheets
from matching_spark.domain.results import Match, SearchResult
from matching_spark.filesystems.whole_files import check_file, write_file
from matching_spark.operations.pages import search_page
from matching_spark.score.components import Language

ENDINGS = (".json", ".csv", ".html")
ODD = "backslashreplace"  # a query's photo may have a name whose bytes are no UTF-8


def to_json(result: SearchResult) -> str:
    """Scores as they are, not rounded."""
    return json.dumps(result.to_dict(), ensure_ascii=False, indent=2) + "\n"


def to_csv(result: SearchResult) -> bytes:
    """A sheet, as domain.sheets writes it."""
    columns = [f.name for f in fields(Match) if f.name not in ("components", "contributions")]
    return sheets.to_csv(columns, (match.to_dict() for match in result.matches))


def write_output(
    result: SearchResult,
    path: Path,
    load: Callable[[str], bytes],
    query_photo: bytes | None = None,
    language: Language = "ko",
) -> None:
    """Write the format that the ending says, whole or not at all. language: of a page."""
    ending = check_file(path, ENDINGS)
    if ending == ".json":
        data = to_json(result).encode("utf-8", ODD)
    elif ending == ".csv":
        data = to_csv(result)
    else:
        data = search_page(result, load, query_photo, language).encode("utf-8", ODD)
    write_file(path, data)
