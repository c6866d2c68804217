"""One rule of days: whoever writes a moment, it is the day that Seoul's clocks show."""

import datetime as dt
import email.utils
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.dates import (
    FORMS,
    LATEST,
    OLDEST,
    SHEET_EPOCH,
    parse_date,
    parse_lost_on,
)
from matching_spark.errors import InputError

KST = dt.timezone(dt.timedelta(hours=9))
DAY = dt.date(2026, 11, 1)
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))
# From 1900: RFC 2822 and spreadsheets know no earlier ones.
MOMENTS = st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2199, 12, 30), timezones=ZONES)


@given(MOMENTS)
def test_a_moment_with_its_zone_is_a_day_of_seoul(moment: dt.datetime) -> None:
    want = moment.astimezone(KST).date()
    minutes = int(moment.utcoffset().total_seconds() // 60)  # type: ignore[union-attr]
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    utc = moment.astimezone(dt.UTC)
    for written in (
        moment,
        moment.isoformat(),
        moment.isoformat(" "),
        f"{moment:%Y-%m-%dT%H:%M:%S.%f}{offset}",
        f"{moment:%Y/%m/%d %H:%M:%S} {offset}",
        f"{moment:%Y-%m-%d %H:%M:%S.%f} {offset} UTC".replace("UTC", "GMT"),
        f"{moment:%a %b %d %Y %H:%M:%S} GMT{offset} (somewhere)",  # JavaScript's toString
        moment.isoformat() + "[Asia/Seoul][u-ca=gregory]",  # Java's, and JavaScript's Temporal
        f"{utc:%Y-%m-%dT%H:%M}Z[UTC]",
        email.utils.format_datetime(moment.replace(microsecond=0)),
        f"{utc:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        f"{utc:%Y-%m-%d %H:%M:%S.%f} UTC",
        f"{utc:%Y%m%dT%H%M%SZ}",
    ):
        assert parse_date(written) == want, written


@given(st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2199, 12, 30)))
def test_a_moment_without_a_zone_is_the_day_it_says(moment: dt.datetime) -> None:
    y, m, d = moment.year, moment.month, moment.day
    half, hour = ("오전", "오후")[moment.hour // 12], moment.hour % 12 or 12
    weekday = "월화수목금토일"[moment.weekday()]
    for written in (
        moment,
        moment.date(),
        moment.isoformat(),
        f"{y}. {m}. {d}",
        f"{y}. {m}. {d}. {half} {hour}:{moment:%M}",
        f"{y}.{m}.{d}({weekday})",
        f"{y}/{m}/{d} {moment:%H:%M:%S}",
        f"{y}-{m}-{d} {moment.hour}:{moment:%M}",
        f"{y}년 {m}월 {d}일 {weekday}요일 {half} {hour}시 {moment.minute}분",
        f"{moment:%Y%m%d}",
        f"{moment:%Y%m%d%H%M%S}",
        f"{moment:%b} {d}, {y}",
        f"{d} {moment:%B} {y} {moment:%I:%M %p}",
        f"{y}–{m:02}–{d:02}",
        int(f"{moment:%Y%m%d}"),
    ):
        assert parse_date(written) == moment.date(), written


@given(st.dates(dt.date(1954, 10, 4), dt.date(2119, 1, 9)), st.floats(0, 0.999))
def test_a_spreadsheets_number(day: dt.date, part: float) -> None:
    number = (day - SHEET_EPOCH.date()).days
    for written in (number, str(number), f"{number}.0", number + part):
        assert parse_date(written) == day


@given(st.datetimes(dt.datetime(2002, 1, 1), dt.datetime(2199, 1, 1)))
def test_seconds_and_milliseconds_since_1970(moment: dt.datetime) -> None:
    stamp = moment.replace(microsecond=0, tzinfo=dt.UTC)
    want = stamp.astimezone(KST).date()
    for written in (int(stamp.timestamp()), int(stamp.timestamp()) * 1000):
        if is_an_hour(str(written)):
            continue
        assert parse_date(written) == parse_date(str(written)) == want


def is_an_hour(digits: str) -> bool:
    try:
        return dt.datetime.strptime(digits, "%Y%m%d%H").year in range(1900, 2100)
    except ValueError:
        return False


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2099, 12, 31)))
def test_digits_that_are_an_hour_or_seconds_are_no_day(moment: dt.datetime) -> None:
    for written in (f"{moment:%Y%m%d%H}", int(f"{moment:%Y%m%d%H}")):
        with pytest.raises(InputError, match="cannot be read"):
            parse_date(written)


@pytest.mark.parametrize("gap", [" ", "\u3000", "\xa0", "\u200b "])
def test_a_gap_without_end_takes_no_time(gap: str) -> None:
    for many in (400, 1_000_000):
        start = time.process_time()
        for end in ("", "x", "09:00 x", "("):
            said = f"2026-11-01{gap * many}{end}"
            with suppress(InputError):
                assert parse_date(said) == DAY
        assert time.process_time() - start < 2  # a moment; with every gap tried, minutes for 400


@pytest.mark.parametrize("remark", ["(일)", "(Sun)", "(추정)", "(KST)", "09:00 (KST)"])
def test_a_remark_in_brackets_is_no_part_of_a_day(remark: str) -> None:
    assert parse_date(f"2026-11-01 {remark}") == DAY


@pytest.mark.parametrize("nothing", [None, "", " ", "-", "NULL", "NaN", float("nan"), "0000-00-00"])
def test_missing_is_not_unreadable(nothing: object) -> None:
    assert parse_date(nothing) is None


@pytest.mark.parametrize(
    "odd",
    [
        *("어제", "2026-13-01", "2026-02-30", "2026-11", "202611", "2026-11-01 25:00", True),
        *("11/1/2026", "26.11.01", "01-Nov-26"),  # another day for another reader
        *("none 2026-11-01", "- 2026. 11. 1."),
        *("2026-11-01 23:30 (UTC)", "2026-11-01 23:30 (EST)", "2026. 11. 1 (음력)"),
        *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1e9", "99999999999", "2026-305"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(odd: object) -> None:
    with pytest.raises(InputError, match="cannot be read; write it as 2026-11-01") as error:
        parse_date(odd)
    assert FORMS in str(error.value)


def test_the_ends_of_the_calendar() -> None:
    assert parse_date("0001-01-01T00:00:00+09:00") == dt.date(1, 1, 1)
    assert parse_date("9999-12-31T23:59:59+09:00") == dt.date(9999, 12, 31)
    assert parse_date("2026-11-01 24:00") == DAY


@given(st.text(max_size=40) | st.integers() | st.floats() | st.binary(max_size=9))
def test_anything_is_a_day_none_or_refused(value: object) -> None:
    try:
        found = parse_date(value)
    except InputError:
        return
    assert found is None or type(found) is dt.date


@pytest.mark.parametrize(
    "no_day",
    [
        *("0001-01-01", "0001-01-01T00:00:00", "1753-01-01", "1899-12-30", "1900-01-01"),
        *("9999-12-31", "2926-11-01", "2100-01-01", dt.date(1, 1, 1), dt.datetime(9999, 12, 31)),
    ],
)
def test_a_day_on_which_nothing_can_have_been_lost(no_day: object) -> None:
    """What programs write for a day that they do not know: all such posts would be of one day."""
    with pytest.raises(InputError, match="is not from 1900-01-02 to 2099-12-31: where it is not"):
        parse_lost_on(no_day)
    assert parse_date(no_day), "which may still be where a search begins or ends"


@given(st.dates(OLDEST, LATEST))
def test_any_other_day_is_one(day: dt.date) -> None:
    assert parse_lost_on(day.isoformat()) == parse_lost_on(day) == day
    assert parse_lost_on("0000-00-00") is None
