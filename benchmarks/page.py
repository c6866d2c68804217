"""BENCHMARKS.md out of the rows that were kept."""

import json
from typing import Any

from benchmarks.harness import ROOT, ROWS

HEAD = """# Benchmarks

Written by `python -m benchmarks` (`make bench`; `make bench-full` for the large sizes and all
peers): change the benchmark, not this page. What stands in one table was measured in one run on one
machine; compare within a table only. Figures are medians, in brackets the extremes of all runs.
"""


def page() -> str:
    """The page, a table a benchmark."""
    parts = [HEAD]
    for path in sorted(ROWS.glob("*.json")):
        parts.append(_table(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    return "\n".join(parts)


def _table(name: str, kept: dict[str, Any]) -> str:
    machine = kept["machine"]
    lines = [
        f"## {name}",
        "",
        f"`python -m benchmarks {'--full ' if kept['full'] else ''}{name}`, {kept['measured']}, "
        f"commit {kept['commit']}; {machine['cpu']}, {machine['memory']}, {machine['system']}; "
        f"{machine['libraries']}.",
        "",
        "| what | who | figure | state | includes | goal |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in kept["rows"]]
    for plot in sorted((ROOT / "docs" / "benchmarks").glob(f"{name}*.png")):
        lines += ["", f"![{plot.stem}](docs/benchmarks/{plot.name})"]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    spread = f" ({row['low']:.3g} to {row['high']:.3g})" if row["runs"] > 1 else ""
    goal = row["goal"]
    if row["met"] is not None:
        goal = f"{goal}: {'met' if row['met'] else '**missed**'}"
    figure = f"{row['value']:.3g} {row['unit']}{spread}"
    cells = (row["what"], row["subject"], figure, row["state"], row["includes"], goal)
    return "| " + " | ".join(cells) + " |"
