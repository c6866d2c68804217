"""One query and the all-pairs match through Spark, against the cores that Spark has."""

import os
from collections.abc import Sequence

from benchmarks.data import clustered, settings, table
from benchmarks.harness import Row, row
from matching_spark import Filters, MatchRules, SimilarityEngine
from matching_spark.evaluation.timing import seconds
from matching_spark.search.request import QueryItem, Request
from matching_spark.spark.session import session

LOST = 2000


def run(full: bool) -> list[Row]:
    found = 1_000_000 if full else 200_000
    vectors, lost = clustered(found), clustered(LOST, seed=3)
    query = Request((QueryItem(clustered(1, seed=9)[0]),), Filters(kind="found"), 10)
    rows: list[Row] = []
    whats = {
        "one query": f"one query, {found:,} x 512, top 10",
        "match": f"{LOST:,} lost x {found:,} found x 512, top 10",
    }
    for cores in range(1, (os.cpu_count() or 1) + 1):
        conf = settings()
        conf.spark.master = f"local[{cores}]"
        with session(conf) as spark:
            # One category, so that both cores have as much to do.
            opened = table(f"cores-{found}", vectors, lost, spark, categories=1)
            engine = SimilarityEngine(opened, "spark", cache=conf.cache)
            taken = {
                "one query": seconds(lambda: engine.run(query), 9, 5),
                "match": seconds(lambda: engine.matcher(MatchRules()).pairs().toArrow(), 3),
            }
        for name, each in taken.items():
            who = f"{cores} core" + "s" * (cores > 1)
            rows.append(row(whats[name], who, each, "s", "warm", "plan to finished results"))
    plot(rows)
    return rows


def plot(rows: Sequence[Row]) -> None:
    """docs/benchmarks/cores.png, of the rows of a run."""
    from benchmarks.plots import lines

    points: dict[str, list[tuple[float, float]]] = {}
    for each in rows:
        points.setdefault(each.what, []).append((float(each.subject.split()[0]), each.value))
    lines("cores", points, "cores", "s", "Through Spark, resident", ticks=True)
