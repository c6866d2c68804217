"""The fused score of a shard's posts: rough log-odds of all, exact probabilities of the best.

As for cosines, the rough scores only find candidates; what decides is ranking.Calibration, a pair
at a time in float64, so that any split of the posts gives the same answer, and tells why.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from matching_spark.domain.posts import Kind, check
from matching_spark.domain.results import Match
from matching_spark.knn.similarity import MARGIN, Float32, Float64, Index, VectorSet
from matching_spark.score.ranking import (
    FACTS,
    LANGUAGES,
    MODALITIES,
    VAGUE,
    VECTORS,
    Calibration,
    Facts,
    Language,
    Points,
    bigrams,
    compare,
    explain,
    modality,
    pattern_name,
)
from matching_spark.search.request import Vectors
from matching_spark.shards.shard import EPOCH, Shard

PLACES_AT_ONCE = 4096  # distinct places of a shard held as rows of bigrams
SLACK = 1e-3  # log-odds: far above what float32 sums of ten terms up to 100 lose (6e-5)


def rough(
    shard: Shard,
    queries: Sequence[Vectors],
    facts: Sequence[Facts],
    calibration: Calibration,
) -> tuple[Float32, float]:
    """Log-odds (q, n) float32 of queries that have the same parts, and by how much they may err.

    NaN for posts with neither photo nor words.
    """
    asked = modality(queries[0].image is not None, queries[0].text is not None)
    kinds = _kinds(shard)
    scores = np.full((len(queries), len(shard)), np.nan, np.float32)
    parts = components(shard, queries, facts)
    known = np.zeros(scores.shape, bool)
    for name in FACTS:
        known |= ~np.isnan(parts[name]) if name in parts else False
    margin = SLACK
    for at, has in enumerate(MODALITIES):
        # Posts of one pattern share one model: dense blocks instead of a mask on every term.
        posts = np.flatnonzero(kinds == at)
        here = known[:, posts]
        for with_facts in (True, False):
            if not (here == with_facts).any():
                continue
            weights = calibration.patterns[pattern_name(asked, has, with_facts)]
            whole = np.full(here.shape, weights.intercept, np.float32)
            for name, values in parts.items():
                if name in weights.points:
                    whole += _contribution(weights.points[name], values[:, posts])
            scores[:, posts] = np.where(here == with_facts, whole, scores[:, posts])
            steep = sum(_steepest(weights.points[c]) for c in VECTORS if c in weights.points)
            margin = max(margin, SLACK + MARGIN * steep)
    return scores, margin


def components(
    shard: Shard, queries: Sequence[Vectors], facts: Sequence[Facts]
) -> dict[str, Float32]:
    """values[name][i, p] = that component of query i and post p, NaN for missing: each (q, n).

    The queries have the same parts. A fact that none of them knows is left out.
    """
    cosines = {
        name: group.best(np.stack([_side(q, name) for q in queries]))
        for name, group in _groups(shard, queries[0])
    }
    asked = [
        n for n in FACTS if any(getattr(f, "happened_on" if n == "days" else n) for f in facts)
    ]
    return cosines | {name: _facts(name, shard, facts) for name in asked}


def exact(
    shard: Shard, query: Vectors, facts: Facts, calibration: Calibration, posts: Index
) -> tuple[Float64, dict[str, Float64], dict[str, Index]]:
    """Probabilities of `posts` (m,), their components (m,) with NaN for missing, winning photos."""
    parts: dict[str, Float64] = {}
    winners: dict[str, Index] = {}
    for name, group in _groups(shard, query):
        parts[name], winners[name] = group.exact(
            _side(query, name)[None], np.zeros_like(posts), posts, "cosine"
        )
    parts |= {name: np.full(len(posts), np.nan) for name in FACTS}
    probabilities = np.full(len(posts), np.nan)
    for i, row in enumerate(shard.rows(posts)):
        for name, value in compare(facts, of_row(row)).items():
            parts[name][i] = value
        there = {name: float(v[i]) for name, v in parts.items() if not np.isnan(v[i])}
        if any(name in there for name in VECTORS):
            probabilities[i] = calibration.probability(there)
    return probabilities, parts, winners


def of_row(row: dict[str, Any], kind: Kind = "found") -> Facts:
    """The facts of a row of the table; missing ones may be None."""
    words = {name: row.get(name) or "" for name in FACTS[:-1]}
    return Facts(**words, happened_on=row["happened_on"], kind=kind)


def reasoned(
    matches: Sequence[Match],
    query: Vectors,
    facts: Facts,
    calibration: Calibration | None,
    language: Language,
) -> list[Match]:
    """Matches by the fused score with what each component added, and why in one sentence."""
    check("language", language, LANGUAGES)
    if calibration is None:
        return list(matches)
    limit = query.limit(facts)
    out = []
    for match in matches:
        added = calibration.contributions(match.components)
        out.append(
            replace(
                match,
                probability=match.score,
                contributions=added,
                band=calibration.band(match.score, limit),
                why=explain(match.components, added, language),
            )
        )
    return out


def _side(query: Vectors, name: str) -> Float32:
    vector = query.image if name.startswith("image") else query.text
    assert vector is not None
    return vector


def _groups(shard: Shard, query: Vectors) -> list[tuple[str, VectorSet]]:
    """The vector components that the query has a side of, with the posts' other side."""
    return [
        (name, shard.photos if name.endswith("image") else shard.texts)
        for name in VECTORS
        if (query.image if name.startswith("image") else query.text) is not None
    ]


def _kinds(shard: Shard) -> np.ndarray:
    """(n,) what each post has, as its place in MODALITIES; -1 for nothing."""
    image, text = shard.photos.counts > 0, shard.texts.counts > 0
    out = np.full(len(shard), -1)
    for i, t in ((True, False), (False, True), (True, True)):
        out[(image == i) & (text == t)] = MODALITIES.index(modality(i, t))
    return out


def _facts(name: str, shard: Shard, facts: Sequence[Facts]) -> Float32:
    """values[i, p] = the component of query i and post p: (q, n), NaN for missing."""
    if name == "days":
        out = np.full((len(facts), len(shard)), np.nan, np.float32)
        days, dated = shard.days, shard.dated()
        for i, each in enumerate(facts):
            if each.happened_on is not None:
                sign = 1 if each.kind == "lost" else -1
                out[i, dated] = sign * (days[dated] - (each.happened_on - EPOCH).days)
        return out
    asked = list(dict.fromkeys(getattr(each, name) for each in facts))
    codes, words = shard.coded(name)
    table = _overlaps(asked, words) if name == "place" else _equal(asked, words)
    at = [asked.index(getattr(each, name)) for each in facts]
    return np.asarray(table[at][:, codes])


def _equal(asked: Sequence[str], words: Sequence[str]) -> Float32:
    """table[i, j] = `compare` of asked[i] and words[j]."""
    table = np.array([[a == b for b in words] for a in asked], np.float32)
    table[[a in ("", VAGUE) for a in asked]] = np.nan
    table[:, [b in ("", VAGUE) for b in words]] = np.nan
    return table


def _overlaps(asked: Sequence[str], words: Sequence[str]) -> Float32:
    """table[i, j] = `compare` of the places asked[i] and words[j]."""
    wanted = [bigrams(place) for place in asked]
    number = {pair: i for i, pair in enumerate(sorted(frozenset().union(*wanted)))}
    table = np.full((len(asked), len(words)), np.nan, np.float32)
    if not number:
        return table
    rows, sizes = _rows(wanted, number), np.array([len(w) for w in wanted], np.float32)
    for start in range(0, len(words), PLACES_AT_ONCE):
        held = [bigrams(word) for word in words[start : start + PLACES_AT_ONCE]]
        least = np.minimum(sizes[:, None], np.array([len(h) for h in held], np.float32))
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
            table[:, start : start + len(held)] = (rows @ _rows(held, number).T) / least
    return table


def _rows(sets: Sequence[frozenset[str]], number: dict[str, int]) -> Float32:
    """One row a set, 1 where it holds the pair of that number."""
    rows = np.zeros((len(sets), len(number)), np.float32)
    for row, pairs in zip(rows, sets, strict=True):
        row[[number[pair] for pair in pairs if pair in number]] = 1
    return rows


def _contribution(points: Points, values: Float32) -> Float32:
    """ranking.interpolate of every value, 0 for NaN."""
    x, y = zip(*points, strict=True)
    out = np.interp(values, x, y)
    return np.asarray(np.where(np.isnan(values), 0, out), np.float32)


def _steepest(points: Points) -> float:
    return max(abs((b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(points))
