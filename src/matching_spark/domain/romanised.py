"""Names of districts in Latin letters, as their own signs have them.

The rule is the Revised Romanization of Korean: 국어의 로마자 표기법, 문화체육관광부고시
제2014-42호.
"""

import re

_FIRST, _LAST, _VOWELS, _FINALS = ord("가"), ord("힣"), 21, 28
_INITIAL = ["g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k"]
_INITIAL += ["t", "p", "h"]
_VOWEL = ["a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo"]
_VOWEL += ["we", "wi", "yu", "eu", "ui", "i"]
# Final sounds that names of districts have: before a pause or most sounds, and before a vowel.
_FINAL = {0: ("", ""), 1: ("k", "g"), 4: ("n", "n"), 8: ("l", "r"), 16: ("m", "m")}
_FINAL |= {17: ("p", "b"), 21: ("ng", "ng")}
# What two that meet become (3.1.1): 종로 Jongno, 울릉 Ulleung, 전라 Jeolla, 북문 Bungmun.
_MET = {"kn": "ngn", "km": "ngm", "kr": "ngn", "pn": "mn", "pm": "mm", "pr": "mn"}
_MET |= {"nr": "ll", "ln": "ll", "lr": "ll", "mr": "mn", "ngr": "ngn"}
_KIND = re.compile(r"(.+)(구|시|군)")


def romanised(district: str) -> str:
    """강남구 Gangnam-gu, 종로구 Jongno-gu: what it is stands behind a hyphen, where nothing changes
    (3.5). A name that is none of these, or has another sound, stays as it is.
    """
    parts = _KIND.fullmatch(district)
    said = [_latin(part) for part in parts.groups()] if parts else []
    return f"{said[0].capitalize()}-{said[1]}" if said and all(said) else district


def _latin(name: str) -> str:
    """'' where it has a sound that is not read here."""
    out, final = "", 0
    for letter in name:
        place = ord(letter) - _FIRST
        if not 0 <= place <= _LAST - _FIRST or place % _FINALS not in _FINAL:
            return ""
        initial = _INITIAL[place // _FINALS // _VOWELS]
        alone, before_vowel = _FINAL[final]
        met = alone + initial
        out += (_MET.get(met, met) if initial else before_vowel) + _VOWEL[
            place // _FINALS % _VOWELS
        ]
        final = place % _FINALS
    return out + _FINAL[final][0]
