"""The names of places that a table's posts have, to look words up in."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, cached_property
from itertools import islice
from typing import Self

from matching_spark.domain.districts import towns
from matching_spark.domain.romanised import kinds, latin, one_word, place_words, spellings
from matching_spark.domain.spelt_names import BEGUN, SpeltNames
from matching_spark.domain.vocabulary import REGION

MAX_PLACES = 300_000  # names held, some 200 MB; of those beyond, a sentence is not understood
MAX_NAME = 80  # characters: a longer one is an address with directions

_WORD = re.compile(r"[^\W_]+(?:['’][a-z]{1,9})?")  # as a sentence's are
REGIONS = frozenset(REGION.spelt)


def plain_name(name: str) -> str:
    """Its words in lower case, a space between them."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", name).lower()))


# What people leave out of a name, or write in its place; of names that have its first, a letter or
# more that few have.
_SHORT = [
    (key, re.compile(pattern), short)
    for key, pattern, short in (
        ("여자대학교", r"여자대학교(?!\w)", "여대"),
        ("대학교", r"(?<!\s)대학교(?=병원|$| )", "대"),
        # 고대, 연대, 이대
        ("대학교", r"^(고|연|홍|건|성|숙|이)(?:려|세|익|국|균관|명여자|화여자)대학교", r"\1대"),
        ("호선", r"^(\d+)호선$", r"line \1"),
        ("국제공항", r"국제공항", "공항"),
        ("터미널", r"(?:종합|(?:국제|연안)?여객선?|복합)?(?:버스)?터미널", "터미널"),
        ("버스터미널", r"(고속|시외)버스터미널", r"\1터미널"),
        ("버스터미널", r"(?<=[동서남북]부)(?:고속|시외)버스(?=터미널)", ""),
        ("건대입구", r"(?<!\S)건대입구(?=역)", "건국대학교"),  # Konkuk University Station
        ("홍대입구", r"(?<!\S)홍대입구(?=역)", "홍익대학교"),
        ("여대입구", r"(?<=\w\w)여대입구(?=역)", "여자대학교"),
        ("대입구", r"(?<=\w\w)대입구(?=역)", "대학교"),
        ("대입구", r"(?<=대)입구(?=역)", ""),
        ("청사", r"^정부(?=\S+청사)", ""),
        ("국립", r"^국립(?!중앙)(?=\S{2,}(?:과학관|박물관|미술관|도서관))", ""),
        ("립", r"(?<=\w\w)[시도군구]립(?=\S*(?:미술관|박물관|도서관|체육관))", ""),
        ("시청", r"(?:특별|광역|특별자치)(?=시청)", ""),
        ("학교", r"(?<=\w)(고)등학교|(?<=\w)(중)학교|(?<=\w)(초)등학교", r"\1\2\3"),
        ("야구장", r"(?<=\w\w)야구장", "경기장"),
        ("축구", r"(?<=\w\w)축구(?:전용)?경?기?장", "경기장"),
        ("스퀘어", r"(?<=\w)스퀘어$", "광장"),
        ("리조트", r"(?<=\w\w)리조트$", " 리조트"),
        ("파크", r"(?<=\w\w)파크$", "공원"),
        ("예술", r"(?<=\w)(?:문화)?예술(?:회관|의전당)", "아트센터"),
        ("도", r"(?<=\w)도$", "섬"),
        ("앞역", r"(?<=공원)앞(?=역$)", ""),
        ("롯데월드", r"(?<=롯데)월드(?=타워|몰)", ""),
        ("스타벅스", r"^스타벅스(?= \S+점$)", "스벅"),
        ("올리브영", r"^올리브영(?= \S+점$)", "올영"),
        ("제", r"제(?=\d)", ""),
        ("해수욕장", r"해수욕장", "해변"),
        ("해변", r"(?<=\w\w)해변", "해수욕장"),
        ("해수욕장", r"(?<=\w{3})해수욕장$", ""),
        ("국립공원", r"(?<=\w{3})국립공원$", ""),
        # 가락시장
        ("시장", r"(?<=\w\w)(?:농?수산물?|농산물|청과물?)(?:종합)?(?:도매)?(?=시장)", ""),
        ("백화점", r"(?<=\w\w)백화점(?= \S+점$)", ""),  # 신세계 강남점
        ("버스", r"(?<=\d)번(?= 버스)", ""),
        ("univ", r"\buniv\b", "university"),
        ("stn", r"\bstn\b", "station"),
        ("점", r"^(\S+) (\S{2,}?)점$", r"\2 \1"),  # 교보문고 광화문점, 광화문 교보문고
        ("점", r"^(\S+ \S{2,}?)점$", r"\1"),
    )
]


# What few places are called, be it without the town that stands before it.
_WITHOUT_TOWN = re.compile(
    r"(?!시|국|군|구|도|대학|중앙|종합|고속|버스|여객)\w\w+"
    r"(?:시장|공원|경기장|미술관|박물관|도서관|과학관|마을|광장|타워|아울렛|수목원|정원|아산병원)"
    r"|[동서남북]부\w*터미널"
)

# A chain with one of its branches, which are no kinds of shops.
_CHAIN = re.compile(
    r"([^\s\d]+\d*) (?!본점)\S{2,}(?<!면세)(?<!백화)(?<!편의)(?<!전문)(?<!음식)(?<!서)점"
)
_BRACKETS = re.compile(r"([^()]{2,})\(([^()\d]{2,})\)")  # 한국과학기술원(KAIST)


def short_names(name: str) -> set[str]:
    """What else a plain name is called: 부산대, 김포공항, 하남 스타필드 of 스타필드 하남."""
    out = {name}
    for key, pattern, short in _SHORT:
        if key in name:
            out |= {pattern.sub(short, each) for each in out}
    out |= {each[cut:] for each in out for cut in (2, 3) if _of_a_town(each, cut)}
    brand, _, town = name.partition(" ")
    if town in towns():
        out.add(f"{town} {brand}")
    return (out | {each for short in out for each in _otherwise(short)}) - {name}


def _of_a_town(name: str, cut: int) -> bool:
    """Whether a town stands before what is told apart without it: 제주동문시장."""
    town = name[:cut] in towns() or name[:cut] in REGIONS
    return town and _WITHOUT_TOWN.match(name, cut) is not None and name[cut:] not in _in_korean()


@cache
def _in_korean() -> frozenset[str]:
    return frozenset(kinds().values())


def well_known() -> Collection[str]:
    """Names of places that have others, in either letters."""
    return _by_another()


def _otherwise(name: str) -> Iterator[str]:
    """A name with what else its first words are called, or those behind its region: Seoul Arts
    Center of 예술의전당."""
    before, _, rest = name.partition(" ")
    head, rest = (f"{before} ", rest) if before in REGIONS else ("", name)
    for said, others in _same().get(rest.partition(" ")[0], ()):
        if rest == said or rest.startswith(f"{said} "):
            yield from (f"{head}{other}{rest[len(said) :]}" for other in others)


@cache
def _same() -> dict[str, list[tuple[str, list[str]]]]:
    """Names of places, each with its others, by the first word."""
    of: dict[str, list[tuple[str, list[str]]]] = {}
    for name, others in _by_another().items():
        of.setdefault(name.partition(" ")[0], []).append((name, others))
    return of


@cache
def _by_another() -> dict[str, list[str]]:
    alike: dict[str, list[str]] = {}
    for other, name in place_words()["same"]:
        names = [plain_name(each) for each in (name, other)]
        for one, another in (names, names[::-1]):
            alike.setdefault(one, []).append(another)
    return alike


def _both(name: str) -> tuple[str, ...]:
    """The two names of a place that has one in brackets behind the other."""
    found = _BRACKETS.fullmatch(name[:MAX_NAME]) if "(" in name else None
    return found.groups() if found else ()


class PlaceNames:
    """Names of places, to look words up in, each with the region that it is known to be in, or ''.

    `regions` beyond MAX_PLACES are left out, and what is beyond MAX_NAME of a name.
    """

    @classmethod
    def of(cls, several: Iterable[Mapping[str, Collection[str]]]) -> Self:
        """Of posts' names, each with the regions that it was told of, '' for none: what several
        regions have is known to be in none."""
        regions: dict[str, set[str]] = {}
        for each in several:
            for name, told in each.items():
                regions.setdefault(name, set()).update(told)
        return cls({name: next(iter(r)) if len(r) == 1 else "" for name, r in regions.items()})

    def __init__(self, regions: Mapping[str, str]) -> None:
        held = dict(islice(regions.items(), MAX_PLACES))
        named = [
            (plain_name(each), region)
            for name, region in held.items()
            for each in (name[:MAX_NAME], *_both(name))
        ]
        called = [(each, region) for name, region in named for each in short_names(name)]
        self._plain = [name for name, _ in named + called]
        self._regions = [region for _, region in named + called]

    def have(self, run: str) -> bool:
        """Whether the words stand side by side in a name, or are spelt as some of one in the other
        letters: Gangnam is of 강남역, and 강남역 of Gangnam Station."""
        words = run.split()
        if self.words.issuperset(words) and (len(words) == 1 or self._written(f" {run} ")):
            return True
        return bool(self._by_spelling.find(run).some)

    def begin(self, run: str) -> bool:
        """Whether a word of a name begins so."""
        return self._written(f" {run}")

    def go_on(self, run: str) -> bool:
        """Whether they may be the first words of a name, be it of fewer letters than tell one: Guro
        of 구로역."""
        said = latin(run)
        short = said.text if said is not None and len(said.text) <= 2 * BEGUN else ""
        return self.have(run) or short in self._opened or short[:2] in self._opened

    def whole(self, run: str) -> bool:
        """Whether they are a name, or spelt as one in the other letters is; two syllables of Hangul
        may be any word."""
        if run in self.wholes:
            return True
        return len(run) > 2 and bool(self._by_spelling.find(run).whole)

    def first(self, run: str) -> bool:
        """Whether its first word is that of a name, but for the region: 동성로 of 대구 동성로."""
        word = run.split()[0]
        return len(word) > 2 and word in self._first

    def spaced(self, run: str) -> str:
        """The two words of a name that are written as one, or ''."""
        if len(run) < 5 or run.isascii():
            return ""
        cut = (f"{run[:at]} {run[at:]}" for at in range(2, len(run) - 1))
        return next((two for two in cut if self.have(two)), "")

    def mixed(self, run: str) -> str:
        """The name that is said in Hangul but for its kind, or '': 해운대 beach."""
        name, *of_kinds = one_word(run).split()
        if run.isascii() or not of_kinds or not set(of_kinds) <= kinds().keys():
            return ""
        said = name + "".join(kinds()[kind].split("/")[0] for kind in of_kinds)
        return said if self.have(said) else ""

    def chain(self, run: str) -> bool:
        """Whether it has branches, and is none: 이마트 of 이마트 왕십리점, in either letters."""
        said = latin(run)
        known = run in self._chains or (said and said.text in self._chains_in_latin)
        return bool(known) and run not in self.wholes

    def region(self, run: str) -> str:
        """The region that all names are in that have the words, or ''."""
        there = [region for region, names in self._of.items() if f" {run} " in names]
        if not there:
            there = [*self._by_spelling.find(run).some]
        return there[0] if len(there) == 1 else ""

    def _written(self, part: str) -> bool:
        return any(part in names for names in self._of.values())

    @cached_property
    def wholes(self) -> frozenset[str]:
        """The names as the table writes them."""
        return frozenset(self._plain)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of names."""
        return frozenset(word for name in self._plain for word in name.split())

    @cached_property
    def begun(self) -> frozenset[str]:
        """The first two letters of the words of names."""
        return frozenset(word[:2] for word in self.words)

    @cached_property
    def _opened(self) -> frozenset[str]:
        """What the first two syllables of words in Hangul begin with, in Latin letters; of two
        letters only where that is all."""
        spelt = {each for two in self.begun for each in spellings(two) if len(two) == 2}
        return frozenset(each[:end] for each in spelt for end in range(3, len(each))) | spelt

    @cached_property
    def _chains(self) -> frozenset[str]:
        found = (_CHAIN.fullmatch(name) for name in self._plain if name.endswith("점"))
        return frozenset(each[1] for each in found if each)

    @cached_property
    def _chains_in_latin(self) -> frozenset[str]:
        return frozenset[str]().union(*map(spellings, self._chains))

    @cached_property
    def leading(self) -> frozenset[str]:
        """The first words of names of several."""
        return frozenset(words[0] for name in self._plain if len(words := name.split(None, 1)) > 1)

    @cached_property
    def _first(self) -> frozenset[str]:
        several = (name.split() for name in self._plain)
        return frozenset(
            next((word for word in words if word not in REGIONS), "") for words in several
        )

    @cached_property
    def _of(self) -> dict[str, str]:
        """The names of each region, a space before and after every word of them."""
        of: dict[str, list[str]] = {}
        for name, region in zip(self._plain, self._regions, strict=True):
            of.setdefault(region, []).append(f" {name} ")
        return {region: "\n".join(names) for region, names in of.items()}

    @cached_property
    def _by_spelling(self) -> SpeltNames[str]:
        told: dict[str, str] = {}
        for name, region in zip(self._plain, self._regions, strict=True):
            told[name] = region if told.get(name, region) == region else ""
        return SpeltNames(told)
