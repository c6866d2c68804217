"""2,000 lost x 200,000 found x 512, top 10, through Spark with shards resident."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import faiss
import numpy as np

from benchmarks.data import WORK, clustered, settings, table, texts
from benchmarks.harness import ROOT, Row, alternating, ratio_row, row
from matching_spark import MatchRules, SimilarityEngine
from matching_spark.knn.similarity import Float32
from matching_spark.spark.session import session

LOST, FOUND = 2000, 200_000


def run(full: bool) -> list[Row]:
    rows, ours = _beside_faiss("", "match", clustered(LOST, seed=3), clustered(FOUND), 0.9)
    if full and len(sentences := texts(100_000)):  # a worse case: in many directions
        more, _ = _beside_faiss(
            "sentences, ", "match-texts", sentences[:LOST], sentences[LOST:], None
        )
        rows += more
    return [*rows, *_peers((400, 20_000) if full else (100, 10_000), LOST * FOUND / ours, full)]


def _beside_faiss(
    of: str, name: str, lost: Float32, found: Float32, goal: float | None
) -> tuple[list[Row], float]:
    """Rows, and the seconds that ours took."""
    with session(settings()) as spark:
        opened = table(name, found, lost, spark, categories=1)
        engine = SimilarityEngine(opened, "spark", cache=settings().cache)
        done = alternating(
            {
                "faiss.knn": lambda: faiss.knn(lost, found, 10, metric=faiss.METRIC_INNER_PRODUCT),
                "engine.match": lambda: engine.matcher(MatchRules()).pairs().toArrow(),
            },
            repeats=7,
            warm_up=3,
        )
    what = f"{of}{len(lost):,} lost x {len(found):,} found x {found.shape[1]}, top 10"
    ours = median(done["engine.match"])
    ratio = median(done["faiss.knn"]) / ours
    said = "plan, Spark, float64 decision, ids, ranks, Arrow"
    subject = "faiss.knn / engine.match"
    return [
        row(what, "faiss.knn", done["faiss.knn"], "s", "warm", "2 threads, scores and places"),
        row(what, "engine.match", done["engine.match"], "s", "warm", said),
        ratio_row(what, subject, ratio, "warm", "throughput", goal, True),
    ], ours


def _peers(size: tuple[int, int], ours: float, full: bool) -> list[Row]:
    """What others take at a size that they can finish: pairs a second against ours."""
    paths = [WORK / "left.npy", WORK / "right.npy"]
    for path, count, seed in zip(paths, size, (3, 0), strict=True):
        np.save(path, clustered(count, seed=seed))
    what = f"{size[0]:,} x {size[1]:,} x 512"
    rows = []

    def beside(who: str, taken: float, said: str, least: float | None) -> None:
        rows.append(row(what, who, [taken], "s", "warm", said))
        ratio, name = ours / (size[0] * size[1] / taken), f"engine.match / {who}"
        said = f"pairs a second, ours at {LOST:,} x {FOUND:,}"
        rows.append(ratio_row(what, name, ratio, "warm", said, least, True))

    if taken := _peer("spark43", "nearest_by.py", paths):
        said = "pyspark 4.3, cached frames, vector function"
        beside("nearestByJoin, top 10", taken["nearestByJoin"], said, 300)
        beside("crossJoin and max_by, top 1", taken["crossJoin"], said, 80)
    if full and (taken := _peer("spark35", "synapse_knn.py", paths)):
        who = "SynapseML's KNN, top 10"
        said = "pyspark 3.5, cached frames"
        beside(who, taken["search"], f"{said}; the tree is there", None)
        rows.append(row(what, f"{who}: build", [taken["build"]], "s", "cold", said))
        rows.append(row(what, f"{who}: recall@10", [taken["recall"]], "share", "warm", ""))
    return rows


def _peer(environment: str, script: str, paths: Sequence[Path]) -> dict[str, float] | None:
    """What a script of peers/ prints, run in an environment of its own."""
    python = ROOT / f".venv-{environment}" / "bin" / "python"
    if not python.exists():
        print(f"match: make .venv-{environment}/.ready; {script} is left out", file=sys.stderr)
        return None
    command = [str(python), str(Path(__file__).parent / "peers" / script), *map(str, paths), "10"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    taken: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return taken
