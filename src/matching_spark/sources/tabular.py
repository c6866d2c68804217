"""Posts in CSV, Excel or JSONL, by the names of the table's columns or as desks call them."""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from matching_spark import storage
from matching_spark.domain.dates import SHEET_EPOCH, parse_lost_on
from matching_spark.domain.identifiers import MOST
from matching_spark.domain.points import point_of
from matching_spark.domain.posts import (
    KINDS,
    LEFT_OUT,
    MAX_TEXT,
    READ_TEXT,
    STATUSES,
    Kind,
    Post,
    Reject,
    clean,
    kind_of,
    parted,
    status_of,
)
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Seen
from matching_spark.errors import InputError
from matching_spark.guard.each_once import each_once
from matching_spark.sources import delimited, workbook
from matching_spark.sources.cells import given, text_of
from matching_spark.sources.delimited import LONG_LINE, MAX_LINE, Record, check_text, lines_of
from matching_spark.sources.folder import ENDINGS, LINKED
from matching_spark.sources.headings import FIELDS, absent, fields_of, headings_of, shifted, unused
from matching_spark.sources.lost112 import PLACEHOLDER

Word = TypeVar("Word", bound=str)
TEXTS = ("subcategory", "title", "description", "place", "kept_at", "kept_phone", "source_url")
MOST_REFUSED = 50  # photos of a row that are listed: a megabyte of addresses took a minute
MAX_DIGITS = 1_000  # of a number of JSON: Python takes 4,300 at most, and nobody so many
NO_JSON = "not JSON"
# The first line of a list, or of an object, that goes on in others: each of them would be a reject.
_SPREAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*$)")
ONE_EACH = "and each has to be an object of its own: `jq -c '.[]'` writes a list so"
# As a spreadsheet writes a long number into CSV, and a workbook one of more digits than it keeps.
SHORTENED = re.compile(r"\d(?:\.\d+E\+?|E\+)\d{2,}", re.I)
FLOAT = re.compile(r"\d+\.0")  # as pandas writes whole numbers of which one cell is empty
# Photos in one cell: by semicolons or lines, and by commas where each part ends like a photo.
_SEVERAL = re.compile("|".join(["[;\n]", *(rf"(?<={re.escape(e)})," for e in ENDINGS)]), re.I)


class _Bad(Exception):
    """Why a row is not taken: reason and detail."""


@dataclass(frozen=True)
class Sheet:
    """A file of rows. kind: of posts that do not say. seen: notes what is not understood. own: of
    headings.own_columns. epoch: when its numbers of days begin.
    """

    uri: str
    kind: Kind | None
    seen: Seen
    own: Mapping[str, str]
    epoch: dt.datetime = SHEET_EPOCH

    @property
    def folder(self) -> str:
        """What photos are named from: of a file: URI the path, in which % is a percent sign."""
        folder = storage.parent(self.uri)
        return storage.absolute(folder) if folder.startswith("file:") else folder


def read_jsonl(sheet: Sheet) -> Iterator[Post | Reject]:
    """One JSON object a line; `photos` is a list of paths relative to the file.

    Raises InputError for what is no UTF-8, and for a list or an object over several lines.
    """
    uri, seen = sheet.uri, sheet.seen
    if encoding := check_text(uri):
        raise InputError(f"{uri} is {encoding.upper()}, and JSON is UTF-8: save it so")
    missing, begun = set(absent([], sheet.own)), False
    with storage.open_input(uri) as stream:
        for number, raw in enumerate(lines_of(stream), 1):
            where = f"{uri}:{number}"
            if not raw.strip():
                continue
            row = _object(raw)
            is_spread, begun = not begun and _SPREAD.match(raw), True
            if isinstance(row, str):
                if is_spread and row.startswith(NO_JSON):
                    raise InputError(f"{uri} is JSON over several lines, {ONE_EACH}")
                yield Reject(where, "", "bad-row", row)
                continue
            try:
                fields = fields_of(row, "the row", sheet.own)
            except InputError as error:
                yield Reject(where, "", "bad-row", str(error))
                continue
            missing &= set(absent(row, sheet.own))
            for name in row.keys() - fields.keys():
                seen.column(name, unused)
            known = {field: given(name, row[name], seen) for name, field in fields.items()}
            yield from _read(known, number, sheet)
    for name in sorted(missing):
        seen.note("column that is in no row", name)


def _object(raw: bytes) -> dict[str, object] | str:
    """The object of a line, or why there is none."""
    if len(raw) > MAX_LINE:
        return LONG_LINE
    try:
        row = json.loads(
            raw.decode("utf-8-sig"),
            parse_constant=lambda name: None,  # NaN, Infinity: no number is given
            parse_float=_number,
            parse_int=_whole,
            object_pairs_hook=each_once,
        )
    except UnicodeDecodeError:
        return "not UTF-8, which JSON is: save the file as UTF-8"
    except RecursionError:
        return "not JSON that can be read: brackets in brackets"
    except ValueError as error:
        return f"{NO_JSON}: {error}"
    return row if isinstance(row, dict) else "not a JSON object: one stands on each line"


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None  # 1e400


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of over {MAX_DIGITS:,} digits")
    return int(text)


def read_csv(sheet: Sheet) -> Iterator[Post | Reject]:
    """Headings and rows, by commas, semicolons or tabs."""

    def known(names: list[str]) -> int:
        fields = {_field(name, sheet) for name in names} - {None}
        return len(fields) + len(FIELDS) * ("post_id" in fields)

    yield from _rows(delimited.rows_of(sheet.uri, known), sheet, wide=False)


def read_xlsx(sheet: Sheet) -> Iterator[Post | Reject]:
    """The first visible sheet of a workbook, whose headings stand in one of its first rows."""
    sheet = replace(sheet, epoch=workbook.epoch_of(sheet.uri))
    yield from _rows(workbook.rows_of(sheet.uri, sheet.seen), sheet, wide=True)


def _field(name: str, sheet: Sheet) -> str | None:
    return fields_of([name], sheet.uri, sheet.own).get(name) if name.strip() else None


def _rows(records: Iterator[Record], sheet: Sheet, wide: bool) -> Iterator[Post | Reject]:
    """The posts of records below their headings. wide: what stands beside the last heading is a
    remark, as in a workbook, not a sign that cells have shifted.
    """

    def known(names: list[str]) -> int:
        found = {_field(name, sheet) for name in names} - {None}
        return len(found) if "post_id" in found else 0

    if not (names := headings_of(records, sheet.uri, known, sheet.seen)):
        return
    fields = _columns(names, sheet)
    for number, cells in records:
        where = f"{sheet.uri}:{number}"
        if isinstance(cells, str):
            yield Reject(where, "", "bad-row", cells)
            continue
        if not any(map(clean, cells)):
            continue
        if again := _again(cells, names, sheet):
            names, fields = again, _columns(again, sheet)
            continue
        row = _named(cells, names, fields, sheet.seen)
        if wide:  # what a workbook leaves out at the end of a row are empty cells
            row = dict.fromkeys(fields.values(), "") | row
        if not wide and (why := shifted(cells, names)):
            yield Reject(where, clean(row.get("post_id")), "bad-row", why)
        else:
            yield from _read(row, number, sheet)


def _named(
    cells: list[str], names: list[str], fields: Mapping[str, str], seen: Seen
) -> dict[str, str]:
    """field -> cell; cells below no heading are noted."""
    row = {}
    for at, cell in enumerate(cells):
        name = names[at] if at < len(names) else ""
        if name in fields:
            row[fields[name]] = text_of(name, cell, seen)
        elif not name and clean(cell):
            seen.note("cells below no heading, not used", f"column {at + 1}")
    return row


def _again(cells: list[str], names: list[str], sheet: Sheet) -> list[str]:
    """The headings that a row has in place of a post, as where files were put together: the same
    ones, or others that are all known; else none."""
    told = [clean(cell.removeprefix("\ufeff")) for cell in cells]
    if told != names:
        fields = [_field(n, sheet) for n in told if n] if _field(told[0], sheet) else [None]
        if None in fields or len(fields) < 2 or "post_id" not in fields:
            return []
    sheet.seen.note("headings again, taken as such", " ".join(told)[:80])
    return told


def _columns(names: list[str], sheet: Sheet) -> dict[str, str]:
    """heading -> field. Raises InputError where one that is needed is not there."""
    fields = fields_of(filter(None, names), sheet.uri, sheet.own)
    if missing := [*absent(names, sheet.own), *({"post_id"} - {*fields.values()})]:
        raise InputError(
            f"{sheet.uri} has no column {', '.join(missing)}; its columns are: {', '.join(names)}"
        )
    for name in names:
        if name and name not in fields:
            sheet.seen.column(name, unused)
    return fields


def _read(row: Mapping[str, object], number: int, sheet: Sheet) -> Iterator[Post | Reject]:
    """The post of a row, its photos that are refused before it; or why there is none."""
    seen, where = sheet.seen, f"{sheet.uri}:{number}"
    raw_id = row.get("post_id")
    is_text = isinstance(raw_id, str | int) and not isinstance(raw_id, bool)
    post_id = clean(raw_id) if is_text else ""

    if ">" in (said := clean(row.get("category"))):
        category, subcategory = parted(said, row.get("subcategory"))
        row = dict(row) | {"category": category, "subcategory": subcategory}

    def word(name: str, find: Callable[[str], Word | None], choices: Iterable[str]) -> Word | None:
        said = clean(row.get(name))
        found = find(said)
        if said and not found:
            raise _Bad(f"bad-{name}", f"{said!r}; choose one of: {', '.join(choices)}")
        return found

    try:
        _check_id(post_id, raw_id)
        photos, placeholders, refused = _photos(row.get("photos"), sheet.folder)
        for why in refused:
            yield Reject(where, post_id, *why)
        point = None
        try:
            point = point_of(_degrees(row.get("latitude")), _degrees(row.get("longitude")))
        except InputError as error:
            yield Reject(where, post_id, "bad-point", str(error))
        try:
            happened_on = parse_lost_on(row.get("happened_on"), sheet.epoch)
        except InputError as error:
            raise _Bad("bad-date", str(error)) from None
        post = Post(
            post_id=post_id,
            kind=_kind(clean(row.get("kind")), sheet.kind),
            category=word("category", CATEGORY.find, CATEGORY.words) or "",
            colour=seen.word(COLOUR, _text("colour", row.get("colour"), seen)),
            region=seen.word(REGION, _text("region", row.get("region"), seen)),
            happened_on=happened_on,
            status=word("status", status_of, STATUSES) or "open",
            photos=photos,
            placeholders=placeholders,
            latitude=point and point[0],
            longitude=point and point[1],
            numbers=_identifiers(row.get("identifiers")),
            read_from=where,
            given=frozenset(row),
            # Of TEXTS, all of whose fields are texts.
            **{name: _text(name, row.get(name), seen) for name in TEXTS},  # type: ignore[arg-type]
        )
    except _Bad as bad:
        yield Reject(where, post_id, *bad.args)
    else:
        yield post


def _check_id(post_id: str, said: object) -> None:
    if not post_id:
        missing = said in (None, "")
        raise _Bad("no-id", "post_id is missing" if missing else f"post_id is {said!r}")
    if SHORTENED.fullmatch(post_id):
        remedy = "format its cell as text, then fill it in"
        raise _Bad("bad-id", f"{post_id} is a number that a spreadsheet has shortened: {remedy}")
    if FLOAT.fullmatch(post_id):
        remedy = f"write it as {post_id[:-2]}, in pandas by dtype=str where it is read"
        raise _Bad("bad-id", f"{post_id} is a whole number with a fraction: {remedy}")


def _degrees(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


def _kind(said: str, default: Kind | None) -> Kind:
    value = kind_of(said)
    if not said and default:
        return default
    if value is None:
        raise _Bad(
            "bad-kind", f"kind {said!r}; {' or '.join(KINDS)}, in the row or as the kind of all"
        )
    if default and value != default:
        raise _Bad("kind-differs", f"the row says {value}, but all are said to be {default}")
    return value


def _text(name: str, value: object, seen: Seen) -> str:
    if isinstance(value, list | dict | bool):
        raise _Bad("bad-row", f"{name} is not text")
    text = clean(value)
    if len(text) > MAX_TEXT:
        seen.note(LEFT_OUT, name)
    return text[:READ_TEXT]


def _identifiers(value: object) -> tuple[str, ...]:
    """The numbers of one cell, by semicolons or lines, or of a list: as many as a post may have."""
    listed = value if isinstance(value, list) else re.split("[;\n]", clean(value))
    if isinstance(value, dict | bool) or not all(isinstance(each, str | int) for each in listed):
        raise _Bad("bad-row", "identifiers is not a list of numbers")
    return tuple(filter(None, (clean(each)[:MAX_TEXT] for each in listed)))[:MOST]


def _photos(value: object, folder: str) -> tuple[tuple[str, ...], int, list[tuple[str, str]]]:
    """Paths that can be opened, how many placeholders there were, and why others are refused."""
    listed = _several(value, folder) if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(p, str) for p in listed):
        raise _Bad("bad-row", "photos is not a list of paths")
    names = [p.strip() for p in listed if p.strip()]
    # By keys, not in lists: a row may name a hundred thousand.
    odd = dict.fromkeys(p for p in names if _NO_NAME.search(p))
    real = [p for p in names if p not in odd and not PLACEHOLDER.search(p)]
    remote = dict.fromkeys(p for p in real if p.lower().startswith(("http://", "https://")))
    paths = dict.fromkeys(_place(p, folder) for p in real if p not in remote)
    linked = dict.fromkeys(each for each in paths if _is_linked(each, folder))
    refused = [("remote-photo", f"{each} is not fetched; give a file") for each in remote]
    refused += [("bad-photo", f"{each!r} can be no file's name") for each in odd]
    refused += [("linked-photo", f"{each}: {LINKED}") for each in linked]
    if (more := len(refused) - MOST_REFUSED) > 0:
        refused[MOST_REFUSED:] = [("bad-photo", f"{more:,} more of them are none to be taken")]
    kept = tuple(p for p in paths if p not in linked)
    return kept, sum(p not in odd for p in names) - len(real), refused


_NO_NAME = re.compile("[\0\ud800-\udfff]")  # what no file's name has


def _is_linked(photo: str, folder: str) -> bool:
    """Whether it is named as one in the table's folder, or below, and is a link out of there."""
    inside = storage.absolute(folder).rstrip("/") + "/"
    if "://" in photo or not storage.absolute(photo).startswith(inside):
        return False
    there = photo if storage.exists(photo) else storage.in_another_form(photo)
    return storage.leads_out(there or photo, folder)


def photo_cell(photos: Sequence[str]) -> str:
    """The cell that `_several` reads as these photos. Raises InputError where it would read others:
    with a semicolon in the name of a folder."""
    cell = "; ".join(photos)
    if len(photos) > 1 and [each.strip() for each in _SEVERAL.split(cell)] != [*photos]:
        raise InputError(f"{photos[0]} has a mark in its name that parts photos in a cell")
    return cell


def _several(cell: str, folder: str) -> list[str]:
    """The photos of one cell: a single one where a file has the whole name."""
    parts = _SEVERAL.split(cell)
    is_name = "://" not in cell and not _NO_NAME.search(cell)
    whole = len(parts) < 2 or (is_name and storage.exists(_place(cell.strip(), folder)))
    return [cell] if whole else parts


def _place(path: str, folder: str) -> str:
    if "://" in path or path.startswith("/"):
        return path
    whole = storage.join(folder, path)
    if "\\" in path and not storage.exists(whole):  # as Windows writes it
        return storage.join(folder, path.replace("\\", "/"))
    return whole
