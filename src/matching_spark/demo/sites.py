"""Where things are lost in the realistic world, and the several names that people give one place.

Names of stations and quarters are real; how often each is named, and by which name, is assumed.
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from matching_spark.demo.coordinates import coordinates
from matching_spark.domain.points import EARTH_KM, Point

QUARTER_KM = 0.4  # how far its venues are from the middle of a quarter. Assumed.
KM_A_DEGREE = EARTH_KM * math.pi / 180

VENUES = ("버스정류장", "편의점", "카페", "음식점", "공원", "마트", "병원", "택시")
# Stations with their line, and quarters, the busiest first; each quarter has every venue.
_STATIONS = {
    "서울": (
        "2강남 4서울역 2홍대입구 2잠실 2신림 2구로디지털단지 2역삼 2선릉 3고속터미널 2건대입구 "
        "2신도림 4명동 4혜화 3양재 5여의도 9노량진 7가산디지털단지 2성수 2왕십리 3종로3가 1시청 "
        "1종각 1청량리 1용산 6이태원 4사당 4수유 4노원 2합정 2신촌 2을지로입구 3압구정 "
        "5광화문 5김포공항"
    ),
    "경기": (
        "1수원 1안양 1부천 1의정부 3대화 3정발산 4안산 4범계 4평촌 7광명사거리 8모란 5하남시청 "
        "1평택 1오산"
    ),
    "부산": "1서면 1부산 2해운대 2센텀시티 1남포 2광안 2덕천 3연산 1동래 1사상",
    "대구": "1동대구 1반월당 1중앙로 2범어 2두류 2성서산업단지",
    "인천": "1부평 1동인천 1주안 1인천시청 1계산 2검암 1송도",
    "대전": "1대전 1유성온천 1둔산 1시청 1중앙로",
    "광주": "1광주송정 1상무 1금남로4가 1문화전당",
    "제주": "",
}
_QUARTERS = {
    "서울": (
        "역삼동 신사동 서교동 연남동 성수동 화곡동 천호동 상계동 신림동 독산동 대치동 문래동 이문동"
    ),
    "경기": "인계동 정자동 서현동 야탑동 중동 상동 화정동 일산동 동탄 광교 운정 다산동",
    "부산": "전포동 우동 남천동 하단동 대연동 광복동",
    "대구": "동성로 상인동 수성동 칠곡",
    "인천": "구월동 송도동 부평동 청라동",
    "대전": "둔산동 봉명동 은행동 관저동",
    "광주": "충장로 상무지구 수완동 첨단지구",
    "제주": "노형동 연동 이도동 서귀동 애월",
}
# Of 600 things lost in all of them: by inhabitants and passengers, roughly; assumed.
REGION_SHARES = {
    "서울": 240,
    "경기": 130,
    "부산": 60,
    "대구": 40,
    "인천": 45,
    "대전": 30,
    "광주": 25,
    "제주": 30,
}


@dataclass(frozen=True)
class Site:
    """A place as it is usually called. line: of the underground there, '' where there is none."""

    region: str
    name: str
    line: str = ""

    @property
    def point(self) -> Point:
        """Where it lies: a venue somewhere within its quarter, always there."""
        known, name = coordinates(self.region), self.name.split()[0]
        point = known.get(name) or known[name.removesuffix("역")]
        if self.line:
            return point
        own = np.random.default_rng(zlib.crc32(f"{self.region} {self.name}".encode()))
        return off(point, QUARTER_KM, own)

    def named(self, rng: np.random.Generator) -> str:
        """Another name for it."""
        exit_ = int(rng.integers(1, 11))
        forms: tuple[str, ...]
        if self.line:
            forms = (
                f"{self.line}호선 {self.name}",
                f"{self.line}호선 {self.name} {exit_}번 출구",
                f"{self.name} {exit_}번 출구",
                f"{self.name} 근처",
                f"지하철 {self.name}",
                f"{self.name} 대합실",
                self.name.removesuffix("역"),
            )
        else:
            forms = (f"{self.name} 근처", f"{self.name} 앞", f"{self.name} 화장실", self.region)
        return str(rng.choice(forms))


def off(point: Point, kilometres: float, rng: np.random.Generator) -> Point:
    """A point beside it: so many kilometres are one standard deviation, north and east alike."""
    north, east = (rng.normal(0, kilometres, 2) / KM_A_DEGREE).tolist()
    latitude = point[0] + north
    return round(latitude, 5), round(point[1] + east / math.cos(math.radians(latitude)), 5)


@cache
def sites(region: str) -> tuple[Site, ...]:
    """The places of a region: stations first, then the venues of its quarters."""
    stations = (
        Site(region, f"{each[1:].removesuffix('역')}역", each[0])
        for each in _STATIONS[region].split()
    )
    quarters = (
        Site(region, f"{quarter} {venue}")
        for venue in VENUES
        for quarter in _QUARTERS[region].split()
    )
    return (*stations, *quarters)


def a_region(rng: np.random.Generator, other_than: str = "") -> str:
    """A region by its share."""
    while (region := weighted(REGION_SHARES, rng)) == other_than:
        pass
    return region


def a_site(region: str, rng: np.random.Generator) -> Site:
    """A place of a region; the one of rank r is as frequent as 1 / (r + 2)."""
    return sites(region)[by_rank(len(sites(region)), 2, rng)]


def weighted(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """A name by its share of the sum."""
    ends = np.cumsum(list(shares.values()))
    return list(shares)[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]


def by_rank(count: int, behind: float, rng: np.random.Generator) -> int:
    """A number from 0, of which rank r = 1, 2, ... is as frequent as 1 / (r + behind) (Zipf)."""
    ends = _ends(count, behind)
    return int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))


@cache
def _ends(count: int, behind: float) -> npt.NDArray[np.float64]:
    return np.cumsum(1 / (np.arange(1, count + 1) + behind))
