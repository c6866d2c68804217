"""Points on the Earth: what is one, what is none, how far two are apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.config import Settings, Similarity
from matching_spark.domain.facts import Facts
from matching_spark.domain.points import parse_point, point_of
from matching_spark.domain.posts import Post, Reject
from matching_spark.domain.romanised import latin, spellings
from matching_spark.domain.vocabulary import Seen
from matching_spark.errors import InputError
from matching_spark.operations.facts import placed, with_facts
from matching_spark.score.components import compare
from matching_spark.score.explain import explain
from matching_spark.search.query import Query
from matching_spark.sources import read_posts
from matching_spark.sources.places import Places, plain, read_places

SEOUL, BUSAN = (37.5547, 126.9707), (35.1152, 129.0422)


def test_kilometres_stand_in_for_the_letters_of_two_places() -> None:
    lost = Facts(place="서울역", point=SEOUL)
    there = compare(lost, Facts(place="부산역", point=BUSAN))
    assert there == {"kilometres": pytest.approx(328.8, abs=1)}  # along the great circle
    assert compare(lost, Facts(place="서울역", point=SEOUL)) == {"kilometres": 0}
    assert compare(lost, Facts(place="서울역")) == {"place": 1}
    assert "kilometres" not in compare(Facts(), Facts(point=SEOUL))
    told = explain({"kilometres": 1.26}, {"kilometres": 2.0}, "en")
    assert told == "Distance (1.3 km) speaks for it."
    assert explain({"kilometres": 0.25}, {"kilometres": 2.0}, "ko") == "거리가 250 m로 가깝습니다."
    assert (
        explain({"kilometres": 12.0}, {"kilometres": -2.0}, "ko") == "거리가 12 km로 먼 편입니다."
    )


def test_what_is_a_point() -> None:
    assert point_of("37.5547", 126.9707) == SEOUL
    assert point_of(None, "") is None
    assert point_of(0, "0.0") is None
    assert parse_point("37.5547, 126.9707") == SEOUL
    for bad in (("91", "0.5"), (126.9707, 37.5547), ("x", "1"), (True, 1), (1, None), ("nan", 1)):
        with pytest.raises(InputError):
            point_of(*bad)
    with pytest.raises(InputError, match="write it as 37"):
        parse_point("")


def test_a_sheet_tells_them_and_a_bad_one_costs_no_post(tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    sheet.write_text("id,물품명,위도,lng\n1,지갑,37.5547,126.9707\n2,지갑,126.9,37.5\n3,지갑,,\n")
    read = list(read_posts(str(sheet), kind="found"))
    posts = {p.post_id: (p.latitude, p.longitude) for p in read if isinstance(p, Post)}
    assert posts == {"1": SEOUL, "2": (None, None), "3": (None, None)}
    (bad,) = (each for each in read if isinstance(each, Reject))
    assert (bad.post_id, bad.reason) == ("2", "bad-point")


def test_places_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(
        "place,latitude,longitude,note\n서울 역,37.5547,126.9707,x\n부산역,35.1152,129.0422,\n"
    )
    assert read_places(str(file)).points == {"서울역": {"": SEOUL}, "부산역": {"": BUSAN}}
    for line, why in (
        ("서울역,1,2,", ":4: '서울역' lies in two places"),
        (",1,2,", ":4: its place has no name"),
        ("역,,,", ":4: its place has no point"),
        ("역,1", ":4: 2 cells, 4 columns"),
        ("역,37,49,127,02", ":4: 5 cells, 4 columns"),
        ("역,x,1,", ":4: latitude 'x' is no number"),
    ):
        other = tmp_path / "other.csv"
        other.write_text(file.read_text() + line + "\n")
        with pytest.raises(InputError, match=why):
            read_places(str(other))
    other.write_text("place,lat\n")
    with pytest.raises(InputError, match="no column latitude, longitude"):
        read_places(str(other))
    other.write_text("place,latitude,longitude,Latitude\n역,37.49,127.02,38.5\n")
    with pytest.raises(InputError, match="has the column latitude twice: keep one"):
        read_places(str(other))
    with pytest.raises(InputError, match="there is no"):
        read_places(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="is a folder, a pipe or a device: name a CSV"):
        read_places(str(tmp_path))


def test_a_place_of_several_regions(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(
        "region,place,latitude,longitude\n서울특별시,시청역,37.56,126.97\n대전,시청역,36.35,127.38\n"
        "부산,부산역,35.1152,129.0422\n,서울역,37.5547,126.9707\n"
    )
    places = read_places(str(file))
    assert places.point_in("시청 역", "서울") == (37.56, 126.97)
    assert places.point_in("시청역", "대전") == (36.35, 127.38)
    assert places.point_in("시청역", "") is None, "of which region is not told"
    assert places.point_in("시청역", "부산") is None
    assert places.point_in("부산역", "") == BUSAN, "there is no other"
    assert places.point_in("부산역", "서울") is None
    assert places.point_in("서울역", "경기") == SEOUL
    file.write_text(file.read_text() + "서울,시청역,1,2\n")
    with pytest.raises(InputError, match=":6: '시청역' lies in two places"):
        read_places(str(file))


def test_a_place_is_known_by_how_it_is_spelt_in_the_other_letters(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(
        "region,place,latitude,longitude\n"
        "서울,강남역,37.4979,127.0276\n서울,강남 역,37.4979,127.0276\n"
        "부산,Haeundae Beach,35.1587,129.1604\n"
        "서울,신천역,37.5111,127.0865\n대구,신천역,35.8,128.6\n"
        "대전,성남역,1,2\n경기,Seongnam stn,3,4\n경기,Seongnam Station,5,6\n"
        ",서울역 대합실,37.5547,126.9707\n"
    )
    places = read_places(str(file))
    gangnam, haeundae = (37.4979, 127.0276), (35.1587, 129.1604)
    for place, region, point in (
        ("Gangnam Station", "", gangnam),
        ("gangnam stn", "서울", gangnam),
        ("Gangnam Station", "부산", None),
        ("해운대 해수욕장", "", haeundae),
        ("해운대해수욕장", "부산", haeundae),
        ("Sincheon Station", "", None),  # of which region is not told
        ("Sincheon Station", "대구", (35.8, 128.6)),
        ("Seongnam Station", "", (5, 6)),  # as it is written
        ("성남역", "", (1, 2)),
        ("Gangnam", "", None),  # a part of a name is another place
        ("Seoul Station", "", None),
        ("해운대", "", None),
    ):
        assert places.point_in(place, region) == point, (place, region)


def test_a_question_is_placed_by_how_its_place_is_spelt(tmp_path: Path) -> None:
    """And so is a post."""
    file = tmp_path / "places.csv"
    file.write_text("place,latitude,longitude\n강남역,37.4979,127.0276\n")
    settings = Settings(similarity=Similarity(places=str(file)))
    asked = placed(Query(text="지갑", place="Gangnam Station"), settings)
    assert (asked.latitude, asked.longitude) == (37.4979, 127.0276)
    (post,) = with_facts([Post("1", "found", place="Gangnam stn")], settings, Seen())
    assert isinstance(post, Post)
    assert (post.latitude, post.longitude) == (37.4979, 127.0276)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["강남역", "강남 역", "gangnam station", "gangnam stn", "성남", "seongnam"]
            ),
            st.sampled_from(["", "서울", "부산"]),
        ),
        max_size=6,
    ),
    st.sampled_from(
        ["강남역", "gangnam station", "Gangnam yeok", "성남", "Seongnam", "gangnamyeok"]
    ),
    st.sampled_from(["", "서울", "부산"]),
)
def test_a_place_in_doubt_has_no_point(
    rows: list[tuple[str, str]], place: str, region: str
) -> None:
    """Held against every name: the one that is written so, else all those that are spelt so."""
    places = Places()
    for at, (name, of) in enumerate(rows):
        if plain(name) not in places.points:
            places.names.append(name)
        places.points.setdefault(plain(name), {}).setdefault(of, (at, at))
    there = [of for name, of in places.points.items() if name == plain(place)]
    if not there:
        spelt = [
            n
            for n in places.names
            if _text(n) & _text(place) and (latin(n) is None) != (latin(place) is None)
        ]
        there = [places.points[plain(name)] for name in spelt]
    alike = there and all(each == there[0] for each in there)
    points = there[0] if alike else {}
    one = next(iter(points.values())) if len(points) == 1 and not region else None
    assert places.point_in(place, region) == (one or points.get(region, points.get("")))


def _text(name: str) -> frozenset[str]:
    said = latin(name)
    return frozenset([said.text]) if said else spellings(name)
