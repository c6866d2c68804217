"""The words of the demo's posts: things, places, offices, titles."""

import random
from dataclasses import dataclass
from functools import cache

from matching_spark.domain import things as every

# Never lost on a train, or not things to carry.
LEFT_OUT = frozenset(
    [
        *("1f697", "1f3cd", "1f4fa", "1f4a1", "26fa", "1f9ca", "1f4dc", "1f5a5", "1f5a8", "1fa91"),
        *("1f9ef", "1fa9c"),
    ]
)

# Roughly how often each category is posted, in parts per hundred.
SHARES = {
    "지갑": 24,
    "휴대폰": 13,
    "카드": 12,
    "가방": 11,
    "전자기기": 9,
    "의류": 7,
    "증명서": 5,
    "귀금속": 5,
    "기타물품": 5,
    "현금": 2,
    "쇼핑백": 2,
    "도서용품": 1,
    "컴퓨터": 1,
    "스포츠용품": 1,
    "서류": 1,
    "악기": 1,
}
COLOUR_WORDS = {
    "흰색": ("흰색", "하얀"),
    "검정": ("검정", "검은색"),
    "빨강": ("빨강", "빨간색"),
    "주황": ("주황색",),
    "노랑": ("노란색", "노랑"),
    "초록": ("초록색", "녹색"),
    "파랑": ("파란색", "남색"),
    "갈색": ("갈색",),
    "보라": ("보라색",),
    "핑크": ("분홍색", "핑크색"),
    "기타": ("",),
}
# Region, places in it, and who keeps what is found there.
PLACES = {
    "서울": (
        (
            "2호선 강남역",
            "서울역 대합실",
            "홍대입구역 9번 출구",
            "잠실 롯데월드",
            "여의도 한강공원",
        ),
        ("서울강남경찰서", "서울교통공사 시청역 유실물센터", "서울마포경찰서"),
    ),
    "경기": (
        ("수원역 버스정류장", "분당선 정자역", "일산 호수공원"),
        ("수원중부경찰서", "성남 유실물센터"),
    ),
    "부산": (
        ("부산 서면역", "해운대 해수욕장", "부산역 광장"),
        ("부산진경찰서", "부산교통공사 유실물센터"),
    ),
    "대구": (("동대구역", "대구 동성로"), ("대구중부경찰서",)),
    "인천": (("인천공항 제1터미널", "부평역 지하상가"), ("인천공항경찰단", "인천부평경찰서")),
    "대전": (("대전역 대합실", "유성온천역"), ("대전동부경찰서",)),
    "광주": (("광주송정역", "충장로 카페"), ("광주동부경찰서",)),
    "제주": (("제주공항 3층", "제주 동문시장"), ("제주동부경찰서",)),
}
FOUND_TITLES = ("{x} 습득", "{p}에서 {x} 습득", "{x} 보관 중입니다", "{x} 주웠습니다")
LOST_TITLES = ("{x} 분실", "{p}에서 {x} 분실", "{x} 잃어버렸습니다", "{x} 찾습니다")
FOUND_TEXTS = (
    "{p}에서 주운 {x}입니다.",
    "{p} 의자 위에 놓여 있었습니다.",
    "주인을 찾고 있습니다.",
    "",
)
LOST_TEXTS = (
    "{p} 근처에서 잃어버린 것 같습니다.",
    "보신 분은 연락 부탁드립니다.",
    "{x}이며 오래 쓴 물건입니다.",
    "",
)
# What one person says of a thing and another does not.
DETAILS = (
    "가죽",
    "천으로 됨",
    "상표 없음",
    "모서리가 닳음",
    "안에 교통카드 한 장",
    "안에 현금 조금",
    "안쪽에 이름이 적혀 있음",
    "열쇠고리가 달려 있음",
    "스티커 없음",
    "금이 가 있음",
    "지퍼가 잘 안 닫힘",
    "비닐에 싸여 있음",
    "거의 새것",
    "선물받은 것",
)


@dataclass(frozen=True)
class Thing:
    """A class of things: its drawing's code point, its category, its Korean names."""

    code: str
    category: str
    names: tuple[str, ...]


@cache
def things() -> tuple[Thing, ...]:
    """The classes that the demo's posts are of, by the drawings that ship."""
    drawn = [(each.drawing.lower(), each) for each in every.things() if each.drawing]
    return tuple(
        Thing(code, each.category, each.korean)
        for code, each in drawn
        if code not in LEFT_OUT and each.category in SHARES
    )


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """So many found posts' categories and words, the categories in the demo's proportions.

    For tables of a size that nobody would draw; a number of a receipt keeps the words apart.
    """
    rng = random.Random(seed)
    by_category: dict[str, list[Thing]] = {}
    for thing in things():
        by_category.setdefault(thing.category, []).append(thing)
    out = []
    for category in rng.choices(list(SHARES), list(SHARES.values()), k=count):
        word = rng.choice(rng.choice(list(COLOUR_WORDS.values())))
        name = f"{word} {rng.choice(rng.choice(by_category[category]).names)}".strip()
        place = rng.choice(rng.choice(list(PLACES.values()))[0])
        said = f"{rng.choice(FOUND_TITLES)} {rng.choice(FOUND_TEXTS)}".format(x=name, p=place)
        out.append((category, f"{said} 접수 {rng.randrange(10**6):06d}"))
    return out
