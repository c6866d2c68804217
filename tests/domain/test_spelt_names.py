"""Names by how they are spelt, in either letters, against each name spelt by itself."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.place_names import PlaceNames
from matching_spark.domain.romanised import has_hangul, kinds, latin, latin_words, sounds, spellings
from matching_spark.domain.spelt_names import BEGUN, LETTERS, PART, SYLLABLES, Spelt, SpeltNames
from tests.support.effort import calls

Words = tuple[str, ...]
WORDS = st.sampled_from(
    [
        *("강남", "강남역", "강북구", "서울", "서울역", "종로", "독립문", "2호선", "역", "한라산"),
        *("a1", "김포b", "gangnam", "station", "yeok", "seoul", "jongno", "exit", "2", "hana"),
        *("hallasan", "dongnimmun", "children's", "gimpob", "하나"),
    ]
)
SEVERAL = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
NAMES = st.dictionaries(SEVERAL, st.sampled_from("AB"), min_size=1, max_size=8)


def ways(words: Words) -> set[str]:
    """How words are spelt: each in Hangul as its sounds are where they meet, or for itself."""
    return {
        "".join(sounds(word)[way] if has_hangul(word) else word for word in words) for way in (0, 1)
    }


def runs(name: str) -> Iterator[Words]:
    """The words that a name begins with, each of its words, and that with its kind in English."""
    said = name.split()
    words = plain(name)
    for at in range(len(words)):
        yield words[: at + 1]
        yield words[at : at + 1]
        if at + 1 < len(words) and said[at + 1] in kinds():
            yield words[at : at + 2]


def plain(name: str) -> Words:
    return tuple(w if has_hangul(w) else "".join(latin_words(w)) for w in name.split())


def begin(words: Words, text: str) -> bool:
    """Whether they are spelt so up to somewhere in the last, which is in Hangul."""
    before = ways(words[:-1]) if words[1:] else {""}
    return has_hangul(words[-1]) and any(
        said.startswith(text) and any(said.startswith(b) and len(b) < len(text) for b in before)
        for said in ways(words)
    )


@given(NAMES, SEVERAL, st.data())
def test_they_are_those_that_each_spells(
    names: dict[str, str], run: str, data: st.DataObject
) -> None:
    parts, whole = defaultdict[Words, set[str]](set), defaultdict[Words, set[str]](set)
    for name, told in names.items():
        whole[plain(name)].add(told)
        for words in runs(name):
            parts[words].add(told)
    some = sorted({*parts}, key=" ".join)
    if data.draw(st.booleans()):
        run = data.draw(st.sampled_from(sorted(ways(data.draw(st.sampled_from(some))))))
        run = run[: data.draw(st.integers(1, len(run)))]
    said, letters = latin(run), sum(map(str.isalnum, run))
    if said:
        texts = {said.text} if said.korean and said.syllables >= SYLLABLES else set()
        there = [words for words in some if has_hangul(words[0][0])]
    else:
        texts = set(spellings(run)) if letters >= SYLLABLES else set()
        there = [words for words in some if words[0].isascii() and not words[0].isdecimal()]
    texts = {text for text in texts if len(text) >= LETTERS}
    spelt = [words for words in there if ways(words) & texts]
    wanted = {told for words in spelt for told in whole.get(words, ())}
    if said and not spelt:
        spelt = [w for w in there for t in texts if len(t) >= BEGUN and begin(w, t)]
    if not said and letters < PART:
        spelt = [words for words in spelt if words in whole]
    every = {told for words in spelt for told in parts[words]}
    assert SpeltNames(names).find(run) == Spelt(frozenset(wanted), frozenset(every))


def test_of_many_names_few_are_spelt() -> None:
    """Of a country's, most begin with the word for a region: to spell each one took a minute, and
    to look for the region of one .3 s."""
    korean = {f"서울 {i}동 {j}호": "서울" for i in range(300) for j in range(500)}
    english = {f"seoul station exit{i} gate {j}": "서울" for i in range(300) for j in range(500)}
    names = PlaceNames(korean | english)
    assert not any(map(names.have, ("seongsudong", "성수동", "성수동 서울숲")))  # they are in order
    assert names.region("성수동") == ""
    for run, region in (
        ("seoul", "서울"),
        ("seongsu dong", ""),
        ("seoul 77 dong", "서울"),
        ("서울역", "서울"),
        ("대전역", ""),
    ):
        assert calls(partial(names.region, run)) < 20_000, run
        assert calls(partial(names.have, run)) < 20_000, run
        assert names.region(run) == region
        assert names.have(run) == bool(region)
