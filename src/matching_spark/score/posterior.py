"""From the evidence of pairs to the probabilities of a list: which post it is, or that none is.

A lost thing is among the N posts that could be found with probability w, and then any of them is
as likely; else it is not here. With L the likelihood ratio of a pair, Bayes' rule says that post i
is it with P_i = w L_i / (N (1 - w) + w sum L), and that none is with N (1 - w) / (the same). So a
probability falls with the size of the table, and is shared by posts that look alike.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matching_spark.config import Similarity
from matching_spark.errors import UsageError

# ln L from which on a post enters the sum by its own L. Those below enter by their number and the
# mean L of different pairs there: ten times as likely is little among hundreds of posts.
FLOOR = math.log(10)

Band = Literal["propose", "ask", "below"]


@dataclass(frozen=True)
class Rivals:
    """The posts that a query could have found. posts: how many; above: those of ln L >= FLOOR.

    parts: floats whose sum is, exactly, the sum of L of those above, however they were split.
    """

    posts: int = 0
    above: int = 0
    parts: tuple[float, ...] = ()

    @classmethod
    def of(cls, posts: int, evidence: Iterable[float]) -> "Rivals":
        """evidence: ln L of those above."""
        ratios = [math.exp(each) for each in evidence]
        return cls(posts, len(ratios), exact_parts(ratios))

    @classmethod
    def joined(cls, each: Sequence["Rivals"]) -> "Rivals":
        return cls(
            sum(one.posts for one in each),
            sum(one.above for one in each),
            exact_parts([part for one in each for part in one.parts]),
        )


def exact_parts(numbers: Sequence[float]) -> tuple[float, ...]:
    """A few floats whose exact sum is that of the numbers: the largest, then what it leaves out."""
    parts: list[float] = []
    while rest := math.fsum([*numbers, *(-part for part in parts)]):
        parts.append(rest)
    return tuple(parts)


@dataclass(frozen=True)
class Posterior:
    """The probabilities of one list. here: w; below: the mean L of the rivals below FLOOR."""

    rivals: Rivals
    here: float
    below: float

    @property
    def _none(self) -> float:
        return self.rivals.posts * (1 - self.here)

    @property
    def _all(self) -> float:
        """Never 0 where there is a post."""
        others = self.below * (self.rivals.posts - self.rivals.above)
        return self._none + self.here * (math.fsum(self.rivals.parts) + others)

    @property
    def not_here(self) -> float:
        """That none of the posts is it; 1 where there is none."""
        return self._none / self._all if self.rivals.posts else 1.0

    def probability(self, evidence: float) -> float:
        """That a post of this ln L is it."""
        return self.here * math.exp(evidence) / self._all


@dataclass(frozen=True)
class Costs:
    """What a mistake costs, in looks of a person at a pair.

    false_alarm: somebody is told of a thing that is not theirs. miss: a thing that is there goes
    unnoticed. Raises UsageError where no look could pay.
    """

    false_alarm: float
    miss: float

    @classmethod
    def of(cls, settings: Similarity) -> "Costs":
        return cls(settings.cost_false_alarm, settings.cost_miss)

    def __post_init__(self) -> None:
        if not self.ask < self.propose:
            raise UsageError(
                f"with a false alarm at {self.false_alarm:g} looks and a miss at {self.miss:g} "
                "no look pays: one of the costs is too low"
            )

    @property
    def propose(self) -> float:
        """From this probability on an unseen false alarm is cheaper than a look."""
        return 1 - 1 / self.false_alarm

    @property
    def ask(self) -> float:
        """From this probability on a look is cheaper than a miss."""
        return 1 / self.miss

    def band(self, probability: float) -> Band:
        if probability >= self.propose:
            return "propose"
        return "ask" if probability >= self.ask else "below"


# Assumed, as the settings have it unless told otherwise: one lost thing in two is handed in, a
# false alarm costs the office as much as twenty looks, a miss as much as a hundred.
HERE = Similarity().share_here
COSTS = Costs.of(Similarity())
