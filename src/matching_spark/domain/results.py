"""What a search gives: matches, and what was done to get them. No library is needed to read it."""

import datetime as dt
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Match:
    """A post that was found. `photo` is the uri of the one that won; `matched` photo or text.

    Of the fused score: `probability` that it shows the same thing, `contributions` in log-odds a
    component, `band` (propose, ask a person, below what is worth showing), `why` in one sentence.
    """

    rank: int
    post_id: str
    score: float
    matched: str
    kind: str
    category: str
    subcategory: str
    title: str
    description: str
    colour: str
    happened_on: dt.date | None
    place: str
    region: str
    status: str
    kept_at: str
    kept_phone: str
    source_url: str
    photo: str | None
    components: dict[str, float]
    probability: float | None = None
    contributions: dict[str, float] = field(default_factory=dict)
    band: str = ""
    why: str = ""

    def to_dict(self) -> dict[str, object]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        day = self.happened_on
        return values | {"happened_on": None if day is None else day.isoformat()}


@dataclass(frozen=True)
class SearchResult:
    """A search and its matches, best first; the keys of the JSON in their order."""

    query: dict[str, Any]  # as the question was put, by the names of its flags
    model: str
    provider: str | None  # what ONNX Runtime runs the model on; None without a model
    snapshot: str | None
    runner: str
    exact: bool
    score_kind: str
    threshold: float | None
    searched: int
    elapsed_ms: dict[str, float]
    matches: tuple[Match, ...]

    def to_dict(self) -> dict[str, object]:
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "matches"}
        return values | {"results": [match.to_dict() for match in self.matches]}
