"""Names by how they are spelt, against each name spelt by itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.place_names import PlaceNames
from matching_spark.domain.romanised import sounds, spellings
from matching_spark.domain.spelt_names import SpeltNames

WORDS = st.sampled_from(
    [
        "강남",
        "강남역",
        "강북구",
        "서울",
        "서울역",
        "종로",
        "독립문",
        "2호선",
        "역",
        "한라산",
        "a1",
        "김포b",
    ]
)
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=8)


@settings(max_examples=500)  # a prefix that ends within a letter came up once in some thousand
@given(NAMES, st.data())
def test_they_are_those_that_each_spells(names: list[str], data: st.DataObject) -> None:
    every = {*names, *(word for name in names for word in name.split())}
    said = sorted({each for name in every for each in spellings(name)} | {"gangnam", "seoulyeok2"})
    whole = data.draw(st.sampled_from(said))
    text = whole[: data.draw(st.integers(1, len(whole)))]
    known = {each for each in every if "가" <= each[0] <= "힣"}
    found = SpeltNames(names)
    assert found.spelt(text) == {each for each in known if text in spellings(each)}
    begun = {each for each in known if any(s.startswith(text) for s in spellings(each))}
    assert found.begun(text) == begun


def test_of_many_names_few_are_spelt() -> None:
    """Of a country's, most begin with the word for a region: to spell each one took a minute."""
    names = PlaceNames({f"서울 {i}동 {j}호": "서울" for i in range(300) for j in range(1000)})
    spelt = sounds.cache_info().misses
    assert names.have("seoul")
    assert not names.have("seongsu dong")
    assert names.have("seoul 77 dong")
    assert sounds.cache_info().misses - spelt < 3000
