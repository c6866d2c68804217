"""Posts in CSV or JSONL, by the names of the table's columns."""

import csv
import datetime as dt
import io
import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from matching_spark import storage
from matching_spark.domain.posts import (
    CATEGORIES,
    KINDS,
    STATUSES,
    Kind,
    Post,
    Reject,
    Status,
    clean,
    parse_date,
)
from matching_spark.errors import InputError

PLACEHOLDER = "img02_no_img.gif"  # the portal's picture for "no picture"
TEXTS = (
    "subcategory",
    "title",
    "description",
    "colour",
    "place",
    "region",
    "kept_at",
    "kept_phone",
    "source_url",
)
MAX_ID, MAX_TEXT = 512, 20_000
MAX_CELL = 1 << 20  # characters of a CSV's cell: more is taken for an open quote


class _Bad(Exception):
    """Why a row is not taken: reason and detail."""


def read_jsonl(uri: str, kind: Kind | None) -> Iterator[Post | Reject]:
    """One JSON object a line; `photos` is a list of paths relative to the file."""
    with storage.open_input(uri) as stream:
        for number, raw in enumerate(stream, 1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                yield Reject(f"{uri}:{number}", "", "bad-row", f"not JSON: {error}")
                continue
            if isinstance(row, dict):
                yield from _read(row, uri, number, kind)
            else:
                yield Reject(f"{uri}:{number}", "", "bad-row", "not a JSON object")


def read_csv(uri: str, kind: Kind | None) -> Iterator[Post | Reject]:
    """A header and rows; `photos` are split by ';'. UTF-8, with BOM or without, else CP949."""
    raw = storage.read_bytes(uri)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("cp949")
        except UnicodeDecodeError:
            raise InputError(f"{uri} is neither UTF-8 nor CP949; save it as UTF-8") from None
    if not text.strip():
        return
    # The csv module has one limit for a whole process: it is raised, never lowered for others.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [clean(name) for name in reader.fieldnames or ()]
    if "post_id" not in names:
        raise InputError(f"{uri} has no column post_id; its columns are: {', '.join(names)}")
    reader.fieldnames = names
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(f"{uri}:{reader.line_num}", "", "bad-row", str(error))
            continue
        if None in row:
            detail = "more cells than columns"
            yield Reject(f"{uri}:{reader.line_num}", clean(row["post_id"]), "bad-row", detail)
            continue
        photos = [p for p in (row.get("photos") or "").split(";") if p.strip()]
        yield from _read({**row, "photos": photos}, uri, reader.line_num, kind)


def _read(
    row: Mapping[str, object], uri: str, number: int, kind: Kind | None
) -> Iterator[Post | Reject]:
    where = f"{uri}:{number}"
    raw_id = row.get("post_id")
    post_id = str(raw_id).strip() if isinstance(raw_id, str | int) else ""
    try:
        photos, placeholders, remote = _photos(row.get("photos"), storage.parent(uri))
        yield from (
            Reject(where, post_id, "remote-photo", f"{photo} is not fetched; give a file")
            for photo in remote
        )
        post = Post(
            post_id=_id(raw_id, post_id),
            kind=_kind(clean(row.get("kind")), kind),
            category=_one_of("category", clean(row.get("category")), CATEGORIES),
            happened_on=_date(row.get("happened_on")),
            status=cast(Status, _one_of("status", clean(row.get("status")) or "open", STATUSES)),
            photos=photos,
            placeholders=placeholders,
            source=where,
            **{name: _text(name, row.get(name)) for name in TEXTS},
        )
        if not post.photos and not post.text:
            raise _Bad("nothing-to-find", "neither a photo nor words")
        yield post
    except _Bad as bad:
        yield Reject(where, post_id, *bad.args)


def _id(raw: object, post_id: str) -> str:
    if not post_id:
        raise _Bad("no-id", "post_id is missing" if raw in (None, "") else f"post_id is {raw!r}")
    if len(post_id) > MAX_ID or any(unicodedata.category(c) == "Cc" for c in post_id):
        raise _Bad("bad-row", f"post_id has over {MAX_ID} or control characters")
    return post_id


def _kind(value: str, default: Kind | None) -> Kind:
    if not value and default:
        return default
    if value not in KINDS:
        raise _Bad("bad-kind", f"kind {value!r}; lost or found, in the row or as the kind of all")
    if default and value != default:
        raise _Bad("kind-differs", f"the row says {value}, but all are said to be {default}")
    return value


def _one_of(name: str, value: str, choices: Collection[str]) -> str:
    if value and value not in choices:
        raise _Bad(f"bad-{name}", f"{value!r}; choose one of: {', '.join(choices)}")
    return value


def _date(value: object) -> dt.date | None:
    try:
        return parse_date(value)
    except InputError as error:
        raise _Bad("bad-date", str(error)) from None


def _text(name: str, value: object) -> str:
    if isinstance(value, list | dict):
        raise _Bad("bad-row", f"{name} is not text")
    text = clean(value).replace("\x00", "")
    if len(text) > MAX_TEXT:
        raise _Bad("bad-row", f"{name} has over {MAX_TEXT} characters")
    return text


def _photos(value: object, folder: str) -> tuple[tuple[str, ...], int, list[str]]:
    """Paths that can be opened, how many placeholders there were, and the addresses refused."""
    listed = [value] if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(p, str) for p in listed):
        raise _Bad("bad-row", "photos is not a list of paths")
    names = [p.strip() for p in listed if p.strip()]
    real = [p for p in names if not p.endswith(PLACEHOLDER)]
    remote = [p for p in real if p.lower().startswith(("http://", "https://"))]
    paths = [
        p if "://" in p or p.startswith("/") else storage.join(folder, p)
        for p in real
        if p not in remote
    ]
    return tuple(dict.fromkeys(paths)), len(names) - len(real), remote
