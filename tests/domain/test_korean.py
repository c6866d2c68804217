"""Particles and ends of verbs fit whatever word is put in, or both forms stand there."""

import pytest

from matching_spark.domain.korean import Particle, polite, with_particle


@pytest.mark.parametrize(
    ("word", "topic", "by"),
    [
        ("사진", "사진은", "사진으로"),
        ("종류", "종류는", "종류로"),
        ("서울", "서울은", "서울로"),  # after ㄹ 로, not 으로
        ("강남역(2호선)", "강남역(2호선)은", "강남역(2호선)으로"),
        ("'지갑'", "'지갑'은", "'지갑'으로"),
        ("(지갑)", "(지갑)은", "(지갑)으로"),
        ("2", "2는", "2로"),
        ("3", "3은", "3으로"),
        ("7", "7은", "7로"),
        ("1.0", "1.0은", "1.0으로"),
        ("10", "10은", "10으로"),
        ("1,200", "1,200은", "1,200으로"),
        ("1,000,000,000,000", "1,000,000,000,000는", "1,000,000,000,000로"),
        ("28 %", "28 %는", "28 %로"),
        ("F2026-1", "F2026-1은", "F2026-1로"),
        ("CCTV", "CCTV는", "CCTV로"),
        ("LOST112", "LOST112는", "LOST112로"),
        ("HTML", "HTML은", "HTML로"),
        ("PM", "PM은", "PM으로"),
        ("Seoul", "Seoul은", "Seoul로"),
        ("iPhone", "iPhone은(는)", "iPhone(으)로"),  # 아이폰, and 카페 of cafe
        ("bag", "bag은(는)", "bag(으)로"),
        ("３", "３은", "３으로"),  # full width
        ("\u1109\u1162\u11a8", "\u1109\u1162\u11a8은", "\u1109\u1162\u11a8으로"),  # 색, decomposed
        ("", "은(는)", "(으)로"),
        ("…", "…은(는)", "…(으)로"),
        ("٣", "٣은(는)", "٣(으)로"),
        ("鞄", "鞄은(는)", "鞄(으)로"),
    ],
)
def test_a_particle_fits_its_word(word: str, topic: str, by: str) -> None:
    assert with_particle(word, "은/는") == topic
    assert with_particle(word, "으로/로") == by


@pytest.mark.parametrize(
    ("particle", "closed", "open_", "either"),
    [
        ("이/가", "이", "가", "이(가)"),
        ("을/를", "을", "를", "을(를)"),
        ("과/와", "과", "와", "과(와)"),
    ],
)
def test_every_particle(particle: Particle, closed: str, open_: str, either: str) -> None:
    said = [with_particle(word, particle) for word in ("지갑", "휴대폰", "카드", "book")]
    assert said == [f"지갑{closed}", f"휴대폰{closed}", f"카드{open_}", f"book{either}"]


def test_the_polite_end_of_a_verb() -> None:
    stems = ["비슷하", "다르", "어울리", "습득되었", "비슷하지 않"]
    assert [polite(stem) for stem in stems] == [
        "비슷합니다",
        "다릅니다",
        "어울립니다",
        "습득되었습니다",
        "비슷하지 않습니다",
    ]
