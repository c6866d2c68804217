"""Korean names in Latin letters: how they are written, and which Latin spelling is one of them.

The rule is the Revised Romanization of Korean: 국어의 로마자 표기법, 문화체육관광부고시
제2014-42호. Hyphens, spaces and capitals, which it leaves free, say nothing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

LONGEST = 200  # Latin letters of a name that are read
LEAST = 3  # letters of two syllables that are looked for: `ui` stands in too many names
MOST = 14  # letters that two syllables have
_OPEN = 5  # letters that a syllable has at most but for its final sound: jjyeo
_FIRST, _LAST, _VOWELS, _FINALS = ord("가"), ord("힣"), 21, 28
_INITIAL = ["g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k"]
_INITIAL += ["t", "p", "h"]
_VOWEL = ["a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo"]
_VOWEL += ["we", "wi", "yu", "eu", "ui", "i"]
# Of each final sound: before a pause or most sounds, and before a vowel.
_FINAL = ["/", "k/g", "k/kk", "k/ks", "n/n", "n/nj", "n/n", "t/d", "l/r", "k/lg", "m/lm", "l/lb"]
_FINAL += ["l/ls", "l/lt", "p/lp", "l/r", "m/m", "p/b", "p/ps", "t/s", "t/ss", "ng/ng", "t/j"]
_FINAL += ["t/ch", "k/k", "t/t", "p/p", "t/"]
# What two that meet become (3.1.1): 종로 Jongno, 울릉 Ulleung, 전라 Jeolla, 북문 Bungmun.
_MET = {"kn": "ng n", "km": "ng m", "kr": "ng n", "tn": "n n", "tm": "n m", "tr": "n n"}
_MET |= {"pn": "m n", "pm": "m m", "pr": "m n", "nr": "l l", "ln": "l l", "lr": "l l"}
_MET |= {"mr": "m n", "ngr": "ng n"}
_CODAS = {each.partition("/")[0] for each in _FINAL}
_ONSETS = {*_INITIAL, "l"}  # the second of ll
_NONE, _MARKS = "'", ["", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ#"]  # no initial; each final sound
_MEET = re.compile(rf"([{''.join(_MARKS)}])\|([{_NONE}nmr])")
_ALONE = str.maketrans(
    {mark: of.partition("/")[0] for mark, of in zip(_MARKS[1:], _FINAL[1:], strict=True)}
    | {_NONE: ""}
)
_KIND = re.compile(r"(.+)(구|시|군)")
_HANGUL = re.compile("[가-힣]")
_LONGEST_FIRST = sorted(_VOWEL, key=len, reverse=True)
_READ = re.compile(rf"({'|'.join(_LONGEST_FIRST)}|\d)")
_READ_BACK = re.compile(rf"({'|'.join(each[::-1] for each in _LONGEST_FIRST)}|\d)")


@cache
def place_words() -> dict[str, list[tuple[str, str]]]:
    """Names in English and in Korean, by the tag of their lines in place_words.txt."""
    text = (files("matching_spark.domain") / "place_words.txt").read_text("utf-8")
    out: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            tag, korean, several = line.split("|")
            out.setdefault(tag, []).extend((each, korean) for each in several.split(","))
    return out


# By a name in English, of several words with _ between. Read when a text is: a search by a vector
# or a post needs none of them.
@cache
def kinds() -> dict[str, str]:
    """What signs call a place of a kind."""
    return _joined("kind")


@cache
def own() -> dict[str, str]:
    """What is spelt in a way of its own, and not by the rule."""
    return _joined("word")


def _joined(tag: str) -> dict[str, str]:
    return {english.replace(" ", "_"): korean for english, korean in place_words()[tag]}


@cache
def _long() -> list[list[str]]:
    """The words of each of several, the longest first."""
    return [
        name.split("_") for name in sorted(kinds() | own(), key=len, reverse=True) if "_" in name
    ]


@cache
def _several() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(' '.join, _long()))})\b")


def begin_several() -> frozenset[str]:
    """Words that begin one of several, or stand before a name."""
    first = frozenset(word for words in _long() for word in words[:-1])
    return first | {*("mt", "mount", "lake", "government", "university", "univ", "port")}


# A kind that stands before its name: Mt. Seorak, University of Ulsan.
_BEFORE = re.compile(
    r"^(?:(mt|mount|lake(?! park)|government complex)|(univ(?:ersity)?|port) of) ([a-z]+)\b"
)


def romanised(district: str) -> str:
    """강남구 Gangnam-gu, 종로구 Jongno-gu: what it is stands behind a hyphen, where nothing changes
    (3.5). A name that is none of these stays as it is.
    """
    parts = _KIND.fullmatch(district)
    if parts is None or not all(map(_HANGUL.match, district)):
        return district
    name, kind = ("".join(_syllables(part, meeting=True)) for part in parts.groups())
    return f"{name.capitalize()}-{kind}"


class Latin(NamedTuple):
    """A name in Latin letters as spellings are compared: Gangnam Station as gangnamyeok.

    pieces: of text, what begins and ends where a syllable may; syllables: how many it has, a digit
    among them; korean: whether all of it can be read so.
    """

    text: str
    pieces: frozenset[str]
    syllables: int
    korean: bool


def has_hangul(text: str) -> bool:
    return _HANGUL.search(text) is not None


def one_word(name: str) -> str:
    """A name in lower case, what is of several words in `kinds` as one: lotte department_store."""
    return _several().sub(lambda found: found[0].replace(" ", "_"), _BEFORE.sub(r"\3 \1\2", name))


def latin_words(name: str) -> list[str]:
    """The words of a name in Latin letters, in lower case; what says its kind in English as that is
    spelt in Korean, and is left out behind a name that says it: Bulguksa Temple."""
    text = re.sub("['’]", "", unicodedata.normalize("NFKC", name).casefold())
    out: list[str] = []
    for word in one_word(" ".join(re.findall("[a-z0-9]+", text))).split():
        said = _spelt().get(word, (word,))
        if not (word in kinds() and out and any(_ends_in(out[-1], each) for each in said)):
            out.append(said[0])
    return out


def _ends_in(word: str, kind: str) -> bool:
    return len(word) > len(kind) and word.endswith(kind)


@lru_cache(maxsize=1 << 13)
def latin(name: str) -> Latin | None:
    """None for a name that has Hangul, or no letter."""
    if has_hangul(name):
        return None
    words = latin_words(name[:LONGEST])
    text = "".join(words)
    if not re.search("[a-z]", text):
        return None
    at, ends, korean = 0, list[int](), True
    for word in words:
        own = _ends(word)
        ends += [at + each for each in own]
        at += len(word)
        korean = korean and bool(own)
    pieces = {text[a:b] for a in ends for b in ends if LEAST <= b - a <= MOST}
    return Latin(text, frozenset(pieces), len(_READ.findall(text)), korean)


def initials(text: str) -> tuple[tuple[str, str], ...]:
    """The letters of Hangul that a name may begin with which is spelt so, or begins so, from one to
    another: with whatever final sound."""
    return _initials(text[:_OPEN])


@lru_cache(maxsize=1 << 12)
def _initials(text: str) -> tuple[tuple[str, str], ...]:
    blocks = (
        _FIRST + (initial * _VOWELS + vowel) * _FINALS
        for initial, consonant in enumerate(_INITIAL)
        for vowel, sound in enumerate(_VOWEL)
        if text.startswith(consonant + sound) or (consonant + sound).startswith(text)
    )
    return tuple((chr(first), chr(first + _FINALS - 1)) for first in blocks)


@lru_cache(maxsize=1 << 16)  # the titles of a table have few words
def has(word: str, part: str) -> bool:
    """Whether a word has a part of a name, in the letters of either: 강남역에서 has Gangnam, and
    Gangnam is of 강남역. Of three letters and fewer none is told by how it is spelt."""
    one, other = latin(word), latin(part)
    if one and not other:
        return len(one.text) > LEAST and any(one.text in each for each in spellings(part))
    if other and not one:
        return len(other.text) > LEAST and any(other.text in each for each in spellings(word))
    return part.casefold() in word.casefold()


def _ends(word: str) -> list[int]:
    """Where in a word a syllable may begin or end; nowhere, where it has none of this rule. Vowels
    that meet are read from either side: Seoul, Boeun.
    """
    back = [sound[::-1] for sound in reversed(_READ_BACK.split(word[::-1]))]
    return sorted({*_cuts(_READ.split(word)), *_cuts(back)})


def _cuts(sounds: list[str]) -> list[int]:
    """The same of a word's sounds: consonants at 0, 2, 4 ..., of which some are none."""
    out: list[int] = []
    at = 0
    for number, sound in enumerate(sounds):
        if number % 2 == 0:
            first, last = number == 0, number == len(sounds) - 1
            cuts = [
                at + cut
                for cut in range(len(sound) + 1)
                if (sound[:cut] in _CODAS and sound[cut:] in _ONSETS)
                and not (first and cut)
                and not (last and cut < len(sound))
            ]
            if not cuts:
                return []
            out += cuts
        at += len(sound)
    return out


def pairs(name: str) -> Iterator[tuple[str, str]]:
    """Each bigram of a name that has Hangul with a way in which it is spelt; see heard."""
    if not _HANGUL.search(name):
        return
    words = name.casefold().split()
    letters = "".join(words)
    for meeting in (True, False):
        way = [each for word in words for each in _syllables(word, meeting)]
        for at in range(len(letters) - 1):  # a syllable alone is a part of too many names
            if len(said := way[at] + way[at + 1]) >= LEAST:
                yield letters[at : at + 2], said


@lru_cache(maxsize=1 << 13)  # as overlaps.bigrams
def heard(name: str) -> Mapping[str, set[str]]:
    """Each bigram of a name that has Hangul (score.overlaps.bigrams), with how it is spelt: as its
    sounds are where they meet, 종로 jongno, and each for itself, 서울역 seoulyeok."""
    out: dict[str, set[str]] = {}
    for pair, each in pairs(name):
        out.setdefault(pair, set()).add(each)
    return out


def spellings(name: str) -> frozenset[str]:
    """How the whole of a name is spelt, as `latin` gives it; none of one without Hangul."""
    if not _HANGUL.search(name):
        return frozenset()
    ways = zip(*map(sounds, name.casefold().split()), strict=True)
    return frozenset("".join(way) for way in ways)


@lru_cache(maxsize=1 << 16)  # the words of a table's places
def sounds(word: str) -> tuple[str, str]:
    """How a word is spelt: as its sounds are where they meet, and each for itself."""
    meeting, alone = ("".join(_syllables(word, way)) for way in (True, False))
    return meeting, alone


def _syllables(word: str, meeting: bool) -> list[str]:
    """How each letter is spelt; '' for what is none. meeting: as sounds are that meet another."""
    letters = _letters()
    said = "".join(letters.get(c) or ("|" + c if c.isalnum() else "|") for c in word.casefold())
    if meeting:
        said = _MEET.sub(lambda found: _met(*found.groups()), said)
    return said.translate(_ALONE).split("|")[1:]


@cache
def _spelt() -> dict[str, tuple[str, ...]]:
    known = {each: korean.split("/") for each, korean in (kinds() | own()).items()}
    return {
        each: tuple("".join(_syllables(name, meeting=True)) for name in several)
        for each, several in known.items()
    }


@cache
def _letters() -> dict[str, str]:
    """Each syllable of Hangul as `|`, its initial (' for none), its vowel and its final sound, by a
    capital: what is to come may change that."""
    return {
        chr(place + _FIRST): f"|{_INITIAL[place // _FINALS // _VOWELS] or _NONE}"
        f"{_VOWEL[place // _FINALS % _VOWELS]}{_MARKS[place % _FINALS]}"
        for place in range(_LAST - _FIRST + 1)
    }


@cache
def _met(final: str, initial: str) -> str:
    coda, before_vowel = _FINAL[_MARKS.index(final)].split("/")
    if initial == _NONE:
        return f"|{before_vowel}"
    return _MET.get(coda + initial, f"{coda} {initial}").replace(" ", "|")
