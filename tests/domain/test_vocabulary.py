"""Words however they are written; a word that no list has says nothing of a pair."""

import pytest

from matching_spark import Filters, InputError, Query
from matching_spark.domain.facts import Facts
from matching_spark.domain.vocabulary import CATEGORY, COLOUR, REGION, Seen, Vocabulary
from matching_spark.score.components import compare


@pytest.mark.parametrize("vocabulary", [CATEGORY, COLOUR, REGION])
def test_every_spelling_is_found_and_none_is_two_words(vocabulary: Vocabulary) -> None:
    spelt: dict[str, str] = {}
    for word, others in vocabulary.words.items():
        assert vocabulary.find(word) == word
        for other in (word, *others):
            assert spelt.setdefault(other, word) == word
            assert vocabulary.find(f"  {other.upper()} ") == word


@pytest.mark.parametrize(
    ("said", "word"),
    [
        *(("검정색", "검정"), ("블랙(검정)", "검정"), ("검은색", "검정"), ("Black", "검정")),
        *(("흰", "흰색"), ("화이트(흰)", "흰색"), ("빨강(레드)", "빨강"), ("남색", "파랑")),
        *(("검정/흰색", "검정"), ("연보라", "보라"), ("회색", "기타"), ("dark-red", "빨강")),
        *(("coloured", ""), ("bored", ""), ("무지개", ""), ("", "")),
    ],
)
def test_a_colour(said: str, word: str) -> None:
    assert COLOUR.find(said) == word


@pytest.mark.parametrize(
    ("said", "word"),
    [
        *(("서울특별시", "서울"), ("서울시", "서울"), ("서울 강남구", "서울"), ("Seoul", "서울")),
        *(
            ("경기도 광주시", "경기"),
            ("광주광역시", "광주"),
            ("경상남도", "경남"),
            ("Jeju-do", "제주"),
        ),
        *(
            ("강원특별자치도", "강원"),
            ("전북특별자치도", "전북"),
            ("부산광역시", "부산"),
            ("달", ""),
        ),
    ],
)
def test_a_region(said: str, word: str) -> None:
    assert REGION.find(said) == word


def test_a_category_is_the_whole_word() -> None:
    assert CATEGORY.find("핸드폰") == "휴대폰"
    assert CATEGORY.find("지갑형 가방") == ""


def test_questions_are_read_as_posts_are() -> None:
    assert Filters(colour="black", region="서울시", category="wallet") == Filters(
        colour="검정", region="서울", category="지갑"
    )
    assert Query(text="x", colour="검은색").colour == "검정"
    with pytest.raises(InputError, match="colour '무지개' is not known; choose one of: 흰색, 검정"):
        Filters(colour="무지개")


def test_a_word_of_no_list_is_kept_noted_and_compared_with_nothing() -> None:
    seen = Seen()
    assert seen.word(COLOUR, "무지개") == "무지개"
    assert seen.word(COLOUR, "black") == "검정"
    assert dict(seen.unknown) == {"colour: 무지개": 1}
    black = Facts(colour="검정", region="서울")
    assert compare(black, Facts(colour="무지개", region="달")) == {}
    assert compare(black, Facts(colour="기타", region="서울")) == {"region": 1}
    assert compare(black, Facts(colour="흰색")) == {"colour": 0}


def test_what_was_noted_is_told_in_words() -> None:
    seen = Seen()
    for word in ("칸", "딸", "딸"):
        seen.note("colour", word)
    assert seen.lines() == ["noted 2 times: colour: 딸", "noted once: colour: 칸"]
