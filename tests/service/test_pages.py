"""Contexts and templates hold each other: what a page shows is what its context has."""

import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from jinja2 import UndefinedError, meta, nodes

from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.pages import contexts, office_contexts, words
from matching_spark.service.pages.contexts import Card, HomePage, Page, Reason, ResultsPage, Told
from matching_spark.service.pages.render import (
    CONTENT_SECURITY_POLICY,
    STATIC,
    asset,
    assets,
    environment,
    helpers,
    prepare,
    render,
)
from tests.service.samples import FOUND, LOST, NOW, samples

TEMPLATES = Path(words.__file__).parent / "templates"
PAGES = sorted(
    (
        each
        for each in (vars(contexts) | vars(office_contexts)).values()
        if isinstance(each, type) and issubclass(each, Page) and "template" in vars(each)
    ),
    key=lambda each: each.__name__,
)
HELPERS = helpers("ko", NOW).keys()
VOID = {"meta", "link", "input", "img", "br", "path", "circle", "rect"}


def parsed(name: str) -> nodes.Template:
    return environment().parse((TEMPLATES / name).read_text("utf-8"))


def family(name: str) -> list[str]:
    """A template and those that it extends or imports."""
    out = [name]
    for each in out:
        found = meta.find_referenced_templates(parsed(each))
        out.extend(other for other in found if other and other not in out)
    return out


def undeclared(name: str) -> set[str]:
    """What a template and those it stands on take from their context, the helpers apart."""
    every: set[str] = set()
    own: set[str] = set()  # macros, imported or of the template: blocks look them up as well
    for each in family(name):
        template = parsed(each)
        every |= meta.find_undeclared_variables(template)
        own |= {str(found) for part in template.find_all(nodes.FromImport) for found in part.names}
        own |= {part.name for part in template.find_all(nodes.Macro)}
    return every - HELPERS - own


def inside(kind: type) -> Iterator[type]:
    """The dataclasses that a context is made of, itself first."""
    seen = [kind]
    for each in seen:
        for hint in get_type_hints(each).values():
            parts = [hint, *get_args(hint), *(b for a in get_args(hint) for b in get_args(a))]
            seen += [p for p in parts if is_dataclass(p) and isinstance(p, type) and p not in seen]
    return iter(seen)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_template_uses_every_field_of_its_context_and_nothing_else(page: type[Page]) -> None:
    assert undeclared(page.template) == {each.name for each in fields(page)}


def test_every_part_of_a_context_is_shown_somewhere() -> None:
    """Of the dataclasses inside of contexts: a field that no template asks for is left over."""
    asked = {
        node.attr
        for place in TEMPLATES.glob("*.html")
        for node in parsed(place.name).find_all(nodes.Getattr)
    }
    named = {"region", "colour", "place", "category", "description", "kept_at", "kept_phone"}
    for page in PAGES:
        for part in list(inside(page))[1:]:
            left = {each.name for each in fields(part)} - asked - named
            assert not left, f"{part.__name__} of {page.__name__}: {left}"


def test_what_a_context_lacks_is_an_error() -> None:
    template = environment().from_string("{{ score }}")
    with pytest.raises(UndefinedError):
        template.render(helpers("ko", NOW))


def test_samples_are_of_every_page_and_of_every_optional_part() -> None:
    """Each field that may be empty is, in one sample, and is not, in another."""
    shown = list(samples().values())
    assert {type(each) for each in shown} == set(PAGES)
    for page in PAGES:
        of = [each for each in shown if isinstance(each, page)]
        for each in fields(page):
            default = each.default
            if each.default_factory is not dataclasses.MISSING:
                default = each.default_factory()
            if default is dataclasses.MISSING or each.name in ("here", "notice"):
                continue
            values = {getattr(one, each.name) == default for one in of}
            assert values == {True, False}, f"{page.__name__}.{each.name}"


class Outline(HTMLParser):
    """What a reader of a screen meets, and what no page may have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def every(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", samples())
def test_a_page_is_whole(name: str, language: Language) -> None:
    context = samples()[name]
    html = render(context, language, NOW)
    outline = Outline(html)
    assert outline.every("html") == [{"lang": language}]
    assert len(outline.every("h1")) == 1
    assert len(outline.every("main")) == 1
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids)), "an id stands twice"
    for attrs in outline.every("input", "select", "textarea"):
        if attrs.get("type") != "hidden" and "hidden" not in attrs:
            labels = [each["for"] for each in outline.every("label")]
            assert attrs["id"] in labels, f"{attrs} has no label"
    for _, attrs in outline.tags:
        for told in ("aria-labelledby", "aria-describedby"):
            assert set((attrs.get(told) or "").split()) <= set(ids)
    for attrs in outline.every("img"):
        assert "alt" in attrs
        assert {"width", "height"} <= attrs.keys()
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", samples())
def test_a_page_keeps_to_its_policy_and_posts_with_a_token(name: str) -> None:
    html = render(samples()[name], "ko", NOW)
    outline = Outline(html)
    for tag, attrs in outline.tags:
        assert tag != "style"
        assert not [each for each in attrs if each == "style" or each.startswith("on")]
        for link in ("src", "href", "action", "hx-get", "hx-post"):
            value = attrs.get(link) or "/"
            assert value.startswith(("/", "#", "tel:", "https://lost.example/")), value
    assert all(set(each) == {"src", "defer"} for each in outline.every("script"))
    forms = [each for each in outline.every("form") if each.get("method") == "post"]
    assert len(forms) == len(outline.every("form"))
    assert html.count('name="csrf" value="csrf-token"') == len(forms)
    assert "'unsafe" not in CONTENT_SECURITY_POLICY


def test_korean_pages_and_english_pages_differ_in_words_alone() -> None:
    """English has no Korean but for what was written and the words of the vocabularies' values."""
    for name in ("home", "sign_in", "desk-empty", "register", "confirm-done", "review-empty"):
        page = re.sub(r"<option[^>]*>|한국어|김하나", "", render(samples()[name], "en", NOW))
        assert not re.findall("[가-힣]+", page), name
        shape = [[tag for tag, _ in Outline(render(samples()[name], each, NOW)).tags]
                 for each in LANGUAGES]  # fmt: skip
        assert shape[0] == shape[1]


def test_what_people_write_is_escaped() -> None:
    hostile = "\"><script>alert('1')</script>&{{ csrf }}"
    page = HomePage(csrf=hostile, here=hostile, told=Told(hostile, hostile, hostile, place=hostile))
    html = render(page, "ko", NOW)
    assert "<script>alert" not in html
    assert "{{ csrf }}" in html  # as it was written, not as a template
    assert len(Outline(html).every("script")) == 2


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
            html = render(context, "ko", NOW)
            assert not re.search("점수|임계|벡터|확률|%|유사도", html), name
            assert not re.search("score|threshold|vector|probab.{3}ty", render(context, "en", NOW))


def test_reasons_are_one_fixed_sentence() -> None:
    every: tuple[Reason, ...] = ("days", "photo", "place", "colour")
    assert words.why(every, "ko") == "색과 장소가 같고, 사진이 비슷하고, 날짜가 맞습니다."
    assert words.why(every, "ko") == words.why(every[::-1], "ko")
    assert words.why(every, "en") == "Same colour and place, similar photo, the day fits."
    assert words.why(("category", "colour", "region"), "ko") == "종류, 색과 지역이 같습니다."
    assert words.why((), "ko") == "적어 주신 내용과 비슷합니다."


def test_a_thing_that_is_called_by_its_category_is_called_so_in_the_reader_s_language() -> None:
    html = render(samples()["results-10"], "en", NOW)
    assert '<h3>Card</h3>\n<p class="where"> <span class="nowrap">Wed 25 Nov</span></p>' in html


def test_a_form_says_where_it_comes_from() -> None:
    """With a page's no-referrer, browsers would send `Origin: null`: service.headers says it."""
    assert 'name="referrer"' not in (TEMPLATES / "base.html").read_text("utf-8")


def test_what_is_vendored_is_what_the_notice_says() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    htmx = next(each.body for each in assets().values() if each.name == "htmx.min.js")
    assert hashlib.sha256(htmx).hexdigest() in notice


def test_pages_are_prepared() -> None:
    prepare()
    names = set(environment().list_templates())
    assert {page.template for page in PAGES} < names
    cache = environment().cache
    assert cache is not None
    assert len([*cache]) == len(names)


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
    assert '<p class="where">Busan</p>' in render(page, "en", NOW)
    assert '<p class="where">부산</p>' in render(page, "ko", NOW)


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


def test_a_file_s_address_changes_with_the_file() -> None:
    for name, each in assets().items():
        assert asset(each.name) == STATIC + name
        assert re.fullmatch(r"[\w.]+\.[0-9a-f]{12}\.(css|js|svg)", name)
    with pytest.raises(KeyError):
        asset("../render.py")
    css = (TEMPLATES.parent / "static" / "app.css").read_text("utf-8")
    assert "url(" not in css  # nothing is loaded from elsewhere
    assert "@import" not in css


def test_the_script_finds_what_it_looks_for() -> None:
    """Each data attribute of the script stands in a template, and the other way round."""
    script = (TEMPLATES.parent / "static" / "app.js").read_text("utf-8")
    source = "".join(place.read_text("utf-8") for place in TEMPLATES.glob("*.html"))
    asked = set(re.findall(r"\[data-([a-z-]+)", script))
    asked |= set(re.findall(r"dataset\.([a-z]+)", script))
    if '"now" in' in script:
        asked.add("now")
    given: set[str] = set(re.findall(r"data-([a-z]+)", source)) - {"status"}  # for tests alone
    assert asked - given == {"empty"}  # which the script keeps for itself
    assert given <= asked


def contrast(one: str, other: str) -> float:
    """WCAG 2's, of two colours of the style sheet."""

    def light(colour: str) -> float:
        short = colour.lstrip("#")
        whole = "".join(c * 2 for c in short) if len(short) == 3 else short
        parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read_in_light_and_dark() -> None:
    css = (TEMPLATES.parent / "static" / "app.css").read_text("utf-8")
    schemes: list[dict[str, Any]] = [
        dict(re.findall(r"--([\w-]+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    ]
    for of in schemes:
        assert contrast(of["ink"], of["paper"]) >= 7
        assert contrast(of["ink"], of["sheet"]) >= 7
        for ink, ground in [
            *(("soft", "paper"), ("soft", "sheet"), ("found", "paper"), ("found", "sheet")),
            *(("found", "found-wash"), ("look", "look-wash"), ("look", "sheet")),
            *(("grave", "paper"), ("grave", "sheet"), ("on-found", "found"), ("on-grave", "grave")),
            *(("soft", "found-wash"), ("ink", "found-wash")),
        ]:
            assert contrast(of[ink], of[ground]) >= 4.5, (ink, ground)
        for edge in ("edge", "focus"):
            assert contrast(of[edge], of["paper"]) >= 3
            assert contrast(of[edge], of["sheet"]) >= 3


def test_a_lost_thing_is_looked_for_and_a_found_one_kept() -> None:
    kept, looked_for = (words.say(f"status.{each}", "ko") for each in ("open", "looked for"))
    for thing, said, other in ((FOUND, kept, looked_for), (LOST, looked_for, kept)):
        page = render(replace(samples()["post"], thing=thing), "ko", NOW)  # type: ignore[call-arg]  # of a page of things
        assert f">{said}</span>" in page
        assert f">{other}</span>" not in page


def test_who_withdraws_is_told_that_it_is_gone_and_whose_report_was_closed_is_not() -> None:
    for name, said in (("mine-withdrawn", "mine.erased"), ("mine-closed", "mine.withdrawn")):
        page = render(samples()[name], "en", NOW)
        assert words.say(said, "en") in page
        assert 'href="/"' in page.partition("<main")[2]


def test_no_more_is_said_of_photos_reports_and_days_than_is_so() -> None:
    """A photo may be withheld; `this may be mine` registers a loss; what looks like it may have
    come in long before."""
    names = ("home", "claimed", "claimed-bare", "mine")
    home, claimed, bare, mine = (render(samples()[name], "en", NOW) for name in names)
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
            page = render(replace(samples()[name], thing=thing), "ko", NOW)  # type: ignore[call-arg]  # of a page of things
            assert (unsorted in page) == hidden, name
    page = render(replace(samples()["post"], thing=bare), "ko", NOW)  # type: ignore[call-arg]  # of a page of things
    assert f"<title>{unnamed} ·" in page
    assert re.search(rf"<h2[^>]*>\s*{unnamed}", page)
    pair = samples()["review"]
    both = replace(pair.pair, lost=bare, found=bare)  # type: ignore[attr-defined]  # of a page of pairs
    page = render(replace(pair, pair=both), "ko", NOW)  # type: ignore[call-arg]  # of a page of things
    assert page.count(f">{unnamed}</a>") == 2
