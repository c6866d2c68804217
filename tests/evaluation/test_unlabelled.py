"""Weights without a label against the truth that made the lists; few decisions never harm."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from matching_spark.domain.facts import Facts
from matching_spark.errors import InputError
from matching_spark.evaluation import learn as learning
from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.learn import learn
from matching_spark.evaluation.logistic import logistic
from matching_spark.evaluation.seen import evidence
from matching_spark.evaluation.sharpen import sharpen
from matching_spark.evaluation.unlabelled import learn_unlabelled, nearest
from matching_spark.operations.unlabelled import checked
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.components import names
from tests.support.labelled import whole_lists


def table(lost: int, found: int, seed: int, scale: float = 1.0) -> LabelledPairs:
    """Whole lists of photos and words, half of whose things are here: a cosine of the same thing is
    higher by two deviations, its facts agree in seven of ten, it is found within two weeks.

    scale: of the cosines: another model's.
    """
    rng = np.random.default_rng(seed)
    same = np.zeros((lost, found), bool)
    here = np.arange(lost // 2)
    same[here, rng.permutation(found)[: len(here)]] = True
    true = same.ravel()
    n = lost * found
    values = {name: np.full(n, np.nan, np.float32) for name in names()}
    for name, gap in (
        ("image-image", 2.0),
        ("text-text", 1.5),
        ("image-text", 0.3),
        ("text-image", 0.3),
    ):
        x = 0.2 + 0.12 * (rng.standard_normal(n) + gap * true)
        values[name] = np.clip(scale * x, -1, 1).astype(np.float32)
    for name, chance in (("category", 0.1), ("colour", 0.2), ("region", 0.1), ("place", 0.02)):
        agrees = rng.random(n) < np.where(true, 0.7, chance)
        values[name] = agrees.astype(np.float32)
    days = np.where(true, rng.integers(0, 14, n), rng.integers(-90, 90, n))
    values["days"] = days.astype(np.float32)
    facts = Facts(category="지갑", region="서울", place="강남역")
    return replace(whole_lists(same, values), facts=(facts,) * lost)


def precision(pairs: LabelledPairs, calibration: Calibration) -> float:
    return float(average_precision_score(pairs.same, evidence(pairs, calibration)))


@pytest.fixture(scope="module", autouse=True)
def fewer() -> Iterator[None]:
    """A third of the different pairs teaches these tables' weights as well, in a third of the time:
    test_evaluate.py and the demo learn from all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "FITTED_PAIRS", 6_000)
        yield


@pytest.fixture(scope="module")
def base() -> Calibration:
    """Learnt from labels, on another model's cosines."""
    return learn(table(200, 140, 1, scale=0.5), "another", {})


@pytest.fixture(scope="module")
def unlabelled() -> LabelledPairs:
    pairs = table(270, 140, 2)
    return replace(pairs, same=np.zeros(len(pairs), bool))


@pytest.fixture(scope="module")
def own(base: Calibration, unlabelled: LabelledPairs) -> Calibration:
    return learn_unlabelled(unlabelled, "own", {"from": "self"}, base, 0.5)


@pytest.fixture(scope="module")
def labelled() -> float:
    """The precision of weights from the labels."""
    return precision(table(150, 140, 3), learn(table(270, 140, 2), "own", {}))


def test_it_orders_pairs_as_labels_do(base: Calibration, own: Calibration, labelled: float) -> None:
    held = table(150, 140, 3)
    assert precision(held, own) > labelled - 0.03
    assert precision(held, base) < labelled - 0.02, "another model's cosines do not do"
    assert own.model == "own"
    # As many as there are: by a mean L of 1, which hangs on few pairs, it was 195.
    assert own.learnt["lost_things_here"] == pytest.approx(135, rel=0.15)
    low, middle, high = own.learnt["cosines"]["image-image"]["same"]
    assert low < middle < high
    assert middle == pytest.approx(0.44, abs=0.05)  # as the table was made


@pytest.mark.long
def test_a_sample_of_lists_too_long_does_too(base: Calibration, labelled: float) -> None:
    pairs = table(280, 140, 2)
    blocks = {name: values.reshape(280, 140) for name, values in pairs.values.items()}
    near = nearest(base, 15, 5)(blocks).ravel()
    assert near[pairs.same].mean() > 0.95, "the true pair is one of them"
    rows = near | (np.random.default_rng(0).random(len(near)) < 0.5)
    unknown = np.zeros(len(pairs), bool)
    some = replace(pairs, same=unknown, weight=np.where(near, 1, 2.0)).take(rows)
    sampled = learn_unlabelled(some, "own", {}, base, 0.5)
    assert precision(table(150, 140, 3), sampled) > labelled - 0.03


def test_too_few_are_refused(base: Calibration, unlabelled: LabelledPairs) -> None:
    few = table(60, 250, 4)
    with pytest.raises(InputError, match=r"\d+ of 60 lost things seem to be here, and 100"):
        learn_unlabelled(few, "own", {}, base, 0.5)
    today = {**unlabelled.values, "days": np.zeros(len(unlabelled), np.float32)}
    with pytest.raises(InputError, match=r"^0 pairs of the table were found more than 14 days"):
        learn_unlabelled(replace(unlabelled, values=today), "own", {}, base, 0.5)


def test_what_cannot_be_the_same_is_refused(own: Calibration) -> None:
    again = list(np.linspace(0.5, 0.95, 50))
    assert checked(own, again).learnt["retakes"][0] == pytest.approx(0.545, abs=0.01)
    assert checked(own, None) == own
    with pytest.raises(InputError, match="one photo in two posts"):
        checked(own, [0.3] * 50)
    looks = {"same": [0.1, 0.3, 0.5], "different": [0.2, 0.4, 0.5]}
    blind = replace(own, learnt={**own.learnt, "cosines": {"image-image": looks}})
    with pytest.raises(InputError, match="the table does not tell who is whose"):
        checked(blind, again)


def test_decisions_sharpen_and_few_do_not_harm(own: Calibration) -> None:
    lists, held = table(270, 140, 5), table(150, 140, 6)
    # Photos are worth more than was learnt.
    worse = own
    for name, weights in own.patterns.items():
        points = {n: p for n, p in weights.points.items() if n != "image-image"}
        points |= (
            {"image-image": tuple((x, 0.3 * y) for x, y in weights.points["image-image"])}
            if ("image-image" in weights.points)
            else {}
        )
        worse = replace(worse, patterns={**worse.patterns, name: replace(weights, points=points)})
    before = precision(held, worse)
    told = evidence(lists, worse).reshape(270, 140)
    shown = np.concatenate([i * 140 + np.argsort(-row)[:4] for i, row in enumerate(told)])
    after = {}
    for decisions in (10, 100, 900):
        draws = []
        for seed in range(3):
            some = np.random.default_rng(seed).choice(shown, decisions, replace=False)
            decided = np.isin(np.arange(len(lists)), some)
            draws.append(precision(held, sharpen(lists, decided, worse, 0.5, {})))
        after[decisions] = float(np.mean(draws))
    assert after[10] > before - 0.002
    assert after[100] > before
    assert after[900] > after[100]
    nothing = sharpen(lists, np.arange(len(lists)) == shown[0], own, 0.5, {})
    assert (nothing.scales, nothing.thresholds, nothing.prior) == (
        own.scales,
        own.thresholds,
        own.prior,
    )
    with pytest.raises(InputError, match="none of the decided pairs can be compared"):
        sharpen(lists, np.zeros(len(lists), bool), own, 0.5, {})


def test_what_is_as_sure_as_may_be_is_sharpened_too(own: Calibration) -> None:
    lists = table(270, 140, 5)
    high = {"image-image": ((0.0, 0.0), (0.4, 15.0)), "text-text": ((0.0, 0.0), (0.4, 14.99))}
    patterns = {
        name: Weights(0.0, {n: p for n, p in high.items() if n in weights.points})
        for name, weights in own.patterns.items()
    }
    sharpened = sharpen(lists, lists.same, replace(own, patterns=patterns), 0.5, {})
    assert sharpened.patterns["both-both"] != patterns["both-both"]


def test_few_labels_stay_near_what_was_known(own: Calibration) -> None:
    held = table(150, 140, 6)
    some = table(270, 140, 5)
    kept = some.take(np.isin(some.lost, np.flatnonzero(some.same.reshape(270, 140).any(1))[:5]))
    assert int(kept.same.sum()) == 5 < learning.MIN_TRUE_PAIRS
    assert precision(held, learn(kept, "own", {}, own)) > precision(held, own) - 0.01


def test_logistic_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 4))
    same = rng.random(500) < 1 / (1 + np.exp(-x @ [1, -1, 0.5, 0]))
    weight = rng.uniform(0.5, 2, 500)
    of, intercept = logistic(x, same, weight, np.zeros(500), np.array([2.0] * 4 + [1e12]))
    theirs = LogisticRegression(C=2.0, solver="newton-cholesky").fit(x, same, weight)
    assert of == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-3)
    # From where it ends, there is nothing to learn but what the ridge held back.
    more, _ = logistic(x, same, weight, x @ of + intercept, np.array([1e-6] * 4 + [1e12]))
    assert np.abs(more).max() < 1e-3
