"""What is known of a thing beside its looks."""

import datetime as dt
from dataclasses import replace

from matching_spark.domain.facts import TOPICS, Facts
from matching_spark.domain.vocabulary import OF_FACTS

DAY = dt.date(2026, 11, 27)
EVERY = Facts("가방", "검정", "서울", "강남역", DAY, "lost", (37.5, 127.0), "card-1")


def test_a_fact_tells_of_one_topic_unless_it_is_the_filter_of_the_list() -> None:
    fields = [field for of in TOPICS.values() for field in of]
    assert sorted(fields) == sorted({*vars(EVERY)} - {"kind"}), "each fact is of one topic"
    for topic, of in TOPICS.items():
        for field in of:
            facts = replace(Facts(), **{field: getattr(EVERY, field)})
            assert facts.told() == (topic,)
            assert facts.told([field]) == ()
    assert EVERY.told() == EVERY.told([*OF_FACTS]) == tuple(TOPICS)
    assert Facts().told() == ()
