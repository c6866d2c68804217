"""A person's own numbers and addresses in a text, cut out: the one rule for every source and field.

Cut are mobile numbers, mail addresses, and the numbers of residents, licences, cards, passports,
devices and plates: who names one may claim the thing. An office's number stays: whoever finds their
thing must call it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

_GAP = r"[-.\s·~/_,:*=]{0,5}"
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−ㅡー∼〜"), "-") | dict.fromkeys(
    map(ord, "ㆍᆞ・･•‧∙⋅●*"), "·"
)
# Digits that stand one by one, so that no programme sees a number: 4 1 1 1, 4.1.1.1, 4/1/1/1. Of
# a day or a price, two that are neighbours stand together.
_APART = r"[-.\s·~/_,:|]{1,3}"
_ONE_BY_ONE = re.compile(rf"(?<!\d)\d(?:{_APART}\d(?!\d)){{2,}}")
_LETTERS = str.maketrans("OoIl|", "00111")
# A number with letters that look like its digits: O1O-l234-5678. All else in it is digits.
_LOOKS_LIKE = re.compile(r"(?<![A-Za-z\d])[\dOoIl|](?:[-.\s·]{0,3}[\dOoIl|]){8,}(?![A-Za-z\d])")
RESIDENT = 13  # digits of a resident's number, 6 and 7
MOST_LETTERS = 0.5  # of such a number: more of them are words


def _is_card(number: str) -> bool:
    """By Luhn's checksum, ISO/IEC 7812-1."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = [d if i % 2 == 0 else (2 * d) % 9 or d for i, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_resident(number: str) -> bool:
    """A day of birth, then a hyphen or the checksum; numbers since 2020-10 have none."""
    digits = [int(c) for c in number if c.isdigit()]
    month, day = digits[2] * 10 + digits[3], digits[4] * 10 + digits[5]
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return False
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    total = sum(w * d for w, d in zip(weights, digits, strict=False))
    return not number.isdigit() or (11 - total % 11) % 10 == digits[12]


def _is_device(number: str) -> bool:
    """An IMEI (3GPP TS 23.003) by its checksum; 34 and 37 begin a card of 15 digits."""
    return _is_card(number) and not number.startswith(("34", "37"))


def _has_digit(number: str) -> bool:
    return any(map(str.isdigit, number))


class Pattern(NamedTuple):
    """kind: of what it names, '' for what is no thing's. found: its last group, else all of it, is
    the number. holds: what else is true of it.
    """

    kind: str
    found: re.Pattern[str]
    holds: Callable[[str], bool] | None = None


SERIAL = r"[A-Z0-9](?:-?[A-Z0-9]){5,19}"
# What a plate has between its numbers: of private cars, then of those for hire or for parcels.
_PLATE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허"

# Look-arounds on digits, not \b: a particle of Korean follows a number without a gap. A number is
# of the first kind that fits the most of it.
PATTERNS: tuple[Pattern, ...] = (
    Pattern("", re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+", re.ASCII)),
    Pattern(
        "",
        re.compile(
            rf"(?<!\d)(?:(?:\+|00\s?)?\(?82\)?{_GAP}\(?0?\)?|\(?0)1[016-9]\)?{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
        ),
    ),
    Pattern(
        "resident", re.compile(r"(?<!\d)\d{6}\s?[-.·/_,:~|]?\s?[1-8]\d{6}(?!\d)"), _is_resident
    ),
    # Of a region (11 to 28), a year, a number and a check whose rule is not public.
    Pattern("licence", re.compile(r"(?<![\d-])(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![\d-])")),
    Pattern("imei", re.compile(r"(?<![\dA-Za-z])\d(?:[-\s]?\d){14}(?!\d)"), _is_device),
    Pattern("card", re.compile(r"(?<![\dA-Za-z])\d(?:[-\s]?\d){13,15}(?!\d)"), _is_card),
    Pattern(
        "card",
        re.compile(r"(?<![\dA-Za-z])(?:\d{13}|\d{17,19}|\d{4}(?:[-\s]\d{4}){3}[-\s]\d{3})(?!\d)"),
        _is_card,
    ),
    # Its four groups, by whatever parts them: of digits in other groups two days may be some.
    Pattern("card", re.compile(rf"(?<![\dA-Za-z])\d{{4}}(?:{_APART}\d{{4}}){{3}}(?!\d)"), _is_card),
    Pattern(
        "passport",
        re.compile(r"(?<![A-Za-z\d])[MSROD](?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z\d])", re.I),
    ),
    Pattern(
        "serial",
        re.compile(
            r"(?:(?<![A-Z])(?:S\s?/\s?N|SN(?=\s?[:#.])|serial(?:\s?(?:number|num|no))?)"
            r"|일련\s?번호|시리얼(?:\s?(?:번호|넘버))?)"
            rf"[은는이가]?(?:\s?is\s)?[\s.:#=]{{0,4}}({SERIAL})(?![A-Z0-9-])",
            re.I,
        ),
        _has_digit,
    ),
    Pattern("plate", re.compile(rf"(?<!\d)\d{{2,3}}(?:\s?[{_PLATE}]\s?|호)\d{{4}}(?!\d)")),
    # A mobile number without its zero, which a spreadsheet drops.
    Pattern("", re.compile(r"(?<![\d-])10(?:\d{8}|-\d{4}-\d{4})(?![\d-])")),
)


# Most texts have none of them: microseconds each. Digits in rings and the like are none to \d.
_RINGED = "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉①-⑨⓪⓵-⓽❶-❾➀-➈➊-➒⓿⑴-⑼⒈-⒐"
SUSPECT = re.compile(
    rf"[@＠]|[\d{_RINGED}](?:[^\d{_RINGED}]{{0,8}}[\d{_RINGED}]){{5}}"
    r"|S\s?[/／]?\s?N|serial|일련|시리얼",
    re.I,
)


def public(text: str) -> str:
    """The text without them. Full-width digits and every kind of dash are seen through."""
    if not SUSPECT.search(text):
        return text
    plain, origin = _plain(text)
    spans = [span for each in {plain, _digits(plain)} for _, span in _found(each)]
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


def _found(plain: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(kind, where it stands) of all that fits a pattern."""
    for kind, pattern, holds in PATTERNS:
        for found in pattern.finditer(plain):
            number = found[pattern.groups]
            if holds is None or holds(number):
                yield kind, found.span(pattern.groups)


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
    out: list[str] = []
    origin: list[int] = []
    for i, character in enumerate(text):
        if unicodedata.category(character) == "Cf":  # a zero-width space within a number
            continue
        for each in unicodedata.normalize("NFKC", character.translate(_DASHES)).translate(_DASHES):
            out.append(str(unicodedata.decimal(each, each)))  # ٣ is 3
            origin.append(i)
    return "".join(out), origin
