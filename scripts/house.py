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


def storeys(of: str = "matching_spark") -> list[list[str]]:
    """The layers of the import contract of a package, the highest first, each with its modules or
    packages; none where there is no contract."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract["containers"] == [of]:
            return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]
    return []


def purpose(place: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(place.read_text("utf-8"))) or ""
    return re.split(r"(?<!\.)\. ", text.split("\n\n")[0].replace("\n", " "))[0].rstrip(".")


def lines(of: str = "matching_spark", folder: Path = PACKAGE, indent: str = "") -> list[str]:
    out = []
    for rooms in storeys(of):
        for room in rooms:
            inside = folder / room
            place = inside / "__init__.py" if inside.is_dir() else inside.with_suffix(".py")
            name = f"{indent}{room}{'/' if inside.is_dir() else '.py'}"
            out.append(f"{name:22}{purpose(place)}")
            out += lines(f"{of}.{room}", inside, "  ") or _modules(inside, indent + "  ")
        if not indent:
            out.append("")
    return out[:-1] if out and not indent else out


def _modules(folder: Path, indent: str) -> list[str]:
    """The names of a room's modules, in rows, then its inner rooms."""
    out, row = [], ""
    for name in sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__"):
        if len(row) + len(name) + 1 > WIDTH - 24:
            out.append(f"{'':24}{row.strip()}")
            row = ""
        row += f" {name}"
    if row:
        out.append(f"{'':24}{row.strip()}")
    for inside in sorted(p.parent for p in folder.glob("*/__init__.py")):
        out.append(f"{f'{indent}{inside.name}/':22}{purpose(inside / '__init__.py')}")
        out += _modules(inside, indent + "  ")
    return out


if __name__ == "__main__":
    print("\n".join(lines()))
