"""How much of a place's name another one has, also where one is written in Latin letters."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.districts import DISTRICTS
from matching_spark.domain.romanised import romanised
from matching_spark.score.overlaps import overlaps

ALL = sorted({name for each in DISTRICTS.values() for name in each.split()})
SAME = """\
강남역|Gangnam station|gangnam-yeok|GANGNAMYEOK|Gangnam Stn.
서울역|Seoul Station|Seoulyeok|Seouryeok|seoul  station
강남구|Gangnam-gu|gangnam gu|Gangnamgu, Seoul
신논현역|Sinnonhyeon station
종로3가|Jongno 3-ga|Jongno3ga
독립문|Dongnimmun
왕십리역|Wangsimni Station
청량리역|Cheongnyangni station
압구정동|Apgujeong-dong|Apgujeongdong
여의도|Yeouido|Yeoui-do
신안군|Sinan-gun
강원도|Gangwon-do|Gangwondo
안양역|Anyang station
인천공항|Incheon Airport
"""


def overlap(one: str, other: str) -> float:
    """Whichever of them asks, and whatever else is asked about."""
    (there,), (back,) = overlaps([one])([other]), overlaps([other])([one])
    among = overlaps(["부산역", one, "", "Haeundae Beach", "남구"])(["서울", other])[1, 1]
    assert there[0] == back[0] == among
    return float(there[0])


@pytest.mark.parametrize("line", SAME.splitlines())
def test_a_name_is_the_same_in_latin_letters(line: str) -> None:
    korean, *others = line.split("|")
    for each in others:
        assert overlap(korean, each) == 1, each


def test_another_place_is_another_one_in_latin_letters() -> None:
    for korean, latin in (
        ("강남구", "Gangdong-gu"),
        ("강남역", "Hongdae"),
        ("서울역", "Busan harbour"),
        ("우이역", "Yeouido"),
        ("강남역", "11"),
        ("강", "Gangnam"),
        ("강남역", "***"),
    ):
        assert overlap(korean, latin) == 0, latin
    # A part of it counts as it does where both are in Hangul.
    assert overlap("서울 강남구 역삼동", "Gangnam station") == 0.5
    assert overlap("서울 강남구 역삼동", "강남역") == 0.5
    assert overlap("서울 COEX", "COEX") == 1


def test_districts_are_told_apart_in_latin_letters_as_in_their_own() -> None:
    own, latin = overlaps(ALL)(ALL), overlaps(ALL)([romanised(each) for each in ALL])
    assert np.array_equal(latin == 1, own == 1)
    # Where sounds that meet change, or syllables may be read as others.
    assert (latin != own).sum() <= 10


@given(st.lists(st.text("강남역구2-, ", max_size=9), min_size=2, max_size=2))
def test_of_two_names_in_hangul_the_letters_count(names: list[str]) -> None:
    def pairs(name: str) -> set[str]:
        letters = name.replace(" ", "")
        return {a + b for a, b in pairwise(letters)} or {*letters}

    p, q = map(pairs, names)
    share = len(p & q) / min(len(p), len(q)) if p and q else np.nan
    (value,) = overlaps(names[:1])(names[1:])
    assert np.array_equal(value, [share], equal_nan=True)


@given(st.lists(st.text("강남역구 GangmuyeokA1-,()", max_size=12), min_size=1, max_size=6))
def test_how_two_names_compare_depends_on_nothing_else(names: list[str]) -> None:
    together = overlaps(names)(names)
    alone = [[overlaps([held])([asked])[0, 0] for held in names] for asked in names]
    assert np.array_equal(together, np.array(alone), equal_nan=True)
    assert np.array_equal(together, together.T, equal_nan=True)
    assert not (together > 1).any()
