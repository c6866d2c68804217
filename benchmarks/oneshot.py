"""A search as a command, from a cold start of the process, at 200,000 posts in a folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.data import WORK, clustered, settings, table
from benchmarks.harness import ROOT, Row, alternating, ratio_row, row
from matching_spark import ClipModel, SimilarityEngine
from matching_spark.spark.session import session

START = "from matching_spark.spark.session import session; from benchmarks.data import settings\n"
START += "with session(settings()): pass"
BARE = START.replace("import session;", "import context;").replace("session(", "context(")
WORDS = "어제 강남역에서 검정 가방"
# Where `import numpy, pyarrow` takes 0.35 s.
MOST_S = {"search, memory": 1.2, "search by --post, auto": 1.2, "search by words, auto": 1.6}
WATCHED = (
    *("pyspark", "pyiceberg", "pyarrow", "onnxruntime", "faiss", "pandas", "pydantic", "numpy"),
    *("rich", "PIL", "typer"),
)


def run(full: bool) -> list[Row]:
    clip = ClipModel.load()
    with session(settings()) as spark:
        opened = table("search-200000", clustered(200_000), None, spark)
        described = table(
            "words-200000", clustered(200_000, clip.dimension), None, spark, 8, model=clip.name
        )
    for each in (opened, described):
        SimilarityEngine(each, "memory", cache=settings().cache).warm()
    with tempfile.TemporaryDirectory() as folder:
        query = Path(folder) / "q.npy"
        np.save(query, clustered(1, seed=9)[0])
        arguments = ["search", "--embedding", str(query), "--table", opened.uri, "--json"]
        env = os.environ | {
            "MATCHING_CACHE__FOLDER": str(WORK / "cache"),
            "MATCHING_SPARK__MASTER": "local[2]",
        }

        def call(*command: str) -> str:
            done = subprocess.run(
                [sys.executable, *command],
                cwd=ROOT,
                env=env,
                check=True,
                capture_output=True,
                text=True,
            )
            return done.stderr

        main = ("-m", "matching_spark.main", *arguments)
        other = (*main[:3], "--table", described.uri, "--json", "--kind", "found")
        done = alternating(
            {
                "a session alone": lambda: call("-c", START),
                "a context alone": lambda: call("-c", BARE),
                "search, spark": lambda: call(*main, "--runner", "spark"),
                "import numpy, pyarrow": lambda: call("-c", "import numpy, pyarrow"),
                "search, memory": lambda: call(*main, "--runner", "memory"),
                "search by --post, auto": lambda: call(*other, "--post", "found0000017"),
                "search by words, auto": lambda: call(*other, "--text", WORDS),
            },
            repeats=5,
            warm_up=1,
        )
        imports = call("-X", "importtime", *main, "--runner", "memory")
    what = "one search of 200,000 x 512, as a command"
    rows = [row(what, who, each, "s", "cold", "the whole process") for who, each in done.items()]
    beyond = median(done["search, spark"]) - median(done["a session alone"])
    said = "it starts a context, no SQL"
    rows.append(ratio_row(what, "spark: s beyond the session", beyond, "cold", said, 2.0, False))
    bare = median(done["search, spark"]) - median(done["a context alone"])
    rows.append(row(what, "spark: s beyond a context", [bare], "s", "cold", said))
    for name, most_s in MOST_S.items():
        taken_s = median(done[name])
        rows.append(ratio_row(what, f"{name}: s in all", taken_s, "cold", "cached", most_s, False))
    taken = {name: _imported(imports, name) for name in WATCHED}
    rows += [
        row(what, f"import {name}, memory runner", [ms], "ms", "cold", "-X importtime")
        for name, ms in taken.items()
    ]
    return rows


def _imported(report: str, name: str) -> float:
    """ms that the import of a package took with all it imports; 0 when it was not imported."""
    for line in report.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[2].strip() == name:
            return int(parts[1]) / 1000
    return 0.0
