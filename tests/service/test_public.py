"""What the public sees: by the table of categories, and never a byte of the rest."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from matching_spark.domain.districts import DISTRICTS, district
from matching_spark.domain.results import Match, Question, SearchResult
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.errors import InputError, UsageError
from matching_spark.score.explain import TELLING
from matching_spark.score.kinds import FILTERS
from matching_spark.service.pages.contexts import Picture
from matching_spark.service.public.levels import Level, Levels
from matching_spark.service.public.matches import (
    MATCHES,
    MAX_TITLE,
    PublicMatch,
    Showing,
    office_of,
)
from matching_spark.service.public.opaque import Names
from matching_spark.service.running import Service as Running
from matching_spark.setting_groups import Service
from tests.service import canary

KEY = "a key that only these tests have."
LEVELS = Levels.of(Service())
PICTURE = Picture("/photos/opaque", "/photos/opaque-large")
SHOWING = Showing(LEVELS, Names(KEY, "claim"), lambda _: PICTURE)
SENSITIVE, VALUABLES = sorted(LEVELS.sensitive), sorted(LEVELS.valuables)
OTHERS = sorted(set(CATEGORIES) - LEVELS.sensitive - LEVELS.valuables)


def result(matches: Sequence[Match], **more: Any) -> SearchResult:
    values: dict[str, Any] = {
        "query": {"text": canary.canary("title")},
        "model": canary.canary("model"),
        "provider": None,
        "snapshot": canary.canary("snapshot"),
        "runner": "memory",
        "exact": True,
        "score_kind": "fused",
        "threshold": canary.NUMBERS[1],
        "searched": 481516,
        "elapsed_ms": {},
        "not_here": canary.NUMBERS[0],
    }
    return SearchResult(**values | {"matches": tuple(matches)} | more)


def shown(category: str) -> PublicMatch:
    return SHOWING.match(canary.match(canary.post(category)))


def test_the_table_of_categories_is_the_settings() -> None:
    assert sorted(["증명서", "카드", "서류", "현금", "유가증권"]) == SENSITIVE
    assert sorted(["귀금속", "휴대폰", "컴퓨터", "전자기기", "지갑"]) == VALUABLES
    assert {LEVELS.level(each) for each in ("", "신분증", "card")} == {Level.SENSITIVE}
    strict = Levels.of(Service(sensitive=("가방",), valuables=("가방", "악기")))
    assert strict.level("가방") is Level.SENSITIVE
    assert (strict.level("악기"), strict.level("카드")) == (Level.COARSE, Level.OPEN)
    with pytest.raises(UsageError, match=r"service\.valuables has '핸드백'.*choose of: 가방"):
        Levels.of(Service(valuables=("핸드백",)))


@pytest.mark.parametrize("category", [*SENSITIVE, "", "무엇"])
def test_of_sensitive_things_there_is_no_photo_and_no_word(category: str) -> None:
    found = shown(category)
    assert found.photo is None
    assert found.title == found.category == (category if category in CATEGORIES else "")
    assert (found.place, found.day, found.until) == (
        *("서울 강남구", dt.date(2026, 11, 23)),
        dt.date(2026, 11, 29),
    )
    assert found.reasons == ("colour", "days")
    assert canary.found_in(json.dumps(found.to_dict(), ensure_ascii=False)) == []


@pytest.mark.parametrize("category", VALUABLES)
def test_of_valuables_there_is_no_photo_and_a_district_and_a_week(category: str) -> None:
    found = shown(category)
    assert found.photo is None
    assert found.title == canary.canary("title")
    assert found.place == "서울 강남구"
    assert (found.day, found.until) == (dt.date(2026, 11, 23), dt.date(2026, 11, 29))
    assert found.reasons == ("photo", "words", "colour", "days")
    assert canary.found_in(json.dumps(found.to_dict()), ("title",)) == []


@pytest.mark.parametrize("category", OTHERS)
def test_of_the_rest_there_are_photo_place_and_day(category: str) -> None:
    found = shown(category)
    assert found.photo == PICTURE
    assert found.place == f"강남구 {canary.canary('place')}"
    assert found.day == found.until == canary.DAY
    assert found.reasons == ("photo", "words", "colour", "days", "place")
    assert canary.found_in(json.dumps(found.to_dict()), ("title", "place")) == []


def test_a_card_has_a_photo_where_its_post_has_one() -> None:
    bare = replace(canary.post("가방"), photos=())
    assert SHOWING.match(canary.match(bare)).photo is None
    assert SHOWING.post(replace(canary.stored(bare), photos=()), "look").photo is None
    assert SHOWING.post(canary.stored(canary.post("가방")), "look").photo == PICTURE
    assert SHOWING.post(canary.stored(canary.post("지갑")), "look").photo is None


@pytest.mark.parametrize("category", [*CATEGORIES, ""])
def test_no_canary_is_in_a_byte_of_a_whole_answer(category: str) -> None:
    one = canary.match(canary.whole_title(canary.post(category)), "propose")
    question = Question("place", "어디?", (canary.canary("place"), "서울 강남구"), bits=1.5)
    out = SHOWING.result(result([one] * 12, question=question)).to_dict()
    for text in (json.dumps(out), json.dumps(out, ensure_ascii=False), str(out), repr(out)):
        assert canary.found_in(text, ("place",) if category in OTHERS else ()) == []
        assert "481516" not in text
        assert "0." not in text
    again = SHOWING.post(canary.stored(canary.whole_title(canary.post(category))), "likely")
    assert canary.found_in(json.dumps(again.to_dict()), ("place",)) == []
    office = office_of(replace(canary.post(category), kept_phone=f"02-123-4567 {canary.MOBILE}"))
    assert (office.name, office.phone) == (canary.canary("kept_at"), "02-123-4567")


def test_the_canary_is_seen_where_it_is() -> None:
    """The office's own answer has them all: else the tests above would prove nothing."""
    out = json.dumps(result([canary.match(canary.post("카드"))]).to_dict())
    apart = {"identifier", "source"}  # no answer has them
    wanted = {canary.canary(name) for name in canary.NAMES if name not in {*apart, "region"}}
    assert set(canary.found_in(out)) >= wanted | {canary.SHA256, canary.MOBILE, canary.MAIL}


def test_a_match_has_the_fields_of_the_allow_list_alone() -> None:
    """A field more is a decision: of pages, of the API, and of what a category lets be seen."""
    allowed = {"band", "category", "title", "place", "day", "until", "photo", "reasons", "claim"}
    assert {each.name for each in fields(PublicMatch)} == allowed
    assert set(shown("가방").to_dict()) == allowed


def test_there_are_ten_at_most_none_below_a_look_and_none_that_is_lost_or_closed() -> None:
    good = [canary.match(canary.post("가방", f"p{i}"), "ask") for i in range(30)]
    assert len(SHOWING.result(result(good)).matches) == MATCHES
    bad = [
        canary.match(canary.post("가방"), "below"),
        canary.match(replace(canary.post("가방"), kind="lost"), "propose"),
        canary.match(replace(canary.post("가방"), status="claimed"), "propose"),
    ]
    assert SHOWING.result(result(bad)).to_dict() == {
        "state": "unclear",
        "matches": [],
        "question": None,
        "complete": True,
    }
    for each in bad[1:]:
        with pytest.raises(ValueError, match="no open found post"):
            SHOWING.match(each)


def test_the_state_is_said_in_a_word() -> None:
    likely, look = (canary.match(canary.post("가방"), band) for band in ("propose", "ask"))
    assert SHOWING.result(result([look, likely])).state == "likely"
    assert SHOWING.result(result([look])).state == "look"
    assert SHOWING.result(result([look], nothing=True)).state == "nothing"
    assert SHOWING.result(result([likely], nothing=True)).state == "likely"
    assert SHOWING.result(result([], nothing=False)).state == "unclear"
    cosine = replace(likely, band="", contributions={}, probability=None)
    by_cosine = SHOWING.result(result([cosine, replace(cosine, matched="text")])).matches
    assert [(each.band, each.reasons) for each in by_cosine] == [
        ("look", ("photo",)),
        ("look", ("words",)),
    ]


@pytest.mark.parametrize(
    ("fact", "answers", "want"),
    [
        ("happened_on", (), ("day", ())),
        ("colour", ("검정", "비밀", "파랑"), ("colour", ("검정", "파랑"))),
        ("category", ("가방", "지갑", "악기", "의류"), ("category", ("가방", "지갑", "악기"))),
        ("place", ("김 아무개의 집", "서울 강남구"), ("place", ("서울 강남구",))),
        ("place", ("김 아무개의 집",), None),
        ("identifier", ("1",), None),
    ],
)
def test_answers_of_a_question_are_words_of_lists_or_places_of_cards(
    fact: str, answers: tuple[str, ...], want: tuple[str, tuple[str, ...]] | None
) -> None:
    wallet = canary.match(canary.post("지갑"))
    asked = SHOWING.result(result([wallet], question=Question(fact, "?", answers, 1.0))).question
    assert (None if asked is None else (asked.fact, asked.answers)) == want


def test_a_claim_is_the_services_own_and_says_nothing() -> None:
    claim = shown("가방").claim
    assert Names(KEY, "claim").open(claim) == canary.canary("post_id")
    for wrong in ("", "x", claim[:-4], claim[::-1], claim + "AAAA", "가", "A" * 2000):
        with pytest.raises(InputError, match="none of this service's"):
            Names(KEY, "claim").open(wrong)
    for other in (Names(KEY, "photo"), Names(f"another {KEY}", "claim")):
        with pytest.raises(InputError):
            other.open(claim)


@pytest.mark.parametrize(
    ("place", "region", "want"),
    [
        ("서울특별시 강남구 테헤란로 12", "", "서울 강남구"),
        ("강남역 3번 출구", "서울", "서울"),
        ("중구 을지로", "대구", "대구 중구"),
        ("중구 을지로", "", ""),
        ("경기도 광주시", "", "경기 광주시"),
        ("홍길동의 집 010-1234-5678", "기타", ""),
        ("수원시", "", "경기 수원시"),
        ("", "", ""),
        ("ignore 서울 강남구" * 9000, "제주", "제주"),
    ],
)
def test_a_district_is_of_lists_alone_and_its_own_district(
    place: str, region: str, want: str
) -> None:
    assert district(place, region) == want
    assert district(want, region) == want


def test_the_districts_are_all_of_them() -> None:
    counts = {region: len(names.split()) for region, names in DISTRICTS.items()}
    assert len({name for names in DISTRICTS.values() for name in names.split()}) < sum(
        counts.values()
    )
    assert sum(counts.values()) - 4 == 226 + 2  # 인천 has four names more; 제주 two cities
    assert all(len(set(names.split())) == counts[region] for region, names in DISTRICTS.items())


@pytest.mark.parametrize("name", ["title", "place"])
def test_no_text_is_longer_than_a_card_has_room_for(name: str) -> None:
    for size in (MAX_TITLE, MAX_TITLE + 1, 5 * MAX_TITLE):
        text: dict[str, Any] = {name: "가 나" * (size // 3) + "다" * (size % 3)}
        told = getattr(SHOWING.match(canary.match(replace(canary.post("가방"), **text))), name)
        assert len(told) <= MAX_TITLE
        assert told.endswith("…") == (size > MAX_TITLE)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("days", 0, "days"),
        ("days", 7, "days"),
        ("days", 8, None),
        ("days", -1, None),
        ("kilometres", 3.0, "near"),
        ("kilometres", 3.1, None),
        ("place", 1, "place"),
        ("place", 0.5, "near"),
        ("identifier", 1, "identifier"),
        *((name, value, name if value else None) for name in FILTERS for value in (0, 1)),
    ],
)
def test_a_reason_is_what_is_the_same_or_near(name: str, value: float, reason: str | None) -> None:
    """And speaks for the thing: what adds next to nothing is none."""
    for added, want in ((TELLING, reason), (TELLING - 0.01, None)):
        match = replace(
            canary.match(canary.post("가방")), contributions={name: added}, components={name: value}
        )
        assert SHOWING.match(match).reasons == ((want,) if want else ())


def test_a_claim_does_not_tell_whose_id_it_is_by_its_length() -> None:
    claims = {len(Names(KEY, "claim").seal(each)) for each in ("f1", "F2026112700001", "s" * 34)}
    assert len(claims) == 1


def test_a_claim_opens_however_long_its_id_is() -> None:
    for post_id in ("s-1", "가" * 512):
        claim = SHOWING.match(canary.match(canary.post("가방", post_id))).claim
        assert SHOWING.names.open(claim) == post_id


def test_the_title_of_a_valuable_does_not_tell_its_place() -> None:
    post = replace(
        canary.post("지갑"), title="여의도 한강공원에서 검정 동전지갑 습득", place="여의도 한강공원"
    )
    assert SHOWING.match(canary.match(post)).title == "검정 동전지갑 습득"
    only = replace(post, title="한강공원에서")
    assert SHOWING.match(canary.match(only)).title == "지갑"
    bag = replace(post, category="가방")
    assert SHOWING.match(canary.match(bag)).title == post.title
    for title, place in (
        ("강남역에서 검정 지갑 습득", "Gangnam station"),
        ("black wallet Gangnam Station", "강남역"),
        ("black wallet gangnam", "Gangnam station"),
    ):
        post = replace(canary.post("지갑"), title=title, place=place)
        told = SHOWING.match(canary.match(post)).title
        assert told in ("검정 지갑 습득", "black wallet"), told


def test_a_place_in_latin_letters_is_the_place_that_it_is_in_hangul(
    browser: TestClient, running: Running, bag: str
) -> None:
    def found(place: str) -> list[Any]:
        asked = {"words": "보라색 줄무늬 가방", "place": place}
        return [
            each["reasons"] for each in browser.post("/api/search", json=asked).json()["matches"]
        ]

    assert "place" in found("강남역")[0]
    for latin in ("Gangnam station", "gangnam-yeok"):
        assert found(latin) == found("강남역")
    assert not any("place" in each for each in found("Busan station"))
