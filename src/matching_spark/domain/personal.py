"""A person's own numbers and addresses in a text, cut out: the one rule for every source and field.

Cut are mobile numbers, mail addresses, and the numbers of residents, cards and passports. An
office's number stays: whoever finds their thing must call it.
"""

import re
import unicodedata
from collections.abc import Callable

_GAP = r"[-.\s·]{0,3}"
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")


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


# Look-arounds on digits, not \b: a particle of Korean follows a number without a gap.
PATTERNS: tuple[tuple[re.Pattern[str], Callable[[str], bool] | None], ...] = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII), None),
    (
        re.compile(
            rf"(?<!\d)(?:\+?\(?82\)?{_GAP}\(?0?\)?|\(?0)1[016-9]\)?{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
        ),
        None,
    ),
    (re.compile(r"(?<!\d)\d{6}\s?[-.]?\s?[1-8]\d{6}(?!\d)"), _is_resident),
    (re.compile(r"(?<![\dA-Za-z])\d(?:[-\s]?\d){13,15}(?!\d)"), _is_card),
    (re.compile(r"(?<![A-Za-z\d])[MSROD](?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z\d])", re.I), None),
)


SUSPECT = re.compile(r"[@＠]|\d(?:\D{0,8}\d){6}")  # most texts have neither: microseconds each


def public(text: str) -> str:
    """The text without them. Full-width digits and every kind of dash are seen through."""
    if not SUSPECT.search(text):
        return text
    plain, origin = _plain(text)
    cut: set[int] = set()
    for pattern, holds in PATTERNS:
        for found in pattern.finditer(plain):
            if holds is None or holds(found[0]):
                cut.update(origin[found.start() : found.end()])
    if not cut:
        return text
    return " ".join("".join(c for i, c in enumerate(text) if i not in cut).split())


def _plain(text: str) -> tuple[str, list[int]]:
    """The text with one form of digits, dashes and letters; where each character came from."""
    out: list[str] = []
    origin: list[int] = []
    for i, character in enumerate(text):
        if unicodedata.category(character) == "Cf":  # a zero-width space within a number
            continue
        for each in unicodedata.normalize("NFKC", character).translate(_DASHES):
            out.append(each)
            origin.append(i)
    return "".join(out), origin
