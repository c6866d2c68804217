"""What an empty Python job costs: as Spark comes, and with our worker and settings.

Each in a process of its own: a JVM keeps the keys that it was started with.
"""

import json
import subprocess
import sys
from functools import partial
from statistics import median

from benchmarks.data import settings
from benchmarks.harness import ROOT, Row, alternating, ratio_row, row
from matching_spark.evaluation.timing import seconds
from matching_spark.spark.session import session

AS_IT_COMES = {
    "spark.python.daemon.module": "pyspark.daemon",
    "spark.python.unix.domain.socket.enabled": "false",
}
TASKS = (2, 4, 8)


def run(full: bool) -> list[Row]:
    taken = {"as Spark comes": _measured(AS_IT_COMES), "ours": _measured({})}
    rows = []
    for tasks in TASKS:
        what = f"an empty job of {tasks} tasks"
        for who, each in taken.items():
            rows.append(row(what, who, each[str(tasks)], "ms", "warm", "the job"))
        ours, theirs = (median(taken[who][str(tasks)]) for who in ("ours", "as Spark comes"))
        rows.append(ratio_row(what, "ours / as it comes", ours / theirs, "warm", "", 0.25, False))
    return rows


def _measured(conf: dict[str, str]) -> dict[str, list[float]]:
    """ms of each of some jobs, by their number of tasks."""
    command = [sys.executable, "-m", "benchmarks.floor", json.dumps(conf)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    taken: dict[str, list[float]] = json.loads(done.stdout)
    return taken


def _measure(conf: dict[str, str]) -> dict[str, list[float]]:
    with session(settings(**conf)) as spark:
        context = spark.sparkContext

        def job(tasks: int) -> None:
            context.parallelize(range(tasks), tasks).map(str).collect()

        seconds(lambda: job(8), 0, warm_up=40)  # the JVM compiles what it runs often
        taken = alternating({str(n): partial(job, n) for n in TASKS}, repeats=25, warm_up=5)
        return {n: [1000 * s for s in each] for n, each in taken.items()}


if __name__ == "__main__":
    print(json.dumps(_measure(json.loads(sys.argv[1]))))
