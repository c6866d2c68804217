"""Upper bounds of posts' scores, before and after their cosines are known.

A score is an intercept, what facts add, and what cosines add. Each cosine adds the more the larger
it is, and its most at 1: so what posts have and tell bounds their scores before a vector is read.
By how much a cosine adds less than its most then brings the bound down to the score, but for what a
line rises within a cell. Of a line that falls somewhere the bound has its running maximum.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np

from matching_spark.knn.similarity import MARGIN, Float32, Float64, Index, Metric, from_cosine
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.coded import Joined, Told
from matching_spark.score.components import COSINES
from matching_spark.score.kinds import MODALITIES, Modality, pattern_name
from matching_spark.score.lines import Points, added

CELLS = 1 << 11  # of cosines from -1 to 1: a line rises by some 0.02 in one
WIDTH = CELLS + 1  # the last is of those that are taken to be 1 or above
NEITHER = len(MODALITIES)  # that a post has nothing to compare; calibration.places says -1
EDGES = np.arange(1, WIDTH + 1) * (2 / CELLS) - 1 + 2 * MARGIN  # above what is taken for the cell's

Line = Callable[[Float64], Float64]


@dataclass(frozen=True, eq=False)
class Ceilings:
    """Of queries that have the same parts.

    top: (4,) the most that a post may score whose facts add nothing, by what it has; -inf where
    that is nothing. drops: by a cosine's name (4, WIDTH), by how much at least it adds less than
    its most, <= 0, by what the post has and the cosine's cell. lines: of facts, by what it has.
    """

    top: Float32
    drops: Mapping[str, Float32]
    lines: Sequence[Mapping[str, Points]]

    @classmethod
    def _of(
        cls,
        models: Sequence[Sequence[tuple[float, Mapping[str, Line]]]],
        lines: Sequence[Mapping[str, Points]],
        knots: Sequence[float],
    ) -> "Ceilings":
        """models: by what a post has, intercepts and lines of cosines that may be a pair's."""
        top = np.full(NEITHER + 1, -np.inf, np.float32)
        drops = {each.name: np.zeros((NEITHER + 1, WIDTH), np.float32) for each in COSINES}
        grid = np.union1d(EDGES, knots)
        for has, each in enumerate(models):
            tops, of = [], []
            for intercept, cosines in each:
                high = {n: np.maximum.accumulate(line(grid)) for n, line in cosines.items()}
                tops.append(intercept + sum(float(line[-1]) for line in high.values()))
                at = np.searchsorted(grid, EDGES)
                of.append({n: line[at] - line[-1] for n, line in high.items()})
            top[has] = max(tops)
            for name in of[0].keys() & of[-1].keys():  # where it is not heeded it lowers nothing
                drops[name][has] = np.max([one[name] for one in of], axis=0)
        return cls(top, drops, lines)

    @classmethod
    @lru_cache(maxsize=64)
    def fused(cls, calibration: Calibration, asked: Modality, told: bool) -> "Ceilings":
        """Of log-odds. told: whether a query may tell a fact."""
        weights = [
            [
                calibration.patterns[pattern_name(asked, post, facts)]
                for facts in ((True, False) if told else (False,))
            ]
            for post in MODALITIES
        ]
        models = [
            [(w.intercept, dict(_lines(w, asked, post))) for w in each]
            for each, post in zip(weights, MODALITIES, strict=True)
        ]
        lines = (w.points.get(c.name, ()) for each in weights for w in each for c in COSINES)
        knots = sorted({x for line in lines for x, _ in line})
        return cls._of(models, [each[0].points for each in weights], knots)

    @classmethod
    @cache
    def mean(cls, cosines: tuple[str, ...], metric: Metric) -> "Ceilings":
        """Of the mean of the scores by these cosines that there are of a post."""

        def model(post: Modality) -> tuple[float, dict[str, Line]]:
            there = [n for n in cosines if post in ("both", n.partition("-")[2])]
            return 0.0, dict.fromkeys(there, lambda x: _score(x, metric) / max(1, len(there)))

        return cls._of([[model(post)] for post in MODALITIES], [{}] * len(MODALITIES), ())

    def sums(
        self, told: Told, values: Mapping[str, Float32], queries: int
    ) -> list[tuple[Index, Float32]]:
        """What bounds a post's score while its cosines are not known, as tables: the bound of post
        p is the sum over codes (n,), table (q, m) of table[:, codes[p]].

        values: of facts, as Told has them; those of names that are not there do not count.
        """
        out: list[tuple[Joined, Float32]] = []
        for group in told.joined if values else [told.bare]:
            names = [name for name in group.facts if name in values]
            if names or not out:
                out.append(
                    (group, self._table(group, {name: values[name] for name in names}, queries))
                )
        first = out[0]
        first[1][:] += self.top[first[0].has]
        return [(group.codes, table) for group, table in out]

    def _table(self, group: Joined, values: Mapping[str, Float32], queries: int) -> Float32:
        """(q, m) what these facts add to posts of a group's codes."""
        table = np.zeros((queries, len(group.has)), np.float32)
        for name, of in values.items():
            for has, lines in enumerate(self.lines):
                mine = np.flatnonzero(group.has == has)
                if name in lines and len(mine):
                    worth = added(lines[name], of).astype(np.float32)
                    table[:, mine] += worth[:, group.facts[name][mine]]
        return table


def lowered(drops: Float32, has: Index | int, cosines: Float32) -> Float32:
    """What posts' bounds are to be lowered by, <= 0, (m, q) for cosines (m, q) of queries that are
    sure to MARGIN, or upper bounds; NaN for missing. has: (m,), or of all the posts."""
    there = np.fmax(cosines, np.float32(-1))
    np.fmin(there, np.float32(1), out=there)
    there += np.float32(1)
    there *= np.float32(CELLS / 2)
    cells = there.astype(np.int64)
    if not isinstance(has, int):
        cells += (has * WIDTH)[:, None]
    return np.asarray((drops[has] if isinstance(has, int) else drops).take(cells))


def _lines(weights: Weights, asked: Modality, post: Modality) -> Iterator[tuple[str, Line]]:
    """Of the cosines that such pairs have."""
    for each in COSINES:
        there = asked in (each.query, "both") and post in (each.post, "both")
        if there and (points := weights.points.get(each.name)):
            yield each.name, partial(_added, points)


def _added(points: Points, cosines: Float64) -> Float64:
    return np.asarray(added(points, cosines), np.float64)


def _score(cosines: Float64, metric: Metric) -> Float64:
    scores, margin = from_cosine(cosines.astype(np.float32), metric)
    return np.asarray(scores, np.float64) + margin
