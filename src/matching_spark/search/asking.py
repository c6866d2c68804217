"""Whether the answer to a search leaves a question worth asking."""

from collections.abc import Sequence
from dataclasses import replace

from matching_spark.domain.facts import Facts
from matching_spark.domain.results import Match, Question
from matching_spark.score.calibration import sides
from matching_spark.score.components import Language
from matching_spark.score.question import Candidate, worth_asking
from matching_spark.search.request import QueryItem, Request


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
