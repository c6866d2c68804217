"""What is known of a post or a query beside its vectors."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from matching_spark.domain.points import Point
from matching_spark.domain.posts import Kind

EPOCH = dt.date(1970, 1, 1)  # what Arrow's days count from
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

    @property
    def bare(self) -> bool:
        """Whether it does not say when and where: then no pair can be as sure."""
        return self.happened_on is None or not (self.region or self.place or self.point)

    def placed(self, silent: Collection[str] = ()) -> bool:
        """Whether it says when or where: what tells one of many things that look alike. silent:
        facts that do not count, as all of a list have them."""
        region = "" if "region" in silent else self.region
        return any((self.happened_on, region, self.place, self.point, self.identifiers))

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
