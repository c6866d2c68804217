"""A person's own numbers and addresses in a text, cut out: the one rule for every source and field.

Cut are mobile numbers, mail addresses, and the numbers of accounts, residents, licences, cards,
passports, devices and plates: who names one may claim the thing. An office's number stays: whoever
finds their thing must call it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

_GAP = r"[\W_]{0,5}"  # whatever stands between the groups of a number that is surely one
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−ㅡー∼〜"), "-") | dict.fromkeys(
    map(ord, "ㆍᆞ・･•‧∙⋅●*"), "·"
)
_DASHES |= {ord("ㅣ"): "|", ord("ㅇ"): "O"} | dict.fromkeys(
    map(ord, "\u115f\u1160\u3164\uffa0\u2800"), " "
)
# Digits that stand one by one, so that no programme sees a number: 4 1 1 1, 4.1.1.1, 4/1/1/1. Of
# a day or a price, two that are neighbours stand together.
_APART = r"[-.\s·~/_,:|()\[\]]{1,3}"
_ONE_BY_ONE = re.compile(rf"(?<!\d)\d(?:{_APART}\d(?!\d)){{2,}}")
_LETTERS = str.maketrans("OoIl|", "00111")
# A number with letters that look like its digits: O1O-l234-5678. All else in it is digits.
_LOOKS_LIKE = re.compile(r"(?<![A-Za-z\d])[\dOoIl|](?:[-.\s·]{0,3}[\dOoIl|]){8,}(?![A-Za-z\d])")
# One that is told in words: 공일공 일이삼사, 010에 1234 다시 5678. Behind a digit, one may be
# another word: 30일.
_WORDS = "공영일이삼사오육륙칠팔구〇零一二三四五六七八九"
_AS_DIGITS = str.maketrans(_WORDS, "001234566789" + "00123456789")
_ONE = rf"(?:\d|[공영〇零]|(?<!\d)[{_WORDS}]|[{_WORDS}](?=[{_WORDS}]))"
_SAID_BETWEEN = re.compile(r"(?<=[\d\s])(?:에|다시|대시)(?=[\d\s])")
_TOLD = re.compile(rf"{_ONE}(?:(?:[\W_]{{0,3}}|\s?(?:에|다시|대시)\s?){_ONE}){{8,}}")
RESIDENT = 13  # digits of a resident's number, 6 and 7
# The halves of such a number; behind a day of birth that is written as one a hyphen tells them.
_PARTED = re.compile(r"\d{6}[\W_]+\d{7}|(?:\d{6}|\d\d(\W)\d\d\1\d\d)\s?-\s?\d\s?\d{6}")
_DAYS = re.compile(r"(?:19|20)\d\d(\D)[01]\d\1[0-3]\d\D(?:19|20)\d\d")
_ACCOUNT_DIGITS = range(10, 15)
_NO_ACCOUNT = re.compile(r"(?:19|20)\d\d-?[01]\d-?[0-3]\d|0\d{1,2}-\d{3,4}-\d{4}$|1[568]\d\d-")
MOST_LETTERS = 0.5  # of such a number: more of them are words


def _is_card(number: str) -> bool:
    """By Luhn's checksum, ISO/IEC 7812-1; two days are none."""
    if _DAYS.match(number):
        return False
    digits = [int(c) for c in number if c.isdigit()]
    doubled = [d if i % 2 == 0 else (2 * d) % 9 or d for i, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_born(number: str) -> bool:
    """Whether it begins with a day of birth."""
    digits = [int(c) for c in number if c.isdigit()]
    month, day = digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]
    return 1 <= month <= 12 and 1 <= day <= 31


def _is_resident(number: str) -> bool:
    """A day of birth, then a hyphen or the checksum; numbers since 2020-10 have none."""
    digits = [int(c) for c in number if c.isdigit()]
    if not _is_born(number):
        return False
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    total = sum(w * d for w, d in zip(weights, digits, strict=False))
    return _PARTED.fullmatch(number) is not None or (11 - total % 11) % 10 == digits[12]


def _is_device(number: str) -> bool:
    """An IMEI (3GPP TS 23.003) by its checksum; 34 and 37 begin a card of 15 digits."""
    return _is_card(number) and not number.startswith(("34", "37"))


def _is_account(number: str) -> bool:
    """By its length; no day, no telephone of an office."""
    return sum(map(str.isdigit, number)) in _ACCOUNT_DIGITS and not _NO_ACCOUNT.match(number)


def _has_digit(number: str) -> bool:
    return any(map(str.isdigit, number))


class Pattern(NamedTuple):
    """kind: of what it names, '' for what is no thing's. found: its group `number`, or all of it.
    holds: what else is true of it.
    """

    kind: str
    found: re.Pattern[str]
    holds: Callable[[str], bool] | None = None


SERIAL = r"[A-Z0-9](?:-?[A-Z0-9]){5,19}"
# What a plate has between its numbers: of private cars, then of those for hire or for parcels.
_PLATE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허"

# Look-arounds on digits, not \b: a particle of Korean follows a number without a gap. A number is
# of the first kind that fits the most of it.
_ABROAD = rf"(?:\+|00\s?)\(?82\)?{_GAP}\(?0?\)?"  # as a mobile number begins there
# Before the @ of an address; none of these letters is, so that fewer are never tried.
_NAME = r"[\w.+-]{1,64}+"
_AT = r"(?:@|%40|\s?(?:[(\[{<]\s?(?:at|골뱅이|@)\s?[)\]}>]|골뱅이)\s?)"
_DOT = r"(?:\s?(?:[.,]|[(\[{<]\s?(?:dot|\.|닷|점)\s?[)\]}>]|닷|쩜)\s?|\sdot\s)"
_ENDS = r"(?:com|net|org|kr|컴|넷)(?![a-z])"
_PROVIDER = (
    r"(?:naver|daum|hanmail|gmail|nate|kakao|hotmail|네이버|다음|한메일|지메일|네이트|카카오)"
)
_BANK = (
    r"(?:(?:국민|신한|우리|하나|농협|수협|신협|씨티|카카오|토스|케이)(?:은행|뱅크)?|카뱅|새마을금고"
    r"|(?:기업|산업|제일|한국|대구|부산|광주|전북|경남|제주|KB|NH|IBK|SC|iM)\s?(?:은행|뱅크))"
)
_ACCOUNT = r"(?P<number>\d{2,6}(?:-\d{1,7}){2,3}|\d{10,14})"
_REGIONS = "서울|부산|대구|인천|광주|대전|울산|경기|강원|충북|충남|전북|전남|경북|경남|제주"


PATTERNS: tuple[Pattern, ...] = (
    Pattern("", re.compile(rf"{_NAME}@[\w-]+(?:\.[\w-]+)+", re.ASCII)),
    # Letter by letter: k i m @ n a v e r . c o m.
    Pattern(
        "",
        re.compile(r"(?<!\w)(?:[\w.+-]\s){2,64}@(?:\s[\w-])+(?:\s\.(?:\s[\w-])+)+(?!\w)", re.ASCII),
    ),
    # As people write it for eyes alone.
    Pattern("", re.compile(rf"{_NAME}{_AT}[\w-]+(?:{_DOT}[\w-]+)?{_DOT}{_ENDS}", re.A | re.I)),
    Pattern("", re.compile(rf"{_NAME}{_AT}{_PROVIDER}(?:{_DOT}{_ENDS})?(?!\w)", re.A | re.I)),
    Pattern(
        "",
        re.compile(
            rf"{_NAME}\s(?:@\s[\w-]+(?:{_DOT}[\w-]+)?{_DOT}|at\s[\w-]+(?:\sdot\s[\w-]+)?\sdot\s){_ENDS}",
            re.A | re.I,
        ),
    ),
    Pattern(
        "",
        re.compile(
            rf"(?<!\d)(?:{_ABROAD}|\(?82\)?{_GAP}\(?0?\)?|\(?0)1[016-9]\)?{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
        ),
    ),
    # In whatever groups: 010 12 34 56 78.
    Pattern(
        "",
        re.compile(
            rf"(?<![A-Za-z\d])(?<!\d[-.])(?:{_ABROAD}|\(?0)"
            rf"(?:10(?:{_GAP}\d){{8}}|1[16-9](?:{_GAP}\d){{7,8}})(?!\d)"
        ),
    ),
    Pattern(
        "",
        re.compile(
            rf"(?:계좌(?:\s?번호)?|통장\s?번호|{_BANK}|\baccount(?:\s(?:number|no))?)"
            rf"(?:[은는]|\sis)?[\W_]{{0,3}}{_ACCOUNT}(?![\d-])",
            re.I,
        ),
        _is_account,
    ),
    Pattern("", re.compile(rf"(?<![\d-]){_ACCOUNT}(?=\s?\(?(?:{_BANK}|계좌))", re.I), _is_account),
    Pattern(
        "",
        re.compile(
            r"계좌(?:\s?번호)?[은는]?[\W_]{0,3}(?P<number>\d{3,6}(?:[\s.]\d{2,6}){2,3})(?![\d-])"
        ),
    ),
    Pattern(
        "resident",
        re.compile(r"(?<!\d)(?:\d{6}|\d\d([-.\s/])\d\d\1\d\d)[\W_]{0,4}[1-8]\s?\d{6}(?!\d)"),
        _is_resident,
    ),
    # In whatever groups, where somebody says what it is.
    Pattern(
        "resident",
        re.compile(
            r"(?:주민(?:\s?등록)?(?:\s?번호)?|resident(?:\s(?:registration|number|no))*|\brrn)"
            r"[은는]?(?:\sis)?[\W_]{0,4}(?P<number>\d(?:[\W_]{0,3}\d){5}[\W_]{0,4}[1-8]"
            r"(?:[\W_]{0,3}\d){6})(?!\d)",
            re.I,
        ),
        _is_born,
    ),
    # Of a region (11 to 28), a year, a number and a check whose rule is not public.
    Pattern(
        "licence", re.compile(r"(?<![\d-])(?:1[1-9]|2[0-8])([-.\s])\d{2}\1\d{6}\1\d{2}(?![\d-])")
    ),
    Pattern(  # as they were numbered before
        "licence",
        re.compile(
            rf"(?:{_REGIONS}|면허(?:증|번호|\s)*:?)\s?-?\s?(?P<number>\d{{2}}-\d{{6}}-\d{{2}})(?![\d-])"
        ),
    ),
    Pattern("imei", re.compile(r"(?<![\dA-Za-z])\d(?:[-\s]?\d){14}(?!\d)"), _is_device),
    Pattern("card", re.compile(r"(?<![\dA-Za-z])\d(?:[-\s]?\d){13,15}(?!\d)"), _is_card),
    Pattern(
        "card",
        re.compile(
            r"(?<![\dA-Za-z])(?:[4-6]\d{12}|\d{17,19}|\d{4}(?:[-\s]\d{4}){3}[-\s]\d{3})(?!\d)"
        ),
        _is_card,
    ),
    # Its four groups, by whatever parts them: of digits in other groups two days may be some.
    Pattern(
        "card",
        re.compile(
            rf"(?<![\dA-Za-z])\d{{4}}(?:(?:{_APART}\d{{4}}){{3}}|{_APART}\d{{6}}{_APART}\d{{5}})(?!\d)"
        ),
        _is_card,
    ),
    Pattern(
        "passport",
        re.compile(r"(?<![A-Za-z\d])[MSROD](?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z\d])", re.I),
    ),
    Pattern(
        "passport",
        re.compile(
            r"(?:여권|passport)[^\dA-Za-z]{0,8}(?:(?:number|no)\W{0,3})?"
            r"(?P<number>[MSROD](?:[-\s]?\d){3}[-\s]?[A-Z\d](?:[-\s]?\d){4})(?![A-Za-z\d])",
            re.I,
        ),
    ),
    Pattern(
        "serial",
        re.compile(
            r"(?:(?<![A-Z])(?:S\s?/\s?N|SN(?=\s?[:#.])|serial(?:\s?(?:number|num|no))?)"
            r"|일련\s?번호|시리얼(?:\s?(?:번호|넘버))?)"
            rf"[은는이가]?(?:\s?is\s)?[\s.:#=]{{0,4}}(?P<number>{SERIAL})(?![A-Z0-9-])",
            re.I,
        ),
        _has_digit,
    ),
    Pattern(
        "plate",
        re.compile(rf"(?<!\d)\d{{2,3}}(?:\s?[{_PLATE}](?:\s?[-·]?\s?)|호)\d{{4}}(?![\d원])"),
    ),
    # With a gap in its last four; of letters that are no word behind a number, as 도 and 조 are.
    Pattern(
        "plate",
        re.compile(
            r"(?<![\d월])(?<!월\s)\d{2,3}\s?[가나다라마거너더러머버어저하허]\s?[-·]?\s?"
            r"\d\d[\s·-]\d\d(?!\d|\s?(?:원|개|만|명|장|점|%|[a-z]))",
            re.I,
        ),
    ),
    # A mobile number without its zero, which a spreadsheet drops.
    Pattern("", re.compile(r"(?<![\d-])10(?:\d{8}|-\d{4}-\d{4})(?![\d-])")),
)


# Most texts have none of them: microseconds each. Digits in rings and the like are none to \d.
_RINGED = "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉①-⑨⓪⓵-⓽❶-❾➀-➈➊-➒⓿⑴-⑼⒈-⒐"
SUSPECT = re.compile(
    rf"[@＠]|[\d{_RINGED}](?:[^\d{_RINGED}]{{0,8}}[\d{_RINGED}]){{5}}"
    rf"|[{_WORDS}](?:[^{_WORDS}\d]{{0,4}}[{_WORDS}\d]){{5}}"
    r"|S\s?[/／]?\s?N|serial|일련|시리얼|골뱅이|%40|\bat\s[\w-]+\sdot\s|[(\[{<]\s?at\s?[)\]}>]",
    re.I,
)


def public(text: str) -> str:
    """The text without them. Full-width digits and every kind of dash are seen through."""
    if not SUSPECT.search(text):
        return text
    plain, origin = _plain(text)
    readings = {plain, _digits(plain), _read(plain), _read(plain, but="이")}  # ...팔이에요
    spans = [span for each in readings for _, span in _found(each)]
    # What stands between the digits of a number goes with it.
    cut = {i for start, end in spans for i in range(origin[start], origin[end - 1] + 1)}
    if not cut:
        return text
    return " ".join("".join(c for i, c in enumerate(text) if i not in cut).split())


def numbers(text: str) -> list[tuple[str, str]]:
    """(kind, number) of what names a thing in the text: letters and digits alone, in capitals."""
    if not SUSPECT.search(text):
        return []
    plain, _ = _plain(text)
    taken: set[int] = set()
    out: list[tuple[str, str]] = []
    # The longest first: a part of a serial number may look like a telephone's.
    for kind, span in sorted(_found(plain), key=lambda each: each[1][0] - each[1][1]):
        if taken.isdisjoint(range(*span)):
            taken.update(range(*span))
            if kind:
                out.append((kind, "".join(filter(str.isalnum, plain[slice(*span)])).upper()))
    return out


def _read(plain: str, but: str = "") -> str:
    """The text with digits for the words of numbers that are told in them, as long as it is; but: a
    last word that is none."""

    def read(found: re.Match[str]) -> str:
        number = found[0].removesuffix(but)
        digits = _SAID_BETWEEN.sub(lambda each: "-" * len(each[0]), number.translate(_AS_DIGITS))
        return digits + found[0][len(number) :]

    return _TOLD.sub(read, plain)


def _found(plain: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(kind, where it stands) of all that fits a pattern."""
    for kind, pattern, holds in PATTERNS:
        for found in pattern.finditer(plain):
            group = "number" if pattern.groupindex else 0
            if holds is None or holds(found[group]):
                yield kind, found.span(group)


def _digits(plain: str) -> str:
    """The text with digits for the letters in numbers that look like them. Of what is hashed there
    is no such reading: a serial number may have both."""

    def read(found: re.Match[str]) -> str:
        letters = sum(c in "OoIl|" for c in found[0])
        count = letters + sum(map(str.isdigit, found[0]))
        return found[0].translate(_LETTERS) if letters <= MOST_LETTERS * count else found[0]

    return _LOOKS_LIKE.sub(read, plain)


def _plain(text: str) -> tuple[str, list[int]]:
    """The text with one form of digits, dashes and letters, and those digits side by side that are
    told one by one; where each character came from.
    """
    plain, origin = _one_form(text)
    kept: list[int] = []
    end = 0
    for found in _ONE_BY_ONE.finditer(plain):
        kept += range(end, found.start())
        between = re.findall(r"\D+", found[0])
        usual = max(set(between), key=between.count)
        number = [at for at in range(*found.span()) if plain[at].isdigit()]
        halves = [at for at in range(*found.span()) if plain[at] == "-"] if "-" not in usual else []
        if not halves and len(number) == RESIDENT:  # of which the halves are told by their length
            halves = [number[5] + 1]
        kept += sorted(number + halves)
        end = found.end()
    kept += range(end, len(plain))
    return "".join(plain[at] for at in kept), [origin[at] for at in kept]


def _one_form(text: str) -> tuple[str, list[int]]:
    forms = {character: _form(character) for character in set(text)}
    out = [forms[character] for character in text]
    return "".join(out), [i for i, form in enumerate(out) for _ in form]


def _form(character: str) -> str:
    # What is not seen, or only about another: a zero-width space within a number, a keycap.
    if unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    plain = unicodedata.normalize("NFKC", character.translate(_DASHES)).translate(_DASHES)
    return "".join(str(unicodedata.digit(each, each)) for each in plain)  # ٣ and ❸ are 3
