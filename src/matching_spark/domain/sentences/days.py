"""The days that a sentence speaks of, in Korean and in English, as seen from a day in Seoul.

What is vague is no day: last week, a few days ago, 엊그제, 5일쯤, by Friday.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from re import Match

from matching_spark.domain.dates import HOLIDAYS, MONTHS, month_of
from matching_spark.domain.sentences.days_denied import of_another

A_YEAR = 365  # days that a weekday or a day of the month is looked for
# A day without a year is the last such; one that is about to come may be a slip, or meant so.
OLDEST = 330

_WEEKDAYS = "월화수목금토일"
_DAY = rf"(?P<weekday>[{_WEEKDAYS}])(?:요일|욜)"
# 지난주 금: behind a week its first syllable will do, but for 일, which is work, too.
_DAY_OF_WEEK = (
    rf"(?P<weekday>[{_WEEKDAYS}](?=요일|욜)|[월화수목금토](?=[\s.,/)]|$)"
    rf"(?!\s[{_WEEKDAYS}](?![가-힣])))(?:요일|욜)?(?!요일|욜)"
)
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = "morning|afternoon|evening|night|nite"
_ENGLISH = (  # sat and sun are words as well
    r"(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|tues?|weds?|thur?s?|fri)"
    r"(?![a-z])|(?:(?<=\bon )|(?<=last )|(?<=this )|(?<=\())(?:sat|sun)(?![a-z])"
    rf"|(?:sat|sun)(?=\s(?:{_PART})))"
)
# A month's first letters, its name or `sept`; maybe and marked are none.
_MONTH = (
    rf"(?P<month>{'|'.join(MONTHS)})(?:(?<=jan)uary|(?<=feb)ruary|(?<=mar)ch|(?<=apr)il|(?<=jun)e"
    r"|(?<=jul)y|(?<=aug)ust|(?<=sep)t(?:ember)?|(?<=oct)ober|(?<=(?:nov|dec))ember)?\.?"
)
_ORDINAL = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NUMBER = r"(?P<month>\d{1,2})"
# About, from, until: no day, whatever day it is said of.
_ABOUT = (
    r"(?!\s?(?:쯤|경(?![가-힣])|경에|께|정도|무렵|전후|부터|까[지진]|이후|이전|이나|마다|인[가지]|이?었[나던]|였[나던]"
    r"|[~∼]))"
)
_NOT_A_DAY = (  # 5일 동안, 3일 전: so many of them
    r"(?!\s?(?:동안|간|째|전|뒤|후|만에|만의|내내|이상|이내|안에|연속|연휴|넘|지나|지났|됐|되었|걸|기다"
    r"|치|분|짜리|권|여행|휴가|밖에|차|장|요일|회|이 지|이면|은 걸|[,·]\s?\d))"
)
_KOREAN = ["하루", "이틀", "사흘", "나흘", "닷새", "엿새", "이레", "여드레", "아흐레", "열흘"]
_LATIN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_COUNTS = {word: n for words in (_KOREAN, _LATIN) for n, word in enumerate(words, 1)} | {
    "a": 1,
    "보름": 15,
}
_WORDS = {
    "오늘": 0, "방금": 0, "아까": 0, "조금 전": 0, "좀 전": 0, "조금전": 0,
    "어제": 1, "어저께": 1, "엊저녁": 1, "어젯밤": 1, "어제밤": 1, "간밤": 1, "지난밤": 1,
    "그제": 2, "그저께": 2, "그젯밤": 2, "그끄저께": 3, "그끄제": 3,
    "today": 0, "tonight": 0, "just now": 0, "this morning": 0, "this afternoon": 0,
    "this evening": 0, "yesterday": 1, "last night": 1, "last nite": 1, "last evening": 1,
    "day before yesterday": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """text[start:end] speaks of one of `days`: of the latest where they are more than two, as those
    of 금요일 and of 5일 are, if that is `sure`; of two nobody knows which.
    """

    start: int
    end: int
    days: frozenset[dt.date]
    sure: bool = True


def days_said(text: str, today: dt.date) -> list[Said]:
    """Every day up to today that a text in lower case speaks of, in the order of the text."""
    taken = bytearray(len(text))
    out = []
    for pattern, read in _RULES:
        for found in pattern.finditer(text):
            if any(taken[found.start() : found.end()]):
                continue
            taken[found.start() : found.end()] = b"\1" * len(found[0])
            try:
                days = frozenset(day for day in read(found, today) if day <= today)
            except ValueError:  # 31 November
                continue
            if days and not of_another(text, *found.span()):
                sure = read is not _weekdays or today not in days
                out.append(Said(*found.span(), days, sure))
    return sorted(out, key=lambda said: said.start)


def the_day(said: Sequence[Said]) -> dt.date | None:
    """The one day that all of them can mean; None where there is none, or where it is in doubt."""
    common = frozenset.intersection(*(each.days for each in said)) if said else frozenset()
    latest = all(len(each.days) > 2 for each in said) and any(each.sure for each in said)
    return max(common, default=None) if len(common) == 1 or latest else None


def _none(found: Match[str], today: dt.date) -> list[dt.date]:
    return []


def _full(found: Match[str], today: dt.date) -> list[dt.date]:
    year = int(found["year"])
    return [dt.date(year + 2000 * (year < 100), month_of(found["month"]), int(found["day"]))]


def _of_year(found: Match[str], today: dt.date) -> list[dt.date]:
    before = 0 if found["year"] in ("올해", "this year") else 1
    return [dt.date(today.year - before, month_of(found["month"]), int(found["day"]))]


def _day_of_year(found: Match[str], today: dt.date) -> list[dt.date]:
    return _last_such(month_of(found["month"]), int(found["day"]), today)


def _last_such(month: int, day: int, today: dt.date) -> list[dt.date]:
    here = dt.date(today.year, month, day)
    last = here if here <= today else dt.date(today.year - 1, month, day)
    return [last] if (today - last).days <= OLDEST else []


def _holiday(found: Match[str], today: dt.date) -> list[dt.date]:
    return _last_such(*HOLIDAYS[found["holiday"].replace("’", "'")], today)


def _of_month(found: Match[str], today: dt.date) -> list[dt.date]:
    first = today.replace(day=1)
    if not found["of"].startswith("이"):
        first = (first - dt.timedelta(days=1)).replace(day=1)
    return [first.replace(day=int(found["day"]))]


def _word(found: Match[str], today: dt.date) -> list[dt.date]:
    return [today - dt.timedelta(days=_WORDS[found["word"]])]


def _ago(found: Match[str], today: dt.date) -> list[dt.date]:
    said = found["count"]
    count = int(said) if said.isdecimal() else _COUNTS[said]
    return [today - dt.timedelta(days=count)] if 1 <= count <= 60 else []


def _week_ago(found: Match[str], today: dt.date) -> list[dt.date]:
    return [today - dt.timedelta(days=7)]


def _weekday(found: Match[str]) -> int:
    said = found["weekday"]
    return _WEEKDAYS.index(said) if said in _WEEKDAYS else _NAMES.index(said[:3])


def _of_week(weeks: int) -> Callable[[Match[str], dt.date], list[dt.date]]:
    def days(found: Match[str], today: dt.date) -> list[dt.date]:
        monday = today - dt.timedelta(days=today.weekday() + 7 * weeks)
        return [monday + dt.timedelta(days=_weekday(found))]

    return days


def _last(found: Match[str], today: dt.date) -> list[dt.date]:
    """The last such weekday before today; of a day of this week, that one or the one of last week:
    on a Friday, last Monday is either.
    """
    ago = (today.weekday() - _weekday(found) - 1) % 7 + 1
    last = today - dt.timedelta(days=ago)
    return [last] if ago > today.weekday() else [last, last - dt.timedelta(days=7)]


def _weekdays(found: Match[str], today: dt.date) -> list[dt.date]:
    """On Friday: the last one. Said on a Friday: today or a week ago, which is not sure."""
    return [day for day in _past(today) if day.weekday() == _weekday(found)]


def _weekday_the(found: Match[str], today: dt.date) -> list[dt.date]:
    """Friday the 20th: the last such; none where no month of the year has it."""
    days = _days_of_month(found, today)
    return [day for day in days if day.weekday() == _weekday(found)][:1]


def _days_of_month(found: Match[str], today: dt.date) -> list[dt.date]:
    return [day for day in _past(today) if day.day == int(found["day"])]


def _past(today: dt.date) -> list[dt.date]:
    return [today - dt.timedelta(days=n) for n in range(A_YEAR)]


def _slashed(found: Match[str], today: dt.date) -> list[dt.date]:
    """11/5: the month first, as Korean has it; in English either may be: that is in doubt."""
    month, day = int(found["month"]), int(found["day"])
    if not re.search("[가-힣]", found.string):
        if month <= 12 and day <= 12 and month != day:
            return []
        month, day = min(month, day), max(month, day)
    year = int(found.groupdict().get("year") or 0)
    return [dt.date(year, month, day)] if year else _last_such(month, day, today)


_HOLIDAY = "|".join(sorted(HOLIDAYS, key=len, reverse=True)).replace("'", "['’]")
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_KOREAN_COUNT = "|".join(count for count in _COUNTS if not count.isascii())
_ENGLISH_COUNT = "|".join(count for count in _COUNTS if count.isascii())
# What a day may be the day of.
_EVENT = (
    "(?:비행기|출국|귀국|입국|시험|면접|결혼식|발표|생일|입대|이사|수술|마감|출발|연주회|공연|콘서트|경기|대회|행사"
    "|개학|개강|졸업식|입학식|여행|예약)"
)
_WHEN = rf"(?:{_DAY.replace('?P<weekday>', '?:')}|(?:\d{{1,2}}월\s?)?\d{{1,2}}일)"
_SOME_DAYS = rf"(?:\d{{1,2}}\s?일|{_KOREAN_COUNT}|일주일|\d주|[한두] 주)"
_MEASURE = r"(?:인치|cm|mm|kg|g\b|만|원|버전|in(?:ch)?\b|세|명|개)"
_END = rf"(?=에|\s|$|[.,!?]|이?[에예]요|이?었|였|입니[다더]|이?[요고소유]|일세){_ABOUT}"
# In this order: what one has read is not read by the next.
_RULES = [
    (re.compile(pattern), read)
    for read, patterns in (
        (
            _none,  # what only sounds like a day
            (
                rf"(?:매주|매달|격주|다음\s?주?|담\s?주|오는|돌아오는)\s?(?:{_DAY}|\d{{1,2}}일)",
                rf"\b(?:every|each|next|by|until|till|before|after|since|black|good|easter|palm)\s(?:(?:on|this|last)\s)?{_ENGLISH}s?\b",
                rf"\b{_ENGLISH}\sbefore\slast\b",
                rf"[{_WEEKDAYS}](?:요일|욜)(?:에서|부터|[과와]|이랑)\s?[{_WEEKDAYS}](?:요일|욜)",
                rf"{_DAY}(?:까지|부터|마다|이후)",
                rf"(?:오늘|지금)은\s?(?:{_DAY}|(?:\d{{1,2}}월\s?)?\d{{1,2}}일)",
                r"오늘(?:까지|부터|로(?=\s?\d)|도(?!\s?분실)|내일|날)",
                r"(?:어제|그제|그저께)(?=[^.!?\n]{0,30}오늘\s?(?:보니|확인|알았|알게|깨달))",
                r"오늘\s?(?:보니|확인|알았|알게|깨달|찾아|전화|문의|봤|와서|들어온|들어왔|접수|올라온|아니면|안으로)",
                r"(?<!\d)\d{1,2}\s?[~∼,·-]\s?\d{1,2}\s?일(?:\s?전)?",
                r"(?<![\d/.])\d{1,2}[/.]\d{1,2}\s?[~∼-]\s?\d{1,2}[/.]\d{1,2}(?!\d)",
                r"\bbetween\s[a-z]{3,9}\.?\s\d{1,2}(?:st|nd|rd|th)?\s(?:and|to)\s[a-z]{3,9}\.?\s\d{1,2}",
                rf"{_EVENT}(?:일|날)?[이가은는]?\s{_WHEN}(?:이?[에예]요|이?라(?:서|고)?|인데|입니다|이?거든|까지)",
                # 금요일 콘서트에 입고 갈 옷
                rf"{_WHEN}\s{_EVENT}\s?(?:때|에서?|날)?\s(?:[^\s.,!?]+\s)?[^\s.,!?]*[갈할볼쓸탈을]\s(?!때|적|동안|무렵|뻔|수)",
                rf"(?:오늘|{_WHEN})(?:[이은]|에)?\s{_EVENT}(?:이?[에예]요|이?라(?:서|고)?|인데|입니다|이?거든|해[요서]|합니다|하는데)(?![가-힣])",
                rf"{_WHEN}(?:\s[^\s.,!?]+){{0,2}}?\s[가-힣]*(?:티켓|입장권|항공권|승차권|예매권|초대권)",
                r"(?<!\d)\d{1,2}일(?:에서|부터|[과와]|이랑|이나|이?거나)\s?\d{1,2}일",
                r"\b\d{1,2}(?:st|nd|rd|th)?\s?(?:and|or|to|&)\s?(?:the\s)?\d{1,2}(?:st|nd|rd|th)\b",
                rf"\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?\s?(?:and|or|to|&|-|/)\s?\d{{1,2}}(?:st|nd|rd|th)?\b",
                rf"\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s(?:or so|or thereabouts)\b",
                r"[일이삼사오육칠팔구]{2}일\s?전",
                r"[시분]\s?(?:되기\s?)?(?:조금|좀)\s?전",
                r"\b\w+(?:\sor\s|\sto\s|\s?-\s?)\w+\sdays\sago",
                rf"(?<![가-힣])(?:약|한|대략|거의|넉넉히)\s?{_SOME_DAYS}\s?전",
                rf"{_SOME_DAYS}\s?(?:정도|쯤|가량|넘게|이상)\s?전",
                rf"{_SOME_DAYS}\s?전\s?(?:쯤|정도|즈음)",
                r"\b(?:about|around|some|roughly|almost|nearly|over|than)\s\w+\s(?:days?|week)\sago",
            ),
        ),
        (
            _full,
            (
                rf"(?<!\d)(?P<year>(?:19|20)\d\d)\s?[-./년]\s?{_NUMBER}\s?[-./월]\s?(?P<day>\d{{1,2}})(?:일|(?![\d일])){_ABOUT}",
                r"(?<!\d)(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>[0-2]\d|3[01])(?!\d)",
                # 26.11.10: of this decade
                rf"(?<![\d.])(?P<year>2\d)\.\s?(?P<month>0?[1-9]|1[0-2])\.\s?(?P<day>[0-2]?\d|3[01])"
                rf"(?![\d.]\d){_ABOUT}",
                rf"(?<!\d)(?P<year>\d\d)년\s?{_NUMBER}월\s?(?P<day>\d{{1,2}})일{_ABOUT}",
                rf"\b{_MONTH}\s{_ORDINAL},?\s(?P<year>20\d\d)\b",
                rf"\b{_ORDINAL}\s(?:of\s)?{_MONTH},?\s(?P<year>20\d\d)\b",
            ),
        ),
        (
            _of_year,
            (
                rf"(?P<year>작년|지난해|올해)\s?{_NUMBER}월\s?(?P<day>\d{{1,2}})일{_ABOUT}",
                rf"\b{_MONTH}\s{_ORDINAL},?\s(?:of\s)?(?P<year>(?:last|this)\syear)\b",
                rf"\b{_ORDINAL}\s(?:of\s)?{_MONTH},?\s(?:of\s)?(?P<year>(?:last|this)\syear)\b",
            ),
        ),
        (
            _day_of_year,
            (
                rf"(?<!\d){_NUMBER}월\s?(?P<day>\d{{1,2}})(?:일|(?![\d일])){_ABOUT}",
                rf"(?<![\d.]){_NUMBER}\.\s?(?P<day>\d{{1,2}})\.?\s?(?=\([{_WEEKDAYS}]\))",
                rf"\b{_MONTH}\s(?:the\s)?{_ORDINAL}\b(?!:)",
                rf"\b{_ORDINAL}\s(?:of\s)?{_MONTH}(?![a-z])",
            ),
        ),
        (
            _slashed,
            (
                rf"(?<![\d/.]){_NUMBER}(?P<mark>[/.])(?P<day>\d{{1,2}})"
                r"(?P=mark)(?P<year>20\d\d)(?!\d)",
                rf"(?<![\d/.]){_NUMBER}/(?P<day>\d{{1,2}})(?![\d/]|\s?(?:사이즈|size)){_ABOUT}",
                rf"(?<=:\s){_NUMBER}\.\s(?P<day>\d{{1,2}})\.?(?=[\s,]|$)",
                rf"(?<![\d.-])(?P<month>0[1-9]|1[0-2])[.-](?P<day>[0-2]\d|3[01])"
                rf"\.?(?![\d%-]|\s?{_MEASURE}){_ABOUT}",
                rf"(?:^|(?<=[,/|\n:(.]\s)|(?<=[,/|\n:(])){_NUMBER}\.(?P<day>\d{{1,2}})"
                r"\.?(?=\s?(?:[,/|\n)]|$))",
            ),
        ),
        (
            _holiday,
            (
                rf"(?<![가-힣])(?P<holiday>{_HOLIDAY})(?=에|\s?날|\s?(?:당일|새벽|아침|오전|낮|오후|저녁|밤))",
                rf"(?<=\bon )(?P<holiday>{_HOLIDAY})\b",
            ),
        ),
        (
            _of_month,
            (rf"(?P<of>지난\s?달|저번\s?달|이번\s?달|이달)\s?(?P<day>\d{{1,2}})일{_ABOUT}",),
        ),
        (_of_week(2), (rf"(?:지지난\s?주|저저번\s?주|2주\s?전)\s?{_DAY_OF_WEEK}{_ABOUT}",)),
        (
            _of_week(1),
            (
                rf"(?:지난|저번)\s?주(?:의|에)?\s?{_DAY_OF_WEEK}{_ABOUT}",
                rf"\b{_ENGLISH},?\s(?:of\s)?last\sweek\b",
                rf"\blast\sweek(?:['’]s)?,?\s(?:on\s)?{_ENGLISH}\b",
            ),
        ),
        (
            _of_week(0),
            (
                rf"(?:이번|금)\s?주\s?{_DAY_OF_WEEK}{_ABOUT}",
                rf"\bthis\s{_ENGLISH}\b",
                rf"\b{_ENGLISH},?\s(?:of\s)?this\sweek\b",
            ),
        ),
        (
            _last,
            (
                rf"(?:지난|저번)\s?{_DAY}{_ABOUT}",
                rf"\b(?:last|this past|past)\s{_ENGLISH}\b",
            ),
        ),
        (
            _ago,
            (
                rf"(?<![가-힣\d.])(?P<count>\d{{1,2}})\s?일\s?전{_END}",
                rf"(?<![가-힣])(?P<count>{_KOREAN_COUNT})\s?전{_END}",
                rf"\b(?P<count>\d{{1,2}}|{_ENGLISH_COUNT})\s(?:day|night)s?\sago\b",
            ),
        ),
        (
            _week_ago,
            (
                rf"(?<![가-힣])(?:일주일|1주일|한\s주|1주)\s?전(?:\s?오늘)?{_END}",
                r"\b(?:a|one|1)\sweek\sago(?:\stoday)?\b",
            ),
        ),
        (_weekday_the, (rf"\b{_ENGLISH},?\sthe\s{_ORDINAL}\b",)),
        (_word, (rf"(?<![가-힣a-z])(?P<word>{_WORD})(?![a-z]|서?야|날|[워운웠와]|시피){_ABOUT}",)),
        (
            _weekdays,
            (
                rf"(?<![가-힣]){_DAY}{_ABOUT}",
                rf"\b{_ENGLISH}\b",
            ),
        ),
        (
            _days_of_month,
            (
                rf"(?<![\d월박제.,~∼/-])(?<!박 )(?<!매월 )(?P<day>\d{{1,2}})일{_ABOUT}{_NOT_A_DAY}",
                r"\b(?:on|(?:night|morning|afternoon|evening)\sof)\sthe\s(?P<day>\d{1,2})(?:st|nd|rd|th)\b(?!\s(?:floor|exit|line|str?e?e?t?"
                r"|ave|avenue|level|car|train|platform|row|seat|stop|step|bus|shelf|grade|day|stair))",
            ),
        ),
    )
    for pattern in patterns
]
