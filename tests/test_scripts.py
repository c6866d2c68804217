"""Programs that tests hand to another Python as a string name what is there.

No type checker reads them, and many run in the slow targets alone.
"""

import ast
import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent
OURS = ("matching_spark", "tests")


def programs(text: str) -> Iterator[ast.Module]:
    """Every string of a file that is Python and imports something."""
    for node in ast.walk(ast.parse(text)):
        said = node.value if isinstance(node, ast.Constant) else None
        if isinstance(said, str) and "import " in said:
            try:
                yield ast.parse(said)
            except SyntaxError:
                continue


def absent(program: ast.Module) -> list[str]:
    """What it imports of ours, or names as an attribute of that, and what is not there."""
    held: dict[str, object] = {}
    out = []
    for node in ast.walk(program):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS):
            module = importlib.import_module(str(node.module))
            for each in node.names:
                if each.name == "*":
                    held |= vars(module)
                elif hasattr(module, each.name):
                    held[each.asname or each.name] = getattr(module, each.name)
                elif hasattr(module, "__path__") and find_spec(f"{node.module}.{each.name}"):
                    whole = importlib.import_module(f"{node.module}.{each.name}")
                    held[each.asname or each.name] = whole
                else:
                    out.append(each.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = held.get(node.value.id)
            if isinstance(owner, ModuleType | type) and not hasattr(owner, node.attr):
                out.append(f"{node.value.id}.{node.attr}")
    return out


def test_what_is_missing_is_seen() -> None:
    code = "from matching_spark.ingest import pipeline, no_such\npipeline.CHUNK_POSTS\n"
    code += "from matching_spark import PostsTable\npipeline.NO_SUCH = 1\nPostsTable.no_such()\n"
    (program,) = programs(f"SHOW = {code!r}")
    assert absent(program) == ["no_such", "pipeline.NO_SUCH", "PostsTable.no_such"]


def test_programs_in_strings_name_what_is_there() -> None:
    seen = 0
    for path in sorted(TESTS.rglob("*.py")):
        if path != Path(__file__):
            for program in programs(path.read_text("utf-8")):
                seen += 1
                assert absent(program) == [], f"{path}: {ast.unparse(program)[:200]}"
    assert seen > 15
