"""A query that was looked up, and what its search gave, before it is an answer for a reader."""

from dataclasses import dataclass
from typing import Any

from matching_spark.domain.posts import Kind
from matching_spark.domain.results import Match
from matching_spark.score.posterior import Rivals
from matching_spark.search.request import QueryItem


@dataclass(frozen=True)
class Asked:
    """A query that was looked up and embedded, with all that is known of it.

    described: for a reader of the JSON. bare: it is a vector. kind: of the post that it is.
    """

    item: QueryItem
    described: dict[str, Any]
    bare: bool = False
    kind: Kind | None = None
    embed_ms: float = 0.0

    @property
    def embedded(self) -> bool:
        """Whether a model has made its vectors for this search."""
        return not self.bare and self.kind is None


@dataclass(frozen=True)
class SearchOutcome:
    """What the tasks of a search gave: matches a query, posts compared, vectors looked at.

    rivals: of each query, where the request asks for them. complete: not cut short by its deadline.
    """

    matches: list[list[Match]]
    rivals: list[Rivals]
    searched: int
    rows: int
    exact: bool
    snapshot: str | None
    plan_ms: float
    search_ms: float
    complete: bool = True
