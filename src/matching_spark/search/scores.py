"""The scores of a shard's posts: rough ones of all posts, exact ones of those that may be the best.

Rough scores, in float32, only find candidates. Exact ones decide, in float64 and a pair by itself,
so that any split of the posts gives the same answer.

By cosine, a photo is compared with photos; words with a post's photos, and with its own words where
it has no photo; a photo and words together give the mean of what a post has to compare. The fused
score weighs all that is known of a pair (score.calibration).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from matching_spark.domain.facts import facts_of
from matching_spark.domain.posts import check
from matching_spark.domain.results import Match
from matching_spark.knn.similarity import (
    MARGIN,
    Float32,
    Float64,
    Index,
    Mask,
    VectorSet,
    from_cosine,
)
from matching_spark.score import components
from matching_spark.score.calibration import limit_name, places, sigmoid
from matching_spark.score.components import LANGUAGES, Cosine, Language, compare, compare_all
from matching_spark.score.explain import explain
from matching_spark.search.request import QueryItem, Scoring
from matching_spark.shards.shard import Shard

SLACK = 1e-3  # log-odds: far above what float32 sums of ten terms up to 100 lose (6e-5)


def combine(cosines: Mapping[str, Float64 | Float32]) -> Float64:
    """Scores by cosine from a pair's cosines, arrays of one shape, NaN for missing; in that shape.

    The rule is above; `words_speak` is its other half. NaN where there is nothing to compare.
    """
    if set(cosines) == {"text-image", "text-text"}:
        photo, text = cosines["text-image"], cosines["text-text"]
        return np.asarray(np.where(np.isnan(photo), text, photo), np.float64)
    stack = np.stack(list(cosines.values()))
    there = ~np.isnan(stack)
    total = np.where(there, stack, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
        return np.asarray(total / there.sum(axis=0))


def words_speak(shard: Shard, mask: Mask) -> Mask:
    """Of the posts of a mask those whose own words count for a query of words, by cosine."""
    return np.asarray(mask & (shard.photos.counts == 0))


def side_of(shard: Shard, cosine: Cosine) -> VectorSet:
    """The posts' vectors that a cosine compares with."""
    return shard.photos if cosine.post == "image" else shard.texts


def vectors_of(queries: Sequence[QueryItem], cosine: Cosine) -> Float32:
    """(q, d) the queries' vectors that a cosine compares; all of them have one."""
    return np.stack([part for q in queries if (part := q.part(cosine.query)) is not None])


def values_of(
    shard: Shard, queries: Sequence[QueryItem], cosines: Sequence[Cosine], facts: bool
) -> dict[str, Float32]:
    """values[name][i, p] = that component of query i and post p, NaN for missing: (q, n) each.

    The queries have the same parts. A fact that none of them tells is left out.
    """
    values = {each.name: side_of(shard, each).best(vectors_of(queries, each)) for each in cosines}
    return values | (compare_all([q.facts for q in queries], shard) if facts else {})


def rough(shard: Shard, queries: Sequence[QueryItem], scoring: Scoring) -> tuple[Float32, float]:
    """(q, n) float32 of queries that have the same parts, and by how much such a score may err.

    Fused: log-odds. NaN for posts that have nothing to compare.
    """
    fuses = scoring.calibration is not None
    values = values_of(shard, queries, scoring.counted(queries[0]), fuses)
    if scoring.calibration is not None:
        asked, has = queries[0].has, _has(shard)
        scores, steepest = scoring.calibration.log_odds(values, asked, has, np.float32)
        return np.asarray(scores, np.float32), SLACK + MARGIN * steepest
    margin = MARGIN
    for name, cosines in values.items():
        values[name], margin = from_cosine(cosines, scoring.metric)
    return combine(values).astype(np.float32), margin


def exact(
    shard: Shard, queries: Sequence[QueryItem], which: Index, posts: Index, scoring: Scoring
) -> tuple[Float64, dict[str, Float64], dict[str, Index]]:
    """Of pairs queries[which[i]], posts[i] the scores (m,), the components (m,), NaN for missing,
    and which of a post's photos or words won (m,). The queries have the same parts.
    """
    values: dict[str, Float64] = {}
    winners: dict[str, Index] = {}
    for each in scoring.counted(queries[0]):
        asked, side = vectors_of(queries, each), side_of(shard, each)
        values[each.name], winners[each.name] = side.exact(asked, which, posts, scoring.metric)
    if scoring.calibration is None:
        return combine(values), values, winners
    values |= {fact.name: np.full(len(posts), np.nan) for fact in components.FACTS}
    rows = zip(which.tolist(), shard.rows(posts), strict=True)
    for i, (query, row) in enumerate(rows):
        for name, value in compare(queries[query].facts, facts_of(row, "found")).items():
            values[name][i] = value
    one = {name: value[None] for name, value in values.items()}
    log_odds, _ = scoring.calibration.log_odds(one, queries[0].has, _has(shard)[posts])
    return np.array([sigmoid(float(each)) for each in log_odds[0]]), values, winners


def reasoned(
    matches: Sequence[Match], query: QueryItem, scoring: Scoring, language: Language
) -> tuple[Match, ...]:
    """Matches by the fused score with what each component added, and why in one sentence."""
    check("language", language, LANGUAGES)
    calibration = scoring.calibration
    if calibration is None:
        return tuple(matches)
    limit = limit_name(query.has, query.facts.bare)
    added = [calibration.contributions(match.components) for match in matches]
    return tuple(
        replace(
            match,
            probability=match.score,
            contributions=each,
            band=calibration.band(match.score, limit),
            why=explain(match.components, each, language),
        )
        for match, each in zip(matches, added, strict=True)
    )


def _has(shard: Shard) -> Index:
    """(n,) what each post has, as `places` has it."""
    return places(shard.photos.counts > 0, shard.texts.counts > 0)
