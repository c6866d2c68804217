"""The notebook: its outputs are of its code, its cells fit a screen, and it runs."""

import re
import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
TOOL: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "notebook.py"))
SCREEN_LINES = 40
MAX_BYTES = 2_000_000  # of a committed notebook: what a review still opens


@pytest.fixture(scope="module")
def notebook() -> Any:
    read: Any = nbformat.read  # untyped
    return read(TOOL["PATH"], as_version=4)


def test_its_outputs_are_of_its_code(notebook: Any) -> None:
    assert notebook.metadata.get("code_sha256") == TOOL["code_sha256"](notebook), (
        "the notebook's code was changed: run `make notebook` and commit its outputs too"
    )
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert sum("image/png" in str(cell.outputs) for cell in code) >= 8
    assert TOOL["PATH"].stat().st_size < MAX_BYTES


def test_it_uses_the_public_library_and_no_cell_is_longer_than_a_screen(notebook: Any) -> None:
    for cell in notebook.cells:
        assert len(cell.source.splitlines()) <= SCREEN_LINES, cell.source[:80]
        if cell.cell_type == "code":
            assert not re.search(r"\b_[a-z]\w*|\._[a-z]", cell.source), cell.source[:80]


@pytest.mark.notebook
def test_it_runs_from_a_clean_kernel() -> None:
    done = TOOL["run"]()
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
