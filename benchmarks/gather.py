"""64 clients at once against one after another, in the memory runner."""

import threading
from statistics import median

from benchmarks.data import clustered, settings, table
from benchmarks.harness import Row, alternating, ratio_row, row
from matching_spark import Filters, SimilarityEngine
from matching_spark.gather import Gatherer
from matching_spark.scan import Request, Vectors
from matching_spark.session import session

CLIENTS = 64


def run(full: bool) -> list[Row]:
    with session(settings()) as spark:
        opened = table("search-200000", clustered(200_000), None, spark)
    engine = SimilarityEngine(opened, "memory", cache=settings().cache)
    requests = [
        Request((Vectors(q),), Filters(kind="found"), 10, None) for q in clustered(CLIENTS, seed=7)
    ]
    alone = [engine.find(r).matches for r in requests]
    with Gatherer(engine) as gatherer:
        got: list[object] = [None] * CLIENTS

        def together() -> None:
            def ask(i: int) -> None:
                got[i] = gatherer.find(requests[i]).matches

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        done = alternating(
            {"one after another": lambda: [engine.find(r) for r in requests], "gathered": together},
            repeats=5,
            warm_up=1,
        )
    assert got == alone
    what = f"{CLIENTS} clients, 200,000 x 512, top 10"
    rows = [
        row(
            what,
            who,
            [CLIENTS / s for s in each],
            "queries/s",
            "warm",
            "from threads, finished results",
        )
        for who, each in done.items()
    ]
    ratio = median(done["one after another"]) / median(done["gathered"])
    rows.append(
        ratio_row(what, "gathered / one after another", ratio, "warm", "same answers", 10, True)
    )
    return rows
