"""Contexts and templates hold each other: what a page shows is what its context has."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args, get_type_hints

import pytest
from jinja2 import UndefinedError, meta, nodes

from matching_spark.score.components import LANGUAGES, Language
from matching_spark.service.pages import contexts, office_contexts, words
from matching_spark.service.pages.contexts import Card, HomePage, Page, ResultsPage, Told
from matching_spark.service.pages.render import (
    CONTENT_SECURITY_POLICY,
    environment,
    helpers,
    prepare,
    render,
)
from tests.service.samples import NOW, TEMPLATES, rendered, samples

PAGES = sorted(
    (
        each
        for each in (vars(contexts) | vars(office_contexts)).values()
        if isinstance(each, type) and issubclass(each, Page) and "template" in vars(each)
    ),
    key=lambda each: each.__name__,
)
HELPERS = helpers("ko", "", NOW).keys()
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
        template.render(helpers("ko", "", NOW))


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
        self.spoken: list[str | None] = []  # the language of each that is open, where it says one
        self.said: list[tuple[str | None, str]] = []  # what a voice reads, each with its language
        self.feed(page)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.spoken.append(dict(attrs).get("lang") or (self.spoken or [None])[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self.spoken.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("title", "option", "textarea"):
            self.said.append((self.spoken[-1], data.strip()))

    def every(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", samples())
def test_a_page_is_whole(name: str, language: Language) -> None:
    context = samples()[name]
    html = rendered(context, language)
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
def test_what_is_wrong_with_a_field_is_read_with_it(name: str) -> None:
    outline = Outline(rendered(samples()[name], "ko"))
    wrong = {of for _, tag in outline.tags if (of := tag.get("id") or "").endswith("-wrong")}
    told = (
        tag.get("aria-describedby") or "" for tag in outline.every("input", "select", "textarea")
    )
    assert wrong <= {each for ids in told for each in ids.split()}


def test_things_stand_below_the_heading_of_their_group() -> None:
    """Who goes by headings: a group's was one of its things, and what is asked last one more."""
    page = rendered(samples()["results-10"], "en")
    order = re.findall(r"<(h[1-6])[^>]*>(?:<span[^>]*>)?([^<]*)", page.partition('id="answer"')[2])
    levels = {said: tag for tag, said in order}
    likely, look, told = (
        words.say(n, "en") for n in ("result.likely", "result.look", "tell.title")
    )
    assert [levels[each] for each in (likely, look, told)] == ["h2"] * 3
    assert levels["검정 백팩"] == levels["에코백"] == "h3"


def test_the_office_says_which_of_its_sections_is_shown() -> None:
    for name, path in (
        *(("desk", ""), ("register-suggested", "/found/new"), ("review-empty", "/review")),
        ("office_search-none", "/search"),
    ):
        (link,) = re.findall(
            '<a href="/office([^"]*)"[^>]*aria-current', rendered(samples()[name], "ko")
        )
        assert link == path


@pytest.mark.parametrize("name", samples())
def test_a_page_keeps_to_its_policy_and_posts_with_a_token(name: str) -> None:
    html = rendered(samples()[name], "ko")
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
        context = samples()[name]
        if isinstance(context, office_contexts.OfficePage):
            context = dataclasses.replace(context, who="kim")
        page = re.sub(r"<option[^>]*>|한국어", "", rendered(context, "en"))
        assert not re.findall("[가-힣]+", page), name
        shape = [[tag for tag, _ in Outline(rendered(context, each)).tags]
                 for each in LANGUAGES]  # fmt: skip
        assert shape[0] == shape[1]


@pytest.mark.parametrize("name", samples())
def test_korean_of_an_english_page_is_marked_as_korean(name: str) -> None:
    """A title, a place, an office, a name of an account: else an English voice reads them."""
    of_the_page = {"자세한 말", "28 %, 살펴볼 만함"}  # the samples have these in Korean alone
    for language, said in Outline(rendered(samples()[name], "en")).said:
        if re.search("[가-힣]", said) and not (said in of_the_page or "사진이 비슷하고" in said):
            assert language == "ko", said


def test_what_people_write_is_escaped() -> None:
    hostile = "\"><script>alert('1')</script>&{{ csrf }}"
    page = HomePage(here=hostile, told=Told(hostile, hostile, hostile, place=hostile))
    html = render(page, "ko", hostile, NOW)
    assert "<script>alert" not in html
    assert "{{ csrf }}" in html  # as it was written, not as a template
    assert len(Outline(html).every("script")) == 2
    card = Card(category="가방", title=f"가방 {hostile}", place=hostile)
    found = ResultsPage(asked="a", told=Told(place=f"역 {hostile}"), look=(card,))
    assert "<script>alert" not in render(found, "en", "", NOW)


@pytest.mark.parametrize("told", [Told(), Told(place="강남역"), Told(place="x", day=NOW.date())])
def test_a_day_and_a_place_are_asked_for_where_they_are_not_told(told: Told) -> None:
    html = render(ResultsPage(asked="a", told=told, nothing=True), "ko", "", NOW)
    assert words.say("result.try", "ko") in html
    assert (words.say("result.tell", "ko") in html) == (not (told.day and told.place))


def test_a_form_says_where_it_comes_from() -> None:
    """With a page's no-referrer, browsers would send `Origin: null`: service.headers says it."""
    assert 'name="referrer"' not in (TEMPLATES / "base.html").read_text("utf-8")


def test_pages_are_prepared() -> None:
    prepare()
    names = set(environment().list_templates())
    assert {page.template for page in PAGES} < names
    cache = environment().cache
    assert cache is not None
    assert len([*cache]) == len(names)
