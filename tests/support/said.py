"""What a sentence says, as tests compare it."""

import datetime as dt

from matching_spark.domain.place_names import PlaceNames
from matching_spark.domain.sentences.understood import understand

TODAY = dt.date(2026, 11, 27)  # a Friday


def facts(text: str, names: PlaceNames, today: dt.date = TODAY) -> dict[str, str]:
    """The facts by name; a place in small letters."""
    said = understand(text, today, names).facts.described()
    return {name: value.lower() if name == "place" else value for name, value in said.items()}
