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
from matching_spark.score.calibration import Calibration, sigmoid
from matching_spark.score.coded import Told
from matching_spark.score.components import LANGUAGES, Cosine, Language, compare_all, compare_pairs
from matching_spark.score.explain import explain
from matching_spark.score.kinds import kind_name, places
from matching_spark.score.posterior import FLOOR, Posterior, Rivals, Scale
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.shards.beside import Beside
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


def margin_of(
    queries: Sequence[QueryItem], scoring: Scoring, silent: frozenset[str] | None
) -> float:
    """By how much a rough score of queries that have the same parts may err; with silent facts
    asked of, ln L without them too."""
    calibration = scoring.calibration
    if calibration is None:
        return from_cosine(np.empty(0, np.float32), scoring.metric)[1]
    steepest = calibration.steepest(queries[0].has)
    if silent is not None:
        steepest *= max(1.0, float(_scales(queries, calibration, silent)[0].max()))
    return SLACK + MARGIN * steepest


def rough(
    shard: Shard,
    queries: Sequence[QueryItem],
    which: Index,
    posts: Index,
    scoring: Scoring,
    facts: Mapping[str, Float32],
    silent: frozenset[str] | None,
) -> tuple[Float32, Float32 | None]:
    """(m,) float32 of pairs queries[which[i]], posts[i]; the queries have the same parts.

    Fused: log-odds; with silent facts asked of, also ln L without them. NaN for posts that have
    nothing to compare. facts: (m,) of the pairs, by name.
    """
    calibration = scoring.calibration
    values = {
        each.name: side_of(shard, each).near(vectors_of(queries, each), which, posts)
        for each in scoring.counted(queries[0])
    }
    if calibration is None:
        each = {n: from_cosine(cosines, scoring.metric)[0] for n, cosines in values.items()}
        return combine(each).astype(np.float32), None
    values |= facts

    def log_odds(values: Mapping[str, Float32]) -> Float32:
        one = {name: value[None] for name, value in values.items()}
        of = calibration.log_odds(one, queries[0].has, told_of(shard).has[posts], np.float32)
        return np.asarray(of[0], np.float32)

    scores = log_odds(values)
    if silent is None:
        return scores, None
    told = {name: each for name, each in values.items() if name not in silent}
    spoken = scores if len(told) == len(values) else log_odds(told)
    slope, level = _scales(queries, calibration, silent)
    evidence = slope[which] * (spoken - calibration.prior) - level[which]
    return scores, evidence.astype(np.float32)


def spoken_from(
    queries: Sequence[QueryItem], calibration: Calibration, silent: frozenset[str]
) -> Float64:
    """(q,) the log-odds, without the silent facts, from which on ln L reaches FLOOR."""
    each = [scale_of(query, calibration, silent).told(FLOOR) for query in queries]
    return np.array(each) + calibration.prior


def exact(
    shard: Shard, queries: Sequence[QueryItem], which: Index, posts: Index, scoring: Scoring
) -> tuple[Float64, dict[str, Float64], dict[str, Index]]:
    """Of pairs queries[which[i]], posts[i] the scores (m,), the components (m,), NaN for missing,
    and which of a post's photos or words won (m,). The queries have the same parts.
    """
    values, winners = _compared(shard, queries, which, posts, scoring)
    if scoring.calibration is None:
        return combine(values), values, winners
    log_odds = _log_odds(shard, queries[0], posts, values, scoring.calibration)
    return np.array([sigmoid(each) for each in log_odds.tolist()]), values, winners


def _compared(
    shard: Shard, queries: Sequence[QueryItem], which: Index, posts: Index, scoring: Scoring
) -> tuple[dict[str, Float64], dict[str, Index]]:
    """The components and winners of `exact`."""
    values: dict[str, Float64] = {}
    winners: dict[str, Index] = {}
    for each in scoring.counted(queries[0]):
        asked, side = vectors_of(queries, each), side_of(shard, each)
        values[each.name], winners[each.name] = side.exact(asked, which, posts, scoring.metric)
    if scoring.calibration is None:
        return values, winners
    return values | compare_pairs([q.facts for q in queries], which, shard, posts), winners


def _log_odds(
    shard: Shard,
    query: QueryItem,
    posts: Index,
    values: Mapping[str, Float64],
    calibration: Calibration,
) -> Float64:
    """(m,) of pairs with posts of a shard, by their components (m,) each; query: of the same parts
    as those of the pairs."""
    one = {name: value[None] for name, value in values.items()}
    log_odds = calibration.log_odds(one, query.has, told_of(shard).has[posts])
    return np.asarray(log_odds[0], np.float64)


def evidence(
    shard: Shard,
    queries: Sequence[QueryItem],
    which: Index,
    posts: Index,
    scoring: Scoring,
    silent: frozenset[str],
) -> Float64:
    """(m,) ln L of pairs queries[which[i]], posts[i], in float64, without the silent facts. The
    queries have the same parts."""
    assert scoring.calibration is not None
    values, _ = _compared(shard, queries, which, posts, scoring)
    told = {name: each for name, each in values.items() if name not in silent}
    log_odds = _log_odds(shard, queries[0], posts, told, scoring.calibration)
    slope, level = _scales(queries, scoring.calibration, silent)
    return slope[which] * (log_odds - scoring.calibration.prior) - level[which]


def _scales(
    queries: Sequence[QueryItem], calibration: Calibration, silent: frozenset[str]
) -> tuple[Float64, Float64]:
    """(q,) the slope and the level of each query's lists; the queries have the same parts."""
    kinds = [kind_name(query.has, query.facts.told(silent)) for query in queries]
    of = {kind: calibration.scale(kind, silent) for kind in {*kinds}}
    return np.array([of[k].slope for k in kinds]), np.array([of[k].level for k in kinds])


def scale_of(query: QueryItem, calibration: Calibration, silent: frozenset[str]) -> Scale:
    """Of the list of a query, filtered by the silent facts."""
    return calibration.scale(kind_name(query.has, query.facts.told(silent)), silent)


def posteriors(request: Request, rivals: Sequence[Rivals]) -> list[Posterior | None]:
    """Of each query's list; None of a score that is no probability."""
    scoring = request.scoring
    if scoring.calibration is None:
        return [None] * len(request.queries)
    out: list[Posterior | None] = []
    for query, of in zip(request.queries, rivals, strict=True):
        here = scoring.here * scoring.calibration.passing(request.where, query.facts)
        scale = scale_of(query, scoring.calibration, request.silent)
        out.append(Posterior(of, here, scale))
    return out


def reasoned(
    matches: Sequence[Match], request: Request, list_: Posterior | None, language: Language
) -> tuple[Match, ...]:
    """Matches by the fused score with their probability in the list, its band, what each component
    added, and why in one sentence."""
    check("language", language, LANGUAGES)
    calibration = request.scoring.calibration
    if calibration is None or list_ is None:
        return tuple(matches)
    out = []
    for match in matches:
        odds, added = calibration.told(match.components)
        if not request.silent.isdisjoint(match.components):
            told = {n: v for n, v in match.components.items() if n not in request.silent}
            odds, _ = calibration.told(told)
        probability = list_.probability(odds)
        why = explain(match.components, added, language)
        band = request.scoring.costs.band(probability)
        out.append(replace(match, probability=probability, contributions=added, band=band, why=why))
    return tuple(out)


_told: Beside[tuple[tuple[object, ...], Told]] = Beside()


def told_of(shard: Shard, facts: bool = False) -> Told:
    """What its posts have, with facts asked for also what they tell: worked out once, as long as
    the shard is held, whose deletes may change."""
    of = (shard.days, shard.points, shard.photos, shard.texts)
    if (held := _told.get(shard.metadata)) is not None:
        made_of, told = held
        same = all(a is b for a, b in zip(made_of, of, strict=True))
        if same and (told.facts or not facts):
            return told
    has = places(*shard.has)
    told = Told.of(shard, has) if facts else Told(has, {})
    _told.keep(shard.metadata, (of, told))
    return told
