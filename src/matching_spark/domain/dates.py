"""Days as people, spreadsheets and programs write them: one rule for every source.

A day is one of Seoul. A moment that names its zone is taken there; one that names none was written
there. What means one day to one reader and another to the next is refused: 11/1/2026, 26.11.01,
2026110109, which are an hour or seconds since 1970.
"""

import datetime as dt
import re
import unicodedata
from typing import Any

from matching_spark.domain.sheets import MISSING
from matching_spark.errors import InputError

KST = dt.timedelta(hours=9)  # east of Greenwich, in all years: a rule that can be told
FORMS = "2026-11-01, 2026. 11. 1, 2026년 11월 1일, with or without a time, or a spreadsheet's 46327"
# A spreadsheet counts days from here (its 1900 had a 29 February), and 20000 is in 1954, 80000 in
# 2119: other numbers are something else.
SHEET_EPOCH = dt.datetime(1899, 12, 30)
SHEET_DAYS = range(20_000, 80_000)
# On which a thing can have been lost. What lies beyond is what programs write for a day that they
# do not know (0001-01-01, 1753-01-01, 1899-12-30, 1900-01-01, 9999-12-31), or a slip of a digit.
OLDEST, LATEST = dt.date(1900, 1, 2), dt.date(2099, 12, 31)
LONGEST = 100  # characters: JavaScript's toString has 60 with the name of its zone
NOT_GIVEN = frozenset([*map(str.casefold, MISSING), "", "-", "#n/a", "0000-00-00"])
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ZONES = {"z": 0, "utc": 0, "gmt": 0, "kst": 9}  # hours east
# Those of a month and a day, as sentences have them.
HOLIDAYS = {
    "크리스마스 이브": (12, 24), "크리스마스이브": (12, 24), "크리스마스": (12, 25),
    "성탄절": (12, 25), "새해 첫날": (1, 1), "삼일절": (3, 1), "어린이날": (5, 5),
    "만우절": (4, 1), "식목일": (4, 5), "어버이날": (5, 8), "현충일": (6, 6), "광복절": (8, 15),
    "개천절": (10, 3), "한글날": (10, 9),
    "할로윈": (10, 31), "핼러윈": (10, 31), "발렌타인데이": (2, 14), "밸런타인데이": (2, 14),
    "화이트데이": (3, 14), "빼빼로데이": (11, 11),
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25),
    "april fools' day": (4, 1), "april fool's day": (4, 1),
    "new year's eve": (12, 31), "new year's day": (1, 1), "halloween": (10, 31),
    "valentine's day": (2, 14),
}  # fmt: skip

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_DAY_NAME = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_WEEKDAY = rf"(?:\(?(?:[월화수목금토일]요일|[월화수목금토일](?=\)))\)?|{_DAY_NAME},?)"
# In brackets: a zone's name behind its hours, else a remark: no zone or calendar of another day.
_ZONE = (
    r"(?P<zone>z|utc|gmt|kst)?\s*"
    r"(?:(?P<offset>[+-]\d{1,2}(?::?\d{2})?(?:\s*(?:utc|gmt|kst))?)(?:\s*\([^)]*\))?"
    rf"|\((?:kst|{_DAY_NAME}|(?![^)]*(?:[a-z]|음력))[^)]*)\))?"
)
_TIME = (
    r"(?:[t\s]\s*(?P<half>오전|오후)?\s*(?P<hour>\d{1,2})(?::|시)\s*(?P<minute>\d{1,2})?분?"
    r"(?::?\s*(?P<second>\d{1,2})(?:[.,]\d+)?초?)?\s*(?P<half2>[ap]\.?m\.?)?)?"
)
_TAIL = rf"\s*(?:{_WEEKDAY})?{_TIME}\s*{_ZONE}"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})[a-z]*\.?"
_WRITTEN = [
    re.compile(pattern + _TAIL)
    for pattern in (
        r"(?P<year>\d{4})\s*(?:[-./]|년)\s*(?P<month>\d{1,2})\s*(?:[-./]|월)\s*(?P<day>\d{1,2})[일.]?",
        rf"(?:{_WEEKDAY}\s+)?{_MONTH}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})",
        rf"(?:{_WEEKDAY}\s+)?(?P<day>\d{{1,2}})[\s-]{_MONTH}[\s-](?P<year>\d{{4}})",
    )
]
_PACKED = re.compile(  # 20261101, 202611010905, 20261101090500
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:(?P<hour>\d{2})(?P<minute>\d{2})(?:\d{2})?)?"
)

# The name of a zone, and of a calendar, behind what tells the moment (RFC 9557), as Java writes it.
_NAMED = re.compile(r"(z|[+-]\d\d:?\d\d)(?:\[[!\w+/=-]+\])+$")
_HOUR = re.compile(  # 2026110109, which as seconds is in 2034
    r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-4])"
)


def parse_date(value: object, epoch: dt.datetime = SHEET_EPOCH) -> dt.date | None:
    """The day in Seoul, or None where there is none (NaN, null, 0000-00-00).

    value: a day, a moment, a number (a spreadsheet's, or seconds or milliseconds since 1970), or a
    text of any of FORMS, ISO 8601, RFC 2822, JavaScript, SQL. epoch: when a spreadsheet's numbers
    begin. Raises InputError when there is something and it cannot be read: missing is not
    unreadable.
    """
    try:
        return _day(value, epoch)
    except (ValueError, OverflowError):
        raise InputError(f"date {value!r} cannot be read; write it as {FORMS}") from None


def parse_lost_on(value: object, epoch: dt.datetime = SHEET_EPOCH) -> dt.date | None:
    """As parse_date, the day on which a thing was lost or found. Raises InputError too for one that
    cannot be, before OLDEST or after LATEST: every program's "not known" would be the same day.
    """
    day = parse_date(value, epoch)
    if day is not None and not OLDEST <= day <= LATEST:
        raise InputError(f"date {value!r} {NO_DAY}")
    return day


NO_DAY = f"is not from {OLDEST} to {LATEST}: where it is not known, leave it empty"


def _day(value: object, epoch: dt.datetime) -> dt.date | None:
    if isinstance(value, dt.datetime):
        offset = value.utcoffset()
        here = value.replace(tzinfo=None)
        return (here if offset is None else here + (KST - offset)).date()
    if value is None or isinstance(value, dt.date):
        return value
    if isinstance(value, bool):
        raise ValueError
    # One space each: the patterns try every part of a gap for each of its sides, minutes for 800.
    text = " ".join(str(value).split())
    if len(text) > LONGEST:
        raise ValueError
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).lower()
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = _NAMED.sub(r"\1", " ".join(text.split()).lstrip("'"))
    if text in NOT_GIVEN or text.startswith("0000-00-00 "):
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _of_number(re.sub(r"\.0+$", "", text), epoch)
    try:
        return _day(dt.datetime.fromisoformat(text.upper()), epoch)
    except ValueError:
        found = next((f for each in _WRITTEN if (f := each.fullmatch(text))), None)
    if found is None:
        raise ValueError
    return _of_parts(found.groupdict())


def _of_number(text: str, epoch: dt.datetime) -> dt.date:
    whole = text.partition(".")[0]
    if len(whole) in (8, 12, 14) and whole == text and (found := _PACKED.fullmatch(text)):
        return _of_parts(found.groupdict())
    if int(whole) in SHEET_DAYS:
        return (epoch + dt.timedelta(days=float(text))).date()
    if len(whole) in (10, 13) and not _HOUR.fullmatch(whole):
        seconds = float(text) / (1000 if len(whole) == 13 else 1)
        return (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds) + KST).date()
    raise ValueError


def month_of(said: str) -> int:
    """The number of a month that is told by it, or as one of MONTHS."""
    return MONTHS.index(said) + 1 if said in MONTHS else int(said)


def _of_parts(parts: dict[str, Any]) -> dt.date:
    """The day of a pattern's groups."""
    day = dt.date(int(parts["year"]), month_of(parts["month"]), int(parts["day"]))
    zone, offset = parts.get("zone"), parts.get("offset")
    hour = int(parts["hour"] or 0)
    if hour > 24 or int(parts["minute"] or 0) > 59 or int(parts.get("second") or 0) > 60:
        raise ValueError
    if parts["hour"] is None or (zone is None and offset is None):
        return day  # no moment, or none but Seoul's: the day that was written
    if parts.get("half") == "오후" or (parts.get("half2") or "").startswith("p"):
        hour = hour % 12 + 12
    elif parts.get("half") or parts.get("half2"):
        hour %= 12
    east = dt.timedelta(hours=ZONES.get(zone or "", 0))
    if offset:
        digits = re.sub(r"\D", "", offset)
        hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
        size = dt.timedelta(hours=int(hours), minutes=int(minutes))
        east += size if offset[0] == "+" else -size
    start = dt.datetime.combine(day, dt.time())
    moment = start + dt.timedelta(hours=hour, minutes=int(parts["minute"] or 0))
    return (moment + (KST - east)).date()
