"""Posts in CSV or JSONL, by the names of the table's columns or as desks call them."""

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from matching_spark import storage
from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import (
    KINDS,
    STATUSES,
    Kind,
    Post,
    Reject,
    clean,
    kind_of,
    status_of,
)
from matching_spark.domain.sheets import unmarked
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Seen
from matching_spark.errors import InputError
from matching_spark.sources.headings import fields_of, unused

Word = TypeVar("Word", bound=str)
PLACEHOLDER = "img02_no_img.gif"  # the portal's picture for "no picture"
TEXTS = ("subcategory", "title", "description", "place", "kept_at", "kept_phone", "source_url")
MAX_TEXT = 20_000  # characters: the rest of a longer text is left out, and that is noted
MAX_LINES = 1000  # of one record: more is an open quote
MAX_CELL = 1 << 20  # characters of a CSV's cell: more is taken for an open quote
BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Photos in one cell: by semicolons or lines, and by commas where each part ends like a photo.
_SEVERAL = re.compile(
    r"[;\n]|(?<=\.(?:jpg|png|gif|bmp|tif)),|(?<=\.(?:jpeg|webp|heic|avif|tiff)),", re.I
)


class _Bad(Exception):
    """Why a row is not taken: reason and detail."""


def read_jsonl(uri: str, kind: Kind | None, seen: Seen) -> Iterator[Post | Reject]:
    """One JSON object a line; `photos` is a list of paths relative to the file."""
    with storage.open_input(uri) as stream:
        for number, raw in enumerate(stream, 1):
            if not raw.strip():
                continue
            try:
                row = json.loads(
                    raw.decode("utf-8-sig"),
                    parse_constant=lambda name: None,  # NaN, Infinity: no number is given
                    parse_float=_number,
                )
            except (ValueError, RecursionError) as error:
                yield Reject(f"{uri}:{number}", "", "bad-row", f"not JSON: {error}")
                continue
            if not isinstance(row, dict):
                yield Reject(f"{uri}:{number}", "", "bad-row", "not a JSON object")
                continue
            try:
                fields = fields_of(row, "the row")
            except InputError as error:
                yield Reject(f"{uri}:{number}", "", "bad-row", str(error))
                continue
            for name in row.keys() - fields.keys():
                seen.note("column not used", unused(name))
            known = {field: row[name] for name, field in fields.items()}
            yield from _read(known, uri, number, kind, seen)


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None  # 1e400


def read_csv(uri: str, kind: Kind | None, seen: Seen) -> Iterator[Post | Reject]:
    """A header and rows, as `sheet` reads them."""
    names, records = sheet(uri)
    if not names:
        return
    fields = fields_of(filter(None, names), uri)
    if "post_id" not in fields.values():
        raise InputError(f"{uri} has no column post_id; its columns are: {', '.join(names)}")
    for name in names:
        if name and name not in fields:
            seen.note("column not used", unused(name))
    for number, cells in records:
        where = f"{uri}:{number}"
        if isinstance(cells, str):
            yield Reject(where, "", "bad-row", cells)
            continue
        row: dict[str, object] = {
            fields[name]: unmarked(cell)
            for name, cell in zip(names, cells, strict=False)
            if name in fields
        }
        if len(cells) > len(names):
            detail = f"{len(cells)} cells, {len(names)} columns"
            yield Reject(where, clean(row["post_id"]), "bad-row", detail)
            continue
        if "photos" in row:
            row["photos"] = [p for p in _SEVERAL.split(str(row["photos"])) if p.strip()]
        yield from _read(row, uri, number, kind, seen)


def sheet(uri: str) -> tuple[list[str], Iterator[tuple[int, list[str] | str]]]:
    """The headings of a CSV, none where it is empty, and its rows as `_records` has them.

    UTF-8 and UTF-16 with a BOM, UTF-8 without, else CP949. Raises InputError.
    """
    lines = list(io.StringIO(_text_of(uri), newline=""))
    if not any(map(str.strip, lines)):
        return [], iter(())
    # The csv module has one limit for a whole process: it is raised, never lowered for others.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    delimiter = max(",\t;", key=lines[0].count)
    records = _records(lines, delimiter)
    first = next(records)
    if isinstance(first[1], str):
        raise InputError(f"{uri}: its header cannot be read: {first[1]}")
    return [clean(name) for name in first[1]], records


def _text_of(uri: str) -> str:
    raw = storage.read_bytes(uri)
    named = next((name for bom, name in BOMS.items() if raw.startswith(bom)), None)
    for encoding in (named,) if named else ("utf-8-sig", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{uri} is neither UTF-8, UTF-16 nor CP949; save it as UTF-8")


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each record with the number of its first line: its cells, or why it cannot be read.

    After one that cannot be read it goes on with the next line: a quote that is never closed takes
    in no other row.
    """
    first = 0  # of the record that is being read

    def following() -> Iterator[str]:
        for i in range(first, len(lines)):
            if i - first > MAX_LINES:
                raise csv.Error(f"a cell of over {MAX_LINES} lines")
            yield lines[i]

    while first < len(lines):
        start = first
        reader = csv.reader(following(), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield first + 1, cells
                first = start + reader.line_num
            return
        except csv.Error as error:
            taken = start + reader.line_num - first
            more = f"; an open quote would take in {taken} lines, so it goes on at the next one"
            yield first + 1, f"{error}{more if taken > 1 else ''}"
            first += 1


def _read(
    row: Mapping[str, object], uri: str, number: int, kind: Kind | None, seen: Seen
) -> Iterator[Post | Reject]:
    """The post of a row, its photos that are refused before it; or why there is none."""
    where = f"{uri}:{number}"
    raw_id = row.get("post_id")
    post_id = clean(raw_id) if isinstance(raw_id, str | int) else ""

    category, _, subcategory = clean(row.get("category")).partition(">")  # as the portal writes it
    if subcategory:
        row = {"subcategory": subcategory} | dict(row) | {"category": category}

    def word(name: str, find: Callable[[str], Word | None], choices: Iterable[str]) -> Word | None:
        said = clean(row.get(name))
        found = find(said)
        if said and not found:
            raise _Bad(f"bad-{name}", f"{said!r}; choose one of: {', '.join(choices)}")
        return found

    try:
        if not post_id:
            missing = raw_id in (None, "")
            raise _Bad("no-id", "post_id is missing" if missing else f"post_id is {raw_id!r}")
        photos, placeholders, remote = _photos(row.get("photos"), storage.parent(uri))
        for photo in remote:
            yield Reject(where, post_id, "remote-photo", f"{photo} is not fetched; give a file")
        try:
            happened_on = parse_date(row.get("happened_on"))
        except InputError as error:
            raise _Bad("bad-date", str(error)) from None
        post = Post(
            post_id=post_id,
            kind=_kind(clean(row.get("kind")), kind),
            category=word("category", CATEGORY.find, CATEGORY.words) or "",
            colour=seen.word(COLOUR, _text("colour", row.get("colour"), seen)),
            region=seen.word(REGION, _text("region", row.get("region"), seen)),
            happened_on=happened_on,
            status=word("status", status_of, STATUSES) or "open",
            photos=photos,
            placeholders=placeholders,
            read_from=where,
            given=frozenset(row),
            **{name: _text(name, row.get(name), seen) for name in TEXTS},
        )
    except _Bad as bad:
        yield Reject(where, post_id, *bad.args)
    else:
        yield post


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
    if isinstance(value, list | dict):
        raise _Bad("bad-row", f"{name} is not text")
    text = clean(value)
    if len(text) > MAX_TEXT:
        seen.note(f"over {MAX_TEXT:,} characters, the rest left out", name)
    return text[:MAX_TEXT]


def _photos(value: object, folder: str) -> tuple[tuple[str, ...], int, list[str]]:
    """Paths that can be opened, how many placeholders there were, and the addresses refused."""
    listed = [value] if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(p, str) for p in listed):
        raise _Bad("bad-row", "photos is not a list of paths")
    names = [p.strip() for p in listed if p.strip()]
    real = [p for p in names if not p.endswith(PLACEHOLDER)]
    remote = [p for p in real if p.lower().startswith(("http://", "https://"))]
    paths = [_place(p, folder) for p in real if p not in remote]
    return tuple(dict.fromkeys(paths)), len(names) - len(real), remote


def _place(path: str, folder: str) -> str:
    if "://" in path or path.startswith("/"):
        return path
    whole = storage.join(folder, path)
    if "\\" in path and not storage.exists(whole):  # as Windows writes it
        return storage.join(folder, path.replace("\\", "/"))
    return whole
