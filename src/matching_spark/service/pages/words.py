"""All words of the pages, in Korean and English: the table words.txt, and what is put together."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from matching_spark.domain.districts import parts_of
from matching_spark.domain.korean import polite, with_particle
from matching_spark.domain.posts import SEOUL
from matching_spark.domain.romanised import romanised
from matching_spark.domain.told import WEEKDAYS
from matching_spark.score.components import Language
from matching_spark.score.explain import listed
from matching_spark.service.pages.contexts import Reason

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# How a reason is said: the stem of the Korean verb that it shares with others, and its noun.
_WHY: Mapping[Reason, tuple[str, str, str]] = {
    "category": ("같", "종류", "kind"),
    "colour": ("같", "색", "colour"),
    "region": ("같", "지역", "region"),
    "place": ("같", "장소", "place"),
    "identifier": ("같", "고유번호", "identifying number"),
    "photo": ("비슷하", "사진", "photo"),
    "words": ("비슷하", "설명", "description"),
    "near": ("가깝", "장소", "place"),
    "days": ("맞", "날짜", "day"),
}
_STEMS = {"같": "same {}", "비슷하": "similar {}", "가깝": "{} nearby", "맞": "the {} fits"}
_HANGUL = re.compile("[ㄱ-ㆎ가-힣]")


@cache
def table() -> Mapping[str, Mapping[Language, str]]:
    """words.txt: the words of each name, by language."""
    text = (files("matching_spark.service.pages") / "words.txt").read_text("utf-8")
    rows = [line.split("|") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: {"ko": korean, "en": english} for name, korean, english in rows}


def say(name: str, language: Language, **values: Any) -> str:
    """The words of a name. Raises KeyError for one that there are none of: a page's mistake."""
    return table()[name][language].format(**values)


def value(fact: str, word: str, language: Language) -> str:
    """A word of a vocabulary, or any other value, for a reader. Of a place that is not told more
    closely its region stands there; a district is told in Latin letters to who reads no Korean."""
    of = table().get(f"{fact}.{word}") or table().get(f"region.{word}" if fact == "place" else "")
    if of:
        return of[language]
    if fact == "place" and language == "en" and (parts := parts_of(word)):
        region, name = parts
        return ", ".join(filter(None, (romanised(name), value("region", region, language))))
    return word


def own(text: str, language: Language) -> Markup:
    """What somebody wrote, for a page: on an English one Korean is marked as such, so that a voice
    that reads the page aloud says it as Korean (WCAG 3.1.2), and a browser draws it so."""
    if language == "ko" or not _HANGUL.search(text):
        return escape(text)
    return Markup('<span lang="ko">{}</span>').format(text)


def day(of: dt.date, language: Language, today: dt.date) -> str:
    """11월 25일 (화), Tue 25 Nov; with its year where it is not this one."""
    weekday = WEEKDAYS[language][of.weekday()]
    if language == "ko":
        year = "" if of.year == today.year else f"{of.year}년 "
        return f"{year}{of.month}월 {of.day}일 ({weekday})"
    year = "" if of.year == today.year else f" {of.year}"
    return f"{weekday} {of.day} {_MONTHS[of.month - 1]}{year}"


def days(first: dt.date, last: dt.date, language: Language, today: dt.date) -> str:
    """11월 23일~29일, 23–29 Nov: a week, of which the day is not told; with its year as `day`."""
    same, one_year = first.month == last.month, first.year == last.year
    if language == "ko":
        begin = "" if first.year == today.year else f"{first.year}년 "
        end = "" if one_year else f"{last.year}년 "
        month = "" if same else f"{last.month}월 "
        return f"{begin}{first.month}월 {first.day}일~{end}{month}{last.day}일"
    begin = f"{first.day}" if same else f"{first.day} {_MONTHS[first.month - 1]}"
    begin += "" if one_year else f" {first.year}"
    year = "" if one_year and last.year == today.year else f" {last.year}"
    return f"{begin}{'–' if same else ' – '}{last.day} {_MONTHS[last.month - 1]}{year}"


def apart(days: int, language: Language) -> str:
    """How long after the loss a thing was found: '2일 뒤', '1 day earlier'; '' of the same day."""
    if not days:
        return ""
    name = f"apart.{'one' if abs(days) == 1 else 'many'} {'after' if days > 0 else 'before'}"
    return say(name, language, n=abs(days))


def moment(at: dt.datetime, language: Language, today: dt.date) -> str:
    """14:03 of today, 11월 24일 (월) 14:03 of another day, in Seoul."""
    local = at.astimezone(SEOUL)
    clock = f"{local:%H:%M}"
    if local.date() == today:
        return f"오늘 {clock}" if language == "ko" else f"today {clock}"
    return f"{day(local.date(), language, today)} {clock}"


def why(reasons: Sequence[Reason], language: Language) -> str:
    """What speaks for a thing, in a sentence of fixed words: 색이 같고, 사진이 비슷합니다."""
    by_stem: dict[str, list[str]] = {}
    for reason in _WHY:  # in one order, so that the same reasons are the same sentence
        if reason in reasons:
            stem, korean, english = _WHY[reason]
            by_stem.setdefault(stem, []).append(korean if language == "ko" else english)
    if not by_stem:
        return say("why.none", language)
    if language == "en":
        clauses = [_STEMS[stem].format(listed(nouns)) for stem, nouns in by_stem.items()]
        sentence = ", ".join(clauses)
        return f"{sentence[0].upper()}{sentence[1:]}."
    *firsts, (last, nouns) = by_stem.items()
    said = [f"{_subject(each)} {stem}고, " for stem, each in firsts]
    return f"{''.join(said)}{_subject(nouns)} {polite(last)}."


def _subject(nouns: Sequence[str]) -> str:
    *firsts, last = nouns
    before = f"{', '.join(firsts[:-1])}, " if len(firsts) > 1 else ""
    return (
        before
        + (f"{with_particle(firsts[-1], '과/와')} " if firsts else "")
        + (with_particle(last, "이/가"))
    )
