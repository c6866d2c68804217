"""Searches by a photo alone, in drawn worlds: what one question more is worth, the best one beside
one at random and one that is always the same. It is answered as the lost post tells: with errors at
the documented rates, and not at all where it does not.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.harness import Row, row
from matching_spark import ClipModel
from matching_spark.demo.labelled import Worlds
from matching_spark.domain.facts import Facts
from matching_spark.domain.posts import Filters
from matching_spark.domain.results import Match
from matching_spark.errors import ModelError
from matching_spark.score.components import FACTS
from matching_spark.score.store import find
from matching_spark.search.answers import question_of
from matching_spark.search.request import QueryItem, Request, Scoring
from matching_spark.search.rerank import merged, rivals
from matching_spark.search.scan import scan_all
from matching_spark.search.scores import posteriors, reasoned
from matching_spark.shards.shard import Shard

# Held out from the shipped calibration.
WORLDS = (Worlds(tuple(range(106, 114)), 300, 500), Worlds((106, 107), 3_000, 2_000))
ASKABLE = tuple(fact.field for fact in FACTS if fact.asks is not None)
AT_ONCE = 64
LEAST = 0.15

Answers = list[tuple[Match, ...]]


def answers(
    found: Shard, queries: Sequence[QueryItem], scoring: Scoring
) -> tuple[Answers, list[str]]:
    """The matches of each query, and the field that is most worth asking for, '' for none."""
    every: Answers = []
    fields: list[str] = []
    for start in range(0, len(queries), AT_ONCE):
        some = tuple(queries[start : start + AT_ONCE])
        request = Request(some, Filters(), 10, scoring, rivals=True)
        parts = scan_all([found], request)
        lists = posteriors(request, rivals(parts, request))
        for query, matches, of in zip(some, merged(parts, request), lists, strict=True):
            each = reasoned(matches, request, of, "en")
            question = question_of(query, each, request, "en")
            every.append(each)
            fields.append("" if question is None else question.fact)
    return every, fields


def recalls(worlds: Worlds, model: ClipModel) -> tuple[dict[str, float], dict[str, float]]:
    """recall@1 of the things that are here, by who asks; and how often what is asked for."""
    calibration = find(None, model, model.name)
    if calibration is None:
        raise ModelError(f"{model.name} has no calibration")
    scoring = Scoring(calibration=calibration, threshold=0)
    rng = np.random.default_rng(0)
    hits: dict[str, list[bool]] = {}
    asked: list[str] = []
    for lost, found, truth in worlds.drawn(model):
        ids = lost.metadata["post_id"].to_pylist()
        own = {i: {f for f, same in truth[i].items() if same} for i in ids}
        rows = [r for r in range(len(lost)) if own[ids[r]] and lost.parts(r)[0] is not None]
        told = lost.facts(np.array(rows), "lost")
        bare = [QueryItem(lost.parts(r)[0]) for r in rows]

        def right(matches: Answers) -> list[bool]:
            firsts = [m[0].post_id if m else "" for m in matches]
            return [first in own[ids[r]] for first, r in zip(firsts, rows, strict=True)]

        def after(
            queries: list[QueryItem], fields: Sequence[str]
        ) -> tuple[list[QueryItem], Answers, list[str]]:
            more = [
                replace(query, facts=_told(query.facts, own_facts, field))
                for query, own_facts, field in zip(queries, told, fields, strict=True)
            ]
            return more, *answers(found, more, scoring)

        first, fields = answers(found, bare, scoring)
        asked += fields
        hits.setdefault("no question", []).extend(right(first))
        once, best, again = after(bare, fields)
        hits.setdefault("the question worth asking", []).extend(right(best))
        hits.setdefault("two of them", []).extend(right(after(once, again)[1]))
        chance = [str(rng.choice(ASKABLE)) if field else "" for field in fields]
        hits.setdefault("one at random", []).extend(right(after(bare, chance)[1]))
        for always in ASKABLE:
            same = [always if field else "" for field in fields]
            hits.setdefault(f"always {always}", []).extend(right(after(bare, same)[1]))
    shares = {field: asked.count(field) / len(asked) for field in ("", *ASKABLE)}
    return {who: float(np.mean(each)) for who, each in hits.items()}, shares


def _told(facts: Facts, own: Facts, field: str) -> Facts:
    """With one fact more, as the lost post tells it."""
    return replace(facts, **{field: getattr(own, field)}) if field else facts


def run(full: bool) -> list[Row]:
    model = ClipModel.load()
    rows = []
    for worlds in WORLDS:
        got, shares = recalls(worlds, model)
        what = f"recall@1 by a photo alone among {worlds.found:,} posts, after"
        for who, value in got.items():
            goal, met = "", None
            if who == "the question worth asking":
                goal = f"{LEAST} more than without, and more than one at random"
                met = value >= max(got["no question"] + LEAST, got["one at random"])
            includes = "things that are here, with a photo"
            rows.append(row(what, who, [value], "share", "warm", includes, goal, met))
        for field, share in shares.items():
            what = f"asked for, among {worlds.found:,} posts"
            rows.append(row(what, field or "nothing", [share], "share", "warm", "all searches"))
    return rows
