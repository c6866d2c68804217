"""`python -m benchmarks [--full] [NAME...]`: run them, keep their rows, write BENCHMARKS.md."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.harness import ROOT, save
from benchmarks.page import page

TOOLS = ("__init__", "__main__", "harness", "page", "data", "plots", "served")  # no benchmarks


def names() -> list[str]:
    found = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name for name in found if name not in TOOLS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}; default: all")
    parser.add_argument("--full", action="store_true", help="the large sizes and all peers")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.name) - set(names())):
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is started finds itself compiled
    for name in arguments.name or names():
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows = import_module(f"benchmarks.{name}").run(arguments.full)
        save(name, rows, arguments.full)
        for each in rows:
            print(f"  {each.what} | {each.subject} | {each.value:.4g} {each.unit}", flush=True)
    (ROOT / "BENCHMARKS.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
