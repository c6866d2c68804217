"""Names of districts in Latin letters, against those that local governments give themselves."""

import re

import pytest

from matching_spark.domain.districts import DISTRICTS, district, parts_of
from matching_spark.domain.romanised import romanised
from matching_spark.domain.vocabulary import REGION

# As on their own sites and signs: each of the rule's sounds, and the names that are often wrong.
OFFICIAL = """\
강남구 Gangnam-gu|강북구 Gangbuk-gu|관악구 Gwanak-gu|광진구 Gwangjin-gu
구로구 Guro-gu|금천구 Geumcheon-gu|노원구 Nowon-gu|동대문구 Dongdaemun-gu
서초구 Seocho-gu|영등포구 Yeongdeungpo-gu|은평구 Eunpyeong-gu|종로구 Jongno-gu
중구 Jung-gu|중랑구 Jungnang-gu|동래구 Dongnae-gu|부산진구 Busanjin-gu
북구 Buk-gu|해운대구 Haeundae-gu|연제구 Yeonje-gu|미추홀구 Michuhol-gu
옹진군 Ongjin-gun|제물포구 Jemulpo-gu|달성군 Dalseong-gun|울주군 Ulju-gun
의왕시 Uiwang-si|의정부시 Uijeongbu-si|남양주시 Namyangju-si|강릉시 Gangneung-si
철원군 Cheorwon-gun|영월군 Yeongwol-gun|횡성군 Hoengseong-gun|삼척시 Samcheok-si
속초시 Sokcho-si|옥천군 Okcheon-gun|괴산군 Goesan-gun|단양군 Danyang-gun
청양군 Cheongyang-gun|정읍시 Jeongeup-si|임실군 Imsil-gun|익산시 Iksan-si
곡성군 Gokseong-gun|목포시 Mokpo-si|함평군 Hampyeong-gun|화순군 Hwasun-gun
칠곡군 Chilgok-gun|울릉군 Ulleung-gun|문경시 Mungyeong-si|밀양시 Miryang-si
의령군 Uiryeong-gun|합천군 Hapcheon-gun|창녕군 Changnyeong-gun|서귀포시 Seogwipo-si
제주시 Jeju-si
"""


@pytest.mark.parametrize("each", re.split(r"[|\n]", OFFICIAL.strip()))
def test_a_district_is_written_as_it_writes_itself(each: str) -> None:
    korean, latin = each.split(" ")
    assert romanised(korean) == latin


def test_sounds_that_meet_change_as_the_rule_says() -> None:
    """Its own examples, with what makes a district of them."""
    for korean, latin in (("백마", "Baengma"), ("왕십리", "Wangsimni")):
        assert romanised(f"{korean}구") == f"{latin}-gu"
    for korean, latin in (("별내", "Byeollae"), ("신라", "Silla"), ("독립문", "Dongnimmun")):
        assert romanised(f"{korean}시") == f"{latin}-si"
    finals = "같 Gat|꽃 Kkot|낮 Nat|닭 Dak|밖 Bak|부엌 Bueok|삯 Sak|"
    finals += "앞뜰 Aptteul|여덟 Yeodeol|옷안 Osan|값 Gap"
    for each in finals.split("|"):
        korean, latin = each.split(" ")
        assert romanised(f"{korean}구") == f"{latin}-gu"


def test_every_district_is_told() -> None:
    names = {name for each in DISTRICTS.values() for name in each.split()}
    assert all(re.fullmatch("[A-Z][a-z]+-(gu|si|gun)", romanised(name)) for name in names)
    assert len({romanised(name) for name in names}) == len(names)


def test_what_is_no_district_stays() -> None:
    for each in ("강남역", "구", "", "강남 구청", "Gangnam-gu", "A구"):
        assert romanised(each) == each


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("서울 강남구", ("서울", "강남구")),
        ("서울특별시 강남구", ("서울", "강남구")),
        ("강남구", ("", "강남구")),
        ("부산 강남구", None),
        ("서울 강남구 테헤란로", None),
        ("강남역", None),
        ("서울", None),
        ("", None),
    ],
)
def test_a_place_that_is_a_district(place: str, parts: tuple[str, str] | None) -> None:
    assert parts_of(place) == parts


def test_the_publics_districts_have_their_parts() -> None:
    for place in ("강남구 테헤란로 132", "해운대구청 옆 해운대구", "제주 제주시"):
        told = district(place, "")
        assert parts_of(told) == tuple(told.split(" "))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Gangnam-gu, Seoul", "서울 강남구"),
        ("Gangnamgu, Seoul", "서울 강남구"),
        ("gangnam gu", "서울 강남구"),
        ("Seoul Gangnam-Gu Teheran-ro", "서울 강남구"),
        ("Jung-gu, Busan, Korea", "부산 중구"),
        ("Jung-gu", ""),
        ("Suwon-si, Gyeonggi-do", "경기 수원시"),
        ("Gyeongsangnamdo", "경남"),
        ("Haeundae-gu", "부산 해운대구"),
        ("Seoul Station", "서울"),
        ("Hongdae", ""),
    ],
)
def test_a_district_is_known_as_it_is_written_in_latin_letters(said: str, told: str) -> None:
    assert district(said, "") == told


def test_every_region_is_known_with_and_without_its_hyphen() -> None:
    for korean, others in REGION.words.items():
        for each in others:
            assert REGION.find(each.replace("-", "").upper()) == korean
    assert district("Jung-gu", "대구") == "대구 중구"
