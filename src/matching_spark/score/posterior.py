"""From the evidence of pairs to the probabilities of a list: which post it is, or that none is.

A lost thing is among the N posts that could be found with probability w, and then any of them is
as likely; else it is not here. With L the likelihood ratio of a pair, Bayes' rule says that post i
is it with P_i = w L_i / (N (1 - w) + w sum L), and that none is with N (1 - w) / (the same). So a
probability falls with the size of the table, and is shared by posts that look alike.

Some things have many doubles: of a black wallet far more posts look like it than of a violin, and
more of one day and place. Of different posts, those of L >= 10 bring `above` on average, each its
L, CAP at most; the posts of this list but for the best one, which is the thing if it is here, bring
D. So things like this one have m = (a + D) / (a + above N) times as many doubles as others, where a
says how much is needed to believe it, and the L of those above is worth L / m. (Were each counted
as one, m would be the mean of a rate that is gamma distributed with shape a, after so many events.)

What hides the doubles of a thing, as a poor photo does, hides the thing too: where fewer are above,
it is more often one of those below. Of the things that are here it is so with a share b, the mean L
of those below (1 at most), where m is as usual, u, and else the odds against it are (m / u)^h times
as much: the share is b / q with q = b + (1 - b) (m / u)^h. So the mean L of those below is 1 / q
times as much, and the L of those above is worth L (m / u)^h / (q m).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

from matching_spark.config import Similarity
from matching_spark.errors import UsageError

if TYPE_CHECKING:  # numpy, which settings and flags need not
    from matching_spark.knn.similarity import Float64

# ln L from which on a post enters the sum by its own L. Those below enter by their number and the
# mean L of different pairs there: ten times as likely is little among hundreds of posts.
FLOOR = math.log(10)
CAP = 100.0  # of L, where it counts doubles: a few of a large L would be most of them

Band = Literal["propose", "ask", "below"]
# Looks that it costs to go through a page of matches and to tell more: so many that, with a miss at
# a hundred, of things that are here one in twenty at most is said not to be (docs/evidence.md).
PAGE = 20
Number = TypeVar("Number", float, "Float64")


@dataclass(frozen=True)
class Rivals:
    """The posts that a query could have found. posts: how many; above: those of ln L >= FLOOR.

    parts: floats whose sum is, exactly, the sum of L of those above, however they were split;
    alike: the same of their L, CAP at most; shares: of their L to the power `keen`. best: the
    largest L, 0 where none is above.
    """

    posts: int = 0
    above: int = 0
    parts: tuple[float, ...] = ()
    alike: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    best: float = 0.0

    @classmethod
    def of(cls, posts: int, evidence: Iterable[float], keen: float = 1.0) -> "Rivals":
        """evidence: ln L of those above."""
        ratios = list(map(math.exp, evidence))
        best = max(ratios, default=0.0)
        parts = alike = shares = exact_parts(ratios)
        if best > CAP:
            alike = exact_parts([each if each < CAP else CAP for each in ratios])
        if keen != 1:
            shares = exact_parts([each**keen for each in ratios])
        return cls(posts, len(ratios), parts, alike, shares, best)

    @classmethod
    def joined(cls, each: Sequence["Rivals"]) -> "Rivals":
        return cls(
            sum(one.posts for one in each),
            sum(one.above for one in each),
            exact_parts([part for one in each for part in one.parts]),
            exact_parts([part for one in each for part in one.alike]),
            exact_parts([part for one in each for part in one.shares]),
            max((one.best for one in each), default=0.0),
        )

    @property
    def doubles(self) -> float:
        """What those above bring as doubles of the thing: D, see above."""
        return math.fsum([*self.alike, -min(self.best, CAP)])


def exact_parts(numbers: Sequence[float]) -> tuple[float, ...]:
    """A few floats whose exact sum is that of the numbers: the largest, then what it leaves out."""
    parts: list[float] = []
    while rest := math.fsum([*numbers, *(-part for part in parts)]):
        parts.append(rest)
    return tuple(parts)


@dataclass(frozen=True)
class Scale:
    """What the log-odds of pairs are worth in lists of one kind of query and of filter.

    ln L is slope x - level, where x is the log-odds without their prior. above: the mean of what
    different pairs bring as doubles, CAP at most, 0 of those below FLOOR; below: the mean L of
    these. alike, keen: a, and the power by which those above share what they have; hidden, usual: h
    and u, see above.
    """

    slope: float
    level: float
    above: float
    below: float
    alike: float
    keen: float = 1.0
    hidden: float = 0.0
    usual: float = 1.0

    def evidence(self, told: Number) -> Number:
        """ln L of log-odds without their prior, of whatever shape."""
        return self.slope * told - self.level

    def told(self, evidence: Number) -> Number:
        """The log-odds without their prior of such an ln L."""
        return (evidence + self.level) / self.slope


APART = 1e6  # an a by which what looks alike says nothing of what else does
# Where nothing is known: posts below are as likely as any.
UNLEARNT = Scale(slope=1.0, level=0.0, above=0.0, below=1.0, alike=APART)


def whole(posts: Number, ratios: Number, here: float) -> Number:
    """The weight of all there is in a list of N posts whose L have this sum: that none of them is
    it, by N (1 - w), and that one is."""
    return posts * (1 - here) + here * ratios


def crowd(posts: Number, doubles: Number, scale: Scale) -> Number:
    """How many times as many doubles as others a thing has, of whose N posts come D: m."""
    return (scale.alike + doubles) / (scale.alike + scale.above * posts)


def weighed(
    posts: Number, above: Number, ratios: Number, doubles: Number, here: float, scale: Scale
) -> tuple[Number, Number, Number, Number]:
    """By what the L of those above is divided, the mean L of those below, the weight of "none", and
    that of all there is, of a list or of many.

    posts: N; above: how many are; ratios: the sum of their L; doubles: D. A probability is a weight
    over that of all.
    """
    times = crowd(posts, doubles, scale)
    shown = (times / scale.usual) ** scale.hidden
    q = 1 + (1 - min(scale.below, 1.0)) * (shown - 1)
    worth, below = times / shown * q, scale.below / q
    ratios = ratios / worth + below * (posts - above)
    return worth, below, posts * (1 - here), whole(posts, ratios, here)


@dataclass(frozen=True)
class Posterior:
    """The probabilities of one list. rivals: by the scale's `keen`. here: w, see above."""

    rivals: Rivals
    here: float
    scale: Scale

    @cached_property
    def _weights(self) -> tuple[float, float, float, float]:
        """As `weighed` has them; the last is never 0 where there is a post."""
        of, ratios = self.rivals, math.fsum(self.rivals.parts)
        return weighed(float(of.posts), float(of.above), ratios, of.doubles, self.here, self.scale)

    @property
    def not_here(self) -> float:
        """That none of the posts is it; 1 where there is none."""
        _, _, none, all_ = self._weights
        return none / all_ if self.rivals.posts else 1.0

    def not_here_beside(self, first: float) -> float:
        """The same, and no more than the likeliest post leaves, whose probability is `first`: of a
        few posts below FLOOR it may be far likelier than the mean that they enter by."""
        return min(self.not_here, 1 - first)

    def probability(self, told: float) -> float:
        """That a post of these log-odds, without their prior, is it. One below FLOOR, which enters
        by its number only, is weighed as those above are: where that is more than the mean of those
        below, in place of it, for in a list of few posts it may be more than all of them."""
        return self._of(told, self._left, self._weights[-1])

    def at_most(self, told: float) -> float:
        """As `probability`, and no less whatever other posts come: many of a small L may leave a
        post of a large one more of what they have together.

        Of a power k below 1 it is those of a large L that do: S / sum L^k is S^(1 - k) at most, and
        of S^(1 - k) / (rest + S) the most is where S = rest (1 - k) / k.
        """
        (worth, _, _, all_), power = self._weights, self.scale.keen
        if power >= 1:
            return self._of(told, max(self._left, self._left_at_floor), all_)
        each, now = self.here / worth, math.fsum(self.rivals.parts)
        rest = all_ - each * now
        most = max(now, rest * (1 - power) / (each * power)) if each else now
        of_most = self._of(told, most ** (1 - power), all_ + each * (most - now))
        return max(self.probability(told), of_most)  # where none is above there is no S

    def _of(self, told: float, left: float, all_: float) -> float:
        worth, below, _, _ = self._weights
        evidence = self.scale.evidence(told)
        own = self.here * left * math.exp(self.scale.keen * evidence) / worth
        mean = self.here * below
        return own / (all_ + max(0.0, own - mean) * (evidence < FLOOR))

    @cached_property
    def _left(self) -> float:
        """What L to the power `keen` is multiplied by, so that those above have the sum of their L
        together."""
        of = self.rivals
        return math.fsum(of.parts) / math.fsum(of.shares) if of.above else self._left_at_floor

    @property
    def _left_at_floor(self) -> float:
        """The same where each of those above is one of FLOOR."""
        return math.exp(FLOOR * (1 - self.scale.keen))


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

    @property
    def absent(self) -> float:
        """From this probability of "not here" on a page of matches costs more than is missed."""
        return max(0.5, 1 - PAGE / self.miss)

    def band(self, probability: float) -> Band:
        if probability >= self.propose:
            return "propose"
        return "ask" if probability >= self.ask else "below"


# Assumed, as the settings have it unless told otherwise: one lost thing in two is handed in, a
# false alarm costs the office as much as twenty looks, a miss as much as a hundred.
HERE = Similarity().share_here
COSTS = Costs.of(Similarity())
