"""The names of what is weighed alike: queries by what they tell, pairs by what both sides have."""

from collections.abc import Mapping
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from matching_spark.domain.facts import TOPICS, Topic
from matching_spark.domain.vocabulary import OF_FACTS
from matching_spark.knn.similarity import Index, Mask
from matching_spark.score import components

Modality = Literal["image", "text", "both"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
ANY = "any"  # no filter
FILTERS = tuple(OF_FACTS)  # facts that are filters too
DATED = "dated"


def modality(image: bool, text: bool) -> Modality:
    """What of a photo and words a query or a post has. Raises ValueError when it has neither."""
    if not image and not text:
        raise ValueError("neither a photo nor words")
    return "both" if image and text else "image" if image else "text"


def places(image: Mask, text: Mask) -> Index:
    """(n,) `modality` of each of n posts as its place in MODALITIES; -1 for neither."""
    out = np.full(len(image), -1)
    for i, t in ((True, False), (False, True), (True, True)):
        out[(image == i) & (text == t)] = MODALITIES.index(modality(i, t))
    return out


def kind_name(asked: Modality, told: tuple[Topic, ...]) -> str:
    """A kind of query, by which scales and thresholds stand: what it has, and what its facts tell
    unless that is all, or "bare" where it is nothing. told: in the order of TOPICS."""
    return asked if told == ALL else " ".join((asked, *(told or ("bare",))))


ALL = tuple(TOPICS)
TOLD = tuple(some for many in (3, 2, 1, 0) for some in combinations(ALL, many))
QUERY_KINDS = tuple(kind_name(asked, told) for told in TOLD for asked in MODALITIES)


def pattern_name(query: Modality, post: Modality, facts: bool) -> str:
    """Which model a pair is scored by: photos weigh more where nothing else is known."""
    return f"{query}-{post}" if facts else f"{query}-{post} bare"


PATTERNS = tuple(
    pattern_name(query, post, facts)
    for facts in (True, False)
    for query in MODALITIES
    for post in MODALITIES
)


def sides(values: Mapping[str, float]) -> tuple[Modality, Modality]:
    """What the query and the post of a pair have, by the components that it has."""
    there = [each for each in components.COSINES if each.name in values]
    query, post = {each.query for each in there}, {each.post for each in there}
    return modality("image" in query, "text" in query), modality("image" in post, "text" in post)


def pattern(values: Mapping[str, float]) -> str:
    """The pattern of a pair, by the components that it has."""
    return pattern_name(*sides(values), any(each.name in values for each in components.FACTS))
