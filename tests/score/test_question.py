"""The question worth asking: its information by enumeration, and what is never asked."""

import datetime as dt
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Kind
from matching_spark.domain.results import Question
from matching_spark.domain.vocabulary import COLOUR, REGION
from matching_spark.score.components import compare
from matching_spark.score.posterior import APART, Posterior, Rivals, Scale
from matching_spark.score.question import (
    ELSEWHERE,
    Candidate,
    information,
    questions,
    worth_asking,
)
from tests.support.calibrations import random_calibration

DAY = dt.date(2026, 11, 10)
CALIBRATION = random_calibration(5, rising=True)
SHARES = st.lists(st.floats(0.001, 1), min_size=2, max_size=5)


@given(SHARES, st.lists(SHARES, min_size=3, max_size=3), st.floats(0.1, 1))
def test_information_is_that_of_the_joint_distribution(
    weights: list[float], rows: list[list[float]], together: float
) -> None:
    """By its definition: the sum over answers and posts of p(a, i) log2 p(a, i) / p(a) p(i)."""
    probability = np.array(weights) / sum(weights) * together
    answers = 3
    given_ = np.array([[rows[a][i % len(rows[a])] for i in range(len(weights))] for a in range(3)])
    given_ /= given_.sum(axis=0)
    otherwise = np.full(answers, 1 / answers)
    every = np.append(probability, 1 - probability.sum())
    joint = np.column_stack([given_, otherwise]) * every
    want = 0.0
    for a, i in itertools.product(range(answers), range(len(every))):
        if joint[a, i] > 0:
            want += joint[a, i] * np.log2(joint[a, i] / (joint[a].sum() * joint[:, i].sum()))
    got = information(probability, given_, otherwise)
    assert got == pytest.approx(want, abs=1e-9)
    assert 0 <= got <= np.log2(answers) + 1e-9


def test_posts_that_come_to_more_than_one_are_asked_about_too() -> None:
    """In a list of few posts what is shown may: each of those below FLOOR is worth its own L."""
    scale = Scale(1.0, 0.0, 0.02, 1.0, APART)
    list_ = Posterior(Rivals(posts=5), 0.5, scale)
    each = list_.probability(math.log(9))
    assert 5 * each > 2
    calibration = random_calibration(3, rising=True)
    posts = [
        Candidate(Facts(category="지갑", colour=colour), "image", each)
        for colour in ("검정", "파랑", "빨강", "흰색", "초록")
    ]
    question = worth_asking(calibration, Facts(), "image", posts)
    assert question is not None
    assert question.fact == "colour"


def test_what_all_posts_share_and_what_none_tells_is_not_asked() -> None:
    calibration = random_calibration(3, rising=True)
    same = Facts(category="지갑", colour="검정")
    sure = [Candidate(same, "image", 0.5), Candidate(same, "image", 0.5)]
    each = {q.fact: q for q in questions(calibration, Facts(), "image", sure)}
    assert each.keys() == {"category", "colour"} | {"region"}  # of a region nobody tells a word
    assert each["region"].bits == 0
    assert each["colour"].bits == pytest.approx(0, abs=1e-9)
    told = Facts(category="지갑", colour="검정", region="서울")
    assert list(questions(calibration, told, "image", sure)) == []
    assert worth_asking(calibration, Facts(), "image", sure) is None
    assert worth_asking(calibration, Facts(), "image", []) is None


def test_it_asks_for_what_tells_the_posts_apart() -> None:
    calibration = random_calibration(3, rising=True)
    posts = [
        Candidate(Facts(category="지갑", colour=colour, happened_on=DAY), "image", 0.4)
        for colour in ("검정", "파랑")
    ]
    question = worth_asking(calibration, Facts(), "image", posts, "en")
    assert question is not None
    assert question.fact == "colour"
    assert question.words == "What colour is it?"
    assert set(question.answers[:2]) == {"검정", "파랑"}
    assert len(question.answers) == len(COLOUR.telling)


def test_an_answer_is_as_likely_as_its_line_says() -> None:
    posts = [
        Candidate(Facts(region="서울"), "both", 0.6),
        Candidate(Facts(region="부산"), "image", 0.3),
        Candidate(Facts(), "text", 0.1),
    ]
    words = [word for word in REGION.words if word in REGION.telling]
    often = {word: 1.0 + sum(p.facts.region == word for p in posts) for word in words}
    bits, answers = plainly("region", often, posts)
    region = asked_by_image(posts)["region"]
    assert region.bits == pytest.approx(bits, abs=1e-3)
    assert list(region.answers) == answers


def test_a_place_may_be_one_that_no_post_has() -> None:
    """As often as Good and Turing take it to be: one of three posts has a place of its own."""
    posts = [
        Candidate(Facts(place="강남역"), "both", 0.3),
        Candidate(Facts(place="강남역 2번 출구"), "image", 0.2),
        Candidate(Facts(place="강남역"), "text", 0.1),
        Candidate(Facts(place="해운대"), "text", 0.1),
    ]
    often = {"강남역": 3 / 10, "강남역 2번 출구": 3 / 20, "해운대": 3 / 20, ELSEWHERE: 2 / 5}
    bits, answers = plainly("place", often, posts)
    place = asked_by_image(posts)["place"]
    assert place.bits == pytest.approx(bits, abs=1e-3)
    assert list(place.answers) == [each for each in answers if each != ELSEWHERE]


def asked_by_image(posts: list[Candidate]) -> dict[str, Question]:
    return {q.fact: q for q in questions(CALIBRATION, Facts(), "image", posts)}


def plainly(fact: str, often: dict[str, float], posts: list[Candidate]) -> tuple[float, list[str]]:
    """The information of a fact whose answers are told so often, and its likeliest answers."""
    shares = np.array(list(often.values())) / sum(often.values())
    columns = []
    for post in posts:
        x, y = zip(*CALIBRATION.patterns[f"image-{post.has}"].points[fact], strict=True)
        column = []
        for word, share in zip(often, shares, strict=True):
            told: dict[str, Any] = {fact: word}
            value = compare(Facts(**told), post.facts).get(fact)
            column.append(share * (1 if value is None else np.exp(np.interp(value, x, y))))
        columns.append(np.array(column) / sum(column))
    given_, probability = np.column_stack(columns), np.array([p.probability for p in posts])
    likely = dict(zip(often, given_ @ probability, strict=True))
    bits = information(probability, given_, shares)
    return bits, sorted(often, key=lambda word: -likely[word])


@pytest.mark.parametrize("kind", ["lost", "found"])
@pytest.mark.parametrize("odd", [dt.date.min, dt.date.max, DAY.replace(year=2006)])
def test_one_mistyped_year_does_not_hide_the_other_days(odd: dt.date, kind: Kind) -> None:
    posts = [
        Candidate(Facts(happened_on=day), "image", 0.3)
        for day in (odd, DAY, DAY - dt.timedelta(30))
    ]
    calibration = random_calibration(3, rising=True)
    asked = {q.fact: q for q in questions(calibration, Facts(kind=kind), "image", posts)}
    near = {q.fact: q for q in questions(calibration, Facts(kind=kind), "image", posts[1:])}
    assert asked["happened_on"].bits >= near["happened_on"].bits / 2 > 0
