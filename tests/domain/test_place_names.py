"""Places that sentences name, by the names that a table's posts have."""

import random

from matching_spark.domain.place_names import PlaceNames
from tests.support.said import facts


def named(*lines: str) -> PlaceNames:
    """lines: REGION: NAME, NAME."""
    each = (line.partition(": ") for line in lines)
    return PlaceNames({name: region for region, _, names in each for name in names.split(", ")})


def check(said: str, names: PlaceNames, place: str, region: str) -> None:
    found = facts(said, names)
    assert (found.get("place", ""), found.get("region", "")) == (place.lower(), region), said


def test_a_place_is_as_the_table_has_it_and_brings_its_region() -> None:
    names = PlaceNames({"2호선 강남역": "서울", "강남역 11번 출구": "서울", "중앙역": ""})
    assert facts("강남역에서 분실", names) == {"place": "강남역", "region": "서울"}
    assert facts("2호선  강남역 근처", names) == {"place": "2호선 강남역", "region": "서울"}
    assert facts("부산 강남역에서", names) == {"place": "강남역", "region": "부산"}
    assert facts("중앙역에서", names) == {"place": "중앙역"}
    assert facts("강남역에서 중앙역 가는 길에", names) == {}
    univ = PlaceNames({"Hongik Univ. Station": "서울"})
    assert facts("I lost it at Hongik Univ. Station", univ) == {
        "place": "hongik univ. station",
        "region": "서울",
    }
    assert facts("11번 출구에서", names) == facts("서면역에서", names) == {}


def test_a_name_is_in_the_region_of_all_the_names_that_have_it() -> None:
    rng = random.Random(4)
    bits = ["강남역", "신촌", "1번", "출구", "hall", "b2"]
    for _ in range(200):
        several = {
            " ".join(rng.choices(bits, k=rng.randint(1, 4))): rng.choice(["서울", "부산", ""])
            for _ in range(rng.randint(1, 8))
        }
        run = " ".join(rng.choices(bits, k=rng.randint(1, 2)))
        there = {region for name, region in several.items() if f" {run} " in f" {name} "}
        told = PlaceNames(several).region(run)
        assert told == (there.pop() if len(there) == 1 else ""), (several, run)


def test_a_place_is_known_as_it_is_written_in_latin_letters() -> None:
    names = PlaceNames(
        {"강남역": "서울", "서울 강남구": "서울", "해운대 해수욕장": "부산", "서울역": "서울"}
    )
    for said, place, region in (
        ("I lost my black wallet at gangnam station yesterday", "gangnam station", "서울"),
        ("black wallet, Gangnam Station, yesterday", "Gangnam Station", "서울"),
        ("lost a wallet near Gangnam-gu office", "Gangnam-gu", "서울"),
        ("left my umbrella in Gangnam", "Gangnam", "서울"),
        ("my bag was stolen at Haeundae beach", "Haeundae beach", "부산"),
        ("left a bag at Seoul Station", "Seoul Station", "서울"),
    ):
        check(said, names, place, region)
    for said in ("I lost my wallet in an hour", "left it on the seat", "a man at the gate"):
        assert "place" not in facts(said, names), said


def test_a_place_is_known_by_what_people_call_it() -> None:
    """Shorter than the table has it, in another order, or by what its English name means."""
    names = named(
        "부산: 부산대학교, BEXCO",
        "서울: 이화여자대학교, 김포국제공항, 동서울종합터미널, 메가박스 코엑스점",
        "서울: Hongik Univ. Station, Seoul Forest, 롯데월드",
        "제주: 제주국제공항",
        "경기: 스타필드 하남, M5107번 버스",
        "인천: 인천국제공항 제1여객터미널",
    )
    for said, place, region in (
        ("부산대에서 지갑을 잃어버렸어요", "부산대", "부산"),
        ("이화여대 ECC 계단에서 지갑 분실", "이화여대", "서울"),
        ("제주공항 3층에서 지갑을 잃어버렸어요", "제주공항 3층", "제주"),
        ("Jeju Airport, lost a wallet", "jeju airport", "제주"),
        ("Gimpo International Airport, lost a bag", "gimpo international airport", "서울"),
        ("동서울터미널에서 지갑 분실", "동서울터미널", "서울"),
        ("하남 스타필드에서 지갑 분실", "하남 스타필드", "경기"),
        ("코엑스 메가박스에서 지갑 분실", "코엑스 메가박스", "서울"),
        ("인천공항 1터미널에서 지갑 분실", "인천공항 1터미널", "인천"),
        ("M5107 버스에 지갑을 두고 내렸어요", "m5107 버스", "경기"),
        ("I lost my wallet at Hongik University Station", "hongik university station", "서울"),
        ("서울숲에서 지갑을 잃어버렸어요", "서울숲", "서울"),
        ("벡스코에서 지갑을 잃어버렸어요", "벡스코", "부산"),
        ("I lost my wallet at Lotte World", "lotte world", "서울"),
    ):
        check(said, names, place, region)
    for said in (
        "I lost it in the forest",
        "숲에서 지갑을 잃어버렸어요",
        "강릉터미널에서 지갑 분실",
    ):
        assert "place" not in facts(said, names), said


def test_a_place_in_latin_letters_is_known_as_it_is_written_in_hangul() -> None:
    names = named(
        "서울: Gangnam Station Exit 11, Myeongdong, Hana Bank Jongno",
        "부산: Starbucks Seomyeon Station, Haeundae Beach",
        "대전: Namu",
    )
    for said, place, region in (
        ("강남역에서 지갑을 잃어버렸어요", "강남역", "서울"),
        ("강남역 11번 출구에서 지갑 분실", "강남역 11번 출구", "서울"),
        ("서면역 지갑 분실", "서면역", "부산"),
        ("해운대 해수욕장에서 반지를 잃어버렸습니다", "해운대 해수욕장", "부산"),
        ("해운대해수욕장에서 반지를 잃어버렸습니다", "해운대해수욕장", "부산"),
        ("어제 해운대에서 모자를 두고 왔어요", "해운대", "부산"),
        ("명동에서 우산을 놓고 왔어요", "명동", "서울"),
    ):
        check(said, names, place, region)
    for said in (
        "강남에서 지갑 분실",  # a part of a name, and any word's sound
        "열쇠 하나에 고리가 달렸어요. 분실했어요",
        "지갑 하나 분실",
        "나무 지갑 분실",
        "서현역에서 지갑 분실",
        "해안에서 반지를 잃어버렸어요",
    ):
        assert "place" not in facts(said, names), said


def test_a_place_is_known_as_signs_and_people_have_it() -> None:
    """In English with its kind, without what is official about it, as one word or as two."""
    names = named(
        "경남: 해인사",
        "경북: 안동하회마을",
        "부산: 롯데백화점 부산본점",
        "대구: 경북대학교, 대구동부시외버스터미널",
        "서울: 고려대학교 안암병원, 노량진수산물도매시장, 가산디지털단지역, 6호선 이태원역",
        "서울: 신세계백화점 강남점, 1호선",
        "제주: 협재해수욕장, 한라산국립공원",
        "울산: 울산과학기술원(UNIST)",
    )
    for said, place, region in (
        ("left my hat at Haeinsa Temple", "haeinsa temple", "경남"),
        ("left my hat in Andong Hahoe Village", "andong hahoe village", "경북"),
        (
            "lost a scarf at Lotte Department Store Busan 2F",
            "lotte department store busan 2f",
            "부산",
        ),
        ("Kyungpook National University, lost my wallet", "kyungpook national university", "대구"),
        ("고대 안암병원 2층에서 지갑 분실", "고대 안암병원 2층", "서울"),
        ("노량진시장에서 지갑 분실", "노량진시장", "서울"),
        ("대구동부터미널에서 지갑 분실", "대구동부터미널", "대구"),
        ("협재해변에서 지갑 분실", "협재해변", "제주"),
        ("한라산에서 지갑 분실", "한라산", "제주"),
        ("유니스트 도서관에서 지갑 분실", "유니스트", "울산"),
        ("가산 디지털단지역에서 지갑 분실", "가산 디지털단지역", "서울"),
        ("신세계 강남점에서 지갑 분실", "신세계 강남점", "서울"),
        ("Itaewon station exit 8-1, lost my wallet", "itaewon station exit 8-1", "서울"),
        ("이태원 3번출구 앞에서 지갑 분실", "이태원 3번출구", "서울"),
        ("우산 놓고 왔어요 신세계 강남점 지하 1층", "신세계 강남점 지하 1층", "서울"),
        ("Lost bag on line 1", "line 1", "서울"),
    ):
        check(said, names, place, region)


def test_a_place_is_known_by_its_short_name_and_by_its_english_one() -> None:
    names = named(
        "서울: 숙대입구역, 성신여대입구역, 서울대입구역, 종로5가역, 남산서울타워, 창덕궁",
        "부산: 김해국제공항 제2여객터미널, 동부산종합버스터미널, 올리브영 서면점",
        "강원: 양양버스터미널",
        "경기: 이케아 고양점, 킨텍스 제1전시장",
        "대구: 국립대구과학관, 대구복합터미널",
        "대전: 정부대전청사",
    )
    for said, place, region in (
        ("서울대입구에서 지갑 분실", "서울대입구", "서울"),
        ("종로5가에서 지갑 분실", "종로5가", "서울"),
        (
            "lost it at Sungshin Women's University station",
            "sungshin women's university station",
            "서울",
        ),
        (
            "lost it at Seoul National University Station",
            "seoul national university station",
            "서울",
        ),
        ("lost it at Gimhae Airport Terminal 2", "gimhae airport terminal 2", "부산"),
        ("lost it at Dong Busan Terminal", "dong busan terminal", "부산"),
        ("lost it at Yangyang Bus Terminal", "yangyang bus terminal", "강원"),
        ("올영 서면점에서 지갑 분실", "올영 서면점", "부산"),
        ("이케아 고양에서 지갑 분실", "이케아 고양", "경기"),
        ("대구과학관에서 지갑 분실", "대구과학관", "대구"),
        ("lost it at Daegu National Science Museum", "daegu national science museum", "대구"),
        ("대전청사에서 지갑 분실", "대전청사", "대전"),
        ("대구터미널에서 지갑 분실", "대구터미널", "대구"),
        ("lost it at Kintex hall 1", "kintex hall 1", "경기"),
        ("lost it at N Seoul Tower", "n seoul tower", "서울"),
        ("남산 서울타워에서 지갑 분실", "남산 서울타워", "서울"),
        ("lost it at Changdeokgung Palace", "changdeokgung palace", "서울"),
        ("lost it at Changdeokgung station", "", ""),
        ("lost it at Asan Medical Center", "", ""),
    ):
        check(said, names, place, region)


def test_a_place_is_known_by_a_name_that_is_translated_freely() -> None:
    """In other words than the Korean one, in another order, or with its kind alone in English."""
    names = PlaceNames(
        {
            "예술의전당": "서울",
            "이화여자대학교": "서울",
            "울산대학교": "울산",
            "설악산국립공원": "강원",
            "대구미술관": "대구",
            "광안대교": "부산",
            "성산일출봉": "제주",
            "이수역": "서울",
            "국립부산과학관": "부산",
            "휘닉스파크": "강원",
            "제주동문시장": "제주",
            "대전고등학교": "대전",
            "인천광역시청": "인천",
            "유스퀘어 광주종합버스터미널": "광주",
        }
    )
    for place, region in (
        ("Seoul Arts Center", "서울"),
        ("Ewha Womans University", "서울"),
        ("University of Ulsan", "울산"),
        ("Seorak Mountain National Park", "강원"),
        ("Daegu Museum of Art", "대구"),
        ("Gwangan Bridge", "부산"),
        ("Gwangandaegyo Bridge", "부산"),
        ("Seongsan Sunrise Peak", "제주"),
        ("Isu Station", "서울"),
        ("Busan National Science Museum", "부산"),
        ("Phoenix Park", "강원"),
        ("Jeju Dongmun Market", "제주"),
        ("Daejeon High School", "대전"),
    ):
        check(f"lost my wallet at {place}", names, place, region)
    for place, region in (
        ("동문시장", "제주"),
        ("대전고", "대전"),
        ("인천시청", "인천"),
        ("광안 bridge", "부산"),
        ("이수 station", "서울"),
    ):
        check(f"{place} 지갑 분실", names, place, region)
    check("lost a bag at Gwangju U-Square", names, "u-square", "광주")
    for said in (
        "I lost my wallet at the art museum",
        "lost my wallet on the bridge",
        "left it at the arts center",
        "lost my bag at the university library",
        "my bag was stolen at the national park",
        "lost a hat near the peak",
        "시장에서 지갑 분실",
        "고등학교에서 지갑 분실",
        "공원 station에서 지갑 분실",
    ):
        check(said, names, "", "")


def test_what_several_have_is_no_place_of_one() -> None:
    """A chain without its branch, a town in Latin letters, an exit of another number."""
    names = named(
        "부산: 스타벅스 서면점, CGV 서면점",
        "서울: 서울고속버스터미널, 연세대학교 중앙도서관, 신세계백화점 강남점",
        "서울: Gangnam Station Exit 11",
        "경북: 경주역",
    )
    check("스타벅스에서 지갑 분실", names, "", "")
    check("CGV에서 지갑 분실", names, "", "")
    check("left my wallet on the express bus", names, "", "")
    check("중앙 도서관에서 지갑 분실", names, "", "")
    check("Left my wallet at Starbucks", names, "", "")
    check("신세계백화점에서 지갑 분실", names, "", "")
    check("I lost my wallet in Gyeongju", names, "", "경북")
    check("Lost at Gangnam Station exit 4", names, "gangnam station exit 4", "서울")


def test_a_place_of_no_post_tells_its_town() -> None:
    names = PlaceNames({"양평역": "", "강남역": "서울"})
    check("강릉시장에서 지갑을 잃어버렸어요", names, "", "강원")
    check("양평역에서 지갑을 잃어버렸어요", names, "양평역", "")
    check("익산역에서 내릴 때 두고 내렸어요", names, "", "")
    check("진주시장에서 지갑을 잃어버렸어요", names, "", "")
