"""Cells of sheets: what a spreadsheet would run as a formula is marked as text, and read back."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@")
# What Excel, and LibreOffice by its number, show where a formula failed.
ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!"
    r"|BUSY!|EXTERNAL!|PYTHON!|GETTING_DATA)|Err:5\d\d"
)
# What pandas, SQL, Spark and R write where there is nothing; none, as they do not spell it, is a
# word, and may be an id.
MISSING = frozenset(["nan", "NaN", "NaT", "<NA>", "NULL", "null", "None", "\\N", "N/A", "n/a"])
MARK = "'"  # by which a spreadsheet knows a text
QUOTED = re.compile('="((?:[^"]|"")*)"')  # ="007": a text, as programs keep its zeros from Excel


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A sheet with a BOM, so that Excel reads Korean; no cell of a stranger's is run as a formula.

    Lists and mappings are written as JSON, None as an empty cell.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def unmarked(cell: str) -> str:
    """A cell as it was before `to_csv`, or another program by ="...", marked it as text."""
    if cell.startswith(MARK) and _is_marked(cell):
        return cell[1:]
    quoted = QUOTED.fullmatch(cell)
    return quoted[1].replace('""', '"') if quoted else cell


def is_error(cell: str) -> bool:
    """Whether a spreadsheet says by it that a formula failed."""
    return ERROR.fullmatch(cell.strip()) is not None


def is_missing(cell: str) -> bool:
    """Whether a program says by it that there is nothing."""
    return cell.strip() in MISSING


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may run it: also in full width, or behind what nobody sees."""
    # One by one: the marks of a whole cell would take hours to be put into their order.
    plain = (each for c in text for each in unicodedata.normalize("NFKC", c))
    seen = (c for c in plain if unicodedata.category(c)[0] != "C" and not c.isspace())
    return next(seen, "") in FORMULA


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return MARK + value if _is_marked(value) else value
    return value


def _is_marked(text: str) -> bool:
    """Whether a formula follows, also behind marks of its own: '=x is written as ''=x, and back."""
    return is_formula(text.lstrip(MARK))
