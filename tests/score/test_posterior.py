"""A list's probabilities: Bayes' rule by brute force, the same over any split of the posts."""

import datetime as dt
import itertools
import math
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters
from matching_spark.errors import UsageError
from matching_spark.knn.similarity import Float64, unit
from matching_spark.score.calibration import Calibration
from matching_spark.score.kinds import ANY, FILTERS
from matching_spark.score.posterior import CAP, FLOOR, Costs, Posterior, Rivals, Scale, exact_parts
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import TaskOutcome
from matching_spark.search.scan import scan, scan_all
from matching_spark.search.scores import posteriors, reasoned
from matching_spark.shards.shard import load
from tests.support import brute
from tests.support.calibrations import components, probability, random_calibration, random_facts
from tests.support.shards import DIMENSION, with_facts, worlds, write_file

NUMBERS = st.lists(st.floats(0, 1e15), max_size=60)


@given(NUMBERS, st.integers(0, 60))
def test_a_sum_is_exact_over_any_split(numbers: list[float], at: int) -> None:
    parts = exact_parts(numbers)
    assert sum(map(Fraction, parts)) == sum(map(Fraction, numbers))
    split = exact_parts([*exact_parts(numbers[:at]), *exact_parts(numbers[at:])])
    assert split == parts


def by_doubles(below: float, times: float, hidden: float) -> tuple[float, float]:
    """How many times as often as usual the thing is one of those above, and one of those below,
    where it has so many times as many doubles: the odds are that to the power `hidden` as much."""
    usual = min(below, 1.0)
    if usual in (0, 1):  # always above, or never: then what is there all the same counts so
        return (times**hidden) ** usual, 1.0
    odds = (1 - usual) / usual * times**hidden
    return odds / (1 + odds) / (1 - usual), 1 / (1 + odds) / usual


@given(
    st.lists(st.floats(FLOOR, 30), max_size=20),
    st.integers(0, 10**6),
    st.floats(0.01, 0.99),
    st.builds(
        Scale,
        slope=st.just(1.0),
        level=st.just(0.0),
        above=st.floats(0, 1),
        below=st.sampled_from([0.0, 1.0]) | st.floats(0.001, 10),
        alike=st.floats(0.1, 10),
        keen=st.sampled_from([1.0]) | st.floats(0.5, 2),
        hidden=st.sampled_from([0.0]) | st.floats(0, 1),
        usual=st.floats(0.01, 10),
    ),
)
def test_probabilities_are_bayes_rule(
    above: list[float], others: int, here: float, scale: Scale
) -> None:
    posts, keen = len(above) + others, scale.keen
    of = Posterior(Rivals.of(posts, above, keen), here, scale)
    if not posts:
        assert of.not_here == 1
        return
    # Each post is as likely as another before it is looked at; those below have the mean L.
    # Those that look like it, but for the best, are as many as are expected of any, or more.
    doubles = sum(sorted(min(math.exp(each), CAP) for each in above)[:-1])
    crowd = (scale.alike + doubles) / (scale.alike + scale.above * posts)
    prior = here / posts
    # What those above have together they share by the power of their L.
    together = math.fsum(map(math.exp, above)) / max(
        math.fsum(math.exp(keen * e) for e in above), 1
    )
    more, less = by_doubles(scale.below, crowd / scale.usual, scale.hidden)
    joint = [prior * together * math.exp(keen * each) * more / crowd for each in above]
    whole = sum(joint) + prior * scale.below * less * others + 1 - here
    assert of.not_here == pytest.approx((1 - here) / whole)
    for each, want in zip(above, joint, strict=False):
        assert of.probability(each) == pytest.approx(want / whole)
    assert sum(map(of.probability, above)) + of.not_here <= 1 + 1e-9


@given(
    st.lists(st.floats(FLOOR, 12), max_size=20), st.integers(1, 10**4), st.floats(0.5, 2),
    st.lists(st.floats(-5, 12), min_size=2, max_size=9), st.floats(0.5, 2), st.floats(0, 1),
)  # fmt: skip
def test_more_evidence_is_never_less_probable(
    above: list[float], others: int, slope: float, told: list[float], keen: float, hidden: float
) -> None:
    scale = Scale(slope, 0.3, 0.01, 0.5, 0.7, keen, hidden)
    of = Posterior(Rivals.of(len(above) + others, above, keen), 0.5, scale)
    each = [of.probability(x) for x in sorted(told)]
    assert each == sorted(each)


@given(
    st.lists(st.floats(FLOOR, 30), max_size=3),
    st.lists(st.floats(-5, FLOOR, exclude_max=True), min_size=1, max_size=3),
    st.floats(0.01, 0.99),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.5, 2),
    st.floats(0, 1),
)
def test_it_is_a_probability_in_a_list_of_few_posts_too(
    above: list[float],
    others: list[float],
    here: float,
    below: float,
    share: float,
    keen: float,
    hidden: float,
) -> None:
    scale = Scale(1, 0, share, below, 0.7, keen, hidden)
    of = Posterior(Rivals.of(len(above) + len(others), above, keen), here, scale)
    each = [of.probability(x) for x in sorted([*above, *others])]
    assert each == sorted(each)
    assert each[0] > 0
    assert each[-1] + of.not_here_beside(each[-1]) <= 1 + 1e-9
    assert each[-1] <= 1 + 1e-9


def test_one_post_that_is_a_little_alike_is_not_it_without_a_doubt() -> None:
    # L = 9 of one post that is here or not with even chances: 9 to 1.
    of = Posterior(Rivals.of(1, []), 0.5, Scale(1, 0, 0, 0.1, 1))
    assert of.probability(math.log(9)) == pytest.approx(0.9)


def test_it_falls_with_the_table_and_is_shared_by_what_looks_alike() -> None:
    scale = Scale(1, 0, 0.1, 0.01, 50)
    alone = Posterior(Rivals.of(300, [8.0]), 0.5, scale)
    in_many = Posterior(Rivals.of(30_000, [8.0] + [3.0] * 29), 0.5, scale)
    twenty = Posterior(Rivals.of(300, [8.0] * 20), 0.5, scale)
    assert alone.probability(8) > 0.9 > 0.4 > in_many.probability(8)
    assert twenty.probability(8) < 0.05
    # Such things are many, here or not: the more there are the less each of them says.
    assert twenty.not_here > alone.not_here


@given(
    st.lists(st.floats(FLOOR, 12), max_size=10),
    st.lists(st.floats(FLOOR, 12), max_size=30),
    st.integers(1, 10**4),
    st.floats(0.5, 2),
    st.floats(0, 1),
    st.floats(-2, 12),
)
@example([], [3.0], 47, 0.5, 0.0, 0.0)
@example([2.5], [9.0] * 3, 300, 0.8, 0.0, 5.0)
@example([2.5], [9.0] * 3, 300, 0.8, 1.0, 5.0)
def test_no_other_posts_make_one_likelier_than_at_most(
    above: list[float], more: list[float], others: int, keen: float, hidden: float, told: float
) -> None:
    # A list of different posts brings as many doubles as are expected, or fewer.
    scale = Scale(1, 0, 0, 0.1, 20, keen, hidden)
    before = Posterior(Rivals.of(len(above) + others, above, keen), 0.5, scale)
    after = [*above, *more]
    of = Posterior(Rivals.of(len(after) + others, after, keen), 0.5, scale)
    if not above or math.exp(told) <= before.rivals.best:
        assert of.probability(told) <= before.at_most(told) * (1 + 1e-9)


def test_the_nearest_of_many_that_look_alike_has_more_of_what_they_have_together() -> None:
    scale = Scale(1, 0, 0.5, 0.2, 25)
    above = [3.0] * 20 + [5.0]
    one, keen = (
        Posterior(Rivals.of(300, above, power), 0.5, replace(scale, keen=power))
        for power in (1, 1.4)
    )
    assert keen.not_here == one.not_here
    assert keen.probability(5) > 1.5 * one.probability(5)
    together = [sum(map(of.probability, above)) for of in (one, keen)]
    assert together[0] == pytest.approx(together[1])


def test_what_hides_the_doubles_of_a_thing_hides_the_thing_too() -> None:
    plain = Scale(1, 0, 0.5, 0.25, 25)
    hidden = replace(plain, hidden=0.2)

    def not_here(scale: Scale, *above: float) -> float:
        return Posterior(Rivals.of(300, map(math.log, above)), 0.5, scale).not_here

    # Nothing looks like it: of what is here a quarter is usually so.
    assert not_here(plain) == pytest.approx(0.8)
    assert 0.7 < not_here(hidden) < 0.76
    as_usual = (75.0, 75.0, 75.0)  # 150 of 0.5 a post
    assert not_here(hidden, *as_usual) == pytest.approx(not_here(plain, *as_usual))


def test_bands_follow_from_costs() -> None:
    costs = Costs(false_alarm=20, miss=100)
    assert [costs.band(p) for p in (0.96, 0.95, 0.9, 0.01, 0.009)] == [
        *("propose", "propose", "ask", "ask", "below")
    ]
    with pytest.raises(UsageError, match="a miss at 2 no look pays"):
        Costs(false_alarm=2, miss=2)


def test_of_one_filter_a_scale_is_the_learnt_one_and_of_several_each_counts() -> None:
    by = random_calibration(1).scales["image"]

    def relative(scale: Scale) -> Float64:
        """To that without a filter: ln of what L is divided by, and the two factors."""
        of, every = ((s.level, math.log(s.above), math.log(s.below)) for s in (scale, by[ANY]))
        return np.subtract(of, every)

    for count in range(len(FILTERS) + 1):
        for silent in itertools.combinations(FILTERS, count):
            scale = random_calibration(1).scale("image", frozenset(silent))
            want = sum((relative(by[name]) for name in silent), np.zeros(3))
            assert relative(scale) == pytest.approx(want)


def test_what_filters_let_through() -> None:
    calibration = replace(random_calibration(1), days=(-1.0, 0.0, 2.0, 10.0))
    day = dt.date(2026, 11, 10)
    lost = Facts(happened_on=day)
    passes = calibration.passes
    assert calibration.passing(Filters(), lost) == 1
    assert calibration.passing(Filters(colour="검정"), lost) == passes["colour"]
    assert calibration.passing(Filters(since=day), Facts()) == passes["dated"]
    before = calibration.passing(Filters(until=day - dt.timedelta(days=20)), lost)
    after = calibration.passing(Filters(since=day), lost)
    both = calibration.passing(Filters(until=day - dt.timedelta(days=1)), lost)
    assert before == 0
    assert after + both == pytest.approx(passes["dated"])
    # A find is dated after the loss: of the days that three equal shares end in, from half a day
    # before it on.
    assert after == pytest.approx(passes["dated"] * (1 - 0.5 / 3))
    found = calibration.passing(Filters(until=day), Facts(happened_on=day, kind="found"))
    assert found == pytest.approx(after)


def brute_ratios(
    item: QueryItem,
    posts: list[brute.Plain],
    facts: dict[str, Facts],
    calibration: Calibration,
    filtered: str | None,
    word: str,
) -> dict[str, float]:
    """L of each post that the query could find, from the definitions alone."""
    query = brute.Plain(
        "q", np.empty((0, DIMENSION)) if item.image is None else item.image[None], item.text
    )
    ratios = {}
    for post in posts:
        own = facts[post.post_id]
        if post.post_id in item.exclude:
            continue
        if filtered is not None and getattr(own, filtered) != word:
            continue
        there = components(query, item.facts, post, own)
        score = probability(calibration, {n: v for n, v in there.items() if n != filtered})
        if score is not None:
            ratios[post.post_id] = score / (1 - score) * math.exp(-calibration.prior)
    return ratios


@settings(max_examples=40)
@given(
    worlds(),
    st.sampled_from(["image", "text", "both"]),
    st.sampled_from([None, "category", "colour"]),
    st.integers(0, 2**32),
)
def test_any_split_gives_the_same_probabilities(
    world: tuple[list[brute.Plain], list[int], set[str]],
    asked: str,
    filtered: str | None,
    seed: int,
) -> None:
    posts, splits, deleted = world
    rng = np.random.default_rng(seed)
    calibration = random_calibration(seed)
    facts = {post.post_id: random_facts(rng) for post in posts}
    images = unit(rng.normal(size=(2, DIMENSION)))
    items = []
    for image in images:
        text = unit(rng.normal(size=DIMENSION))
        item = QueryItem(
            None if asked == "text" else image,
            None if asked == "image" else text,
            random_facts(rng, "lost"),
            exclude=frozenset(post.post_id for post in posts[:1]),
        )
        items.append(item)
    word = "지갑" if filtered == "category" else "검정"
    where = Filters(
        category=word if filtered == "category" else None,
        colour=word if filtered == "colour" else None,
    )
    scoring = Scoring(calibration=calibration, threshold=-1.0)
    request = Request(tuple(items), where, 5, scoring, rivals=True)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for edges in ([0, *splits, len(posts)], [0, len(posts)]):
            shards = []
            for n, (a, b) in enumerate(itertools.pairwise(edges)):
                path = Path(folder) / f"{len(edges)}-{n}.parquet"
                file = with_facts(write_file(path, posts[a:b], deleted), facts)
                shards.append(load(file, DIMENSION))
            outcomes.append(TaskOutcome.of(scan_all(shards, request), request))
            apart = [TaskOutcome.of([scan(shard, request)], request) for shard in shards]
            joined = [Rivals.joined([each.rivals[i] for each in apart]) for i in range(2)]
            assert joined == outcomes[-1].rivals
    assert outcomes[0].rivals == outcomes[1].rivals
    lists = posteriors(request, outcomes[0].rivals)
    for item, of, matches in zip(items, lists, outcomes[0].matches, strict=True):
        assert of is not None
        ratios = brute_ratios(item, posts, facts, calibration, filtered, word)
        ratios = {i: r for i, r in ratios.items() if i not in deleted}
        told = {i: of.scale.evidence(math.log(r)) for i, r in ratios.items()}
        if any(abs(each - FLOOR) < 1e-6 for each in told.values()):
            continue  # which side of the floor it is on, brute force cannot say
        above = {i: math.exp(each) for i, each in told.items() if each >= FLOOR}
        assert (of.rivals.posts, of.rivals.above) == (len(ratios), len(above))
        assert math.fsum(of.rivals.parts) == pytest.approx(sum(above.values()), rel=1e-4)
        for match in reasoned(matches, request, of, "ko"):
            want = of.probability(math.log(ratios[match.post_id]))
            assert match.probability == pytest.approx(want, rel=1e-4)
