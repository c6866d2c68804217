"""Searches by words alone, in drawn worlds that agree in everything: how much the facts are worth
that the words say, beside the same facts typed as flags.
"""

import datetime as dt
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.data import settings
from benchmarks.harness import Row, row
from matching_spark import ClipModel, PostsTable, Query, SimilarityEngine
from matching_spark.config import Hadoop
from matching_spark.demo.dealt import LAST_DAY
from matching_spark.demo.words import COLOUR_WORDS
from matching_spark.demo.world import World, draw_world
from matching_spark.domain.korean import with_particle
from matching_spark.domain.posts import Filters
from matching_spark.ingest.pipeline import ingest_posts
from matching_spark.operations.search import understood
from matching_spark.search.query import SearchOptions
from matching_spark.sources import read_posts
from matching_spark.spark.session import session

SEEDS = range(106, 114)  # held out from the shipped calibration
WAYS = ("the words alone", "the words understood", "what they say as flags", "all facts as flags")


def questions(world: World) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Of every lost post what its owner writes, the id of its counterpart, and its facts."""
    lines = world.truth.read_text("utf-8").splitlines()
    truth = {each["lost_id"]: each["found_id"] for each in map(json.loads, lines) if each["same"]}
    for line in world.lost.read_text("utf-8").splitlines():
        post = json.loads(line)
        place, day = post["place"], dt.date.fromisoformat(post["happened_on"])
        title = post["title"].removeprefix(f"{place}에서 ")
        thing = with_particle(re.sub(r" (?:분실|잃어버렸습니다|찾습니다)$", "", title), "을/를")
        said = f"{day.month}월 {day.day}일 {place}에서 {thing} 잃어버렸어요"
        yield f"{post['title']} {post['description']} {said}", truth[post["post_id"]], post


def recalls(
    engine: SimilarityEngine, asked: Sequence[tuple[str, str, dict[str, str]]]
) -> dict[str, float]:
    """recall@1 of each way to ask."""
    own = settings()
    queries: dict[str, list[Query]] = {way: [] for way in WAYS}
    for text, _, post in asked:
        bare = Query(text=text)
        read = understood(engine, own, bare, Filters(), today=LAST_DAY + dt.timedelta(days=1))
        typed = replace(
            bare,
            category=post["category"],
            colour=post["colour"],
            region=post["region"],
            place=post["place"],
            happened_on=dt.date.fromisoformat(post["happened_on"]),
        )
        unsaid = not any(word and word in text for word in COLOUR_WORDS[post["colour"]])
        each = (bare, read, replace(typed, colour="") if unsaid else typed, typed)
        for way, query in zip(WAYS, each, strict=True):
            queries[way].append(query)
    options = SearchOptions(Filters(kind="found"), top_k=1, threshold=0)
    out = {}
    for way in WAYS:
        found = [engine.search([query], options)[0].matches for query in queries[way]]
        right = [m[0].post_id == own for m, (_, own, _) in zip(found, asked, strict=True)]
        out[way] = sum(right) / len(right)
    return out


def run(full: bool) -> list[Row]:
    model = ClipModel.load()
    every: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, session(settings()) as spark:
        for seed in SEEDS:
            world = draw_world(Path(folder) / str(seed), seed=seed)
            table = PostsTable.open_or_create(
                f"{folder}/table-{seed}",
                spark,
                model=model.name,
                dimension=model.dimension,
                hadoop=Hadoop(),
            )
            ingest_posts(read_posts(str(world.found)), table, model)
            engine = SimilarityEngine(table, "memory", model, cache=settings().cache)
            for way, value in recalls(engine, list(questions(world))).items():
                every[way].append(value)
    what = "recall@1 of 100 lost posts among 300 found ones, by words"
    typed = every["what they say as flags"]
    worlds, rows = f"the seeds {SEEDS[0]} to {SEEDS[-1]}", []
    for way, values in every.items():
        goal, met = "", None
        if way == "the words understood":
            goal = "0.85 or more, and within 0.02 of them as flags"
            met = min(values) >= 0.85 and all(
                abs(a - b) <= 0.02 for a, b in zip(values, typed, strict=True)
            )
        rows.append(row(what, way, values, "share", "warm", worlds, goal, met))
    return rows
