"""What a search and a match give, and what was done to get it. No library is needed to read it."""

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reported:
    """What a command tells of what it did, or of what there is: each field by its name."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Match:
    """A post that was found, and why."""

    rank: int  # 1 for the best
    post_id: str  # as its source gives it
    score: float  # what sorts the matches; of which kind, says `score_kind`
    matched: str  # photo or text: which of its vectors is most alike
    kind: str  # lost or found
    category: str  # the portal's word, as 지갑; '' here and below: not given
    subcategory: str  # likewise, as 남성용 지갑
    title: str  # what its source calls it
    description: str  # in its own words
    colour: str  # as 검정, whatever spelling came
    happened_on: dt.date | None  # the day it was lost or found, in Seoul
    place: str  # where, as it was written
    region: str  # as 서울
    status: str  # open, claimed, withdrawn or expired
    kept_at: str  # the office that keeps it
    kept_phone: str  # that office's number
    source_url: str  # its page at its source
    photo: str | None  # the uri of the photo that is most alike
    components: dict[str, float]  # what was compared; what a side does not tell is missing
    probability: float | None = None  # that of all posts this one is it; none of a cosine
    # Log-odds that each component added; none of a cosine.
    contributions: dict[str, float] = field(default_factory=dict)
    band: str = ""  # propose, ask (a person) or below; none of a cosine
    why: str = ""  # in one sentence; empty of a cosine

    def to_dict(self) -> dict[str, object]:
        return _told(vars(self))


@dataclass(frozen=True)
class Question:
    """A fact to ask a person for, who looks for a thing in a list in doubt.

    fact: as Query names it. words: of the question. answers: what may be chosen, the likeliest
    first; none of a day. bits: what the answer is expected to tell of which post it is.
    """

    fact: str
    words: str
    answers: tuple[str, ...]
    bits: float

    def to_dict(self) -> dict[str, object]:
        return vars(self) | {"answers": list(self.answers)}


@dataclass(frozen=True)
class SearchResult:
    """A search and its matches, best first; the keys of the JSON in their order."""

    query: dict[str, Any]  # as the question was put, by the names of its flags; facts; filters
    model: str  # name and checksum of what made the vectors
    provider: str | None  # what ONNX Runtime ran the model on; None where nothing was embedded
    snapshot: str | None  # the state of the table that was searched
    runner: str  # spark or memory
    runner_why: str = field(default="", kw_only=True)  # why that one; '': whoever asked took it
    exact: bool  # no post was passed over, as cells may
    score_kind: str  # fused or cosine (or euclidean)
    threshold: float | None  # the lowest score; none: any
    searched: int  # posts compared
    elapsed_ms: dict[str, float]  # milliseconds by stage, and in all
    not_here: float | None  # the probability that none of the posts is it; none of a cosine
    matches: tuple[Match, ...]
    nothing: bool = False  # whether it is most likely not here; by cosine, whether none is alike
    question: Question | None = None  # where one was wanted, and is worth asking
    complete: bool = True  # else its time was over: no probability, no question

    @property
    def likely(self) -> list[Match]:
        """The matches that are worth a look; by cosine all."""
        return [match for match in self.matches if match.band != "below"]

    @property
    def unlikely(self) -> list[Match]:
        return [match for match in self.matches if match.band == "below"]

    def to_dict(self) -> dict[str, object]:
        apart = ("matches", "question")
        values = {name: value for name, value in vars(self).items() if name not in apart}
        if self.question is not None:
            values["question"] = self.question.to_dict()
        return values | {"results": [match.to_dict() for match in self.matches]}


@dataclass(frozen=True)
class Pair:
    """A lost post and a found one of the matches table, with what is known of both.

    lost, found: a post's columns (matching.pairs.ABOUT) and its first photo's place.
    decided: the last verdict of a person on the pair, or ''. The rest is as in a Match.
    """

    lost: dict[str, Any]
    found: dict[str, Any]
    rank: int
    score: float
    score_kind: str
    components: dict[str, float]
    model: str
    probability: float | None = None  # in the list of the lost post; none of a cosine
    contributions: dict[str, float] = field(default_factory=dict)
    band: str = ""
    why: str = ""
    decided: str = ""

    def to_dict(self) -> dict[str, object]:
        """With the ids first, and days as text."""
        ids = {"lost_id": self.lost["post_id"], "found_id": self.found["post_id"]}
        values = dict(vars(self))
        both = {side: _told(values.pop(side)) for side in ("lost", "found")}
        return ids | values | both


def _told(post: dict[str, Any]) -> dict[str, object]:
    day: dt.date | None = post["happened_on"]
    return post | {"happened_on": None if day is None else day.isoformat()}
