"""Points on the Earth: what is one, what is none, how far two are apart."""

from pathlib import Path

import pytest

from matching_spark.domain.facts import Facts
from matching_spark.domain.points import parse_point, point_of
from matching_spark.domain.posts import Post, Reject
from matching_spark.errors import InputError
from matching_spark.score.components import compare
from matching_spark.score.explain import explain
from matching_spark.sources import read_posts
from matching_spark.sources.places import point_in, read_places

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
    assert read_places(str(file)) == {"서울역": {"": SEOUL}, "부산역": {"": BUSAN}}
    for line, why in (
        ("서울역,1,2,", ":4: '서울역' lies in two places"),
        (",1,2,", ":4: its place has no name"),
        ("역,,,", ":4: its place has no point"),
        ("역,1", ":4: 2 cells, 4 columns"),
        ("역,x,1,", ":4: latitude 'x' is no number"),
    ):
        other = tmp_path / "other.csv"
        other.write_text(file.read_text() + line + "\n")
        with pytest.raises(InputError, match=why):
            read_places(str(other))
    other.write_text("place,lat\n")
    with pytest.raises(InputError, match="no column latitude, longitude"):
        read_places(str(other))
    with pytest.raises(InputError, match="there is no"):
        read_places(str(tmp_path / "none.csv"))


def test_a_place_of_several_regions(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(
        "region,place,latitude,longitude\n서울특별시,시청역,37.56,126.97\n대전,시청역,36.35,127.38\n"
        "부산,부산역,35.1152,129.0422\n,서울역,37.5547,126.9707\n"
    )
    places = read_places(str(file))
    assert point_in(places, "시청 역", "서울") == (37.56, 126.97)
    assert point_in(places, "시청역", "대전") == (36.35, 127.38)
    assert point_in(places, "시청역", "") is None, "of which region is not told"
    assert point_in(places, "시청역", "부산") is None
    assert point_in(places, "부산역", "") == BUSAN, "there is no other"
    assert point_in(places, "부산역", "서울") is None
    assert point_in(places, "서울역", "경기") == SEOUL
    file.write_text(file.read_text() + "서울,시청역,1,2\n")
    with pytest.raises(InputError, match=":6: '시청역' lies in two places"):
        read_places(str(file))
