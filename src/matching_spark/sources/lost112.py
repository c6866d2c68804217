"""Announcements of the police portal LOST112 as its open data gives them: XML items -> Post.

The envelope is that of data.go.kr: response/header/resultCode, response/body/items/item (a list) or
response/body/item (a detail); an error with the service key comes as OpenAPI_ServiceResponse. Any
field may be missing. What a list and a detail say of one announcement is one post.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching_spark import storage
from matching_spark.domain.dates import parse_lost_on
from matching_spark.domain.posts import (
    LEFT_OUT,
    MAX_TEXT,
    Kind,
    Post,
    Reject,
    Status,
    clean,
    shortened,
    status_of,
)
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Seen
from matching_spark.errors import InputError, StorageError, extra
from matching_spark.sources.folder import LINKED

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# A page of 1,000 announcements has about 1 MB; parsed, XML takes up to 27 times its size.
MAX_XML_BYTES = 8 << 20
# Characters of a namespace; XMLSchema-instance's has 41. It stands in the name of each element and
# attribute that is of it: of one of a megabyte, 2 MB of XML take 4 GB.
MAX_NAMESPACE = 100
NOTHING_FOUND = "03"  # NODATA_ERROR: an empty list, not a failure
PLACEHOLDER = re.compile(r"img\d+_no_img\.gif$", re.I)  # the portal's pictures for "no picture"

Item = dict[str, str]
DOUBLED = ""  # which is no element's name


@dataclass(frozen=True)
class Page:
    """One answer: its items, and how many there are on all pages."""

    items: list[Item]
    total: int


def parse(raw: bytes, where: str) -> Page:
    """An answer of the API. Raises InputError for what is no answer, or one that says why not."""
    with extra("lost112", "LOST112"):
        import defusedxml.ElementTree as safe
        from defusedxml.common import DefusedXmlException
    if len(raw) > MAX_XML_BYTES:
        raise InputError(f"{where} has more than {MAX_XML_BYTES >> 20} MB of XML")
    parser = safe.XMLParser(forbid_dtd=True)
    parser.parser.StartNamespaceDeclHandler = _check_namespace
    try:
        parser.feed(raw)
        root = parser.close()
    except (safe.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError(f"{where} is no XML of the portal: {error}") from None
    if root.tag == "OpenAPI_ServiceResponse":
        said = clean(root.findtext(".//returnAuthMsg") or root.findtext(".//errMsg"))
        code = clean(root.findtext(".//returnReasonCode"))
        raise InputError(f"{where}: the portal refuses: {said} (reason {code})")
    if root.tag != "response":
        raise InputError(f"{where} is no XML of the portal: it begins with <{root.tag[:40]}>")
    code = clean(root.findtext("header/resultCode"))
    if code == NOTHING_FOUND:
        return Page([], 0)
    if code not in ("", "00", "0000"):
        said = clean(root.findtext("header/resultMsg"))
        raise InputError(f"{where}: the portal answers {said} (code {code})")
    body = root.find("body")
    if body is None:
        return Page([], 0)
    elements = [*body.findall("items/item"), *body.findall("item")]
    items = [_item(each) for each in elements]
    total = clean(body.findtext("totalCount"))
    is_number = total.isdecimal() and len(total) < 10
    return Page(items, int(total) if is_number else len(items))


def _item(element: Iterable["Element"]) -> Item:
    """What an announcement says, and in DOUBLED the field of which it says two things."""
    item: Item = {}
    for child in element:
        said = clean(" ".join(child.itertext()))
        if item.setdefault(child.tag, said) != said:
            item[DOUBLED] = child.tag
    return item


def _check_namespace(prefix: str | None, name: str | None) -> None:
    if len(name or "") > MAX_NAMESPACE:
        raise ValueError(f"it has a namespace of over {MAX_NAMESPACE} characters")


def key_of(item: Mapping[str, str]) -> str:
    """The post's id: the management id, for a found thing with its number; '' without one."""
    atc, number = item.get("atcId", ""), item.get("fdSn", "")
    return f"{atc}-{number}" if atc and number else atc


def kind_of(item: Mapping[str, str]) -> Kind:
    if any(name.startswith("lst") for name in item):
        return "lost"
    if any(name.startswith("fd") for name in item):
        return "found"
    return "lost" if item.get("atcId", "").startswith("L") else "found"


def read_lost112(source: str, kind: Kind | None, seen: Seen) -> Iterator[Post | Reject]:
    """The announcements of saved XML: a file, or every .xml below a folder.

    Photos stay addresses in `Post.photos`; lost112_photos fetches them. Raises InputError for a
    file that is no answer of the portal; in a folder such a file is only listed.
    """
    one = not storage.is_dir(source)
    files = [source] if one else [f for f in storage.walk(source) if f.lower().endswith(".xml")]
    if not files:
        raise InputError(f"{source} holds no .xml file")
    items: dict[str, Item] = {}
    for file in files:
        if not one and storage.leads_out(file, source):
            yield Reject(file, "", "linked-file", LINKED)
            continue
        if not storage.is_regular(file):
            yield Reject(file, "", "unreadable", "it is a pipe or a device")
            continue
        try:
            page = parse(storage.read_bytes(file, MAX_XML_BYTES + 1), file)
        except (InputError, StorageError, FileNotFoundError) as error:
            if one:
                raise
            why = "bad-file" if isinstance(error, InputError) else "unreadable"
            yield Reject(file, "", why, str(error))
            continue
        for item in page.items:
            key = key_of(item)
            if not key:
                yield Reject(file, "", "no-id", "atcId is missing")
            else:
                items[key] = merged(items.get(key, {}), item)
    yield from to_posts(items.values(), source, kind, seen)


def merged(before: Item, now: Item) -> Item:
    """Both together: what is read later counts, but says nothing by an empty field."""
    return before | {name: value for name, value in now.items() if value or name not in before}


def to_posts(
    items: Iterable[Item], source: str, kind: Kind | None, seen: Seen
) -> Iterator[Post | Reject]:
    """One post an item; a `kind` leaves out the others."""
    for item in items:
        if kind is None or kind_of(item) == kind:
            yield to_post(item, source, seen)


def to_post(item: Item, source: str, seen: Seen) -> Post | Reject:
    """What an item says, in the words of the domain. Unknown words are kept and noted in `seen`."""
    key, kind = key_of(item), kind_of(item)
    side = "lst" if kind == "lost" else "fd"
    where = f"{source}#{key}"
    if DOUBLED in item:
        why = f"it has two {item[DOUBLED]}, as of two announcements in one"
        return Reject(where, key, "bad-row", why)
    try:
        happened_on = parse_lost_on(item.get(f"{side}Ymd"))
    except InputError as error:
        return Reject(where, key, "bad-date", str(error))
    category, _, subcategory = (part.strip() for part in item.get("prdtClNm", "").partition(">"))
    known = CATEGORY.find(category)
    if category and not known:
        seen.note("category", category)
        subcategory = item["prdtClNm"]
    place = item.get(f"{side}Place", "")
    office = item.get("depPlace") or item.get("orgNm", "")
    said_region = item.get("lstLctNm", "")
    title = item.get(f"{side}PrdtNm") or item.get(f"{side}Sbjt", "")
    description = _joined(item.get(f"{side}Sbjt", ""), item.get("uniq", ""))
    for name, text in (("title", title), ("description", description)):
        if len(text) > MAX_TEXT:
            seen.note(LEFT_OUT, name)
    image = item.get(f"{side}FilePathImg", "")
    blank = bool(PLACEHOLDER.search(image))
    return Post(
        post_id=key,
        kind=kind,
        category=known,
        subcategory=subcategory,
        title=_public(title),
        description=_public(description),
        colour=seen.word(COLOUR, item.get("clrNm", "")),
        place=place,
        region=seen.word(REGION, said_region)
        or next(filter(None, map(REGION.begins, (place, office, item.get("orgNm", "")))), ""),
        happened_on=happened_on,
        status=_state(item.get("csteSteNm") or item.get("lstSteNm", ""), seen),
        kept_at=office,
        kept_phone=_public(item.get("tel", "")),
        photos=(image,) if image and not blank else (),
        placeholders=int(blank),
        read_from=where,
    )


def _state(said: str, seen: Seen) -> Status:
    """Open where nothing is said, or nothing that is known."""
    status = status_of(said)
    if said and status is None:
        seen.note("state", said)
    return status or "open"


def _joined(*texts: str) -> str:
    return " ".join(dict.fromkeys(" ".join(t.split()) for t in texts if t.strip()))


def _public(text: str) -> str:
    """The text without a person's own number or address."""
    return " ".join(shortened(text).split())
