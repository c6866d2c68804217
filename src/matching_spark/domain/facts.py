"""What is known of a post or a query beside its vectors."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from matching_spark.domain.posts import Kind

EPOCH = dt.date(1970, 1, 1)  # what Arrow's days count from


@dataclass(frozen=True)
class Facts:
    """Empty strings and None mean "not known". kind: what the post or the query is of."""

    category: str = ""
    colour: str = ""
    region: str = ""
    place: str = ""
    happened_on: dt.date | None = None
    kind: Kind = "lost"

    @property
    def bare(self) -> bool:
        """Whether it does not say when and where: then no pair can be as sure."""
        return self.happened_on is None or not (self.region or self.place)

    def without(self, words: Collection[str]) -> "Facts":
        """The same but for these of category, colour and region, which are not known."""
        return replace(
            self,
            category="" if "category" in words else self.category,
            colour="" if "colour" in words else self.colour,
            region="" if "region" in words else self.region,
        )

    def described(self) -> dict[str, str]:
        """Those that are known, as a reader of the JSON is told of them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {n: str(v) for n, v in values.items() if n != "kind" and v not in ("", None)}


def facts_of(row: Mapping[str, Any], kind: Kind) -> Facts:
    """The facts of a row of the table; a missing word may be None."""
    return Facts(
        row["category"] or "",
        row["colour"] or "",
        row["region"] or "",
        row["place"] or "",
        row["happened_on"],
        kind,
    )
