"""2,000 lost x 200,000 found x 512, top 10, through Spark with shards resident."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import faiss
import numpy as np

from benchmarks.data import WORK, clustered, settings, table
from benchmarks.harness import ROOT, Row, alternating, ratio_row, row
from matching_spark import SimilarityEngine
from matching_spark.session import session

LOST, FOUND = 2000, 200_000


def run(full: bool) -> list[Row]:
    lost, found = clustered(LOST, seed=3), clustered(FOUND)
    with session(settings()) as spark:
        opened = table("match", found, lost, spark, categories=1)
        engine = SimilarityEngine(opened, "spark", cache=settings().cache)
        done = alternating(
            {
                "faiss.knn": lambda: faiss.knn(lost, found, 10, metric=faiss.METRIC_INNER_PRODUCT),
                "engine.match": lambda: engine.match(top_k=10).toArrow(),
            },
            repeats=4,
            warm_up=1,
        )
    what = f"{LOST:,} lost x {FOUND:,} found x 512, top 10"
    ours = median(done["engine.match"])
    ratio = median(done["faiss.knn"]) / ours
    said = "plan, Spark, float64 decision, ids, ranks, Arrow"
    return [
        row(what, "faiss.knn", done["faiss.knn"], "s", "warm", "2 threads, scores and places"),
        row(what, "engine.match", done["engine.match"], "s", "warm", said),
        ratio_row(what, "faiss.knn / engine.match", ratio, "warm", "throughput", 0.9, True),
        *_peers((400, 20_000) if full else (100, 10_000), LOST * FOUND / ours),
    ]


def _peers(size: tuple[int, int], ours: float) -> list[Row]:
    """nearestByJoin and a cross join of pyspark 4.3, at a size that they can finish."""
    python = ROOT / ".venv-spark43" / "bin" / "python"
    if not python.exists():
        print("match: make .venv-spark43/.ready first; its peers are left out", file=sys.stderr)
        return []
    paths = [WORK / "left.npy", WORK / "right.npy"]
    for path, count, seed in zip(paths, size, (3, 0), strict=True):
        np.save(path, clustered(count, seed=seed))
    script = Path(__file__).parent / "peers" / "nearest_by.py"
    done = subprocess.run(
        [python, script, *paths, "10"], check=True, stdout=subprocess.PIPE, text=True
    )
    rows = []
    taken = json.loads(done.stdout.splitlines()[-1])
    for who, (name, limit) in {
        "nearestByJoin": ("nearestByJoin, top 10", 300),
        "crossJoin": ("crossJoin and max_by, top 1", 80),
    }.items():
        what = f"{size[0]:,} x {size[1]:,} x 512 by pyspark 4.3"
        rows.append(row(what, name, [taken[who]], "s", "warm", "cached frames, vector function"))
        ratio = ours / (size[0] * size[1] / taken[who])
        said = "pairs a second, ours at 2,000 x 200,000"
        rows.append(ratio_row(what, f"engine.match / {name}", ratio, "warm", said, limit, True))
    return rows
