"""Captions as people write them, in Korean and English, with and without the colour."""

import random

from draw import COLOURS
from sources import Thing

KOREAN = {
    "흰색": ["흰색", "하얀색", "하얀", "흰"],
    "검정": ["검정", "검은색", "검정색", "까만"],
    "빨강": ["빨강", "빨간색", "빨간", "붉은색"],
    "주황": ["주황", "주황색", "오렌지색"],
    "노랑": ["노랑", "노란색", "노란"],
    "초록": ["초록", "초록색", "녹색"],
    "파랑": ["파랑", "파란색", "파란", "남색"],
    "갈색": ["갈색", "밤색", "브라운"],
    "보라": ["보라", "보라색"],
    "핑크": ["핑크", "분홍색", "핑크색", "분홍"],
    "회색": ["회색", "은색", "그레이"],
}
ENGLISH = dict(
    zip(
        COLOURS,
        [
            "white",
            "black",
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "brown",
            "purple",
            "pink",
            "grey",
        ],
        strict=True,
    )
)
PLACES = [
    "지하철",
    "버스",
    "강남역",
    "서울역",
    "택시",
    "공원",
    "카페",
    "학교",
    "도서관",
    "식당",
    "역 앞",
    "화장실",
    "마트",
    "부산역",
    "정류장",
]
WHEN = ["", "어제 ", "오늘 ", "오늘 아침 ", "지난주 ", "저녁에 ", "11월 3일 "]
KOREAN_FORMS = [
    "{x}",
    "{x}",
    "{x}",
    "{x} 사진",
    "{x} 분실",
    "{x} 습득",
    "{x} 잃어버렸어요",
    "{x}을 잃어버렸어요",
    "{x}를 찾습니다",
    "{x}을 주웠습니다",
    "{x} 찾아요",
    "{w}{p}에서 {x}을 잃어버렸어요",
    "{w}{p}에서 {x}를 잃어버렸습니다",
    "{w}{p}에서 {x} 분실했습니다",
    "{p}에서 주운 {x}",
    "{w}{p}에 {x}을 두고 내렸어요",
    "{p}에서 {x} 습득하여 보관 중입니다",
    "{x} 보신 분 연락 주세요",
]
ENGLISH_FORMS = [
    "{x}",
    "{x}",
    "a {x}",
    "a photo of a {x}",
    "lost {x}",
    "found {x}",
    "I lost my {x}",
    "I lost a {x} on the subway yesterday",
    "a {x} left on the bus",
    "looking for my {x}",
    "a {x} was found at the station",
]


def caption(thing: Thing, colour: str | None, language: str, rng: random.Random) -> str:
    """One caption; colour None leaves it out."""
    if language == "ko":
        name = rng.choice(thing.korean)
        if colour:
            name = rng.choice(KOREAN[colour]) + rng.choice([" ", " ", " ", ""]) + name
        form = rng.choice(KOREAN_FORMS)
    else:
        name = rng.choice(thing.english)
        name = f"{ENGLISH[colour]} {name}" if colour else name
        form = rng.choice(ENGLISH_FORMS)
    return form.format(x=name, p=rng.choice(PLACES), w=rng.choice(WHEN))
