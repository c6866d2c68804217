"""Points on the Earth: the latitude and longitude of a place, in degrees."""

import math

from matching_spark.errors import InputError

Point = tuple[float, float]
NOWHERE: Point = (math.nan, math.nan)
EARTH_KM = 6371.0088  # mean radius R1 of IUGG (Moritz, Geodetic Reference System 1980)
LIMITS = {"latitude": 90, "longitude": 180}


def point_of(latitude: object, longitude: object) -> Point | None:
    """The point that two numbers or texts name; None where neither names one, or both are 0, as
    programs write a place that they do not know.

    Raises InputError for what is no number, out of its range, or alone.
    """
    given = {"latitude": latitude, "longitude": longitude}
    numbers = [_number(name, value) for name, value in given.items() if value not in (None, "")]
    if not numbers or numbers == [0, 0]:
        return None
    if len(numbers) < 2:
        raise InputError("a latitude goes with a longitude: give both, or neither")
    return numbers[0], numbers[1]


def known(point: Point) -> Point | None:
    """None for NOWHERE."""
    return None if math.isnan(point[0]) else point


def parse_point(text: str) -> Point:
    """As LATITUDE,LONGITUDE. Raises InputError."""
    latitude, _, longitude = text.partition(",")
    point = point_of(latitude.strip(), longitude.strip())
    if point is None:
        raise InputError(f"{text!r} is no place: write it as 37.4979,127.0276")
    return point


def _number(name: str, value: object) -> float:
    limit = LIMITS[name]
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise InputError(f"{name} {value!r} is no number of degrees, as 37.4979") from None
    if not -limit <= number <= limit:
        raise InputError(
            f"{name} {number} is not between -{limit} and {limit}: are the two turned?"
        )
    return number
