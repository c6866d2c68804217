"""Captions as people write them, in Korean and English, with and without the colour."""

import random

from draw import COLOURS
from sources import Thing

KOREAN = {
    "흰색": ["흰색", "하얀색", "하얀", "흰", "화이트"],
    "검정": ["검정", "검은색", "검정색", "까만", "검은", "블랙"],
    "빨강": ["빨강", "빨간색", "빨간", "붉은색", "레드"],
    "주황": ["주황", "주황색", "오렌지색"],
    "노랑": ["노랑", "노란색", "노란", "옐로우"],
    "초록": ["초록", "초록색", "녹색", "그린"],
    "파랑": ["파랑", "파란색", "파란", "남색", "블루"],
    "갈색": ["갈색", "밤색", "브라운"],
    "보라": ["보라", "보라색", "자주색"],
    "핑크": ["핑크", "분홍색", "핑크색", "분홍"],
    "회색": ["회색", "은색", "그레이", "쥐색"],
}
ENGLISH = dict(
    zip(
        COLOURS,
        "white black red orange yellow green blue brown purple pink grey".split(),
        strict=True,
    )
)
PLACES = (
    "지하철 버스 강남역 서울역 택시 공원 카페 학교 도서관 식당 화장실 마트 부산역 정류장 기차 "
    "공항 병원 영화관 편의점 백화점 2호선 KTX 대전역 놀이터 체육관 주차장 호텔 시장"
).split()
WHEN = ["어제", "오늘", "오늘 아침", "지난주", "저녁에", "11월 3일", "방금", "주말에", "퇴근길에"]
# {o} takes the object's particle, {s} the subject's; parts in turn: opening, place, thing, close.
OPENINGS = ["", "", "", "안녕하세요 ", "도와주세요 ", "혹시 ", "급해요 ", "제가 "]
KOREAN_ENDS = [
    "{x} 사진",
    "{x} 분실",
    "{x} 습득",
    "{x} 분실했습니다",
    "{x} 잃어버림",
    "{x} 보관 중입니다",
    "{x}{o} 잃어버렸어요",
    "{x}{o} 잃어버렸습니다",
    "{x}{o} 찾습니다",
    "{x}{o} 찾고 있어요",
    "{x}{o} 주웠습니다",
    "{x}{o} 주웠어요",
    "{x}{o} 두고 내렸어요",
    "{x}{o} 놓고 왔습니다",
    "{x}{o} 흘린 것 같아요",
    "{x}{o} 보셨나요",
    "{x}{s} 없어졌어요",
    "{x}{s} 떨어져 있었습니다",
    "{x} 보신 분 연락 주세요",
    "{x} 습득하여 보관 중입니다",
    "{x} 주인 찾습니다",
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
    "have you seen a {x}?",
    "a {x} was found at the station",
    "my {x} is missing, please help",
]


def particle(word: str, closed: str, open_: str) -> str:
    """The particle that follows a word: by whether its last syllable ends in a consonant."""
    last = ord(word[-1]) - 0xAC00
    return closed if 0 <= last < 11172 and last % 28 else open_


def sentence(name: str, form: str) -> str:
    """The form with the thing's name and the particles that it takes."""
    return form.format(x=name, o=particle(name, "을", "를"), s=particle(name, "이", "가"))


def caption(thing: Thing, colour: str | None, language: str, rng: random.Random) -> str:
    """One caption; colour None leaves it out."""
    if language == "en":
        name = rng.choice(thing.english)
        name = f"{ENGLISH[colour]} {name}" if colour else name
        return rng.choice(ENGLISH_FORMS).format(x=name)
    name = rng.choice(thing.korean)
    if colour:
        name = rng.choice(KOREAN[colour]) + rng.choice([" ", " ", " ", ""]) + name
    if rng.random() < 0.3:
        return name
    place = f"{rng.choice(PLACES)}{rng.choice(['에서 ', '에서 ', '에 ', ' 앞에서 '])}"
    before = rng.choice(OPENINGS) + rng.choice(["", rng.choice(WHEN) + " "])
    return before + (place if rng.random() < 0.6 else "") + sentence(name, rng.choice(KOREAN_ENDS))
