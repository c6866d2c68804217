"""A question worth asking, and the query that its answer makes."""

import datetime as dt
from dataclasses import replace
from typing import Any

from matching_spark.domain.dates import parse_date
from matching_spark.domain.posts import clean, seoul_today
from matching_spark.domain.results import Question
from matching_spark.domain.sentences.days import days_said, the_day
from matching_spark.errors import InputError
from matching_spark.search.query import Query


def answered(query: Query, question: Question, said: str, today: dt.date | None = None) -> Query:
    """The query with one fact more. said: a word of the vocabulary in any spelling, a place, or a
    day in any form, as 어제 or 2026-11-03 is. today: None is the day in Seoul.

    Raises InputError, with what can be said, for an answer that is none.
    """
    if not (word := clean(said)):
        raise InputError("that says nothing: answer with a word, or with a day as 2026-11-03")
    if question.fact == "happened_on":
        days = days_said(word.casefold(), today or seoul_today())
        return replace(query, happened_on=the_day(days) or parse_date(word))
    told: dict[str, Any] = {question.fact: word}
    return replace(query, **told)
