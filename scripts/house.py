"""The house in one screen: every storey from the top, and what each of its rooms is for.

`make house` prints it; docs/developer.md shows it, and a test holds the two together.
"""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "matching_spark"
WIDTH = 100


def storeys() -> list[list[str]]:
    """The layers of the import contract, the highest first, each with its modules or packages."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def purpose(place: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(place.read_text("utf-8"))) or ""
    return re.split(r"(?<!\.)\. ", text.split("\n\n")[0].replace("\n", " "))[0].rstrip(".")


def lines() -> list[str]:
    out = []
    for rooms in storeys():
        for room in rooms:
            folder = PACKAGE / room
            inside = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
            out.append(f"{room + ('/' if folder.is_dir() else '.py'):22}{purpose(inside)}")
            names = sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__")
            row = ""
            for name in names:
                if len(row) + len(name) + 1 > WIDTH - 24:
                    out.append(f"{'':24}{row.strip()}")
                    row = ""
                row += f" {name}"
            if row:
                out.append(f"{'':24}{row.strip()}")
        out.append("")
    return out[:-1]


if __name__ == "__main__":
    print("\n".join(lines()))
