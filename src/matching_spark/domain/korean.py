"""Korean as it is said of any word: the particle that fits it, the polite end of a verb."""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal

Particle = Literal["은/는", "이/가", "을/를", "과/와", "으로/로"]

_FIRST, _LAST, _FINALS = ord("가"), ord("힣"), 28  # syllables, in order of their final sounds
_RIEUL, _BIEUP = 8, 17  # two of these: ㄹ, after which 으로 is 로, and ㅂ
_SIGNS = dict(zip("0123456789%", "영일이삼사오육칠팔구트", strict=True))
_POWERS = "십백천만만만만억억억억조조조조"  # of ten, from the first on: 100,000 is 십만
_CLOSED = {"l": "엘", "m": "엠", "n": "엔"}  # so end the letter's name and most words: mail 메일
_OPEN = "afhijoqrsuvwxyz"  # in a vowel these; the rest, in words, either way: book 북, cake 케이크


def with_particle(word: str, particle: Particle) -> str:
    """The word and its particle: 사진이, 종류가, 서울로; bag이(가) where nobody can know.

    What stands in brackets behind a word does not count, nor do quotes. A number is read as it is
    said (3 삼, 10 십), capitals by their names (CCTV 씨씨티비), other Latin words by their end.
    """
    closed, open_ = particle.split("/")
    final = _final(word)
    if final is None:
        return word + (f"(으){open_}" if closed == "으로" else f"{closed}({open_})")
    return word + (open_ if not final or (final == _RIEUL and open_ == "로") else closed)


def polite(stem: str) -> str:
    """A verb's stem with its end: 비슷하 비슷합니다, 다르 다릅니다, 않 않습니다."""
    return f"{stem}습니다" if _final(stem) else f"{stem[:-1]}{chr(ord(stem[-1]) + _BIEUP)}니다"


@cache
def usual_in_korean() -> frozenset[str]:
    """The syllables that names of things and places here have: 655 of 11,172."""
    folders = map(files, ("matching_spark.domain", "matching_spark.domain.sentences"))
    lists = (each for folder in folders for each in folder.iterdir() if each.name.endswith(".txt"))
    return frozenset(c for each in lists for c in each.read_text("utf-8") if "가" <= c <= "힣")


def _final(word: str) -> int | None:
    """Which final sound its last syllable has, 0 for none; None where its readers differ."""
    bare = re.sub(r"(?<=.)\s*[(\[][^()\[\]]*[)\]]\W*$", "", unicodedata.normalize("NFKC", word))
    end = re.search(r"([0-9][0-9,.]*|[A-Za-z]+|%|\w)[^\w%]*$", bare)
    syllable = _syllable(end[1]) if end else ""
    return (ord(syllable) - _FIRST) % _FINALS if _FIRST <= ord(syllable or " ") <= _LAST else None


def _syllable(end: str) -> str:
    """The last syllable of a number, of Latin letters or a letter; '' where readers differ."""
    if end[0].isdecimal() and end.isascii():
        digits = end.replace(",", "").rstrip(".")
        zeros = len(digits) - len(digits.rstrip("0"))
        whole = "." not in digits and digits.strip("0")
        return _POWERS[zeros - 1] if whole and 0 < zeros <= len(_POWERS) else _SIGNS[digits[-1]]
    if not end.isascii() or end == "%":
        return _SIGNS.get(end, end)
    last = end[-1].lower()
    if end.isupper():
        return "알" if last == "r" else _CLOSED.get(last, "이")
    return _CLOSED.get(last, "이" if last in _OPEN else "")
