"""Colours that stand apart from what they are said of, against those of something else."""

import pytest

from matching_spark.domain.place_names import PlaceNames
from tests.support.said import facts

NAMES = PlaceNames({"서울역": "서울"})


@pytest.mark.parametrize(
    ("said", "category", "colour"),
    [
        # Behind who made it, and where.
        ("테니스채 윌슨 파랑 / 어제", "스포츠용품", "파랑"),
        ("백팩 나이키 검정 분실", "가방", "검정"),
        ("지갑이고 몽블랑 검정입니다", "지갑", "검정"),
        ("모자 찾습니다 뉴에라 다저스 파란색이요", "의류", "파랑"),
        ("목도리 분실 울 소재 파란색 자라", "의류", "파랑"),
        ("장갑 한쪽 갈색 가죽", "의류", "갈색"),
        ("Lost my iPhone 13 mini (pink)", "휴대폰", "핑크"),
        ("gym bag, Adidas, navy blue", "가방", "파랑"),
        # Beside a part, which has its own.
        ("핸드폰 찾아요 갤럭시S23 화이트 케이스는 검정", "휴대폰", "흰색"),
        ("아이폰14 블루 케이스는 노랑 분실", "휴대폰", "파랑"),
        ("우산인데요 검정이고 손잡이는 나무예요", "기타물품", "검정"),
        ("가방 전체가 검정이고 지퍼만 빨강", "가방", "검정"),
        ("유치원 가방(노란색, 키링 빨강) 분실", "가방", "노랑"),
        ("my gym bag it is black and the badge is white", "가방", "검정"),
        # Beside another thing.
        ("노트북 두고왔어요 파우치는 검정 노트북은 흰색", "컴퓨터", "흰색"),
        ("지갑 분실, 가방은 검정 지갑은 빨강", "지갑", "빨강"),
        # Of what shows.
        ("The cover is green, my notebook, left in the library", "도서용품", "초록"),
        ("Glasses with brown frames left on the bus", "기타물품", "갈색"),
        ("서류봉투를 잃어버렸습니다. 이력서가 들어 있습니다. 하얀 봉투예요.", "서류", "흰색"),
        ("흰색에 파란 줄무늬 셔츠 분실", "의류", "흰색"),
        ("우산 분실. 노란색에 오리 그림이 있어요", "기타물품", "노랑"),
        # Before a word that ends as a particle does.
        ("빨간색 아이 점퍼 잃어버렸어요", "의류", "빨강"),
        ("노란 어린이 우산 찾습니다", "기타물품", "노랑"),
        ("검정 작은 가방을 두고 내렸어요", "가방", "검정"),
        ("파란색 얇은 지갑 분실", "지갑", "파랑"),
        # With what else stands there.
        ("Suitcase!! red not pink.", "가방", "빨강"),
        ("grandpa forgot his hat, it's light brown", "의류", "갈색"),
        ("Hoodie in navy, lost yesterday", "의류", "파랑"),
        ("목도리 잃어버렸어요. 자라에서 산 건데 파란색이에요", "의류", "파랑"),
        ("scarf lost!! wool, blue, from Zara", "의류", "파랑"),
    ],
)
def test_a_colour_apart_is_told(said: str, category: str, colour: str) -> None:
    got = facts(said, NAMES)
    assert (got.get("category"), got.get("colour")) == (category, colour)


@pytest.mark.parametrize(
    "said",
    [
        *("우산 색은 기억 안나요 검정 아니면 남색", "손목시계(가죽끈 갈색) 분실"),
        *("립스틱 놔두고 옴 디올 빨강이 어제 저녁", "만년필입니다. 뚜껑 은색 몸통 검정"),
        *("결재서류철 분실. 안에 서류는 당연히 흰 종이죠", "my bag, the zip is red"),
        *("에어팟 분실. 케이스는 핑크색 실리콘", "가방 잃어버림. 버스 2호선 초록"),
    ],
)
def test_a_colour_of_something_else_is_not(said: str) -> None:
    assert "colour" not in facts(said, NAMES)
