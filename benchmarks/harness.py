"""What every benchmark gives: rows that say what was timed, where, and how far to trust it.

A benchmark is a module here with `run(full) -> list[Row]`. What is compared is timed in one run on
one machine; a ratio is of medians, and the spread stands beside it.
"""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from matching_spark.evaluation.timing import seconds

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).parent / "rows"
REST_S = 0.1


@dataclass(frozen=True)
class Row:
    """One figure. `value` is the median of `runs` runs, `low` and `high` the extremes."""

    what: str  # the task: "one query, 200,000 x 512, top 10"
    subject: str  # who did it: "spark runner", "numpy"
    value: float
    low: float
    high: float
    runs: int
    unit: str  # ms, s, MB, vectors/s, ratio
    state: Literal["cold", "warm"]
    includes: str  # what the time covers: "plan, scan, merge, finished results"
    goal: str = ""  # "at most 1.2 x numpy", where there is one
    met: bool | None = None


def row(  # noqa: PLR0913  (a row of the report, its cells in their order)
    what: str,
    subject: str,
    values: Sequence[float],
    unit: str,
    state: Literal["cold", "warm"],
    includes: str,
    goal: str = "",
    met: bool | None = None,
) -> Row:
    """A row of the figures of several runs; `values` are in `unit` already."""
    median = statistics.median(values)
    return Row(
        *(what, subject, median, min(values), max(values), len(values)),
        *(unit, state, includes, goal, met),
    )


def machine() -> dict[str, str]:
    """Where and with what the rows were measured."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    libraries = ("numpy", "faiss-cpu", "pyarrow", "pyspark", "pyiceberg", "onnxruntime")
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in libraries),
    }


def commit() -> str:
    """The commit measured, with + when the tree has changes."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "conf")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def save(name: str, rows: Sequence[Row], full: bool) -> None:
    """Keep the rows of a benchmark in benchmarks/rows/NAME.json, in place of its earlier ones."""
    ROWS.mkdir(exist_ok=True)
    content = {
        "measured": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "full": full,
        "machine": machine(),
        "rows": [asdict(each) for each in rows],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (ROWS / f"{name}.json").write_text(text, encoding="utf-8")


def alternating(
    functions: dict[str, Callable[[], object]], repeats: int = 9, warm_up: int = 2
) -> dict[str, list[float]]:
    """Seconds of each function, called in turn, so that a busy moment of the machine hits all.

    Before each call the machine rests for REST_S: OpenBLAS's and OpenMP's threads spin on for a
    while after a product, and take a core of whoever comes next.
    """
    for function in functions.values():
        for _ in range(warm_up):
            function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            time.sleep(REST_S)
            taken[name] += seconds(function, 1, 0)
    return taken


def ratio_row(
    what: str,
    subject: str,
    value: float,
    state: Literal["cold", "warm"],
    includes: str,
    limit: float | None,
    at_least: bool,
) -> Row:
    """A ratio and its goal: met when it is at least (or at most) the limit; None is no goal."""
    if limit is None:
        return row(what, subject, [value], "ratio", state, includes)
    goal = f"at {'least' if at_least else 'most'} {limit:g}"
    met = value >= limit if at_least else value <= limit
    return row(what, subject, [value], "ratio", state, includes, goal, met)
