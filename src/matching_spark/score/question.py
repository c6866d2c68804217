"""The question worth asking: the fact whose answer is expected to settle most of a list in doubt.

What a query does not tell, a person may know. If post i is the thing, an answer a is told with
P(a | i) = q(a) r(a, i) / (the same of all answers), where q is how often a is told of any thing,
and r the likelihood ratio of the two sides' words, by the fact's line; if none of the posts is,
with q(a). Most worth asking is what has the most information about which post it is (Lindley
1956), H(answer) - sum P_i H(answer | i), in bits.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from matching_spark.domain.facts import Facts
from matching_spark.domain.results import Question
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.knn.similarity import Float64
from matching_spark.score import components
from matching_spark.score.calibration import Calibration
from matching_spark.score.comparisons import Listed
from matching_spark.score.components import Fact, Language
from matching_spark.score.kinds import Modality, pattern_name
from matching_spark.score.lines import added

WEEK = 7  # days between a loss and its find that most have fewer of
MAX_DAYS = 1000
LEAST_BITS = 0.05  # less is not worth a person's time
ELSEWHERE = "∅"  # a place that shares no letter with another


class Candidate(NamedTuple):
    """A post of a list. has: of photo and words; probability: that it is the thing."""

    facts: Facts
    has: Modality
    probability: float


def worth_asking(
    calibration: Calibration,
    query: Facts,
    asked: Modality,
    posts: Sequence[Candidate],
    language: Language = "ko",
) -> Question | None:
    """The best question about a list; None where none is worth it.

    What is not among the posts, and that the thing is not here, has the rest of the probability.
    """
    each = questions(calibration, query, asked, posts, language)
    return max((q for q in each if q.bits >= LEAST_BITS), key=lambda q: q.bits, default=None)


def questions(
    calibration: Calibration,
    query: Facts,
    asked: Modality,
    posts: Sequence[Candidate],
    language: Language = "ko",
) -> Iterator[Question]:
    """One for each fact that the query does not tell and that could be answered."""
    if not posts:
        return
    facts = [post.facts for post in posts]
    listed = Listed(facts)
    probability = np.array([post.probability for post in posts])
    for fact in components.FACTS:
        if fact.asks is None or getattr(query, fact.field):
            continue
        answers, often = _answers(fact.field, query, facts)
        told = [replace(query, **{fact.field: answer}) for answer in answers]
        values = fact.rule.block(told, listed) if answers else None
        if values is None:
            continue
        ratios = np.empty(values.shape)
        for has in {post.has for post in posts}:
            mine = [i for i, post in enumerate(posts) if post.has == has]
            ratios[:, mine] = _ratios(calibration, fact, asked, has, values[:, mine])
        given = often[:, None] * ratios
        given /= given.sum(axis=0)
        likely = dict(zip(answers, given @ probability, strict=True))
        named = [a for a in answers if isinstance(a, str) and a != ELSEWHERE]
        yield Question(
            fact.field,
            fact.asks[language],
            tuple(sorted(named, key=lambda answer: -likely[answer])),
            round(information(probability, given, often), 3),
        )


def information(probability: Float64, given: Float64, otherwise: Float64) -> float:
    """The mutual information, in bits, of an answer and of which post it is.

    probability: (n,) of each post; where they come to more than 1 together, as in a list of few
    posts, their shares of it. given: (a, n) of the answers, if it is that post; otherwise: (a,), if
    it is none of them.
    """
    weights = np.append(probability, max(0.0, 1 - probability.sum()))
    weights /= weights.sum()
    each = np.column_stack([given, otherwise])
    return max(0.0, float(_bits(each @ weights) - _bits(each) @ weights))


def _bits(of: Float64) -> Float64:
    """The entropy of distributions, a column each."""
    return np.asarray(-(of * np.log2(np.where(of > 0, of, 1))).sum(axis=0))


def _ratios(
    calibration: Calibration, fact: Fact, asked: Modality, has: Modality, values: Any
) -> Float64:
    """(a, n) how many times as often each answer is told of the things that such posts show."""
    line = calibration.patterns[pattern_name(asked, has, True)].points.get(fact.name)
    if line is None:
        return np.ones(values.shape)
    return np.exp(added(line, values))


def _answers(field: str, query: Facts, posts: Sequence[Facts]) -> tuple[list[Any], Float64]:
    """What may be answered, and how often it is of any thing, (a,).

    A word of a vocabulary by the posts that have it and one more; a day like any other of those
    of the posts, and of a week more (of far ones, those near a post); a place by the posts, with as
    many others as Good and Turing take to be unseen: the share of those that are seen once.
    """
    if field in OF_FACTS:
        telling = OF_FACTS[field].telling
        words = [word for word in OF_FACTS[field].words if word in telling]
        seen = Counter(getattr(each, field) for each in posts)
        often = np.array([seen[word] + 1.0 for word in words])
        return list(words), often / often.sum()
    if field == "happened_on":
        if not (days := sorted(each.happened_on for each in posts if each.happened_on)):
            return [], np.array([])
        before, after = (WEEK, 0) if query.kind == "lost" else (0, WEEK)
        least, most = dt.date.min.toordinal(), dt.date.max.toordinal()
        first, last = days[0].toordinal() - before, days[-1].toordinal() + after
        near: Sequence[int] = range(first, last + 1)
        if len(near) > MAX_DAYS:  # one mistyped year; the days between are nobody's
            numbers = [day.toordinal() for day in days]
            near = sorted({n + d for n in numbers for d in range(-before, after + 1)})[-MAX_DAYS:]
        told = [dt.date.fromordinal(n) for n in near if least <= n <= most]
        return told, np.full(len(told), 1 / len(told))
    places = Counter(each.place for each in posts if each.place)
    if not places:
        return [], np.array([])
    unseen = max(1, sum(n == 1 for n in places.values())) / (places.total() + 1)
    known = np.array(list(places.values())) / places.total() * (1 - unseen)
    return [*places, ELSEWHERE], np.append(known, unseen)
