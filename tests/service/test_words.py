"""The words of the pages: one in Korean and one in English for each, said as people say them."""

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from matching_spark.cli.app import COMMANDS
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.score.components import LANGUAGES
from matching_spark.service.pages import contexts, office_contexts, words
from matching_spark.service.pages.contexts import Card, Reason, ResultsPage
from tests.service.samples import FOUND, LOST, NOW, TEMPLATES, rendered, samples


def shown(name: str, **of: Any) -> str:
    """A sample's page in Korean, with other fields of its own."""
    return rendered(replace(samples()[name], **of), "ko")


def test_an_english_word_stands_beside_every_korean_one() -> None:
    lines = (TEMPLATES.parent / "words.txt").read_text("utf-8").splitlines()
    names = [line.split("|")[0] for line in lines if line and not line.startswith("#")]
    assert len(names) == len(set(names))
    for name, said in words.table().items():
        assert said.keys() == set(LANGUAGES)
        assert all(text.strip() == text and text for text in said.values()), name
        places = [sorted(re.findall(r"\{(\w+)\}", text)) for text in said.values()]
        assert places[0] == places[1], name
    for fact, vocabulary in OF_FACTS.items():
        assert {name for name in words.table() if name.startswith(f"{fact}.")} == {
            f"{fact}.{word}" for word in vocabulary.words
        }


def test_one_of_a_thing_is_told_in_words_of_its_own() -> None:
    """No page says '1 posts'; at a password's least number there is never one."""
    of_many = re.compile(r"\{n\} \w+s\b")
    for name in words.table().keys() - {"password.new"}:
        if of_many.search(words.table()[name]["en"]):
            assert name.replace("many", "one") in words.table().keys() - {name}, name


def test_every_word_is_used_and_every_code_has_words() -> None:
    source = "".join(place.read_text("utf-8") for place in TEMPLATES.glob("*.html"))
    source += Path(words.__file__).read_text("utf-8")
    stems = set(re.findall(r'"([\w. ]+[. ])" ~', source)) | {"review.", "status.", "apart."}
    stems |= {f"{fact}." for fact in OF_FACTS}
    silent = [
        name
        for name in words.table()
        if f'"{name}"' not in source
        and f"'{name}'" not in source
        and not name.startswith(tuple(stems))
    ]
    assert not silent
    codes = {
        "notice": get_args(contexts.Notice)[1:],
        "wrong": get_args(contexts.Wrong),
        "mine": get_args(contexts.LossState),
        "mine.mail": get_args(contexts.MailState),
        "ask": contexts.FACTS,
        "post.again": get_args(office_contexts.Again)[1:],
    }
    for stem, of in codes.items():
        assert all(f"{stem}.{code}" in words.table() for code in of), stem
    problems = {
        name for part in get_args(contexts.ProblemKind) for name in get_args(part) or [part]
    }
    assert all(f"problem.{p}" in words.table() for p in problems)
    assert all(f"problem.{p}.do" in words.table() for p in problems)


def test_nobody_is_told_a_number_of_likelihood() -> None:
    """The words never used to a person, on none of their pages."""
    for name, context in samples().items():
        if not isinstance(context, office_contexts.OfficePage):
            html = rendered(context, "ko")
            assert not re.search("점수|임계|벡터|확률|%|유사도", html), name
            assert not re.search("score|threshold|vector|probab.{3}ty", rendered(context, "en"))


def test_reasons_are_one_fixed_sentence() -> None:
    every: tuple[Reason, ...] = ("days", "photo", "place", "colour")
    assert words.why(every, "ko") == "색과 장소가 같고, 사진이 비슷하고, 날짜가 맞습니다."
    assert words.why(every, "ko") == words.why(every[::-1], "ko")
    assert words.why(every, "en") == "Same colour and place, similar photo, the day fits."
    assert words.why(("category", "colour", "region"), "ko") == "종류, 색과 지역이 같습니다."
    assert words.why((), "ko") == "적어 주신 내용과 비슷합니다."


def test_a_reason_calls_a_fact_as_its_field_is_called() -> None:
    """The form asked for 곳, and the reason said that 장소 was the same."""
    facts: tuple[Reason, ...] = ("category", "colour", "region", "place")
    for fact in facts:
        assert words.why((fact,), "ko").startswith(words.say(f"field.{fact}", "ko"))


def test_a_thing_that_is_called_by_its_category_is_called_so_in_the_reader_s_language() -> None:
    html = rendered(samples()["results-10"], "en")
    assert '<h3>Card</h3>\n<p class="where"> <span class="nowrap">Wed 25 Nov</span></p>' in html


def test_a_region_that_stands_for_a_place_is_told_in_the_readers_language() -> None:
    assert words.value("place", "서울", "en") == "Seoul"
    assert words.value("place", "강남역", "en") == "강남역"
    assert words.value("place", "", "en") == ""
    assert words.value("place", "서울 강남구", "en") == "Gangnam-gu, Seoul"
    assert words.value("place", "서울 강남구", "ko") == "서울 강남구"
    assert words.value("place", "종로구", "en") == "Jongno-gu"
    assert words.value("place", "강남구 테헤란로", "en") == "강남구 테헤란로"  # as it was written
    page = samples()["results-doubt"]
    assert isinstance(page, ResultsPage)
    page = replace(page, look=(Card(category="지갑", place="부산"),))
    assert '<p class="where">Busan</p>' in rendered(page, "en")
    assert '<p class="where">부산</p>' in rendered(page, "ko")


def test_days_are_told_as_people_say_them() -> None:
    today = dt.date(2026, 11, 27)
    assert words.day(dt.date(2026, 11, 25), "ko", today) == "11월 25일 (수)"
    assert words.day(dt.date(2025, 11, 25), "ko", today) == "2025년 11월 25일 (화)"
    assert words.day(dt.date(2025, 11, 25), "en", today) == "Tue 25 Nov 2025"
    assert words.days(dt.date(2026, 11, 23), dt.date(2026, 11, 29), "ko", today) == "11월 23일~29일"
    assert words.days(dt.date(2026, 11, 30), dt.date(2026, 12, 6), "en", today) == "30 Nov – 6 Dec"
    for first, last, korean, english in (
        ("2025-11-24", "2025-11-30", "2025년 11월 24일~30일", "24–30 Nov 2025"),
        ("2025-12-29", "2026-01-04", "2025년 12월 29일~2026년 1월 4일", "29 Dec 2025 – 4 Jan 2026"),
    ):
        week = (dt.date.fromisoformat(first), dt.date.fromisoformat(last))
        assert words.days(*week, "ko", today) == korean
        assert words.days(*week, "en", today) == english
    assert words.moment(NOW, "ko", today) == "오늘 14:03"
    assert words.moment(NOW - dt.timedelta(days=1), "en", today) == "Thu 26 Nov 14:03"
    late = dt.datetime(2026, 11, 26, 20, 0, tzinfo=dt.UTC)  # already the 27th in Seoul
    assert words.moment(late, "ko", today) == "오늘 05:00"


def test_a_lost_thing_is_looked_for_and_a_found_one_kept() -> None:
    kept, looked_for = (words.say(f"status.{each}", "ko") for each in ("open", "looked for"))
    for thing, said, other in ((FOUND, kept, looked_for), (LOST, looked_for, kept)):
        page = shown("post", thing=thing)
        assert f">{said}</span>" in page
        assert f">{other}</span>" not in page


def test_who_withdraws_is_told_that_it_is_gone_and_whose_report_was_closed_is_not() -> None:
    for name, said in (("mine-withdrawn", "mine.erased"), ("mine-closed", "mine.withdrawn")):
        page = rendered(samples()[name], "en")
        assert words.say(said, "en") in page
        assert 'href="/"' in page.partition("<main")[2]


def test_no_more_is_said_of_photos_reports_and_days_than_is_so() -> None:
    """A photo may be withheld; `this may be mine` registers a loss; what looks like it may have
    come in long before."""
    names = ("home", "claimed", "claimed-bare", "mine")
    home, claimed, bare, mine = (rendered(samples()[name], "en") for name in names)
    assert 'href="/mine"' in home.partition("<main")[2]
    assert words.say("claimed.reported", "en") in claimed
    assert words.say("claimed.reported", "en") not in bare
    assert words.say("no photo shown", "en") in bare
    assert "Listed here on" in mine
    assert "Came in" not in mine


def test_a_thing_that_nobody_has_sorted_has_a_heading_and_is_said_to_be_hidden() -> None:
    """An officer may register a photo alone: people who search then see nothing of it."""
    bare = replace(FOUND, title="", category="")
    unsorted, unnamed = (words.say(n, "ko") for n in ("register.unsorted", "post.unnamed"))
    for name in ("post", "register-suggested"):
        for thing, hidden in ((bare, True), (FOUND, False), (replace(bare, kind="lost"), False)):
            page = shown(name, thing=thing)
            assert (unsorted in page) == hidden, name
    page = shown("post", thing=bare)
    assert f"<title>{unnamed} ·" in page
    assert re.search(rf"<h2[^>]*>\s*{unnamed}", page)
    pair = samples()["review"]
    both = replace(pair.pair, lost=bare, found=bare)  # type: ignore[attr-defined]  # of a page of pairs
    page = shown("review", pair=both)
    assert page.count(f">{unnamed}</a>") == 2


def test_no_line_ends_between_a_day_and_its_particle() -> None:
    """A day ends in a bracket, behind which a line may end though `keep-all` keeps words whole."""
    for name, said in words.table().items():
        assert not re.search(r"\{day\}[가-힣]", said["ko"]), name


def test_who_reads_a_page_is_told_of_no_command() -> None:
    """An officer has none: a command is of whoever runs the service, and stands in the docs."""
    for name, said in words.table().items():
        assert "`" not in said["en"], name
        latin = re.findall("[a-z]+", re.sub(r"\{.*?\}", "", said["ko"]))  # braces are filled in
        assert not set(latin) & set(COMMANDS), name
