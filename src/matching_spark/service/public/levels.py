"""How much of a found thing the public sees, by its category: the one table of it.

SENSITIVE: neither photo nor words. COARSE: no photo, the district and the week. OPEN: photo, place
and day.
"""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum

from matching_spark.domain.romanised import has
from matching_spark.domain.vocabulary import CATEGORIES
from matching_spark.errors import UsageError
from matching_spark.setting_groups import Service


class Level(IntEnum):
    SENSITIVE = 0
    COARSE = 1
    OPEN = 2


@dataclass(frozen=True)
class Levels:
    """sensitive, valuables: categories, as the settings have them."""

    sensitive: frozenset[str]
    valuables: frozenset[str]

    @classmethod
    def of(cls, settings: Service) -> "Levels":
        """Raises UsageError for a word that is no category."""
        for name in ("sensitive", "valuables"):
            unknown = sorted(set(getattr(settings, name)) - set(CATEGORIES))
            if unknown:
                raise UsageError(
                    f"service.{name} has {unknown[0]!r}, which is no category; choose of: "
                    f"{', '.join(CATEGORIES)}",
                    argument=f"service.{name}",
                )
        return cls(frozenset(settings.sensitive), frozenset(settings.valuables))

    def level(self, category: str) -> Level:
        """What nobody has sorted may be anything: it is sensitive."""
        if category in self.sensitive or category not in CATEGORIES:
            return Level.SENSITIVE
        return Level.COARSE if category in self.valuables else Level.OPEN


def without_place(title: str, place: str) -> str:
    """What may be told of a title where only the district is: no word that names the place, or a
    part of it."""
    parts = [part for part in place.split() if len(part) > 1]
    return " ".join(word for word in title.split() if not any(has(word, part) for part in parts))


def week(day: dt.date) -> tuple[dt.date, dt.date]:
    """The Monday and the Sunday of a day's week."""
    monday = day - dt.timedelta(days=day.weekday())
    last = dt.timedelta(days=6 - day.weekday())
    return monday, day + min(last, dt.date.max - day)  # the calendar's last week ends on a Friday
