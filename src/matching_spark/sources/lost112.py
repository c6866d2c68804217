"""Announcements of the police portal LOST112 as its open data gives them: XML items -> Post.

The envelope is that of data.go.kr: response/header/resultCode, response/body/items/item (a list) or
response/body/item (a detail); an error with the service key comes as OpenAPI_ServiceResponse. Any
field may be missing. What a list and a detail say of one announcement is one post.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from matching_spark import storage
from matching_spark.domain.posts import CATEGORIES, Kind, Post, Reject, Status, clean, parse_date
from matching_spark.errors import InputError, UsageError

MAX_XML_BYTES = 32 << 20  # a page of 1,000 announcements has about 1 MB
MAX_TEXT = 20_000
NOTHING_FOUND = "03"  # NODATA_ERROR: an empty list, not a failure
PLACEHOLDER = re.compile(r"img\d+_no_img\.gif$", re.I)  # the portal's pictures for "no picture"
# Mobile numbers and mail addresses: a person's, never an office's.
PRIVATE = re.compile(r"\b01[016789][-.\s]?\d{3,4}[-.\s]?\d{4}\b|[\w.+-]+@[\w-]+\.[\w.-]+")

# The portal writes 블랙(검정), 핑크(분홍): the first of these words that stands in it.
_COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "흰색": ("흰", "하얀", "화이트"),
    "검정": ("검정", "검은", "블랙"),
    "빨강": ("빨강", "빨간", "레드"),
    "주황": ("주황", "오렌지"),
    "노랑": ("노랑", "노란", "옐로"),
    "초록": ("초록", "녹색", "그린"),
    "파랑": ("파랑", "파란", "블루", "남색"),
    "갈색": ("갈색", "브라운"),
    "보라": ("보라", "퍼플"),
    "핑크": ("핑크", "분홍"),
    "기타": ("기타",),
}
_REGION_WORDS: dict[str, tuple[str, ...]] = {
    "서울": ("서울",),
    "강원": ("강원",),
    "경기": ("경기",),
    "경남": ("경남", "경상남도"),
    "경북": ("경북", "경상북도"),
    "전남": ("전남", "전라남도"),
    "전북": ("전북", "전라북도"),
    "충남": ("충남", "충청남도"),
    "충북": ("충북", "충청북도"),
    "제주": ("제주",),
    "광주": ("광주",),
    "대구": ("대구",),
    "대전": ("대전",),
    "부산": ("부산",),
    "울산": ("울산",),
    "인천": ("인천",),
    "세종": ("세종",),
    "해외": ("해외",),
    "기타": ("기타",),
}
# The first that stands in the state's name; 미해결 before 해결, 보관 after 보관종결.
_STATE_WORDS: tuple[tuple[Status, tuple[str, ...]], ...] = (
    ("open", ("미해결", "보관중", "찾는중")),
    ("withdrawn", ("취소", "철회", "삭제")),
    ("expired", ("폐기", "국고", "귀속", "만료", "매각")),
    ("claimed", ("반환", "수령", "종결", "회수", "찾음", "해결", "완료", "인계")),
    ("open", ("보관", "신고", "접수", "공고")),
)

Item = dict[str, str]


@dataclass(frozen=True)
class Page:
    """One answer: its items, and how many there are on all pages."""

    items: list[Item]
    total: int


@dataclass
class Seen:
    """What was met that the project has no word for, counted; it is kept as it was written."""

    unknown: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, word: str) -> None:
        self.unknown[f"{what}: {word}"] += 1


def parse(raw: bytes, where: str) -> Page:
    """An answer of the API. Raises InputError for what is no answer, or one that says why not."""
    try:
        import defusedxml.ElementTree as safe
        from defusedxml.common import DefusedXmlException
    except ImportError:
        raise UsageError("LOST112 needs: pip install 'matching-spark[lost112]'") from None
    if len(raw) > MAX_XML_BYTES:
        raise InputError(f"{where} has more than {MAX_XML_BYTES >> 20} MB of XML")
    try:
        root = safe.fromstring(raw, forbid_dtd=True)
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
    items = [{child.tag: clean(child.text) for child in each} for each in elements]
    total = clean(body.findtext("totalCount"))
    return Page(items, int(total) if total.isdigit() else len(items))


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
        try:
            page = parse(storage.read_bytes(file, MAX_XML_BYTES + 1), file)
        except InputError as error:
            if one:
                raise
            yield Reject(file, "", "bad-file", str(error))
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
    try:
        happened_on = parse_date(item.get(f"{side}Ymd"))
    except InputError as error:
        return Reject(where, key, "bad-date", str(error))
    category, _, subcategory = (part.strip() for part in item.get("prdtClNm", "").partition(">"))
    if category and category not in CATEGORIES:
        seen.note("category", category)
        category, subcategory = "", item["prdtClNm"]
    place = item.get(f"{side}Place", "")
    office = item.get("depPlace") or item.get("orgNm", "")
    said_region = item.get("lstLctNm", "")
    image = item.get(f"{side}FilePathImg", "")
    blank = bool(PLACEHOLDER.search(image))
    post = Post(
        post_id=key,
        kind=kind,
        category=category,
        subcategory=subcategory,
        title=_public(item.get(f"{side}PrdtNm") or item.get(f"{side}Sbjt", "")),
        description=_public(_joined(item.get(f"{side}Sbjt", ""), item.get("uniq", ""))),
        colour=_word("colour", item.get("clrNm", ""), _COLOUR_WORDS, seen),
        place=place,
        region=_word("region", said_region, _REGION_WORDS, seen)
        if said_region
        else _begins(place) or _begins(office) or _begins(item.get("orgNm", "")),
        happened_on=happened_on,
        status=_state(item.get("csteSteNm") or item.get("lstSteNm", ""), seen),
        kept_at=office,
        kept_phone=_public(item.get("tel", "")),
        photos=(image,) if image and not blank else (),
        placeholders=int(blank),
        source=where,
    )
    if not post.photos and not post.text:
        return Reject(where, key, "nothing-to-find", "neither a photo nor words")
    return post


def _word(what: str, said: str, words: Mapping[str, tuple[str, ...]], seen: Seen) -> str:
    """The domain's word for what the portal says; its own, noted, where there is none."""
    if not said:
        return ""
    found = [name for name, of in words.items() if any(word in said for word in of)]
    if found:
        return found[0]
    seen.note(what, said)
    return said


def _begins(name: str) -> str:
    """The region that a place or an office is named after, or ''."""
    for region, words in _REGION_WORDS.items():
        if region != "기타" and name.startswith(words):
            return region
    return ""


def _state(said: str, seen: Seen) -> Status:
    if not said:
        return "open"
    bare = "".join(said.split())
    for status, words in _STATE_WORDS:
        if any(word in bare for word in words):
            return status
    seen.note("state", said)
    return "open"


def _joined(*texts: str) -> str:
    return " ".join(dict.fromkeys(" ".join(t.split()) for t in texts if t.strip()))


def _public(text: str) -> str:
    """The text without a person's own number or address."""
    return " ".join(PRIVATE.sub("", text)[:MAX_TEXT].split())
