"""A post, why one was not taken, and what a search is filtered by."""

import datetime as dt
import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from matching_spark.domain.dates import parse_date
from matching_spark.domain.personal import public
from matching_spark.domain.points import Point, point_of
from matching_spark.domain.vocabulary import set_words
from matching_spark.errors import InputError, unknown

Kind = Literal["lost", "found"]
Status = Literal["open", "claimed", "withdrawn", "expired"]
T = TypeVar("T")
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
SEOUL = ZoneInfo("Asia/Seoul")
MAX_ID = 512
CONTROL = r"[\x00-\x1f\x7f-\x9f]"  # which no id has; for Python and for Arrow
MAX_DETAIL = 600  # characters of a reject: a remedy may list every choice, an id is whole
MAX_SOURCE = 5_000  # characters of its place: a path has 4,096 bytes (PATH_MAX), a line follows
MAX_TEXT = 20_000  # characters: the rest of a longer text is left out
LEFT_OUT = f"over {MAX_TEXT:,} characters, the rest left out"  # is noted of it
READ_TEXT = MAX_TEXT + 200  # of which a source gives so many: a number at the end is known whole
MOST_MARKS = 30  # in a row: what any language needs (UAX #15, Stream-Safe Text Format)
SHORT = 1_000  # characters, whose marks are in order at once
DESK = "desk"  # the source of posts whose ids are a desk's own, where it has no other name
UNSEEN = frozenset(["Cc", "Cf", "Zs", "Zl", "Zp"])  # control, format and separators
# What stands around a text and is no part of it: white space, and what of a page, a chat or a file
# comes along when it is copied: without width (zero-width space, word joiner, BOM) and marks of
# direction, none of which has a counterpart inside.
AROUND = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u2060\ufeff\u200e\u200f"
# Where a number may stand, in whatever column a desk has put it.
FREE_TEXT = (
    *("subcategory", "title", "description", "colour", "place", "region", "kept_at", "kept_phone"),
)
TEXTS = (
    *("category", "subcategory", "title", "description", "colour", "place", "region"),
    *("kept_at", "kept_phone", "source_url"),
)

# The first that stands in the state's name; 미해결 before 해결, 보관 after 보관종결.
_STATE_WORDS: tuple[tuple[Status, tuple[str, ...]], ...] = (
    ("open", ("미해결", "보관중", "찾는중")),
    ("withdrawn", ("취소", "철회", "삭제")),
    ("expired", ("폐기", "국고", "귀속", "만료", "매각")),
    ("claimed", ("반환", "수령", "종결", "회수", "찾음", "해결", "완료", "인계")),
    ("open", ("보관", "신고", "접수", "공고")),
)
# Of a state, what has not come to pass yet: 미수령, 반환 대기, and 접수완료, which ends nothing.
_DONE = "반환|수령|종결|회수|찾|해결|완료|인계|폐기|귀속|매각|지급|교부"
_NOT_YET = re.compile(
    rf"(?:(?:미|못|안)(?:{_DONE})|찾지(?:못|않))(?:음|함|했음|됨|됐음|상태|건|품|물)?"
    rf"|.*(?:{_DONE})(?:대기|요청|신청|접수|진행|처리|기)?(?:대기|예정|요청|신청|접수|전|중)"
    r"|.*(?:접수|등록|신고|보관|공고)완료"
)


@dataclass(frozen=True)
class Post:
    """One announcement, as its source gives it: no vectors, photos by place only.

    `photos` are paths or URIs that storage.py can open. Empty strings mean "not given".
    """

    post_id: str
    kind: Kind
    category: str = ""
    subcategory: str = ""
    title: str = ""
    description: str = ""
    colour: str = ""
    place: str = ""
    region: str = ""
    happened_on: dt.date | None = None
    status: Status = "open"
    kept_at: str = ""
    kept_phone: str = ""
    source_url: str = ""
    photos: tuple[str, ...] = ()
    placeholders: int = 0  # photos that were the portal's "no image" picture, already dropped
    read_from: str = ""  # file and line, for messages
    latitude: float | None = None  # of the place, in degrees
    longitude: float | None = None
    identifiers: tuple[str, ...] | None = None  # keyed hashes; None: not looked for
    # Of the thing, in the clear, as a column of its source has them: sealed and never stored.
    numbers: tuple[str, ...] = field(default=(), repr=False)
    given: frozenset[str] | None = None  # the fields that its source has at all; None: every one

    @property
    def text(self) -> str:
        """What CLIP's text tower reads of this post; empty when there are no words."""
        return " ".join(filter(None, (self.title, self.description)))


@dataclass(frozen=True)
class Reject:
    """A post or photo that was not taken, and why: one line of the rejects file, without a person's
    own numbers. What a stranger wrote stands in each part: the middle of a long one is left out.
    """

    source: str
    post_id: str
    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        whole, half = self.detail, MAX_TEXT // 2
        # Cut out before it is shortened: a part of a number is not known as one.
        detail = public(whole if len(whole) <= MAX_TEXT else whole[:half] + whole[-half:])
        limits = {"source": MAX_SOURCE, "post_id": MAX_DETAIL, "detail": MAX_DETAIL}
        for name, limit in limits.items():
            text = detail if name == "detail" else getattr(self, name)
            short = text if len(text) <= limit else f"{text[:99]} ... {text[99 - limit :]}"
            object.__setattr__(self, name, short)


@dataclass(frozen=True)
class Filters:
    """What a post must be to be searched; None means any. Dates are inclusive.

    Words are taken as the vocabularies do: black is 검정. Raises InputError for one that is not
    known, a day that cannot be read, and a first day after the last.
    """

    kind: Kind | None = None
    category: str | None = None
    colour: str | None = None
    region: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    status: Status | None = "open"

    def __post_init__(self) -> None:
        check("kind", self.kind, KINDS)
        check("status", self.status, STATUSES)
        set_words(self)
        for name in ("since", "until"):
            object.__setattr__(self, name, parse_date(getattr(self, name)))
        if self.since and self.until and self.since > self.until:
            said = f"since {self.since} is after the last day, {self.until}"
            raise InputError(said, argument="until")

    def described(self) -> dict[str, str]:
        """Those that are set, as a reader of the JSON is told of them."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}


def seoul_today() -> dt.date:
    """The day in Seoul, where the posts' dates are."""
    return dt.datetime.now(SEOUL).date()


def check(name: str, value: str | None, choices: Collection[str]) -> None:
    """Raise InputError that lists the valid choices unless `value` is None, empty or valid."""
    if value and value not in choices:
        raise InputError(unknown(name, value, choices))


def check_there(post_ids: Collection[str], known: Collection[str], where: str) -> None:
    """Raise InputError naming the posts that are not known in a table."""
    if missing := sorted({*post_ids} - {*known}):
        raise InputError(f"there is no post {', '.join(map(repr, missing))} in {where}")


def check_findable(post: Post, photos: Collection[str]) -> None:
    """Raise InputError for a post that no search would find. photos: its."""
    if not (photos or post.text):
        raise InputError("a post needs a photo or a few words", argument="title")


def clean(value: object) -> str:
    """A text cell as one NFC string without what stands AROUND it; None becomes ''.

    What no UTF-8 can say (half an emoji) is shown as U+FFFD; NUL, which no file can have, is left
    out, and so are marks without end upon one letter; and what only has characters that nobody sees
    says nothing.
    """
    if value is None:
        return ""
    whole = str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = unicodedata.normalize("NFC", few_marks(whole)).replace("\x00", "").strip(AROUND)
    return text if any(unicodedata.category(c) not in UNSEEN for c in text) else ""


def few_marks(text: str) -> str:
    """The text with at most MOST_MARKS in a row: to put them into their order takes the square of
    their number, half an hour for a million."""
    if len(text) <= SHORT or text.isascii() or not (marks := "".join(filter(_is_mark, set(text)))):
        return text
    return re.sub(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+", r"\1", text)


def _is_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) != 0


def parted(category: str, subcategory: T) -> tuple[str, T | str]:
    """지갑 > 남성용 지갑, as the portal writes it, as both; a subcategory of its own goes first."""
    category, both, second = category.partition(">")
    return category, second if both and not clean(subcategory) else subcategory


def shortened(text: str) -> str:
    """A text's first MAX_TEXT characters, without a person's own numbers nor a part of one."""
    read = text[:READ_TEXT]
    told = public(read)
    # What a source has read no further may end in half a number, which has moved up.
    if len(text) >= READ_TEXT and told != read:
        told = told[: MAX_TEXT - READ_TEXT]
    return told[:MAX_TEXT]


def checked(post: Post) -> Post:
    """The post as it can be stored, its texts clean, up to MAX_TEXT and without a person's own
    numbers, its address one of the web or none. Raises InputError that names what cannot be stored:
    an id that none can be, a kind or a state that there is not, a date that cannot be read.

    A point that is none is left out. The one place that all posts come through, whatever their
    source.
    """
    post_id = clean(post.post_id)
    if not post_id or len(post_id) > MAX_ID or re.search(CONTROL, post_id):
        said = f"its id is empty, over {MAX_ID} characters, or has control characters"
        raise InputError(said, argument="id")
    for name, choices in (("kind", KINDS), ("status", STATUSES)):
        if (value := getattr(post, name)) not in choices:
            raise InputError(unknown(name, value, choices), argument=name)
    try:
        day = parse_date(post.happened_on)
    except InputError as error:
        raise InputError(*error.args, argument="date") from None
    texts = {name: clean(getattr(post, name)) for name in TEXTS}
    texts = {n: shortened(t) if n in FREE_TEXT else t[:MAX_TEXT] for n, t in texts.items()}
    if not is_web_address(texts["source_url"]):
        texts["source_url"] = ""
    point: Point | tuple[None, None] = (None, None)
    with suppress(InputError):
        point = point_of(post.latitude, post.longitude) or point
    values: dict[str, object] = {**texts, "post_id": post_id, "happened_on": day}
    values |= zip(("latitude", "longitude"), point, strict=True)
    if all(getattr(post, name) == value for name, value in values.items()):
        return post
    return replace(post, **values)  # type: ignore[arg-type]  # each of its name's type


NO_ADDRESS = "is no http:// or https:// address without a user and spaces"


def is_web_address(text: str) -> bool:
    """Whether a page may link to it: not javascript:, nor what a browser reads as another host."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    unseen = any(c == "\\" or unicodedata.category(c) in UNSEEN for c in text)
    return (
        parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc and not unseen
    )


def status_of(said: str) -> Status | None:
    """The state that a desk or a programme writes, or None."""
    bare = "".join(said.split()).casefold()
    if bare in STATUSES:
        return bare
    if _NOT_YET.fullmatch(bare):
        return "open"
    return next((s for s, words in _STATE_WORDS if any(word in bare for word in words)), None)


def kind_of(said: str) -> Kind | None:
    """lost or found, in Korean too, or None."""
    words = {"분실": "lost", "분실물": "lost", "습득": "found", "습득물": "found"}
    word = "".join(said.split()).casefold()
    return cast(Kind | None, words.get(word, word if word in KINDS else None))
