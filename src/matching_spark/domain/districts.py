"""The district that a place lies in: as near as the public is told where some things were found.

Districts are the 226 시, 군 and 구 of local government and the two cities of 제주; the 구 of any
other city is left out, and the city told. Of 인천 also the names that it takes in 2026: places are
written either way.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from matching_spark.domain.romanised import romanised
from matching_spark.domain.vocabulary import REGION, VAGUE

DISTRICTS: Mapping[str, str] = {  # of each region
    "서울": (
        "강남구 강동구 강북구 강서구 관악구 광진구 구로구 금천구 노원구 도봉구 동대문구 "
        "동작구 마포구 서대문구 서초구 성동구 성북구 송파구 양천구 영등포구 용산구 은평구 "
        "종로구 중구 중랑구"
    ),
    "부산": (
        "강서구 금정구 기장군 남구 동구 동래구 부산진구 북구 사상구 사하구 서구 수영구 "
        "연제구 영도구 중구 해운대구"
    ),
    "대구": "군위군 남구 달서구 달성군 동구 북구 서구 수성구 중구",
    "인천": (
        "강화군 검단구 계양구 남동구 동구 미추홀구 부평구 서구 서해구 연수구 영종구 옹진군 "
        "제물포구 중구"
    ),
    "광주": "광산구 남구 동구 북구 서구",
    "대전": "대덕구 동구 서구 유성구 중구",
    "울산": "남구 동구 북구 울주군 중구",
    "경기": (
        "가평군 고양시 과천시 광명시 광주시 구리시 군포시 김포시 남양주시 동두천시 부천시 "
        "성남시 수원시 시흥시 안산시 안성시 안양시 양주시 양평군 여주시 연천군 오산시 "
        "용인시 의왕시 의정부시 이천시 파주시 평택시 포천시 하남시 화성시"
    ),
    "강원": (
        "강릉시 고성군 동해시 삼척시 속초시 양구군 양양군 영월군 원주시 인제군 정선군 "
        "철원군 춘천시 태백시 평창군 홍천군 화천군 횡성군"
    ),
    "충북": "괴산군 단양군 보은군 영동군 옥천군 음성군 제천시 증평군 진천군 청주시 충주시",
    "충남": (
        "계룡시 공주시 금산군 논산시 당진시 보령시 부여군 서산시 서천군 아산시 예산군 "
        "천안시 청양군 태안군 홍성군"
    ),
    "전북": (
        "고창군 군산시 김제시 남원시 무주군 부안군 순창군 완주군 익산시 임실군 장수군 "
        "전주시 정읍시 진안군"
    ),
    "전남": (
        "강진군 고흥군 곡성군 광양시 구례군 나주시 담양군 목포시 무안군 보성군 순천시 "
        "신안군 여수시 영광군 영암군 완도군 장성군 장흥군 진도군 함평군 해남군 화순군"
    ),
    "경북": (
        "경산시 경주시 고령군 구미시 김천시 문경시 봉화군 상주시 성주군 안동시 영덕군 "
        "영양군 영주시 영천시 예천군 울릉군 울진군 의성군 청도군 청송군 칠곡군 포항시"
    ),
    "경남": (
        "거제시 거창군 고성군 김해시 남해군 밀양시 사천시 산청군 양산시 의령군 진주시 "
        "창녕군 창원시 통영시 하동군 함안군 함양군 합천군"
    ),
    "제주": "서귀포시 제주시",
}
AIRPORTS = frozenset(["김포", "김해", "gimpo", "gimhae"])  # which lie in Seoul and in Busan
_KIND = re.compile(r"(?i)(?<=[a-z])[ -](?=(?:gu|si|gun|do)\b)")  # Gangnam-gu, Gangnam gu
MAX_PLACE = 200  # characters that are read: a longer one is an address with directions


def district(place: str, region: str) -> str:
    """A place as `서울 강남구`, `서울`, or '' where neither is known: words of lists, never of the
    text. A name that two regions have (중구) is told with the one that region or place name. Either
    may be written in Latin letters: Gangnam-gu, Seoul.
    """
    words = [_korean().get(word, word) for word in _words(place[:MAX_PLACE])]
    known = REGION.find(region) if region in REGION.words else ""
    if known in ("", VAGUE):
        ends = (*words[:1], *(word for word in words[-1:] if word.isascii()))  # as either writes it
        known = next((_regions()[word] for word in ends if word in _regions()), "")
    for word in words:
        there = _by_name().get(word, ())
        of = known if known in there else there[0] if len(there) == 1 and not known else ""
        if of:
            return f"{of} {word}"
    return known


def parts_of(place: str) -> tuple[str, str] | None:
    """The region, or '', and the name of a place that is a district and nothing more: 서울 강남구,
    강남구."""
    *before, name = place.split() or [""]
    of = _regions().get(before[0], "") if len(before) == 1 else ""
    fits = of in _by_name().get(name, ()) if before else name in _by_name()
    return (of, name) if fits else None


def _words(place: str) -> list[str]:
    """Latin ones in lower case, without the hyphen that may stand before what it is: gangnamgu. The
    country is left out."""
    text = unicodedata.normalize("NFKC", place).replace(",", " ")
    text = _KIND.sub("", text)
    words = [_plain(word) if word.isascii() else word for word in text.split()]
    return [word for word in words if word not in ("south", "korea")]


def _plain(word: str) -> str:
    return word.casefold().replace("-", "")


@cache
def _korean() -> dict[str, str]:
    """The districts' names by how they are written in Latin letters."""
    return {_plain(romanised(name)): name for name in _by_name()}


@cache
def towns() -> dict[str, str]:
    """The region of each district that no other has, by its name and, of a 시 or 군, by what stands
    before that: 강남구, 수원시, 수원.
    """
    one = {name: there[0] for name, there in _by_name().items() if len(there) == 1}
    bare = {name[:-1]: region for name, region in one.items() if name[-1] in "시군"}
    short = {name: of for name, of in bare.items() if len(name) > 1 and name not in _regions()}
    return one | short


@cache
def towns_in_latin() -> dict[str, str]:
    """The region of each town that no other is written as in Latin letters: suwon, gyeongju."""
    latin: dict[str, set[str]] = {}
    for name, region in towns().items():
        bare, hyphen, kind = romanised(name).lower().partition("-")
        if hyphen and kind != "gu":
            latin.setdefault(bare, set()).add(region)
    return {name: of.pop() for name, of in latin.items() if len(of) == 1 and name not in AIRPORTS}


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    """The regions that have a district of a name."""
    out: dict[str, tuple[str, ...]] = {}
    for region, names in DISTRICTS.items():
        for name in names.split():
            out[name] = (*out.get(name, ()), region)
    return out


@cache
def _regions() -> dict[str, str]:
    """The regions as a place's first word has them: 서울, 서울시, 서울특별시, 경기도, 전라남도."""
    ends = ("", "시", "도", "특별시", "광역시", "특별자치시", "특별자치도")
    told = {word: of for word, of in REGION.spelt.items() if of != VAGUE}
    korean = {word: of for word, of in told.items() if not word.isascii()}
    in_latin = {_plain(word): of for word, of in told.items() if word.isascii()}
    return {f"{word}{end}": of for word, of in korean.items() for end in ends} | in_latin
