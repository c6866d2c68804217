"""How a workbook shows a number: as a day, or its digits in the places that a format has."""

import datetime as dt
import re
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne

# Characters of a format, as Excel has it. A longer one no Excel has written: to read it, and to
# fill each cell's number in, would take the square of its length.
MAX_FORMAT = 255
# ECMA-376 part 1, 18.8.30, with those of Korean and its neighbours; times alone are not among them.
DATE_FORMATS = frozenset([*range(14, 18), 22, *range(27, 37), *range(50, 59)])
DAY = "yyyy. m. d"  # a format that says so
DIGITS = 15  # that are shown of a fraction; a file has 17, of 1.1 1.1000000000000001
ZERO, DIGIT = "\0", "\1"  # a place that has a digit, and one that may
_FORMAT = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<one>.)|[_*].|\[(?P<rule>[^\]]*)\]|(?P<other>.)', re.DOTALL
)
_RULE = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_HOLDS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "<>": ne}


def as_shown(text: str, format: str, epoch: dt.datetime) -> str:
    """A number as people see it: a day where it is shown as one, an id without '.0'."""
    value = float(text)
    kind = _kind_of(value, format)
    if kind == "date" and value >= 1:
        try:
            moment = epoch + dt.timedelta(seconds=round(value * 86_400))
        except OverflowError:
            return text
        return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")
    if not text.isdigit() and abs(value) < 1e15:  # the digits of a long id are all kept
        text = f"{value:.0f}" if value.is_integer() else f"{value:.{DIGITS}G}"
    return _filled(kind, text) if kind and text.isdigit() else text


def _filled(mask: str, digits: str) -> str:
    """The digits in the places of a number's format: 7 in 2026-0000 is 2026-0007."""
    places, out = mask.count(ZERO) + mask.count(DIGIT), ""
    for each in reversed(mask):
        if each not in (ZERO, DIGIT):
            out = each + out
            continue
        places -= 1
        digits, digit = ("", digits) if places == 0 else (digits[:-1], digits[-1:])
        out = (digit or "0" * (each == ZERO)) + out
    return out


def _kind_of(value: float, format: str) -> str:
    """What `_kind` says of the part of a format that a number is shown by: of 3123456 in
    [<=9999999]###-####;(###) ###-#### the first one, as Excel's own formats of telephones have it.
    """
    for sign, limit, kind in _parts(format):
        if not sign or _HOLDS[sign](value, limit):
            return kind
    return ""


@lru_cache(maxsize=1 << 12)  # a workbook has few, and each of its cells asks
def _parts(format: str) -> tuple[tuple[str, float, str], ...]:
    """(sign, limit, kind) of each part: for which numbers it is, '' for all that none before it is
    for; behind a first one without a sign are numbers below zero.
    """
    if len(format) > MAX_FORMAT:
        return ()
    several: list[list[re.Match[str]]] = [[]]
    for found in _FORMAT.finditer(format):
        if found["other"] == ";":
            several.append([])
        else:
            several[-1].append(found)
    out = []
    for part in several:
        rules = (_RULE.fullmatch(found["rule"]) for found in part if found["rule"])
        rule = next(filter(None, rules), None)
        out.append((rule[1] if rule else "", float(rule[2]) if rule else 0.0, _kind(part)))
    return tuple(out)


def _kind(part: list[re.Match[str]]) -> str:
    """'date'; where numbers have digits and other letters alone, those, with ZERO and DIGIT for
    places of digits; else ''."""
    mask, other = "", ""
    for found in part:
        other += found["other"] or ""
        mask += {"0": ZERO, "#": DIGIT}.get(other[-1:], other[-1:]) if found["other"] else ""
        mask += found["quoted"] or found["one"] or ""
    if re.search("[yd]", other, re.I):
        return "date"
    return mask if re.fullmatch("[-0#() +]*", other) and re.search("[0#]", other) else ""
