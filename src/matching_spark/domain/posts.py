"""The words of the domain: posts, their photos, kinds, states, categories, colours, regions.

Categories, colours and regions are those of the Korean police portal LOST112; a category that is
not in its list is refused when a post is read, because blocking and filters rest on it.
"""

import datetime as dt
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from matching_spark.errors import InputError

Kind = Literal["lost", "found"]
Status = Literal["open", "claimed", "withdrawn", "expired"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
SEOUL = ZoneInfo("Asia/Seoul")

CATEGORIES: dict[str, tuple[str, ...]] = {
    "가방": ("여성용가방", "남성용가방", "기타가방"),
    "도서용품": ("학습서적", "소설", "컴퓨터서적", "만화책", "기타서적"),
    "서류": ("서류", "기타물품"),
    "산업용품": ("기타물품",),
    "스포츠용품": ("스포츠용품",),
    "자동차": ("자동차열쇠", "네비게이션", "자동차번호판", "임시번호판", "기타용품"),
    "전자기기": (
        "PMP",
        "MP3",
        "PDA",
        "카메라",
        "전자수첩",
        "태블릿",
        "스마트워치",
        "무선이어폰",
        "기타용품",
    ),
    "지갑": ("여성용 지갑", "남성용 지갑", "기타 지갑"),
    "컴퓨터": ("삼성", "LG", "삼보", "HP", "애플노트북", "기타"),
    "휴대폰": ("삼성", "LG", "스카이", "아이폰", "모토로라", "기타통신기기"),
    "의류": ("여성", "남성", "아기", "모자", "신발", "기타"),
    "현금": ("현금", "수표", "외화", "기타"),
    "유가증권": ("어음", "상품권", "채권", "기타"),
    "증명서": ("신분증", "면허증", "여권", "판결문", "기타"),
    "귀금속": ("반지", "목걸이", "귀걸이", "시계", "기타"),
    "카드": ("신용(체크)카드", "일반카드", "기타카드"),
    "쇼핑백": ("쇼핑백",),
    "악기": ("건반", "관", "타", "현", "기타"),
    "유류품": (),
    "기타물품": ("선글라스", "안경", "기타"),
}
COLOURS = ("흰색", "검정", "빨강", "주황", "노랑", "초록", "파랑", "갈색", "보라", "핑크", "기타")
REGIONS = (
    "서울",
    "강원",
    "경기",
    "경남",
    "경북",
    "전남",
    "전북",
    "충남",
    "충북",
    "제주",
    "광주",
    "대구",
    "대전",
    "부산",
    "울산",
    "인천",
    "세종",
    "해외",
    "기타",
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
    source: str = ""  # file and line it was read from, for messages

    @property
    def text(self) -> str:
        """What CLIP's text tower reads of this post; empty when there are no words."""
        return " ".join(filter(None, (self.title, self.description)))


@dataclass(frozen=True)
class Reject:
    """A post or photo that was not taken, and why: one line of the rejects file."""

    source: str
    post_id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Filters:
    """What a post must be to be searched; None means any. Dates are inclusive."""

    kind: Kind | None = None
    category: str | None = None
    colour: str | None = None
    region: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    status: Status | None = "open"

    def __post_init__(self) -> None:
        check("kind", self.kind, KINDS)
        check("category", self.category, CATEGORIES)
        check("colour", self.colour, COLOURS)
        check("region", self.region, REGIONS)
        check("status", self.status, STATUSES)


def check(name: str, value: str | None, choices: Collection[str]) -> None:
    """Raise InputError that lists the valid choices unless `value` is None, empty or valid."""
    if value and value not in choices:
        raise InputError(f"{name} {value!r} is not known; choose one of: {', '.join(choices)}")


def clean(value: object) -> str:
    """A text cell as one NFC string without surrounding space; None becomes ''."""
    return "" if value is None else unicodedata.normalize("NFC", str(value)).strip()


def parse_date(value: object) -> dt.date | None:
    """A date in Seoul from ISO text ('2026-11-01', '20261101', with or without time), or None.

    Raises InputError when there is something and it cannot be read: missing is not unreadable.
    """
    if isinstance(value, dt.datetime):
        return (value.astimezone(SEOUL) if value.tzinfo else value).date()
    if isinstance(value, dt.date):
        return value
    text = clean(value).replace(".", "-").replace("/", "-").rstrip("-").replace("- ", "-")
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"date {value!r} cannot be read; write it as 2026-11-01") from None
    return parse_date(moment)
