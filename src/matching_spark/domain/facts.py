"""What is known of a post or a query beside its vectors."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from matching_spark.domain.points import Point
from matching_spark.domain.posts import Kind

EPOCH = dt.date(1970, 1, 1)  # what Arrow's days count from
Topic = Literal["what", "where", "when"]
TOPICS: Mapping[Topic, tuple[str, ...]] = {  # the facts that say something of each
    "what": ("category", "colour", "identifiers"),
    "where": ("region", "place", "point"),
    "when": ("happened_on",),
}
UNSAID = frozenset(["kind", "point", "identifiers"])  # or said in another form


@dataclass(frozen=True)
class Facts:
    """Empty strings and None mean "not known". kind: what the post or the query is of. point: where
    the place lies. identifiers: keyed hashes (domain.identifiers), in order, joined by spaces.
    """

    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    happened_on: dt.date | None = None
    kind: Kind = "lost"
    point: Point | None = None
    identifiers: str = ""

    def told(self, silent: Collection[str] = ()) -> tuple[Topic, ...]:
        """What it says something of, in the order of TOPICS. silent: facts that do not count, as
        all of a list have them."""
        return tuple(
            topic
            for topic, names in TOPICS.items()
            if any(getattr(self, name) for name in names if name not in silent)
        )

    def described(self) -> dict[str, str]:
        """Those that are known, as a reader of the JSON is told; of identifiers the kinds."""
        said = {n: str(v) for n, v in vars(self).items() if n not in UNSAID and v not in ("", None)}
        if self.point is not None:
            said["near"] = f"{self.point[0]},{self.point[1]}"
        if self.identifiers:
            kinds = dict.fromkeys(each.partition("-")[0] for each in self.identifiers.split())
            said["identifiers"] = ", ".join(kinds)
        return said


def facts_of(row: Mapping[str, Any], kind: Kind) -> Facts:
    """The facts of a row of the table; a missing word may be None, and columns of later versions
    may be missing.
    """
    latitude, longitude = row.get("latitude"), row.get("longitude")
    return Facts(
        row["category"] or "",
        row["colour"] or "",
        row["region"] or "",
        row["place"] or "",
        row["happened_on"],
        kind,
        None if latitude is None or longitude is None else (latitude, longitude),
        " ".join(row.get("identifiers") or ()),
    )
