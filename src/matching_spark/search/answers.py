"""What a list answers: its matches with reasons, whether the thing is here, what else to ask."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from matching_spark.domain.facts import Facts
from matching_spark.domain.results import Match, Question
from matching_spark.score.components import Language
from matching_spark.score.kinds import sides
from matching_spark.score.question import Candidate, worth_asking
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.query import SearchOptions
from matching_spark.search.request import QueryItem, Request
from matching_spark.search.scores import posteriors, reasoned


class Answer(NamedTuple):
    """Of a query, as SearchResult has it."""

    matches: tuple[Match, ...]
    not_here: float | None
    nothing: bool
    question: Question | None


def answers(request: Request, outcome: SearchOutcome, options: SearchOptions) -> list[Answer]:
    """Of each query, by its matches and by all that it could have found."""
    out = []
    lists = posteriors(request, outcome.rivals)
    for query, found, of in zip(request.queries, outcome.matches, lists, strict=True):
        told = reasoned(found, request, of, options.language)
        if not outcome.complete:
            out.append(Answer(tuple(map(_of_a_part, told)), None, nothing=False, question=None))
            continue
        first = max((match.probability or 0.0 for match in told), default=0.0)
        not_here = None if of is None else of.not_here_beside(first)
        nothing = not told if not_here is None else not_here >= options.costs.absent
        question = question_of(query, told, request, options.language) if options.ask else None
        out.append(Answer(told, not_here, nothing, question))
    return out


def _of_a_part(match: Match) -> Match:
    """A match of a list that was cut short. What was not looked at can only make its probability
    less: of the bands that leaves `below` as it is, and of the others no more than a look."""
    band = "ask" if match.band == "propose" else match.band
    return replace(match, probability=None, band=band)


def question_of(
    query: QueryItem, matches: Sequence[Match], request: Request, language: Language
) -> Question | None:
    """About the matches of a query; None by cosine, where there is none, or the first is likely.

    What is filtered by is not asked for: all that may be found have the same.
    """
    calibration = request.scoring.calibration
    if calibration is None or not matches or matches[0].band == "propose":
        return None
    posts = [
        Candidate(
            Facts(m.category, m.colour, m.region, m.place, m.happened_on),
            sides(m.components)[1],
            m.probability or 0.0,
        )
        for m in matches
    ]
    where = {name: getattr(request.where, name) for name in request.silent}
    told = replace(query.facts, **where)
    return worth_asking(calibration, told, query.has, posts, language)
