"""64 clients at once against one alone, in the memory runner: each asks again when answered."""

import gc
import threading
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.data import clustered, settings, table
from benchmarks.harness import Row, alternating, row
from matching_spark import Filters, SimilarityEngine
from matching_spark.domain.results import Match
from matching_spark.operations.batcher import QueryBatcher
from matching_spark.search.outcome import SearchOutcome
from matching_spark.search.request import QueryItem, Request
from matching_spark.spark.session import session

CLIENTS, EACH = 64, 25
BARE = "one client, no gatherer"


def run(full: bool) -> list[Row]:
    with session(settings()) as spark:
        opened = table("search-200000", clustered(200_000), None, spark)
    engine = SimilarityEngine(opened, "memory", cache=settings().cache)
    requests = [
        Request((QueryItem(q),), Filters(kind="found"), 10) for q in clustered(CLIENTS, seed=7)
    ]
    alone = [engine.run(r).matches for r in requests]
    gc.freeze()  # as a process that serves would
    with QueryBatcher(engine) as gatherer:
        assert _together(gatherer.run, requests) == [each for each in alone for _ in range(EACH)]
        done = alternating(
            {
                BARE: lambda: [engine.run(r) for r in requests],
                "one client": lambda: [gatherer.run(r) for r in requests],
                f"{CLIENTS} clients": lambda: _together(gatherer.run, requests),
            },
            repeats=9,
            warm_up=1,
        )
    what = f"{CLIENTS} clients, 200,000 x 512, top 10"
    said = "from threads, finished results"
    asked = {who: CLIENTS * (EACH if who == f"{CLIENTS} clients" else 1) for who in done}
    rates = {who: [asked[who] / s for s in each] for who, each in done.items()}
    rows = [row(what, who, each, "queries/s", "warm", said) for who, each in rates.items()]
    # Round by round: a round is 8 s, and what slows a machine down lasts longer.
    many, one, bare = (rates[who] for who in (f"{CLIENTS} clients", "one client", BARE))
    gained = [a / b for a, b in zip(many, one, strict=True)]
    bare_gained = [a / b for a, b in zip(many, bare, strict=True)]
    met = median(gained) >= 10
    subject = f"{CLIENTS} clients : one"
    rows += [
        row(what, subject, gained, "ratio", "warm", "same answers", "at least 10", met),
        row(what, f"{subject}, no gatherer", bare_gained, "ratio", "warm", said),
    ]
    return rows


def _together(
    find: Callable[[Request], SearchOutcome], requests: Sequence[Request]
) -> list[list[list[Match]]]:
    """Each request asked EACH times in a row by a thread of its own; the answers, by thread."""
    got: list[list[list[list[Match]]]] = [[] for _ in requests]
    start = threading.Barrier(len(requests))

    def ask(i: int) -> None:
        start.wait()
        for _ in range(EACH):
            got[i].append(find(requests[i]).matches)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answers in got for answer in answers]
