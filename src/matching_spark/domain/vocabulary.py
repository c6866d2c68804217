"""The words that are compared and filtered by, and how else people and programs write them.

Categories, colours and regions are those of the Korean police portal LOST112. Every source and
every question is read by the same lists; a word that is in none of them says nothing of a pair.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from matching_spark.domain.personal import public
from matching_spark.errors import InputError, unknown

NOT_SHOWN = "a number, not shown"
MOST_SHOWN = 200  # characters of a word that is noted
NEAR = (
    200  # names of columns held against those that there are, 1 ms each: a file may have a million
)
MOST_NOTED = 1_000  # different words: what more there are is counted together
OTHERS = "others"
VAGUE = "기타"  # of a colour or a region: "other", which says nothing about being the same


@dataclass(frozen=True)
class Vocabulary:
    """The words of one column, each with its other spellings, in lower case.

    within: whether a spelling may stand in a longer text. A Latin one is a word of its own there, a
    Korean one may be a part of one: 검은 is found in 검은색, red is not in bored.
    """

    name: str
    words: Mapping[str, tuple[str, ...]]
    within: bool = True

    def find(self, said: str) -> str:
        """The word of the first spelling that stands in `said`, or ''."""
        text = _plain(said)
        if text in self.spelt or not self.within:
            return self.spelt.get(text, "")
        found = self._pattern.search(text)
        return self.spelt[found[0]] if found else ""

    def begins(self, said: str) -> str:
        """The word that `said` begins with, or ''; never the one for all others."""
        found = self._pattern.match(_plain(said))
        word = self.spelt[found[0]] if found else ""
        return "" if word == VAGUE else word

    @cached_property
    def telling(self) -> frozenset[str]:
        """The words by which two posts can be told apart."""
        return frozenset(self.words) - {VAGUE}

    def english(self, word: str) -> str:
        """The word's first English spelling, for a reader; the word itself where it has none."""
        return next((each for each in self.words.get(word, ()) if each.isascii()), word)

    def check(self, said: str | None) -> str | None:
        """The word that is meant. Raises InputError, listing all, where none is; None stays."""
        if not said:
            return said
        if not (word := self.find(said)):
            raise InputError(unknown(self.name, said, self.words))
        return word

    @cached_property
    def spelt(self) -> dict[str, str]:
        """The word by each of its spellings, itself among them."""
        own = {_plain(word): word for word in self.words}
        return {other: word for word, others in self.words.items() for other in others} | own

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        spelt = sorted(self.spelt, key=len, reverse=True)  # of two that begin alike, the longer
        return re.compile("|".join(map(_bounded, spelt)))


@dataclass
class Seen:
    """What was met that no vocabulary has, counted; it is kept as it was written, and told without
    a person's own numbers. After MOST_NOTED words others are told by their number alone.
    """

    unknown: Counter[str] = field(default_factory=Counter)
    _columns: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, word: str, times: int = 1) -> None:
        shown = public(word[: 2 * MOST_SHOWN])[:MOST_SHOWN]  # a number that is cut is seen whole
        self._add(what, shown or NOT_SHOWN, times)

    def add(self, other: "Seen") -> None:
        """What another has noted."""
        for noted, times in other.unknown.items():
            what, _, shown = noted.partition(": ")
            self._add(what, shown, times)

    def _add(self, what: str, shown: str, times: int) -> None:
        noted = f"{what}: {shown}"
        is_new = noted not in self.unknown and len(self.unknown) >= MOST_NOTED
        self.unknown[f"{what}: {OTHERS}" if is_new else noted] += times

    def column(self, name: str, near: Callable[[str], str]) -> None:
        """Note a column that is not used; of the first NEAR, `near` tells which may be meant."""
        if name not in self._columns and len(self._columns) < NEAR:
            self._columns[name] = near(name)
        self.note("column not used", self._columns.get(name, name))

    def lines(self) -> list[str]:
        """What was noted, the most frequent first, as it is said to a person."""
        often = self.unknown.most_common()
        return [f"noted {'once' if n == 1 else f'{n:,} times'}: {word}" for word, n in often]

    def word(self, vocabulary: Vocabulary, said: str) -> str:
        """The word that is meant; what was said, noted, where there is none."""
        word = vocabulary.find(said)
        if said and not word:
            self.note(vocabulary.name, said)
        return word or said


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _bounded(spelling: str) -> str:
    return rf"(?<![a-z]){re.escape(spelling)}(?![a-z])" if spelling.isascii() else spelling


CATEGORIES: dict[str, tuple[str, ...]] = {
    "가방": ("여성용가방", "남성용가방", "기타가방"),
    "도서용품": ("학습서적", "소설", "컴퓨터서적", "만화책", "기타서적"),
    "서류": ("서류", "기타물품"),
    "산업용품": ("기타물품",),
    "스포츠용품": ("스포츠용품",),
    "자동차": ("자동차열쇠", "네비게이션", "자동차번호판", "임시번호판", "기타용품"),
    "전자기기": (
        *("PMP", "MP3", "PDA", "카메라", "전자수첩", "태블릿", "스마트워치"),
        *("무선이어폰", "기타용품"),
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
CATEGORY = Vocabulary(
    "category",
    dict.fromkeys(CATEGORIES, ())
    | {
        "가방": (
            *("백팩", "배낭", "핸드백", "에코백", "숄더백", "토트백", "크로스백", "슬링백", "힙색"),
            *("보스턴백", "더플백", "쇼퍼백", "미니백", "노트북가방", "기저귀가방", "bag"),
            *("backpack", "handbag", "tote bag", "tote", "shoulder bag", "duffel bag"),
            *("fanny pack", "laptop bag"),
        ),
        "도서용품": (
            *("도서", "책", "문제집", "교과서", "전공책", "성경책", "성경"),
            *("book", "books", "textbook"),
        ),
        "서류": ("문서", "서류봉투", "documents"),
        "산업용품": ("공구", "tools", "hard hat"),
        "스포츠용품": (
            *("스포츠", "운동용품", "골프채", "요가매트", "sports", "golf club", "yoga mat"),
        ),
        "자동차": ("자동차용품", "블랙박스", "네비게이션", "내비게이션", "car", "dashcam"),
        "전자기기": (
            *("전자제품", "버즈", "갤럭시버즈", "무선이어폰", "블루투스이어폰", "줄이어폰"),
            *("애플펜슬", "스마트워치", "애플워치", "갤럭시워치", "갤럭시탭", "보조밧데리"),
            *("외장배터리", "고프로", "닌텐도스위치", "이북리더기", "충전케이블", "디카"),
            *("electronics", "galaxy buds", "buds"),
            *("airpod", "earbud", "earphone", "apple watch", "smartwatch", "smart watch", "kindle"),
            *("galaxy tab", "gopro", "nintendo switch", "headphone", "powerbank", "apple pencil"),
        ),
        "지갑": (
            *("반지갑", "장지갑", "중지갑", "머니클립"),
            *("wallet", "purse", "billfold", "money clip"),
        ),
        "컴퓨터": (
            *("노트북", "맥북", "갤럭시북", "랩탑"),
            *("galaxy book", "computer", "laptop", "macbook"),
        ),
        "휴대폰": (
            *("핸드폰", "휴대전화", "스마트폰", "아이폰", "갤럭시", "폰", "폴더폰", "갤럭시폰"),
            "galaxy",
            *("phone", "mobile phone", "smartphone", "cellphone", "iphone", "cell phone"),
        ),
        "의류": (
            *("옷", "자켓", "잠바", "후드집업", "바람막이", "볼캡", "스웨터", "니트"),
            *("조끼", "블레이저", "롱패딩", "숏패딩", "청자켓", "교복", "캔버스화", "축구화"),
            *("clothes", "clothing", "sweater", "vest", "beanie", "glove", "sneakers", "raincoat"),
        ),
        "현금": ("돈", "현금봉투", "월급봉투", "cash", "money"),
        "유가증권": ("상품권", "문화상품권", "securities", "gift certificate"),
        "증명서": (
            *("신분증", "민증", "사원증", "주민증", "운전면허증", "운전면허", "외국인등록증"),
            *("공무원증", "id card", "id", "student id", "driver's license"),
            *("drivers license", "driving license"),
            *("alien registration card", "employee id"),
        ),
        "귀금속": (
            *("보석", "금목걸이", "은목걸이", "금팔찌", "은팔찌", "금반지", "은반지", "커플링"),
            "결혼반지",
            *("귀고리", "발찌", "피어싱"),
            *("jewellery", "jewelry", "wedding ring", "earring"),
        ),
        "카드": (
            *("신용카드", "체크카드", "교통카드", "버스카드", "티머니카드", "card", "credit card"),
            *("debit card", "t-money card", "t-money", "tmoney card", "tmoney"),
        ),
        "쇼핑백": ("종이백", "shopping bag"),
        "악기": (
            *("우쿨렐레", "바이올린 활", "첼로 활"),
            *("instrument", "musical instrument", "ukulele"),
        ),
        "기타물품": (
            *("기타", "장우산", "단우산", "양산", "우양산", "썬글라스", "보온병"),
            *("집열쇠", "키홀더", "약봉투", "목줄", "보행기", "목베개"),
            *("other", "parasol", "house key", "thermos", "keychain", "walking stick"),
        ),
    },
    within=False,  # a 지갑형 가방 is no wallet
)
COLOUR = Vocabulary(
    "colour",
    {
        "흰색": ("흰", "하얀", "하양", "백색", "화이트", "white"),
        "검정": ("검은", "검정", "까만", "까망", "흑색", "블랙", "black"),
        "빨강": ("빨간", "붉은", "적색", "레드", "red"),
        "주황": ("주황", "오렌지", "orange"),
        "노랑": ("노란", "황색", "옐로", "yellow"),
        "초록": ("녹색", "연두", "그린", "green"),
        "파랑": (
            *("파란", "푸른", "청색", "남색", "곤색", "하늘색", "블루", "네이비", "blue", "navy"),
        ),
        "갈색": ("고동색", "밤색", "브라운", "brown"),
        "보라": ("자주", "퍼플", "purple", "violet"),
        "핑크": ("분홍", "pink"),
        # Which of the ten it would be, people do not agree on: it says nothing of a pair.
        "기타": (
            *("회색", "쥐색", "은색", "금색", "베이지", "아이보리", "카키", "투명", "그레이"),
            *("실버", "골드", "gray", "grey", "silver", "gold", "beige", "khaki", "other"),
        ),
    },
)
REGION = Vocabulary(
    "region",
    {
        "서울": ("seoul",),
        "강원": ("gangwon", "gangwon-do", "gangwondo"),
        "경기": ("gyeonggi", "gyeonggi-do", "gyeonggido"),
        "경남": ("경상남도", "gyeongnam", "gyeongsangnam-do", "gyeongsangnamdo", "gyeongsangnam"),
        "경북": ("경상북도", "gyeongbuk", "gyeongsangbuk-do", "gyeongsangbukdo", "gyeongsangbuk"),
        "전남": ("전라남도", "jeonnam", "jeollanam-do", "jeollanamdo", "jeollanam"),
        "전북": ("전라북도", "jeonbuk", "jeollabuk-do", "jeollabukdo", "jeollabuk"),
        "충남": ("충청남도", "chungnam", "chungcheongnam-do", "chungcheongnamdo", "chungcheongnam"),
        "충북": ("충청북도", "chungbuk", "chungcheongbuk-do", "chungcheongbukdo", "chungcheongbuk"),
        "제주": ("jeju", "jeju-do", "jejudo"),
        "광주": ("gwangju",),
        "대구": ("daegu",),
        "대전": ("daejeon",),
        "부산": ("busan",),
        "울산": ("ulsan",),
        "인천": ("incheon",),
        "세종": ("sejong",),
        "해외": ("외국", "overseas", "abroad"),
        "기타": ("other",),
    },
)


# Of what a post is compared and filtered by, by the name of the column.
OF_FACTS: Mapping[str, Vocabulary] = {each.name: each for each in (CATEGORY, COLOUR, REGION)}


def set_words(asked: object) -> None:
    """Give a frozen dataclass, in its __post_init__, the words that its own mean.

    Raises InputError for one that is not known.
    """
    for name, vocabulary in OF_FACTS.items():
        object.__setattr__(asked, name, vocabulary.check(getattr(asked, name)))


def word_of_post(name: str, said: str) -> str:
    """The word of a post's category, colour or region: the list's that is meant, else of a colour
    or a region what was said. Raises InputError for a category that is not known."""
    if name == CATEGORY.name:
        return CATEGORY.check(said) or ""
    return OF_FACTS[name].find(said) or said
