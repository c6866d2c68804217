"""No bound of a score is below it, whatever a post has and tells; bounds come down to scores."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_spark.domain.facts import Facts
from matching_spark.knn.similarity import MARGIN, Float32, Float64, Index
from matching_spark.score import coded
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.ceilings import CELLS, Ceilings, lowered
from matching_spark.score.coded import Told, tell
from matching_spark.score.comparisons import Listed
from matching_spark.score.components import COSINES, compare_all
from matching_spark.score.kinds import MODALITIES, Modality, pattern_name
from tests.support.calibrations import random_calibration, random_facts

LOST = 6e-5  # of a sum in float32, as scores.SLACK has it


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.integers(1, 60),
    st.sampled_from(MODALITIES),
    st.booleans(),
    st.booleans(),
    st.integers(1, 8),
)
def test_no_bound_is_below_the_score(
    seed: int, queries: int, posts: int, asked: Modality, rising: bool, bare: bool, sparse: int
) -> None:
    """Of pairs of every pattern, lines that rise or not; a query without facts among them, and
    posts without a photo, without words, and with neither; however facts are joined."""
    rng = np.random.default_rng(seed)
    calibration = random_calibration(seed, rising=rising)
    mine = [random_facts(rng, "lost") for _ in range(queries)]
    if bare:
        mine = [Facts() for each in mine]
    held, has = [random_facts(rng) for _ in range(posts)], rng.integers(-1, 3, posts)
    silent = {"category"} if seed % 3 else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "SPARSE", sparse)
        told = Told.of(Listed(held), has)
        values = told.values(mine) if tell(mine) else {}
        spoken = {name: of for name, of in values.items() if name not in silent}
        ceilings = Ceilings.fused(calibration, asked, bool(values))
        sums = ceilings.sums(told, spoken, queries)
    bound = np.sum([table[:, codes] for codes, table in sums], axis=0)
    cosines = _cosines(rng, queries, asked, has)
    score = _scores(calibration, asked, has, cosines, mine, held, silent)
    assert (np.isnan(score) == (bound == -np.inf)).all()
    there = ~np.isnan(score)
    assert (bound >= score - LOST)[there].all()
    for name, each in cosines.items():
        for i, row in enumerate(each):
            # What is known of a cosine may be above it, and below it by MARGIN.
            near = row + rng.choice([-MARGIN, 0, 0.01]).astype(np.float32)
            bound[i] += lowered(ceilings.drops[name], has, near[:, None])[:, 0]
        assert (bound >= score - LOST)[there].all()


@pytest.mark.parametrize("asked", MODALITIES)
def test_the_steepest_is_the_most_that_any_pairs_log_odds_change_by(asked: Modality) -> None:
    """For a change of 1 in every cosine, of pairs of every pattern: else a rough score could err by
    more than is reckoned with, and a post be missing."""
    calibration, tiny = random_calibration(7), 1e-6

    def change(weights: Weights, name: str, x: float) -> float:
        one, other = (weights.contributions({name: x + d})[name] for d in (tiny, -tiny))
        return abs(one - other) / (2 * tiny)

    most = []
    for post, facts in product(MODALITIES, (True, False)):
        weights = calibration.patterns[pattern_name(asked, post, facts)]
        lines = {c.name: weights.points[c.name] for c in COSINES if c.name in weights.points}
        between = {n: [(a + b) / 2 for (a, _), (b, _) in pairwise(x)] for n, x in lines.items()}
        most.append(sum(max(change(weights, n, x) for x in at) for n, at in between.items()))
    assert len({*most}) > 1
    assert calibration.steepest(asked) == pytest.approx(max(most), rel=1e-6)


def test_where_all_is_known_the_bound_is_the_score_but_for_a_cell() -> None:
    rng = np.random.default_rng(0)
    calibration = random_calibration(1, rising=True)
    # As if no pair were bare: of which of two patterns a pair is bounds do not know.
    bare = {
        f"{name} bare": Weights(-99.0, weights.points)
        for name, weights in calibration.patterns.items()
        if "bare" not in name
    }
    calibration = replace(calibration, patterns={**calibration.patterns, **bare})
    has, held = rng.integers(0, 3, 300), [random_facts(rng) for _ in range(300)]
    mine = [random_facts(rng, "lost") for _ in range(4)]
    told = Told.of(Listed(held), has)
    ceilings = Ceilings.fused(calibration, "both", True)
    sums = ceilings.sums(told, told.values(mine), 4)
    bound = np.sum([table[:, codes] for codes, table in sums], axis=0)
    cosines = _cosines(rng, 4, "both", has)
    known = np.any([~np.isnan(each) for each in compare_all(mine, Listed(held)).values()], axis=0)
    for name, each in cosines.items():
        bound += lowered(ceilings.drops[name], has, each.T).T
    score = _scores(calibration, "both", has, cosines, mine, held, set())
    above = (bound - score)[known]
    assert above.max() < (2 / CELLS + 4 * MARGIN) * calibration.steepest("both") + 1e-4


def test_a_bound_without_what_a_cosine_may_be_above_is_seen_to_fail() -> None:
    """The mutation: cells whose bound is that of their lower edge."""
    calibration = random_calibration(2, rising=True)
    ceilings = Ceilings.fused(calibration, "image", False)
    weights = calibration.patterns["image-image bare"]
    cosines = np.linspace(-0.9, 0.85, 999).astype(np.float32)
    score = weights.log_odds({"image-image": cosines}, np.float64)
    right = ceilings.top[0] + lowered(ceilings.drops["image-image"], 0, cosines)
    wrong = np.roll(ceilings.drops["image-image"], 1, axis=1)
    assert (right >= score - 1e-5).all()
    assert (ceilings.top[0] + lowered(wrong, 0, cosines) < score - 1e-5).any()


def _cosines(
    rng: np.random.Generator, queries: int, asked: Modality, has: np.ndarray
) -> dict[str, Float32]:
    """(q, n) those that such pairs have, NaN for missing; some are 1."""
    out = {}
    for cosine in COSINES:
        if asked not in (cosine.query, "both"):
            continue
        sides = [at for at, post in enumerate(MODALITIES) if post in (cosine.post, "both")]
        values = rng.uniform(-1, 1, (queries, len(has)))
        values[rng.random(values.shape) < 0.1] = 1
        out[cosine.name] = np.where(np.isin(has, sides), values, np.nan).astype(np.float32)
    return out


def _scores(
    calibration: Calibration,
    asked: Modality,
    has: Index,
    cosines: dict[str, Float32],
    mine: list[Facts],
    held: list[Facts],
    silent: set[str],
) -> Float64:
    facts = {n: v for n, v in compare_all(mine, Listed(held)).items() if n not in silent}
    return np.asarray(calibration.log_odds(cosines | facts, asked, has), np.float64)
