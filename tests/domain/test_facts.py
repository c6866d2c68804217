"""What is known of a thing beside its looks."""

import datetime as dt
from typing import Any

import pytest

from matching_spark.domain.facts import Facts
from matching_spark.domain.vocabulary import OF_FACTS


@pytest.mark.parametrize(
    "known",
    [
        {"happened_on": dt.date(2026, 11, 27)},
        {"region": "서울"},
        {"place": "강남역"},
        {"point": (37.5, 127.0)},
        {"identifiers": "card-1"},
    ],
)
def test_what_says_when_or_where_is_placed_but_by_the_filter_of_the_list(
    known: dict[str, Any],
) -> None:
    looks = Facts(category="가방", colour="검정")
    assert not looks.placed()
    facts = Facts(category="가방", colour="검정", **known)
    assert facts.placed()
    for silent in OF_FACTS:
        assert facts.placed([silent]) == (known.keys() != {silent})
