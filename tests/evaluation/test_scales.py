"""Scales of lists: found again where they are known, and lists by them are as sure as they say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from matching_spark.evaluation.labelled import LabelledPairs
from matching_spark.evaluation.lists import EVERYTHING, lists
from matching_spark.evaluation.scales import _Lists, crowds, learn_scales, unit_scales
from matching_spark.evaluation.seen import Asked, seen
from matching_spark.score.calibration import Calibration, Weights
from matching_spark.score.components import names
from matching_spark.score.kinds import ANY, DATED, FILTERS, PATTERNS, QUERY_KINDS
from matching_spark.score.posterior import APART, FLOOR, UNLEARNT, Posterior, Rivals, Scale
from tests.support.labelled import whole_lists

PHOTO = Asked("image", told=())
NEAR = 0.05  # share of different posts that look like the thing, on average


def plain() -> Calibration:
    """Its log-odds are the "cosine" of two photos itself."""
    line = {"image-image": ((-15.0, -15.0), (30.0, 30.0))}
    return Calibration(
        "plain",
        dict.fromkeys(PATTERNS, Weights(0.0, line)),
        dict.fromkeys(QUERY_KINDS, 0.0),
        0.0,
        dict.fromkeys(QUERY_KINDS, dict.fromkeys((ANY, *FILTERS), UNLEARNT)),
        dict.fromkeys((*FILTERS, DATED), 1.0),
        (0.0, 0.0),
    )


def drawn(
    seed: int, slope: float, shape: float, many: int = 1_000, posts: int = 200
) -> LabelledPairs:
    """Lists of which half hold the thing; log-odds are 1 / slope of what they are worth. shape: of
    the rate at which different posts look like the thing, which is gamma distributed."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(shape, 1 / shape, many)
    near = rng.random((many, posts)) < np.minimum(1, NEAR * rates)[:, None]
    told = 2 * np.where(near, rng.normal(4, 1, near.shape), -9)
    same = np.zeros(near.shape, bool)
    same[: many // 2, 0] = True
    told[: many // 2, 0] = 2 * rng.normal(6, 1, many // 2)
    values = {name: np.full(near.size, np.nan, np.float32) for name in names()}
    values["image-image"] = (told.ravel() / slope).astype(np.float32)
    return whole_lists(same, values)


def veiled(seed: int, hidden: float, many: int = 2_000, posts: int = 200) -> LabelledPairs:
    """Lists of which half hold the thing, and log-odds that are ln L. What hides doubles hides the
    thing: the odds that it looks like what it is are 3 times the list's rate to the power."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, 1.0, many)
    near = rng.random((many, posts)) < np.minimum(1, NEAR * rates)[:, None]
    same = np.zeros(near.shape, bool)
    same[: many // 2, 0] = True
    odds = 3 * rates[: many // 2] ** hidden
    near[same] = rng.random(many // 2) < odds / (1 + odds)
    # Of a normal x with deviation 1 as `drawn` has it, and of nothing that is seen.
    x = rng.normal(np.where(same, 6, 4), 1)
    told = np.where(near, 2 * x - 10 + np.log(0.75 / NEAR), np.log(0.25 / (1 - NEAR)))
    values = {name: np.full(near.size, np.nan, np.float32) for name in names()}
    values["image-image"] = told.ravel().astype(np.float32)
    return whole_lists(same, values)


def worth(calibration: Calibration, **other: float) -> Calibration:
    """With another a or power in all scales."""
    scales = {
        kind: {only: replace(of, **other) for only, of in by.items()}
        for kind, by in calibration.scales.items()
    }
    return replace(calibration, scales=scales)


def sharing(calibration: Calibration, alike: float) -> Calibration:
    """With another a, and by L itself."""
    return worth(calibration, alike=alike, keen=1.0, hidden=0.0)


def learnt(pairs: LabelledPairs) -> Calibration:
    scales, few = learn_scales(pairs, plain(), None)
    there = (PHOTO.kind, "both bare")  # who has no words asks by the photo alone
    assert set(few) == {f"scales of {kind}" for kind in QUERY_KINDS if kind not in there}
    assert scales[EVERYTHING.kind] == dict.fromkeys((ANY, *FILTERS), UNLEARNT)
    return replace(plain(), scales=scales)


@pytest.mark.parametrize(("slope", "shape"), [(1.0, 0.3), (1.5, 0.7), (0.8, 4.0)])
def test_scales_are_found_again_and_lists_are_as_sure_as_they_say(
    slope: float, shape: float
) -> None:
    calibration = learnt(drawn(1, slope, shape))
    scale = calibration.scale(PHOTO.kind)
    # Of a normal x with deviation 1, 4 on average of these and 6 of the thing itself, the
    # likelihood ratio is exp(2 x - 10) / NEAR: the slope of what is told is what was drawn.
    assert scale.slope == pytest.approx(slope, rel=0.15)
    # The more alike the rates of doubles are, the more it takes to believe in another.
    assert 1 < scale.alike < 1e4
    held = drawn(2, slope, shape, many=4_000)
    figures = lists(held, calibration, 0.5, PHOTO).figures()
    errors = [figures[part]["expected_calibration_error"] for part in ("first", "not_here")]
    assert max(errors) < 0.06
    # Without the rate of what looks alike they are not: the less so the more rates differ.
    blind = lists(held, sharing(calibration, APART), 0.5, PHOTO).figures()
    others = [blind[part]["expected_calibration_error"] for part in ("first", "not_here")]
    assert sum(others) > (2 if shape < 0.5 else 1.2) * sum(errors)


@pytest.mark.parametrize("shape", [0.3, 1.0])
def test_how_lists_differ_shows_without_a_label(shape: float) -> None:
    pairs, held = drawn(1, 1.0, shape, many=600), drawn(2, 1.0, shape)
    labelled = learnt(pairs)
    blind = sharing(labelled, crowds(pairs.take(~pairs.same), labelled))

    def errors(calibration: Calibration) -> float:
        figures = lists(held, calibration, 0.5, PHOTO).figures()
        each = (figures[part]["expected_calibration_error"] for part in ("first", "not_here"))
        return float(sum(each))

    assert errors(blind) < errors(labelled) + 0.03
    assert errors(sharing(labelled, APART)) > errors(blind) + 0.03


def test_what_hides_the_doubles_and_the_thing_is_found_again() -> None:
    calibration, held = learnt(veiled(1, 1.0)), veiled(2, 1.0)
    assert learnt(veiled(1, 0.0)).scale(PHOTO.kind).hidden < 0.2
    assert calibration.scale(PHOTO.kind).hidden > 0.7

    def too_sure(of: Calibration) -> float:
        """That a thing is not here, where nothing looks like it."""
        each = lists(held, of, 0.5, PHOTO)
        none = each.not_here >= 0.98 * each.not_here.max()
        return float((each.not_here - each.absent)[none].mean())

    assert too_sure(calibration) < 0.7 * too_sure(worth(calibration, hidden=0.0))


def test_lists_that_are_alike_say_nothing_of_one_another() -> None:
    alone, together = drawn(1, 1.0, 1_000.0, many=300), drawn(1, 1.0, 0.5, many=300)
    weights = learnt(together)
    assert crowds(alone.take(~alone.same), weights) > 20 * crowds(
        together.take(~together.same), weights
    )


def test_within_a_filter_different_things_have_a_mean_of_one() -> None:
    pairs = drawn(1, 1.0, 0.5, many=300)
    same_colour = np.random.default_rng(0).random(len(pairs)) < 0.3
    # What is of one colour looks alike more often.
    pairs.values["image-image"][same_colour & ~pairs.same] += 2
    pairs.values["colour"] = same_colour.astype(np.float32)
    pairs = replace(pairs, facts=tuple(replace(each, colour="검정") for each in pairs.facts))
    different = pairs.take(~pairs.same)
    none = pairs.take(np.zeros(len(pairs), bool))
    scales = unit_scales(different, none, plain())[PHOTO.kind]
    assert (scales[ANY].slope, scales[ANY].level) == (1.0, 0.0)
    view = seen(different, replace(PHOTO, only="colour"), plain())
    assert np.exp(scales["colour"].evidence(view.told)).mean() == pytest.approx(1, abs=0.02)
    assert scales["region"] == scales[ANY], "no pair has one"
    assert unit_scales(different, none, plain())["text"][ANY] == UNLEARNT, "no pair has words"


@pytest.mark.parametrize("seed", range(4))
def test_a_level_within_a_filter_hangs_on_no_few_pairs(seed: int) -> None:
    """Log-odds of a known likelihood ratio, moved by 1.5. The mean of that ratio is 1, but one pair
    in some thousands brings most of it: of so many pairs it is off by far more."""
    rng = np.random.default_rng(seed)
    many, posts, moved, wide = 300, 61, 1.5, 3.5
    same = np.zeros((many, posts), bool)
    same[:, 0] = True
    told = moved + wide * rng.standard_normal(same.shape) + np.where(same, 1, -1) * wide**2 / 2
    values = {name: np.full(same.size, np.nan, np.float32) for name in names()}
    values["image-image"] = told.ravel().astype(np.float32)
    values["colour"] = np.ones(same.size, np.float32)
    pairs = whole_lists(same, values)
    pairs = replace(pairs, facts=tuple(replace(each, colour="검정") for each in pairs.facts))
    # Each true pair as two of which each is half of one.
    likely = pairs.take(np.repeat(np.flatnonzero(pairs.same), 2))
    likely = replace(likely, weight=np.full(len(likely), 0.5))
    different = pairs.take(~pairs.same)
    level = unit_scales(different, likely, plain())[PHOTO.kind]["colour"].level
    assert level == pytest.approx(moved, abs=0.3)
    different.values["image-image"][np.argsort(different.values["image-image"])[-3:]] += 4
    again = unit_scales(different, likely, plain())[PHOTO.kind]["colour"].level
    assert again == pytest.approx(level, abs=0.05), "three of 18,000"


def test_the_answers_of_lists_are_as_likely_as_their_posteriors_say() -> None:
    pairs = drawn(3, 1.2, 1.0, many=60, posts=40)
    pairs.values["image-image"][np.flatnonzero(pairs.same)[::5]] = 1.0  # one of those below
    scale = Scale(1.1, 0.7, 0.02, 0.3, 0.7, 1.2, 0.3, 0.5)
    of = _Lists.of(pairs, seen(pairs, PHOTO, plain()))
    of = replace(of, different=np.zeros(len(of.different)))
    want = []
    for start, stop in pairs.runs():
        told = pairs.values["image-image"][start:stop].astype(np.float64)
        same = pairs.same[start:stop]
        each = [x for x in scale.evidence(told).tolist() if x >= FLOOR]
        share = (of.here.sum() + 1) / 62
        list_ = Posterior(Rivals.of(stop - start, each, scale.keen), share, scale)
        if not same.any():
            want.append(math.log(list_.not_here))
        elif scale.evidence(true := float(told[same][0])) >= FLOOR:
            want.append(math.log(list_.probability(true)))
        else:
            those_above = math.fsum(list_.probability(scale.told(x)) for x in each)
            want.append(math.log(1 - list_.not_here - those_above))
    assert of.surprise(scale) == pytest.approx(-np.mean(want))


def test_too_few_whole_lists_leave_what_there_was() -> None:
    pairs = drawn(4, 1.0, 1.0, many=150, posts=20)
    base = learnt(drawn(1, 1.0, 0.7))
    few = replace(pairs, whole=np.arange(150) < 99)
    scales, inherited = learn_scales(few, plain(), base)
    assert scales == base.scales
    assert inherited == [f"scales of {kind}" for kind in QUERY_KINDS]


def test_pairs_that_are_named_alone_are_no_list() -> None:
    """Those that were rejected look alike: beside whole lists they would be most of a filter's."""
    pairs = drawn(5, 1.0, 1.0, many=300, posts=60)
    pairs.values["colour"] = (np.arange(len(pairs)) % 6 == 0).astype(np.float32)
    facts = tuple(replace(each, colour="검정") for each in pairs.facts)
    whole = np.arange(300) % 3 != 0
    told = pairs.values["image-image"]
    named = whole[pairs.lost] | (told > 0)
    mixed = replace(pairs, facts=facts, whole=whole).take(named)
    alone = mixed.take(whole[mixed.lost])
    assert learn_scales(mixed, plain(), None) == learn_scales(alone, plain(), None)
